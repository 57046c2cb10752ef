//! Sampling and judging over a small model with random weights.
use std::collections::BTreeSet;
use std::sync::Arc;

use datasets::{Draw, Message, Mixture, Source, Task, TaskCursor, TaskKind, TaskVerifier};
use evaluation::SuiteTask;
use policy::{
    CHAT_TEMPLATE, Decoder, ModelConfig, Placement, SPECIAL_TOKENS, Texts, Tokenizer, train_tokenizer, write_folder,
};
use record::names;
use rollout::{EngineOptions, FinishReason, SamplingParams, Segment, Sequence, ThinkingBudget, TokenSource};
use verifiers::{Judgement, RewardConfig, VerifiersConfig};

use super::carried::CarriedVerdict;
use super::group_stream::GroupStream;
use super::{Batch, Carried, Collector, EndedRollout, Group, Sampling, WantedSamples};
use crate::config::{PromptSection, SandboxSection, ToolsSection};
use crate::interrupt::Interrupt;
use crate::judge::Judge;
use crate::plan::Refill;
use crate::prompt::PromptFormat;
use crate::step_metrics::{batch_metrics, tool_metrics};
use crate::tools::tests::{Late, Scripted};
use crate::tools::{Tool, ToolBox};
use crate::trajectories::trajectories;
use crate::worker::{ModelState, ModelWorker};

/// Ids of `<|im_end|>` and `<think>`.
const END: u32 = 2;
const OPENING: u32 = 3;

/// A collector over a small model with random weights, which judges maths.
async fn collector() -> Collector {
    collector_of(CHAT_TEMPLATE, |_, _| {}).await
}

/// The same with this chat template, and weights that `change` has changed.
async fn collector_of(template: &str, change: impl FnOnce(&Decoder, &Tokenizer)) -> Collector {
    let folder = tempfile::tempdir().unwrap();
    let config = ModelConfig::from_json(&serde_json::json!({
        "model_type": "qwen2", "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1,
        "vocab_size": 272, "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 512,
    }))
    .unwrap();
    let tokenizer = train_tokenizer(["one two three"].into_iter(), 261).unwrap();
    let decoder = Decoder::random(&config, 0, Placement::CPU);
    let write = |decoder: &Decoder| {
        write_folder(folder.path(), decoder, &tokenizer, template, SPECIAL_TOKENS[2]).unwrap();
    };
    write(&decoder);
    let texts = Arc::new(Texts::load(folder.path()).unwrap());
    change(&decoder, &texts.tokenizer);
    write(&decoder);
    let load = move || Ok((ModelState::load_policy(folder.path(), Placement::CPU, &EngineOptions::default())?, ()));
    let (worker, ()) = ModelWorker::start(load).await.unwrap();
    let (verifiers, reward) = (VerifiersConfig::default(), RewardConfig::default());
    let judge = Judge::start_for(&["math".to_owned()].into(), &verifiers, &reward, &SandboxSection::default()).await;
    let judge = Arc::new(judge.unwrap());
    Collector { worker, texts, scorer_texts: None, judge, patience: None, interrupt: Interrupt::default() }
}

/// A walk over one task alone, which every draw takes.
fn one_task() -> TaskCursor {
    walk(&["1 + 1?"])
}

/// A walk over tasks whose ids are what they ask.
fn walk(questions: &[&str]) -> TaskCursor {
    let task = |question: &&str| {
        Task::new(*question, TaskKind::MATH, vec![Message::user(*question)], TaskVerifier::new("math", "2"))
    };
    let tasks = questions.iter().map(task).collect();
    TaskCursor::new(Mixture::new(vec![Source::new("sums", tasks, 1.0)]).unwrap(), 1)
}

fn sampling() -> Sampling {
    Sampling {
        params: Arc::new(SamplingParams { max_new_tokens: 12, seed: 4, ..SamplingParams::default() }),
        samples_per_prompt: 3,
        prompt: PromptSection::default(),
        tools: None,
        turn_lag: 3,
    }
}

/// The group of each draw, in their order.
async fn groups(collector: &Collector, draws: &[Draw]) -> Vec<Group> {
    groups_of(collector, draws, &sampling()).await
}

