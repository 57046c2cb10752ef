//! Superscripts and subscripts: powers, indices, bases and primes.

use super::state::Lexer;
use crate::arithmetic::{Rational, mix};
use crate::expression::{Constant, Function, Literal};
use crate::name::name_hash;
use crate::notation::token::{Delimiter, Token};

impl Lexer<'_> {
    pub(super) fn power(&mut self) {
        let start = self.at;
        self.spaces();
        let argument = self.raw_argument();
        let bare = without_fonts(argument);
        if matches!(bare.as_str(), "\\circ" | "\\degree" | "°" | "o" | "∘") && self.after_operand() {
            return self.emit(Token::Postfix(Function::Degree));
        }
        if self.after_unit() {
            let power = match bare.as_str() {
                "²" => Some(2),
                "³" => Some(3),
                bare => bare.parse::<i8>().ok(),
            };
            return match power {
                Some(power) => self.raise_unit(power),
                None => self.fault("holds a unit to a power that is no whole number"),
            };
        }
        if self.beside.is_closed {
            return self.fault("holds a power of what is counted");
        }
        if argument.bytes().all(|b| b == b'\'') || argument == "\\prime" {
            return self.prime();
        }
        let is_ordinal = matches!(bare.as_str(), "th" | "st" | "nd" | "rd");
        if is_ordinal && matches!(self.out.tokens.last(), Some(Token::Number(_))) {
            return;
        }
        self.at = start;
        self.emit(Token::Power);
    }

    /// Reads a subscript: behind a name it is a part of the name, behind digits their base, behind a logarithm its
    /// base. Behind anything else it makes another thing of the operand.
    pub(super) fn subscript(&mut self) {
        let start = self.at - 1;
        if self.out.tokens.last() == Some(&Token::Function(Function::Ln)) {
            return self.open_logarithm();
        }
        let argument = without_fonts(self.raw_argument());
        if self.skipping.is_some() || self.beside.is_label {
            return;
        }
        if let Some(base) = base(&argument)
            && self.read_in_base(start, base)
        {
            return;
        }
        self.index(&argument);
    }

    /// Puts an index to the last operand.
    pub(super) fn index(&mut self, argument: &str) {
        match self.out.tokens.last_mut() {
            Some(Token::Variable(name)) => *name = mix(*name ^ name_hash(argument).rotate_left(7)),
            Some(Token::Constant(Constant::E | Constant::I)) => {
                self.out.tokens.pop();
                self.emit(Token::Variable(mix(1 ^ name_hash(argument))));
            }
            Some(last) if last.ends_operand() && !matches!(last, Token::Unit(_)) => {
                self.emit(Token::Index(name_hash(argument)));
            }
            _ => self.fault("holds an index of what is no name"),
        }
    }

    /// Reads the digits before a subscript at `end` in another base: `1011_2`, `(1011)_2`, `1A_{16}`. True where that
    /// is what they are.
    pub(super) fn read_in_base(&mut self, end: usize, base: u32) -> bool {
        let before = self.source[..end].trim_end_matches([' ', '~', '}']).trim_end_matches("\\right");
        let inner = before.strip_suffix([')', ']']).map_or(before, |inner| inner.trim_end_matches("\\right"));
        let inner = inner.trim_end_matches([' ', '~', '}']);
        let len = inner.bytes().rev().take_while(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()).count();
        let text = &inner[inner.len() - len..];
        if text.is_empty() || !(base > 10 || text.bytes().all(|byte| byte.is_ascii_digit())) {
            return false;
        }
        // The digits must be the whole number: behind a point, or letters of a name before them, they are not.
        let head = &inner[..inner.len() - len];
        if head.ends_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | ',')) {
            return false;
        }
        let mut tokens = self.out.tokens.as_slice();
        let mut num_closed = 0;
        while let [rest @ .., Token::Close(Delimiter::Round | Delimiter::Square | Delimiter::Invisible)] = tokens {
            (tokens, num_closed) = (rest, num_closed + 1);
        }
        let runs = text.as_bytes().chunk_by(|a, b| a.is_ascii_digit() && b.is_ascii_digit()).count();
        let Some(first) = tokens.len().checked_sub(runs) else { return false };
        let is_run = tokens[first..].iter().all(|token| matches!(token, Token::Number(_) | Token::Variable(_)));
        let mut opened = first;
        for _ in 0..num_closed {
            match opened.checked_sub(1).map(|at| tokens[at]) {
                Some(Token::Open(_)) => opened -= 1,
                _ => return false,
            }
        }
        // An argument of a command, a power or a factor is no number by itself.
        let is_part = self.after_argument
            || opened.checked_sub(1).is_some_and(|at| {
                matches!(tokens[at], Token::Command(_) | Token::Power | Token::Function(_)) || tokens[at].ends_operand()
            });
        let Some(value) = Literal::in_base(text, base).filter(|_| is_run && !is_part) else { return false };
        self.out.tokens.truncate(opened);
        self.literal(value);
        true
    }

    pub(super) fn prime(&mut self) {
        match self.out.tokens.last_mut() {
            Some(Token::Variable(name)) => *name = mix(*name ^ 0x27),
            // 60°42' is 60 degrees and 42 minutes of arc.
            Some(Token::Number(minutes)) => {
                let literal = &mut self.out.literals[*minutes as usize];
                let value = literal.exact.and_then(|value| value.div(Rational::integer(60)));
                let at = self.out.tokens.len() - 1;
                let after_degrees = at > 0 && self.out.tokens[at - 1] == Token::Postfix(Function::Degree);
                match value {
                    Some(value) => *literal = Literal::rational(value.num, value.den),
                    None => return self.fault("holds a prime of what is no name"),
                }
                if after_degrees {
                    self.out.tokens.insert(at, Token::Plus);
                }
                self.out.tokens.push(Token::Postfix(Function::Degree));
            }
            _ => self.fault("holds a prime of what is no name"),
        }
    }
}

/// The base that a subscript names, in digits or in words, in brackets or not.
pub(super) fn base(argument: &str) -> Option<u32> {
    let bare = argument.trim_matches(['(', ')', ' ']);
    let words = [("two", 2), ("three", 3), ("four", 4), ("five", 5), ("six", 6), ("seven", 7), ("eight", 8)];
    let words = words.into_iter().chain([("nine", 9), ("ten", 10), ("twelve", 12), ("sixteen", 16)]);
    let number = bare.parse().ok().or_else(|| words.into_iter().find(|(word, _)| *word == bare).map(|(_, base)| base));
    number.filter(|base| (2..=36).contains(base))
}

/// A script without the fonts of its letters, `\text{max}` as `max`.
pub(super) fn without_fonts(argument: &str) -> String {
    let mut text = argument.trim().to_owned();
    if text.contains('\\') {
        for font in ["\\text{", "\\mathrm{", "\\mathrm {", "\\rm ", "\\mbox{", "\\textrm{", "\\operatorname{", "\\,"] {
            if text.contains(font) {
                text = text.replace(font, "");
            }
        }
    }
    if text.contains('}') && !text.contains('{') {
        text = text.replace('}', "");
    }
    text.trim_matches(['{', '}', ' ', '~']).to_owned()
}
