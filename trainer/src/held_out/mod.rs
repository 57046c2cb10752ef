//! A set of held-out tasks as they are asked of a model and judged: a suite, or a file of a user's own. Must not know
//! where the rows go.

mod scoring;
mod suite_data;
mod verdicts;

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use datasets::Task;
use evaluation::{PromptForm, SampledCompletion, Settings, SuiteTask, SuiteTasks};
use policy::Texts;
use random::KeyedRng;
use rayon::prelude::*;
use record::samples::SampleRow;
use rollout::{EngineOptions, RepetitionStop, SamplingParams, Segment, ThinkingBudget, TokenSource};
use serde_json::Value;
use tokio::task::JoinSet;

pub(crate) use self::scoring::read_scores;
pub(crate) use self::suite_data::{FileProtocol, file_tasks, suite_tasks, usage};
use self::verdicts::{JudgedRows, Placed, judged};
use crate::collect::{Collector, EndedRollout, WantedSamples};
use crate::config::PromptSection;
use crate::failure::Usage;
use crate::interrupt::Interrupt;
use crate::judge::Judge;
use crate::origin::Origin;
use crate::prompt::{Prompt, PromptFormat, Question};
use crate::prompt_check::PromptCheck;
use crate::tools::ToolBox;

/// Completions that are judged by one task of the runtime, and how many such tasks there are at a time.
const CHUNK: usize = 64;
const CHUNKS_IN_FLIGHT: usize = 16;

/// Held-out tasks.
#[derive(Clone, Debug)]
pub(crate) struct HeldOut {
    /// Name in metrics and results; a part of the key of the random numbers.
    pub name: String,
    pub tasks: Arc<SuiteTasks>,
    /// What was read, and the protocol.
    pub settings: Settings,
    pub origin: Origin,
    /// What the chat template is told; texts around a task's words stand in its conversation already.
    pub template: PromptSection,
    /// Tools that completions may call of tasks that were offered them.
    pub tools: Option<Arc<ToolBox>>,
    /// The evaluation's seed.
    pub seed: u64,
}

impl HeldOut {
    /// Sampling of the tasks, under a seed of their own.
    pub(crate) fn params(&self) -> Result<Arc<SamplingParams>> {
        let protocol = &self.tasks.suite.protocol;
        let seed = KeyedRng::new(&[self.seed.into(), "evaluation".into(), self.name.as_str().into()]).next_u64();
        let off = SamplingParams::default();
        let params = SamplingParams {
            temperature: protocol.temperature,
            top_p: protocol.top_p,
            top_k: protocol.top_k,
            min_p: protocol.min_p.unwrap_or(off.min_p),
            repetition_penalty: protocol.repetition_penalty.unwrap_or(off.repetition_penalty),
            presence_penalty: protocol.presence_penalty.unwrap_or(off.presence_penalty),
            frequency_penalty: protocol.frequency_penalty.unwrap_or(off.frequency_penalty),
            max_new_tokens: protocol.max_new_tokens,
            stop_repetition: protocol
                .stop_repetition
                .map(|end| RepetitionStop { pattern_tokens: end.pattern_tokens, count: end.count }),
            thinking: protocol
                .thinking
                .as_ref()
                .map(|limit| ThinkingBudget { max_tokens: limit.max_tokens, forced_text: limit.forced_text.clone() }),
            seed,
            ..off
        };
        params.validate().map_err(|error| Usage::error(format!("{}: {error}", self.name)))?;
        Ok(Arc::new(params))
    }

    /// Offers tools of these descriptions to every task that brings none of its own.
    pub(crate) fn offer(&mut self, descriptions: &Value) {
        for task in &mut Arc::make_mut(&mut self.tasks).tasks {
            for task in [Some(&mut task.task), task.corrected.as_mut()].into_iter().flatten() {
                Arc::make_mut(task).tools.get_or_insert_with(|| descriptions.clone());
            }
        }
    }

    /// Every sample: the place of its task and its own.
    pub(crate) fn all_samples(&self) -> impl Iterator<Item = (usize, u32)> {
        let samples = self.tasks.suite.protocol.samples as u32;
        (0..self.tasks.tasks.len()).flat_map(move |place| (0..samples).map(move |index| (place, index)))
    }

    /// The prompt of each task.
    ///
    /// # Errors
    /// A value of the section cannot be used.
    fn rendered(&self, texts: &Texts) -> Result<Vec<Result<Prompt>>> {
        let format = PromptFormat::of_texts(texts, &self.template)?;
        Ok(self.tasks.tasks.par_iter().map(|task| self.prompt(&format, task)).collect())
    }