async fn groups_of(collector: &Collector, draws: &[Draw], sampling: &Sampling) -> Vec<Group> {
    let mut stream = GroupStream::new(collector, sampling, None);
    stream.submit(draws).unwrap();
    let mut groups = Vec::new();
    while let Some(group) = stream.next().await.unwrap() {
        groups.push(group);
    }
    groups.sort_by_key(|group| group.draw);
    groups
}

async fn completions(collector: &Collector, draws: &[Draw]) -> Vec<Vec<u32>> {
    let groups = groups(collector, draws).await;
    assert_eq!(
        groups.iter().map(|group| group.draw).collect::<Vec<_>>(),
        draws.iter().map(|d| d.number).collect::<Vec<_>>()
    );
    let rollouts = groups.iter().flat_map(|group| &group.rollouts);
    rollouts.map(|rollout| rollout.sequences[0].completion_ids()).collect()
}

#[tokio::test]
async fn a_task_that_is_drawn_twice_gets_other_completions_in_one_round_as_in_two() {
    let collector = collector().await;
    let draws = one_task().next_draws(2);
    assert_eq!(draws[0].task, draws[1].task);
    let together = completions(&collector, &draws).await;
    let mut apart = completions(&collector, &draws[..1]).await;
    apart.extend(completions(&collector, &draws[1..]).await);
    assert_eq!(together, apart, "the round changed a completion");
    for (at, one) in together.iter().enumerate() {
        assert!(!together[..at].contains(one), "two samples are one: {one:?}");
    }
}

#[tokio::test]
async fn masked_rollouts_are_counted_and_not_learned_from() {
    let draws = one_task().next_draws(1);
    let mut groups = groups(&collector().await, &draws).await;
    let whole = trajectories(&groups, None);
    assert_eq!((whole[0].trajectories.len(), whole[0].num_masked), (3, 0));
    let masked = groups[0].rollouts.remove(1);
    groups[0].masked.push(masked);
    let learned = trajectories(&groups, None);
    assert_eq!(learned[0].num_masked, 1);
    assert_eq!(learned[0].trajectories[..], [whole[0].trajectories[0].clone(), whole[0].trajectories[2].clone()]);
}

/// A prompt with this character breaks.
const BROKEN: &str = "~";

/// A collector whose model has no numbers behind [`BROKEN`].
async fn with_a_broken_token() -> Collector {
    collector_of(CHAT_TEMPLATE, |decoder, tokenizer| {
        let id = tokenizer.encode(BROKEN).unwrap()[0];
        let _ = tch::no_grad(|| decoder.store().embedding().get(i64::from(id)).fill_(f64::NAN));
    })
    .await
}

const REFILL: Refill = Refill { wanted: 3, replaces: true, in_flight: None, max_draws: 12, lag: 2 };

#[tokio::test]
async fn a_draw_whose_request_is_refused_is_left_out_and_replaced() {
    let collector = with_a_broken_token().await;
    // One sample each: no group is flat.
    let sampling = Sampling { samples_per_prompt: 1, ..sampling() };
    let questions = ["1 + 1?", "1 ~ 1?", "2 + 0?"];
    let mut tasks = walk(&questions);
    let batch = collector.collect(&mut tasks, &sampling, REFILL).await.unwrap();
    let draws = |groups: &[Group]| groups.iter().map(|group| group.draw).collect::<Vec<_>>();
    let is_broken = |draw: &&datasets::Draw| draw.task.id.contains(BROKEN);
    let drawn = walk(&questions).next_draws(tasks.num_drawn() as usize);
    let (broken, good): (Vec<_>, Vec<_>) = drawn.iter().partition(is_broken);
    assert!(!broken.is_empty());
    assert_eq!(draws(&batch.kept), good.iter().map(|draw| draw.number).collect::<Vec<_>>());
    assert_eq!((batch.kept.len(), draws(&batch.left_out)), (3, broken.iter().map(|draw| draw.number).collect()));
    for group in &batch.left_out {
        assert!(group.rollouts.is_empty() && group.rewards().is_none());
        assert!(group.refusals[0].reason.contains("not finite"), "{:?}", group.refusals);
    }
    // Without refilling the step has one group less.
    let alone = Refill { replaces: false, max_draws: 3, ..REFILL };
    let batch = collector.collect(&mut walk(&questions), &sampling, alone).await.unwrap();
    assert_eq!((batch.kept.len(), batch.left_out.len()), (2, 1));
}

