//! Quantities: the units, the things that are counted, the labels and conditions beside a value.

use super::scripts::without_fonts;
use super::state::Lexer;
use crate::arithmetic::Rational;
use crate::expression::{Function, Literal};
use crate::name::name_hash;
use crate::notation::token::{Delimiter, Token};
use crate::unit::{Base, Unit};
use crate::unreadable::Unreadable;
use crate::vocabulary::{self, Word};

pub(super) const MISPLACED: &str = "holds a word or unit where it has no meaning";

impl Lexer<'_> {
    pub(super) fn fault(&mut self, why: &'static str) {
        self.beside.fault = self.beside.fault.or(Some(why));
    }

    /// The fault that was found so far.
    pub(super) fn check(&self) -> Result<(), Unreadable> {
        self.beside.fault.map_or(Ok(()), |why| Err(Unreadable::Notation(why)))
    }

    /// Looks at a token before it is emitted: what stands beside a value ends there.
    pub(super) fn before(&mut self, token: Token) {
        use Token::{
            Bounded, Cell, Close, Colon, Comma, Command, Conjunction, Constant, Function, MatrixBegin, MatrixEnd,
        };
        use Token::{Number, Open, Relation, Row, Semicolon, Unit, Variable};

        let begins_operand = match token {
            Number(_) | Variable(_) | Constant(_) | Function(_) | Command(_) | Bounded(_) | MatrixBegin(_) => true,
            Open(delimiter) => delimiter != Delimiter::Invisible,
            _ => false,
        };
        if matches!(token, Comma | Semicolon | Conjunction(_) | Close(_) | Relation(_) | Row | Cell | MatrixEnd) {
            self.flush_currency();
        }
        if self.beside.awaits_noun || self.beside.is_per || self.beside.unit_power.is_some() {
            self.fault(MISPLACED);
        }
        if self.beside.is_label {
            let follows = matches!(token, Colon | Relation(_));
            if !follows && !matches!(token, Open(Delimiter::Invisible) | Close(Delimiter::Invisible)) {
                self.fault(MISPLACED);
            }
            self.beside.is_label &= !follows;
        }
        if self.beside.is_compound && !matches!(token, Unit(_)) {
            self.fault(MISPLACED);
        }
        if begins_operand && self.beside.is_closed {
            let may_be_compound = matches!(token, Number(_)) && matches!(self.out.tokens.last(), Some(Unit(_)));
            match may_be_compound {
                true => self.beside.is_compound = true,
                false => self.fault(MISPLACED),
            }
        }
        self.beside.is_closed &= begins_operand || matches!(token, Open(_) | Close(_) | Unit(_) | Token::Postfix(_));
    }

    /// Ends the answer.
    pub(super) fn end(&mut self) {
        self.flush_currency();
        if self.skipping.is_some() {
            self.end_condition();
        }
        let beside = &self.beside;
        let waits = beside.is_label || beside.awaits_noun || beside.is_per || beside.is_compound;
        if waits || beside.unit_power.is_some() {
            self.fault(MISPLACED);
        }
    }

    /// Puts the currency that was read behind its amount.
    fn flush_currency(&mut self) {
        let Some(currency) = self.beside.currency.take() else { return };
        if let Some(Token::Unit(at)) = self.out.tokens.last().copied() {
            let unit = &mut self.out.units[at as usize];
            if !unit.is_currency() {
                *unit = unit.mul(currency);
            }
        } else if self.after_operand() {
            self.push_unit(currency);
        }
    }

    fn push_unit(&mut self, unit: Unit) {
        self.out.units.push(unit);
        self.emit(Token::Unit(self.out.units.len() as u32 - 1));
    }

    /// Reads a unit behind a value, or one more factor of it.
    pub(super) fn unit(&mut self, unit: Unit) {
        let mut unit = unit.pow(self.beside.unit_power.take().unwrap_or(1));
        if std::mem::take(&mut self.beside.is_per) {
            unit = unit.pow(-1);
        }
        self.beside.awaits_noun = false;
        self.beside.factor = Some(unit);
        let is_temperature = [Base::Celsius, Base::Fahrenheit, Base::Kelvin].map(|base| Unit::new(base, 1, 1.0));
        if self.out.tokens.last() == Some(&Token::Postfix(Function::Degree)) && is_temperature.contains(&unit) {
            self.out.tokens.pop();
        }
        if let Some(Token::Unit(at)) = self.out.tokens.last().copied() {
            let before = &mut self.out.units[at as usize];
            // A unit that is said twice, as in 5 dollars USD, is said once.
            if *before != unit {
                *before = before.mul(unit);
            }
        } else {
            self.join_compound(unit);
            if std::mem::take(&mut self.beside.is_compound) {
                self.fault(MISPLACED);
            }
            self.push_unit(unit);
        }
        self.beside.is_closed = true;
    }

    /// Makes one number of two with units of a kind, 5 ft 3 in: the token before the unit is the second number.
    fn join_compound(&mut self, unit: Unit) {
        let tokens = &self.out.tokens;
        let (first, larger, second) = match *tokens.as_slice() {
            [.., Token::Number(first), Token::Unit(larger), Token::Number(second)] => (first, larger, second),
            [
                ..,
                Token::Number(first),
                Token::Unit(larger),
                Token::Conjunction(_) | Token::Comma,
                Token::Number(second),
            ] => (first, larger, second),
            _ => return,
        };
        let larger = self.out.units[larger as usize];
        let ratio = larger.ratio(unit);
        let whole = ratio.round();
        let is_larger = larger.agrees(unit) && whole > 1.0 && whole < 1e9 && (ratio - whole).abs() < 1e-9 * ratio;
        let value = |literal: u32| self.out.literals[literal as usize].exact;
        let total = value(first)
            .and_then(|first| first.mul(Rational::integer(whole as i128))?.add(value(second)?))
            .filter(|_| is_larger);
        let Some(total) = total else { return };
        let length = if matches!(tokens[tokens.len() - 2], Token::Unit(_)) { 3 } else { 4 };
        self.out.tokens.truncate(self.out.tokens.len() - length);
        self.beside.is_compound = false;
        self.beside.is_closed = false;
        self.literal(Literal::rational(total.num, total.den));
    }

    /// Raises the last factor of a unit, which was read last, to a power.
    pub(super) fn raise_unit(&mut self, power: i8) {
        let (Some(Token::Unit(at)), Some(factor)) = (self.out.tokens.last().copied(), self.beside.factor.take()) else {
            return self.fault(MISPLACED);
        };
        let unit = &mut self.out.units[at as usize];
        *unit = unit.mul(factor.pow(power.saturating_sub(1)));
    }

    /// Reads a fraction of two units behind a value, `\frac{\text{km}}{\text{h}}`; false where it is another fraction.
    pub(super) fn unit_fraction(&mut self) -> bool {
        let start = self.at;
        let mut parts = [None; 2];
        for part in &mut parts {
            let argument = self.raw_argument();
            let is_upright = argument.contains("\\text") || argument.contains("\\mathrm");
            *part = written_unit(&without_fonts(argument)).filter(|_| is_upright);
        }
        let [Some(above), Some(below)] = parts else {
            self.at = start;
            return false;
        };
        self.unit(above);
        self.beside.is_per = true;
        self.unit(below);
        true
    }

    /// True where a unit was read last.
    pub(super) fn after_unit(&self) -> bool {
        matches!(self.out.tokens.last(), Some(Token::Unit(_)))
    }

    /// Reads a noun: behind a value it is what is counted, before one a label.
    pub(super) fn noun(&mut self, word: &str) {
        self.beside.awaits_noun = false;
        self.beside.is_per = false;
        self.beside.unit_power = None;
        if self.beside.is_label {
            return;
        }
        if !self.after_operand() {
            self.beside.is_label = true;
            return;
        }
        self.beside.is_closed = true;
        let lower = word.to_ascii_lowercase();
        let singular = lower.strip_suffix('s').unwrap_or(&lower);
        self.out.words.push(name_hash(singular));
    }

    /// Begins a condition, which is set aside up to the next separator.
    pub(super) fn begin_condition(&mut self) {
        self.skipping = Some((self.brackets.len(), false));
    }

    /// Ends what was set aside, which must have held a condition.
    pub(super) fn end_condition(&mut self) {
        if self.skipping.take().is_some_and(|(_, has_condition)| !has_condition) {
            self.fault("holds words that state no condition");
        }
    }

    /// The meaning of the next word, spaces, fonts and braces aside.
    pub(super) fn next_unit_or_noun(&self) -> bool {
        let mut rest = &self.source[self.at..];
        loop {
            let trimmed = rest.trim_start_matches([' ', '~', '{', '}']);
            let fonts = ["\\text", "\\mathrm", "\\mbox", "\\textrm", "\\rm", "\\,", "\\ ", "\\;", "\\operatorname"];
            let next = fonts.iter().find_map(|font| trimmed.strip_prefix(font)).unwrap_or(trimmed);
            if next.len() == rest.len() {
                break;
            }
            rest = next;
        }
        let len = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let word = &rest[..len];
        if len == 0 {
            return matches!(vocabulary::ideographs(rest), Some((Word::Unit(_) | Word::Noun, _)));
        }
        vocabulary::unit(word).is_some()
            || (len > 2 && matches!(vocabulary::find(word), Some(Word::Unit(_) | Word::Noun)))
    }
}

/// A unit with its power, `s^2`.
fn written_unit(text: &str) -> Option<Unit> {
    let (name, power) = text.split_once('^').unwrap_or((text, "1"));
    let name = name.trim_matches([' ', '~', '{', '}']);
    let unit = vocabulary::unit(name).or_else(|| match vocabulary::find(name) {
        Some(Word::Unit(unit)) => Some(unit),
        _ => None,
    })?;
    Some(unit.pow(power.trim_matches(['{', '}', ' ']).parse().ok()?))
}
