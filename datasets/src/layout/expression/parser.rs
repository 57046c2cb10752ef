//! The parser of expressions.

use std::str::FromStr;

use serde_json::{Number, Value};

use super::lexer::{Token, TokenKind, tokens};
use super::node::{Comparison, Head, Key, Node, Part};
use crate::layout::step;
use crate::near::near;

/// Deepest nesting of an expression.
const MOST_DEPTH: usize = 32;

/// The expression that a text says; the error says what is wrong, and where.
pub(crate) fn parse(text: &str) -> Result<Node, String> {
    let problem = |problem: String| format!("`{text}` is no expression: {problem}");
    let tokens = tokens(text).map_err(problem)?;
    let mut parser = Parser { tokens, next: 0, depth: 0 };
    let node = parser.or().map_err(problem)?;
    match parser.peek() {
        None => Ok(node),
        Some(_) => Err(problem(parser.unexpected())),
    }
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> Option<&TokenKind> {
        self.tokens.get(self.next).map(|token| &token.kind)
    }

    fn unexpected(&self) -> String {
        match self.tokens.get(self.next) {
            None => "it ends too soon".to_owned(),
            Some(token) => {
                let found = match &token.kind {
                    TokenKind::Name(text) | TokenKind::Quoted(text) | TokenKind::Text(text) => text,
                    TokenKind::Template(text) | TokenKind::Number(text) => text,
                    TokenKind::Mark(mark) => *mark,
                };
                format!("unexpected \"{found}\" at character {}", token.at)
            }
        }
    }

    fn take(&mut self, mark: &str) -> bool {
        let found = matches!(self.peek(), Some(TokenKind::Mark(found)) if *found == mark);
        self.next += usize::from(found);
        found
    }

    fn word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some(TokenKind::Name(found)) if found == word);
        self.next += usize::from(found);
        found
    }

    fn need(&mut self, mark: &str) -> Result<(), String> {
        if self.take(mark) { Ok(()) } else { Err(format!("{}, where \"{mark}\" is expected", self.unexpected())) }
    }

    fn or(&mut self) -> Result<Node, String> {
        self.depth += 1;
        if self.depth > MOST_DEPTH {
            return Err(format!("it nests deeper than {MOST_DEPTH}"));
        }
        let mut left = self.and()?;
        while self.word("or") {
            left = Node::Or(Box::new(left), Box::new(self.and()?));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn and(&mut self) -> Result<Node, String> {
        let mut left = self.not()?;
        while self.word("and") {
            left = Node::And(Box::new(left), Box::new(self.not()?));
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Node, String> {
        let mut count = 0;
        while self.word("not") {
            count += 1;
        }
        let node = self.comparison()?;
        Ok(if count % 2 == 1 { Node::Not(Box::new(node)) } else { node })
    }

    fn comparison(&mut self) -> Result<Node, String> {
        let left = self.pipe()?;
        for (mark, comparison) in [
            ("==", Comparison::Equal),
            ("=", Comparison::Equal),
            ("!=", Comparison::Unequal),
            ("<=", Comparison::AtMost),
            ("<", Comparison::Less),
            (">=", Comparison::AtLeast),
            (">", Comparison::Greater),
        ] {
            if self.take(mark) {
                return Ok(Node::Compare(comparison, Box::new(left), Box::new(self.pipe()?)));
            }
        }
        if self.word("is") {
            let is_negated = self.word("not");
            if !self.word("null") {
                return Err(format!("{}, where `null` is expected", self.unexpected()));
            }
            return Ok(negated(is_negated, Node::IsNull(Box::new(left))));
        }
        let is_negated = self.word("not");
        if self.word("in") {
            return Ok(negated(is_negated, Node::In(Box::new(left), Box::new(self.pipe()?))));
        }
        if self.word("like") {
            return Ok(negated(is_negated, Node::Like(Box::new(left), Box::new(self.pipe()?))));
        }
        if is_negated { Err(format!("{}, where `in` or `like` is expected", self.unexpected())) } else { Ok(left) }
    }

    fn pipe(&mut self) -> Result<Node, String> {
        let mut left = self.value()?;
        while self.take("|") {
            left = Node::Pipe(Box::new(left), Box::new(self.stage()?));
        }
        Ok(left)
    }

    /// What stands behind a `|`: a step, a path from `.`, or a list or object or text made of `.`.
    fn stage(&mut self) -> Result<Node, String> {
        let name = match self.peek() {
            Some(TokenKind::Name(name)) if name != "if" => name.clone(),
            _ => return self.value(),
        };
        let Some(step) = step::find(&name) else {
            let near = near(&name, step::names());
            let hint = if near.is_empty() { String::new() } else { format!("; near it: {}", near.join(", ")) };
            return Err(format!("there is no step \"{name}\"{hint}"));
        };
        self.next += 1;
        let arguments = if self.take("(") { self.list(")")? } else { Vec::new() };
        let (fewest, most) = step.num_arguments;
        if !(fewest..=most).contains(&arguments.len()) {
            return Err(format!("the step {name} takes {fewest} to {most} arguments, not {}", arguments.len()));
        }
        Ok(Node::Call(step, arguments))
    }

    /// Values up to the closing mark.
    fn list(&mut self, close: &str) -> Result<Vec<Node>, String> {
        let mut items = Vec::new();
        while !self.take(close) {
            if !items.is_empty() {
                self.need(",")?;
                if self.take(close) {
                    break;
                }
            }
            items.push(self.or()?);
        }
        Ok(items)
    }

    fn value(&mut self) -> Result<Node, String> {
        let Some(kind) = self.peek().cloned() else { return Err(self.unexpected()) };
        self.next += 1;
        match kind {
            TokenKind::Text(text) => Ok(Node::Constant(text.into())),
            TokenKind::Template(inside) => template(&inside),
            TokenKind::Number(number) => number_of(&number),
            TokenKind::Quoted(name) => self.column(name),
            TokenKind::Name(name) => match name.as_str() {
                "true" | "True" => Ok(Node::Constant(true.into())),
                "false" | "False" => Ok(Node::Constant(false.into())),
                "null" | "None" => Ok(Node::Constant(Value::Null)),
                "if" => self.condition(),
                _ => self.column(name),
            },
            TokenKind::Mark("-") => match self.peek().cloned() {
                Some(TokenKind::Number(number)) => {
                    self.next += 1;
                    number_of(&format!("-{number}"))
                }
                _ => Err(self.unexpected()),
            },
            TokenKind::Mark("(") => {
                let node = self.or()?;
                self.need(")")?;
                Ok(node)
            }
            TokenKind::Mark("[") => Ok(Node::List(self.list("]")?)),
            TokenKind::Mark("{") => self.object(),
            TokenKind::Mark(".") => self.current(),
            TokenKind::Mark("$") => {
                if self.word("file") {
                    Ok(Node::Path { head: Head::File, parts: Vec::new() })
                } else if self.word("index") {
                    Ok(Node::Path { head: Head::Index, parts: Vec::new() })
                } else {
                    Err("behind $ stands file or index".to_owned())
                }
            }
            TokenKind::Mark(_) => {
                self.next -= 1;
                Err(self.unexpected())
            }
        }
    }

    fn condition(&mut self) -> Result<Node, String> {
        self.need("(")?;
        let parts = self.list(")")?;
        let parts: [Node; 3] =
            parts.try_into().map_err(|parts: Vec<Node>| format!("if takes 3 arguments, not {}", parts.len()))?;
        Ok(Node::If(Box::new(parts)))
    }

    fn object(&mut self) -> Result<Node, String> {
        let mut entries: Vec<(String, Node)> = Vec::new();
        while !self.take("}") {
            if !entries.is_empty() {
                self.need(",")?;
            }
            let key = self.key()?;
            self.need(":")?;
            entries.push((key, self.or()?));
        }
        Ok(Node::Object(entries))
    }

    fn key(&mut self) -> Result<String, String> {
        match self.peek().cloned() {
            Some(TokenKind::Name(key) | TokenKind::Quoted(key) | TokenKind::Text(key)) => {
                self.next += 1;
                Ok(key)
            }
            _ => Err(format!("{}, where a key is expected", self.unexpected())),
        }
    }

    fn column(&mut self, name: String) -> Result<Node, String> {
        if matches!(self.peek(), Some(TokenKind::Mark("("))) {
            return Err(format!("{name}(…) stands where a column is expected; a step stands behind a `|`"));
        }
        let head = Head::Column { name, is_optional: self.take("?") };
        Ok(Node::Path { head, parts: self.parts(false)? })
    }

    /// The path behind a `.` that was read: `.`, `.name`, `.[0]`.
    fn current(&mut self) -> Result<Node, String> {
        let has_key = matches!(self.peek(), Some(TokenKind::Name(name)) if !is_operator(name))
            || matches!(self.peek(), Some(TokenKind::Quoted(_)));
        Ok(Node::Path { head: Head::Current, parts: self.parts(has_key)? })
    }

    /// The way of a path; true where its first key stands there without a `.` before it.
    fn parts(&mut self, mut begins_with_key: bool) -> Result<Vec<Part>, String> {
        let mut parts = Vec::new();
        loop {
            let key = if begins_with_key || self.take(".") {
                begins_with_key = false;
                Key::Name(self.key()?)
            } else if self.take("[") {
                let sign = if self.take("-") { "-" } else { "" };
                let Some(TokenKind::Number(digits)) = self.peek().cloned() else {
                    return Err(format!("{}, where a place in a list is expected", self.unexpected()));
                };
                self.next += 1;
                let place = format!("{sign}{digits}").parse().map_err(|_| format!("{digits} is no place in a list"))?;
                self.need("]")?;
                Key::Place(place)
            } else {
                return Ok(parts);
            };
            parts.push(Part { key, is_optional: self.take("?") });
        }
    }
}

/// True for the words that may follow a lone `.`.
fn is_operator(name: &str) -> bool {
    ["and", "or", "not", "in", "is", "like"].contains(&name)
}

fn negated(is_negated: bool, node: Node) -> Node {
    if is_negated { Node::Not(Box::new(node)) } else { node }
}

fn number_of(text: &str) -> Result<Node, String> {
    let number = Number::from_str(text).map_err(|_| format!("{text} is no number"))?;
    Ok(Node::Constant(Value::Number(number)))
}

/// The pieces of a text with holes; `{{` and `}}` are braces.
fn template(inside: &str) -> Result<Node, String> {
    let (mut pieces, mut text, mut rest) = (Vec::new(), String::new(), inside);
    while let Some(at) = rest.find(['{', '}']) {
        text.push_str(&rest[..at]);
        let (brace, behind) = rest[at..].split_at(1);
        if let Some(behind) = behind.strip_prefix(brace) {
            text.push_str(brace);
            rest = behind;
            continue;
        }
        let end = behind.find('}').filter(|_| brace == "{").ok_or("a brace of a text with holes is not closed")?;
        if !text.is_empty() {
            pieces.push(Node::Constant(std::mem::take(&mut text).into()));
        }
        pieces.push(parse(&behind[..end])?);
        rest = &behind[end + 1..];
    }
    text.push_str(rest);
    if !text.is_empty() {
        pieces.push(Node::Constant(text.into()));
    }
    Ok(Node::Template(pieces))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::parse;

    #[test]
    fn faults_name_their_place() {
        for (text, problem) in [
            ("a and", "it ends too soon"),
            ("a b", "unexpected \"b\" at character 2"),
            ("'a", "the quote at character 0 is not closed"),
            ("a | trimm", "there is no step \"trimm\"; near it: trim"),
            ("trim(a)", "a step stands behind a `|`"),
            ("a not b", "where `in` or `like` is expected"),
            ("if(a, b)", "if takes 3 arguments, not 2"),
            ("f'{a'", "a brace of a text with holes is not closed"),
            ("a[x]", "where a place in a list is expected"),
            ("$row", "behind $ stands file or index"),
            (&"(".repeat(1000), "nests deeper"),
        ] {
            let found = parse(text).unwrap_err();
            assert!(found.contains(problem), "{text}: {found}");
        }
    }

    fn expression() -> impl Strategy<Value = String> {
        let parts = [
            "a", "`b c`", "'t'", "f'{a}'", "1", ".", "?", "|", "trim", "or", "(", ")", "[", "]", "{", "}", ",", ":",
            "not", "in", "is", "null", "like", "=", "<=", "if", "$", "-", "each", " ",
        ];
        prop::collection::vec(prop::sample::select(parts.to_vec()), 0..24).prop_map(|parts| parts.join(" "))
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in any::<String>(), parts in expression()) {
            let _ = parse(&text);
            let _ = parse(&parts);
        }
    }
}