    fn prompt(&self, format: &PromptFormat<'_>, task: &SuiteTask) -> Result<Prompt> {
        let SuiteTask { task, conversation, .. } = task;
        match self.tasks.suite.protocol.form {
            PromptForm::Chat => {
                format.prompt(Question { kind: Some(&task.kind), messages: conversation, tools: task.tools.as_ref() })
            }
            PromptForm::Text => {
                let text = conversation.last().map_or_else(String::new, |last| last.content.clone());
                let ids = format.encode(&text)?;
                if ids.is_empty() {
                    bail!("its prompt is empty");
                }
                Ok(Prompt { text, ids, thinking_open: false })
            }
        }
    }

    /// The prompts, whatever their length: nothing is sampled.
    ///
    /// # Errors
    /// A prompt cannot be made; its place is named.
    pub(crate) fn unchecked_prompts(&self, texts: &Texts) -> Result<Vec<Prompt>> {
        let named = |(prompt, task): (Result<Prompt>, &SuiteTask)| {
            prompt.map_err(|error| self.origin.error("task", &task.task.id, &error))
        };
        self.rendered(texts)?.into_iter().zip(&self.tasks.tasks).map(named).collect()
    }

    /// The prompts, each with room for a completion; tasks that are too long are dropped where the section says so,
    /// and counted.
    ///
    /// # Errors
    /// A prompt cannot be made or is too long; its place is named.
    pub(crate) fn prompts(&mut self, texts: &Texts, engine: &EngineOptions) -> Result<(Vec<Prompt>, usize)> {
        let max_new_tokens = self.tasks.suite.protocol.max_new_tokens;
        let check = PromptCheck::new(texts, &self.template, engine, max_new_tokens)?;
        let rendered = self.rendered(texts)?;
        let (mut prompts, mut lengths) = (Vec::with_capacity(rendered.len()), Vec::with_capacity(rendered.len()));
        for prompt in rendered {
            lengths.push(prompt.as_ref().map(|prompt| prompt.ids.len()).map_err(|error| anyhow::anyhow!("{error:#}")));
            prompts.extend(prompt);
        }
        let ids: Vec<&str> = self.tasks.tasks.iter().map(|task| task.task.id.as_str()).collect();
        let fits = check.fitting(&self.origin, &ids, lengths)?;
        let num_dropped = fits.iter().filter(|fits| !**fits).count();
        if num_dropped > 0 {
            let tasks = Arc::make_mut(&mut self.tasks);
            tasks.marks.push(format!("{num_dropped} of {} tasks left out: their prompts are too long", fits.len()));
            let mut keep = fits.iter();
            tasks.tasks.retain(|_| *keep.next().unwrap_or(&true));
            let mut keep = fits.iter();
            prompts.retain(|_| *keep.next().unwrap_or(&true));
        }
        Ok((prompts, num_dropped))
    }

    /// Checks that every task can be judged, by its corrected key too.
    ///
    /// # Errors
    /// A usage error that names place, task and verifier.
    pub(crate) async fn check(&self, judge: &Judge) -> Result<()> {
        let tasks = self.tasks.tasks.iter().flat_map(|task| [Some(&task.task), task.corrected.as_ref()]);
        let tasks: Vec<&Task> = tasks.flatten().map(Arc::as_ref).collect();
        judge.check(&self.origin, &tasks).await
    }

