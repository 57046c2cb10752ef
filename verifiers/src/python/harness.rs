//! What the harness in Python is told, and what it says: the header of a run, and the lines that follow its mark.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};

use serde::{Deserialize, Serialize};

use super::config::PythonIsolation;
use super::plugin_file::PluginFile;
use crate::VerdictKind;
use crate::batching::Call;
use crate::line_process::Step;
use crate::plugin_answer::PluginAnswer;

/// Program that loads a plug-in and judges batches.
pub(super) const JUDGING: &str = concat!(include_str!("harness.py"), "\n\nmain()\n");

/// Program that loads a plug-in and finds its function.
pub(super) const FINDING: &str =
    concat!(include_str!("harness.py"), "\n\n", include_str!("find.py"), "\n\nmain(find)\n");

/// The parameters by which a function was recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Style {
    /// `verify(prompt, completion, answer, **extra)`.
    Ours,
    /// `compute_score(data_source, solution_str, ground_truth, extra_info)`.
    Verl,
    /// `f(prompts, completions, **kwargs)`.
    Trl,
}

/// The function of a plug-in and how it is called.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Found {
    pub function: String,
    pub style: Style,
    pub is_async: bool,
    /// Names that it takes; all where it takes any.
    pub names: Option<Vec<String>>,
    /// Names that it must be given.
    pub needed: Vec<String>,
    /// True where it gets conversations as messages.
    pub messages: bool,
}

impl Found {
    /// True where its calls follow each other, so that the first without an answer is the one that runs.
    pub(super) fn is_sequential(&self) -> bool {
        self.style != Style::Trl && !self.is_async
    }
}

/// Code that an interpreter compiled, in base64; only one of the same magic number can run it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Compiled {
    pub magic: String,
    /// [`JUDGING`].
    pub harness: String,
    /// The plug-in's file.
    pub file: String,
}

impl Compiled {
    /// The program that judges batches: the compiled one, or in another interpreter the text.
    pub(super) fn program(&self) -> String {
        let Self { magic, harness, .. } = self;
        let text = serde_json::Value::from(JUDGING); // JSON's text in ASCII is Python's
        format!(
            "import _frozen_importlib_external as f, binascii, marshal\n\
             exec(marshal.loads(binascii.a2b_base64('{harness}')) if f.MAGIC_NUMBER.hex() == '{magic}' \
             else compile({text}, 'harness.py', 'exec'))\n"
        )
    }
}

#[derive(Serialize)]
struct Header<'a> {
    path: &'a str,
    source: &'a str,
    mark: &'a str,
    /// True where modules beside the file may be imported.
    own_folder: bool,
    function: Option<&'a str>,
    style: Option<Style>,
    is_async: bool,
    names: Option<&'a [String]>,
    messages: Option<bool>,
    /// True where a batch is a group, whose call cannot be taken apart.
    group: bool,
    seconds: f64,
    /// Seconds after which no call of a batch is begun.
    patience: Option<f64>,
    /// The file's code and the interpreter that it is for.
    compiled: Option<&'a str>,
    magic: Option<&'a str>,
    /// Program to be compiled for other runs.
    judging: Option<&'a str>,
}

/// A run of the harness: what it is told first, and what precedes its answers.
pub(super) struct HarnessRun {
    mark: String,
}

impl HarnessRun {
    /// A run with a mark of its own, so that nothing that the plug-in prints is taken for an answer by accident.
    pub(super) fn new() -> Self {
        Self { mark: format!("ponder-{:016x} ", RandomState::new().hash_one(0)) }
    }

    /// The line that begins a run which finds the function, and compiles for other runs where `compiles`.
    pub(super) fn header_of_finding(&self, file: &PluginFile, compiles: bool) -> Vec<u8> {
        line_of(&Header { judging: compiles.then_some(JUDGING), ..self.header(file) })
    }

