//! Methods of Python's texts, lists and dictionaries, as templates call them: `content.split('</think>')[-1]`. Methods
//! that change a value are refused, as transformers' sandbox refuses them.

use minijinja::value::{Kwargs, ValueKind, from_args};
use minijinja::{Error, ErrorKind, State, Value};

use super::python_text::text;

/// Calls a method; minijinja asks where a value has none of its own by that name.
pub(super) fn call(state: &State<'_, '_>, value: &Value, method: &str, args: &[Value]) -> Result<Value, Error> {
    let own = match value.kind() {
        ValueKind::String => of_text(value.as_str().unwrap_or_default(), method, args)?,
        ValueKind::Seq => of_list(value, method, args)?,
        ValueKind::Map if method == "copy" => Some(value.clone()),
        _ => None,
    };
    match own {
        Some(result) => Ok(result),
        None => minijinja_contrib::pycompat::unknown_method_callback(state, value, method, args),
    }
}

fn of_list(list: &Value, method: &str, args: &[Value]) -> Result<Option<Value>, Error> {
    Ok(match method {
        "copy" => Some(list.clone()),
        "index" => {
            let (sought,): (&Value,) = from_args(args)?;
            let place = list.try_iter()?.position(|item| item == *sought);
            Some(Value::from(place.ok_or_else(|| refuse(format!("{} is not in the list", text(sought))))?))
        }
        _ => None,
    })
}

/// `None` where the method is not known here.
fn of_text(this: &str, method: &str, args: &[Value]) -> Result<Option<Value>, Error> {
    let (positional, keywords): (&[Value], Kwargs) = from_args(args)?;
    let argument = |index: usize, name: &str| -> Result<Option<Value>, Error> {
        let given = match positional.get(index) {
            Some(value) => Some(value.clone()),
            None => keywords.get::<Option<Value>>(name)?,
        };
        Ok(given.filter(|value| !value.is_none() && !value.is_undefined()))
    };
    let text_argument = |index: usize, name: &str| -> Result<Option<String>, Error> {
        match argument(index, name)? {
            Some(value) => match value.as_str() {
                Some(text) => Ok(Some(text.to_owned())),
                None => Err(refuse(format!("{method}: a text is expected, not {}", text(&value)))),
            },
            None => Ok(None),
        }
    };
    let needed = |index: usize| {
        text_argument(index, "")?.ok_or_else(|| Error::new(ErrorKind::MissingArgument, format!("of {method}")))
    };
    let integer = |index: usize, name: &str| -> Result<Option<i64>, Error> {
        argument(index, name)?.map(i64::try_from).transpose()
    };
    let all = |holds: fn(char) -> bool| Value::from(!this.is_empty() && this.chars().all(holds));
    let cased =
        |other: fn(char) -> bool, own: fn(char) -> bool| Value::from(this.chars().any(own) && !this.chars().any(other));
    let result = match method {
        "strip" | "lstrip" | "rstrip" => {
            let chars = text_argument(0, "chars")?;
            Value::from(strip(this, chars.as_deref(), method != "rstrip", method != "lstrip"))
        }
        "split" | "rsplit" => {
            let separator = text_argument(0, "sep")?;
            let most = integer(1, "maxsplit")?.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
            if separator.as_deref() == Some("") {
                return Err(refuse("split: empty separator".to_owned()));
            }
            let parts = match method {
                "split" => split(this, separator.as_deref(), most),
                _ => split_from_end(this, separator.as_deref(), most),
            };
            parts.into_iter().map(Value::from).collect()
        }
        "splitlines" => {
            let keep_ends = argument(0, "keepends")?.is_some_and(|keep| keep.is_true());
            lines(this, keep_ends).into_iter().map(Value::from).collect()
        }
        "partition" | "rpartition" => {
            let separator = needed(0)?;
            let found = if method == "partition" { this.find(&separator) } else { this.rfind(&separator) };
            let parts = match found {
                Some(at) => [&this[..at], separator.as_str(), &this[at + separator.len()..]],
                None if method == "partition" => [this, "", ""],
                None => ["", "", this],
            };
            parts.into_iter().map(Value::from).collect()
        }
        "removeprefix" => Value::from(this.strip_prefix(needed(0)?.as_str()).unwrap_or(this)),
        "removesuffix" => Value::from(this.strip_suffix(needed(0)?.as_str()).unwrap_or(this)),
        "find" | "rfind" | "index" | "rindex" => {
            let (sought, chars) = (needed(0)?, this.chars().count());
            let bound = |given: Option<i64>, default: usize| {
                let place = given.unwrap_or(default as i64);
                if place < 0 { (chars as i64 + place).max(0) as usize } else { (place as usize).min(chars) }
            };
            let (start, end) = (bound(integer(1, "")?, 0), bound(integer(2, "")?, chars));
            let within: String = this.chars().skip(start).take(end.saturating_sub(start)).collect();
            let found = if method.starts_with('r') { within.rfind(&sought) } else { within.find(&sought) };
            match found {
                Some(at) => Value::from(start + within[..at].chars().count()),
                None if method.ends_with("find") => Value::from(-1),
                None => return Err(refuse(format!("{method}: \"{sought}\" is not in the text"))),
            }
        }
        "count" => {
            let sought = needed(0)?;
            Value::from(if sought.is_empty() { this.chars().count() + 1 } else { this.matches(&sought).count() })
        }
        "replace" => {
            let (old, new) = (needed(0)?, needed(1)?);
            let most = integer(2, "count")?.and_then(|most| usize::try_from(most).ok());
            Value::from(most.map_or_else(|| this.replace(&old, &new), |most| this.replacen(&old, &new, most)))
        }
        "zfill" => {
            let width = integer(0, "")?.unwrap_or(0).max(0) as usize;
            let (sign, digits) = this.split_at(usize::from(this.starts_with(['+', '-'])));
            let num_zeros = width.saturating_sub(this.chars().count());
            Value::from(format!("{sign}{}{digits}", "0".repeat(num_zeros)))
        }
        "ljust" | "rjust" | "center" => {
            let width = integer(0, "")?.unwrap_or(0).max(0) as usize;
            let fill = text_argument(1, "")?.unwrap_or_else(|| " ".to_owned());
            let missing = width.saturating_sub(this.chars().count());
            let before = match method {
                "ljust" => 0,
                "rjust" => missing,
                _ => missing / 2 + (missing & width & 1),
            };
            Value::from(format!("{}{this}{}", fill.repeat(before), fill.repeat(missing - before)))
        }
        "casefold" => Value::from(this.to_lowercase()),
        "swapcase" => Value::from(
            this.chars()
                .flat_map(|c| {
                    if c.is_lowercase() { c.to_uppercase().collect::<Vec<_>>() } else { c.to_lowercase().collect() }
                })
                .collect::<String>(),
        ),
        "isspace" => all(char::is_whitespace),
        "isdigit" | "isnumeric" | "isdecimal" => all(char::is_numeric),
        "isalpha" => all(char::is_alphabetic),
        "isalnum" => all(char::is_alphanumeric),
        "islower" => cased(char::is_uppercase, char::is_lowercase),
        "isupper" => cased(char::is_lowercase, char::is_uppercase),
        _ => return Ok(None),
    };
    Ok(Some(result))
}

