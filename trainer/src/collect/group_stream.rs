//! Groups under way: requests to the model's thread, verdicts as completions come, groups as they are settled.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::pin::pin;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use datasets::Draw;
use rollout::{Completion, EndedTurn, NextTurn, RolloutRequest, Unfinished};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use verifiers::{Judged, Judgement};

use super::carried::{Carried, CarriedGroup, CarriedVerdict};
use super::collector::Collector;
use super::dialogues::{Address, Dialogues};
use super::ended_rollout::EndedRollout;
use super::group::{Group, Refusal, Sampling, SamplingCost};
use super::open_group::{Judgeable, OpenGroup};
use super::task_params::TaskParams;
use crate::patience::ServiceAway;
use crate::prompt::{PromptFormat, conversation};
use crate::tools::AskedTask;
use crate::worker::{Answers, Events, ModelCommand, ModelEvent};

/// Draws that are sampled and judged, until each is a group.
pub(super) struct GroupStream<'a> {
    collector: &'a Collector,
    sampling: &'a Sampling,
    answers: Answers,
    events: Events,
    /// Number of steps that the engine may go on after a draw has ended before it is told what replaces it; none where
    /// nothing replaces draws.
    lag: Option<u64>,
    open: HashMap<u64, OpenGroup>,
    /// What came of the draws whose groups were not taken yet, where it may be left to the next step.
    untaken: Option<Untaken>,
    /// Draws whose completions are all there, in the order in which the last one came.
    complete: VecDeque<u64>,
    /// Groups that are settled and wait for their turn.
    ready: HashMap<u64, Group>,
    dialogues: Dialogues,
    verdicts: JoinSet<Result<Judgeable, ServiceAway>>,
    settled: JoinSet<Result<(Group, Duration)>>,
    started: Instant,
    last_completion: Instant,
    reward_model: Duration,
}

/// What came of draws, by their numbers.
type Untaken = HashMap<u64, CarriedGroup>;

/// What came of a draw, where it may be left to the next step.
fn untaken_of(untaken: &mut Option<Untaken>, draw: u64) -> Option<&mut CarriedGroup> {
    untaken.as_mut().and_then(|untaken| untaken.get_mut(&draw))
}

/// What a stream waits for.
enum Happening {
    Event(ModelEvent),
    Answered((Address, NextTurn)),
    Judged(Box<Judgeable>),
    Settled(Group, Duration),
}

impl<'a> GroupStream<'a> {
    pub(super) fn new(collector: &'a Collector, sampling: &'a Sampling, lag: Option<u64>) -> Self {
        let (answers, events) = mpsc::unbounded_channel();
        let started = Instant::now();
        Self {
            collector,
            sampling,
            answers,
            events,
            lag,
            open: HashMap::new(),
            untaken: None,
            complete: VecDeque::new(),
            ready: HashMap::new(),
            dialogues: Dialogues::default(),
            verdicts: JoinSet::new(),
            settled: JoinSet::new(),
            started,
            last_completion: started,
            reward_model: Duration::ZERO,
        }
    }

    /// A stream that begins with what a step left, and may leave something to the next. Nothing is sampled before
    /// [`GroupStream::go_on`].
    ///
    /// # Errors
    /// A prompt cannot be made.
    pub(super) fn carrying(
        collector: &'a Collector,
        sampling: &'a Sampling,
        lag: u64,
        carried: &Carried,
    ) -> Result<Self> {
        let mut stream = Self { untaken: Some(HashMap::new()), ..Self::new(collector, sampling, Some(lag)) };
        let draws: Vec<Draw> = carried.groups.iter().map(|group| group.draw.clone()).collect();
        stream.requests(&draws)?;
        for CarriedGroup { draw, completions, refusals, dialogues, verdicts } in &carried.groups {
            for (sample, dialogue) in dialogues {
                stream.dialogues.go_on((draw.number, *sample), dialogue.clone());
            }
            refusals.iter().try_for_each(|refusal| stream.refuse(draw.number, refusal.clone()))?;
            for completion in completions {
                let verdicts = verdicts.get(&completion.sample).cloned();
                stream.judge_or(completion.clone(), verdicts.map(CarriedVerdict::judgement))?;
            }
        }
        Ok(stream)
    }

    /// Number of groups whose requests have all ended and that were not taken yet.
    pub(super) fn num_complete(&self) -> usize {
        self.complete.len()
    }

    /// Number of groups with a request that has not ended.
    pub(super) fn num_open(&self) -> usize {
        let num_samples = self.sampling.samples_per_prompt;
        self.open.values().filter(|group| group.num_ended < num_samples).count()
    }

