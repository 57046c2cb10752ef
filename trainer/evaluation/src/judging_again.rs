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
use crate::settings::Settings;
use crate::suite_tasks::{SuiteTask, SuiteTasks};
use crate::tally::Tally;

/// Rows that are read before they are judged.
const CHUNK: usize = 2048;
/// Verdicts under way: enough for every core while rows are read and written.
const UNDER_WAY: usize = 256;

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
    ) -> Result<(Tally<'a>, Settings), EvaluationError> {
        let settings = self.settings_judged_again(settings)?;
        let by_id = tasks.by_id();
        let mut tally = Tally::new(tasks);
        let mut again = self.begin_again()?;
        let mut lines = self.lines()?;
        let progress = Progress::start(tasks.suite.name.as_str(), Unit::Parts, Some(tasks.num_samples() as u64));
        loop {
            let chunk: Vec<SampleLine> = lines.by_ref().take(CHUNK).collect::<Result<_, _>>()?;
            if chunk.is_empty() {
                break;
            }
            let rows = judge_chunk(verifiers, tasks, &by_id, chunk).await?;
            let line = |row| Ok((row, SampleLine::of(row, again.path())?));
            let written: Vec<(&SampleRow, SampleLine)> =
                rows.par_iter().map(line).collect::<Result<_, RecordError>>()?;
            again.append_lines(&written)?;
            for row in &rows {
                tally.add(row)?;
            }
            progress.advance(rows.len() as u64);
        }
        progress.finish("");
        drop(again);
        self.end_again(&settings)?;
        Ok((tally, settings))
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
