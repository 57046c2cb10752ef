//! Completions of held-out tasks one by one, as they end: an evaluation writes each down, and asks only for those that
//! it lacks. Calls of tools are answered meanwhile.
//!
//! A completion's random numbers are those of its address (seed, place of its task, sample), so that which others are
//! asked for does not matter.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use evaluation::SuiteTask;
use rollout::{EndedTurn, RolloutRequest, SamplingParams};
use tokio::sync::mpsc;

use super::collector::Collector;
use super::dialogues::Dialogues;
use super::ended_rollout::EndedRollout;
use super::task_params::TaskParams;
use crate::prompt::Prompt;
use crate::tools::{AskedTask, ToolBox};
use crate::worker::{Answers, Events, ModelCommand, ModelEvent, ModelWorker};

/// Samples of a task that are to be made.
#[derive(Clone, Debug)]
pub(crate) struct WantedSamples<'a> {
    /// Place of the task in its data set: the draw's number.
    pub place: u64,
    pub task: &'a SuiteTask,
    pub prompt: &'a Prompt,
    /// Numbers of the samples.
    pub samples: Vec<u64>,
}

impl WantedSamples<'_> {
    fn asked(&self) -> AskedTask {
        AskedTask {
            task: self.task.task.clone(),
            conversation: self.task.conversation.clone(),
            prompt: self.prompt.text.as_str().into(),
            thinking_open: self.prompt.thinking_open,
        }
    }

    fn requests(&self, params: &Arc<SamplingParams>) -> impl Iterator<Item = RolloutRequest> {
        self.samples.iter().map(|sample| RolloutRequest {
            draw: self.place,
            sample: *sample,
            label: Some(format!("task {}", self.task.task.id)),
            prompt_ids: self.prompt.ids.clone(),
            thinking_open: self.prompt.thinking_open,
            params: params.clone(),
        })
    }
}

/// Completions under way.
pub(crate) struct SampleStream<'a> {
    worker: ModelWorker,
    answers: Answers,
    events: Events,
    num_left: usize,
    /// What is wanted, by the place of its task.
    wanted: HashMap<u64, WantedSamples<'a>>,
    tools: Option<Arc<ToolBox>>,
    dialogues: Dialogues,
}

impl Collector {
    /// Has the samples made that are wanted. Those of tasks that have these tools may call them.
    ///
    /// # Errors
    /// The model's thread is gone.
    pub(crate) fn sample_each<'a>(
        &self,
        wanted: Vec<WantedSamples<'a>>,
        params: &Arc<SamplingParams>,
        tools: Option<&Arc<ToolBox>>,
    ) -> Result<SampleStream<'a>> {
        let params = TaskParams::new(params, tools.map(Arc::as_ref));
        let of_task = |wanted| WantedSamples::requests(wanted, params.of(&wanted.task.task));
        let requests: Vec<RolloutRequest> = wanted.iter().flat_map(of_task).collect();
        let (answers, events) = mpsc::unbounded_channel();
        let num_left = requests.len();
        let turn_lag = tools.map_or(0, |tools| tools.turn_lag());
        self.worker.send(ModelCommand::Submit { requests, lag: None, turn_lag }, &answers)?;
        Ok(SampleStream {
            worker: self.worker.clone(),
            answers,
            events,
            num_left,
            wanted: wanted.into_iter().map(|wanted| (wanted.place, wanted)).collect(),
            tools: tools.cloned(),
            dialogues: Dialogues::default(),
        })
    }
}

impl SampleStream<'_> {
    /// The next completion that ends, in no order; `None` where none is left.
    ///
    /// # Errors
    /// A request was refused, the conversation behind a call cannot be rendered, or the model's thread failed.
    pub(crate) async fn next(&mut self) -> Result<Option<EndedRollout>> {
        while self.num_left > 0 {
            let event = tokio::select! {
                Some(event) = self.events.recv() => event?,
                Some(answered) = self.dialogues.next() => {
                    let ((draw, sample), next) = answered?;
                    self.worker.send(ModelCommand::AnswerTurn { draw, sample, next }, &self.answers)?;
                    continue;
                }
                () = self.worker.gone() => bail!("the model's thread is gone, see the message above"),
            };
            match event {
                ModelEvent::Completed(completion) => {
                    self.num_left -= 1;
                    let thinking_open = self.wanted_at(completion.draw)?.prompt.thinking_open;
                    return Ok(Some(self.dialogues.end(completion, thinking_open)));
                }
                ModelEvent::TurnEnded(ended) => self.answer(ended)?,
                ModelEvent::Refused { reason, .. } => bail!(reason),
                other => bail!("the model's thread answered {other:?} to a request for completions"),
            }
        }
        Ok(None)
    }

    fn wanted_at(&self, place: u64) -> Result<&WantedSamples<'_>> {
        self.wanted.get(&place).context("an answer of no task that was asked")
    }

    /// Has the calls of a turn answered.
    fn answer(&mut self, ended: EndedTurn) -> Result<()> {
        let asked = self.wanted_at(ended.draw)?.asked();
        let tools = self.tools.as_ref().context("a turn that calls tools, of which there are none")?;
        self.dialogues.answer(ended, &asked, tools);
        Ok(())
    }
}
