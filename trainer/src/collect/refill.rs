//! Dynamic sampling (DAPO, arXiv 2503.14476) without rounds: a group that teaches nothing is replaced while the others
//! are still generated.
//!
//! A draw is only taken where the groups that teach and those under way are fewer than wanted. So the draws of a step
//! are the shortest stretch of the walk that holds the wanted number of teaching groups, whichever of them finished
//! first: the batch does not depend on time. Nor does the place of a replacement among the sequences that decode: it
//! joins a fixed number of steps after the group that it replaces has ended.

use anyhow::{Result, bail};
use datasets::TaskCursor;
use learner::advantages::is_flat;
use progress::{Event, Progress, Unit};

use super::collector::Collector;
use super::group::{Batch, Group, Sampling};
use super::group_stream::GroupStream;
use crate::plan::Refill;

/// True where a group is learned from: one whose rewards differ. Where each draw is sampled once there is nothing to
/// differ from.
pub(super) fn teaches(group: &Group, sampling: &Sampling, refill: Refill) -> bool {
    let is_left_out = refill.replaces && sampling.samples_per_prompt > 1;
    group.rewards().is_some_and(|rewards| !(is_left_out && is_flat(&rewards)))
}

/// # Errors
/// There were requests and none was completed: the fault is not theirs, but the model's.
pub(super) fn check_completed(batch: &Batch) -> Result<()> {
    let groups = || batch.kept.iter().chain(&batch.left_out);
    let num_refused: usize = groups().map(|group| group.refusals.len()).sum();
    match groups().flat_map(|group| &group.refusals).next() {
        Some(first) if groups().flat_map(Group::sampled).next().is_none() => {
            bail!("none of the step's {num_refused} requests was completed, so the policy is broken: {}", first.reason)
        }
        _ => Ok(()),
    }
}

impl Collector {
    /// Samples draws of the walk until there are enough groups to learn from. A draw of which a request was refused is
    /// left out, and replaced where groups are.
    ///
    /// # Errors
    /// A prompt cannot be made, every request was refused, the model's thread failed, a service stays away, the reward
    /// section ends the run at a verdict, or the user interrupted.
    pub(crate) async fn collect(&self, tasks: &mut TaskCursor, sampling: &Sampling, refill: Refill) -> Result<Batch> {
        let mut stream = GroupStream::new(self, sampling, refill.replaces.then_some(refill.lag));
        let mut num_drawn = refill.wanted.min(refill.max_draws);
        stream.submit(&tasks.next_draws(num_drawn))?;
        let progress = Progress::aside("groups", Unit::Parts, Some(num_drawn as u64));
        let mut batch = Batch::default();
        while let Some(group) = stream.next().await? {
            let teaches = teaches(&group, sampling, refill);
            if refill.replaces {
                let next = (!teaches && num_drawn < refill.max_draws).then(|| tasks.next_draw());
                num_drawn += usize::from(next.is_some());
                stream.replace(group.draw, next.as_ref())?;
            }
            progress.show(Event::Total(num_drawn as u64));
            progress.advance(1);
            if teaches { batch.kept.push(group) } else { batch.left_out.push(group) }
        }
        batch.kept.sort_by_key(|group| group.draw);
        batch.left_out.sort_by_key(|group| group.draw);
        check_completed(&batch)?;
        batch.cost = stream.cost().await?;
        Ok(batch)
    }
}
