//! A group for each of some draws, such as held-out tasks.

use anyhow::Result;
use datasets::Draw;

use super::collector::Collector;
use super::group::{Group, Sampling, SamplingCost};
use super::group_stream::GroupStream;

impl Collector {
    /// Samples a group for each draw, and judges it; they come in the order of the draws.
    ///
    /// # Errors
    /// A prompt cannot be made or sampled from, the model's thread failed, the reward section ends the run at a
    /// verdict, or the user interrupted.
    pub(crate) async fn sample_groups(
        &self,
        draws: &[Draw],
        sampling: &Sampling,
    ) -> Result<(Vec<Group>, SamplingCost)> {
        let mut stream = GroupStream::new(self, sampling, None);
        stream.submit(draws)?;
        let mut groups = Vec::with_capacity(draws.len());
        while let Some(group) = stream.next().await? {
            groups.push(group);
        }
        groups.sort_by_key(|group| group.draw);
        Ok((groups, stream.cost().await?))
    }
}
