//! The kinds of line, each with the fields it must hold.
//!
//! A line is checked by hand before serde reads it, so that an error names a field and not a column.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::preference::PreferencePair;
use crate::task::{Task, TaskVerifier};
use crate::trace::Trace;

/// The roles of a turn. A tool speaks as `ipython` in Llama's templates, as `function` in older ones.
const ROLES: [&str; 7] = ["system", "developer", "user", "assistant", "tool", "ipython", "function"];

/// A kind of line.
pub(crate) trait Record: DeserializeOwned {
    /// The kind's name in errors, with its article.
    const NAME: &'static str;
    /// The fields that every line needs.
    const FIELDS: &'static [&'static str];

    fn id(&self) -> &str;

    /// Checks the fields' values; all fields are present. The error says what is wrong.
    fn check(object: &Map<String, Value>) -> Result<(), String>;
}

/// The record that a line holds. The error says what is wrong with the line.
pub(crate) fn parse<T: Record>(line: &str) -> Result<T, String> {
    of_value(serde_json::from_str(line).map_err(|error| format!("not a line of JSON: {error}"))?)
}

/// The record that an object is. The error says what is wrong with it.
pub(crate) fn of_value<T: Record>(value: Value) -> Result<T, String> {
    let Value::Object(object) = &value else {
        return Err(format!("expected a JSON object, found {}", json_type(&value)));
    };
    for field in T::FIELDS {
        if !object.contains_key(*field) {
            return Err(format!("field \"{field}\" is missing; {} needs {}", T::NAME, T::FIELDS.join(", ")));
        }
    }
    if text(object, "id")?.is_empty() {
        return Err("field \"id\" is empty".to_owned());
    }
    messages(object)?;
    T::check(object)?;
    T::deserialize(value).map_err(|error| error.to_string())
}

impl Record for Task {
    const NAME: &'static str = "a task";
    const FIELDS: &'static [&'static str] = &["id", "task", "messages"];

    fn id(&self) -> &str {
        &self.id
    }

    fn check(object: &Map<String, Value>) -> Result<(), String> {
        kind(object)?;
        for field in ["source", "license"] {
            if object.get(field).is_some_and(|value| !value.is_null()) {
                text(object, field)?;
            }
        }
        match object.get("verifiers") {
            None | Some(Value::Null) => one_verifier(object),
            Some(_) if object.contains_key("verifier") || object.contains_key("ground_truth") => {
                Err("fields \"verifier\" and \"verifiers\" exclude each other; keep one".to_owned())
            }
            Some(Value::Array(verifiers)) => several_verifiers(verifiers),
            Some(other) => Err(format!("field \"verifiers\" must be a list, found {}", json_type(other))),
        }
    }
}

fn one_verifier(object: &Map<String, Value>) -> Result<(), String> {
    for field in ["verifier", "ground_truth"] {
        if !object.contains_key(field) {
            return Err(format!(
                "field \"{field}\" is missing; a task needs verifier and ground_truth, or a list verifiers"
            ));
        }
    }
    match text(object, "verifier")? {
        "" => Err("field \"verifier\" is empty; name the verifier that judges it".to_owned()),
        _ => Ok(()),
    }
}

fn several_verifiers(verifiers: &[Value]) -> Result<(), String> {
    let mut sum = 0.0;
    for (index, verifier) in verifiers.iter().enumerate() {
        let verifier = TaskVerifier::deserialize(verifier).map_err(|error| format!("verifiers[{index}]: {error}"))?;
        if verifier.name.is_empty() {
            return Err(format!("verifiers[{index}].name is empty; name the verifier that judges it"));
        }
        if !(verifier.weight >= 0.0 && verifier.weight.is_finite()) {
            return Err(format!("verifiers[{index}].weight is {}; it must be a number of at least 0", verifier.weight));
        }
        sum += verifier.weight;
    }
    if sum > 0.0 { Ok(()) } else { Err("the weights of \"verifiers\" sum to nothing; give one a weight".to_owned()) }
}

