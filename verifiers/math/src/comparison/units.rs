//! Units: a missing one is the policy's, different ones of a kind are converted.

use super::outcome::Outcome;
use crate::expression::{Binary, Expression, Id, Node};
use crate::sides::Sides;
use crate::unit::Unit;
use crate::{MathPolicy, Stage};

/// The decision that the units of two numbers come to.
pub(super) enum Units {
    /// They say nothing: the values decide.
    Agree,
    /// The values differ in size: the gold's times the first and the completion's times the second must be the same.
    Convert(f64, f64),
    Decided(Outcome),
}

/// Looks at the units of two numbers.
pub(super) fn compare(numbers: Sides<(&Expression, Id)>, policy: &MathPolicy) -> Units {
    if numbers.both(|(expression, _)| expression.units.is_empty()) {
        return Units::Agree;
    }
    let different = Units::Decided(Outcome::NotEqual(Stage::Structure));
    let units = match (of(numbers.gold), of(numbers.completion)) {
        (Ok(gold), Ok(completion)) => Sides { gold, completion },
        (Err(()), _) => return Units::Decided(Outcome::GoldNotComputed),
        (_, Err(())) => return Units::Decided(Outcome::CompletionNotComputed),
    };
    match (units.gold, units.completion) {
        (Some(a), Some(b)) if !a.agrees(b) => different,
        (Some(a), Some(b)) => {
            let ratio = a.ratio(b);
            if (ratio - 1.0).abs() < 1e-12 { Units::Agree } else { Units::Convert(ratio, 1.0) }
        }
        (Some(unit), None) | (None, Some(unit)) => {
            let is_optional = if unit.is_currency() { policy.currency_optional } else { policy.units_optional };
            if is_optional { Units::Agree } else { different }
        }
        (None, None) => Units::Agree,
    }
}

/// The unit of a number; an error where units stand in more than one place, and not in a sum of quantities of one unit.
fn of((expression, id): (&Expression, Id)) -> Result<Option<Unit>, ()> {
    let mut units = expression.units_of(id);
    let Some(first) = units.next() else { return Ok(None) };
    let mut num_units = 1;
    for unit in units {
        if unit != first {
            return Err(());
        }
        num_units += 1;
    }
    let has = |id: Id| expression.units_of(id).next().is_some();
    let range = expression.first[id as usize] as usize..=id as usize;
    let is_product = num_units > 1
        && expression.nodes[range].iter().any(|node| {
            matches!(node, Node::Binary(operator, a, b)
            if !matches!(operator, Binary::Add | Binary::Sub) && has(*a) && has(*b))
        });
    if is_product { Err(()) } else { Ok(Some(first)) }
}
