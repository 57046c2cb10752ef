//! Superscripts and subscripts: powers, indices, bases and primes.

use super::state::Lexer;
use crate::arithmetic::{Rational, mix};
use crate::expression::{Constant, Function, Literal};
use crate::name::name_hash;
use crate::notation::token::Token;

impl Lexer<'_> {
    pub(super) fn power(&mut self) {
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

    /// Reads a subscript: behind a name it is a part of the name, behind a number the base of its digits.
    pub(super) fn subscript(&mut self) {
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

    pub(super) fn prime(&mut self) {
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
}