#[tokio::test]
async fn a_step_of_which_no_request_is_completed_ends_the_run() {
    let collector = with_a_broken_token().await;
    let error = collector.collect(&mut walk(&["1 ~ 1?"]), &sampling(), REFILL).await.unwrap_err().to_string();
    assert!(error.starts_with("none of the step's 36 requests was completed"), "{error}");
    assert!(error.contains("task 1 ~ 1?") && error.contains("not finite"), "{error}");
}

/// What is sampled in partial steps, and of which tasks.
struct PartialSteps {
    collector: Collector,
    sampling: Sampling,
    tasks: TaskCursor,
}

impl PartialSteps {
    async fn of_plain_tasks() -> Self {
        Self { collector: collector().await, sampling: sampling(), tasks: one_task() }
    }

    /// Turns of two tokens' thinking, a call and a random number of tokens.
    async fn of_calls(template: &str, tool: impl Tool + 'static) -> Self {
        let collector = collector_of(template, |_, _| {}).await;
        let calling = calling(&collector, tool, ToolsSection::default());
        let params = SamplingParams {
            logit_bias: vec![(END, 3.0)],
            min_new_tokens: 0,
            max_new_tokens: 24,
            ..(*calling.params).clone()
        };
        let sampling = Sampling { params: Arc::new(params), ..calling };
        let mut task = one_task().next_draw().task;
        sampling.tools.iter().for_each(|tools| tools.offer(Arc::make_mut(&mut task)));
        let source = Source::new("sums", vec![Arc::unwrap_or_clone(task)], 1.0);
        let tasks = TaskCursor::new(Mixture::new(vec![source]).unwrap(), 1);
        Self { collector, sampling, tasks }
    }

    /// Draws of the groups of so many steps, kept and left out, with the requests that each leaves, which go
    /// `through` something.
    async fn run(
        mut self,
        num_steps: usize,
        lag: u64,
        through: impl Fn(Carried, &TaskCursor) -> Carried,
    ) -> Vec<PartialStep> {
        let Self { collector, sampling, tasks } = &mut self;
        let refill = Refill { replaces: false, lag, ..REFILL };
        let (mut carried, mut steps, mut num_verdicts) = (Carried::default(), Vec::new(), 0);
        for _ in 0..num_steps {
            let (batch, left) = collector.collect_partial(tasks, sampling, refill, 5, &carried).await.unwrap();
            assert_eq!(batch.kept.len(), 3);
            let seconds = |judgement: &Judgement| judgement.verdicts[0].seconds;
            for group in batch.kept.iter().chain(&batch.left_out) {
                let Some(carried) = carried.groups.iter().find(|carried| carried.draw.number == group.draw) else {
                    continue;
                };
                for (sample, verdicts) in &carried.verdicts {
                    let rollout = group.sampled().find(|rollout| rollout.sample == *sample).unwrap();
                    let kept = CarriedVerdict::judgement(verdicts.clone());
                    assert_eq!(seconds(&rollout.judgement), seconds(&kept), "it was judged again");
                    num_verdicts += 1;
                }
            }
            let num_open = left.groups.iter().filter(|group| group.completions.len() < 3).count();
            let of_requests: BTreeSet<u64> = left.requests.iter().map(|it| it.request.draw).collect();
            assert_eq!(num_open, of_requests.len(), "every open group has a request");
            let rollouts = || batch.kept.iter().chain(&batch.left_out).flat_map(Group::sampled);
            let mut draws: Vec<u64> = batch.kept.iter().chain(&batch.left_out).map(|group| group.draw).collect();
            draws.sort_unstable();
            steps.push(PartialStep {
                draws,
                sequences: rollouts().flat_map(|rollout| &rollout.sequences).map(Sequence::ids).collect(),
                num_calls: rollouts().map(|rollout| rollout.calls.len()).collect(),
                left: left.requests.iter().map(|it| it.segments.clone()).collect(),
            });
            carried = through(left, tasks);
        }
        assert!(num_verdicts > 0, "no verdict was carried");
        steps
    }
}