    /// Samples what is missing, the place of a task with that of a completion each, and hands out the judged rows as
    /// their verdicts come, with the seconds that these took.
    ///
    /// # Errors
    /// The model's thread failed, `take` fails, or the user interrupted.
    pub(crate) async fn sample(
        &self,
        collector: &Collector,
        prompts: &[Prompt],
        missing: &[(usize, u32)],
        mut take: impl FnMut(SampleRow, f64) -> Result<()>,
    ) -> Result<()> {
        let mut samples: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
        for (place, index) in self.with_companions(&collector.judge, missing) {
            samples.entry(place).or_default().push(index.into());
        }
        let wanted = samples.iter().map(|(place, samples)| WantedSamples {
            place: *place as u64,
            task: &self.tasks.tasks[*place],
            prompt: &prompts[*place],
            samples: samples.clone(),
        });
        let mut stream = collector.sample_each(wanted.collect(), &self.params()?, self.tools.as_ref())?;
        let is_missing: std::collections::HashSet<(usize, u32)> = missing.iter().copied().collect();
        let mut groups: BTreeMap<usize, Vec<Placed>> = BTreeMap::new();
        let mut judging: JoinSet<JudgedRows> = JoinSet::new();
        let mut has_ended = false;
        while !(has_ended && judging.is_empty()) {
            let answered = async {
                tokio::select! {
                    completion = stream.next(), if !has_ended => completion.map(Answered::Completion),
                    Some(judged) = judging.join_next() => {
                        Ok(Answered::Judged(judged.context("a completion's verdicts")?))
                    }
                }
            };
            match collector.interrupt.race(answered).await?? {
                Answered::Completion(None) => has_ended = true,
                Answered::Completion(Some(ended)) => {
                    let place = ended.completion.draw as usize;
                    let placed = (place, ended.completion.sample as u32, sampled(ended));
                    let group = groups.entry(place).or_default();
                    group.push(placed);
                    let waits = collector.judge.compares(&self.tasks.tasks[place].task);
                    if !waits || group.len() == samples[&place].len() {
                        let group = groups.remove(&place).unwrap_or_default();
                        let (judge, tasks) = (collector.judge.clone(), self.tasks.clone());
                        let name = self.name.clone();
                        judging.spawn(async move { judged(&judge, &name, &tasks, group).await });
                    }
                }
                Answered::Judged(JudgedRows { rows, seconds }) => {
                    for (place, row) in rows {
                        // A companion that is there already was only made for the comparison.
                        if is_missing.contains(&(place, row.sample_index)) {
                            take(row, seconds)?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// What is missing, with all other samples of tasks whose verifiers compare these.
    fn with_companions(&self, judge: &Judge, missing: &[(usize, u32)]) -> Vec<(usize, u32)> {
        let samples = self.tasks.suite.protocol.samples as u32;
        let mut all: Vec<(usize, u32)> = Vec::with_capacity(missing.len());
        for (place, index) in missing {
            match judge.compares(&self.tasks.tasks[*place].task) {
                true => all.extend((0..samples).map(|index| (*place, index))),
                false => all.push((*place, *index)),
            }
        }
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Judges completions that are there, those of each task in the order of `completions`, and hands out the rows that
    /// are missing as their verdicts come.
    ///
    /// # Errors
    /// `take` fails, or the user interrupted.
    pub(crate) async fn judge_texts(
        &self,
        judge: &Arc<Judge>,
        completions: Vec<Vec<SampledCompletion>>,
        missing: &[(usize, u32)],
        interrupt: &Interrupt,
        mut take: impl FnMut(SampleRow, f64) -> Result<()>,
    ) -> Result<()> {
        let is_missing: std::collections::HashSet<(usize, u32)> = missing.iter().copied().collect();
        let wanted = self.with_companions(judge, missing);
        let mut chunks = Vec::new();
        let mut chunk: Vec<Placed> = Vec::new();
        for (at, (place, index)) in wanted.iter().enumerate() {
            chunk.push((*place, *index, completions[*place][*index as usize].clone()));
            // A task's completions stay together.
            let is_last_of_task = wanted.get(at + 1).is_none_or(|(next, _)| next != place);
            if chunk.len() >= CHUNK && is_last_of_task {
                chunks.push(std::mem::take(&mut chunk));
            }
        }
        chunks.push(chunk);
        drop(completions);
        let mut judging: JoinSet<JudgedRows> = JoinSet::new();
        let mut chunks = chunks.into_iter();
        loop {
            while judging.len() < CHUNKS_IN_FLIGHT {
                let Some(chunk) = chunks.next() else { break };
                let (judge, tasks, name) = (judge.clone(), self.tasks.clone(), self.name.clone());
                judging.spawn(async move { judged(&judge, &name, &tasks, chunk).await });
            }
            let Some(done) = interrupt.race(judging.join_next()).await? else { return Ok(()) };
            let JudgedRows { rows, seconds } = done.context("the verdicts of some completions")?;
            let seconds = seconds / rows.len().max(1) as f64;
            for (place, row) in rows {
                if is_missing.contains(&(place, row.sample_index)) {
                    take(row, seconds)?;
                }
            }
        }
    }
}

/// What comes of the samples under way.
enum Answered {
    Completion(Option<EndedRollout>),
    Judged(JudgedRows),
}

/// A completion that this process sampled. Its ids are those of the last turn, which stand behind all that tools
/// answered.
fn sampled(ended: EndedRollout) -> SampledCompletion {
    let (num_prompt_tokens, num_completion_tokens) = (ended.num_prompt_tokens(), ended.num_sampled());
    let EndedRollout { completion, turns, thinking_open, .. } = ended;
    let is_given = |segment: &Segment| matches!(segment.source, TokenSource::Prompt | TokenSource::Tool);
    let last_turn = completion.sequence.segments().rsplit(is_given).next().unwrap_or_default();
    SampledCompletion {
        turns,
        ids: Some(last_turn.iter().flat_map(|segment| segment.ids.iter().copied()).collect()),
        finish_reason: completion.finish_reason.as_str().to_owned(),
        thinking_open,
        num_prompt_tokens: num_prompt_tokens as u32,
        num_completion_tokens: num_completion_tokens as u32,
        text: completion.text,
    }
}
