//! From source to tokens: LaTeX, Unicode and plain notation at once, in one pass over the bytes. What a token means next to
//! another is the parser's business.

mod command;

use super::number;
use super::token::{Command, Delimiter, Token, greek, symbol};
use super::unit::{self, Unit};
use crate::arithmetic::{Rational, mix};
use crate::expression::{Constant, Function, Literal, Relation, Separator};
use crate::unreadable::Unreadable;

/// The tokens of an answer.
#[derive(Debug, Default)]
pub(crate) struct Lexed {
    pub tokens: Vec<Token>,
    pub literals: Vec<Literal>,
    /// The last known unit.
    pub unit: Option<Unit>,
    /// Words that were set aside.
    pub num_words: usize,
    /// Their hashes, joined; 0 without words.
    pub words: u64,
    /// Whether an ellipsis stands in it.
    pub has_ellipsis: bool,
}

/// What a closing brace ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Brace {
    /// An invisible group, and the arguments that its command still wants after it.
    Group(u8),
    /// Words in running text; the brace is no token.
    Text,
    /// A wrapper such as a box; the brace is no token.
    Transparent(u8),
}

/// The hash that names a variable.
pub(crate) fn name_hash(name: &str) -> u64 {
    name.bytes().filter(|b| !matches!(b, b' ' | b'{' | b'}' | b'\\')).fold(0, |hash, byte| mix(hash ^ u64::from(byte)))
}

/// Reads `source`; numbers may have at most `max_digits` digits.
pub(crate) fn lex(source: &str, max_digits: usize) -> Result<Lexed, Unreadable> {
    let mut lexer = Lexer {
        source,
        bytes: source.as_bytes(),
        at: 0,
        out: Lexed::default(),
        braces: Vec::new(),
        num_degrees: Vec::new(),
        pending: 0,
        matrix_depth: 0,
        bracket_depth: 0,
        skipping: None,
        max_digits,
    };
    lexer.out.tokens.reserve(source.len().min(256));
    while lexer.at < source.len() {
        lexer.step()?;
    }
    Ok(lexer.out)
}

struct Lexer<'a> {
    source: &'a str,
    bytes: &'a [u8],
    at: usize,
    out: Lexed,
    braces: Vec<Brace>,
    /// Brace depths at which a root's degree is open.
    num_degrees: Vec<usize>,
    /// Arguments that the last command still wants, braces or not.
    pending: u8,
    matrix_depth: usize,
    bracket_depth: usize,
    /// Set aside what follows up to the next separator at this depth of brackets.
    skipping: Option<usize>,
    max_digits: usize,
}

