//! The three forms in which a task carries its tests, read into what the sandbox runs.

use sandbox_api::{EngineChoice, FunctionCase, StdioCase, Tests};
use serde::Deserialize;
use serde_json::Value;

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
    cases: Vec<FunctionCase>,
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

    /// The tests of a ground truth; the error says what is wrong with it.
    pub(super) fn read(self, ground_truth: &Value) -> Result<Tests, String> {
        let problem = |error: serde_json::Error| error.to_string();
        let (tests, num_tests) = match self {
            Self::Asserts => {
                let Asserts { setup, tests } = Asserts::deserialize(ground_truth).map_err(problem)?;
                let num_tests = tests.len();
                (Tests::Asserts { setup, tests }, num_tests)
            }
            Self::Stdio => {
                let Stdio { cases } = Stdio::deserialize(ground_truth).map_err(problem)?;
                let num_tests = cases.len();
                (Tests::Stdio { cases }, num_tests)
            }
            Self::Function => {
                let Function { entry_point, cases } = Function::deserialize(ground_truth).map_err(problem)?;
                let num_tests = cases.len();
                (Tests::Function { entry_point, cases }, num_tests)
            }
        };
        if num_tests == 0 {
            return Err("it has no tests, so every program would pass".to_owned());
        }
        Ok(tests)
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

    #[test]
    fn each_form_reads_its_own() {
        let asserts = json!({"setup": "", "tests": ["assert f() == 1"]});
        let stdio = json!({"cases": [{"input": "1", "output": "2"}]});
        let function = json!({"entry_point": "f", "cases": [{"args": [1], "expected": 1.5}]});
        assert!(matches!(CodeForm::Asserts.read(&asserts), Ok(Tests::Asserts { .. })));
        assert!(matches!(CodeForm::Stdio.read(&stdio), Ok(Tests::Stdio { .. })));
        assert!(matches!(CodeForm::Function.read(&function), Ok(Tests::Function { .. })));
    }

    #[test]
    fn a_missing_field_and_an_empty_list_are_told() {
        let error = CodeForm::Asserts.read(&json!({"setup": ""})).err().unwrap();
        assert!(error.contains("tests"), "{error}");
        assert!(CodeForm::Stdio.read(&json!({"cases": []})).is_err());
        assert!(CodeForm::Function.read(&json!(null)).is_err());
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