impl Record for Trace {
    const NAME: &'static str = "a trace";
    const FIELDS: &'static [&'static str] = &["id", "messages"];

    fn id(&self) -> &str {
        &self.id
    }

    fn check(object: &Map<String, Value>) -> Result<(), String> {
        optional_kind(object)?;
        let messages = object["messages"].as_array().map_or(&[][..], Vec::as_slice);
        let last_role = messages.last().map_or("", |last| role(last));
        if last_role != "assistant" {
            return Err(format!(
                "the last of \"messages\" is the {last_role}'s; a trace ends with the assistant's, which is what is \
                 learnt"
            ));
        }
        if messages.len() < 2 {
            return Err("\"messages\" holds no prompt before the assistant's message".to_owned());
        }
        Ok(())
    }
}

impl Record for PreferencePair {
    const NAME: &'static str = "a preference pair";
    const FIELDS: &'static [&'static str] = &["id", "messages", "chosen", "rejected"];

    fn id(&self) -> &str {
        &self.id
    }

    fn check(object: &Map<String, Value>) -> Result<(), String> {
        optional_kind(object)?;
        if text(object, "chosen")? == text(object, "rejected")? {
            return Err("\"chosen\" and \"rejected\" are the same text".to_owned());
        }
        Ok(())
    }
}

fn text<'a>(object: &'a Map<String, Value>, field: &str) -> Result<&'a str, String> {
    match object.get(field) {
        Some(Value::String(text)) => Ok(text),
        other => Err(format!("field \"{field}\" must be a text, found {}", other.map_or("nothing", json_type))),
    }
}

fn kind(object: &Map<String, Value>) -> Result<(), String> {
    let kind = text(object, "task")?;
    let is_of_word = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '-';
    if kind.is_empty() || !kind.chars().all(is_of_word) {
        return Err(format!("field \"task\" is \"{kind}\"; a kind is a word of letters, digits, _ and -"));
    }
    Ok(())
}

fn optional_kind(object: &Map<String, Value>) -> Result<(), String> {
    if object.get("task").is_some_and(|value| !value.is_null()) { kind(object) } else { Ok(()) }
}

fn role(message: &Value) -> &str {
    message["role"].as_str().unwrap_or("")
}

fn messages(object: &Map<String, Value>) -> Result<(), String> {
    let messages = match &object["messages"] {
        Value::Array(messages) if messages.is_empty() => {
            return Err("field \"messages\" is empty; it needs at least one message".to_owned());
        }
        Value::Array(messages) => messages,
        other => {
            return Err(format!(
                "field \"messages\" must be a list of {{\"role\", \"content\"}}, found {}",
                json_type(other)
            ));
        }
    };
    for (index, message) in messages.iter().enumerate() {
        let found = |field: &str| message.get(field).map_or("nothing", json_type);
        if !message["role"].is_string() {
            return Err(format!("messages[{index}].role must be a text, found {}", found("role")));
        }
        if !is_content(message) {
            return Err(format!("messages[{index}].content must be a text, found {}", found("content")));
        }
        if !matches!(message["tool_calls"], Value::Null | Value::Array(_)) {
            return Err(format!("messages[{index}].tool_calls must be a list of calls, found {}", found("tool_calls")));
        }
        if !ROLES.contains(&role(message)) {
            return Err(format!(
                "messages[{index}].role is \"{}\"; known roles are {}",
                role(message),
                ROLES.join(", ")
            ));
        }
    }
    Ok(())
}

/// True for a text, a list of parts, the result of a tool, and nothing beside calls of tools.
fn is_content(message: &Value) -> bool {
    let is_part = |part: &Value| part.is_string() || part["type"].is_string();
    match &message["content"] {
        Value::String(_) => true,
        Value::Array(parts) if parts.iter().all(is_part) => true,
        Value::Null => message["tool_calls"].as_array().is_some_and(|calls| !calls.is_empty()),
        _ => ["tool", "ipython", "function"].contains(&role(message)),
    }
}

fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
