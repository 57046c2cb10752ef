//! The three forms in which a task carries its tests, read into what the sandbox runs.

use sandbox_api::{EngineChoice, FunctionCase, StdioCase, Tests};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::program::Prelude;

/// Processor time of a test of LiveCodeBench's, in seconds, where the task says nothing.
const LIVECODEBENCH_SECONDS: f64 = 6.0;

/// The form of a code task's tests; each has its verifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeForm {
    /// `{"setup": text, "tests": [statement, …]}`: each test runs after the program and must not raise.
    Asserts,
    /// `{"cases": [{"input": text, "output": text}, …]}`: standard input, and the standard output it must give.
    Stdio,
    /// `{"entry_point": name, "cases": [{"args": [value, …], "expected": value}, …]}`: a function is called, and its
    /// results are compared as JSON.
    Function,
}

/// A code task: its tests, and how the program is run on them.
#[derive(Debug, Clone)]
pub(super) struct CodeTask {
    pub(super) tests: Tests,
    pub(super) engine: Option<EngineChoice>,
    pub(super) prelude: Prelude,
    /// Processor time of a test, where the task sets it.
    pub(super) cpu_seconds: Option<f64>,
    /// True for a task that a suite's own judge would compare.
    pub(super) is_suite: bool,
}

#[derive(Deserialize)]
struct Asserts {
    #[serde(default)]
    setup: String,
    tests: Vec<String>,
}

#[derive(Deserialize)]
struct Stdio {
    cases: Vec<StdioCase>,
}

#[derive(Deserialize)]
struct Function {
    entry_point: String,
    cases: Vec<FunctionFields>,
}

/// A case of a function call, or LiveCodeBench's text of one.
#[derive(Deserialize)]
#[serde(untagged)]
enum FunctionFields {
    Call(CallFields),
    Text { input: String, output: String },
}

#[derive(Deserialize)]
struct CallFields {
    args: Value,
    expected: Value,
}

impl CodeForm {
    /// Every form, in the order of declaration.
    pub const ALL: [Self; 3] = [Self::Asserts, Self::Stdio, Self::Function];

    /// The name of the form's verifier.
    pub fn verifier_name(self) -> &'static str {
        match self {
            Self::Asserts => "code_asserts",
            Self::Stdio => "code_stdio",
            Self::Function => "code_function",
        }
    }

    /// The task of a ground truth; the error says what is wrong with it.
    pub(super) fn read(self, ground_truth: &Value) -> Result<CodeTask, String> {
        let problem = |error: serde_json::Error| error.to_string();
        let tests = match self {
            Self::Asserts => {
                let Asserts { setup, tests } = Asserts::deserialize(ground_truth).map_err(problem)?;
                Tests::Asserts { setup, tests }
            }
            Self::Stdio => {
                let Stdio { cases } = Stdio::deserialize(ground_truth).map_err(problem)?;
                Tests::Stdio { cases }
            }
            Self::Function => {
                let Function { entry_point, cases } = Function::deserialize(ground_truth).map_err(problem)?;
                let cases = cases.into_iter().enumerate().map(|(at, case)| function_case(case, at));
                let entry_point = entry_point.trim().trim_start_matches("Solution().").to_owned();
                Tests::Function { entry_point, cases: cases.collect::<Result<_, _>>()? }
            }
        };
        if tests.is_empty() {
            return Err("it has no tests, so every program would pass".to_owned());
        }
        let empty = Map::new();
        let options = CodeOptions { fields: ground_truth.as_object().unwrap_or(&empty) };
        let is_suite = options.is_livecodebench()?;
        let mut prelude = Prelude::new(options.text("prelude")?.unwrap_or_default());
        prelude.has_stars = is_suite;
        let cpu_seconds = options.seconds("time_limit_seconds")?.or(is_suite.then_some(LIVECODEBENCH_SECONDS));
        Ok(CodeTask { tests, engine: engine_of(ground_truth)?, prelude, cpu_seconds, is_suite })
    }
}

/// A case as the sandbox runs it.
fn function_case(case: FunctionFields, at: usize) -> Result<FunctionCase, String> {
    match case {
        FunctionFields::Call(CallFields { args, expected }) => Ok(FunctionCase { args, expected }),
        FunctionFields::Text { input, output } => {
            let read = |field: &str, text: &str| {
                serde_json::from_str(text.trim()).map_err(|error| format!("`cases[{at}].{field}` is no JSON: {error}"))
            };
            let lines = input.lines().filter(|line| !line.trim().is_empty());
            let args = lines.map(|line| read("input", line)).collect::<Result<Vec<Value>, _>>()?;
            Ok(FunctionCase { args: Value::Array(args), expected: read("output", &output)? })
        }
    }
}

/// The options beside a task's tests; null is as good as absent.
struct CodeOptions<'a> {
    fields: &'a Map<String, Value>,
}

