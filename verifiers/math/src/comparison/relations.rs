//! Equations and chains of relations, as wholes.

use super::operand::{self, Operand};
use super::outcome::{Outcome, worse};
use crate::expression::Relation;
use crate::{MathPolicy, Stage};

/// Compares equations, which are the same where they are multiples of one another.
pub(super) fn same_equation(a: [Operand<'_>; 2], b: [Operand<'_>; 2]) -> Outcome {
    let same = |x, y| matches!(operand::same_value(x, y), Outcome::Equal(_));
    if same(a[0], b[0]) && same(a[1], b[1]) || same(a[0], b[1]) && same(a[1], b[0]) {
        return Outcome::Equal(Stage::Identity);
    }
    Outcome::decided(operand::constant_ratio(a, b).is_some(), Stage::Numeric)
}

/// Compares chains: member by member, from either end, and a single inequality as a multiple of the other.
pub(super) fn same_relation(
    a: &[Operand<'_>],
    r: &[Relation],
    b: &[Operand<'_>],
    s: &[Relation],
    policy: &MathPolicy,
) -> Outcome {
    let pairwise = |a: &mut dyn Iterator<Item = Operand<'_>>, b: &[Operand<'_>]| {
        a.zip(b).fold(Outcome::Equal(Stage::Exact), |result, (x, y)| worse(result, operand::compare(x, *y, policy)))
    };
    let mut outcome = Outcome::NotEqual(Stage::Structure);
    if r == s {
        outcome = pairwise(&mut a.iter().copied(), b);
    }
    let is_flipped = r.iter().rev().map(|relation| relation.flipped()).eq(s.iter().copied());
    if !matches!(outcome, Outcome::Equal(_)) && is_flipped {
        outcome = pairwise(&mut a.iter().rev().copied(), b);
    }
    if let (false, [x, y], [z, w], [r], [s]) = (matches!(outcome, Outcome::Equal(_)), a, b, r, s)
        && let Some(ratio) = operand::constant_ratio([*x, *y], [*z, *w])
    {
        let relation = if ratio > 0.0 { *r } else { r.flipped() };
        outcome = Outcome::decided(relation == *s, Stage::Numeric);
    }
    outcome
}
