//! Units: a missing one is the policy's, different ones of a kind are converted.

use super::outcome::Outcome;
use super::value::Value;
use crate::sides::Sides;
use crate::{MathPolicy, Stage};

/// The outcome with the units of both answers taken into account; `outcome` is that of their values.
pub(super) fn compare(values: Sides<&Value<'_>>, outcome: Outcome, policy: &MathPolicy) -> Outcome {
    let (Some(g), Some(c)) = (values.gold.scalar(), values.completion.scalar()) else { return outcome };
    match (g.expression().unit, c.expression().unit) {
        (Some(a), Some(b)) if a.dimension != b.dimension => Outcome::NotEqual(Stage::Structure),
        (Some(a), Some(b)) if (a.scale - b.scale).abs() > 1e-12 * a.scale => match (g.real(), c.real()) {
            (Some(x), Some(y)) => {
                let (x, y) = (x * a.scale, y * b.scale);
                Outcome::decided((x - y).abs() <= 1e-9 * x.abs(), Stage::Numeric)
            }
            _ => outcome,
        },
        (Some(unit), None) | (None, Some(unit)) => {
            let is_optional = if unit.is_currency() { policy.currency_optional } else { policy.units_optional };
            if is_optional { outcome } else { Outcome::NotEqual(Stage::Structure) }
        }
        _ => outcome,
    }
}