    /// Goes on with requests of the groups that are open, by the parameters of this stream, and has the completions of
    /// these draws sampled behind them.
    ///
    /// # Errors
    /// As [`GroupStream::submit`].
    pub(super) fn go_on(&mut self, mut unfinished: Vec<Unfinished>, draws: &[Draw]) -> Result<()> {
        let params = self.params();
        for Unfinished { request, .. } in &mut unfinished {
            let group = self.open.get(&request.draw).context("a request of no draw that is under way")?;
            request.params = params.of(&group.asked.task).clone();
        }
        unfinished.extend(self.requests(draws)?.into_iter().map(Unfinished::from));
        let command = ModelCommand::GoOn { unfinished, lag: self.lag, turn_lag: self.sampling.turn_lag };
        self.collector.worker.send(command, &self.answers)
    }

    /// Takes back all that is under way, at the step at which the engines stand still for a draw whose group was taken
    /// and is not replaced. Calls that were made before that step are answered first.
    ///
    /// # Errors
    /// The model's thread failed, or the user interrupted.
    pub(super) async fn withdraw(&mut self, draw: u64) -> Result<Vec<Unfinished>> {
        let (worker, interrupt) = (self.collector.worker.clone(), self.collector.interrupt.clone());
        let mut withdrawal = pin!(interrupt.race(worker.ask(ModelCommand::Withdraw { draw })));
        let withdrawn = loop {
            tokio::select! {
                withdrawn = &mut withdrawal => break withdrawn??,
                Some(event) = self.events.recv() => self.take(event?)?,
                Some(answered) = self.dialogues.next() => self.take_answer(answered?)?,
            }
        };
        // What ended before that step, and with the last answers.
        while let Ok(event) = self.events.try_recv() {
            self.take(event?)?;
        }
        match withdrawn {
            ModelEvent::Withdrawn(unfinished) => Ok(unfinished),
            other => bail!("the model's thread answered {other:?} to a withdrawal"),
        }
    }

    /// What is left to the next step, with the requests that are unfinished.
    pub(super) fn left(&mut self, requests: Vec<Unfinished>) -> Carried {
        while let Some(judged) = self.verdicts.try_join_next() {
            let Ok(Ok(Judgeable { completion, judgement, .. })) = judged else { continue };
            if let Some(left) = untaken_of(&mut self.untaken, completion.draw) {
                left.keep(completion.sample, &judgement);
            }
        }
        let mut untaken = self.untaken.take().unwrap_or_default();
        for Unfinished { request, .. } in &requests {
            let dialogue = self.dialogues.of((request.draw, request.sample));
            if let Some((left, dialogue)) = untaken.get_mut(&request.draw).zip(dialogue) {
                left.dialogues.insert(request.sample, dialogue.clone());
            }
        }
        let complete: Vec<u64> = self.complete.drain(..).collect();
        let order = complete.into_iter().chain(requests.iter().map(|unfinished| unfinished.request.draw));
        let groups = order.filter_map(|draw| untaken.remove(&draw)).collect();
        Carried { groups, requests }
    }

    /// Has the completions of these draws sampled.
    ///
    /// # Errors
    /// A prompt cannot be made, or the model's thread is gone.
    pub(super) fn submit(&mut self, draws: &[Draw]) -> Result<()> {
        let requests = self.requests(draws)?;
        let command = ModelCommand::Submit { requests, lag: self.lag, turn_lag: self.sampling.turn_lag };
        self.collector.worker.send(command, &self.answers)
    }

    /// Has another draw sampled in the place of one whose group came, or leaves the place empty.
    ///
    /// # Errors
    /// As [`GroupStream::submit`].
    pub(super) fn replace(&mut self, draw: u64, by: Option<&Draw>) -> Result<()> {
        let requests = self.requests(by.map(std::slice::from_ref).unwrap_or_default())?;
        self.collector.worker.send(ModelCommand::Replace { draw, requests }, &self.answers)
    }

