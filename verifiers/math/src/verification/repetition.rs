//! Repetition: does an answer that equals the gold only say again what stands in the question?
//!
//! Numbers where the gold is a number, names, choices, words and times of day may stand in a question and be its
//! answer. Anything else that stands in it must be written as the gold is, up to spaces, fonts, brackets and order.

use super::shape::shapes;
use crate::expression::{Expression, Function, Id, Node, Relation};
use crate::time_of_day::TimeOfDay;
use crate::{MathConfig, extraction, notation, text};

/// Longest formula of a question that is read, in bytes.
const LONGEST_FORMULA: usize = 1_000;

/// An answer as text, and as it was parsed.
pub(super) struct Written<'a> {
    squeezed: String,
    expression: Option<&'a Expression>,
    shapes: Vec<u64>,
}

impl<'a> Written<'a> {
    pub(super) fn new(answer: &str, expression: Option<&'a Expression>) -> Self {
        Self { squeezed: squeeze(answer), expression, shapes: expression.map(shapes).unwrap_or_default() }
    }

    /// The nodes that state the answer: the root, and the last side of an equation.
    fn sides(&self) -> impl Iterator<Item = Id> + '_ {
        let root = self.expression.map(|expression| expression.root);
        root.into_iter().chain(self.expression.and_then(last_side))
    }

    fn shape(&self, id: Id) -> u64 {
        self.shapes[id as usize]
    }

    /// True where the answer is written as `gold` is.
    fn is_written_as(&self, gold: &Self) -> bool {
        if unbracketed(&self.squeezed) == unbracketed(&gold.squeezed) {
            return true;
        }
        let (Some(mine), Some(other)) = (self.expression, gold.expression) else { return false };
        // Numbers in another base, and repeating decimals, are numbers of the same shape.
        let is_special = |written: &Self| written.squeezed.contains('_') || written.squeezed.contains("\\overline");
        if is_special(self) != is_special(gold) || is_special(self) && matches!(mine.node(mine.root), Node::Number(_)) {
            return false;
        }
        // An equation is as the gold is only where the gold is one too, or where it is new.
        let mine = (peeled(mine, mine.root), last_side(mine).map(|id| peeled(mine, id)));
        let other = (peeled(other, other.root), last_side(other).map(|id| peeled(other, id)));
        let same = |a: Id, b: Id| self.shape(a) == gold.shape(b);
        same(mine.0, other.0) || mine.1.is_none() && other.1.is_some_and(|other| same(mine.0, other))
    }

    /// True where the last side of the answer is written as the last side of `gold`.
    fn ends_as(&self, gold: &Self) -> bool {
        let (Some(mine), Some(other)) = (self.expression, gold.expression) else { return false };
        let end = |expression| last_side(expression).unwrap_or(expression.root);
        self.shape(peeled(mine, end(mine))) == gold.shape(peeled(other, end(other)))
    }
}

/// True where the text of the answer stands in the question, and is written otherwise than the gold.
pub(super) fn stands_in(question: &str, answer: &Written<'_>, gold: &Written<'_>) -> bool {
    if answer.is_written_as(gold) {
        return false;
    }
    if let (Some(letter), Some(other)) = (only_letter(&answer.squeezed), only_letter(&gold.squeezed)) {
        // `c` is a name of the question's, and no choice (C).
        return letter != other && extraction::formulas(question).iter().any(|formula| squeeze(formula) == letter);
    }
    if is_plain(answer, gold) {
        return false;
    }
    let question = squeeze(question);
    contains(&question, &answer.squeezed) || end_stands_in(&question, answer, gold)
}

/// True where the last side of an equation stands in the squeezed question, and is not the gold's.
fn end_stands_in(question: &str, answer: &Written<'_>, gold: &Written<'_>) -> bool {
    let Some(expression) = answer.expression else { return false };
    let (Some(end), Some((_, text))) = (last_side(expression), answer.squeezed.rsplit_once('=')) else { return false };
    !is_plain_node(expression, end) && !answer.ends_as(gold) && contains(question, text)
}

/// The letter that an answer consists of, in brackets or not.
fn only_letter(squeezed: &str) -> Option<&str> {
    text::letter(squeezed).map(|_| squeezed.trim_matches(|c: char| !c.is_alphabetic()))
}