impl<'a> Lexer<'a> {
    fn step(&mut self) -> Result<(), Unreadable> {
        let byte = self.bytes[self.at];
        match byte {
            b'0'..=b'9' => return self.number(),
            b'.' if self.bytes.get(self.at + 1).is_some_and(u8::is_ascii_digit) => return self.number(),
            b'a'..=b'z' | b'A'..=b'Z' => return self.letters(),
            b'\\' => return self.command(),
            0x80.. => return self.unicode(),
            _ => {}
        }
        self.at += 1;
        match byte {
            b'{' => {
                self.braces.push(Brace::Group(self.pending.saturating_sub(1)));
                self.pending = 0;
                self.emit(Token::Open(Delimiter::Invisible));
            }
            b'}' => match self.braces.pop() {
                Some(Brace::Text) => {}
                Some(Brace::Transparent(pending)) => self.pending = pending,
                Some(Brace::Group(pending)) => {
                    self.emit(Token::Close(Delimiter::Invisible));
                    self.pending = pending;
                }
                None => return Err(Unreadable::Notation("a brace closes that was not opened")),
            },
            b'(' => self.emit(Token::Open(Delimiter::Round)),
            b')' => self.emit(Token::Close(Delimiter::Round)),
            b'[' => self.emit(Token::Open(Delimiter::Square)),
            b']' => match self.num_degrees.last() {
                Some(depth) if *depth == self.braces.len() => {
                    self.num_degrees.pop();
                    self.emit(Token::Close(Delimiter::Invisible));
                    self.pending = 1;
                }
                _ => self.emit(Token::Close(Delimiter::Square)),
            },
            b'+' => {
                let sign = if self.eat(b"-") { Token::PlusMinus } else { Token::Plus };
                self.emit(sign);
            }
            b'-' => self.emit(Token::Minus),
            b'*' if self.eat(b"*") => self.emit(Token::Power),
            b'*' => self.emit(Token::Times),
            b'/' => self.emit(Token::Over),
            b'^' => self.power(),
            b'_' => self.subscript(),
            b'!' if self.eat(b"=") => self.emit(Token::Relation(Relation::NotEqual)),
            b'!' if self.eat(b"!") => self.emit(Token::Postfix(Function::DoubleFactorial)),
            b'!' => self.emit(Token::Postfix(Function::Factorial)),
            b'%' => self.emit(Token::Postfix(Function::Percent)),
            b'=' => {
                self.eat(b"=");
                self.emit(Token::Relation(Relation::Equal));
            }
            b'<' if self.eat(b"=") => self.emit(Token::Relation(Relation::LessEqual)),
            b'<' => self.emit(Token::Relation(Relation::Less)),
            b'>' if self.eat(b"=") => self.emit(Token::Relation(Relation::GreaterEqual)),
            b'>' => self.emit(Token::Relation(Relation::Greater)),
            b'~' | b'$' | b' ' | b'\t' | b'\r' | b'\n' | b'"' | b'`' | b'\x0c' | b'?' => {}
            b':' => self.emit(Token::Colon),
            b',' => self.emit(Token::Comma),
            b';' => self.emit(Token::Semicolon),
            b'|' => {
                self.eat(b"|");
                self.emit(Token::Bar);
            }
            b'&' if self.matrix_depth > 0 => self.emit(Token::Cell),
            b'\'' => self.prime(),
            b'.' if self.eat(b"..") => self.ellipsis(),
            b'.' => {}
            _ => self.out.num_words += 1,
        }
        Ok(())
    }

    fn eat(&mut self, text: &[u8]) -> bool {
        let found = self.bytes[self.at..].starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    fn spaces(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\t' | b'\n')) {
            self.at += 1;
        }
    }

    fn in_text(&self) -> bool {
        self.braces.last() == Some(&Brace::Text)
    }

    fn emit(&mut self, token: Token) {
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

    fn variable(&mut self, name: &str) {
        self.emit(Token::Variable(name_hash(name)));
    }

    fn ellipsis(&mut self) {
        self.out.has_ellipsis = true;
        self.variable("...");
    }

    /// Words that a number stands among.
    fn set_aside(&mut self, word: &str) {
        self.out.num_words += 1;
        let lower = word.to_ascii_lowercase();
        self.out.words = self.out.words.wrapping_add(name_hash(lower.strip_suffix('s').unwrap_or(&lower)));
    }

    fn after_operand(&self) -> bool {
        self.out.tokens.last().is_some_and(|token| token.ends_operand())
    }

    fn number(&mut self) -> Result<(), Unreadable> {
        // A command's bare argument is one digit: \frac12.
        let byte = self.bytes[self.at];
        if self.pending > 0 && byte.is_ascii_digit() {
            let digit = i128::from(byte - b'0');
            self.at += 1;
            self.literal(Literal::integer(digit));
            return Ok(());
        }
        let follows_number = matches!(self.out.tokens.last(), Some(Token::Number(_) | Token::Over | Token::Power));
        let may_be_mixed = !follows_number && !self.after_operand();
        let read = number::read(&self.bytes[self.at..], may_be_mixed, self.max_digits)?;
        self.at += read.len;
        match read.value {
            Some(literal) => self.literal(literal),
            None => self.emit(Token::Constant(Constant::Undefined)),
        }
        Ok(())
    }

    fn literal(&mut self, literal: Literal) {
        self.out.literals.push(literal);
        self.emit(Token::Number(self.out.literals.len() as u32 - 1));
    }

    fn letters(&mut self) -> Result<(), Unreadable> {
        let start = self.at;
        let source = self.source;
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_alphabetic) {
            self.at += 1;
        }
        let word = &source[start..self.at];
        if self.pending > 0 && !self.in_text() {
            self.at = start + 1;
            self.single(&word[..1]);
            return Ok(());
        }
        self.word(word);
        Ok(())
    }

