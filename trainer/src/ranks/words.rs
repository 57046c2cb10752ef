//! What rank 0 tells the others apart from orders: where the run begins, and how it ended. Left in the job's store, for
//! it takes rank 0 as long as it takes to read the data.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use policy::dist::{DistError, Store, Watch};
use record::checksum;
use serde::{Deserialize, Serialize};

use super::team::{LOOK, Team};
use crate::failure::{Ended, exit_code};

const START: &str = "start";
const END: &str = "end";

/// Longest time until a file system shows to all ranks what rank 0 has written.
const SHOWN_WITHIN: Duration = Duration::from_secs(10);

/// Where a run begins.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Start {
    /// Checkpoint that the run goes on from.
    pub resume_from: Option<PathBuf>,
    /// Folder of the model to start from.
    pub model: PathBuf,
    /// A file that rank 0 has written into the run's folder, and the checksum of its content.
    pub written: (PathBuf, String),
}

impl Start {
    /// The beginning of a run whose folder has the file `written`.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn new(resume_from: Option<PathBuf>, model: PathBuf, written: PathBuf) -> Result<Self> {
        let (_, sum) = checksum::of_file(&written).with_context(|| written.display().to_string())?;
        Ok(Self { resume_from, model, written: (written, sum) })
    }

    /// Says on rank 0 where the run begins.
    ///
    /// # Errors
    /// Another rank has failed or was stopped meanwhile, or the store is gone.
    pub(crate) fn announce(&self, team: &Team) -> Result<()> {
        team.verify()?;
        Ok(team.store().set(START, &serde_json::to_vec(self)?)?)
    }

    /// Holds this rank to see the run's folder as rank 0 does, and says where it is.
    ///
    /// # Errors
    /// It does not.
    pub(super) fn see_folder(&self) -> Result<&Path> {
        let (path, sum) = &self.written;
        let begun = Instant::now();
        let is_seen = loop {
            let is_seen = checksum::of_file(path).is_ok_and(|(_, found)| found == *sum);
            // A network's file system may show for some seconds what was there before.
            if is_seen || begun.elapsed() > SHOWN_WITHIN {
                break is_seen;
            }
            std::thread::sleep(LOOK);
        };
        ensure!(
            is_seen,
            "{} is not here as rank 0 wrote it: the run's folder must be on a file system that all ranks share",
            path.display()
        );
        Ok(path.parent().unwrap_or(path))
    }
}

/// How a run ended on rank 0.
#[derive(Debug, Serialize, Deserialize)]
struct End {
    exit_code: u8,
    /// Empty where it went well.
    reason: String,
}

/// A connection to the job's store for rank 0's words.
#[derive(Debug)]
pub(super) struct Words(Store);

impl Words {
    /// A connection to the store of a team's job.
    ///
    /// # Errors
    /// The store is gone.
    pub(super) fn of(team: &Team) -> Result<Self, DistError> {
        Ok(Self(team.store().client(team.timeout())?))
    }

    /// Says how the run ended here. Where the store is gone there is nobody left to be told.
    pub(super) fn end(&self, result: &Result<()>) {
        let (exit_code, reason) = match result {
            Ok(()) => (0, String::new()),
            Err(error) => (exit_code(error), format!("{error:#}")),
        };
        let _ = serde_json::to_vec(&End { exit_code, reason }).map(|end| self.0.set(END, &end));
    }

    /// Waits until rank 0 says where the run begins, for as long as it is heard of.
    ///
    /// # Errors
    /// The run ended before, rank 0 is not heard of any more, or the user interrupts.
    pub(super) fn await_start(&self, team: &Team) -> Result<Start> {
        let mut leader = Heard::new(team.watch()?);
        loop {
            if let Some(start) = self.0.try_get(START)? {
                return serde_json::from_slice(&start).context("where the run begins");
            }
            if let Some(end) = self.0.try_get(END)? {
                read_end(&end)?;
                bail!("the run ended before it began");
            }
            team.interrupt().check()?;
            leader.look(team.timeout())?;
            std::thread::sleep(LOOK);
        }
    }

    /// Ends as rank 0 did, once that is known.
    ///
    /// # Errors
    /// The run failed on rank 0.
    pub(super) fn await_end(&self) -> Result<()> {
        read_end(&self.0.get(END, self.0.timeout())?)
    }
}

fn read_end(end: &[u8]) -> Result<()> {
    let End { exit_code, reason } = serde_json::from_slice(end).context("how the run ended")?;
    if exit_code == 0 { Ok(()) } else { Err(Ended::error(exit_code, format!("rank 0: {reason}"))) }
}

/// Whether rank 0 is heard of, looked at once a second. A store that does not answer for a while is no answer either.
struct Heard {
    watch: Watch,
    looked: Instant,
    heard: Instant,
}

impl Heard {
    fn new(watch: Watch) -> Self {
        Self { watch, looked: Instant::now(), heard: Instant::now() }
    }

    fn look(&mut self, timeout: Duration) -> Result<()> {
        if self.looked.elapsed() < Duration::from_secs(1) {
            return Ok(());
        }
        self.looked = Instant::now();
        if self.watch.sighting(0).is_ok_and(|leader| leader.silent_for.is_none()) {
            self.heard = Instant::now();
        }
        let silent = self.heard.elapsed();
        ensure!(
            silent < timeout,
            "rank 0 is not heard of for {:.1} s (parallel.timeout_seconds)",
            silent.as_secs_f64()
        );
        Ok(())
    }
}
