//! Digits: numbers as they are written.

use super::state::Lexer;
use crate::expression::{Constant, Literal};
use crate::notation::number;
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
}
