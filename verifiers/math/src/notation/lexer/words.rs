//! Words that stand in the vocabulary, each by its meaning.

use super::quantity::MISPLACED;
use super::state::Lexer;
use crate::arithmetic::Rational;
use crate::expression::{Constant, Function, Literal, Relation, Separator};
use crate::notation::token::Token;
use crate::vocabulary::{self, Word};

impl Lexer<'_> {
    /// Reads a word that begins at `start` and has been passed.
    pub(super) fn word(&mut self, text: &str, word: Word, start: usize) {
        let after = self.after_operand();
        match word {
            Word::Unit(unit) if after => self.unit(unit),
            Word::Unit(_) | Word::Noun => self.noun(text),
            Word::UnitPower(power) => self.beside.unit_power = Some(power),
            Word::Per if after => self.beside.is_per = true,
            Word::Power(power) if self.after_unit() => self.raise_unit(power),
            Word::Power(power) if after && !self.beside.is_closed => {
                self.emit(Token::Power);
                self.literal(Literal::integer(i128::from(power)));
            }
            Word::Cardinal(_) => self.cardinal(start),
            Word::Scale(_) if !after => self.cardinal(start),
            Word::Scale(scale) => self.scale(scale),
            Word::Part(2) if !after && !self.beside.is_label => self.literal(Literal::rational(1, 2)),
            Word::Part(4) if after => self.noun(text),
            // Behind what is counted it says where, and in the plural what: 5 cm length, 9 values.
            Word::Label if after && (self.beside.is_closed || text.ends_with('s')) => self.noun(text),
            Word::Label if !after => self.beside.is_label = true,
            Word::Filler => {}
            Word::Article => self.beside.is_per |= self.after_unit(),
            Word::Of | Word::Kind if self.beside.is_label => {}
            Word::Of | Word::Kind if after => self.beside.awaits_noun = true,
            Word::Equals => self.emit(Token::Relation(Relation::Equal)),
            Word::Approximately if !after => self.emit(Token::Relation(Relation::Approximate)),
            Word::Plus => self.emit(Token::Plus),
            Word::Minus => self.emit(Token::Minus),
            Word::Times if self.take_word("by") || self.next_is_operand() => self.emit(Token::Times),
            Word::Times if text.eq_ignore_ascii_case("times") || !text.is_ascii() => self.noun(text),
            Word::DividedBy if !text.is_ascii() || self.take_word("by") => self.emit(Token::Over),
            Word::And => self.emit(Token::Conjunction(Separator::And)),
            Word::Or => self.emit(Token::Conjunction(Separator::Or)),
            Word::Percent if after => self.emit(Token::Postfix(Function::Percent)),
            Word::Degree if after => self.emit(Token::Postfix(Function::Degree)),
            Word::Percent | Word::Degree => self.beside.is_label = true,
            Word::Infinity => self.emit(Token::Constant(Constant::Infinity)),
            Word::Undefined => self.emit(Token::Constant(Constant::Undefined)),
            Word::More if !after && self.take_word("than") => self.emit(Token::Relation(Relation::Greater)),
            Word::Less if !after && self.take_word("than") => self.emit(Token::Relation(Relation::Less)),
            Word::At if !after && self.take_word("least") => self.emit(Token::Relation(Relation::GreaterEqual)),
            Word::At if !after && self.take_word("most") => self.emit(Token::Relation(Relation::LessEqual)),
            Word::Condition => self.begin_condition(),
            Word::Name => self.variable(&text.to_ascii_lowercase()),
            _ => self.fault(MISPLACED),
        }
    }

    /// Takes a word, spaces before it aside, where it stands next.
    pub(super) fn take_word(&mut self, word: &str) -> bool {
        let rest = &self.source[self.at..];
        let spaces = rest.len() - rest.trim_start_matches([' ', '~']).len();
        let after = &self.bytes[self.at + spaces..];
        let is_next = after.len() >= word.len()
            && after[..word.len()].eq_ignore_ascii_case(word.as_bytes())
            && !after.get(word.len()).is_some_and(u8::is_ascii_alphabetic);
        if is_next {
            self.at += spaces + word.len();
        }
        is_next
    }

    /// Multiplies the number before a word such as "million".
    fn scale(&mut self, scale: i128) {
        if self.beside.is_closed {
            return self.fault(MISPLACED);
        }
        if let Some(Token::Number(at)) = self.out.tokens.last().copied() {
            let literal = &mut self.out.literals[at as usize];
            match literal.scaled(scale) {
                Some(scaled) => *literal = scaled,
                None => self.fault("holds a number that is too large for its words"),
            }
        } else {
            self.emit(Token::Times);
            self.literal(Literal::integer(scale));
        }
    }

    /// Reads a number in words, "two hundred and five", "three quarters", of which the first word begins at `start`.
    fn cardinal(&mut self, start: usize) {
        if matches!(self.out.tokens.last(), Some(Token::Number(_))) {
            return self.fault("holds two numbers side by side");
        }
        let (mut total, mut current, mut end) = (0_i128, 0_i128, start);
        let (mut at, mut is_first, mut after_scale) = (start, true, false);
        let mut part = None;
        loop {
            let rest = &self.source[at..];
            let len = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
            let (word, len) = match vocabulary::find(&rest[..len]) {
                Some(word) => (Some(word), len),
                None if len == 0 => vocabulary::ideographs(rest).map_or((None, 0), |(word, len)| (Some(word), len)),
                None => (None, len),
            };
            match word {
                Some(Word::Cardinal(value)) => {
                    let fits = (current % 100 == 0 && value < 100)
                        || (current % 10 == 0 && current % 100 >= 20 && (1..10).contains(&value))
                        || (current % 100 == 10 && value < 10 && !rest.is_char_boundary(1));
                    if !(is_first || (after_scale && current == 0) || (current > 0 && fits)) {
                        break;
                    }
                    current += value;
                    after_scale = false;
                }
                Some(Word::Scale(scale)) => {
                    if current >= 10 && scale <= 100 && !rest.is_char_boundary(1) {
                        return self.fault("holds a number in words that is not read");
                    }
                    if scale <= 100 {
                        current = current.max(1) * scale;
                    } else {
                        total = total.saturating_add(current.max(1).saturating_mul(scale));
                        (current, after_scale) = (0, true);
                    }
                }
                Some(Word::Part(parts)) if !is_first => {
                    part = Some(parts);
                    end = at + len;
                    break;
                }
                Some(Word::And) if after_scale || (current > 0 && current % 100 == 0) => {}
                _ => break,
            }
            if word != Some(Word::And) {
                end = at + len;
            }
            is_first = false;
            at += len;
            at += self.bytes[at..].iter().take_while(|byte| matches!(byte, b' ' | b'-' | b'~')).count();
            if current > 1_000_000 {
                break;
            }
        }
        self.at = end;
        let value = total.saturating_add(current);
        let literal = Literal::rational(value, part.unwrap_or(1));
        let is_fraction = part.is_some();
        match literal.exact.filter(|value: &Rational| is_fraction || value.is_integer()) {
            Some(_) => self.literal(literal),
            None => self.fault("holds a number that is too large for its words"),
        }
    }
}
