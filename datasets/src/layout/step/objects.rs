//! Steps on objects.

use std::str::FromStr;

use serde_json::{Map, Number, Value, json};

use super::arguments::Arguments;
use super::kind::ExpressionStep;
use crate::layout::fault::Fault;
use crate::layout::item::{Item, shown};

pub(super) const STEPS: &[ExpressionStep] = &[
    ExpressionStep::new("entries", (0, 0), |item, _| {
        let entries = object(item)?.into_iter().map(|(key, value)| json!({"key": key, "value": value}));
        Ok(Item::Json(entries.collect()))
    }),
    ExpressionStep::new("drop_nulls", (0, 0), |item, _| Ok(Item::Json(drop_nulls(item.into_json()?)))),
    ExpressionStep::new("whole_numbers", (0, 0), |item, _| Ok(Item::Json(whole_numbers(item.into_json()?)))),
    ExpressionStep::new("omit", (1, 26), |item, arguments| {
        let mut object = object(item)?;
        for index in 0..arguments.count {
            object.shift_remove(&arguments.needed_text(index)?);
        }
        Ok(Item::Json(Value::Object(object)))
    }),
    ExpressionStep::new("rename", (1, 1), rename),
    ExpressionStep::new("lookup", (1, 1), lookup),
];

fn object(item: Item) -> Result<Map<String, Value>, Fault> {
    match item.into_json()? {
        Value::Object(object) => Ok(object),
        other => Err(Fault::Value(format!("an object is expected, found {}", shown(&other)))),
    }
}

/// Without the entries of objects that are null, however deep.
fn drop_nulls(value: Value) -> Value {
    match value {
        Value::Object(entries) => {
            let kept = entries.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(key, value)| (key, drop_nulls(value))).collect())
        }
        Value::Array(items) => items.into_iter().map(drop_nulls).collect(),
        other => other,
    }
}

/// With whole numbers for those that are written as `3.0`, however deep.
fn whole_numbers(value: Value) -> Value {
    match value {
        Value::Number(number) => {
            let text = number.to_string();
            let whole = text.split_once('.').filter(|(_, fraction)| fraction.bytes().all(|byte| byte == b'0'));
            let whole = whole.and_then(|(whole, _)| Number::from_str(whole).ok());
            Value::Number(whole.unwrap_or(number))
        }
        Value::Object(entries) => {
            Value::Object(entries.into_iter().map(|(key, value)| (key, whole_numbers(value))).collect())
        }
        Value::Array(items) => items.into_iter().map(whole_numbers).collect(),
        other => other,
    }
}

/// The object with the names that the argument, an object of names, has for its keys.
fn rename(item: Item, arguments: &Arguments<'_>) -> Result<Item, Fault> {
    let names = arguments.value(0)?.unwrap_or_default();
    let entries = object(item)?.into_iter().map(|(key, value)| match &names[&key] {
        Value::String(name) => Ok((name.clone(), value)),
        _ => Err(Fault::Value(format!("\"{key}\" has no name here"))),
    });
    Ok(Item::Json(Value::Object(entries.collect::<Result<_, _>>()?)))
}

/// The entry of one of the layout's tables.
fn lookup(item: Item, arguments: &Arguments<'_>) -> Result<Item, Fault> {
    let name = arguments.needed_text(0)?;
    let table = arguments.context.tables.get(&name);
    let table = table.ok_or_else(|| Fault::Value(format!("the layout has no table [tables.{name}]")))?;
    let key = match item.into_json()? {
        Value::String(text) => text,
        other => other.to_string(),
    };
    let entry = table.get(&key).cloned();
    entry.map(Item::Json).ok_or_else(|| Fault::Value(format!("\"{key}\" does not stand in [tables.{name}]")))
}
