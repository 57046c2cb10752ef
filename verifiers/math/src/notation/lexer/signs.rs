//! ASCII signs: brackets, operators, relations and separators.

use super::state::{Brace, Lexer};
use crate::expression::{Function, Relation};
use crate::notation::token::{Delimiter, Token};
use crate::unreadable::Unreadable;

impl Lexer<'_> {
    pub(super) fn sign(&mut self, byte: u8) -> Result<(), Unreadable> {
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
            b']' => match self.open_degrees.last() {
                Some(depth) if *depth == self.braces.len() => {
                    self.open_degrees.pop();
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
}