    /// A run of letters: a known word, a unit, running text, or a product of names.
    fn word(&mut self, word: &str) {
        let in_text = self.in_text();
        let lower = word.to_ascii_lowercase();
        match lower.as_str() {
            "and" | "or" => {
                let separator = if lower == "or" { Separator::Or } else { Separator::And };
                return self.emit(Token::Conjunction(separator));
            }
            "percent" | "percentage" | "pct" => return self.emit(Token::Postfix(Function::Percent)),
            "degree" | "degrees" | "deg" if self.after_operand() => {
                return self.emit(Token::Postfix(Function::Degree));
            }
            "for" | "where" | "when" | "if" | "with" | "forall" => {
                self.out.num_words += 1;
                self.skipping = Some(self.bracket_depth);
                return;
            }
            "infinity" | "infty" | "inf" | "oo" => return self.emit(Token::Constant(Constant::Infinity)),
            "undefined" | "dne" => return self.emit(Token::Constant(Constant::Undefined)),
            "sqrt" if !in_text => {
                self.emit(Token::Command(Command::Sqrt));
                return;
            }
            _ => {}
        }
        if word.len() == 1 && !(in_text && self.after_operand()) {
            return self.single(word);
        }
        if self.after_operand()
            && (in_text || word.len() > 1)
            && let Some(unit) = unit::find(word)
        {
            self.out.unit = Some(unit);
            return self.skip_power();
        }
        if !in_text && let Some(token) = symbol(&lower).filter(|_| word.len() > 1) {
            return self.emit(token);
        }
        if in_text || word.len() >= 4 {
            self.set_aside(word);
            return self.skip_power();
        }
        // orW(x): a conjunction that was written without spaces.
        if let Some(rest) = word.strip_prefix("or").filter(|rest| !rest.is_empty() && self.after_operand()) {
            self.emit(Token::Conjunction(Separator::Or));
            return self.word(rest);
        }
        for index in 0..word.len() {
            self.single(&word[index..=index]);
        }
    }

    /// A name of one letter.
    fn single(&mut self, letter: &str) {
        match letter {
            "e" => self.emit(Token::Constant(Constant::E)),
            "i" => self.emit(Token::Constant(Constant::I)),
            _ => self.variable(letter),
        }
    }

    /// The power of a unit belongs to the unit.
    fn skip_power(&mut self) {
        let start = self.at;
        while matches!(self.bytes.get(self.at), Some(b' ' | b'}')) && self.in_text() {
            if self.bytes[self.at] == b'}' {
                self.braces.pop();
            }
            self.at += 1;
        }
        self.spaces();
        if self.eat(b"^") {
            self.raw_argument();
        } else if self.bytes.get(start) == Some(&b'/') && self.bytes.get(start + 1).is_some_and(u8::is_ascii_alphabetic)
        {
            self.at = start + 1;
            while self.bytes.get(self.at).is_some_and(u8::is_ascii_alphabetic) {
                self.at += 1;
            }
        }
    }

    /// The source of the next argument, braces or one character or command, without its braces.
    fn raw_argument(&mut self) -> &'a str {
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

    fn power(&mut self) {
        let start = self.at;
        self.spaces();
        let argument = self.raw_argument();
        if matches!(argument.trim(), "\\circ" | "\\degree" | "°" | "o" | "∘") && self.after_operand() {
            return self.emit(Token::Postfix(Function::Degree));
        }
        if argument.bytes().all(|b| b == b'\'') || argument == "\\prime" {
            return self.prime();
        }
        self.at = start;
        self.emit(Token::Power);
    }

