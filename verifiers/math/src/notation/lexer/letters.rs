//! Letters: names, functions, units, conjunctions and running text.

use super::state::Lexer;
use crate::expression::{Constant, Function, Separator};
use crate::notation::token::{Command, Token, symbol};
use crate::unit;
use crate::unreadable::Unreadable;

impl Lexer<'_> {
    pub(super) fn letters(&mut self) -> Result<(), Unreadable> {
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
        // A conjunction may be written without spaces, as in "orW(x)".
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

    /// Skips the power behind a unit or word, or the unit that it is divided by.
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
}
