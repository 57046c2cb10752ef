//! One turn of a conversation.
//!
//! Most turns are a role and a text. What else a line says of one (`tool_calls`, `reasoning_content`, a content of
//! several parts) is kept as it stands, for the chat template that reads it.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};

/// One turn of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The speaker: `system`, `developer`, `user`, `assistant` or `tool`.
    pub role: String,
    /// The text of the turn; of a content of several parts, the text of all.
    pub content: String,
    /// The content where it is no text: null, a list of parts, or the result of a tool.
    other_content: Option<Value>,
    /// The other fields, in their order.
    more: Map<String, Value>,
}

impl Message {
    /// A turn of this role.
    pub fn new(role: impl Into<String>, content: impl Into<String>) -> Self {
        Self { role: role.into(), content: content.into(), other_content: None, more: Map::new() }
    }

    /// A user's turn.
    pub fn user(content: impl Into<String>) -> Self {
        Self::new("user", content)
    }

    /// An assistant's turn.
    pub fn assistant(content: impl Into<String>) -> Self {
        Self::new("assistant", content)
    }

    /// A field beside role and content, such as `tool_calls`; `None` where it is absent or null.
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.more.get(name).filter(|value| !value.is_null())
    }

    /// Adds to the end of the text: of several parts, to the last one that is a text.
    pub fn push_text(&mut self, text: &str) {
        self.content.push_str(text);
        match &mut self.other_content {
            None => {}
            Some(Value::Array(parts)) => match parts.last_mut() {
                Some(Value::String(last)) => last.push_str(text),
                Some(Value::Object(last)) if last.get("text").is_some_and(Value::is_string) => {
                    let joined = format!("{}{text}", last["text"].as_str().unwrap_or_default());
                    last.insert("text".to_owned(), joined.into());
                }
                _ => parts.push(json!({"type": "text", "text": text})),
            },
            Some(_) => self.other_content = None,
        }
    }

    /// The turn as an object, with everything that its line said of it.
    pub fn to_json(&self) -> Value {
        let content = self.other_content.clone().unwrap_or_else(|| self.content.as_str().into());
        let mut fields = Map::new();
        fields.insert("role".to_owned(), self.role.as_str().into());
        fields.insert("content".to_owned(), content);
        fields.extend(self.more.clone());
        Value::Object(fields)
    }
}

impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Message {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut more = Map::deserialize(deserializer)?;
        let Some(Value::String(role)) = more.shift_remove("role") else {
            return Err(D::Error::custom("a message needs a \"role\" that is a text"));
        };
        match more.shift_remove("content") {
            Some(Value::String(content)) => Ok(Self { role, content, other_content: None, more }),
            other => {
                let other = other.unwrap_or_default();
                Ok(Self { role, content: text_of(&other), other_content: Some(other), more })
            }
        }
    }
}

/// The text of a content: of a list, that of its parts.
fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(|part| text_of(part.get("text").unwrap_or(part))).collect(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_keeps_what_its_line_says() {
        for line in [
            r#"{"role":"user","content":"Hi"}"#,
            r#"{"role":"assistant","content":null,"tool_calls":[{"function":{"name":"f","arguments":{"b":1,"a":1}}}]}"#,
            r#"{"role":"user","content":[{"type":"text","text":"a"},"b"],"name":"x"}"#,
            r#"{"role":"tool","content":{"sky":"clear"}}"#,
        ] {
            let message: Message = serde_json::from_str(line).unwrap();
            assert_eq!(serde_json::to_string(&message).unwrap(), line);
        }
        assert!(serde_json::from_str::<Message>(r#"{"content":"Hi"}"#).is_err());
    }

    #[test]
    fn text_is_added_to_the_last_part() {
        let mut message: Message = serde_json::from_value(json!({
            "role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
        }))
        .unwrap();
        assert_eq!(message.content, "ab");
        message.push_text("!");
        assert_eq!(message.content, "ab!");
        assert_eq!(message.to_json()["content"][1], json!({"type": "text", "text": "b!"}));
        let mut plain = Message::user("a");
        plain.push_text("b");
        assert_eq!(plain, Message::user("ab"));
    }
}
