//! Steps that say what JSON cannot: tuples, sets, complex and floating-point numbers of Python.
//!
//! They stand as `{"$tuple": […]}`, `{"$set": […]}`, `{"$complex": number or text}` and `{"$float": number or text}`;
//! the harness of code makes the values of them.

use serde_json::{Value, json};

use super::kind::Step;
use crate::layout::item::Item;

pub(super) const STEPS: &[Step] = &[
    Step::new("tuple", (0, 0), |item, _| Ok(Item::Json(tuple(item.into_json()?)))),
    Step::new("deep_tuple", (0, 0), |item, _| Ok(Item::Json(deep_tuple(item.into_json()?)))),
    Step::new("set", (0, 0), |item, _| {
        Ok(Item::Json(match item.into_json()? {
            // An empty set has no literal; the published tests have an empty dictionary there.
            Value::Array(items) if items.is_empty() => json!({}),
            Value::Array(items) => json!({"$set": items}),
            other => other,
        }))
    }),
    Step::new("complex", (0, 0), |item, _| Ok(Item::Json(json!({"$complex": item.into_json()?})))),
    Step::new("float", (0, 0), |item, _| Ok(Item::Json(json!({"$float": item.into_json()?})))),
];

/// A tuple of a list; any other value stays.
fn tuple(value: Value) -> Value {
    match value {
        Value::Array(items) => json!({"$tuple": items}),
        other => other,
    }
}

/// Tuples of a list and of every list in it.
fn deep_tuple(value: Value) -> Value {
    match value {
        Value::Array(items) => tuple(items.into_iter().map(deep_tuple).collect()),
        other => other,
    }
}
