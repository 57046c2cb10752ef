//! Partial rollouts: a step ends as soon as it has its groups, and what is unfinished goes on in the next, by the new
//! weights (Kimi k1.5, arXiv 2501.12599; APRIL, arXiv 2509.18521).
//!
//! A fixed number of draws is under way; each that ends is replaced by the next, whether its group teaches or not. A
//! step's groups are those whose last requests end first, so that long completions hold nobody up. Groups are counted
//! and seconds are not: after the group that fills the batch the engines do as many steps as the lag has, and stand
//! still; at that step all requests are withdrawn as they are. The next step takes the groups that are complete already
//! before anything is sampled, and then goes on with the requests in their order.

use anyhow::Result;
use datasets::TaskCursor;
use progress::{Event, Progress, Unit};

use super::carried::Carried;
use super::collector::Collector;
use super::group::{Batch, Sampling};
use super::group_stream::GroupStream;
use super::refill::{check_completed, teaches};
use crate::plan::Refill;

/// The groups of a step as they come.
struct PartialBatch<'a> {
    batch: Batch,
    num_taken: usize,
    sampling: &'a Sampling,
    refill: Refill,
}

impl PartialBatch<'_> {
    /// Takes the stream's next group; returns its draw, or `None` where there is none.
    async fn take_next(&mut self, stream: &mut GroupStream<'_>) -> Result<Option<u64>> {
        let Some(group) = stream.next().await? else { return Ok(None) };
        let draw = group.draw;
        self.num_taken += 1;
        let teaches = teaches(&group, self.sampling, self.refill);
        if teaches {
            self.batch.kept.push(group)
        } else {
            self.batch.left_out.push(group)
        }
        Ok(Some(draw))
    }

    fn is_full(&self) -> bool {
        self.batch.kept.len() >= self.refill.wanted || self.num_taken >= self.refill.max_draws
    }
}

impl Collector {
    /// Goes on with what the step before left, `in_flight` draws at a time, until there are enough groups to learn
    /// from; returns also what is left to the next step.
    ///
    /// # Errors
    /// As [`Collector::collect`].
    pub(crate) async fn collect_partial(
        &self,
        tasks: &mut TaskCursor,
        sampling: &Sampling,
        refill: Refill,
        in_flight: usize,
        carried: &Carried,
    ) -> Result<(Batch, Carried)> {
        let mut stream = GroupStream::carrying(self, sampling, refill.lag, carried)?;
        let mut step = PartialBatch { batch: Batch::default(), num_taken: 0, sampling, refill };
        let progress = Progress::aside("groups", Unit::Parts, Some(refill.wanted as u64));
        for _ in 0..stream.num_complete() {
            if step.is_full() {
                break;
            }
            step.take_next(&mut stream).await?;
        }
        let mut requests = carried.requests.clone();
        if !step.is_full() {
            let num_fresh = in_flight.saturating_sub(stream.num_open());
            stream.go_on(requests, &tasks.next_draws(num_fresh))?;
            requests = Vec::new();
            while let Some(draw) = step.take_next(&mut stream).await? {
                progress.show(Event::Total(refill.wanted.max(step.num_taken) as u64));
                progress.advance(1);
                if step.is_full() {
                    requests = stream.withdraw(draw).await?;
                    break;
                }
                stream.replace(draw, Some(&tasks.next_draw()))?;
            }
        }
        let left = stream.left(requests);
        let PartialBatch { mut batch, .. } = step;
        batch.kept.sort_by_key(|group| group.draw);
        batch.left_out.sort_by_key(|group| group.draw);
        check_completed(&batch)?;
        batch.cost = stream.cost().await?;
        Ok((batch, left))
    }
}
