//! `[prompt]`: how a conversation becomes a prompt.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use datasets::TaskKind;
use policy::{Date, RESERVED_ARGUMENTS};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::file::{Source, load_part};
use crate::failure::Usage;

/// `[prompt]`: text around a task's words, and what the chat template is told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PromptSection {
    /// System turn before the task's messages; none where empty.
    pub system: String,
    /// Name of one of several chat templates in the model's folder; where empty `tool_use` for tasks with tools, if
    /// there is one, else `default`.
    pub template: String,
    /// Date that a template is told when it asks for today's, as `2026-02-03` or `2026-02-03T14:05:06`. Where empty it
    /// is told the time (UTC) of each rendering: a run's prompts then change from day to day.
    pub date: String,
    /// Tasks whose prompts leave no room for a completion.
    pub overlong: Overlong,
    /// Text added to the last user turn, by task kind (`math`, `code`, …); that of `"*"` for kinds without their own.
    pub suffix: BTreeMap<TaskKind, String>,
    /// Variables of the chat template, such as `enable_thinking = false`.
    pub arguments: toml::Table,
}

/// What is done with tasks whose prompts are too long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Overlong {
    /// The run ends before its first step.
    #[default]
    Error,
    /// The tasks are left out, and counted.
    Drop,
}

/// Part of a run's configuration that commands without a run read.
#[derive(Default, Deserialize)]
#[serde(default)]
struct PromptOnly {
    prompt: PromptSection,
}

impl PromptSection {
    /// Key of the suffix of kinds that have none of their own.
    pub(crate) const ANY_KIND: &'static str = "*";

    /// What the chat template is told, without text of its own around a task's words.
    pub(crate) fn without_words(&self) -> Self {
        Self { system: String::new(), suffix: BTreeMap::new(), ..self.clone() }
    }

    /// Text added to the last user turn of conversations of this kind.
    pub(crate) fn suffix_of(&self, kind: Option<&TaskKind>) -> &str {
        let own = kind.and_then(|kind| self.suffix.get(kind));
        own.or_else(|| self.suffix.get(&TaskKind::new(Self::ANY_KIND))).map_or("", String::as_str)
    }

    /// Reads the section of a run's file, with assignments `section.key=value`, and checks it.
    ///
    /// # Errors
    /// A usage error that names the file and the key.
    pub(crate) fn load(path: Option<&Path>, assignments: &[String]) -> Result<Self> {
        let source = Source { path, assignments: assignments.to_vec(), moved: None };
        let section = load_part::<PromptOnly>(&source)?.prompt;
        section.validate()?;
        Ok(section)
    }

    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// A usage error that names the key.
    pub(crate) fn validate(&self) -> Result<()> {
        self.date()?;
        self.arguments().map(|_| ())
    }

    /// The date; `None` where the time of each rendering is taken.
    ///
    /// # Errors
    /// A usage error: the text is no date.
    pub(crate) fn date(&self) -> Result<Option<Date>> {
        let parse = |date: &str| date.parse().map_err(|error| Usage::error(format!("prompt.date: {error}")));
        Some(self.date.as_str()).filter(|date| !date.is_empty()).map(parse).transpose()
    }

    /// The template's variables as JSON.
    ///
    /// # Errors
    /// A usage error: one has the name of a variable that each conversation sets itself.
    pub(crate) fn arguments(&self) -> Result<Map<String, Value>> {
        if let Some(name) = self.arguments.keys().find(|name| RESERVED_ARGUMENTS.contains(&name.as_str())) {
            return Err(Usage::error(format!("prompt.arguments.{name}: every conversation sets this itself")));
        }
        Ok(self.arguments.iter().map(|(name, value)| (name.clone(), to_json(value))).collect())
    }
}

fn to_json(value: &toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.as_str().into(),
        toml::Value::Integer(integer) => (*integer).into(),
        toml::Value::Float(float) => (*float).into(),
        toml::Value::Boolean(boolean) => (*boolean).into(),
        toml::Value::Datetime(date) => date.to_string().into(),
        toml::Value::Array(items) => items.iter().map(to_json).collect(),
        toml::Value::Table(table) => {
            Value::Object(table.iter().map(|(name, value)| (name.clone(), to_json(value))).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_cannot_be_used_are_named() {
        for (text, key) in
            [("date = \"tomorrow\"", "prompt.date"), ("[arguments]\nmessages = []", "prompt.arguments.messages")]
        {
            let section: PromptSection = toml::from_str(text).unwrap();
            let error = section.validate().unwrap_err();
            assert!(error.to_string().starts_with(key), "{error}");
            assert_eq!(crate::failure::exit_code(&error), 2);
        }
    }

    #[test]
    fn arguments_keep_their_types_and_their_order() {
        let text = "[arguments]\nenable_thinking = false\nbudget = 3\nshare = 1.0\nnames = [\"a\"]\n";
        let section: PromptSection = toml::from_str(text).unwrap();
        let json = Value::Object(section.arguments().unwrap()).to_string();
        assert_eq!(json, r#"{"enable_thinking":false,"budget":3,"share":1.0,"names":["a"]}"#);
        let again: PromptSection = toml::from_str(&toml::to_string(&section).unwrap()).unwrap();
        assert_eq!(again, section);
    }
}
