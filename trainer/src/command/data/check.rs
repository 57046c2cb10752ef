//! `trainer data check`: what stands in a file of data, and what a run on it would be worth.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use clap::Args;
use datasets::layout::Records;
use datasets::overlap::{Overlap, OverlapIndex, duplicates};
use datasets::{DataSource, Loaded, Message, PreferencePair, Task, Trace};
use evaluation::{SuiteSource, TaskChoice, select};
use hub::ModelFiles;
use policy::Texts;
use record::atomic::write_file;
use serde::{Deserialize, Serialize};
use strum::VariantArray;
use verifiers::{RewardConfig, VerifiersConfig};

use super::lengths::{HasQuestion, Lengths};
use super::source_args::SourceArgs;
use crate::cheap::{CheapShares, CheapWay, cheap_shares};
use crate::config::{PromptSection, SandboxSection, Source, load_part};
use crate::failure::Usage;
use crate::held_out::usage;
use crate::interrupt::Interrupt;
use crate::judge::Judge;
use crate::named_files::NamedFiles;
use crate::prompt::PromptFormat;
use crate::prompt_check::load_texts;
use crate::stdout::print;

/// Most rows of each finding that are printed; the file has all.
const PRINTED: usize = 10;
/// Most characters of a text that are printed.
const SHOWN: usize = 160;

/// What `trainer data check` takes.
#[derive(Debug, Args)]
pub(crate) struct DataCheckArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// A suite and its data, or any file of tasks, whose texts the data must not hold (may be given several times).
    #[arg(long, value_name = "SUITE=FILE")]
    against: Vec<String>,
    /// A Hugging Face folder, or the name of a model of the hub, by whose template and tokenizer prompts are measured.
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    /// Tasks of each verifier and kind that are judged with completions worth nothing; 0 judges none.
    #[arg(long, default_value_t = 64)]
    cheap_sample: usize,
    /// A run's TOML file: its sections for prompts, verifiers and the sandbox are used.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Overrides one key, as in --set verifiers.code.partial_credit=true (may be given several times).
    #[arg(long, value_name = "SECTION.KEY=VALUE")]
    set: Vec<String>,
    /// Also write the findings to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// The sections of a run's configuration that are read here.
#[derive(Default, Deserialize)]
#[serde(default)]
struct CheckConfig {
    prompt: PromptSection,
    verifiers: VerifiersConfig,
    sandbox: SandboxSection,
}

/// All that was found.
#[derive(Debug, Default, Serialize)]
struct DataFindings {
    num_rows: u64,
    num_records: usize,
    num_filtered: u64,
    layout: String,
    records: String,
    kinds: BTreeMap<String, usize>,
    verifiers: BTreeMap<String, usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lengths: Option<Lengths>,
    /// Number of tasks by the verifier that they name and that there is not.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    without_verifier: BTreeMap<String, usize>,
    /// Rows that cannot be read or judged.
    unreadable: Vec<UnreadableRow>,
    /// Rows that are others again.
    duplicates: Vec<DuplicateRow>,
    /// Texts of the same words under several ids.
    repeated_texts: Vec<RepeatedText>,
    overlaps: Vec<FoundOverlap>,
    /// Wording that many texts share, which is no overlap.
    shared_wording: Vec<SharedWording>,
    /// Share of the judged tasks that pass, by way.
    cheap: BTreeMap<String, f64>,
    cheap_by: Vec<CheapPart>,
}

#[derive(Debug, Serialize)]
struct UnreadableRow {
    place: String,
    problem: String,
}

#[derive(Debug, Serialize)]
struct DuplicateRow {
    place: String,
    first: String,
}

#[derive(Debug, Serialize)]
struct RepeatedText {
    ids: Vec<String>,
    text: String,
}

#[derive(Debug, Serialize)]
struct FoundOverlap {
    kind: &'static str,
    id: String,
    text: String,
    suite: String,
    suite_id: String,
    suite_text: String,
    shared: String,
    num_shared_words: usize,
}

#[derive(Debug, Serialize)]
struct SharedWording {
    suite: String,
    text: String,
    num_texts: u64,
}