impl<'a> CodeOptions<'a> {
    fn text(&self, key: &str) -> Result<Option<&'a str>, String> {
        match self.fields.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(format!("`{key}` must be text, not {other}")),
        }
    }

    fn is_livecodebench(&self) -> Result<bool, String> {
        match self.text("comparison")? {
            None => Ok(false),
            Some("livecodebench") => Ok(true),
            Some(other) => Err(format!("`comparison` is `{other}`; the one that is known is `livecodebench`")),
        }
    }

    fn seconds(&self, key: &str) -> Result<Option<f64>, String> {
        match self.fields.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match value.as_f64().filter(|seconds| *seconds > 0.0 && seconds.is_finite()) {
                Some(seconds) => Ok(Some(seconds)),
                None => Err(format!("`{key}` must be a number of seconds above 0, not {value}")),
            },
        }
    }
}

/// The engine that a task asks for in its ground truth's field `engine`; the error says what is wrong with it.
pub(super) fn engine_of(ground_truth: &Value) -> Result<Option<EngineChoice>, String> {
    match ground_truth.get("engine") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(name)) => name.parse().map(Some).map_err(|problem| format!("engine: {problem}")),
        Some(other) => Err(format!("engine is {other}: give \"auto\", \"wasm\" or \"process\"")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tests(form: CodeForm, ground_truth: Value) -> Tests {
        form.read(&ground_truth).unwrap().tests
    }

    #[test]
    fn each_form_reads_its_own() {
        let asserts = json!({"setup": "", "tests": ["assert f() == 1"]});
        let stdio = json!({"cases": [{"input": "1", "output": "2"}]});
        let function = json!({"entry_point": "f", "cases": [{"args": [1], "expected": 1.5}]});
        assert!(matches!(tests(CodeForm::Asserts, asserts), Tests::Asserts { .. }));
        assert!(matches!(tests(CodeForm::Stdio, stdio), Tests::Stdio { .. }));
        assert!(matches!(tests(CodeForm::Function, function), Tests::Function { .. }));
    }

    #[test]
    fn a_case_of_text_has_an_argument_a_line() {
        let ground_truth = json!({
            "entry_point": "Solution().scaleList", "comparison": "livecodebench",
            "cases": [{"input": "[1, 2]\n3", "output": "[3, 6]"}, {"args": [[1], 2], "expected": [2]}],
        });
        let Tests::Function { entry_point, cases } = tests(CodeForm::Function, ground_truth) else { panic!() };
        assert_eq!((entry_point.as_str(), &cases[0].args), ("scaleList", &json!([[1, 2], 3])));
        assert_eq!((&cases[0].expected, &cases[1].args), (&json!([3, 6]), &json!([[1], 2])));
        let broken = json!({"entry_point": "f", "cases": [{"input": "[1", "output": "1"}]});
        assert!(CodeForm::Function.read(&broken).unwrap_err().contains("`cases[0].input`"));
    }

    #[test]
    fn a_comparison_brings_its_imports_and_its_time() {
        let with = |comparison: Value, seconds: Value| {
            let cases = json!([{"input": "1", "output": "2"}]);
            CodeForm::Stdio.read(&json!({"cases": cases, "comparison": comparison, "time_limit_seconds": seconds}))
        };
        let task = with(json!("livecodebench"), json!(null)).unwrap();
        assert!(task.is_suite && task.prelude.has_stars && task.cpu_seconds == Some(6.0));
        assert_eq!(with(json!("livecodebench"), json!(30)).unwrap().cpu_seconds, Some(30.0));
        assert_eq!(with(json!(null), json!(null)).unwrap().cpu_seconds, None);
        assert!(with(json!("codeforces"), json!(null)).unwrap_err().contains("`codeforces`"));
        assert!(with(json!(null), json!(0)).unwrap_err().contains("time_limit_seconds"));
    }

    #[test]
    fn a_missing_field_and_an_empty_list_are_told() {
        let error = CodeForm::Asserts.read(&json!({"setup": ""})).err().unwrap();
        assert!(error.contains("tests"), "{error}");
        assert!(CodeForm::Stdio.read(&json!({"cases": []})).unwrap_err().contains("no tests"));
        assert!(CodeForm::Function.read(&json!(null)).is_err());
        let error = CodeForm::Asserts.read(&json!({"tests": ["assert f()"], "prelude": 1})).unwrap_err();
        assert!(error.contains("`prelude`"), "{error}");
    }

    #[test]
    fn a_task_may_name_its_engine() {
        assert_eq!(engine_of(&json!({"cases": []})), Ok(None));
        assert_eq!(engine_of(&json!({"engine": "process"})), Ok(Some(EngineChoice::Process)));
        assert_eq!(engine_of(&json!({"engine": "auto"})), Ok(Some(EngineChoice::Auto)));
        assert!(engine_of(&json!({"engine": "docker"})).unwrap_err().contains("docker"));
        assert!(engine_of(&json!({"engine": 1})).unwrap_err().contains("engine is 1"));
    }
}
