//! Evaluation: an expression and a row give a value.

use serde_json::{Map, Value};

use super::comparison::{fits, holds};
use super::node::{Head, Key, Node, Part};
use crate::layout::fault::Fault;
use crate::layout::item::{Item, shown};
use crate::layout::step::{Arguments, Context};
use crate::near::near;

/// The columns of a row, and what the layout's `[let]` made of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Columns<'a> {
    /// The row's columns.
    pub(crate) fields: &'a Map<String, Value>,
    /// The names of `[let]`; they come before the columns.
    pub(crate) named: &'a Map<String, Value>,
    /// What is known of the row beside them.
    pub(crate) context: Context<'a>,
}

impl<'a> Columns<'a> {
    fn get(&self, name: &str) -> Option<&'a Value> {
        self.named.get(name).or_else(|| self.fields.get(name))
    }

    fn absent(&self, name: &str) -> Fault {
        let names: Vec<&str> = self.named.keys().chain(self.fields.keys()).map(String::as_str).collect();
        let near = near(name, names.iter().copied());
        let hint = match near.as_slice() {
            [] => format!("there are {}", names.join(", ")),
            near => format!("near it: {}", near.join(", ")),
        };
        Fault::Column(format!("there is no column \"{name}\"; {hint}"))
    }
}

/// The value of an expression.
pub(crate) fn evaluate(node: &Node, columns: &Columns<'_>) -> Result<Item, Fault> {
    value(node, columns, &Item::NULL)
}

/// True where a condition holds.
pub(crate) fn evaluate_condition(node: &Node, columns: &Columns<'_>) -> Result<bool, Fault> {
    condition(node, columns, &Item::NULL)
}

fn condition(node: &Node, columns: &Columns<'_>, current: &Item) -> Result<bool, Fault> {
    match value(node, columns, current)? {
        Item::Json(Value::Bool(holds)) => Ok(holds),
        Item::Json(Value::Null) => Ok(false),
        Item::Json(other) => Err(Fault::Value(format!("a condition is true or false, found {}", shown(&other)))),
        Item::Bytes(_) => Err(Fault::Value("a condition is true or false, found bytes".to_owned())),
    }
}

fn value(node: &Node, columns: &Columns<'_>, current: &Item) -> Result<Item, Fault> {
    let json = |node: &Node| value(node, columns, current)?.into_json();
    let holds_for = |node: &Node| condition(node, columns, current);
    let truth = |holds: bool| Ok(Item::Json(holds.into()));
    match node {
        Node::Constant(constant) => Ok(Item::Json(constant.clone())),
        Node::Path { head, parts } => path(head, parts, columns, current),
        Node::Template(pieces) => {
            let mut text = String::new();
            for piece in pieces {
                match json(piece)? {
                    Value::String(piece) => text.push_str(&piece),
                    Value::Null if piece.may_be_null() => {}
                    Value::Number(number) => text.push_str(&number.to_string()),
                    other => {
                        return Err(Fault::Value(format!("a text is expected in the hole, found {}", shown(&other))));
                    }
                }
            }
            Ok(text.into())
        }
        Node::List(items) => Ok(Item::Json(items.iter().map(json).collect::<Result<_, _>>()?)),
        Node::Object(entries) => {
            let mut object = Map::new();
            for (key, node) in entries {
                match json(node)? {
                    Value::Null if node.may_be_null() => {}
                    value => drop(object.insert(key.clone(), value)),
                }
            }
            Ok(Item::Json(Value::Object(object)))
        }
        Node::Pipe(left, right) => value(right, columns, &value(left, columns, current)?),
        Node::Call(step, _) if current.is_null() && !step.takes_null => Ok(Item::NULL),
        Node::Call(step, nodes) => {
            let evaluate = |index: usize, item: &Item| value(&nodes[index], columns, item);
            let arguments = Arguments { count: nodes.len(), evaluate: &evaluate, context: columns.context };
            (step.run)(current.clone(), &arguments).map_err(|fault| fault.within(step.name))
        }
        Node::If(parts) => {
            let [condition, then, otherwise] = parts.as_ref();
            value(if holds_for(condition)? { then } else { otherwise }, columns, current)
        }
        Node::Not(node) => truth(!holds_for(node)?),
        Node::And(left, right) => truth(holds_for(left)? && holds_for(right)?),
        Node::Or(left, right) => truth(holds_for(left)? || holds_for(right)?),
        Node::Compare(comparison, left, right) => truth(holds(*comparison, &json(left)?, &json(right)?)),
        Node::IsNull(node) => match value(node, columns, current) {
            Ok(value) => truth(value.is_null()),
            Err(fault) => Err(fault),
        },
        Node::In(item, list) => {
            let (item, list) = (json(item)?, Item::Json(json(list)?).into_list()?);
            truth(list.iter().any(|other| holds(super::node::Comparison::Equal, &item, other)))
        }
        Node::Like(text, pattern) => match (json(text)?, json(pattern)?) {
            (Value::String(text), Value::String(pattern)) => truth(fits(&pattern, &text)),
            (Value::Number(number), Value::String(pattern)) => truth(fits(&pattern, &number.to_string())),
            (_, Value::String(_)) => truth(false),
            (_, other) => Err(Fault::Value(format!("`like` needs a pattern in quotes, found {}", shown(&other)))),
        },
    }
}

