//! The environment in which templates run: minijinja set up as transformers sets up Jinja2. Its filters, tests and
//! printing follow Python where minijinja's own differ.
//!
//! Known to differ still: a tuple is printed as a list, `%` does not format a text (the filter `format` does), and
//! `round` rounds halves away from zero.

use minijinja::value::{Kwargs, Rest, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Value};

use super::json::{LongInteger, tojson};
use super::methods::{self, strip};
use super::python_text::text;
use super::source::GENERATION_FILTER;
use super::spans::mark;

/// An environment without templates.
pub(super) fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.set_unknown_method_callback(methods::call);
    environment.set_formatter(|out, _, value| Ok(out.write_str(&text(value))?));
    environment.add_function("raise_exception", |message: &Value| -> Result<Value, Error> {
        Err(Error::new(ErrorKind::InvalidOperation, text(message)))
    });
    environment.add_function("cycler", minijinja_contrib::globals::cycler);
    environment.add_function("joiner", minijinja_contrib::globals::joiner);
    add_filters(&mut environment);
    add_tests(&mut environment);
    environment
}

fn add_filters(environment: &mut Environment<'static>) {
    environment.add_filter(GENERATION_FILTER, |body: &Value| mark(&text(body)));
    environment.add_filter("tojson", tojson);
    environment.add_filter("string", text);
    environment.add_filter("upper", |value: &Value| text(value).to_uppercase());
    environment.add_filter("lower", |value: &Value| text(value).to_lowercase());
    environment.add_filter("trim", |value: &Value, chars: Option<String>| {
        strip(&text(value), chars.as_deref(), true, true).to_owned()
    });
    environment.add_filter("replace", |value: &Value, old: &Value, new: &Value, count: Option<usize>| {
        let (value, old, new) = (text(value), text(old), text(new));
        count.map_or_else(|| value.replace(&old, &new), |count| value.replacen(&old, &new, count))
    });
    for name in ["escape", "e"] {
        environment.add_filter(name, |value: &Value| escape(&text(value)));
    }
    environment.add_filter("join", join);
    environment.add_filter("indent", indent);
}

fn add_tests(environment: &mut Environment<'static>) {
    let is_text = |value: &Value| value.kind() == ValueKind::String;
    let is_integer = |value: &Value| value.is_integer() || value.downcast_object_ref::<LongInteger>().is_some();
    environment.add_test("string", is_text);
    // A dictionary has a length and items by key: Jinja calls it a sequence.
    environment.add_test("sequence", |value: &Value| {
        matches!(value.kind(), ValueKind::String | ValueKind::Seq | ValueKind::Map | ValueKind::Undefined)
    });
    environment.add_test("iterable", |value: &Value| {
        let kind = value.kind();
        matches!(kind, ValueKind::String | ValueKind::Seq | ValueKind::Map | ValueKind::Iterable | ValueKind::Undefined)
    });
    // Truth values are numbers of Python's, but no integers of Jinja's.
    environment.add_test("number", move |value: &Value| {
        matches!(value.kind(), ValueKind::Number | ValueKind::Bool) || is_integer(value)
    });
    environment.add_test("integer", is_integer);
    environment.add_test("callable", |value: &Value| {
        value.kind() == ValueKind::Plain && value.downcast_object_ref::<LongInteger>().is_none()
    });
}

/// A text for HTML, as Python's markupsafe writes it.
fn escape(text: &str) -> String {
    let pairs = [("&", "&amp;"), (">", "&gt;"), ("<", "&lt;"), ("'", "&#39;"), ("\"", "&#34;")];
    pairs.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// `join(value, d='', attribute=none)`.
fn join(value: &Value, positional: Rest<Value>, keywords: Kwargs) -> Result<String, Error> {
    let separator = positional.first().cloned().or(keywords.get::<Option<Value>>("d")?).unwrap_or_default();
    let attribute = positional.get(1).cloned().or(keywords.get::<Option<Value>>("attribute")?);
    keywords.assert_all_used()?;
    let items = value.try_iter()?.map(|item| match &attribute {
        Some(name) => Ok(text(&item.get_item(name)?)),
        None => Ok(text(&item)),
    });
    Ok(items.collect::<Result<Vec<_>, Error>>()?.join(&text(&separator)))
}

/// `indent(value, width=4, first=false, blank=false)`; the width may be a text.
fn indent(value: &Value, positional: Rest<Value>, keywords: Kwargs) -> Result<String, Error> {
    let argument = |index: usize, name: &str| -> Result<Value, Error> {
        match positional.get(index) {
            Some(value) => Ok(value.clone()),
            None => Ok(keywords.get::<Option<Value>>(name)?.unwrap_or_default()),
        }
    };
    let (width, first, blank) = (argument(0, "width")?, argument(1, "first")?, argument(2, "blank")?);
    keywords.assert_all_used()?;
    let margin = match width.kind() {
        ValueKind::Undefined => " ".repeat(4),
        ValueKind::String => text(&width),
        _ => " ".repeat(usize::try_from(width)?),
    };
    let value = text(value);
    let mut written = String::new();
    for (index, line) in value.split('\n').enumerate() {
        if index > 0 {
            written.push('\n');
        }
        let is_indented = if index == 0 { first.is_true() } else { blank.is_true() || !line.is_empty() };
        if is_indented {
            written.push_str(&margin);
        }
        written.push_str(line);
    }
    Ok(written)
}
