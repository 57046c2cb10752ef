//! Running one unit in its folder: alone, however many sweeps want it, and from where it was left.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use record::RecordError;
use record::atomic::{remove_if_there, write_file, write_folder};
use record::lock::{FolderLock, LOCK_FILE};
use record::run_folder::RunFolder;

use crate::collect::lacking;
use crate::error::SweepError;
use crate::figure::Figure;
use crate::identity::{Identity, KeyChange};
use crate::measured::CellState;
use crate::process::{End, run};
use crate::program::{Program, Start};
use crate::state::{RunningSeconds, UnitState};
use crate::stop::Stop;
use crate::unit::{UNITS, UnitFolder, Work, WorkUnit};

/// Time between two looks whether another process has let go of a unit.
const WAIT: Duration = Duration::from_millis(200);
/// Starts of a unit that was stopped by another than the sweep.
const MOST_STOPS: u32 = 100;
/// Folder of a run that ended without a figure, once the unit is run again.
const SET_ASIDE: &str = "run-without-figures";

/// How a unit is run.
pub(crate) struct UnitRun<'a> {
    pub unit: &'a WorkUnit,
    pub dir: &'a Path,
    pub program: &'a dyn Program,
    /// Version of the program as the sweep was planned.
    pub version: &'a str,
    /// Further arguments of the sweep's file.
    pub arguments: &'a [String],
    /// Figures that the unit's run must have recorded; none of a unit that is not the last of a cell.
    pub figures: &'a [Figure],
    /// Starts of a unit that is killed.
    pub attempts: u32,
    /// True where a unit that failed is run again.
    pub retries_failed: bool,
    pub stop: &'a Stop,
}