/// What a partial step learned from and left.
#[derive(Debug, PartialEq)]
struct PartialStep {
    draws: Vec<u64>,
    sequences: Vec<Vec<u32>>,
    num_calls: Vec<usize>,
    left: Vec<Vec<Segment>>,
}

/// What a checkpoint makes of it.
fn saved_and_loaded(carried: Carried, tasks: &TaskCursor) -> Carried {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("trainer")).unwrap();
    let component = carried.save(folder.path()).unwrap();
    assert_eq!(component.files, ["trainer/unfinished.msgpack"]);
    Carried::load(folder.path(), tasks).unwrap()
}

#[tokio::test]
async fn partial_steps_learn_from_each_draw_once_and_are_the_same_again() {
    let run = async || PartialSteps::of_plain_tasks().await.run(6, 1, |carried, _| carried).await;
    let steps = run().await;
    assert_eq!(run().await, steps);
    let mut all: Vec<u64> = steps.iter().flat_map(|step| step.draws.clone()).collect();
    all.sort_unstable();
    assert_eq!(all.windows(2).find(|pair| pair[0] == pair[1]), None, "{steps:?}");
}

#[tokio::test]
async fn what_calls_tools_is_left_to_the_next_step_with_its_conversation() {
    for template in [KEEPS, REWRITES] {
        let plain = PartialSteps::of_calls(template, Scripted("echo")).await.run(6, 2, |carried, _| carried).await;
        let late = PartialSteps::of_calls(template, Late::default()).await.run(6, 2, |carried, _| carried).await;
        assert_eq!(plain, late, "it matters when a tool answers");
        let saved = PartialSteps::of_calls(template, Scripted("echo")).await.run(6, 2, saved_and_loaded).await;
        assert_eq!(plain, saved, "a checkpoint lost something");
        let left = |source| plain.iter().flat_map(|step| step.left.iter().flatten()).any(|it| it.source == source);
        assert!(left(TokenSource::Forced));
        assert!(left(TokenSource::Tool) || template == REWRITES);
        assert!(plain.iter().flat_map(|step| &step.num_calls).any(|num| *num > 1));
    }
}

#[tokio::test]
async fn what_is_carried_goes_through_a_checkpoint() {
    let PartialSteps { collector, sampling, mut tasks } = PartialSteps::of_plain_tasks().await;
    let refill = Refill { replaces: false, ..REFILL };
    let (_, carried) = collector.collect_partial(&mut tasks, &sampling, refill, 6, &Carried::default()).await.unwrap();
    assert!(!carried.groups.is_empty());
    let loaded = saved_and_loaded(carried.clone(), &tasks);
    assert_eq!(format!("{loaded:?}"), format!("{carried:?}"));
    // A walk that begins again has other tasks at these places.
    assert!(saved_and_loaded(carried, &one_task()).groups.is_empty());
}

#[tokio::test]
async fn forced_tokens_are_counted_and_not_learned_from() {
    let draws = one_task().next_draws(1);
    let mut sampling = sampling();
    let budget = ThinkingBudget { max_tokens: 4, forced_text: "\n</think>\n\n".to_owned() };
    let opens = vec![(OPENING, 1000.0)];
    let params =
        SamplingParams { thinking: Some(budget), logit_bias: opens, ignore_eos: true, ..(*sampling.params).clone() };
    sampling.params = Arc::new(params);
    let groups = groups_of(&collector().await, &draws, &sampling).await;
    let learned = trajectories(&groups, None);
    for (rollout, trajectory) in groups[0].rollouts.iter().zip(&learned[0].trajectories) {
        let sequence = &rollout.sequences[0];
        let (num_prompt, num_forced) = (sequence.prompt_ids().len(), rollout.num_tokens_of(TokenSource::Forced));
        assert!(num_forced > 1);
        // The first token opens the thinking, and four think.
        let behind = num_prompt + 5 + num_forced;
        assert_eq!(trajectory.targets, [num_prompt..num_prompt + 5, behind..behind + 7]);
        assert_eq!(trajectory.rollout_logprobs.len(), 12);
        trajectory.validate().unwrap();
    }
    let metrics = batch_metrics(&Batch { kept: groups, ..Batch::default() });
    let forced: usize = 3 * (learned[0].trajectories[0].ids.len() - learned[0].trajectories[0].targets[0].start - 12);
    assert_eq!(metrics.get(names::COMPLETION_FORCED_TOKENS.name), Some(forced as f64));
}