/// True where the question holds a formula, or a part of one, of the answer's shape, and the gold has another.
pub(super) fn has_shape_in(question: &str, answer: &Written<'_>, gold: &Written<'_>, config: &MathConfig) -> bool {
    let Some(expression) = answer.expression else { return false };
    if answer.is_written_as(gold) || is_plain(answer, gold) {
        return false;
    }
    let mut asked: Vec<u64> = Vec::new();
    let formulas = extraction::formulas(question);
    for formula in formulas.iter().filter(|formula| formula.len() <= LONGEST_FORMULA) {
        if let Ok(formula) = notation::parse(formula, config.max_digits) {
            asked.extend(shapes(&formula));
        }
    }
    let is_asked = |id: Id| asked.contains(&answer.shape(id));
    let whole = answer.sides().enumerate().any(|(at, id)| {
        // The end of an equation repeats nothing where it is the gold.
        is_asked(id) && !is_plain_node(expression, id) && (at == 0 || !answer.ends_as(gold))
    });
    let members = match expression.node(expression.root) {
        Node::List(_, items) | Node::Set(items) => expression.members(items),
        _ => &[],
    };
    let all_members = !members.is_empty()
        && members.iter().all(|id| is_asked(*id))
        && members.iter().any(|id| !is_plain_node(expression, *id));
    whole || all_members
}

/// True for a name, a choice, words, a time of day, and for a whole or decimal number where the gold is one too: 0.15
/// is no answer where it is to be written as a fraction.
fn is_plain(answer: &Written<'_>, gold: &Written<'_>) -> bool {
    let text = &answer.squeezed;
    if text::letter(text).is_some() || text::words(text).is_some() || TimeOfDay::read(text).is_some() {
        return true;
    }
    let is_number = |written: &Written<'_>| {
        let Some(expression) = written.expression else { return false };
        let end = last_side(expression).unwrap_or(expression.root);
        expression.units.is_empty() && !written.squeezed.contains('_') && is_plain_node(expression, end)
    };
    let is_whole = answer.expression.is_some_and(|expression| is_plain_node(expression, expression.root));
    is_whole && is_number(answer) && is_number(gold)
}

fn is_plain_node(expression: &Expression, mut id: Id) -> bool {
    while let Node::Negate(inner) = expression.node(id) {
        id = inner;
    }
    match expression.node(id) {
        Node::Number(at) => {
            let literal = expression.literals[at as usize];
            // A mixed number is no plain one; a long one has no digits in it.
            literal.digits.is_some() || literal.decimal.is_some() || literal.exact.is_none()
        }
        Node::Variable(_) | Node::Constant(_) => true,
        _ => false,
    }
}

/// The last side of an equation.
fn last_side(expression: &Expression) -> Option<Id> {
    let Node::Chain(items, start) = expression.node(expression.root) else { return None };
    let members = expression.members(items);
    let relations = &expression.relations[start as usize..][..members.len() - 1];
    let is_named = relations.iter().all(|relation| matches!(relation, Relation::Equal | Relation::In));
    is_named.then(|| members[members.len() - 1])
}

/// The number without its percent and degree signs.
fn peeled(expression: &Expression, mut id: Id) -> Id {
    while let Node::Call(Function::Percent | Function::Degree, inner) = expression.node(id) {
        id = inner;
    }
    id
}

/// The text without the brackets around all of it.
fn unbracketed(squeezed: &str) -> &str {
    let inner = squeezed.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    inner.filter(|inner| !inner.contains(['(', ')', ','])).unwrap_or(squeezed)
}

/// A text without spaces, fonts and braces, with one sign of multiplication.
fn squeeze(text: &str) -> String {
    let canonical = text::canonical(text).replace("\\cdot", "*").replace("\\times", "*");
    canonical
        .chars()
        .filter(|c| !matches!(c, '{' | '}' | ' '))
        .map(|c| if matches!(c, '×' | '·' | '⋅') { '*' } else { c })
        .collect()
}

/// True where `text` holds `part`, and the digits at its ends do not go on.
fn contains(text: &str, part: &str) -> bool {
    if part.is_empty() {
        return false;
    }
    let is_digit = |c: char| c.is_ascii_digit();
    let (opens, closes) = (part.starts_with(is_digit), part.ends_with(is_digit));
    text.match_indices(part).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + part.len()..]);
        let goes_on = after.starts_with(is_digit)
            || after.strip_prefix(['.', ',']).is_some_and(|rest| rest.starts_with(is_digit));
        !(opens && before.ends_with(|c: char| c.is_ascii_digit() || c == '.') || closes && goes_on)
    })
}