impl UnitRun<'_> {
    /// Runs the unit, unless it is done; waits while another process runs it. The state stands in its folder too, and
    /// what keeps the unit from its work is a failure of it.
    ///
    /// # Errors
    /// Its folder cannot be locked, its state cannot be read or written, or the program is no longer the one that the
    /// sweep was planned with.
    pub(crate) fn run(&self) -> Result<UnitState, SweepError> {
        let folder = UnitFolder::new(self.dir, &self.unit.name);
        let fail = |path: &Path, error: std::io::Error| SweepError::read(path, error);
        fs::create_dir_all(&folder.root).map_err(|error| fail(&folder.root, error))?;
        let Some(_lock) = self.lock(&folder.root)? else { return UnitState::read(&folder.state()) };
        let mut state = UnitState::read(&folder.state())?;
        let mut begins_again = false;
        match state.state {
            CellState::Done if !self.retries_failed || self.figures.is_empty() => return Ok(state),
            CellState::Done if lacking(self.figures, self.unit, self.dir)?.is_empty() => return Ok(state),
            // A run that has ended records nothing more: it begins again.
            CellState::Done => begins_again = true,
            CellState::Failed if !self.retries_failed => return Ok(state),
            _ => {}
        }
        self.check_program()?;
        self.check_inputs()?;
        state.state = CellState::Started;
        state.failure = None;
        if state.programs.last().is_none_or(|last| last != self.version) {
            state.programs.push(self.version.to_owned());
        }
        state.write(&folder.state())?;
        // Not before: killed in between, a unit that is done would have no run.
        let ready = if begins_again { set_aside(&folder) } else { Ok(()) };
        match ready.and_then(|()| self.work(&folder, &mut state)).unwrap_or_else(|error| End::Failed(error.in_words()))
        {
            End::Done => state.state = CellState::Done,
            End::Stopped => state.state = CellState::Started,
            End::Failed(words) => (state.state, state.failure) = (CellState::Failed, Some(words)),
            End::Killed(signal) => {
                let words = format!("killed by {signal}, {} times in a row without a new checkpoint", self.attempts);
                (state.state, state.failure) = (CellState::Failed, Some(words));
            }
        }
        state.write(&folder.state())?;
        Ok(state)
    }

    /// Refuses a program whose file was replaced since the sweep was planned.
    fn check_program(&self) -> Result<(), SweepError> {
        let now = self.program.version().map_err(SweepError::Program)?;
        if now == self.version {
            return Ok(());
        }
        Err(SweepError::Program(format!(
            "the program was replaced while the sweep ran ({} -> {now}): start the sweep again, with the old one or \
             with --accept-program",
            self.version
        )))
    }

    /// Refuses to begin or go on with data, models or plug-ins that were changed since the sweep was planned: cells
    /// that are done read others.
    fn check_inputs(&self) -> Result<(), SweepError> {
        let WorkUnit { identity, work: Work::Run, text, .. } = self.unit else { return Ok(()) };
        let inputs = self.program.inputs(&identity.phase, text, &self.dir.join(UNITS)).map_err(SweepError::invalid)?;
        let changes = Identity { inputs, ..identity.clone() }.differences_from(identity);
        if changes.is_empty() {
            return Ok(());
        }
        let changes: Vec<String> = changes.iter().map(KeyChange::to_string).collect();
        Err(SweepError::invalid(format!(
            "what the cell reads was changed while the sweep ran: {}; put it back, or run another sweep in a folder of \
             its own",
            changes.join("; ")
        )))
    }

    fn work(&self, folder: &UnitFolder, state: &mut UnitState) -> Result<End, SweepError> {
        let identity = serde_json::to_vec_pretty(&self.unit.identity)
            .map_err(|error| SweepError::read(folder.identity(), error))?;
        write_file(&folder.identity(), &identity)?;
        write_file(&folder.config(), self.unit.text.as_bytes())?;
        match self.unit.work {
            Work::Data => self.generate(folder, state),
            Work::Run => self.train(folder, state),
        }
    }

    fn generate(&self, folder: &UnitFolder, state: &mut UnitState) -> Result<End, SweepError> {
        let started = Instant::now();
        let mut failure = None;
        let written = write_folder(&folder.run(), |path| {
            self.program.generate(path).inspect_err(|reason| failure = Some(reason.clone()))
        });
        state.seconds += started.elapsed().as_secs_f64();
        match (written, failure) {
            (Ok(()), _) => Ok(End::Done),
            (Err(_), Some(reason)) => Ok(End::Failed(reason)),
            (Err(error), None) => Err(error.into()),
        }
    }

    /// Starts the process until it ends by itself, or too often by a signal.
    fn train(&self, folder: &UnitFolder, state: &mut UnitState) -> Result<End, SweepError> {
        self.copy_beginning(folder, state)?;
        let (mut num_killed, mut num_stopped) = (0, 0);
        let mut farthest = newest_checkpoint(&folder.run())?;
        loop {
            if !self.is_free(&folder.run())? {
                return Ok(End::Stopped);
            }
            let start = Start {
                phase: &self.unit.identity.phase,
                config: &folder.config(),
                run: &folder.run(),
                arguments: self.arguments,
                until: self.unit.identity.until,
                accepts_changes: self.unit.accepts_changes,
            };
            let end = self.start(folder, &self.program.command(&start), state)?;
            match &end {
                End::Done | End::Failed(_) => return Ok(end),
                _ if self.stop.is_asked() => return Ok(End::Stopped),
                End::Killed(_) => {
                    // What is killed and gets on is not killed by itself.
                    let newest = newest_checkpoint(&folder.run())?;
                    num_killed = if newest > farthest { 1 } else { num_killed + 1 };
                    farthest = newest.max(farthest);
                }
                End::Stopped => num_stopped += 1,
            }
            if num_killed >= self.attempts {
                return Ok(end);
            }
            if num_stopped >= MOST_STOPS {
                return Ok(End::Failed(format!("was stopped {num_stopped} times by another than the sweep")));
            }
            // Whoever starts the unit next says why it cannot go on.
            if self.check_program().and_then(|()| self.check_inputs()).is_err() {
                return Ok(End::Stopped);
            }
        }
    }

    /// Starts the process once, and writes down what it takes as time passes.
    fn start(&self, folder: &UnitFolder, command: &[OsString], state: &mut UnitState) -> Result<End, SweepError> {
        let path = folder.state();
        let mut seconds = RunningSeconds::start(state, &path, Instant::now());
        let end = run(command, &folder.log(), self.stop, &mut || seconds.look(Instant::now()));
        seconds.end(Instant::now())?;
        end.map_err(|error| SweepError::read(folder.log(), error))
    }

    /// Copies the run that this one goes on from, where it has not begun: its programs are then among this one's.
    fn copy_beginning(&self, folder: &UnitFolder, state: &mut UnitState) -> Result<(), SweepError> {
        let Some(before) = self.unit.continues.as_deref().filter(|_| !folder.run().exists()) else { return Ok(()) };
        let before = UnitFolder::new(self.dir, before);
        let mut programs = UnitState::read(&before.state())?.programs;
        state.programs.retain(|program| !programs.contains(program));
        programs.append(&mut state.programs);
        state.programs = programs;
        state.write(&folder.state())?;
        Ok(write_folder(&folder.run(), |to| copy_tree(&before.run(), to))?)
    }

    /// The unit's lock once no other process holds it; none where the sweep is to stop first, or another process has
    /// done the unit meanwhile.
    fn lock(&self, folder: &Path) -> Result<Option<FolderLock>, SweepError> {
        loop {
            match FolderLock::take(folder) {
                Ok(lock) => return Ok(Some(lock)),
                Err(RecordError::Locked { .. }) if self.stop.is_asked() => return Ok(None),
                Err(RecordError::Locked { .. }) => std::thread::sleep(WAIT),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Waits until nobody writes the run; false where the sweep is to stop first. The process of a sweep that was
    /// killed may still be ending.
    fn is_free(&self, run: &Path) -> Result<bool, SweepError> {
        if !run.is_dir() {
            return Ok(true);
        }
        Ok(self.lock(run)?.is_some())
    }
}

/// Step of the newest checkpoint of a run; none where it has none.
fn newest_checkpoint(run: &Path) -> Result<Option<u64>, SweepError> {
    let Ok(folder) = RunFolder::open(run) else { return Ok(None) };
    Ok(folder.latest_checkpoint()?.map(|(step, _)| step))
}

/// Gives a run that ended without a figure another name, under which nobody goes on with it. Where there is no run, one
/// that has that name already stays.
fn set_aside(folder: &UnitFolder) -> Result<(), SweepError> {
    if !folder.run().exists() {
        return Ok(());
    }
    let aside = folder.root.join(SET_ASIDE);
    let moved = remove_if_there(&aside).and_then(|()| fs::rename(folder.run(), &aside));
    moved.map_err(|error| SweepError::read(aside, error))
}

/// Copies a folder with all that is in it, but for its lock. Links stay links.
fn copy_tree(from: &Path, to: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        let target = to.join(entry.file_name());
        if entry.file_name() == LOCK_FILE {
            continue;
        }
        if kind.is_dir() {
            fs::create_dir(&target)?;
            copy_tree(&path, &target)?;
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(&path)?, &target)?;
        } else {
            fs::copy(&path, &target)?;
        }
    }
    Ok(())
}