/// The text without these characters, or white space, at its ends.
pub(super) fn strip<'a>(text: &'a str, chars: Option<&str>, from_start: bool, from_end: bool) -> &'a str {
    let goes = |c: char| chars.map_or_else(|| is_space(c), |chars| chars.contains(c));
    let text = if from_start { text.trim_start_matches(goes) } else { text };
    if from_end { text.trim_end_matches(goes) } else { text }
}

/// Python's `str.isspace`: Unicode's white space, and the four separators of ASCII.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

fn split<'a>(text: &'a str, separator: Option<&str>, most: usize) -> Vec<&'a str> {
    if let Some(separator) = separator {
        return text.splitn(most.saturating_add(1), separator).collect();
    }
    let (mut parts, mut rest) = (Vec::new(), text.trim_start_matches(is_space));
    while !rest.is_empty() {
        let end = if parts.len() < most { rest.find(is_space).unwrap_or(rest.len()) } else { rest.len() };
        parts.push(&rest[..end]);
        rest = rest[end..].trim_start_matches(is_space);
    }
    parts
}

fn split_from_end<'a>(text: &'a str, separator: Option<&str>, most: usize) -> Vec<&'a str> {
    let mut parts: Vec<&str> = match separator {
        Some(separator) => text.rsplitn(most.saturating_add(1), separator).collect(),
        None => {
            let (mut parts, mut rest) = (Vec::new(), text.trim_end_matches(is_space));
            while !rest.is_empty() {
                let last = rest.char_indices().rfind(|(_, c)| is_space(*c)).map(|(at, c)| at + c.len_utf8());
                let start = if parts.len() < most { last.unwrap_or(0) } else { 0 };
                parts.push(&rest[start..]);
                rest = rest[..start].trim_end_matches(is_space);
            }
            parts
        }
    };
    parts.reverse();
    parts
}

/// `str.splitlines`: no empty line stands behind the last line break.
fn lines(text: &str, keep_ends: bool) -> Vec<&str> {
    let is_break =
        |c| matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}');
    let (mut lines, mut rest) = (Vec::new(), text);
    while let Some(at) = rest.find(is_break) {
        let width = match rest[at..].starts_with("\r\n") {
            true => 2,
            false => rest[at..].chars().next().map_or(0, char::len_utf8),
        };
        lines.push(&rest[..if keep_ends { at + width } else { at }]);
        rest = &rest[at + width..];
    }
    if !rest.is_empty() {
        lines.push(rest);
    }
    lines
}

fn refuse(reason: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, reason)
}