#[derive(Debug, Serialize)]
struct CheapPart {
    verifier: String,
    kind: String,
    num_tasks: usize,
    num_judged: usize,
    shares: BTreeMap<String, f64>,
}

/// Runs the command.
///
/// # Errors
/// The data, a suite or the model's texts cannot be read, or the user interrupts.
pub(super) async fn run(mut args: DataCheckArgs, interrupt: &Interrupt) -> Result<()> {
    let named = NamedFiles::new(interrupt);
    args.source.fetch(&named).await?;
    if let Some(model) = &mut args.model {
        named.model("--model", model, ModelFiles::Texts).await?;
    }
    named.suites("--against", &[], None, &mut args.against).await?;
    let args = &args;
    let config = Source { path: args.config.as_deref(), assignments: args.set.clone(), moved: None };
    let CheckConfig { prompt, verifiers, sandbox } = load_part(&config)?;
    prompt.validate()?;
    verifiers.validate().map_err(|error| Usage::error(error.to_string()))?;
    let texts = args.model.as_ref().map(|folder| load_texts(folder, &prompt)).transpose()?;
    let measure = Measure { texts: texts.as_ref(), section: &prompt };
    let source = args.source.source();
    let layout = source.layout(None)?;
    let mut findings =
        DataFindings { layout: layout.name.clone(), records: layout.records.to_string(), ..DataFindings::default() };
    let asked = match layout.records {
        Records::Tasks => {
            let loaded = tokio::task::block_in_place(|| source.tasks())?;
            let asked = findings.account(&loaded, &measure, |task: &Task| (&task.id, &task.messages))?;
            for task in &loaded.records {
                *findings.kinds.entry(task.kind.to_string()).or_default() += 1;
                for verifier in &task.verifiers {
                    *findings.verifiers.entry(verifier.name.clone()).or_default() += 1;
                }
            }
            let names = findings.verifiers.keys().cloned().collect();
            let judge = Arc::new(Judge::start_for(&names, &verifiers, &RewardConfig::default(), &sandbox).await?);
            findings.judge(args, loaded, &judge, interrupt).await?;
            if let Some(judge) = Arc::into_inner(judge) {
                judge.stop().await;
            }
            asked
        }
        Records::Traces => {
            let loaded = tokio::task::block_in_place(|| source.traces())?;
            let kind = |trace: &Trace| trace.kind.as_ref().map_or("none".to_owned(), ToString::to_string);
            loaded.records.iter().for_each(|trace| *findings.kinds.entry(kind(trace)).or_default() += 1);
            findings.account(&loaded, &measure, |trace: &Trace| (&trace.id, &trace.messages))?
        }
        Records::Preferences => {
            let loaded = tokio::task::block_in_place(|| source.preferences())?;
            let kind = |pair: &PreferencePair| pair.kind.as_ref().map_or("none".to_owned(), ToString::to_string);
            loaded.records.iter().for_each(|pair| *findings.kinds.entry(kind(pair)).or_default() += 1);
            findings.account(&loaded, &measure, |pair: &PreferencePair| (&pair.id, &pair.messages))?
        }
    };
    tokio::task::block_in_place(|| findings.compare(&args.against, asked))?;
    print(findings.words())?;
    if let Some(path) = &args.json {
        write_file(path, &serde_json::to_vec_pretty(&findings)?)?;
    }
    Ok(())
}

/// How lengths are measured, where a model is given.
struct Measure<'a> {
    texts: Option<&'a Texts>,
    section: &'a PromptSection,
}

/// Texts by their ids.
type AskedTexts = Vec<(String, String)>;

