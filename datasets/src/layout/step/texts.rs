//! Steps on texts.

use serde_json::Value;

use super::arguments::Arguments;
use super::boxed;
use super::kind::ExpressionStep;
use crate::layout::fault::Fault;
use crate::layout::item::{Item, cut};

pub(super) const STEPS: &[ExpressionStep] = &[
    ExpressionStep::new("trim", (0, 0), |item, _| Ok(item.into_text()?.trim().to_owned().into())),
    ExpressionStep::new("lower", (0, 0), |item, _| Ok(item.into_text()?.to_lowercase().into())),
    ExpressionStep::new("strip", (1, 1), strip),
    ExpressionStep::new("remove", (1, 1), |item, arguments| {
        Ok(item.into_text()?.replace(&arguments.needed_text(0)?, "").into())
    }),
    ExpressionStep::new("replace", (2, 2), |item, arguments| {
        let with = arguments.text(1)?.unwrap_or_default();
        Ok(item.into_text()?.replace(&arguments.needed_text(0)?, &with).into())
    }),
    ExpressionStep::new("after", (1, 1), after),
    ExpressionStep::new("before", (1, 1), before),
    ExpressionStep::new("last_box", (0, 0), |item, _| Ok(boxed::last(&item.into_text()?)?.to_owned().into())),
    ExpressionStep::new("lines", (0, 0), |item, _| Ok(list(item.into_text()?.lines()))),
    ExpressionStep::new("split", (1, 1), |item, arguments| {
        Ok(list(item.into_text()?.split(&arguments.needed_text(0)?).map(str::trim)))
    }),
    ExpressionStep::new("split_answers", (0, 0), |item, _| Ok(list(split_answers(&item.into_text()?).into_iter()))),
    ExpressionStep::new("text", (0, 0), text),
];

fn list<'a>(texts: impl Iterator<Item = &'a str>) -> Item {
    Item::Json(texts.map(Value::from).collect())
}

/// Takes characters of a set, and blanks, from both ends.
fn strip(item: Item, arguments: &Arguments<'_>) -> Result<Item, Fault> {
    let marks = arguments.needed_text(0)?;
    let text = item.into_text()?;
    Ok(text.trim_matches(|letter: char| letter.is_whitespace() || marks.contains(letter)).to_owned().into())
}

/// The text behind the last mark, without blanks around it.
fn after(item: Item, arguments: &Arguments<'_>) -> Result<Item, Fault> {
    let (mark, text) = (arguments.needed_text(0)?, item.into_text()?);
    match text.rsplit_once(&mark) {
        Some((_, behind)) => Ok(behind.trim().to_owned().into()),
        None => Err(Fault::Value(format!("\"{mark}\" does not stand in \"{}\"", cut(&text)))),
    }
}

/// The text before the last mark, without blanks around it.
fn before(item: Item, arguments: &Arguments<'_>) -> Result<Item, Fault> {
    let (mark, text) = (arguments.needed_text(0)?, item.into_text()?);
    match text.rsplit_once(&mark) {
        Some((before, _)) => Ok(before.trim().to_owned().into()),
        None => Err(Fault::Value(format!("\"{mark}\" does not stand in \"{}\"", cut(&text)))),
    }
}

/// The text of a text, a number or a boolean.
fn text(item: Item, _: &Arguments<'_>) -> Result<Item, Fault> {
    match item.into_json()? {
        Value::String(text) => Ok(text.into()),
        Value::Number(number) => Ok(number.to_string().into()),
        Value::Bool(value) => Ok(value.to_string().into()),
        other => Err(Fault::Value(format!("a text or a number is expected, found {}", cut(&other.to_string())))),
    }
}

/// Answers that commas part: those outside brackets, of LaTeX too.
fn split_answers(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0_i32, 0);
    for (at, letter) in text.char_indices() {
        match letter {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth <= 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::split_answers;

    #[test]
    fn commas_within_brackets_part_no_answers() {
        assert_eq!(split_answers("2,3"), ["2", "3"]);
        assert_eq!(split_answers(r"(1,2), [3,4) , \frac{1,0}{2}"), ["(1,2)", "[3,4)", r"\frac{1,0}{2}"]);
        assert_eq!(split_answers("5"), ["5"]);
    }
}
