//! Answers that are decided by what they mean: both are read, then their values are compared.

use super::equation::{self, Worth};
use super::judgement::Judgement;
use crate::comparison::{self, Outcome};
use crate::expression::{Expression, Node};
use crate::sides::{Side, Sides};
use crate::unreadable::Unreadable;
use crate::{MathConfig, Stage, notation, text};

/// Judges two answers; `words` are those of answers that are words and nothing else.
pub(super) fn judge(answers: Sides<&str>, words: Sides<Option<&str>>, config: &MathConfig) -> Judgement {
    let read = answers.map(|answer| notation::parse(text::without_range(answer), config.max_digits));
    let is_prose = |words: Option<&str>, read: &Result<Expression, Unreadable>| {
        let states_no_number =
            |expression: &Expression| !expression.words.is_empty() && !expression.has_numbers(expression.root);
        words.is_some() && read.as_ref().map_or(true, states_no_number)
    };
    let prose = words.zip(read.as_ref()).map(|(words, read)| is_prose(words, read));
    if prose.gold || (prose.completion && read.gold.is_ok()) {
        return Judgement::decided(false, Stage::Text);
    }
    let mut expressions = match (read.gold, read.completion) {
        (Err(why), _) => return Judgement::unreadable(Side::Gold, why),
        (_, Err(why)) => return Judgement::unreadable(Side::Completion, why),
        (Ok(gold), Ok(completion)) => Sides { gold, completion },
    };
    match equation::worth(&expressions.gold, &expressions.completion) {
        Worth::Whole => {}
        Worth::Side(last) => expressions.completion.root = last,
        Worth::Nothing => return Judgement::decided(false, Stage::Structure),
    }
    let expressions = expressions.as_ref();
    if !expressions.gold.counts_as(expressions.completion) {
        return Judgement::decided(false, Stage::Text);
    }
    match comparison::compare(expressions, &config.policy) {
        // A gold that can be computed is not to blame for an answer that has no kind to compare it with.
        Ok(Outcome::GoldNotComputed) if !has_opaque(expressions.gold) => {
            Judgement::unreadable(Side::Completion, Unreadable::Notation("could not be compared"))
        }
        Ok(outcome) => Judgement::of_outcome(outcome),
        Err((side, why)) => Judgement::unreadable(side, why),
    }
}

/// True for an answer with a part that is compared but not computed.
fn has_opaque(expression: &Expression) -> bool {
    expression.nodes.iter().any(|node| matches!(node, Node::Opaque(..)))
}

/// Judges canonical texts once more with the comma of one read as the point of the other, 2,74 for 2.74; none unless
/// they are equal that way. A gold with a comma is a list unless it begins with "0,".
pub(super) fn judge_decimal_comma(texts: Sides<&str>, config: &MathConfig) -> Option<Judgement> {
    let Sides { gold, completion } = texts;
    let equal = |gold: &str, completion: &str| {
        let no_words = Sides { gold: None, completion: None };
        Some(judge(Sides { gold, completion }, no_words, config)).filter(Judgement::is_equal)
    };
    if completion.contains('.')
        && gold.starts_with("0,")
        && let Some(gold) = text::with_decimal_point(gold)
        && let Some(judgement) = equal(&gold, completion)
    {
        return Some(judgement);
    }
    if !gold.contains('.') {
        return None;
    }
    equal(gold, &text::with_decimal_point(completion)?)
}
