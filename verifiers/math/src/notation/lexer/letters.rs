//! Letters: names, functions, and the words that are told from products of names.

use super::state::{Brace, Lexer};
use crate::expression::{Constant, Function};
use crate::notation::token::{Command, Token, function, greek_name, symbol};
use crate::unit::Unit;
use crate::unreadable::Unreadable;
use crate::vocabulary::{self, Word};

/// Units of two letters that are units without upright type too; others are products of names, as in `2pa`.
const PLAIN_UNITS: [&str; 20] = [
    "mm", "cm", "dm", "km", "kg", "mg", "ml", "mL", "cl", "dl", "dL", "ft", "yd", "ms", "hr", "lb", "oz", "kW", "kN",
    "Hz",
];

/// Longest run of letters that is a product of names where it is no word.
const MAX_PRODUCT: usize = 3;

impl Lexer<'_> {
    pub(super) fn letters(&mut self) -> Result<(), Unreadable> {
        let start = self.at;
        let source = self.source;
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_alphabetic) {
            self.at += 1;
        }
        let run = &source[start..self.at];
        if self.pending > 0 && !self.is_upright() {
            self.at = start + 1;
            self.single(&run[..1]);
            return Ok(());
        }
        if run.len() == 1 {
            self.letter(run);
        } else {
            self.run(run, start);
        }
        self.check()
    }

    /// A letter by itself: a unit behind a number where it is upright, else a name.
    fn letter(&mut self, letter: &str) {
        let last = self.out.tokens.last().copied();
        let is_scale = matches!(last, Some(Token::Postfix(Function::Degree))) && matches!(letter, "C" | "F");
        if is_scale {
            let name = if letter == "C" { "celsius" } else { "fahrenheit" };
            if let Some(Word::Unit(unit)) = vocabulary::find(name) {
                return self.unit(unit);
            }
        }
        let is_text = self.braces.last() == Some(&Brace::Text);
        let before_word = self.bytes.get(self.at) == Some(&b' ')
            && self.bytes.get(self.at + 1).is_some_and(u8::is_ascii_alphabetic)
            && self.bytes.get(self.at + 2).is_some_and(u8::is_ascii_alphabetic);
        if is_text && before_word && matches!(letter, "a" | "A") {
            return self.word(letter, Word::Article, self.at - 1);
        }
        // Metres a second are a unit in plain letters too.
        let is_speed = letter == "m"
            && matches!(last, Some(Token::Number(_)))
            && self.bytes[..self.at - 1].ends_with(b" ")
            && self.bytes[self.at..].starts_with(b"/s")
            && !self.bytes.get(self.at + 2).is_some_and(u8::is_ascii_alphanumeric);
        let may_be_unit = match last {
            _ if is_speed => true,
            _ if self.beside.is_per || self.beside.unit_power.is_some() => true,
            Some(Token::Unit(_)) => self.is_upright(),
            Some(Token::Number(_) | Token::Close(_) | Token::Postfix(_)) => self.is_upright(),
            _ => is_text && self.after_operand(),
        };
        match vocabulary::unit(letter).filter(|_| may_be_unit) {
            Some(unit) => self.unit(unit),
            None => self.single(letter),
        }
    }

    /// A run of letters: a function, a unit, a word, or a product of names.
    fn run(&mut self, run: &str, start: usize) {
        let is_upright = self.is_upright();
        if self.skipping.is_some() {
            let is_known = vocabulary::find(run).is_some() || symbol(run).is_some() || function(run, true).is_some();
            match vocabulary::find(run) {
                Some(Word::Quantifier) => self.skipping = self.skipping.map(|(depth, _)| (depth, true)),
                Some(Word::Equals) => self.skipping = self.skipping.map(|(depth, _)| (depth, true)),
                Some(word @ (Word::And | Word::Or)) => self.word(run, word, start),
                _ if !is_known && (is_upright || run.len() > MAX_PRODUCT) => self.unknown(),
                _ => {}
            }
            return;
        }
        if matches!(run, "st" | "nd" | "rd" | "th") && self.ends_ordinal(start) {
            return;
        }
        if let Some(unit) = self.unit_symbol(run) {
            return self.unit(unit);
        }
        if let Some(function) = function(run, is_upright) {
            return self.emit(Token::Function(function));
        }
        if run == "sqrt" {
            return self.emit(Token::Command(Command::Sqrt));
        }
        let is_spaced = start == 0 || matches!(self.bytes[start - 1], b' ' | b'~' | b'-');
        if let Some(word) = vocabulary::find(run).filter(|word| self.is_word(*word, run, is_spaced)) {
            return self.word(run, word, start);
        }
        if run.eq_ignore_ascii_case("in") && self.after_operand() && self.next_is_word() {
            self.take_word("all");
            return;
        }
        if let Some(token) = symbol(run)
            .filter(|token| !is_upright || matches!(token, Token::Constant(_)) || run == "in" && self.next_is_set())
        {
            return self.emit(token);
        }
        if run == "oo" {
            return self.emit(Token::Constant(Constant::Infinity));
        }
        if let Some(name) = greek_name(run) {
            return self.variable(name);
        }
        // A conjunction may be written without spaces, as in "orW(x)".
        if let Some(rest) = run.strip_prefix("or").filter(|rest| !rest.is_empty() && self.after_operand()) {
            self.at = start + 2;
            self.word("or", Word::Or, start);
            debug_assert!(self.source[self.at..].starts_with(rest));
            return;
        }
        if !is_product(run, is_upright) {
            return self.unknown();
        }
        for index in 0..run.len() {
            self.single(&run[index..=index]);
        }
    }

    /// True where the letters at `start` stand directly behind digits, as in 5th, and before no argument.
    fn ends_ordinal(&self, start: usize) -> bool {
        matches!(self.out.tokens.last(), Some(Token::Number(_)))
            && self.source[..start]
                .trim_end_matches("\\text{")
                .trim_end_matches("\\mathrm{")
                .ends_with(|c: char| c.is_ascii_digit())
            && !self.next_is_operand()
    }

    fn unknown(&mut self) {
        self.fault("holds a word whose meaning is not known");
    }

    /// The unit that a run of letters behind a value is the symbol of.
    fn unit_symbol(&self, run: &str) -> Option<Unit> {
        let after = self.after_operand() || self.beside.is_per || self.beside.unit_power.is_some();
        if !after || !(self.is_upright() || run.len() > 2 || run == "in" || PLAIN_UNITS.contains(&run)) {
            return None;
        }
        let unit = vocabulary::unit(run)?;
        let is_other = match run {
            "in" => self.next_is_word() || self.next_is_set(),
            // Secant and minimum take an argument.
            "sec" | "min" => self.next_is_operand(),
            _ => false,
        };
        (!is_other).then_some(unit)
    }

    /// True for a word where it may stand: outside of upright type, a short run is more often a product of names.
    fn is_word(&self, word: Word, run: &str, is_spaced: bool) -> bool {
        if self.is_upright() || run.len() > MAX_PRODUCT {
            return true;
        }
        match word {
            Word::And | Word::Or | Word::Percent | Word::Infinity | Word::Undefined => true,
            Word::Condition | Word::Cardinal(_) | Word::Per => is_spaced,
            Word::Degree | Word::Noun | Word::Unit(_) => is_spaced && self.after_operand(),
            Word::Label | Word::Filler | Word::Equals => is_spaced && run.len() == MAX_PRODUCT,
            _ => false,
        }
    }

    /// True where a word of running text follows.
    fn next_is_word(&self) -> bool {
        let rest = self.source[self.at..].trim_start_matches([' ', '~']);
        rest.len() < self.source.len() - self.at && rest.bytes().take(2).filter(u8::is_ascii_alphabetic).count() == 2
    }

    /// True where a set follows, as behind "in" for `∈`.
    fn next_is_set(&self) -> bool {
        let rest = self.source[self.at..].trim_start_matches([' ', '~', '}']);
        rest.starts_with(['(', '[', '{', 'Z', 'N', 'R', 'Q']) || rest.starts_with("\\mathbb") || rest.starts_with("\\{")
    }

    /// True where an operand follows.
    pub(super) fn next_is_operand(&self) -> bool {
        let rest = self.source[self.at..].trim_start_matches([' ', '~', '}']);
        let is_font = ["\\text", "\\mathrm", "\\quad", "\\right", "\\,", "\\;", "\\ ", "\\}", "\\)", "\\]"];
        rest.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '(' | '{'))
            || (rest.starts_with('\\') && !is_font.iter().any(|font| rest.starts_with(font)))
    }

    /// A name of one letter.
    fn single(&mut self, letter: &str) {
        match letter {
            "e" => self.emit(Token::Constant(Constant::E)),
            "i" => self.emit(Token::Constant(Constant::I)),
            _ => self.variable(letter),
        }
    }
}

/// True for letters that are a product of names or the name of a figure: few, or points, or in the order of the
/// alphabet and without its vowels.
fn is_product(run: &str, is_upright: bool) -> bool {
    let is_points = run.len() <= 8 && run.bytes().all(|byte| byte.is_ascii_uppercase());
    if is_upright || run.len() <= MAX_PRODUCT {
        return is_points || !is_upright;
    }
    let ascends = run.as_bytes().windows(2).all(|pair| pair[0] < pair[1]);
    is_points || (ascends && !run.contains(['e', 'i', 'o', 'u']))
}
