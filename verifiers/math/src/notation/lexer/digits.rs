//! Digits: numbers as they are written.

use super::state::Lexer;
use crate::expression::{Constant, Literal};
use crate::notation::number::Notation;
use crate::notation::token::{Delimiter, Token};
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
        if self.follows_digits() {
            return Err(Unreadable::Notation("holds two numbers side by side"));
        }
        self.after_argument = false;
        match read.value {
            Some(literal) => self.literal(literal),
            None => self.emit(Token::Constant(Constant::Undefined)),
        }
        self.check()
    }

    /// True where digits would stand beside digits that are no exponent and no argument: `1 2`, `{1}5`.
    pub(super) fn follows_digits(&self) -> bool {
        let (before, braces) = match self.out.tokens.as_slice() {
            [before @ .., Token::Open(Delimiter::Invisible), Token::Number(_), Token::Close(_)] => (before, true),
            [before @ .., Token::Number(_)] => (before, false),
            _ => return false,
        };
        let is_argument = match before.last() {
            Some(Token::Power | Token::Command(_)) => true,
            // The last of a command's arguments stands behind the others.
            Some(last) => braces && last.ends_operand(),
            None => false,
        };
        !is_argument && !self.after_argument && self.pending == 0 && self.skipping.is_none()
    }
}