fn path(head: &Head, parts: &[Part], columns: &Columns<'_>, current: &Item) -> Result<Item, Fault> {
    let (start, name) = match head {
        Head::Column { name, is_optional } => match columns.get(name) {
            Some(value) => (value, name.as_str()),
            None if *is_optional => return Ok(Item::NULL),
            None => return Err(columns.absent(name)),
        },
        Head::Current => match current {
            Item::Json(value) => (value, ""),
            Item::Bytes(_) if parts.is_empty() => return Ok(current.clone()),
            Item::Bytes(_) => return Err(Fault::Value("bytes have no parts".to_owned())),
        },
        Head::File => {
            let file = columns.context.place.file.file_name().map(|name| name.to_string_lossy().into_owned());
            return Ok(file.unwrap_or_default().into());
        }
        Head::Index => return Ok(Item::Json(columns.context.index.into())),
    };
    let (mut value, mut walked) = (start, name.to_owned());
    for Part { key, is_optional } in parts {
        let next = match (key, value) {
            (Key::Name(name), Value::Object(entries)) => entries.get(name),
            (Key::Place(place), Value::Array(items)) => {
                place_of(*place, items.len()).and_then(|place| items.get(place))
            }
            (_, Value::Null) => return Ok(Item::NULL),
            _ => None,
        };
        match (next, key) {
            (Some(next), _) => value = next,
            (None, _) if *is_optional => return Ok(Item::NULL),
            (None, Key::Name(name)) => return Err(no_part(name, value, &walked)),
            (None, Key::Place(place)) => {
                return Err(Fault::Value(format!("{walked} has no item [{place}]: {}", shown(value))));
            }
        }
        match key {
            Key::Name(name) => walked = format!("{walked}.{name}"),
            Key::Place(place) => walked = format!("{walked}[{place}]"),
        }
    }
    Ok(Item::Json(value.clone()))
}

/// The place in a list of this length; from the end where it is negative.
fn place_of(place: i64, length: usize) -> Option<usize> {
    if place < 0 {
        length.checked_sub(usize::try_from(place.unsigned_abs()).ok()?)
    } else {
        usize::try_from(place).ok()
    }
}

fn no_part(name: &str, value: &Value, walked: &str) -> Fault {
    let walked = if walked.is_empty() { "the value" } else { walked };
    let Value::Object(entries) = value else {
        return Fault::Value(format!("{walked} has no \"{name}\": it is {}", shown(value)));
    };
    let near = near(name, entries.keys().map(String::as_str));
    let names: Vec<&str> = if near.is_empty() { entries.keys().map(String::as_str).collect() } else { near };
    Fault::Value(format!("{walked} has no \"{name}\"; it has {}", names.join(", ")))
}
