//! `trainer render`: the prompts of tasks, as text and ids, in the same order. No weights are read.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use datasets::{Message, TaskKind};
use hub::ModelFiles;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::PromptSection;
use crate::failure::Usage;
use crate::interrupt::Interrupt;
use crate::named_files::NamedFiles;
use crate::prompt::{Prompt, PromptFormat, Question};
use crate::prompt_check::load_texts;

/// What `trainer render` takes.
#[derive(Debug, Args)]
pub(crate) struct RenderArgs {
    /// A Hugging Face folder, or the name of a model of the hub; tokenizer, chat template and config.json are read.
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// A JSONL file of tasks; {"id", "messages"}, optionally with "task" and "tools", is enough.
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// Where {"id", "text", "ids", "turn_end"} go, one a line, in the input's order.
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// A TOML file whose section for prompts is used.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Overrides one key, as in --set prompt.arguments.enable_thinking=false (may be given several times).
    #[arg(long, value_name = "SECTION.KEY=VALUE")]
    set: Vec<String>,
}

/// The fields of a task that its prompt depends on.
#[derive(Deserialize)]
struct PromptTask {
    id: Value,
    #[serde(default, rename = "task")]
    kind: Option<TaskKind>,
    messages: Vec<Message>,
    #[serde(default)]
    tools: Option<Value>,
}

/// One line of output. `turn_end` is the id of the token that ends the turn which follows.
#[derive(Serialize)]
struct PromptLine<'a> {
    id: &'a Value,
    text: &'a str,
    ids: &'a [u32],
    turn_end: Option<u32>,
}

/// Runs the command.
///
/// # Errors
/// The configuration, the model's folder or a line of the input is malformed, or the template refuses a conversation
/// (file and line are named).
pub(crate) async fn run(mut args: RenderArgs, interrupt: &Interrupt) -> Result<()> {
    NamedFiles::new(interrupt).model("--model", &mut args.model, ModelFiles::Texts).await?;
    tokio::task::block_in_place(|| render(&args))
}

fn render(args: &RenderArgs) -> Result<()> {
    let section = PromptSection::load(args.config.as_deref(), &args.set)?;
    let texts = load_texts(&args.model, &section)?;
    let format = PromptFormat::of_texts(&texts, &section)?;
    let input = std::fs::read_to_string(&args.input).with_context(|| args.input.display().to_string())?;
    let numbered: Vec<(usize, &str)> = input.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).collect();
    let prompts: Vec<Result<(Value, Prompt)>> = numbered
        .par_iter()
        .map(|(index, line)| {
            let line = line.trim_start_matches('\u{feff}');
            let place =
                |error: anyhow::Error| Usage::error(format!("{}, line {}: {error:#}", args.input.display(), index + 1));
            prompt(&format, line).map_err(place)
        })
        .collect();
    let prompts = prompts.into_iter().collect::<Result<Vec<_>>>()?;
    if prompts.is_empty() {
        return Err(Usage::error(format!("{}: holds no task", args.input.display())));
    }
    write(&args.output, &prompts, texts.turn_end.as_ref().map(|end| end.id))
        .with_context(|| args.output.display().to_string())
}

fn prompt(format: &PromptFormat<'_>, line: &str) -> Result<(Value, Prompt)> {
    let task: PromptTask = serde_json::from_str(line)?;
    let question = Question { kind: task.kind.as_ref(), messages: &task.messages, tools: task.tools.as_ref() };
    let prompt = format.prompt(question).with_context(|| format!("task {}", task.id))?;
    Ok((task.id, prompt))
}

fn write(path: &Path, prompts: &[(Value, Prompt)], turn_end: Option<u32>) -> Result<()> {
    let mut file = BufWriter::new(std::fs::File::create(path)?);
    for (id, Prompt { text, ids, .. }) in prompts {
        serde_json::to_writer(&mut file, &PromptLine { id, text, ids, turn_end })?;
        file.write_all(b"\n")?;
    }
    Ok(file.flush()?)
}
