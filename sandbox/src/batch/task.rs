//! A file of tasks, one a line: `{"id", "kind": "stdio" | "function" | "asserts", "entry_point", "tests"}`.
//!
//! Tests are `{"input", "output"}`, `{"args", "expected"}` or texts of asserts. A task may have a `setup` for its
//! asserts, a `checker` for its cases and a `language`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use sandbox_api::{FunctionCase, Language, StdioCase, Tests};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::BatchError;

/// The tests of a task.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// The language of solutions that name none.
    pub language: Language,
    /// The tests that judge a solution.
    pub tests: Tests,
}

/// The tasks of a file by id; a task that cannot judge a solution is kept with the reason.
#[derive(Debug)]
pub struct Tasks {
    path: PathBuf,
    tasks: HashMap<String, Result<Task, String>>,
}

#[derive(Deserialize)]
struct TaskLine {
    id: Value,
    kind: Option<String>,
    entry_point: Option<String>,
    #[serde(default)]
    setup: String,
    checker: Option<String>,
    #[serde(default)]
    language: Language,
    #[serde(default)]
    tests: Vec<Value>,
}

impl Tasks {
    /// Reads a file of tasks.
    ///
    /// # Errors
    /// The file cannot be read, a line is no JSON object with an `id`, or two tasks have one id.
    pub fn read(path: &Path) -> Result<Self, BatchError> {
        let bytes = std::fs::read(path).map_err(|source| BatchError::Read { path: path.to_owned(), source })?;
        let mut tasks = HashMap::new();
        for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            if line.trim_ascii().is_empty() {
                continue;
            }
            let number = index + 1;
            let broken = |reason: String| BatchError::Task { path: path.to_owned(), line: number, reason };
            let line: TaskLine = serde_json::from_slice(line)
                .map_err(|error| broken(format!("{error}; give {{\"id\", \"kind\", \"tests\"}}")))?;
            let id = key(&line.id).ok_or_else(|| broken("field id: give a text or a number".to_owned()))?;
            let task = line.resolve().map_err(|reason| format!("{} line {number}: {reason}", path.display()));
            if tasks.insert(id.clone(), task).is_some() {
                return Err(broken(format!("there is a task with id {id} above: give each its own")));
            }
        }
        Ok(Self { path: path.to_owned(), tasks })
    }

    /// Finds the task called `id`, or why it cannot judge; `None` where there is none.
    pub fn find(&self, id: &Value) -> Option<Result<&Task, &String>> {
        self.tasks.get(&key(id)?).map(Result::as_ref)
    }

    /// Path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Number of tasks, with those that cannot judge.
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// True where the file has no task.
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }
}

/// An id as the key of a table: 1 and "1" differ.
fn key(id: &Value) -> Option<String> {
    (id.is_string() || id.is_number()).then(|| id.to_string())
}

impl TaskLine {
    fn resolve(self) -> Result<Task, String> {
        if self.tests.is_empty() {
            return Err("field tests: there is no test to judge by".to_owned());
        }
        let tests = match self.kind.as_deref() {
            Some("stdio") => Tests::Stdio { cases: cases::<StdioCase>(self.tests)? },
            Some("function") => {
                let entry_point = self.entry_point.filter(|name| !name.is_empty());
                let entry_point = entry_point.ok_or("field entry_point: name the function that is called")?;
                Tests::Function { entry_point, cases: cases::<FunctionCase>(self.tests)? }
            }
            Some("asserts") => Tests::Asserts { setup: self.setup, tests: cases::<String>(self.tests)? },
            Some(other) => return Err(format!("field kind is {other:?}: give stdio, function or asserts")),
            None => return Err("field kind is missing: give stdio, function or asserts".to_owned()),
        };
        let tests = match (self.checker, &tests) {
            (None, _) => tests,
            (Some(_), Tests::Asserts { .. }) => return Err("field checker: asserts take none".to_owned()),
            (Some(checker), _) => Tests::Checked { checker, tests: Box::new(tests) },
        };
        Ok(Task { language: self.language, tests })
    }
}

fn cases<T: DeserializeOwned>(tests: Vec<Value>) -> Result<Vec<T>, String> {
    let read = |(index, test)| serde_json::from_value(test).map_err(|error| format!("tests[{index}]: {error}"));
    tests.into_iter().enumerate().map(read).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(lines: &[Value]) -> Result<Tasks, BatchError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tasks.jsonl");
        let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
        std::fs::write(&path, lines.join("\n\n")).unwrap();
        Tasks::read(&path)
    }

    #[test]
    fn each_kind_is_read() {
        let tasks = read(&[
            json!({"id": "a", "kind": "stdio", "tests": [{"input": "1", "output": "2"}]}),
            json!({"id": 7, "kind": "function", "entry_point": "f", "tests": [{"args": [1], "expected": 2}]}),
            json!({"id": "c", "kind": "asserts", "entry_point": "f", "tests": ["assert f(1) == 2"]}),
            json!({"id": "d", "kind": "stdio", "checker": "def check(i, e, g): return True", "language": "c++",
                   "tests": [{"input": "1", "output": "2"}]}),
        ])
        .unwrap();
        assert_eq!(tasks.len(), 4);
        assert!(matches!(tasks.find(&json!("a")), Some(Ok(Task { tests: Tests::Stdio { .. }, .. }))));
        assert!(matches!(tasks.find(&json!(7)), Some(Ok(Task { tests: Tests::Function { .. }, .. }))));
        assert!(tasks.find(&json!("7")).is_none());
        let checked = tasks.find(&json!("d")).unwrap().unwrap();
        assert!(matches!(checked.tests, Tests::Checked { .. }) && checked.language == Language::Cpp);
    }

    #[test]
    fn a_task_that_cannot_judge_says_where_and_why() {
        let tasks = read(&[
            json!({"id": "empty", "kind": "stdio", "tests": []}),
            json!({"id": "half", "kind": "stdio", "tests": [{"input": "1", "output": "1"}, {"input": "1"}]}),
            json!({"id": "kind", "kind": "oracle", "tests": ["x"]}),
            json!({"id": "entry", "kind": "function", "tests": [{"args": [], "expected": 1}]}),
        ])
        .unwrap();
        for (id, line, word) in [
            ("empty", 1, "no test"),
            ("half", 3, "tests[1]: missing field `output`"),
            ("kind", 5, "oracle"),
            ("entry", 7, "entry_point"),
        ] {
            let reason = tasks.find(&json!(id)).unwrap().unwrap_err();
            assert!(reason.contains(&format!("tasks.jsonl line {line}")) && reason.contains(word), "{reason}");
        }
    }

    #[test]
    fn lines_that_are_no_tasks_are_refused() {
        for lines in [vec![json!([1])], vec![json!({"kind": "stdio"})], vec![json!({"id": null})]] {
            assert!(read(&lines).unwrap_err().to_string().contains("tasks.jsonl line 1"));
        }
        let twice = read(&[json!({"id": "a", "tests": []}), json!({"id": "a", "tests": []})]).unwrap_err();
        assert!(twice.to_string().contains("line 3") && twice.to_string().contains("above"), "{twice}");
    }
}
