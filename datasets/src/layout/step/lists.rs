//! Steps on lists, and on a value that may be empty.

use std::collections::HashMap;

use serde_json::Value;

use super::arguments::Arguments;
use super::kind::ExpressionStep;
use crate::layout::fault::Fault;
use crate::layout::item::{Item, shown};

pub(super) const STEPS: &[ExpressionStep] = &[
    ExpressionStep::new("first", (0, 0), |item, _| place(item, 0)),
    ExpressionStep::new("last", (0, 0), |item, _| place(item, -1)),
    ExpressionStep::new("only", (0, 0), |item, _| match item.into_list()? {
        items if items.len() == 1 => Ok(Item::Json(items.into_iter().next().unwrap_or_default())),
        items => Err(Fault::Value(format!("a list of one item is expected, found {} items", items.len()))),
    }),
    ExpressionStep::new("each", (1, 1), each),
    ExpressionStep::new("update", (2, 2), update),
    ExpressionStep::new("where", (1, 1), |item, arguments| {
        let mut kept = Vec::new();
        for value in item.into_list()? {
            let value = Item::Json(value);
            if arguments.of(0, &value)? == Item::Json(true.into()) {
                kept.push(value.into_json()?);
            }
        }
        Ok(Item::Json(Value::Array(kept)))
    }),
    ExpressionStep::new("without", (1, 1), |item, arguments| {
        let dropped = arguments.value(0)?.unwrap_or_default();
        Ok(Item::Json(item.into_list()?.into_iter().filter(|value| *value != dropped).collect()))
    }),
    ExpressionStep::new("concat", (0, 0), |item, _| {
        let mut all = Vec::new();
        for part in item.into_list()? {
            if !part.is_null() {
                all.extend(Item::Json(part).into_list()?);
            }
        }
        Ok(Item::Json(Value::Array(all)))
    }),
    ExpressionStep::new("pairs", (0, 0), pairs),
    ExpressionStep::new("join", (1, 1), join),
    ExpressionStep::new("length", (0, 0), |item, _| match item.into_json()? {
        Value::Array(items) => Ok(Item::Json(items.len().into())),
        Value::Object(entries) => Ok(Item::Json(entries.len().into())),
        Value::String(text) => Ok(Item::Json(text.chars().count().into())),
        other => Err(Fault::Value(format!("{} has no length", shown(&other)))),
    }),
    ExpressionStep::new("most_common", (0, 0), most_common),
    ExpressionStep::new("one_of", (1, 26), one_of),
    ExpressionStep::new("or", (1, 1), |item, arguments| {
        let is_empty = matches!(&item, Item::Json(Value::Null) | Item::Json(Value::String(_)))
            && !matches!(&item, Item::Json(Value::String(text)) if !text.is_empty());
        if is_empty { arguments.of(0, &item) } else { Ok(item) }
    })
    .of_null(),
];

/// The argument's value for each item of a list, or for each entry's value of an object.
fn each(item: Item, arguments: &Arguments<'_>) -> Result<Item, Fault> {
    let map = |name: &str, value: Value| {
        let mapped = arguments.of(0, &Item::Json(value)).and_then(Item::into_json);
        mapped.map_err(|fault| fault.within(&format!("item {name}")))
    };
    let mapped = match item.into_json()? {
        Value::Object(entries) => {
            let entries = entries.into_iter().map(|(key, value)| Ok((key.clone(), map(&key, value)?)));
            Value::Object(entries.collect::<Result<_, Fault>>()?)
        }
        other => {
            let items = Item::Json(other).into_list()?.into_iter().enumerate();
            items.map(|(index, value)| map(&(index + 1).to_string(), value)).collect::<Result<_, _>>()?
        }
    };
    Ok(Item::Json(mapped))
}

/// The list with the second argument's value for the item at the index of the first; a shorter list stays.
fn update(item: Item, arguments: &Arguments<'_>) -> Result<Item, Fault> {
    let index = arguments.value(0)?.as_ref().and_then(Value::as_u64).and_then(|index| usize::try_from(index).ok());
    let index = index.ok_or_else(|| Fault::Value("`update` needs an index from 0".to_owned()))?;
    let mut items = item.into_list()?;
    if let Some(value) = items.get_mut(index) {
        *value = arguments.of(1, &Item::Json(value.take()))?.into_json()?;
    }
    Ok(Item::Json(Value::Array(items)))
}

fn place(item: Item, place: isize) -> Result<Item, Fault> {
    let mut items = item.into_list()?;
    let index = if place < 0 { items.len().checked_sub(1) } else { Some(0) };
    match index.filter(|index| *index < items.len()) {
        Some(index) => Ok(Item::Json(items.swap_remove(index))),
        None => Err(Fault::Value("the list is empty".to_owned())),
    }
}

/// `[[a, b], [c, d]]` of `[[a, c], [b, d]]`: the items that stand at the same place of two lists.
fn pairs(item: Item, _: &Arguments<'_>) -> Result<Item, Fault> {
    let lists = item.into_list()?.into_iter().map(|list| Item::Json(list).into_list());
    let lists: Vec<Vec<Value>> = lists.collect::<Result<_, _>>()?;
    let length = lists.first().map_or(0, Vec::len);
    if let Some(other) = lists.iter().find(|list| list.len() != length) {
        return Err(Fault::Value(format!("lists of {length} and of {} items do not pair", other.len())));
    }
    let pair = |index: usize| lists.iter().map(|list| list[index].clone()).collect::<Value>();
    Ok(Item::Json((0..length).map(pair).collect()))
}

/// The texts that are not empty, with a separator between them.
fn join(item: Item, arguments: &Arguments<'_>) -> Result<Item, Fault> {
    let mut texts = Vec::new();
    for value in item.into_list()? {
        match value {
            Value::Null => {}
            Value::String(text) if text.is_empty() => {}
            other => texts.push(Item::Json(other).into_text()?),
        }
    }
    Ok(texts.join(&arguments.needed_text(0)?).into())
}

/// The value that more items have than any other; empty where two are as common.
fn most_common(item: Item, _: &Arguments<'_>) -> Result<Item, Fault> {
    let items = item.into_list()?;
    let mut counts: HashMap<String, usize> = HashMap::new();
    for value in &items {
        *counts.entry(value.to_string()).or_default() += 1;
    }
    let most = counts.values().copied().max().unwrap_or(0);
    let mut best = counts.iter().filter(|(_, count)| **count == most).map(|(text, _)| text);
    let (first, second) = (best.next(), best.next());
    let only = first.filter(|_| second.is_none());
    let value = only.and_then(|text| items.iter().find(|value| value.to_string() == *text));
    Ok(Item::Json(value.cloned().unwrap_or_default()))
}

/// The value itself, where it is one of the arguments (or of the one argument's items).
fn one_of(item: Item, arguments: &Arguments<'_>) -> Result<Item, Fault> {
    let mut allowed = Vec::new();
    for index in 0..arguments.count {
        match arguments.value(index)? {
            Some(Value::Array(items)) => allowed.extend(items),
            Some(value) => allowed.push(value),
            None => {}
        }
    }
    let value = item.into_json()?;
    if allowed.contains(&value) {
        return Ok(Item::Json(value));
    }
    let allowed: Vec<String> = allowed.iter().map(shown).collect();
    Err(Fault::Value(format!("{} is none of {}", shown(&value), allowed.join(", "))))
}
