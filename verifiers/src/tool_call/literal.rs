//! Values as programs write them, in Python, Java or JavaScript, read as JSON. They are never run: what is no literal
//! (a variable, a sum, a call) is the text that stands there.

use serde_json::{Map, Value};

/// Deepest nesting of values.
const MAX_DEPTH: usize = 64;

/// The language that a value is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Python,
    Java,
    JavaScript,
}

/// Reads one value after another from a text.
pub(super) struct LiteralReader<'t> {
    rest: &'t str,
    dialect: Dialect,
}

/// The value that a text is, and nothing beside it.
pub(super) fn read_literal(text: &str, dialect: Dialect) -> Option<Value> {
    let mut reader = LiteralReader::new(text, dialect);
    let value = reader.value(0)?;
    reader.skip_space();
    reader.rest.is_empty().then_some(value)
}

impl<'t> LiteralReader<'t> {
    pub(super) fn new(text: &'t str, dialect: Dialect) -> Self {
        Self { rest: text, dialect }
    }

    /// The text that is not read yet.
    pub(super) fn rest(&self) -> &'t str {
        self.rest
    }

    pub(super) fn skip_space(&mut self) {
        loop {
            self.rest = self.rest.trim_start();
            if self.dialect != Dialect::Python || !self.rest.starts_with('#') {
                return;
            }
            self.rest = self.rest.find('\n').map_or("", |end| &self.rest[end..]);
        }
    }

    /// Takes `mark`, behind blanks, where it comes next.
    pub(super) fn take(&mut self, mark: &str) -> bool {
        self.skip_space();
        let rest = self.rest.strip_prefix(mark);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Takes a name of letters, digits, `_`, `$` and dots.
    pub(super) fn name(&mut self) -> Option<&'t str> {
        self.skip_space();
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '$');
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit() || c == '.') || name.ends_with('.') {
            return None;
        }
        self.rest = rest;
        Some(name)
    }

    /// The next value, up to a mark that ends it.
    pub(super) fn value(&mut self, depth: usize) -> Option<Value> {
        if depth > MAX_DEPTH {
            return None;
        }
        self.skip_space();
        let start = self.rest;
        if let Some(value) = self.literal(depth) {
            self.skip_space();
            if self.rest.is_empty() || self.rest.starts_with([',', ')', ']', '}', ':', ';']) {
                return Some(value);
            }
        }
        self.rest = start;
        self.expression().map(|text| Value::String(text.to_owned()))
    }

    fn literal(&mut self, depth: usize) -> Option<Value> {
        let start = self.rest;
        match start.chars().next()? {
            '"' | '\'' => self.strings().map(Value::String),
            '[' => {
                self.take("[");
                self.items("]", depth).map(Value::Array)
            }
            '(' if self.dialect == Dialect::Python => self.tuple(depth),
            '{' => self.braces(depth),
            '-' | '+' | '.' | '0'..='9' => self.number(),
            _ => self.word(depth),
        }
    }

    /// Values up to the mark that closes them; a comma may stand behind the last.
    fn items(&mut self, close: &str, depth: usize) -> Option<Vec<Value>> {
        let mut items = Vec::new();
        while !self.take(close) {
            items.push(self.value(depth + 1)?);
            if !self.take(",") {
                return self.take(close).then_some(items);
            }
        }
        Some(items)
    }

    /// A tuple as a list; `(5)` is 5.
    fn tuple(&mut self, depth: usize) -> Option<Value> {
        self.take("(");
        let before = self.rest;
        let items = self.items(")", depth)?;
        let inside = before[..before.len() - self.rest.len()].trim_end_matches(')').trim_end();
        Some(match <[Value; 1]>::try_from(items) {
            Ok([only]) if !inside.ends_with(',') => only,
            Ok([only]) => Value::Array(vec![only]),
            Err(items) => Value::Array(items),
        })
    }

    /// A dictionary, an object, or in Python a set.
    fn braces(&mut self, depth: usize) -> Option<Value> {
        self.take("{");
        let mut fields = Map::new();
        let mut members = Vec::new();
        while !self.take("}") {
            let key = self.value(depth + 1)?;
            if self.take(":") {
                let key = match key {
                    Value::String(key) => key,
                    other => other.to_string(),
                };
                fields.insert(key, self.value(depth + 1)?);
            } else {
                members.push(key);
            }
            if !self.take(",") && !self.rest.starts_with('}') {
                return None;
            }
        }
        match (fields.is_empty(), members.is_empty()) {
            (_, true) => Some(Value::Object(fields)),
            (true, false) => Some(Value::Array(members)),
            (false, false) => None,
        }
    }

    fn number(&mut self) -> Option<Value> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_');
        let signed = self.rest.strip_prefix(['-', '+']).unwrap_or(self.rest);
        let mut end = signed.find(|c| !is_part(c)).unwrap_or(signed.len());
        // The sign of an exponent.
        if signed[..end].ends_with(['e', 'E']) && signed[end..].starts_with(['-', '+']) {
            end += 1;
            end += signed[end..].find(|c| !is_part(c)).unwrap_or(signed.len() - end);
        }
        let (digits, rest) = signed.split_at(end);
        let is_negative = self.rest.starts_with('-');
        let digits = match self.dialect {
            Dialect::Python => digits,
            Dialect::Java => digits.strip_suffix(['l', 'L', 'f', 'F', 'd', 'D']).unwrap_or(digits),
            Dialect::JavaScript => digits.strip_suffix('n').unwrap_or(digits),
        };
        let value = json_number(is_negative, digits)?;
        self.rest = rest;
        Some(value)
    }

    /// Text in quotes; in Python texts that follow each other are one.
    fn strings(&mut self) -> Option<String> {
        let mut text = self.string(false)?;
        while self.dialect == Dialect::Python {
            self.skip_space();
            if !self.rest.starts_with(['"', '\'']) {
                break;
            }
            text += &self.string(false)?;
        }
        Some(text)
    }

    fn string(&mut self, is_raw: bool) -> Option<String> {
        let quote = self.rest.chars().next()?;
        let triple: String = [quote; 3].iter().collect();
        let is_triple = self.dialect == Dialect::Python && self.rest.starts_with(&triple);
        let close = if is_triple { triple } else { quote.to_string() };
        let body = &self.rest[close.len()..];
        let (mut text, mut at) = (String::new(), 0);
        loop {
            let here = &body[at..];
            if here.starts_with(&close) {
                self.rest = &here[close.len()..];
                return Some(text);
            }
            let c = here.chars().next()?;
            at += c.len_utf8();
            match c {
                '\\' => {
                    let (escaped, length) = escape(&body[at..], is_raw)?;
                    text.push_str(&escaped);
                    at += length;
                }
                '\n' if !is_triple => return None,
                c => text.push(c),
            }
        }
    }

    /// A word that stands for a value, or a literal that begins with one.
    fn word(&mut self, depth: usize) -> Option<Value> {
        let start = self.rest;
        if self.dialect == Dialect::Python
            && let Some(quote) = start.find(['"', '\'']).filter(|at| (1..=2).contains(at))
            && start[..quote].chars().all(|c| "rRbBuU".contains(c))
        {
            self.rest = &start[quote..];
            return self.string(start[..quote].contains(['r', 'R'])).map(Value::String);
        }
        match (self.name()?, self.dialect) {
            ("True", Dialect::Python) | ("true", _) => Some(Value::Bool(true)),
            ("False", Dialect::Python) | ("false", _) => Some(Value::Bool(false)),
            ("None", Dialect::Python) | ("null", _) | ("undefined", Dialect::JavaScript) => Some(Value::Null),
            ("new", Dialect::JavaScript) => {
                let is_list = self.name()? == "Array" && self.take("(");
                is_list.then(|| self.items(")", depth).map(Value::Array))?
            }
            ("new", Dialect::Java) => self.made(depth),
            ("List.of" | "Arrays.asList" | "Set.of", Dialect::Java) => {
                self.take("(").then(|| self.items(")", depth).map(Value::Array))?
            }
            _ => None,
        }
    }

    /// What Java makes with `new`: an array, a list or a map.
    fn made(&mut self, depth: usize) -> Option<Value> {
        let kind = self.name()?;
        self.type_arguments()?;
        if self.take("[") {
            self.take("]");
            return self.take("{").then(|| self.items("}", depth).map(Value::Array))?;
        }
        if !self.take("(") {
            return None;
        }
        let is_map = kind.ends_with("Map") || kind == "Hashtable";
        if !self.take(")") {
            let copied = self.value(depth + 1)?;
            return (self.take(")") && copied.is_array() && !is_map).then_some(copied);
        }
        let (mut fields, mut items) = (Map::new(), Vec::new());
        if self.take("{") {
            let is_double = self.take("{");
            while !self.take("}") {
                match self.name()? {
                    "put" if is_map => match self.arguments(depth)?.as_slice() {
                        [Value::String(key), value] => drop(fields.insert(key.clone(), value.clone())),
                        _ => return None,
                    },
                    "add" if !is_map => match <[Value; 1]>::try_from(self.arguments(depth)?) {
                        Ok([item]) => items.push(item),
                        Err(_) => return None,
                    },
                    _ => return None,
                }
                self.take(";");
            }
            if is_double && !self.take("}") {
                return None;
            }
        }
        Some(if is_map { Value::Object(fields) } else { Value::Array(items) })
    }

    fn arguments(&mut self, depth: usize) -> Option<Vec<Value>> {
        self.take("(").then(|| self.items(")", depth))?
    }

    /// Passes over `<String, List<Integer>>`.
    fn type_arguments(&mut self) -> Option<()> {
        self.skip_space();
        if !self.rest.starts_with('<') {
            return Some(());
        }
        let mut depth = 0_usize;
        let end = self.rest.find(|c| {
            match c {
                '<' => depth += 1,
                '>' => depth -= 1,
                _ => {}
            }
            depth == 0
        })?;
        self.rest = &self.rest[end + 1..];
        Some(())
    }

    /// The text up to the mark that ends a value, with the brackets and texts in it.
    fn expression(&mut self) -> Option<&'t str> {
        let (mut depth, mut quote, mut is_escaped) = (0_usize, None, false);
        let ends = |c: char| {
            if let Some(open) = quote {
                if c == open && !is_escaped {
                    quote = None;
                }
                is_escaped = c == '\\' && !is_escaped;
                return false;
            }
            match c {
                '"' | '\'' => quote = Some(c),
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' if depth == 0 => return true,
                ')' | ']' | '}' => depth -= 1,
                ',' | ':' | ';' if depth == 0 => return true,
                _ => {}
            }
            false
        };
        let end = self.rest.find(ends).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(end);
        if depth > 0 || quote.is_some() || text.trim().is_empty() {
            return None;
        }
        self.rest = rest;
        Some(text.trim())
    }
}

