//! A row made into candidates: better and worse completions of one prompt.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::parts;
use crate::candidates::Candidates;
use crate::layout::definition::{Layout, Preference};
use crate::layout::expression::Columns;
use crate::layout::fault::Fault;
use crate::layout::item::shown;
use crate::preference::PreferencePair;
use crate::record;
use crate::task::TaskKind;

/// The candidates of a row; `None` where it is a tie.
pub(super) fn candidates(
    layout: &Layout,
    preference: &Preference,
    columns: &Columns<'_>,
) -> Result<Option<Candidates>, Fault> {
    let within = |part: &'static str| move |fault: Fault| fault.within(part);
    let (chosen, rejected) = match preference {
        Preference::Columns { chosen, rejected, tie } => {
            if tie.as_ref().map_or(Ok(false), |tie| tie.holds(columns)).map_err(within("tie"))? {
                return Ok(None);
            }
            let chosen = chosen.value(columns).and_then(completions).map_err(within("chosen"))?;
            (chosen, rejected.value(columns).and_then(completions).map_err(within("rejected"))?)
        }
        Preference::Strength { first, second, strength } => {
            let strength = strength.value(columns).map_err(within("strength"))?;
            let number = strength.as_f64().or_else(|| strength.as_str()?.trim().parse().ok());
            let number = number.filter(|number: &f64| !number.is_nan());
            let number = number.ok_or_else(|| Fault::Value(format!("strength: {} is no number", shown(&strength))))?;
            let first = first.value(columns).and_then(completions).map_err(within("first"))?;
            let second = second.value(columns).and_then(completions).map_err(within("second"))?;
            match number.total_cmp(&0.0) {
                _ if number == 0.0 => return Ok(None),
                Ordering::Less => (first, second),
                Ordering::Equal | Ordering::Greater => (second, first),
            }
        }
    };
    let prompt = match parts::prompt(layout, columns)? {
        Some(prompt) => prompt,
        None => {
            let other = chosen.prompts.iter().chain(&rejected.prompts).find(|other| **other != chosen.prompts[0]);
            if other.is_some() {
                return Err(Fault::Value("chosen and rejected answer different conversations".to_owned()));
            }
            chosen.prompts[0].clone()
        }
    };
    let mut first = pair(layout, columns, prompt, &chosen.texts[0], &rejected.texts[0])?;
    first.kind = layout.kind.clone().map(TaskKind::new);
    let mut candidates = Candidates::from(first);
    candidates.chosen = chosen.texts;
    candidates.rejected = rejected.texts;
    candidates.meta = parts::meta(layout, columns)?;
    Ok(Some(candidates))
}

/// The first pair, checked as one of our own files is.
fn pair(
    layout: &Layout,
    columns: &Columns<'_>,
    prompt: Vec<Value>,
    chosen: &str,
    rejected: &str,
) -> Result<PreferencePair, Fault> {
    let mut pair = Map::new();
    pair.insert("id".to_owned(), parts::id(layout, columns)?.into());
    pair.insert("messages".to_owned(), Value::Array(prompt));
    pair.insert("chosen".to_owned(), chosen.into());
    pair.insert("rejected".to_owned(), rejected.into());
    if let Some(tools) = parts::optional(layout.tools.as_ref(), "tools", columns)? {
        pair.insert("tools".to_owned(), tools);
    }
    Ok(record::of_value(Value::Object(pair))?)
}

/// Completions with the conversations before them.
struct Completions {
    texts: Vec<String>,
    prompts: Vec<Vec<Value>>,
}

/// One completion or several: each a text, or a conversation that ends with it.
fn completions(value: Value) -> Result<Completions, Fault> {
    let several = match value {
        Value::Array(items) if items.is_empty() => return Err(Fault::Value("the list is empty".to_owned())),
        Value::Array(items) if !items.iter().all(Value::is_object) => items,
        one => vec![one],
    };
    let mut completions = Completions { texts: Vec::new(), prompts: Vec::new() };
    for completion in several {
        let (text, prompt) = match completion {
            Value::Array(mut turns) => {
                let last = turns.pop().unwrap_or_default();
                (last.get("content").cloned().unwrap_or_default(), turns)
            }
            text => (text, Vec::new()),
        };
        let Value::String(text) = text else {
            return Err(Fault::Value(format!("a completion must be a text, found {}", shown(&text))));
        };
        completions.texts.push(text);
        completions.prompts.push(prompt);
    }
    Ok(completions)
}
