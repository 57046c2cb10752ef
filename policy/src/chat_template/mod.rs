//! The chat template of a Hugging Face folder: a conversation to the text of a prompt, as `apply_chat_template` of
//! transformers renders it.
//!
//! Jinja runs in `minijinja`; the files beside this one make up the difference to Python's. This folder must not know
//! tasks or what a prompt is for.

mod date;
mod environment;
mod json;
mod methods;
mod python_text;
mod source;
mod spans;

use std::collections::BTreeMap;
use std::ops::Range;

use minijinja::{Environment, Error, ErrorKind, Value};
use serde_json::{Map, Value as Json};

pub use self::date::Date;
use self::environment::environment;
use self::json::from_json;
use self::source::rewrite;
use self::spans::take_out;
use crate::error::PolicyError;

/// Name of the template that is taken where none is asked for.
pub const DEFAULT_TEMPLATE: &str = "default";
/// Name of the template that is taken for conversations with tools, where a folder has one.
const TOOL_TEMPLATE: &str = "tool_use";

/// A conversation with all that a template may ask for.
#[derive(Clone, Copy, Debug)]
pub struct Conversation<'a> {
    /// Turns, as objects with `role`, `content` and whatever else the template reads.
    pub messages: &'a [Json],
    /// Function descriptions as JSON Schema.
    pub tools: Option<&'a Json>,
    /// Further variables of the template, such as `enable_thinking`.
    pub arguments: Option<&'a Map<String, Json>>,
    /// The date that `strftime_now` writes; the time of the call where absent.
    pub date: Option<Date>,
    /// One of several named templates; chosen as transformers chooses where absent.
    pub template: Option<&'a str>,
    /// True where the text ends at the beginning of an assistant's completion.
    pub add_generation_prompt: bool,
}

impl<'a> Conversation<'a> {
    /// A prompt of these messages, and nothing else.
    pub fn prompt(messages: &'a [Json]) -> Self {
        Self { messages, tools: None, arguments: None, date: None, template: None, add_generation_prompt: true }
    }
}

/// A rendered conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The whole text.
    pub text: String,
    /// Bytes of the text that stand in `{% generation %}` blocks; `None` where the template has no such blocks.
    pub generated: Option<Vec<Range<usize>>>,
}

/// The compiled chat templates of a folder, with the special tokens that they may name.
#[derive(Debug)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    /// True for each named template that has `{% generation %}` blocks.
    has_generation: BTreeMap<String, bool>,
    special_tokens: BTreeMap<String, String>,
    asks_date: bool,
}

/// Variables that a conversation sets itself.
pub const RESERVED_ARGUMENTS: [&str; 5] = ["messages", "tools", "documents", "add_generation_prompt", "strftime_now"];

impl ChatTemplate {
    /// Compiles one template's source. `special_tokens` are the texts of `bos_token`, `eos_token` and so on.
    ///
    /// # Errors
    /// The source is not valid Jinja.
    pub fn new(source: &str, special_tokens: BTreeMap<String, String>) -> Result<Self, PolicyError> {
        Self::named([(DEFAULT_TEMPLATE.to_owned(), source.to_owned())].into(), special_tokens)
    }

    /// Compiles several templates by their names.
    ///
    /// # Errors
    /// A source is not valid Jinja.
    pub fn named(
        sources: BTreeMap<String, String>,
        special_tokens: BTreeMap<String, String>,
    ) -> Result<Self, PolicyError> {
        let asks_date = sources.values().any(|source| source.contains("strftime_now"));
        let (environment, has_generation) = (environment(), BTreeMap::new());
        let mut template = Self { environment, has_generation, special_tokens, asks_date };
        for (name, source) in sources {
            let (source, has_generation) = rewrite(&source);
            template.environment.add_template_owned(name.clone(), source).map_err(|error| refuse(&error))?;
            template.has_generation.insert(name, has_generation);
        }
        Ok(template)
    }

    /// True where a template may write today's date into a prompt.
    pub fn asks_date(&self) -> bool {
        self.asks_date
    }

    /// Renders a conversation.
    ///
    /// # Errors
    /// The template refuses the conversation, or there is none of the name.
    pub fn render(&self, conversation: &Conversation<'_>) -> Result<Rendered, PolicyError> {
        let name = self.choose(conversation)?;
        let template = self.environment.get_template(name).map_err(|error| refuse(&error))?;
        let text = template.render(self.variables(conversation)).map_err(|error| refuse(&error))?;
        if !self.has_generation.get(name).is_some_and(|has| *has) {
            return Ok(Rendered { text, generated: None });
        }
        let (text, spans) = take_out(&text);
        Ok(Rendered { text, generated: Some(spans) })
    }

    fn choose<'a>(&self, conversation: &Conversation<'a>) -> Result<&'a str, PolicyError> {
        let has = |name: &str| self.has_generation.contains_key(name);
        let name = match conversation.template {
            Some(name) => name,
            None if conversation.tools.is_some() && has(TOOL_TEMPLATE) => TOOL_TEMPLATE,
            None => DEFAULT_TEMPLATE,
        };
        if !has(name) {
            let names: Vec<&str> = self.has_generation.keys().map(String::as_str).collect();
            let reason = format!("there is none named \"{name}\"; the model's folder has {}", names.join(", "));
            return Err(PolicyError::ChatTemplate(reason));
        }
        Ok(name)
    }

    fn variables(&self, conversation: &Conversation<'_>) -> BTreeMap<String, Value> {
        let date = conversation.date;
        let strftime_now = move |format: &str| date.unwrap_or_else(Date::now).strftime(format);
        let tokens = self.special_tokens.iter().map(|(name, token)| (name.clone(), Value::from(token.as_str())));
        let mut variables: BTreeMap<String, Value> = tokens.collect();
        for (name, value) in conversation.arguments.into_iter().flatten() {
            variables.insert(name.clone(), from_json(value));
        }
        variables.extend([
            ("messages".to_owned(), conversation.messages.iter().map(message).collect()),
            ("tools".to_owned(), conversation.tools.map_or_else(|| Value::from(()), from_json)),
            ("documents".to_owned(), Value::from(())),
            ("add_generation_prompt".to_owned(), Value::from(conversation.add_generation_prompt)),
            ("strftime_now".to_owned(), Value::from_function(strftime_now)),
        ]);
        variables
    }
}

/// A turn as transformers hands it over: fields without a value are left out, and thinking that stands in a field of
/// another name is found under `reasoning_content` too.
fn message(turn: &Json) -> Value {
    let Json::Object(fields) = turn else { return from_json(turn) };
    let mut fields: Map<String, Json> = fields
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    if !fields.contains_key(REASONING)
        && let Some(thinking) = ["thinking", "reasoning"].iter().find_map(|name| fields.get(*name).cloned())
    {
        fields.insert(REASONING.to_owned(), thinking);
    }
    from_json(&Json::Object(fields))
}

/// Field of a turn that holds its thinking.
const REASONING: &str = "reasoning_content";

fn refuse(error: &Error) -> PolicyError {
    let line = error.line().map(|line| format!(" (line {line})")).unwrap_or_default();
    // What a template says itself stands in the detail.
    let reason = match (error.kind(), error.detail()) {
        (ErrorKind::InvalidOperation, Some(detail)) => detail.to_owned(),
        _ => error.to_string(),
    };
    PolicyError::ChatTemplate(format!("{reason}{line}"))
}

#[cfg(test)]
mod tests;
