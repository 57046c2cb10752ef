//! Numbers that may be off by a tolerance, alone or member by member of a list.

use super::reading;
use super::value::Value;
use crate::evaluation::Evaluator;
use crate::expression::Expression;
use crate::sides::Sides;

/// Rounding of a difference of decimals, by which a tolerance is exceeded without the answer's fault: 4.7 - 4.6.
const SLACK: f64 = 1.0 + 1e-9;

/// True where both answers are real numbers, or lists of as many, that differ by at most `tolerance`. Members of lists
/// are paired by size.
pub(crate) fn is_within(answers: Sides<&Expression>, tolerance: f64) -> bool {
    let evaluators = answers.map(|answer| Evaluator::new(answer, None));
    let reals = |evaluator| reading::read(evaluator).ok().as_ref().and_then(reals);
    let Sides { gold: Some(golds), completion: Some(found) } = evaluators.as_ref().map(reals) else { return false };
    golds.len() == found.len()
        && golds.iter().zip(&found).all(|(gold, found)| (gold - found).abs() <= tolerance * SLACK)
}

/// The finite real numbers that a value is, in ascending order.
fn reals(value: &Value<'_>) -> Option<Vec<f64>> {
    let mut reals = match value {
        Value::List { items, .. } => items.iter().map(|item| item.scalar()?.real()).collect::<Option<Vec<f64>>>()?,
        value => vec![value.scalar()?.real()?],
    };
    reals.sort_by(f64::total_cmp);
    reals.iter().all(|real| real.is_finite()).then_some(reals)
}
