//! Values between the steps of an expression: JSON, or the bytes that an encoding leaves.

use serde_json::Value;

use super::fault::Fault;

/// Characters of a value that an error shows.
const SHOWN: usize = 60;

/// A value between two steps.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Item {
    /// A value as JSON has it.
    Json(Value),
    /// Bytes, as base64 and zlib leave them.
    Bytes(Vec<u8>),
}

impl Item {
    /// The value of a column that is empty.
    pub(crate) const NULL: Self = Self::Json(Value::Null);

    pub(crate) fn is_null(&self) -> bool {
        *self == Self::NULL
    }

    /// The JSON value; bytes are none.
    pub(crate) fn into_json(self) -> Result<Value, Fault> {
        match self {
            Self::Json(value) => Ok(value),
            Self::Bytes(bytes) => Err(Fault::Value(format!(
                "{} bytes are left where a value is expected; name the next step of their encoding",
                bytes.len()
            ))),
        }
    }

    /// The text; a number or a boolean is none.
    pub(crate) fn into_text(self) -> Result<String, Fault> {
        match self.into_json()? {
            Value::String(text) => Ok(text),
            other => Err(Fault::Value(format!("a text is expected, found {}", shown(&other)))),
        }
    }

    /// The list's items.
    pub(crate) fn into_list(self) -> Result<Vec<Value>, Fault> {
        match self.into_json()? {
            Value::Array(items) => Ok(items),
            other => Err(Fault::Value(format!("a list is expected, found {}", shown(&other)))),
        }
    }
}

impl From<Value> for Item {
    fn from(value: Value) -> Self {
        Self::Json(value)
    }
}

impl From<String> for Item {
    fn from(text: String) -> Self {
        Self::Json(Value::String(text))
    }
}

/// The beginning of a value, for errors.
pub(crate) fn shown(value: &Value) -> String {
    cut(&value.to_string())
}

/// The beginning of a text on one line, for errors.
pub(crate) fn cut(text: &str) -> String {
    let line = text.replace('\n', "\\n");
    match line.char_indices().nth(SHOWN) {
        None => line,
        Some((end, _)) => format!("{}…", &line[..end]),
    }
}
