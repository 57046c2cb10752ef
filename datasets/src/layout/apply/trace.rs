//! A row made into traces: a conversation, or a prompt with the completions that were written for it.

use serde_json::{Map, Value};

use super::parts;
use crate::layout::definition::Layout;
use crate::layout::expression::Columns;
use crate::layout::fault::Fault;
use crate::layout::item::Item;
use crate::record;
use crate::trace::Trace;

/// The traces of a row; none where a list of completions is empty.
pub(super) fn traces(layout: &Layout, columns: &Columns<'_>) -> Result<Vec<Trace>, Fault> {
    let id = parts::id(layout, columns)?;
    if let Some(conversation) = parts::optional(layout.conversation.as_ref(), "conversation", columns)? {
        return Ok(vec![trace(layout, columns, &id, conversation)?]);
    }
    let prompt = parts::prompt(layout, columns)?.ok_or_else(|| Fault::Value("prompt: it is empty".to_owned()))?;
    let completion = parts::optional(layout.completion.as_ref(), "completion", columns)?;
    let completion = completion.ok_or_else(|| Fault::Value("completion: it is empty".to_owned()))?;
    let (completions, is_list) = match completion {
        Value::Array(completions) if !completions.iter().all(Value::is_object) => (completions, true),
        Value::Array(completions) if completions.is_empty() => return Ok(Vec::new()),
        other => (vec![other], false),
    };
    let mut traces = Vec::new();
    for (index, completion) in completions.into_iter().enumerate() {
        let mut messages = prompt.clone();
        match completion {
            // A completion in turns, as TRL has it.
            Value::Array(turns) => messages.extend(turns),
            other => {
                let text = Item::Json(other).into_text().map_err(|fault| fault.within("completion"))?;
                messages.push(parts::message("assistant", &text));
            }
        }
        let id = if is_list { format!("{id}/{index}") } else { id.clone() };
        traces.push(trace(layout, columns, &id, Value::Array(messages))?);
    }
    Ok(traces)
}

fn trace(layout: &Layout, columns: &Columns<'_>, id: &str, messages: Value) -> Result<Trace, Fault> {
    let mut trace = Map::new();
    trace.insert("id".to_owned(), id.into());
    trace.insert("messages".to_owned(), messages);
    if let Some(kind) = &layout.kind {
        trace.insert("task".to_owned(), kind.as_str().into());
    }
    if let Some(tools) = parts::optional(layout.tools.as_ref(), "tools", columns)? {
        trace.insert("tools".to_owned(), tools);
    }
    Ok(record::of_value(Value::Object(trace))?)
}
