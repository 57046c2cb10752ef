//! The state of the lexer: the place in the source, the open braces, and the tokens so far.

use crate::expression::Literal;
use crate::name::name_hash;
use crate::notation::token::Token;
use crate::unit::Unit;

/// The tokens of an answer.
#[derive(Debug, Default)]
pub(crate) struct Lexed {
    pub(crate) tokens: Vec<Token>,
    pub(crate) literals: Vec<Literal>,
    /// The last unit that was read; it is no token.
    pub(crate) unit: Option<Unit>,
    /// Words, and signs without meaning, that were set aside.
    pub(crate) num_words: usize,
    /// Sum of the hashes of these words; 0 without words.
    pub(crate) words: u64,
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
    /// A wrapper such as a box, and the arguments wanted after it; the brace is no token.
    Transparent(u8),
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
    pub(super) matrix_depth: usize,
    pub(super) bracket_depth: usize,
    /// Depth of brackets at which the next separator ends a part that is set aside.
    pub(super) skipping: Option<usize>,
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
            matrix_depth: 0,
            bracket_depth: 0,
            skipping: None,
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
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\t' | b'\n')) {
            self.at += 1;
        }
    }

    pub(super) fn in_text(&self) -> bool {
        self.braces.last() == Some(&Brace::Text)
    }

    pub(super) fn emit(&mut self, token: Token) {
        match token {
            Token::Open(_) => self.bracket_depth += 1,
            Token::Close(_) => self.bracket_depth = self.bracket_depth.saturating_sub(1),
            _ => {}
        }
        if let Some(depth) = self.skipping {
            let ends = self.bracket_depth < depth
                || (self.bracket_depth == depth
                    && matches!(token, Token::Comma | Token::Semicolon | Token::Conjunction(_)));
            if !ends {
                return;
            }
            self.skipping = None;
            // The separator that ends a quantifier at the start separates nothing.
            if self.out.tokens.is_empty() {
                return;
            }
        }
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

    /// Sets a word aside, without the `s` at its end.
    pub(super) fn set_aside(&mut self, word: &str) {
        self.out.num_words += 1;
        let lower = word.to_ascii_lowercase();
        self.out.words = self.out.words.wrapping_add(name_hash(lower.strip_suffix('s').unwrap_or(&lower)));
    }

    pub(super) fn after_operand(&self) -> bool {
        self.out.tokens.last().is_some_and(|token| token.ends_operand())
    }

    pub(super) fn literal(&mut self, literal: Literal) {
        self.out.literals.push(literal);
        self.emit(Token::Number(self.out.literals.len() as u32 - 1));
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