    fn params(&self) -> TaskParams<'a> {
        TaskParams::new(&self.sampling.params, self.sampling.tools.as_deref())
    }

    fn requests(&mut self, draws: &[Draw]) -> Result<Vec<RolloutRequest>> {
        let format = PromptFormat::of_texts(&self.collector.texts, &self.sampling.prompt)?;
        let num_samples = self.sampling.samples_per_prompt;
        let params = self.params();
        let mut requests = Vec::with_capacity(draws.len() * num_samples);
        for draw in draws {
            let task = &draw.task;
            let prompt = format.prompt(task.as_ref().into()).with_context(|| format!("task {}", task.id))?;
            requests.extend((0..num_samples as u64).map(|sample| RolloutRequest {
                draw: draw.number,
                sample,
                label: Some(format!("task {}", task.id)),
                prompt_ids: prompt.ids.clone(),
                thinking_open: prompt.thinking_open,
                params: params.of(task).clone(),
            }));
            let group = OpenGroup {
                draw: draw.number,
                asked: AskedTask {
                    task: task.clone(),
                    conversation: conversation(task.as_ref().into(), &self.sampling.prompt).into(),
                    prompt: prompt.text.into(),
                    thinking_open: prompt.thinking_open,
                },
                num_ended: 0,
                judged: Vec::with_capacity(num_samples),
                refusals: Vec::new(),
            };
            self.open.insert(draw.number, group);
            if let Some(untaken) = &mut self.untaken {
                untaken.insert(draw.number, CarriedGroup::of_draw(draw.clone()));
            }
        }
        Ok(requests)
    }

    /// The next group, in the order in which their last requests ended, so that no clock has a say in it; `None` where
    /// there is none left.
    ///
    /// # Errors
    /// The model's thread failed, a service stays away ([`ServiceAway`]), the reward section ends the run, or the
    /// user interrupted: no verdict is waited for then.
    pub(super) async fn next(&mut self) -> Result<Option<Group>> {
        loop {
            if let Some(group) = self.complete.front().and_then(|draw| self.ready.remove(draw)) {
                self.complete.pop_front();
                if let Some(untaken) = &mut self.untaken {
                    untaken.remove(&group.draw);
                }
                return Ok(Some(group));
            }
            if self.open.is_empty() && self.settled.is_empty() {
                return Ok(None);
            }
            let interrupt = self.collector.interrupt.clone();
            match interrupt.race(self.happening()).await?? {
                Happening::Event(event) => self.take(event)?,
                Happening::Answered(answered) => self.take_answer(answered)?,
                Happening::Judged(judged) => self.add(*judged)?,
                Happening::Settled(group, reward_model) => {
                    self.reward_model += reward_model;
                    self.ready.insert(group.draw, group);
                }
            }
        }
    }

    async fn happening(&mut self) -> Result<Happening> {
        tokio::select! {
            Some(event) = self.events.recv() => Ok(Happening::Event(event?)),
            Some(answered) = self.dialogues.next() => Ok(Happening::Answered(answered?)),
            Some(judged) = self.verdicts.join_next() => {
                Ok(Happening::Judged(Box::new(judged.context("a completion's verdicts")??)))
            }
            Some(group) = self.settled.join_next() => {
                let (group, reward_model) = group.context("a group's rewards")??;
                Ok(Happening::Settled(group, reward_model))
            }
            () = self.collector.worker.gone() => bail!("the model's thread is gone, see the message above"),
        }
    }

    /// What came of a request.
    fn take(&mut self, event: ModelEvent) -> Result<()> {
        match event {
            ModelEvent::Completed(completion) => self.judge(completion),
            ModelEvent::Refused { draw, sample, reason } => {
                self.say_refused(draw, &reason);
                self.refuse(draw, Refusal { sample, reason })
            }
            ModelEvent::TurnEnded(ended) => self.answer(ended),
            other => bail!("the model's thread answered {other:?} to a request for completions"),
        }
    }

    /// What follows a turn.
    fn take_answer(&self, ((draw, sample), next): (Address, NextTurn)) -> Result<()> {
        self.collector.worker.send(ModelCommand::AnswerTurn { draw, sample, next }, &self.answers)
    }

    /// The group of a request that has ended; the last one gives the group its turn.
    fn ended(&mut self, draw: u64) -> Result<&mut OpenGroup> {
        let group = self.open.get_mut(&draw).context("an answer of no draw that was asked for")?;
        group.num_ended += 1;
        if group.num_ended == self.sampling.samples_per_prompt {
            self.complete.push_back(draw);
        }
        Ok(group)
    }

    /// Names the task and the reason in a warning, once for a draw.
    fn say_refused(&self, draw: u64, reason: &str) {
        if let Some(group) = self.open.get(&draw).filter(|group| group.refusals.is_empty()) {
            tracing::warn!("task {} is left out: {reason}", group.asked.task.id);
        }
    }

    /// Notes that a request has no completion. The others of its draw go on: where an abort met them, a clock would
    /// decide.
    fn refuse(&mut self, draw: u64, refusal: Refusal) -> Result<()> {
        self.dialogues.forget((draw, refusal.sample));
        let group = self.ended(draw)?;
        group.refusals.push(refusal.clone());
        if let Some(left) = untaken_of(&mut self.untaken, draw) {
            left.refusals.push(refusal);
        }
        self.settle(draw)
    }

    /// Has the calls of a turn answered.
    fn answer(&mut self, ended: EndedTurn) -> Result<()> {
        let group = self.open.get(&ended.draw).context("a turn of no draw that was asked for")?;
        let tools = self.sampling.tools.as_ref().context("a turn that calls tools, of which there are none")?;
        self.dialogues.answer(ended, &group.asked, tools);
        Ok(())
    }

    /// Has a completion judged: the last turn, behind those that went before.
    fn judge(&mut self, completion: Completion) -> Result<()> {
        self.last_completion = Instant::now();
        self.judge_or(completion, None)
    }

    /// The same, unless it was judged before.
    fn judge_or(&mut self, completion: Completion, judgement: Option<Judgement>) -> Result<()> {
        let Completion { draw, sample, .. } = completion;
        if let Some(left) = untaken_of(&mut self.untaken, draw) {
            left.completions.push(completion.clone());
            left.dialogues.extend(self.dialogues.of((draw, sample)).map(|dialogue| (sample, dialogue.clone())));
        }
        let asked = self.ended(draw)?.asked.clone();
        let ended = self.dialogues.end(completion, asked.thinking_open);
        let conversation = match ended.turns.as_slice() {
            [] => asked.conversation,
            turns => [&asked.conversation[..], turns].concat().into(),
        };
        let judged = Judged {
            thinking_open: ended.thinking_open,
            finish_reason: Cow::Borrowed(ended.completion.finish_reason.as_str()),
            num_prompt_tokens: ended.num_prompt_tokens(),
            num_completion_tokens: ended.num_sampled(),
            ..Judged::answering(asked.task, conversation, ended.completion.text.as_str())
        };
        let EndedRollout { completion, calls, .. } = ended;
        if let Some(judgement) = judgement {
            return self.add(Judgeable { completion, judged, judgement, calls });
        }
        let (judge, patience) = (self.collector.judge.clone(), self.collector.patience.clone());
        self.verdicts.spawn(async move {
            let judgement = match patience {
                None => judge.judge(&judged).await,
                Some(patience) => patience.judge(&judge, &judged).await?,
            };
            Ok(Judgeable { completion, judged, judgement, calls })
        });
        Ok(())
    }

    /// Puts a judged completion to its group.
    fn add(&mut self, judged: Judgeable) -> Result<()> {
        let Completion { draw, sample, .. } = judged.completion;
        if let Some(left) = untaken_of(&mut self.untaken, draw) {
            left.keep(sample, &judged.judgement);
        }
        let group = self.open.get_mut(&draw).context("a verdict of no draw that was asked for")?;
        group.judged.push(judged);
        self.settle(draw)
    }

    /// Has a group settled once all of it is there; nothing is compared or scored where a request was refused.
    fn settle(&mut self, draw: u64) -> Result<()> {
        let group = self.open.get(&draw).context("no draw that was asked for")?;
        if !group.is_judged(self.sampling.samples_per_prompt) {
            return Ok(());
        }
        let Some(mut group) = self.open.remove(&draw) else { return Ok(()) };
        if !group.refusals.is_empty() {
            self.ready.insert(draw, group.left_out());
            return Ok(());
        }
        let (collector, section) = (self.collector.clone(), self.sampling.prompt.clone());
        self.settled.spawn(async move {
            group.compare(&collector.judge).await;
            let scoring = Instant::now();
            let scores = collector.scores(&group, &section).await?;
            let seconds = scoring.elapsed();
            Ok((group.settled(&collector.judge, scores)?, seconds))
        });
        Ok(())
    }

    /// Time and tokens of all that was sampled.
    ///
    /// # Errors
    /// The model's thread is gone.
    pub(super) async fn cost(self) -> Result<SamplingCost> {
        let ModelEvent::Stats(stats) = self.collector.worker.ask(ModelCommand::TakeStats).await? else {
            bail!("the model's thread has no counts of its sampling");
        };
        Ok(SamplingCost {
            rollout_seconds: self.last_completion.duration_since(self.started).as_secs_f64(),
            verify_seconds: self.last_completion.elapsed().as_secs_f64(),
            reward_model_seconds: self.reward_model.as_secs_f64(),
            num_tokens: stats.num_completion_tokens,
            rows_in_flight: stats.mean_running(),
        })
    }
}
