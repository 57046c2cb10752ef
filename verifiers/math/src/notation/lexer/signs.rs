//! ASCII signs: brackets, operators, relations and separators.

use super::state::{Brace, Lexer};
use crate::expression::{Function, Relation};
use crate::notation::token::{Delimiter, Token, function};
use crate::unreadable::Unreadable;

impl Lexer<'_> {
    pub(super) fn sign(&mut self, byte: u8) -> Result<(), Unreadable> {
        self.at += 1;
        match byte {
            b'{' if self.holds_function() => self.braces.push(Brace::Transparent(self.pending)),
            b'{' if self.holds_digits() && self.follows_digits() => {
                return Err(Unreadable::Notation("holds two numbers side by side"));
            }
            b'{' => {
                self.braces.push(Brace::Group(self.pending.saturating_sub(1)));
                self.pending = 0;
                self.emit(Token::Open(Delimiter::Invisible));
            }
            b'}' => match self.braces.pop() {
                Some(Brace::Text | Brace::Upright) => {}
                Some(Brace::Matrix) => {
                    self.matrix_depth = self.matrix_depth.saturating_sub(1);
                    self.emit(Token::MatrixEnd);
                }
                Some(Brace::Transparent(pending)) => self.pending = pending,
                Some(Brace::Group(pending)) => {
                    self.emit(Token::Close(Delimiter::Invisible));
                    self.pending = pending;
                }
                None => return Err(Unreadable::Notation("a brace closes that was not opened")),
            },
            b'(' if self.event() => {}
            b'(' => self.emit(Token::Open(Delimiter::Round)),
            b')' => self.emit(Token::Close(Delimiter::Round)),
            b'[' => self.emit(Token::Open(Delimiter::Square)),
            b']' => match self.open_degrees.last() {
                Some(depth) if *depth == self.braces.len() => self.close_degree(),
                _ => self.emit(Token::Close(Delimiter::Square)),
            },
            b'+' => {
                let sign = if self.eat(b"-") { Token::PlusMinus } else { Token::Plus };
                self.emit(sign);
            }
            // A hyphen or a point between two units, and the slash before a unit, are parts of the unit.
            b'-' | b'.' if self.after_unit() && self.next_unit_or_noun() => {}
            b'/' if self.may_be_divided() && self.next_unit_or_noun() => self.beside.is_per = true,
            b'-' => self.emit(Token::Minus),
            b'*' if self.eat(b"*") => self.emit(Token::Power),
            b'*' => self.times(),
            b'/' => self.emit(Token::Over),
            b'^' => self.power(),
            b'_' => self.subscript(),
            b'!' if self.eat(b"=") => self.emit(Token::Relation(Relation::NotEqual)),
            b'!' if self.eat(b"!") => self.emit(Token::Postfix(Function::DoubleFactorial)),
            b'!' => self.emit(Token::Postfix(Function::Factorial)),
            b'%' if self.after_operand() => self.emit(Token::Postfix(Function::Percent)),
            b'%' => {}
            b'=' => {
                self.eat(b"=");
                self.emit(Token::Relation(Relation::Equal));
            }
            b'<' if self.eat(b"=") => self.emit(Token::Relation(Relation::LessEqual)),
            b'<' => self.emit(Token::Relation(Relation::Less)),
            b'>' if self.eat(b"=") => self.emit(Token::Relation(Relation::GreaterEqual)),
            b'>' => self.emit(Token::Relation(Relation::Greater)),
            b'~' | b'$' | b' ' | b'\t' | b'\r' | b'\n' | b'"' | b'`' | b'\x0c' => {}
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
            b'&' => {}
            _ => return Err(Unreadable::Notation("holds a sign whose meaning is not known")),
        }
        self.check()
    }

    /// True where a slash may divide what stands before it by a unit: behind a unit, or an amount of money.
    fn may_be_divided(&self) -> bool {
        self.after_unit() || (self.beside.currency.is_some() && self.after_operand()) || self.beside.is_closed
    }

    /// True at a group that holds digits and nothing else.
    fn holds_digits(&self) -> bool {
        let len = self.bytes[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        len > 0 && self.bytes.get(self.at + len) == Some(&b'}')
    }

    /// Reads an event in words behind a name, `P(\text{red})`, as an index of it.
    fn event(&mut self) -> bool {
        let rest = &self.source[self.at..];
        let Some(words) = rest.strip_prefix("\\text{").and_then(|rest| rest.split_once("})")) else { return false };
        let is_event = matches!(self.out.tokens.last(), Some(Token::Variable(_)))
            && words.0.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b' ');
        if is_event {
            self.at += "\\text{".len() + words.0.len() + "})".len();
            self.index(words.0);
        }
        is_event
    }

    /// True at a group that holds the name of a function and nothing else, `{\sin}`.
    fn holds_function(&self) -> bool {
        let rest = self.source[self.at..].trim_start();
        let Some(rest) = rest.strip_prefix("\\rm ").or(rest.strip_prefix('\\')) else { return false };
        let name = rest.trim_start_matches(['\\', ' ']);
        let len = name.bytes().take_while(u8::is_ascii_alphabetic).count();
        name[len..].trim_start().starts_with('}') && function(&name[..len], true).is_some()
    }
}
