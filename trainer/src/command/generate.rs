//! `trainer generate`: prompts in a JSONL file, completions in another, in the same order.

use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Args;
use datasets::Message;
use hub::ModelFiles;
use policy::Policy;
use progress::{Progress, Unit};
use rollout::{Completion, EngineOptions, RolloutRequest, TokenDetails, generate};
use serde::{Deserialize, Serialize};

use crate::command::sampling_args::SamplingArgs;
use crate::config::{PromptSection, RunSection};
use crate::failure::Usage;
use crate::interrupt::Interrupt;
use crate::named_files::NamedFiles;
use crate::prompt::{PromptFormat, Question, thinking_open};
use crate::ranks::environment::refuse_ranks;

/// What `trainer generate` takes.
#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    /// A Hugging Face folder, or the name of a model of the hub.
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// A JSONL file of {"id", "messages"}, optionally with "tools", or {"id", "prompt"}.
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// Where the completions go, one a line, in the input's order.
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    sampling: SamplingArgs,
    /// Most completions in flight.
    #[arg(long, alias = "max-batch", default_value_t = 32)]
    max_sequences: usize,
    /// auto, cpu or cuda:N.
    #[arg(long, default_value = "auto")]
    device: String,
    /// float32 or bfloat16.
    #[arg(long, default_value = "float32")]
    dtype: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InputLine {
    id: serde_json::Value,
    messages: Option<Vec<Message>>,
    tools: Option<serde_json::Value>,
    prompt: Option<String>,
}

/// One line of output. `logprobs` are the model's own: of each token of `completion_ids` under its softmax at
/// temperature 1, before any filter; null where the token was forced. `top_logprobs` are pairs of id and such a
/// logprob. What is told on request stands there for each token of `completion_ids`, or not at all.
#[derive(Serialize)]
struct OutputLine<'a> {
    id: &'a serde_json::Value,
    prompt_ids: &'a [u32],
    completion: &'a str,
    completion_ids: &'a [u32],
    logprobs: Vec<Option<f32>>,
    finish_reason: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    top_logprobs: Vec<Option<Vec<(u32, f32)>>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    entropies: Vec<Option<f32>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    kept_ids: Vec<Option<&'a [u32]>>,
}

/// Runs the command.
///
/// # Errors
/// The input is bad (the error names file and line), the model does not load, or the user interrupts.
pub(crate) async fn run(mut args: GenerateArgs, interrupt: &Interrupt) -> Result<()> {
    refuse_ranks("generate")?;
    NamedFiles::new(interrupt).model("--model", &mut args.model, ModelFiles::All).await?;
    tokio::task::block_in_place(|| generate_all(&args, interrupt))
}

fn generate_all(args: &GenerateArgs, interrupt: &Interrupt) -> Result<()> {
    let params = args.sampling.params();
    params.validate().map_err(|error| Usage::error(error.to_string()))?;
    let params = Arc::new(params);
    let section = RunSection { device: args.device.clone(), dtype: args.dtype.clone(), ..RunSection::default() };
    let placement = section.resolve()?;
    let lines = read_lines(&args.input)?;
    let policy = Policy::load(&args.model, placement)?;
    let prompt = PromptSection::default();
    let format = PromptFormat::of_texts(&policy.texts, &prompt)?;
    let requests = (0..).zip(&lines).map(|(draw, line)| {
        let text = match (&line.messages, &line.prompt) {
            (Some(messages), _) => {
                let question = Question { kind: None, messages, tools: line.tools.as_ref() };
                format.render(question, None).with_context(|| format!("id {}", line.id))?.text
            }
            (None, prompt) => prompt.clone().unwrap_or_default(),
        };
        let (prompt_ids, thinking_open) = (format.encode(&text)?, thinking_open(&text));
        let label = Some(format!("id {}", line.id));
        Ok(RolloutRequest { draw, sample: 0, label, prompt_ids, thinking_open, params: params.clone() })
    });
    let requests = requests.collect::<Result<Vec<_>>>()?;
    let engine = EngineOptions { max_sequences: args.max_sequences, ..EngineOptions::default() };
    engine.validate().map_err(|error| Usage::error(error.to_string()))?;
    let mut completions: Vec<Option<Completion>> = lines.iter().map(|_| None).collect();
    let progress = Progress::start("generate", Unit::Parts, Some(lines.len() as u64));
    let mut num_done = 0;
    let stats = generate(&policy, requests, &engine, 0, interrupt.flag(), |completion| {
        let place = completion.draw as usize;
        completions[place] = Some(completion);
        num_done += 1;
        progress.reach(num_done, "");
    });
    interrupt.check()?;
    let stats = stats?;
    progress.finish(&format!("{:.0} tokens/s", stats.tokens_per_second()));
    write_lines(&args.output, &lines, &completions)
}

fn read_lines(path: &std::path::Path) -> Result<Vec<InputLine>> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let numbered = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let lines = numbered.map(|(i, line)| {
        let place = || format!("{}: line {}", path.display(), i + 1);
        let parsed: InputLine = serde_json::from_str(line).with_context(place)?;
        if parsed.messages.is_some() == parsed.prompt.is_some() {
            anyhow::bail!("{}: give either `messages` or `prompt`", place());
        }
        Ok(parsed)
    });
    let lines = lines.collect::<Result<Vec<_>>>()?;
    if lines.is_empty() {
        anyhow::bail!("{}: holds no prompt", path.display());
    }
    Ok(lines)
}

fn write_lines(path: &std::path::Path, lines: &[InputLine], completions: &[Option<Completion>]) -> Result<()> {
    let place = || path.display().to_string();
    let mut file = BufWriter::new(std::fs::File::create(path).with_context(place)?);
    for (line, completion) in lines.iter().zip(completions) {
        let completion = completion.as_ref().context("a completion is missing")?;
        let output = OutputLine {
            id: &line.id,
            prompt_ids: completion.prompt_ids(),
            completion: &completion.text,
            completion_ids: &completion.completion_ids(),
            logprobs: completion.sequence.over_completion(completion.sequence.raw_logprobs()),
            finish_reason: completion.finish_reason.as_str(),
            top_logprobs: told(completion, |details| Some(pairs(details)).filter(|pairs| !pairs.is_empty())),
            entropies: told(completion, |details| details.entropy),
            kept_ids: told(completion, |details| Some(&*details.kept_ids).filter(|ids| !ids.is_empty())),
        };
        serde_json::to_writer(&mut file, &output)?;
        file.write_all(b"\n").with_context(place)?;
    }
    file.flush().with_context(place)
}

/// What was told on request of each token of a completion, `None` of one that was forced; nothing where nothing was.
fn told<'a, T>(completion: &'a Completion, of: impl Fn(&'a TokenDetails) -> Option<T>) -> Vec<Option<T>> {
    let of_sampled: Vec<T> = completion.sequence.details().filter_map(of).collect();
    if of_sampled.is_empty() { Vec::new() } else { completion.sequence.over_completion(of_sampled) }
}

fn pairs(details: &TokenDetails) -> Vec<(u32, f32)> {
    details.top_logprobs.iter().map(|told| (told.id, told.logprob)).collect()
}
