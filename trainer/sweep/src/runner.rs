//! Running a plan on this machine: unit by unit, several at once, shared units once. A unit that fails stops no other
//! but those that need it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use crate::collect::lacking;
use crate::error::SweepError;
use crate::figure::Figure;
use crate::folder::{check_program, enter_folder};
use crate::measured::CellState;
use crate::plan::{Cell, Plan};
use crate::program::Program;
use crate::state::UnitState;
use crate::stop::Stop;
use crate::unit::UnitFolder;
use crate::unit_run::UnitRun;

/// Time between two looks whether the user asked to stop.
const LOOK: Duration = Duration::from_millis(50);

/// How a plan is run.
#[derive(Debug, Clone, Copy, Default)]
pub struct RunOptions {
    /// The one cell to run, by its place in the plan; all where it is none.
    pub cell: Option<usize>,
    /// Units at once.
    pub num_at_once: usize,
    /// True where what failed is run again.
    pub retries_failed: bool,
    /// True where the first failure ends the sweep.
    pub fails_fast: bool,
    /// True where this program goes on with cells of another one.
    pub accepts_program: bool,
}

/// What is told while a plan runs.
#[derive(Debug, Clone, PartialEq)]
pub enum Event<'a> {
    /// A unit begins, or goes on.
    UnitStarted {
        /// Its name.
        unit: &'a str,
        /// The cells that wait for it.
        cells: Vec<&'a Cell>,
    },
    /// A unit ended.
    UnitEnded {
        /// Its name.
        unit: &'a str,
        /// How.
        state: &'a UnitState,
    },
    /// A cell ended.
    CellEnded {
        /// The cell.
        cell: &'a Cell,
        /// Done or failed.
        state: CellState,
        /// Last words of a cell that failed.
        failure: Option<String>,
        /// Cells that are left.
        num_left: usize,
    },
    /// Some time passed.
    Tick,
}

/// End of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SweepEnd {
    /// All cells are done.
    Done,
    /// A cell failed.
    Failed,
    /// The user asked to stop.
    Interrupted,
}

