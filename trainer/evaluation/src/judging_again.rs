//! Stored samples judged again, without a model: the old verdict stays beside the new one. Rows are streamed: while all
//! cores judge some, the next are read and those before are written, each on a thread of its own.

use std::collections::HashMap;
use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};

use futures::stream::{self, StreamExt, TryStreamExt};
use progress::{Progress, Unit};
use rayon::prelude::*;
use record::RecordError;
use record::samples::{SampleLine, SampleRow, SampleVerdict, SampleVerdicts};
use verifiers::Verifiers;

use crate::error::EvaluationError;
use crate::evaluation_record::FinishedRecord;
use crate::judge::{judge_again, judge_again_here};
use crate::second_record::{NewVerdicts, SecondRecord};
use crate::settings::Settings;
use crate::suite_tasks::{SuiteTask, SuiteTasks};
use crate::tally::{Counted, Tally};

/// Rows that are read before they are judged.
const CHUNK: usize = 2048;
/// Chunks that may wait to be judged: the reading goes on meanwhile, and memory stays bounded.
const READ_AHEAD: usize = 1;
/// Verdicts under way: enough for every core while rows are read and written.
const UNDER_WAY: usize = 256;

/// What came of judging again.
#[derive(Debug)]
pub struct JudgedAgain<'a> {
    /// The samples under their new verdicts.
    pub tally: Tally<'a>,
    /// The settings of the record from now on.
    pub settings: Settings,
    /// Which verdicts are others than before.
    pub changes: VerdictChanges,
}

/// How many verdicts are others than before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VerdictChanges {
    /// Samples that were judged again.
    pub num_samples: usize,
    /// Samples that pass now and did not before.
    pub num_gained: usize,
    /// Samples that passed before and do no more.
    pub num_lost: usize,
}

impl VerdictChanges {
    fn count(&mut self, verdicts: &SampleVerdicts) {
        let (now, before) = (verdicts.verdict.passed(), verdicts.earlier.as_ref().is_some_and(SampleVerdict::passed));
        self.num_samples += 1;
        self.num_gained += usize::from(now && !before);
        self.num_lost += usize::from(before && !now);
    }
}

impl FinishedRecord {
    /// Judges every stored sample again by the suite's tasks as they are now, and counts the new verdicts. Until all of
    /// them are there the record is as it was; then its settings say what judged it. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// The samples were drawn for another suite, under another protocol, or are of a task that is not asked; or a file
    /// cannot be read or written.
    pub async fn judge_again<'a>(
        &self,
        verifiers: &Verifiers,
        tasks: &'a SuiteTasks,
        settings: &Settings,
    ) -> Result<JudgedAgain<'a>, EvaluationError> {
        let settings = self.settings_judged_again(settings)?;
        let (mut tally, mut changes) = (Tally::new(tasks), VerdictChanges::default());
        let again = SecondRecord::begin(self.folder())?;
        let chunks = read_ahead(self.lines()?);
        let progress = Progress::start(tasks.suite.name.as_str(), Unit::Parts, Some(tasks.num_samples() as u64));
        let judging = Judging { verifiers, tasks, by_id: tasks.by_id(), folder: self.folder() };
        for chunk in chunks {
            let judged = judging.judge(chunk?, &tally).await?;
            progress.advance(judged.len() as u64);
            let mut written = Vec::with_capacity(judged.len());
            for (counted, new) in judged {
                changes.count(&new.verdicts);
                tally.insert(counted)?;
                written.push(new);
            }
            if !again.push(written) {
                break;
            }
        }
        progress.finish("");
        self.end_again(again, &settings)?;
        Ok(JudgedAgain { tally, settings, changes })
    }
}

/// Lines in chunks as a thread of its own reads them, which ends with them or with whoever takes them.
fn read_ahead(
    mut lines: impl Iterator<Item = Result<SampleLine, RecordError>> + Send + 'static,
) -> Receiver<Result<Vec<SampleLine>, RecordError>> {
    let (sender, chunks) = sync_channel(READ_AHEAD);
    std::thread::spawn(move || {
        loop {
            let chunk: Result<Vec<SampleLine>, _> = lines.by_ref().take(CHUNK).collect();
            let goes_on = chunk.as_ref().is_ok_and(|chunk| chunk.len() == CHUNK);
            if sender.send(chunk).is_err() || !goes_on {
                return;
            }
        }
    });
    chunks
}

/// What all samples are judged by.
struct Judging<'a> {
    verifiers: &'a Verifiers,
    tasks: &'a SuiteTasks,
    by_id: HashMap<&'a str, &'a SuiteTask>,
    /// Folder of the record.
    folder: &'a Path,
}

/// A sample on its way.
enum Under<'a> {
    /// It has its verdict.
    Judged(Counted, NewVerdicts),
    /// A verifier of its task waits for something.
    Waits(&'a SuiteTask, Box<SampleRow>),
}

impl<'a> Judging<'a> {
    /// Judges some samples again, in their order: on all cores where their verifiers only compute, and else as many at
    /// once as may be under way.
    async fn judge(
        &self,
        chunk: Vec<SampleLine>,
        tally: &Tally<'_>,
    ) -> Result<Vec<(Counted, NewVerdicts)>, EvaluationError> {
        // Where they lie one after the other: a collection of results would move each several times.
        let judged: Vec<Result<Under<'a>, EvaluationError>> =
            chunk.into_par_iter().map(|line| self.judge_here(line, tally)).collect();
        let (mut settled, mut waiting) = (Vec::with_capacity(judged.len()), Vec::new());
        for under in judged {
            match under? {
                Under::Judged(counted, new) => settled.push(Some((counted, new))),
                Under::Waits(task, row) => {
                    waiting.push((settled.len(), task, row));
                    settled.push(None);
                }
            }
        }
        let verdicts = waiting.into_iter().map(|(place, task, row)| async move {
            Ok::<_, EvaluationError>((place, self.finish(tally, judge_again(self.verifiers, task, *row).await)?))
        });
        let mut verdicts = stream::iter(verdicts).buffer_unordered(UNDER_WAY);
        while let Some((place, new)) = verdicts.try_next().await? {
            settled[place] = Some(new);
        }
        Ok(settled.into_iter().flatten().collect())
    }

    fn judge_here(&self, line: SampleLine, tally: &Tally<'_>) -> Result<Under<'a>, EvaluationError> {
        let row = line.row()?;
        let task = *self.by_id.get(row.task_id.as_str()).ok_or_else(|| {
            let problem = format!("there is a sample of the task {}, which is not asked", row.task_id);
            EvaluationError::tasks(&self.tasks.suite.name, problem)
        })?;
        match judge_again_here(self.verifiers, task, row) {
            Ok(row) => self.finish(tally, row).map(|(counted, new)| Under::Judged(counted, new)),
            Err(row) => Ok(Under::Waits(task, row)),
        }
    }

    /// What is counted and written of a sample that has its verdict.
    fn finish(&self, tally: &Tally<'_>, row: SampleRow) -> Result<(Counted, NewVerdicts), EvaluationError> {
        Ok((tally.count(&row)?, NewVerdicts::of(row, self.folder)?))
    }
}
