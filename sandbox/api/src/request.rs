//! The callers' requests: a program, the tests that judge it, and its limits. Knows nothing of how it is run.

use std::collections::BTreeMap;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{BadRequest, EngineKind, Language, named_engine};

/// A case of standard input and expected output.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StdioCase {
    /// The program's standard input.
    pub input: String,
    /// The expected standard output. Lines are compared without outer blanks: exactly, else as decimal numbers.
    pub output: String,
}

/// A case of one function call.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FunctionCase {
    /// The positional arguments: a JSON array (any other value is the only argument).
    pub args: Value,
    /// The expected result as JSON. Tuples equal arrays at every depth, and keys the text that JSON makes of them.
    pub expected: Value,
}

/// The tests that judge a program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Tests {
    /// Input and expected output; a fresh process for each case.
    Stdio {
        /// The cases, in order.
        cases: Vec<StdioCase>,
    },
    /// Assert statements, which run in a process of their own and exchange plain data with the program.
    Asserts {
        /// Statements to run before the tests. The program is given the `import` lines among them too.
        #[serde(default)]
        setup: String,
        /// The tests, each of one or more statements.
        tests: Vec<String>,
    },
    /// Calls of a function, or of the method of that name of a class `Solution`; a fresh process for each case.
    Function {
        /// The function's name.
        entry_point: String,
        /// The cases, in order.
        cases: Vec<FunctionCase>,
    },
    /// Cases with several right answers: a trusted program judges them, in an instance of its own.
    Checked {
        /// Python that defines `check(input, expected, got)`. `input` is the case's text or list of arguments,
        /// `expected` its expected result, `got` the printed text or the returned value. It returns True if that is
        /// right, else False or a text that names the fault.
        checker: String,
        /// The cases: of kind stdio or function.
        tests: Box<Tests>,
    },
}

impl Tests {
    /// The number of cases.
    pub fn len(&self) -> usize {
        match self {
            Tests::Stdio { cases } => cases.len(),
            Tests::Asserts { tests, .. } => tests.len(),
            Tests::Function { cases, .. } => cases.len(),
            Tests::Checked { tests, .. } => tests.len(),
        }
    }

    /// True without a case to judge by.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Refuses tests that cannot judge a program in `language`.
    fn validate(&self, language: &Language) -> Result<(), BadRequest> {
        let refused = |reason: &str| Err(BadRequest(format!("tests: {reason}")));
        match self {
            _ if self.is_empty() => refused("there is no case to judge by"),
            Tests::Stdio { .. } => Ok(()),
            Tests::Checked { tests, .. } => match **tests {
                Tests::Stdio { .. } | Tests::Function { .. } => tests.validate(language),
                _ => refused("a checker takes cases of kind stdio or function"),
            },
            _ if *language != Language::Python => {
                refused(&format!("a program in {language} is judged by kind stdio; function and asserts are Python's"))
            }
            Tests::Function { entry_point, .. } if entry_point.is_empty() => refused("entry_point is empty"),
            Tests::Function { .. } | Tests::Asserts { .. } => Ok(()),
        }
    }
}

/// The limits of one started program: each test case of a submission starts one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Wall-clock seconds from start to end.
    pub wall_seconds: f64,
    /// Seconds of processor time of one process, rounded up to whole seconds.
    pub cpu_seconds: f64,
    /// Bytes of memory of all processes together, and of address space of one; a program in another language than
    /// Python has address space for its threads' stacks beside that.
    pub memory_bytes: u64,
    /// Bytes on standard output and standard error together. A case of which more is expected may print more.
    pub output_bytes: u64,
    /// Processes and threads at one time.
    pub processes: u64,
    /// Bytes of each file, and of all files together.
    pub file_bytes: u64,
    /// Seconds of all programs of one submission together.
    pub submission_seconds: f64,
    /// WebAssembly instructions, roughly, after which the program is out of time: a limit that is the same on every
    /// machine. Only the wasm engine counts them, and a program runs slower when it does.
    pub fuel: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            wall_seconds: 10.0,
            cpu_seconds: 10.0,
            memory_bytes: 256 << 20,
            output_bytes: 1 << 20,
            processes: 32,
            file_bytes: 64 << 20,
            submission_seconds: 600.0,
            fuel: None,
        }
    }
}

