//! Characters beyond ASCII: signs, Greek letters, superscripts, fractions.

use super::scripts::base;
use super::state::Lexer;
use crate::expression::{Function, Literal};
use crate::notation::token::{Command, Delimiter, Token, greek, symbol};
use crate::unreadable::Unreadable;
use crate::vocabulary;

impl Lexer<'_> {
    pub(super) fn unicode(&mut self) -> Result<(), Unreadable> {
        let Some(character) = self.source[self.at..].chars().next() else { return Ok(()) };
        self.at += character.len_utf8();
        let mut buffer = [0; 4];
        let text: &str = character.encode_utf8(&mut buffer);
        if let Some(token) = symbol(text) {
            if token == Token::Postfix(Function::Degree) && !self.after_operand() {
                return Ok(());
            }
            if token == Token::Times {
                self.times();
            } else {
                self.emit(token);
            }
            return self.check();
        }
        const SUPERSCRIPTS: &str = "⁰¹²³⁴⁵⁶⁷⁸⁹";
        if SUPERSCRIPTS.contains(character) || character == '⁻' {
            self.superscript(character);
            return self.check();
        }
        if let Some(digit) = "₀₁₂₃₄₅₆₇₈₉".chars().position(|c| c == character) {
            return self.unicode_index(digit);
        }
        const FRACTIONS: [(char, i128, i128); 8] =
            [('½', 1, 2), ('⅓', 1, 3), ('⅔', 2, 3), ('¼', 1, 4), ('¾', 3, 4), ('⅕', 1, 5), ('⅛', 1, 8), ('⅙', 1, 6)];
        if let Some((_, num, den)) = FRACTIONS.iter().find(|(sign, ..)| *sign == character) {
            // 3½ is three and a half.
            if let Some(Token::Number(at)) = self.out.tokens.last().copied()
                && let Some(whole) = self.out.literals[at as usize].exact.filter(|whole| whole.is_integer())
            {
                self.out.tokens.pop();
                self.literal(Literal::rational(whole.num * den + num, *den));
            } else {
                self.literal(Literal::rational(*num, *den));
            }
            return self.check();
        }
        match character {
            '√' => {
                self.emit(Token::Command(Command::Sqrt));
                self.spaces();
            }
            '…' | '⋯' => self.ellipsis(),
            '∀' => {
                self.begin_condition();
                self.skipping = self.skipping.map(|(depth, _)| (depth, true));
            }
            '′' | '’' => self.prime(),
            '\u{a0}'
            | '\u{2002}'..='\u{200d}'
            | '\u{202f}'
            | '\u{205f}'
            | '\u{2060}'
            | '\u{3000}'
            | '\u{feff}'
            | '。'
            | '“'
            | '”'
            | '∠'
            | '△'
            | '⊙'
            | '∴'
            | '∵' => {}
            c if ('α'..='ω').contains(&c) || ('Α'..='Ω').contains(&c) => self.variable(greek(c)),
            _ => {
                self.at -= character.len_utf8();
                let rest = &self.source[self.at..];
                if let Some(sign) = vocabulary::unit(text).filter(|unit| unit.is_currency()) {
                    self.at += text.len();
                    self.beside.currency = Some(sign);
                } else if let Some(unit) = vocabulary::unit(text).filter(|_| self.after_operand()) {
                    self.at += text.len();
                    self.unit(unit);
                } else {
                    let unknown = Unreadable::Notation("holds a sign whose meaning is not known");
                    let (word, len) = vocabulary::ideographs(rest).ok_or(unknown)?;
                    let start = self.at;
                    self.at += len;
                    self.word(&rest[..len], word, start);
                }
            }
        }
        self.check()
    }

    /// Reads an exponent in small digits, of which the first sign is `first`.
    fn superscript(&mut self, first: char) {
        let digit = |c: char| "⁰¹²³⁴⁵⁶⁷⁸⁹".chars().position(|known| known == c);
        let mut value = digit(first);
        let is_negative = first == '⁻';
        while let Some(c) = self.source[self.at..].chars().next()
            && let Some(next) = digit(c)
            && value.unwrap_or(0) < 100_000
        {
            self.at += c.len_utf8();
            value = Some(value.unwrap_or(0) * 10 + next);
        }
        let Some(value) = value.map(|value| value as i128) else { return self.fault("an operator lacks an operand") };
        let value = if is_negative { -value } else { value };
        let is_function = matches!(self.out.tokens.last(), Some(Token::Function(_)));
        if self.after_unit() {
            return match i8::try_from(value) {
                Ok(power) => self.raise_unit(power),
                Err(_) => self.fault("holds a unit to a power that is too large"),
            };
        }
        if (!self.after_operand() && !is_function) || self.beside.is_closed {
            return self.fault("holds a power of what is no number");
        }
        self.emit(Token::Power);
        self.emit(Token::Open(Delimiter::Invisible));
        if is_negative {
            self.emit(Token::Minus);
        }
        self.literal(Literal::integer(value.abs()));
        self.emit(Token::Close(Delimiter::Invisible));
    }

    /// Reads an index in small digits.
    fn unicode_index(&mut self, first: usize) -> Result<(), Unreadable> {
        let start = self.at - '₀'.len_utf8();
        let mut index = first.to_string();
        while let Some(c) = self.source[self.at..].chars().next()
            && let Some(digit) = "₀₁₂₃₄₅₆₇₈₉".chars().position(|known| known == c)
        {
            self.at += c.len_utf8();
            index.push_str(&digit.to_string());
        }
        if !base(&index).is_some_and(|base| self.read_in_base(start, base)) {
            self.index(&index);
        }
        self.check()
    }
}
