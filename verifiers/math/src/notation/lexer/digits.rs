//! Digits: numbers as they are written.

use super::state::Lexer;
use crate::expression::{Constant, Literal};
use crate::notation::number::Notation;
use crate::notation::token::Token;
use crate::unreadable::Unreadable;

impl Lexer<'_> {
    pub(super) fn number(&mut self) -> Result<(), Unreadable> {
        // A command's bare argument is one digit: \frac12.
        let byte = self.bytes[self.at];
        if self.pending > 0 && byte.is_ascii_digit() {
            let digit = i128::from(byte - b'0');
            self.at += 1;
            self.literal(Literal::integer(digit));
            self.after_argument = true;
            return self.check();
        }
        let last = self.out.tokens.last().copied();
        let follows_number = matches!(last, Some(Token::Number(_) | Token::Over | Token::Power));
        let notation = Notation {
            may_be_mixed: !follows_number && !self.after_operand(),
            has_groups: !self.brackets.last().copied().unwrap_or(false),
            max_digits: self.max_digits,
        };
        let start = self.at;
        let read = notation.read(&self.bytes[start..])?;
        self.at += read.len;
        let is_apart = start > 0 && matches!(self.bytes[start - 1], b' ' | b'~' | b'\t' | b'\n');
        let is_exponent = self.out.tokens.len().checked_sub(2).is_some_and(|at| self.out.tokens[at] == Token::Power);
        if is_apart && !is_exponent && !self.after_argument && matches!(last, Some(Token::Number(_))) {
            return Err(Unreadable::Notation("holds two numbers side by side"));
        }
        self.after_argument = false;
        match read.value {
            Some(literal) => self.literal(literal),
            None => self.emit(Token::Constant(Constant::Undefined)),
        }
        self.check()
    }
}
