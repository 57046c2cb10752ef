//! `trainer data show`: the first records as they will be asked and judged.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use datasets::layout::{Layout, Records};
use datasets::{Loaded, Message, PreferencePair, Task, Trace};
use hub::ModelFiles;
use policy::Texts;
use serde_json::Value;

use super::source_args::SourceArgs;
use crate::config::PromptSection;
use crate::interrupt::Interrupt;
use crate::named_files::NamedFiles;
use crate::prompt::{PromptFormat, Question, conversation};
use crate::prompt_check::load_texts;
use crate::stdout::print;

/// Most characters of a text that are shown.
const SHOWN: usize = 2000;
/// Most rows that cannot be read and are named.
const NAMED: usize = 5;

/// What `trainer data show` takes.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// Number of records.
    #[arg(long, default_value_t = 3)]
    records: usize,
    /// A Hugging Face folder, or the name of a model of the hub, by whose template prompts are rendered.
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    /// A run's TOML file whose section for prompts is used.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Overrides one key, as in --set prompt.system=... (may be given several times).
    #[arg(long, value_name = "SECTION.KEY=VALUE")]
    set: Vec<String>,
}

/// Runs the command.
///
/// # Errors
/// The data or the model's texts cannot be read.
pub(super) async fn run(mut args: ShowArgs, interrupt: &Interrupt) -> Result<()> {
    let named = NamedFiles::new(interrupt);
    args.source.fetch(&named).await?;
    if let Some(model) = &mut args.model {
        named.model("--model", model, ModelFiles::Texts).await?;
    }
    tokio::task::block_in_place(|| show_source(&args))
}

fn show_source(args: &ShowArgs) -> Result<()> {
    let section = PromptSection::load(args.config.as_deref(), &args.set)?;
    let texts = args.model.as_ref().map(|folder| load_texts(folder, &section)).transpose()?;
    let source = args.source.source();
    let layout = source.layout(None)?;
    print(layout_words(&layout))?;
    let asked = Asking { texts: texts.as_ref(), section: &section };
    match layout.records {
        Records::Tasks => show(&source.tasks()?, args.records, |task| asked.task(task)),
        Records::Traces => show(&source.traces()?, args.records, |trace| asked.trace(trace)),
        Records::Preferences => show(&source.preferences()?, args.records, |pair| asked.pair(pair)),
    }
}

/// The layout and its mapping.
fn layout_words(layout: &Layout) -> String {
    // A layout of the user's own may say nothing of itself.
    let about = if layout.about.is_empty() { String::new() } else { format!(": {}", layout.about) };
    let mut text = format!("layout {}{about}\n", layout.name);
    let facts = [
        ("records", Some(layout.records.to_string())),
        ("source", layout.source.clone()),
        ("licence", layout.license.clone()),
        ("split", layout.split.clone()),
        ("verifiers", Some(layout.verifier_names().join(", ")).filter(|names| !names.is_empty())),
    ];
    for (name, value) in facts {
        if let Some(value) = value {
            text += &format!("  {name:<10} {value}\n");
        }
    }
    let mapping = layout.mapping();
    if !mapping.is_empty() {
        text += "mapping\n";
    }
    for (part, expression) in mapping {
        text += &format!("  {part:<24} {}\n", expression.replace('\n', "\n                           "));
    }
    text
}

fn show<T>(loaded: &Loaded<T>, count: usize, mut words: impl FnMut(&T) -> Result<String>) -> Result<()> {
    let Loaded { num_rows, num_filtered, duplicates, unreadable, records, .. } = loaded;
    print(format_args!(
        "{num_rows} rows: {} records, {num_filtered} filtered out, {} others again, {} that cannot be read\n",
        records.len(),
        duplicates.len(),
        unreadable.len()
    ))?;
    for row in unreadable.iter().take(NAMED) {
        print(format_args!("  {}: {}\n", row.place, row.problem))?;
    }
    for (record, place) in records.iter().zip(&loaded.places).take(count) {
        print(format_args!("\n=== {place}\n{}", words(record)?))?;
    }
    Ok(())
}

/// How records are asked.
struct Asking<'a> {
    texts: Option<&'a Texts>,
    section: &'a PromptSection,
}

impl Asking<'_> {
    fn task(&self, task: &Task) -> Result<String> {
        let mut text = format!("id         {}\nkind       {}\n", task.id, task.kind);
        text += &self.question(task.into())?;
        for verifier in &task.verifiers {
            text += &format!("--- judged by {} (weight {})\n", verifier.name, verifier.weight);
            text += &format!("{}\n", cut(&shown(&verifier.ground_truth)));
        }
        Ok(text)
    }

    fn trace(&self, trace: &Trace) -> Result<String> {
        let turns = conversation(trace.into(), self.section);
        Ok(format!("id         {}\n{}", trace.id, turns_words(&turns)))
    }

    fn pair(&self, pair: &PreferencePair) -> Result<String> {
        let (chosen, rejected) = (cut(&pair.chosen), cut(&pair.rejected));
        let question = self.question(pair.into())?;
        Ok(format!("id         {}\n{question}--- chosen\n{chosen}\n--- rejected\n{rejected}\n", pair.id))
    }

    /// The prompt as a model's template renders it, or else its turns.
    fn question(&self, question: Question<'_>) -> Result<String> {
        match self.texts {
            Some(texts) => {
                let prompt = PromptFormat::of_texts(texts, self.section)?.prompt(question)?;
                Ok(format!("--- prompt ({} tokens)\n{}\n", prompt.ids.len(), cut(&prompt.text)))
            }
            None => {
                let mut text = turns_words(&conversation(question, self.section));
                if let Some(tools) = question.tools {
                    text += &format!("--- tools\n{}\n", cut(&tools.to_string()));
                }
                Ok(text)
            }
        }
    }
}

fn turns_words(turns: &[Message]) -> String {
    turns.iter().map(|turn| format!("--- {}\n{}\n", turn.role, cut(&turn.content))).collect()
}

/// A key as text: a text as it is, anything else as JSON.
fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The beginning of a text, with the number of characters that are not shown.
fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        None => text.to_owned(),
        Some((end, _)) => format!("{} … ({} more characters)", &text[..end], text[end..].chars().count()),
    }
}
