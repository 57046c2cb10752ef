//! Characters beyond ASCII: signs, Greek letters, superscripts, fractions.

use super::state::Lexer;
use crate::expression::{Function, Literal, Separator};
use crate::notation::token::{Command, Token, greek, symbol};
use crate::unreadable::Unreadable;

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