impl DataFindings {
    /// Counts rows, duplicates and lengths; returns what is asked by each record's id.
    fn account<T: HasQuestion>(
        &mut self,
        loaded: &Loaded<T>,
        measure: &Measure<'_>,
        parts: impl Fn(&T) -> (&String, &Vec<Message>),
    ) -> Result<AskedTexts> {
        self.num_rows = loaded.num_rows;
        self.num_records = loaded.records.len();
        self.num_filtered = loaded.num_filtered;
        let unreadable = loaded.unreadable.iter();
        self.unreadable
            .extend(unreadable.map(|row| UnreadableRow { place: row.place.to_string(), problem: row.problem.clone() }));
        let others_again = loaded.duplicates.iter();
        self.duplicates.extend(
            others_again.map(|row| DuplicateRow { place: row.place.to_string(), first: row.first.to_string() }),
        );
        if let Some(texts) = measure.texts {
            let format = PromptFormat::of_texts(texts, measure.section)?;
            self.lengths = Lengths::of(&loaded.records, &format, texts.max_positions);
        }
        let asked: AskedTexts = loaded
            .records
            .iter()
            .map(|record| {
                let (id, messages) = parts(record);
                (id.clone(), question(messages))
            })
            .collect();
        self.repeated_texts = duplicates(asked.clone())
            .into_iter()
            .map(|group| RepeatedText { ids: group.ids, text: group.text })
            .collect();
        Ok(asked)
    }

    /// Finds tasks that cannot be judged, and what the others give for nothing.
    async fn judge(
        &mut self,
        args: &DataCheckArgs,
        loaded: Loaded<Task>,
        judge: &Arc<Judge>,
        interrupt: &Interrupt,
    ) -> Result<()> {
        let names = self.verifiers.keys().map(String::as_str).filter(|name| judge.verifiers().get(name).is_ok());
        judge.verifiers().prepare(names).await.map_err(|error| Usage::error(error.to_string()))?;
        let mut tasks = Vec::with_capacity(loaded.records.len());
        for (task, place) in loaded.records.into_iter().zip(&loaded.places) {
            let unknown = task.verifiers.iter().find(|verifier| judge.verifiers().get(&verifier.name).is_err());
            if let Some(verifier) = unknown {
                *self.without_verifier.entry(verifier.name.clone()).or_default() += 1;
                continue;
            }
            match judge.verifiers().check(&task) {
                Ok(()) => tasks.push(Arc::new(task)),
                Err(error) => {
                    let problem = format!("task {}: {error}", task.id);
                    self.unreadable.push(UnreadableRow { place: place.to_string(), problem });
                }
            }
        }
        // A verifier without a rule has no verdict to give.
        let is_asked = |name: &str| name != "preference";
        let parts = cheap_shares(&tasks, judge, args.cheap_sample, is_asked, interrupt).await?;
        let num_judged: usize = parts.iter().map(|part| part.num_judged).sum();
        if num_judged > 0 {
            for way in CheapWay::VARIANTS {
                let num_passed: usize = parts.iter().filter_map(|part| part.num_passed.get(way)).sum();
                self.cheap.insert(way.as_str().to_owned(), num_passed as f64 / num_judged as f64);
            }
        }
        self.cheap_by = parts.iter().map(cheap_part).collect();
        Ok(())
    }

    /// Finds what the texts have in common with suites.
    fn compare(&mut self, against: &[String], asked: AskedTexts) -> Result<()> {
        for given in against {
            let (suite, texts) = suite_texts(given)?;
            let found = OverlapIndex::new(texts).search(asked.iter().cloned());
            self.overlaps.extend(found.found.into_iter().map(|overlap| found_overlap(&suite, overlap)));
            let wording = found.wording.into_iter();
            self.shared_wording.extend(wording.map(|wording| SharedWording {
                suite: suite.clone(),
                text: wording.text,
                num_texts: wording.num_training_texts,
            }));
        }
        Ok(())
    }

