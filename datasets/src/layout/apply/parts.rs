//! The parts that every record has: id, conversation, tools, meta.

use serde_json::{Map, Value, json};

use crate::layout::definition::Layout;
use crate::layout::expression::Columns;
use crate::layout::fault::Fault;
use crate::layout::item::{Item, shown};
use crate::layout::tree::Expression;

/// The id: the layout's column as text, or else the row's number.
pub(super) fn id(layout: &Layout, columns: &Columns<'_>) -> Result<String, Fault> {
    let id = layout.id.as_ref().map(|id| id.value(columns)).transpose().map_err(|fault| fault.within("id"))?;
    match id {
        None | Some(Value::Null) => Ok(columns.context.index.to_string()),
        Some(Value::String(id)) if !id.is_empty() => Ok(id),
        Some(Value::Number(id)) => Ok(id.to_string()),
        Some(other) => Err(Fault::Value(format!("id: a text or a number is expected, found {}", shown(&other)))),
    }
}

/// The value of a part that a layout may leave out.
pub(super) fn optional(
    expression: Option<&Expression>,
    name: &str,
    columns: &Columns<'_>,
) -> Result<Option<Value>, Fault> {
    let value = expression.map(|expression| expression.value(columns)).transpose();
    Ok(value.map_err(|fault| fault.within(name))?.filter(|value| !value.is_null()))
}

/// The conversation to complete: a text is a user's turn.
pub(super) fn prompt(layout: &Layout, columns: &Columns<'_>) -> Result<Option<Vec<Value>>, Fault> {
    let mut messages = match optional(layout.prompt.as_ref(), "prompt", columns)? {
        None => return Ok(None),
        Some(Value::Array(messages)) => messages,
        Some(Value::String(text)) if !text.trim().is_empty() => vec![message("user", &text)],
        Some(Value::String(_)) => return Err(Fault::Value("prompt: the text is empty".to_owned())),
        Some(other) => {
            return Err(Fault::Value(format!(
                "prompt: a text or a list of messages is expected, found {}",
                shown(&other)
            )));
        }
    };
    if let Some(system) = optional(layout.system.as_ref(), "system", columns)? {
        let text = Item::Json(system).into_text().map_err(|fault| fault.within("system"))?;
        messages.insert(0, message("system", &text));
    }
    Ok(Some(messages))
}

pub(super) fn message(role: &str, content: &str) -> Value {
    json!({"role": role, "content": content})
}

/// The object of `[meta]`, without what is empty.
pub(super) fn meta(layout: &Layout, columns: &Columns<'_>) -> Result<Option<Value>, Fault> {
    let mut meta = Map::new();
    for (name, tree) in &layout.meta {
        let value = tree.value(columns).map_err(|fault| fault.within(&format!("meta.{name}")))?;
        if !value.is_null() {
            meta.insert(name.clone(), value);
        }
    }
    Ok(Some(Value::Object(meta)).filter(|meta| meta.as_object().is_some_and(|meta| !meta.is_empty())))
}
