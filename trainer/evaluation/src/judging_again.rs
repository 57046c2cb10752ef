//! Stored samples judged again, without a model: the old verdict stays beside the new one. Rows are streamed, and as
//! many as the machine's cores can judge are under way.

use std::collections::HashMap;

use futures::stream::{self, StreamExt};
use progress::{Progress, Unit};
use rayon::prelude::*;
use record::RecordError;
use record::samples::{SampleLine, SampleRow};
use verifiers::Verifiers;

use crate::error::EvaluationError;
use crate::evaluation_record::FinishedRecord;
use crate::judge::{judge_again, judge_again_here};
use crate::second_record::{SecondRecord, Written};
use crate::settings::Settings;
use crate::suite_tasks::{SuiteTask, SuiteTasks};
use crate::tally::Tally;

/// Rows that are read before they are judged.
const CHUNK: usize = 2048;
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
    fn count(&mut self, row: &SampleRow) {
        let (now, before) = (row.verdict.passed(), row.earlier.as_ref().is_some_and(|verdict| verdict.passed()));
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
        let by_id = tasks.by_id();
        let (mut tally, mut changes) = (Tally::new(tasks), VerdictChanges::default());
        let again = SecondRecord::begin(self.folder())?;
        let path = again.log_path();
        let mut lines = self.lines()?;
        let progress = Progress::start(tasks.suite.name.as_str(), Unit::Parts, Some(tasks.num_samples() as u64));
        loop {
            let chunk: Vec<SampleLine> = lines.by_ref().take(CHUNK).collect::<Result<_, _>>()?;
            if chunk.is_empty() {
                break;
            }
            let rows = judge_chunk(verifiers, tasks, &by_id, chunk).await?;
            let with_line = |row: SampleRow| SampleLine::of(&row, &path).map(|line| (row, line));
            let written: Vec<Written> = rows.into_par_iter().map(with_line).collect::<Result<_, RecordError>>()?;
            progress.advance(written.len() as u64);
            for (row, _) in &written {
                tally.add(row)?;
                changes.count(row);
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

/// Judges some samples again, in their order: on all cores where their verifiers only compute, and else as many at once
/// as may be under way.
async fn judge_chunk(
    verifiers: &Verifiers,
    tasks: &SuiteTasks,
    by_id: &HashMap<&str, &SuiteTask>,
    chunk: Vec<SampleLine>,
) -> Result<Vec<SampleRow>, EvaluationError> {
    let here = |line: SampleLine| {
        let row = line.row()?;
        let task = *by_id.get(row.task_id.as_str()).ok_or_else(|| {
            let problem = format!("there is a sample of the task {}, which is not asked", row.task_id);
            EvaluationError::tasks(&tasks.suite.name, problem)
        })?;
        Ok((task, judge_again_here(verifiers, task, row)))
    };
    let judged: Vec<(&SuiteTask, _)> = chunk.into_par_iter().map(here).collect::<Result<_, EvaluationError>>()?;
    let rest = judged.into_iter().map(|(task, outcome)| async move {
        match outcome {
            Ok(row) => row,
            Err(row) => judge_again(verifiers, task, *row).await,
        }
    });
    Ok(stream::iter(rest).buffered(UNDER_WAY).collect().await)
}
