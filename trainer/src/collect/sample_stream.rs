//! Completions of held-out tasks one by one, as they end: an evaluation writes each down, and asks only for those that
//! it lacks.
//!
//! A completion's random numbers are those of its address (seed, place of its task, sample), so that which others are
//! asked for does not matter.

use std::sync::Arc;

use anyhow::{Result, bail};
use rollout::{Completion, RolloutRequest, SamplingParams};
use tokio::sync::mpsc;

use super::collector::Collector;
use crate::worker::{Events, ModelCommand, ModelEvent, ModelWorker};

/// Samples of a task that are to be made.
#[derive(Clone, Debug)]
pub(crate) struct WantedSamples<'a> {
    /// Place of the task in its data set: the draw's number.
    pub place: u64,
    pub task_id: &'a str,
    pub prompt_ids: &'a [u32],
    /// True where the prompt ends within the thinking.
    pub thinking_open: bool,
    /// Numbers of the samples.
    pub samples: Vec<u64>,
}

/// Completions under way.
pub(crate) struct SampleStream {
    worker: ModelWorker,
    events: Events,
    num_left: usize,
}

impl Collector {
    /// Has the samples made that are wanted.
    ///
    /// # Errors
    /// The model's thread is gone.
    pub(crate) fn sample_each(
        &self,
        wanted: &[WantedSamples<'_>],
        params: &Arc<SamplingParams>,
    ) -> Result<SampleStream> {
        let requests: Vec<RolloutRequest> = wanted.iter().flat_map(|wanted| requests(wanted, params)).collect();
        let (answers, events) = mpsc::unbounded_channel();
        let num_left = requests.len();
        self.worker.send(ModelCommand::Submit { requests, lag: None, turn_lag: 0 }, &answers)?;
        Ok(SampleStream { worker: self.worker.clone(), events, num_left })
    }
}

fn requests<'a>(
    wanted: &'a WantedSamples<'_>,
    params: &'a Arc<SamplingParams>,
) -> impl Iterator<Item = RolloutRequest> + 'a {
    wanted.samples.iter().map(|sample| RolloutRequest {
        draw: wanted.place,
        sample: *sample,
        label: Some(format!("task {}", wanted.task_id)),
        prompt_ids: wanted.prompt_ids.to_vec(),
        thinking_open: wanted.thinking_open,
        params: params.clone(),
    })
}

impl SampleStream {
    /// The next completion that ends, in no order; `None` where none is left.
    ///
    /// # Errors
    /// A request was refused, or the model's thread failed.
    pub(crate) async fn next(&mut self) -> Result<Option<Completion>> {
        if self.num_left == 0 {
            return Ok(None);
        }
        let event = tokio::select! {
            Some(event) = self.events.recv() => event?,
            () = self.worker.gone() => bail!("the model's thread is gone, see the message above"),
        };
        match event {
            ModelEvent::Completed(completion) => {
                self.num_left -= 1;
                Ok(Some(completion))
            }
            ModelEvent::Refused { reason, .. } => bail!(reason),
            other => bail!("the model's thread answered {other:?} to a request for completions"),
        }
    }
}