/// The JSON number that digits are as programs write them: `1_000`, `.5`, `5.`.
fn json_number(is_negative: bool, digits: &str) -> Option<Value> {
    let digits = digits.replace('_', "");
    let (mantissa, exponent) = match digits.find(['e', 'E']) {
        Some(at) => digits.split_at(at),
        None => (digits.as_str(), ""),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(if fraction.is_empty() { "0" } else { fraction })),
        None => (mantissa, None),
    };
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        whole => whole,
    };
    let sign = if is_negative { "-" } else { "" };
    let point = if fraction.is_some() { "." } else { "" };
    let text = format!("{sign}{whole}{point}{}{exponent}", fraction.unwrap_or_default());
    let has_digits = mantissa.bytes().any(|byte| byte.is_ascii_digit());
    serde_json::from_str(&text).ok().filter(|value: &Value| has_digits && value.is_number())
}

/// What an escape stands for, behind its backslash, and its length in bytes.
fn escape(text: &str, is_raw: bool) -> Option<(String, usize)> {
    let c = text.chars().next()?;
    let of_digits = |start: usize, length: usize| {
        let digits = text.get(start..start + length)?;
        let c = char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
        Some((c.to_string(), start + length))
    };
    if is_raw {
        return Some((format!("\\{c}"), c.len_utf8()));
    }
    match c {
        'n' => Some(("\n".to_owned(), 1)),
        't' => Some(("\t".to_owned(), 1)),
        'r' => Some(("\r".to_owned(), 1)),
        'b' => Some(("\u{8}".to_owned(), 1)),
        'f' => Some(("\u{c}".to_owned(), 1)),
        '0' => Some(("\0".to_owned(), 1)),
        '\n' => Some((String::new(), 1)),
        'x' => of_digits(1, 2),
        'u' => of_digits(1, 4),
        'U' => of_digits(1, 8),
        '\\' | '\'' | '"' | '/' => Some((c.to_string(), c.len_utf8())),
        other => Some((format!("\\{other}"), other.len_utf8())),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn assert_read(dialect: Dialect, cases: &[(&str, Value)]) {
        for (text, value) in cases {
            assert_eq!(read_literal(text, dialect).as_ref(), Some(value), "{text}");
        }
    }

    #[test]
    fn pythons_literals_are_json() {
        assert_read(
            Dialect::Python,
            &[
                ("5", json!(5)),
                ("-5.5", serde_json::from_str("-5.5").unwrap()),
                (" 1_000 ", json!(1000)),
                ("1e-3", serde_json::from_str("1e-3").unwrap()),
                ("True", json!(true)),
                ("None", json!(null)),
                ("'it\\'s'", json!("it's")),
                ("\"a\" 'b'", json!("ab")),
                ("'''a\n'b' c'''", json!("a\n'b' c")),
                ("r'\\d+'", json!("\\d+")),
                ("'\\u00e9'", json!("\u{e9}")),
                ("[1, [2, 'x'],]", json!([1, [2, "x"]])),
                ("(1, 2)", json!([1, 2])),
                ("(1,)", json!([1])),
                ("(1)", json!(1)),
                ("()", json!([])),
                ("{'a': 1, 'b': {'c': [True]}}", json!({"a": 1, "b": {"c": [true]}})),
                ("{1: 'a'}", json!({"1": "a"})),
                ("{1, 2}", json!([1, 2])),
                ("{}", json!({})),
                ("some.variable", json!("some.variable")),
                ("f(1, 'a)')", json!("f(1, 'a)')")),
                ("2 * x", json!("2 * x")),
            ],
        );
        for bad in ["", "[1", "'a", "[1 2", "a, b", ")"] {
            assert_eq!(read_literal(bad, Dialect::Python), None, "{bad}");
        }
    }

    #[test]
    fn javas_collections_are_read() {
        assert_read(
            Dialect::Java,
            &[
                ("new int[]{1, 2}", json!([1, 2])),
                ("new long[] {1L, 2L}", json!([1, 2])),
                ("new String[]{}", json!([])),
                ("new ArrayList<>(Arrays.asList(\"a\", \"b\"))", json!(["a", "b"])),
                ("new ArrayList<Integer>() {{ add(1); add(2); }}", json!([1, 2])),
                ("new ArrayList<>()", json!([])),
                (
                    "new HashMap<String, List<Integer>>() {{ put(\"k\", 1); put(\"l\", true); }}",
                    json!({"k": 1, "l": true}),
                ),
                ("new HashMap<>()", json!({})),
                ("List.of(1, 2)", json!([1, 2])),
                ("3.5f", serde_json::from_str("3.5").unwrap()),
                ("someVariable", json!("someVariable")),
            ],
        );
    }

    #[test]
    fn javascripts_collections_are_read() {
        assert_read(
            Dialect::JavaScript,
            &[
                ("[1, 'two', true]", json!([1, "two", true])),
                ("new Array(1, 2)", json!([1, 2])),
                ("{key: 'value', \"n\": [12n]}", json!({"key": "value", "n": [12]})),
                ("{'state': initialState}", json!({"state": "initialState"})),
                ("[[1, 2], [3]]", json!([[1, 2], [3]])),
                ("() => 5", json!("() => 5")),
            ],
        );
    }

    proptest! {
        #[test]
        fn never_panics(text in r#"(\[|\]|\{|\}|\(|\)|'|"|:|,|new |Map<|>|\\|-|1|e|\.|x|\n|\PC){0,40}"#) {
            for dialect in [Dialect::Python, Dialect::Java, Dialect::JavaScript] {
                read_literal(&text, dialect);
            }
        }
    }

    #[test]
    fn deep_nesting_ends() {
        for open in ["[", "{'a':", "(", "f("] {
            assert_eq!(read_literal(&open.repeat(20_000), Dialect::Python), None);
        }
    }
}
