//! The state of the lexer: the place in the source, the open braces, and the tokens so far.

use super::beside::Beside;
use crate::expression::Literal;
use crate::name::name_hash;
use crate::notation::token::{Delimiter, Token};
use crate::unit::Unit;

/// The tokens of an answer.
#[derive(Debug, Default)]
pub(crate) struct Lexed {
    pub(crate) tokens: Vec<Token>,
    pub(crate) literals: Vec<Literal>,
    pub(crate) units: Vec<Unit>,
    /// Hashes of the words for what is counted.
    pub(crate) words: Vec<u64>,
    /// True where an ellipsis stands in the answer.
    pub(crate) has_ellipsis: bool,
}

/// Meaning of an open brace, which decides what its closing brace ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Brace {
    /// An invisible group, and the number of arguments that its command still wants after it.
    Group(u8),
    /// Words in running text; the brace is no token.
    Text,
    /// Upright letters, which are a word or a unit where they are more than one; the brace is no token.
    Upright,
    /// A wrapper without meaning, and the arguments wanted after it; the brace is no token.
    Transparent(u8),
    /// A matrix of plain TeX, `\pmatrix{`.
    Matrix,
}

pub(super) struct Lexer<'a> {
    pub(super) source: &'a str,
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
    pub(super) out: Lexed,
    pub(super) braces: Vec<Brace>,
    /// Brace depths at which a root's degree is open.
    pub(super) open_degrees: Vec<usize>,
    /// Arguments that the last command still wants, braces or not.
    pub(super) pending: u8,
    /// True where the last number was a command's bare argument, `\frac12`.
    pub(super) after_argument: bool,
    pub(super) matrix_depth: usize,
    /// Open brackets; true for one in which a comma separates members whatever stands around it.
    pub(super) brackets: Vec<bool>,
    /// Depth of brackets at which the next separator ends a part that is set aside, and true once a condition stands
    /// in that part.
    pub(super) skipping: Option<(usize, bool)>,
    pub(super) beside: Beside,
    pub(super) max_digits: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(source: &'a str, max_digits: usize) -> Self {
        let mut out = Lexed::default();
        out.tokens.reserve(source.len().min(256));
        Self {
            source,
            bytes: source.as_bytes(),
            at: 0,
            out,
            braces: Vec::new(),
            open_degrees: Vec::new(),
            pending: 0,
            after_argument: false,
            matrix_depth: 0,
            brackets: Vec::new(),
            skipping: None,
            beside: Beside::default(),
            max_digits,
        }
    }

    pub(super) fn eat(&mut self, text: &[u8]) -> bool {
        let found = self.bytes[self.at..].starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    pub(super) fn spaces(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\t' | b'\n' | b'~')) {
            self.at += 1;
        }
    }

    /// True where letters are upright: in running text, or in a font for names.
    pub(super) fn is_upright(&self) -> bool {
        matches!(self.braces.last(), Some(Brace::Text | Brace::Upright))
    }

    pub(super) fn emit(&mut self, token: Token) {
        match token {
            Token::Open(delimiter) => {
                let holds_members = matches!(delimiter, Delimiter::Round | Delimiter::Square | Delimiter::Curly);
                let separates = if holds_members { self.commas_separate() } else { false };
                self.brackets.push(separates);
            }
            Token::Close(_) => {
                self.brackets.pop();
            }
            _ => {}
        }
        if let Some((depth, has_condition)) = self.skipping {
            let here = self.brackets.len();
            let ends = here < depth
                || (here == depth && matches!(token, Token::Comma | Token::Semicolon | Token::Conjunction(_)));
            if !ends {
                self.skipping = Some((depth, has_condition || matches!(token, Token::Relation(_))));
                return;
            }
            self.end_condition();
            // The separator that ends a quantifier at the start separates nothing.
            if self.out.tokens.is_empty() {
                return;
            }
        }
        self.before(token);
        self.out.tokens.push(token);
        if self.pending > 0 && token.is_atom() {
            self.pending -= 1;
        }
    }

    pub(super) fn variable(&mut self, name: &str) {
        self.emit(Token::Variable(name_hash(name)));
    }

    pub(super) fn ellipsis(&mut self) {
        self.out.has_ellipsis = true;
        self.variable("...");
    }

    pub(super) fn after_operand(&self) -> bool {
        self.out.tokens.last().is_some_and(|token| token.ends_operand())
    }

    pub(super) fn literal(&mut self, literal: Literal) {
        self.out.literals.push(literal);
        self.emit(Token::Number(self.out.literals.len() as u32 - 1));
    }

    /// True where a comma between two digits separates them in the bracket that opens here: no other comma has a space
    /// behind it.
    fn commas_separate(&self) -> bool {
        let mut depth = 0_usize;
        let mut before = b' ';
        for (offset, byte) in self.bytes[self.at..].iter().enumerate().take(400) {
            match byte {
                b'(' | b'[' | b'{' => depth += 1,
                b')' | b']' | b'}' if depth == 0 => break,
                b')' | b']' | b'}' => depth -= 1,
                b';' if depth == 0 && before != b'\\' => return false,
                b',' if depth == 0 && before != b'\\' => {
                    let after = self.bytes.get(self.at + offset + 1);
                    if matches!(after, Some(b' ' | b'~' | b'\t' | b'\n')) {
                        return false;
                    }
                }
                _ => {}
            }
            before = *byte;
        }
        true
    }

    /// The source of the next argument, braces or one character or command, without its braces.
    pub(super) fn raw_argument(&mut self) -> &'a str {
        self.spaces();
        let start = self.at;
        match self.bytes.get(self.at) {
            Some(b'{') => {
                let mut depth = 0usize;
                while let Some(byte) = self.bytes.get(self.at) {
                    match byte {
                        b'{' => depth += 1,
                        b'}' => depth -= 1,
                        b'\\' => self.at += 1,
                        _ => {}
                    }
                    self.at = (self.at + 1).min(self.bytes.len());
                    if depth == 0 {
                        return self.source.get(start + 1..self.at - 1).unwrap_or_default();
                    }
                }
            }
            Some(b'\\') => {
                self.at += 1;
                while self.bytes.get(self.at).is_some_and(u8::is_ascii_alphabetic) {
                    self.at += 1;
                }
            }
            Some(_) => self.at += self.source[self.at..].chars().next().map_or(0, char::len_utf8),
            None => {}
        }
        self.source.get(start..self.at).unwrap_or_default()
    }
}
