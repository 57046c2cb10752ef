//! Rollouts of a step together with what its updates know of them.

use super::read::read_rollouts;
use super::row::RolloutRow;
use super::update::{UpdateRow, read_updates, read_updates_of_rollouts};
use crate::error::RecordError;
use crate::run_folder::RunFolder;

/// A rollout with all that a run wrote of it.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedRollout {
    /// What was known before the update.
    pub rollout: RolloutRow,
    /// What the update knows; `None` where it did not learn from the rollout, or the run ended before it was done.
    pub update: Option<UpdateRow>,
}

/// Reads the rollouts of a step, joined to the rows of its updates. A file of version 0 holds both.
///
/// # Errors
/// A file cannot be read, or the updates are not those of the rollouts: their rows are in another order, one has no
/// rollout, or it has another number of tokens.
pub fn read_recorded(run: &RunFolder, step: u64) -> Result<Vec<RecordedRollout>, RecordError> {
    let (rollouts, mut updates) = (run.rollouts(step), run.updates(step));
    let rows = read_rollouts(&rollouts)?;
    let updates_of_step = if updates.exists() {
        read_updates(&updates)?
    } else {
        updates.clone_from(&rollouts);
        read_updates_of_rollouts(&rollouts)?
    };
    let mut left = updates_of_step.into_iter().peekable();
    let mut recorded = Vec::with_capacity(rows.len());
    for rollout in rows {
        let update = left.next_if(|update| is_of(update, &rollout));
        recorded.push(RecordedRollout { rollout, update });
    }
    let is_whole = |one: &RecordedRollout| one.update.as_ref().is_none_or(|update| fits(update, &one.rollout));
    let strange = left.next().or_else(|| recorded.iter().find(|one| !is_whole(one))?.update.clone());
    match strange {
        Some(UpdateRow { task_id, sample_index, .. }) => {
            Err(RecordError::StrangeUpdate { updates, rollouts, task_id, sample_index })
        }
        None => Ok(recorded),
    }
}

fn is_of(update: &UpdateRow, rollout: &RolloutRow) -> bool {
    (update.draw, &update.task_id, update.sample_index) == (rollout.draw, &rollout.task_id, rollout.sample_index)
}

/// True where the lists by token are as long as the completion.
fn fits(update: &UpdateRow, rollout: &RolloutRow) -> bool {
    let lists = [&update.policy_logprobs, &update.critic_values, &update.returns, &update.advantages];
    lists.into_iter().flatten().all(|list| list.len() == rollout.completion_ids.len())
}