    /// The line that begins a run which judges; it begins no call after `patience` seconds.
    pub(super) fn header_of_judging(
        &self,
        file: &PluginFile,
        found: &Found,
        patience: Option<f64>,
        compiled: Option<&Compiled>,
    ) -> Vec<u8> {
        line_of(&Header {
            function: Some(&found.function),
            style: Some(found.style),
            is_async: found.is_async,
            names: found.names.as_deref(),
            messages: Some(found.messages),
            patience,
            compiled: compiled.map(|compiled| compiled.file.as_str()),
            magic: compiled.map(|compiled| compiled.magic.as_str()),
            ..self.header(file)
        })
    }

    fn header<'a>(&'a self, file: &'a PluginFile) -> Header<'a> {
        let config = &file.config;
        Header {
            path: &file.path,
            source: &file.text,
            mark: &self.mark,
            own_folder: config.isolation == PythonIsolation::Trusted,
            function: config.function.as_deref(),
            style: None,
            is_async: false,
            names: None,
            messages: config.conversational,
            group: config.group,
            seconds: config.timeout_seconds,
            patience: None,
            compiled: None,
            magic: None,
            judging: None,
        }
    }

    /// What a line says; `None` where it does not begin with the mark.
    ///
    /// # Errors
    /// It begins so and is nothing that the harness says.
    pub(super) fn read(&self, line: &str) -> Result<Option<Said>, String> {
        let Some(text) = line.strip_prefix(&self.mark) else { return Ok(None) };
        let line: Line = serde_json::from_str(text).map_err(|error| format!("its answer is malformed: {error}"))?;
        Ok(Some(match line {
            Line { refused: Some(refused), .. } => Said::Refused(refused),
            Line { found: Some(found), compiled, .. } => Said::Found(found, compiled),
            Line { index: Some(index), error: Some(error), kind, .. } => {
                Said::Failed { index, error, kind: kind.unwrap_or(VerdictKind::Crashed) }
            }
            Line { index: Some(index), score, passed, reason, kind, detail, .. } => {
                Said::Answer { index, answer: PluginAnswer { ask: None, score, passed, reason, kind, detail } }
            }
            Line { end: true, .. } => Said::End,
            _ => Said::Loaded,
        }))
    }
}

/// A line of the harness, as it is written.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Line {
    refused: Option<String>,
    found: Option<Found>,
    compiled: Option<Compiled>,
    end: bool,
    index: Option<usize>,
    error: Option<String>,
    score: Option<f32>,
    passed: Option<bool>,
    reason: String,
    kind: Option<VerdictKind>,
    detail: Option<String>,
}

/// What the harness says.
pub(super) enum Said {
    /// The file does not load, or has no function that fits, or two.
    Refused(String),
    /// The function that fits, and what was compiled.
    Found(Found, Option<Compiled>),
    /// The file is loaded.
    Loaded,
    /// The batch is over; calls without an answer were not begun.
    End,
    /// What a call raised.
    Failed { index: usize, error: String, kind: VerdictKind },
    /// What a call returned.
    Answer { index: usize, answer: PluginAnswer },
}

fn line_of(header: &Header<'_>) -> Vec<u8> {
    let mut line = serde_json::to_vec(header).expect("text and numbers can be written");
    line.push(b'\n');
    line
}

/// A batch as the line that the harness reads.
pub(super) fn batch_line(batch: &VecDeque<Call>) -> Vec<u8> {
    let mut line = b"[".to_vec();
    for (index, call) in batch.iter().enumerate() {
        if index > 0 {
            line.push(b',');
        }
        line.extend(&call.question);
    }
    line.extend(b"]\n");
    line
}

/// The step that a line of a batch is, in an exchange with a process.
pub(super) fn step(said: &Option<Said>) -> Step {
    match said {
        None => Step::Noise,
        Some(Said::End) => Step::Done,
        Some(_) => Step::Answered,
    }
}
