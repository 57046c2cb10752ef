//! JSON into templates and out of them: values from `serde_json`, and the filter `tojson`.
//!
//! transformers replaces Jinja's own `tojson` by Python's `json.dumps` with `ensure_ascii=False`: keys in their order,
//! `", "` and `": "` between the parts, nothing escaped for HTML.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Kwargs, Object, ObjectRepr, Rest, ValueKind};
use minijinja::{Error, ErrorKind, Value};
use serde_json::Value as Json;

use super::python_text::{entries, float_text, number};

/// An integer of more digits than any machine type holds.
#[derive(Debug)]
pub(super) struct LongInteger(String);

impl Object for LongInteger {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A value of a template: keys in their order, numbers as numbers, integers exact.
pub(super) fn from_json(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(value) => Value::from(*value),
        Json::Number(number) => from_number(number),
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => items.iter().map(from_json).collect(),
        Json::Object(map) => map.iter().map(|(key, value)| (key.as_str(), from_json(value))).collect(),
    }
}

fn from_number(number: &serde_json::Number) -> Value {
    // As written: a number with a point or an exponent is a float, as in Python.
    let written = number.to_string();
    if written.contains(['.', 'e', 'E']) {
        return Value::from(written.parse::<f64>().unwrap_or(f64::NAN));
    }
    if let Ok(integer) = written.parse::<i64>() {
        return Value::from(integer);
    }
    match written.parse::<i128>() {
        Ok(integer) => Value::from(integer),
        Err(_) => Value::from_object(LongInteger(written)),
    }
}

/// The filter `tojson(ensure_ascii=false, indent=none, separators=none, sort_keys=false)`.
pub(super) fn tojson(value: &Value, positional: Rest<Value>, keywords: Kwargs) -> Result<String, Error> {
    let argument = |index: usize, name: &str| -> Result<Value, Error> {
        match positional.get(index) {
            Some(value) => Ok(value.clone()),
            None => Ok(keywords.get::<Option<Value>>(name)?.unwrap_or_default()),
        }
    };
    let layout = Layout::new(
        &argument(0, "ensure_ascii")?,
        &argument(1, "indent")?,
        &argument(2, "separators")?,
        &argument(3, "sort_keys")?,
    )?;
    keywords.assert_all_used()?;
    let mut written = String::new();
    layout.write(&mut written, value, 0)?;
    Ok(written)
}

/// The arguments of `json.dumps`.
struct Layout {
    ensure_ascii: bool,
    /// Text of one level; none where everything stands on one line.
    indent: Option<String>,
    item_separator: String,
    key_separator: String,
    sort_keys: bool,
}

impl Layout {
    fn new(ensure_ascii: &Value, indent: &Value, separators: &Value, sort_keys: &Value) -> Result<Self, Error> {
        let indent = match indent.kind() {
            ValueKind::Undefined | ValueKind::None => None,
            ValueKind::String => indent.as_str().map(str::to_owned),
            ValueKind::Bool => Some(" ".repeat(usize::from(indent.is_true()))),
            _ => Some(" ".repeat(i64::try_from(indent.clone())?.max(0) as usize)),
        };
        let (item_separator, key_separator) = match separators.kind() {
            ValueKind::Undefined | ValueKind::None => {
                (if indent.is_some() { "," } else { ", " }.to_owned(), ": ".to_owned())
            }
            _ => {
                let texts: Vec<String> =
                    separators.try_iter()?.filter_map(|text| text.as_str().map(str::to_owned)).collect();
                let Ok([item, key]) = <[String; 2]>::try_from(texts) else {
                    return Err(refuse("tojson: separators must be two texts, as in (',', ':')".to_owned()));
                };
                (item, key)
            }
        };
        Ok(Self {
            ensure_ascii: ensure_ascii.is_true(),
            indent,
            item_separator,
            key_separator,
            sort_keys: sort_keys.is_true(),
        })
    }

    fn write(&self, out: &mut String, value: &Value, depth: usize) -> Result<(), Error> {
        match value.kind() {
            ValueKind::None => out.push_str("null"),
            ValueKind::Bool => out.push_str(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number => out.push_str(&json_number(value)),
            ValueKind::String => self.write_text(out, value.as_str().unwrap_or_default()),
            ValueKind::Seq | ValueKind::Iterable => {
                let items: Vec<Value> = value.try_iter()?.collect();
                self.write_items(out, ['[', ']'], depth, items.len(), |out, index| {
                    self.write(out, &items[index], depth + 1)
                })?;
            }
            ValueKind::Map => {
                let mut pairs = Vec::new();
                for (key, item) in entries(value) {
                    pairs.push((json_key(&key)?, item));
                }
                if self.sort_keys {
                    pairs.sort_by(|(a, _), (b, _)| a.cmp(b));
                }
                self.write_items(out, ['{', '}'], depth, pairs.len(), |out, index| {
                    let (key, item) = &pairs[index];
                    self.write_text(out, key);
                    out.push_str(&self.key_separator);
                    self.write(out, item, depth + 1)
                })?;
            }
            _ if value.downcast_object_ref::<LongInteger>().is_some() => out.push_str(&value.to_string()),
            kind => return Err(refuse(format!("tojson: a value of kind {kind} has no form in JSON"))),
        }
        Ok(())
    }

    fn write_items(
        &self,
        out: &mut String,
        [open, close]: [char; 2],
        depth: usize,
        num_items: usize,
        mut write: impl FnMut(&mut String, usize) -> Result<(), Error>,
    ) -> Result<(), Error> {
        out.push(open);
        for index in 0..num_items {
            if index > 0 {
                out.push_str(&self.item_separator);
            }
            self.new_line(out, depth + 1);
            write(out, index)?;
        }
        if num_items > 0 {
            self.new_line(out, depth);
        }
        out.push(close);
        Ok(())
    }

    fn new_line(&self, out: &mut String, depth: usize) {
        if let Some(indent) = &self.indent {
            out.push('\n');
            out.push_str(&indent.repeat(depth));
        }
    }

    fn write_text(&self, out: &mut String, text: &str) {
        out.push('"');
        for c in text.chars() {
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                c if c < ' ' || (self.ensure_ascii && c > '~') => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        out.push_str(&format!("\\u{unit:04x}"));
                    }
                }
                c => out.push(c),
            }
        }
        out.push('"');
    }
}

fn json_number(value: &Value) -> String {
    match number(value).as_str() {
        "nan" => "NaN".to_owned(),
        "inf" => "Infinity".to_owned(),
        "-inf" => "-Infinity".to_owned(),
        written => written.to_owned(),
    }
}

/// A key as text: `json.dumps` takes texts, numbers, booleans and none.
fn json_key(key: &Value) -> Result<String, Error> {
    Ok(match key.kind() {
        ValueKind::String => key.as_str().unwrap_or_default().to_owned(),
        ValueKind::None => "null".to_owned(),
        ValueKind::Bool => if key.is_true() { "true" } else { "false" }.to_owned(),
        ValueKind::Number => match f64::try_from(key.clone()) {
            Ok(float) if !key.is_integer() => float_text(float),
            _ => key.to_string(),
        },
        kind => return Err(refuse(format!("tojson: a key of kind {kind} has no form in JSON"))),
    })
}

fn refuse(reason: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, reason)
}
