//! Steps on the options of a question.

use random::{Key, KeyedRng};
use serde_json::Value;

use super::arguments::Arguments;
use super::kind::ExpressionStep;
use crate::layout::fault::Fault;
use crate::layout::item::{Item, shown};

/// Options that have a letter.
const MOST: usize = 26;

pub(super) const STEPS: &[ExpressionStep] = &[
    ExpressionStep::new("letters", (0, 0), |item, _| {
        let options = item.into_list()?;
        Ok(Item::Json((0..options.len()).map(letter_of).collect::<Result<Value, _>>()?))
    }),
    ExpressionStep::new("letter", (1, 1), letter),
    ExpressionStep::new("position", (1, 1), position),
    ExpressionStep::new("shuffled", (1, 1), shuffled),
    ExpressionStep::new("lettered", (1, 1), lettered),
];

fn letter_of(index: usize) -> Result<Value, Fault> {
    let letter = u8::try_from(index).ok().filter(|_| index < MOST).map(|index| char::from(b'A' + index).to_string());
    letter.map(Value::from).ok_or_else(|| Fault::Value(format!("a question has {MOST} options at most")))
}

/// The letter of an index from 0 into the options.
fn letter(item: Item, arguments: &Arguments<'_>) -> Result<Item, Fault> {
    let options = Item::Json(arguments.value(0)?.unwrap_or_default()).into_list()?;
    let value = item.into_json()?;
    let index = match &value {
        Value::String(text) => text.trim().parse().ok(),
        Value::Number(number) => number.as_u64(),
        _ => None,
    };
    match index.and_then(|index| usize::try_from(index).ok()) {
        Some(index) if index < options.len() => Ok(Item::Json(letter_of(index)?)),
        _ => Err(Fault::Value(format!("{} is no index of the {} options, from 0", shown(&value), options.len()))),
    }
}

/// The index from 0 of a value in a list.
fn position(item: Item, arguments: &Arguments<'_>) -> Result<Item, Fault> {
    let options = Item::Json(arguments.value(0)?.unwrap_or_default()).into_list()?;
    let value = item.into_json()?;
    let found = options.iter().position(|option| *option == value);
    let found = found.ok_or_else(|| Fault::Value(format!("{} is none of the options", shown(&value))))?;
    Ok(Item::Json(found.into()))
}

/// The options in an order that the source's seed and the argument (the task's id) draw.
fn shuffled(item: Item, arguments: &Arguments<'_>) -> Result<Item, Fault> {
    let key = arguments.needed_text(0)?;
    let mut options = item.into_list()?;
    KeyedRng::new(&[Key::Text("options"), arguments.context.seed.into(), Key::Text(&key)]).shuffle(&mut options);
    Ok(Item::Json(Value::Array(options)))
}

/// `A. first` a line, with the letters that the argument lists.
fn lettered(item: Item, arguments: &Arguments<'_>) -> Result<Item, Fault> {
    let letters = Item::Json(arguments.value(0)?.unwrap_or_default()).into_list()?;
    let options = item.into_list()?;
    if letters.len() != options.len() {
        return Err(Fault::Value(format!("{} letters do not fit {} options", letters.len(), options.len())));
    }
    let mut lines = Vec::new();
    for (letter, option) in letters.into_iter().zip(options) {
        lines.push(format!("{}. {}", Item::Json(letter).into_text()?, Item::Json(option).into_text()?));
    }
    Ok(lines.join("\n").into())
}