/// Text that ends the thinking with a call.
const CALLING: &str = "</think><tool_call>{\"name\": \"echo\", \"arguments\": {\"a\": 1}}</tool_call>";

const KEEPS: &str = "{% for m in messages %}[{{ m.role }}]{{ m.content }}<|im_end|>{% endfor %}\
                     {% if add_generation_prompt %}[assistant]<think>{% endif %}";
const REWRITES: &str = "{% for m in messages %}[{{ m.role }}]{{ m.content.split('</think>')[-1] }}<|im_end|>\
                        {% endfor %}\
                        {% if add_generation_prompt %}[assistant]<think>{% endif %}";

/// Completions that think two tokens, call a tool, say three tokens, and then end at once.
fn calling(collector: &Collector, tool: impl Tool + 'static, section: ToolsSection) -> Sampling {
    let plain = sampling();
    let tools: Vec<Arc<dyn Tool>> = vec![Arc::new(tool)];
    let tools = ToolBox::new(tools, section, collector.texts.clone(), plain.prompt.clone()).unwrap();
    let params = SamplingParams {
        thinking: Some(ThinkingBudget { max_tokens: 2, forced_text: CALLING.to_owned() }),
        logit_bias: vec![(END, 1000.0)],
        min_new_tokens: 5,
        bad_words: vec![vec![OPENING], vec![OPENING + 1]],
        ..(*plain.params).clone()
    };
    Sampling { params: Arc::new(params), tools: Some(Arc::new(tools)), ..plain }
}

/// A draw that is sampled so, and its collector.
async fn draw_that_calls(template: &str, section: &str) -> (Collector, Sampling, Draw) {
    let collector = collector_of(template, |_, _| {}).await;
    let sampling = calling(&collector, Scripted("echo"), toml::from_str(section).unwrap());
    let mut draw = one_task().next_draw();
    sampling.tools.iter().for_each(|tools| tools.offer(Arc::make_mut(&mut draw.task)));
    (collector, sampling, draw)
}

/// The group of such a draw.
async fn called(template: &str, section: &str) -> (Collector, Vec<Group>) {
    let (collector, sampling, draw) = draw_that_calls(template, section).await;
    let groups = groups_of(&collector, &[draw], &sampling).await;
    (collector, groups)
}

/// These samples of the task of such a draw, in an evaluation.
async fn held_out(collector: &Collector, sampling: &Sampling, draw: &Draw, samples: Vec<u64>) -> Vec<EndedRollout> {
    let Draw { number: place, task } = draw.clone();
    let format = PromptFormat::of_texts(&collector.texts, &sampling.prompt).unwrap();
    let prompt = format.prompt(task.as_ref().into()).unwrap();
    let conversation = task.messages.as_slice().into();
    let task = SuiteTask {
        task,
        conversation,
        category: String::new(),
        erratum: None,
        corrected: None,
        continuations: Vec::new(),
    };
    let wanted = vec![WantedSamples { place, task: &task, prompt: &prompt, samples }];
    let mut stream = collector.sample_each(wanted, &sampling.params, sampling.tools.as_ref()).unwrap();
    let mut ended = Vec::new();
    while let Some(rollout) = stream.next().await.unwrap() {
        ended.push(rollout);
    }
    ended.sort_by_key(|rollout| rollout.completion.sample);
    ended
}

#[tokio::test]
async fn held_out_tasks_call_tools_as_those_of_training() {
    for template in [KEEPS, REWRITES] {
        let (collector, sampling, draw) = draw_that_calls(template, "lag = 5").await;
        let groups = groups_of(&collector, std::slice::from_ref(&draw), &sampling).await;
        let ended = held_out(&collector, &sampling, &draw, vec![0, 1, 2]).await;
        assert_eq!(ended.len(), 3);
        for (ended, rollout) in ended.iter().zip(&groups[0].rollouts) {
            let completion = &ended.completion;
            let sequences = [&completion.earlier_sequences[..], std::slice::from_ref(&completion.sequence)].concat();
            assert_eq!((&sequences, &completion.text), (&rollout.sequences, &rollout.text));
            let [turn, result] = ended.turns.as_slice() else { panic!("{:?}", ended.turns) };
            assert!(turn.role == "assistant" && turn.content.contains("<tool_call>"), "{turn:?}");
            assert_eq!(result, &Message::new("tool", "{\"a\":1}"));
            assert!(ended.thinking_open);
            assert_eq!((ended.num_sampled(), ended.num_prompt_tokens()), (7, sequences[0].prompt_ids().len()));
        }
        // By itself a sample is what it is beside others.
        let alone = held_out(&collector, &sampling, &draw, vec![1]).await;
        assert_eq!((&alone[0].completion, &alone[0].turns), (&ended[1].completion, &ended[1].turns));
    }
}

