//! The chat template of a Hugging Face folder: messages to the text of a prompt, rendered by `minijinja`.
//!
//! Templates are written for Python's Jinja as transformers sets it up: `trim_blocks`, `lstrip_blocks`, the methods of
//! Python's strings, lists and dictionaries, and `raise_exception`.

use minijinja::{Environment, Error, ErrorKind, Value, context};
use serde::Serialize;

use crate::error::PolicyError;

/// One turn of a conversation, as templates see it.
#[derive(Clone, Debug, Serialize)]
pub struct ChatMessage<'a> {
    /// `system`, `user`, `assistant` or `tool`.
    pub role: &'a str,
    /// Text of the turn, without the template's marks.
    pub content: &'a str,
}

/// A compiled chat template, with the special tokens that it may name.
#[derive(Debug)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    bos_token: Option<String>,
    eos_token: Option<String>,
}

const NAME: &str = "chat";

impl ChatTemplate {
    /// Compiles a template's source.
    ///
    /// # Errors
    /// The source is not valid Jinja.
    pub fn new(source: String, bos_token: Option<String>, eos_token: Option<String>) -> Result<Self, PolicyError> {
        let mut environment = Environment::new();
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", |message: String| -> Result<Value, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, message))
        });
        environment.add_template_owned(NAME, source).map_err(refuse)?;
        Ok(Self { environment, bos_token, eos_token })
    }

    /// The text of a conversation; with `add_generation_prompt` it ends where the assistant's completion begins.
    /// `tools` is a list of function descriptions as JSON Schema.
    ///
    /// # Errors
    /// The template refuses the conversation.
    pub fn render(
        &self,
        messages: &[ChatMessage<'_>],
        tools: Option<&serde_json::Value>,
        add_generation_prompt: bool,
    ) -> Result<String, PolicyError> {
        let template = self.environment.get_template(NAME).map_err(refuse)?;
        template
            .render(context! {
                messages,
                tools => tools.map(Value::from_serialize),
                add_generation_prompt,
                bos_token => self.bos_token,
                eos_token => self.eos_token,
            })
            .map_err(refuse)
    }
}

fn refuse(error: Error) -> PolicyError {
    let line = error.line().map(|line| format!(" (line {line})")).unwrap_or_default();
    PolicyError::ChatTemplate(format!("{error}{line}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renders_chatml() {
        let template = ChatTemplate::new(crate::CHAT_TEMPLATE.into(), None, None).unwrap();
        let messages = [ChatMessage { role: "user", content: "1 + 1?" }];
        assert_eq!(
            template.render(&messages, None, true).unwrap(),
            "<|im_start|>user\n1 + 1?<|im_end|>\n<|im_start|>assistant\n"
        );
    }

    #[test]
    fn a_template_may_refuse() {
        let template = ChatTemplate::new("{{ raise_exception('no system turn') }}".into(), None, None).unwrap();
        let error = template.render(&[], None, true).unwrap_err().to_string();
        assert!(error.contains("no system turn"), "{error}");
    }
}
