//! Stored samples judged again, without a model: the old verdict stays beside the new one. Rows are streamed, and as
//! many as the machine's cores can judge are under way.

use futures::stream::{self, StreamExt};
use verifiers::Verifiers;

use crate::error::EvaluationError;
use crate::evaluation_record::FinishedRecord;
use crate::judge::judge_again;
use crate::settings::Settings;
use crate::suite_tasks::SuiteTasks;
use crate::tally::Tally;

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
        let judged = self.rows()?.map(|row| {
            let by_id = &by_id;
            async move {
                let row = row?;
                let task = by_id.get(row.task_id.as_str()).ok_or_else(|| {
                    let problem = format!("there is a sample of the task {}, which is not asked", row.task_id);
                    EvaluationError::tasks(&tasks.suite.name, problem)
                })?;
                Ok::<_, EvaluationError>(judge_again(verifiers, task, row).await)
            }
        });
        let mut judged = std::pin::pin!(stream::iter(judged).buffered(UNDER_WAY));
        while let Some(row) = judged.next().await {
            let row = row?;
            again.append(&row)?;
            tally.add(&row)?;
        }
        drop(again);
        self.end_again(&settings)?;
        Ok((tally, settings))
    }
}
