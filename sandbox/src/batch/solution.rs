//! One line of solutions: `{"id", "task_id", "code"}`, and `language` where it is not its task's.

use sandbox_api::Language;
use serde_json::{Map, Value};

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Solution {
    pub id: Value,
    pub task_id: Value,
    pub code: String,
    pub language: Option<Language>,
}

/// A line that is no solution, with what could be read of it.
#[derive(Debug, PartialEq)]
pub(super) struct Unreadable {
    pub id: Value,
    pub task_id: Value,
    pub reason: String,
}

impl Solution {
    /// Parses a line.
    pub(super) fn read(line: &[u8]) -> Result<Self, Box<Unreadable>> {
        let fields: Map<String, Value> = serde_json::from_slice(line).map_err(|error| {
            let reason = format!("it is no JSON object: {error}");
            Box::new(Unreadable { id: Value::Null, task_id: Value::Null, reason })
        })?;
        let field = |name: &str| fields.get(name).cloned().unwrap_or(Value::Null);
        let (id, task_id) = (field("id"), field("task_id"));
        let unreadable =
            |reason: &str| Box::new(Unreadable { id: id.clone(), task_id: task_id.clone(), reason: reason.to_owned() });
        for (name, value) in [("id", &id), ("task_id", &task_id)] {
            if !(value.is_string() || value.is_number()) {
                return Err(unreadable(&format!("field {name}: give a text or a number")));
            }
        }
        let code = match fields.get("code") {
            Some(Value::String(code)) => code.clone(),
            // `null` stands for a completion without a program.
            Some(Value::Null) => String::new(),
            Some(_) => return Err(unreadable("field code: give the program as text")),
            None => return Err(unreadable("field code is missing")),
        };
        let language = match field("language") {
            Value::Null => None,
            Value::String(name) => Some(Language::from(name)),
            _ => return Err(unreadable("field language: give a name")),
        };
        Ok(Self { id, task_id, code, language })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lines_are_read_or_say_what_is_wrong() {
        let read = |value: Value| Solution::read(value.to_string().as_bytes());
        let good = read(json!({"id": 1, "task_id": "a", "code": "x", "more": 0})).unwrap();
        assert_eq!((good.id, good.code.as_str(), good.language), (json!(1), "x", None));
        assert_eq!(read(json!({"id": "s", "task_id": "a", "code": null})).unwrap().code, "");
        let bad = read(json!({"id": "s", "task_id": "a"})).unwrap_err();
        assert_eq!((bad.id, bad.reason.as_str()), (json!("s"), "field code is missing"));
        assert!(read(json!({"task_id": "a", "code": ""})).unwrap_err().reason.contains("id"));
        assert!(read(json!([1])).unwrap_err().reason.contains("no JSON object"));
        assert!(Solution::read(b"{\"id\": \xff}").is_err());
    }
}