fn shape(sequence: &Sequence) -> Vec<(TokenSource, usize)> {
    sequence.segments().iter().map(|segment| (segment.source, segment.ids.len())).collect()
}

#[tokio::test]
async fn a_completion_that_calls_a_tool_goes_on_behind_its_result() {
    let (collector, groups) = called(KEEPS, "").await;
    let encode = |text: &str| collector.texts.tokenizer.encode(text).unwrap();
    let learned = trajectories(&groups, Some(&[vec![0.5; 3]]));
    for (rollout, trajectory) in groups[0].rollouts.iter().zip(&learned[0].trajectories) {
        assert_eq!(rollout.sequences.len(), 1);
        let sequence = &rollout.sequences[0];
        let result = encode("[tool]{\"a\":1}<|im_end|>[assistant]<think>");
        let (num_prompt, num_forced) = (sequence.prompt_ids().len(), encode(CALLING).len());
        let expected = [
            (TokenSource::Prompt, num_prompt),
            (TokenSource::Sampled, 2),
            (TokenSource::Forced, num_forced),
            (TokenSource::Sampled, 4),
            (TokenSource::Tool, result.len()),
            (TokenSource::Sampled, 1),
        ];
        assert_eq!(shape(sequence), expected);
        assert_eq!(sequence.segments()[4].ids, result);
        assert_eq!((rollout.finish_reason, rollout.text.as_str()), (FinishReason::Stop, ""));
        let calls: Vec<_> = rollout.calls.iter().map(|call| (call.tool.as_str(), call.result.as_str())).collect();
        assert_eq!(calls, [("echo", "{\"a\":1}")]);
        assert_eq!(trajectory.targets, sequence.sampled_ranges());
        assert_eq!((trajectory.num_targets(), trajectory.rollout_logprobs.len()), (7, 7));
        trajectory.validate().unwrap();
    }
    let metrics = tool_metrics(&Batch { kept: groups, ..Batch::default() });
    assert_eq!((metrics.get("tools/calls"), metrics.get("tools/errors")), (Some(3.0), Some(0.0)));
}

#[tokio::test]
async fn a_template_that_rewrites_history_makes_sequences_of_one_advantage() {
    let (collector, groups) = called(REWRITES, "").await;
    let learned = trajectories(&groups, Some(&[vec![0.5, -0.25, 0.0]]));
    assert_eq!(learned[0].trajectories.len(), 6);
    for (rollout, pair) in groups[0].rollouts.iter().zip(learned[0].trajectories.chunks(2)) {
        let [first, second] = rollout.sequences.as_slice() else { panic!("{} sequences", rollout.sequences.len()) };
        assert_eq!((first.num_sampled(), second.num_sampled()), (6, 1));
        let prompt = collector.texts.tokenizer.decode(second.prompt_ids(), false).unwrap();
        assert!(prompt.starts_with("[user]1 + 1?<|im_end|>[assistant]<tool_call>"), "{prompt}");
        assert!(prompt.ends_with("<|im_end|>[tool]{\"a\":1}<|im_end|>[assistant]<think>"), "{prompt}");
        assert_eq!(pair[0].advantages, pair[1].advantages);
        assert_eq!([&pair[0].targets, &pair[1].targets], [&first.sampled_ranges(), &second.sampled_ranges()]);
    }
    let (_, kept) = called(REWRITES, "keep_history = true").await;
    let (_, whole) = called(KEEPS, "").await;
    let ids =
        |groups: &[Group]| groups[0].rollouts.iter().map(|rollout| rollout.sequences[0].ids()).collect::<Vec<_>>();
    assert_eq!(ids(&kept), ids(&whole));
}