    /// A name's index belongs to the name, a number's to its base.
    fn subscript(&mut self) {
        let argument = self.raw_argument();
        match self.out.tokens.last().copied() {
            Some(Token::Variable(name)) => {
                let name = mix(name ^ name_hash(argument).rotate_left(7));
                if let Some(last) = self.out.tokens.last_mut() {
                    *last = Token::Variable(name);
                }
            }
            Some(Token::Constant(Constant::E | Constant::I)) => {
                if let Some(last) = self.out.tokens.last_mut() {
                    *last = Token::Variable(mix(1 ^ name_hash(argument)));
                }
            }
            Some(Token::Number(literal)) => {
                let digits = argument.trim().trim_start_matches("\\text{").trim_end_matches('}');
                let Some(base) = digits.parse::<u32>().ok().filter(|base| (2..=36).contains(base)) else { return };
                let literal = &mut self.out.literals[literal as usize];
                *literal = literal.in_base(base);
            }
            _ => {}
        }
    }

    fn prime(&mut self) {
        match self.out.tokens.last_mut() {
            Some(Token::Variable(name)) => *name = mix(*name ^ 0x27),
            // 60°42' is 60 degrees and 42 minutes of arc.
            Some(Token::Number(minutes)) => {
                let literal = &mut self.out.literals[*minutes as usize];
                let value = literal.exact.and_then(|value| value.div(Rational::integer(60)));
                if let Some(value) = value {
                    *literal = Literal::rational(value.num, value.den);
                    let at = self.out.tokens.len() - 1;
                    self.out.tokens.insert(at, Token::Plus);
                    self.out.tokens.push(Token::Postfix(Function::Degree));
                }
            }
            _ => self.out.num_words += 1,
        }
    }

    fn unicode(&mut self) -> Result<(), Unreadable> {
        let Some(character) = self.source[self.at..].chars().next() else { return Ok(()) };
        self.at += character.len_utf8();
        let mut buffer = [0; 4];
        let text: &str = character.encode_utf8(&mut buffer);
        if let Some(token) = symbol(text) {
            if token == Token::Postfix(Function::Degree) && !self.after_operand() {
                return Ok(());
            }
            self.emit(token);
            return Ok(());
        }
        if let Some(digit) = "⁰¹²³⁴⁵⁶⁷⁸⁹".chars().position(|c| c == character) {
            if self.after_operand() {
                self.emit(Token::Power);
                self.literal(Literal::integer(digit as i128));
            }
            return Ok(());
        }
        const FRACTIONS: [(char, i128, i128); 8] =
            [('½', 1, 2), ('⅓', 1, 3), ('⅔', 2, 3), ('¼', 1, 4), ('¾', 3, 4), ('⅕', 1, 5), ('⅛', 1, 8), ('⅙', 1, 6)];
        if let Some((_, num, den)) = FRACTIONS.iter().find(|(sign, ..)| *sign == character) {
            self.literal(Literal::rational(*num, *den));
            return Ok(());
        }
        match character {
            '√' => {
                self.emit(Token::Command(Command::Sqrt));
                self.spaces();
            }
            '或' => self.emit(Token::Conjunction(Separator::Or)),
            '和' | '与' | '且' => self.emit(Token::Conjunction(Separator::And)),
            '…' => self.ellipsis(),
            '∀' => self.skipping = Some(self.bracket_depth),
            '€' | '£' | '¥' | '元' | '\u{a0}' | '\u{2009}' | '\u{202f}' | '。' | '’' | '“' | '”' => {}
            c if ('α'..='ω').contains(&c) || ('Α'..='Ω').contains(&c) => self.variable(greek(c)),
            _ => self.out.num_words += 1,
        }
        Ok(())
    }
}