impl Limits {
    /// Refuses limits that are out of range or beyond `most`, the server's own.
    ///
    /// # Errors
    /// [`BadRequest`], naming the field and its range.
    pub fn validate(&self, most: &Limits) -> Result<(), BadRequest> {
        let seconds = |name: &str, value: f64, most: f64| {
            if value.is_finite() && value > 0.0 && value <= most {
                return Ok(());
            }
            Err(BadRequest(format!("limits.{name} is {value}: give more than 0 and at most {most}")))
        };
        let count = |name: &str, value: u64, least: u64, most: u64| {
            if (least..=most).contains(&value) {
                return Ok(());
            }
            Err(BadRequest(format!("limits.{name} is {value}: give {least} to {most}")))
        };
        seconds("wall_seconds", self.wall_seconds, most.wall_seconds)?;
        seconds("cpu_seconds", self.cpu_seconds, most.cpu_seconds)?;
        seconds("submission_seconds", self.submission_seconds, most.submission_seconds)?;
        count("memory_bytes", self.memory_bytes, 64 << 20, most.memory_bytes)?;
        count("output_bytes", self.output_bytes, 1, most.output_bytes)?;
        count("processes", self.processes, 1, most.processes)?;
        if self.fuel == Some(0) {
            return Err(BadRequest("limits.fuel is 0: give 1 or more, or leave it out".to_owned()));
        }
        count("file_bytes", self.file_bytes, 4096, most.file_bytes)
    }
}

/// The engine to use: other languages than Python need the process engine.
fn engine_for(engine: Option<EngineKind>, language: &Language) -> Option<EngineKind> {
    engine.or_else(|| (*language != Language::Python).then_some(EngineKind::Process))
}

/// A program to be graded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GradeRequest {
    /// The program's text, without fences.
    pub code: String,
    /// The program's language.
    #[serde(default)]
    pub language: Language,
    /// The engine to run the program with; the server's choice if unset, null or `auto`.
    #[serde(default, deserialize_with = "named_engine")]
    pub engine: Option<EngineKind>,
    /// The tests that judge the program.
    pub tests: Tests,
    /// The limits of each started program.
    #[serde(default)]
    pub limits: Limits,
    /// True if the cases after the first failed one are left out.
    #[serde(default)]
    pub stop_at_first_failure: bool,
}

impl GradeRequest {
    /// Refuses a request that no server could grade: tests that cannot judge the program, or limits beyond `most`.
    ///
    /// # Errors
    /// [`BadRequest`], naming the field.
    pub fn validate(&self, most: &Limits) -> Result<(), BadRequest> {
        self.limits.validate(most)?;
        self.tests.validate(&self.language)
    }

    /// The engine that the request names or needs; `None` if any will do.
    pub fn wanted_engine(&self) -> Option<EngineKind> {
        engine_for(self.engine, &self.language)
    }
}

/// A program to be run once.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RunRequest {
    /// The program's text.
    pub code: String,
    /// The program's language.
    #[serde(default)]
    pub language: Language,
    /// The engine to run the program with; the server's choice if unset, null or `auto`.
    #[serde(default, deserialize_with = "named_engine")]
    pub engine: Option<EngineKind>,
    /// The program's standard input.
    #[serde(default)]
    pub stdin: String,
    /// The program's limits.
    #[serde(default)]
    pub limits: Limits,
    /// Files that the program finds: paths relative to the folder that it starts in, with their bytes in base64.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// Paths of files to report, if they are there when the program has ended by itself.
    #[serde(default)]
    pub fetch_files: Vec<String>,
    /// Seconds for the compiler, if the language has one; the server's own limit if unset.
    #[serde(default)]
    pub compile_seconds: Option<f64>,
}

impl RunRequest {
    /// Refuses a request that no server could run.
    ///
    /// # Errors
    /// [`BadRequest`], naming the field.
    pub fn validate(&self, most: &Limits) -> Result<(), BadRequest> {
        self.limits.validate(most)?;
        let refused = |reason: String| Err(BadRequest(reason));
        if let Some(seconds) = self.compile_seconds.filter(|seconds| !(seconds.is_finite() && *seconds > 0.0)) {
            return refused(format!("compile_seconds is {seconds}: give more than 0"));
        }
        let is_path = |path: &str| !path.is_empty() && !path.contains('\0');
        if self.files.keys().chain(&self.fetch_files).any(|path| !is_path(path)) {
            return refused("files and fetch_files: a path is empty or has a NUL byte".to_owned());
        }
        match self.files.iter().find(|(_, bytes)| BASE64_STANDARD.decode(bytes).is_err()) {
            Some((path, _)) => refused(format!("files: the bytes of {path:?} are no base64")),
            None => Ok(()),
        }
    }

    /// The engine that the request names or needs; `None` if any will do.
    pub fn wanted_engine(&self) -> Option<EngineKind> {
        engine_for(self.engine, &self.language)
    }
}