    /// The findings for people.
    fn words(&self) -> String {
        let mut text = format!(
            "layout       {} ({})\nrows         {}: {} records, {} filtered out\n",
            self.layout, self.records, self.num_rows, self.num_records, self.num_filtered
        );
        let counted = |counts: &BTreeMap<String, usize>| {
            counts.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
        };
        let counts = [("kinds", &self.kinds), ("verifiers", &self.verifiers), ("no verifier", &self.without_verifier)];
        for (title, counts) in counts {
            if !counts.is_empty() {
                text += &format!("{title:<12} {}\n", counted(counts));
            }
        }
        if let Some(lengths) = &self.lengths {
            text += &format!("prompts      {}\n", lengths.words());
        }
        let rows = self.unreadable.iter().map(|row| format!("{}: {}", row.place, row.problem));
        text += &list("unreadable", rows);
        let rows = self.duplicates.iter().map(|row| format!("{} is {} again", row.place, row.first));
        text += &list("duplicates", rows);
        let rows = self.repeated_texts.iter().map(|group| format!("{}: {}", group.ids.join(", "), cut(&group.text)));
        text += &list("same texts", rows);
        let rows = self.overlaps.iter().map(|one| {
            let (ours, theirs) = (cut(&one.text), cut(&one.suite_text));
            format!("{} {} and {} {}\n      {ours}\n      {theirs}", one.kind, one.id, one.suite, one.suite_id)
        });
        text += &list("overlaps", rows);
        if !self.shared_wording.is_empty() {
            let rows = self.shared_wording.iter();
            let rows = rows.map(|one| format!("{} texts, {}: {}", one.num_texts, one.suite, cut(&one.text)));
            text += &list("wording", rows);
        }
        for part in &self.cheap_by {
            let shares: Vec<String> = CheapWay::VARIANTS
                .iter()
                .map(|way| format!("{} {:.0} %", way.as_str().replace('_', " "), 100.0 * part.shares[way.as_str()]))
                .collect();
            text += &format!(
                "for nothing  {}, {} ({} of {} tasks): {}\n",
                part.verifier,
                part.kind,
                part.num_judged,
                part.num_tasks,
                shares.join(", ")
            );
        }
        text
    }
}

fn cheap_part(shares: &CheapShares) -> CheapPart {
    let by_way = CheapWay::VARIANTS.iter().map(|way| (way.as_str().to_owned(), shares.share(*way)));
    CheapPart {
        verifier: shares.verifier.clone(),
        kind: shares.kind.to_string(),
        num_tasks: shares.num_tasks,
        num_judged: shares.num_judged,
        shares: by_way.collect(),
    }
}

fn found_overlap(suite: &str, overlap: Overlap) -> FoundOverlap {
    FoundOverlap {
        kind: overlap.kind.name(),
        id: overlap.training_id,
        text: overlap.training_text,
        suite: suite.to_owned(),
        suite_id: overlap.suite_id,
        suite_text: overlap.suite_text,
        shared: overlap.shared,
        num_shared_words: overlap.num_shared_words,
    }
}

/// The texts of a suite, as its data have them: `SUITE=FILE`, or any file of tasks.
fn suite_texts(given: &str) -> Result<(String, AskedTexts)> {
    if let Some((name, path)) = given.split_once('=')
        && let Ok(selection) = select(name)
        && let Ok([suite]) = <[_; 1]>::try_from(selection.suites)
    {
        let (tasks, _) = SuiteSource::new([path]).tasks(suite, TaskChoice::default()).map_err(usage)?;
        let texts = tasks.tasks.iter().map(|task| (task.task.id.clone(), question(&task.task.messages)));
        return Ok((name.to_owned(), texts.collect()));
    }
    if !std::path::Path::new(given).exists() {
        return Err(Usage::error(format!(
            "--against {given}: give a suite and its data as SUITE=FILE, or a file of tasks"
        )));
    }
    let tasks = DataSource::new([given]).tasks()?;
    let texts = tasks.records.iter().map(|task| (task.id.clone(), question(&task.messages)));
    Ok((given.to_owned(), texts.collect()))
}

/// What is asked: all turns but those that instruct or answer.
fn question(messages: &[Message]) -> String {
    let asked = messages.iter().filter(|message| message.role == "user").map(|message| message.content.as_str());
    asked.collect::<Vec<_>>().join("\n")
}

/// A finding's title and count, with its first rows.
fn list(title: &str, rows: impl Iterator<Item = String>) -> String {
    let rows: Vec<String> = rows.collect();
    let mut text = format!("{title:<12} {}\n", rows.len());
    for row in rows.iter().take(PRINTED) {
        text += &format!("    {row}\n");
    }
    if rows.len() > PRINTED {
        text += &format!("    and {} more\n", rows.len() - PRINTED);
    }
    text
}

/// The beginning of a text, on one line.
fn cut(text: &str) -> String {
    let text = text.replace('\n', " ");
    match text.char_indices().nth(SHOWN) {
        None => text,
        Some((end, _)) => format!("{} …", &text[..end]),
    }
}