/// Runs what is left of a plan. `is_asked` says whether the user asked to stop: the units then save their step and
/// end.
///
/// # Errors
/// The folder holds another sweep or cells of another program, or cannot be written, or something that the cells read
/// is missing.
pub fn run_plan(
    plan: &Plan,
    program: &dyn Program,
    options: RunOptions,
    is_asked: &dyn Fn() -> bool,
    tell: &mut dyn FnMut(&Event<'_>),
) -> Result<SweepEnd, SweepError> {
    let cells: Vec<&Cell> = match options.cell {
        None => plan.cells.iter().collect(),
        Some(index) => vec![plan.cells.get(index).ok_or_else(|| {
            SweepError::invalid(format!("--cell {index}: the sweep has the cells 0 to {}", plan.cells.len() - 1))
        })?],
    };
    let missing = plan.missing(cells.iter().copied());
    if !missing.is_empty() {
        return Err(SweepError::invalid(format!(
            "no cell runs, for what they read is missing:\n{}",
            missing.join("\n")
        )));
    }
    if !options.accepts_program {
        check_program(plan)?;
    }
    enter_folder(plan, options.accepts_program)?;
    let stop = Stop::default();
    let mut progress = Progress::read(plan, cells, options.retries_failed)?;
    progress.tell_ended(tell);
    let (send, ended) = mpsc::channel::<(String, Result<UnitState, SweepError>)>();
    std::thread::scope(|scope| {
        let mut num_running = 0;
        loop {
            while num_running < options.num_at_once.max(1)
                && !stop.is_asked()
                && let Some(name) = progress.next()
            {
                let Some(unit) = plan.units.get(&name) else { break };
                tell(&Event::UnitStarted { unit: &name, cells: progress.cells_of(&name) });
                progress.running.insert(name.clone());
                num_running += 1;
                let (send, stop) = (send.clone(), &stop);
                let run = UnitRun {
                    unit,
                    dir: plan.dir(),
                    program,
                    version: &plan.program,
                    arguments: &plan.file.base.arguments,
                    figures: progress.figures_of(&name),
                    attempts: plan.file.local.attempts,
                    retries_failed: options.retries_failed,
                    stop,
                };
                scope.spawn(move || {
                    let state = run.run();
                    // The receiver outlives every unit.
                    let _ = send.send((name, state));
                });
            }
            if num_running == 0 {
                break;
            }
            match ended.recv_timeout(LOOK) {
                Ok((name, state)) => {
                    num_running -= 1;
                    let state = state.unwrap_or_else(|error| UnitState {
                        state: CellState::Failed,
                        failure: Some(error.in_words()),
                        ..UnitState::waiting()
                    });
                    tell(&Event::UnitEnded { unit: &name, state: &state });
                    let has_failed = state.state == CellState::Failed;
                    progress.end(name, state);
                    let has_lost = progress.tell_ended(tell);
                    if (has_failed || has_lost) && options.fails_fast {
                        stop.ask();
                    }
                }
                Err(RecvTimeoutError::Timeout) => tell(&Event::Tick),
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if is_asked() {
                stop.ask();
            }
        }
    });
    if is_asked() {
        return Ok(SweepEnd::Interrupted);
    }
    Ok(if progress.is_done() { SweepEnd::Done } else { SweepEnd::Failed })
}

/// How far the units of the chosen cells have come.
struct Progress<'a> {
    plan: &'a Plan,
    cells: Vec<&'a Cell>,
    states: BTreeMap<String, UnitState>,
    running: BTreeSet<String>,
    /// How the cells ended that have, by their place.
    told: BTreeMap<usize, CellState>,
}

impl<'a> Progress<'a> {
    fn read(plan: &'a Plan, cells: Vec<&'a Cell>, retries_failed: bool) -> Result<Self, SweepError> {
        let mut states = BTreeMap::new();
        for name in cells.iter().flat_map(|cell| &cell.units) {
            let mut state = UnitState::read(&UnitFolder::new(plan.dir(), name).state())?;
            if state.state == CellState::Failed && retries_failed {
                state.state = CellState::Started;
            }
            states.insert(name.clone(), state);
        }
        let mut progress = Self { plan, cells, states, running: BTreeSet::new(), told: BTreeMap::new() };
        if retries_failed {
            for cell in progress.cells.clone() {
                if let Some(last) = cell.units.last()
                    && progress.is(last, CellState::Done)
                    && progress.lacking(last).is_some()
                    && let Some(state) = progress.states.get_mut(last)
                {
                    state.state = CellState::Started;
                }
            }
        }
        Ok(progress)
    }

    fn is(&self, name: &str, wanted: CellState) -> bool {
        self.states.get(name).is_some_and(|state| state.state == wanted)
    }

    /// The figures that a unit's run records: those of the file where it is the last of a cell.
    fn figures_of(&self, unit: &str) -> &'a [Figure] {
        let is_last = self.plan.cells.iter().any(|cell| cell.units.last().is_some_and(|last| last == unit));
        if is_last { &self.plan.file.figure } else { &[] }
    }

    /// What a cell's last unit lacks of the figures, in words.
    fn lacking(&self, unit: &str) -> Option<String> {
        let unit = self.plan.units.get(unit)?;
        match lacking(&self.plan.file.figure, unit, self.plan.dir()) {
            Ok(lacking) => (!lacking.is_empty()).then(|| lacking.join("; ")),
            Err(error) => Some(error.in_words()),
        }
    }

    /// The next unit that can run, in the order of the cells that have not ended.
    fn next(&self) -> Option<String> {
        let is_open = |name: &&String| {
            !self.running.contains(*name) && !self.is(name, CellState::Done) && !self.is(name, CellState::Failed)
        };
        let is_ready = |name: &&String| {
            self.plan.units.get(*name).is_some_and(|unit| unit.needs.iter().all(|need| self.is(need, CellState::Done)))
        };
        let open = self.cells.iter().enumerate().filter(|(index, _)| !self.told.contains_key(index));
        open.flat_map(|(_, cell)| &cell.units).filter(is_open).find(is_ready).cloned()
    }

    fn cells_of(&self, unit: &str) -> Vec<&'a Cell> {
        let open = self.cells.iter().enumerate().filter(|(index, _)| !self.told.contains_key(index));
        open.map(|(_, cell)| *cell).filter(|cell| cell.units.iter().any(|name| name == unit)).collect()
    }

    fn end(&mut self, name: String, state: UnitState) {
        self.running.remove(&name);
        self.states.insert(name, state);
    }

    fn is_done(&self) -> bool {
        self.told.len() == self.cells.len() && self.told.values().all(|state| *state == CellState::Done)
    }

    /// How a cell has ended, with its last words where it failed; none of one that has not.
    fn ended(&self, cell: &Cell) -> Option<(CellState, Option<String>)> {
        // What the last unit stands on was done before it.
        if let Some(last) = cell.units.last()
            && self.is(last, CellState::Done)
        {
            return Some(match self.lacking(last) {
                None => (CellState::Done, None),
                Some(words) => (CellState::Failed, Some(format!("{last}: {words}"))),
            });
        }
        let failed = cell.units.iter().find(|name| self.is(name, CellState::Failed))?;
        let words = self.states.get(failed).and_then(|state| state.failure.clone()).unwrap_or_default();
        Some((CellState::Failed, Some(format!("{failed}: {words}"))))
    }

    /// Tells of the cells that have ended since; true where one of them failed.
    fn tell_ended(&mut self, tell: &mut dyn FnMut(&Event<'_>)) -> bool {
        let mut has_failed = false;
        for index in 0..self.cells.len() {
            if self.told.contains_key(&index) {
                continue;
            }
            let Some((state, failure)) = self.ended(self.cells[index]) else { continue };
            self.told.insert(index, state);
            has_failed |= state == CellState::Failed;
            let num_left = self.cells.len() - self.told.len();
            tell(&Event::CellEnded { cell: self.cells[index], state, failure, num_left });
        }
        has_failed
    }
}
