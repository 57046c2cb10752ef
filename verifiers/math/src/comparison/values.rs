//! Values by their kinds: lists, tuples, matrices and regions come down to pairs of numbers.

use super::outcome::Outcome;
use super::relations::{same_equation, same_relation};
use super::value::Value;
use super::{operand, region};
use crate::expression::Bracket;
use crate::{MathPolicy, Stage};

/// Most pairs of members that are compared; a pair that is compared at points counts [`POINTS_COST`] more.
const MAX_PAIRS: usize = 20_000;

/// Cost of a comparison at points, beside 1 for an exact one.
const POINTS_COST: usize = 20;

/// A comparison under a policy, with a count of the pairs that it has compared.
pub(super) struct Comparison<'p> {
    policy: &'p MathPolicy,
    num_pairs: usize,
}

impl<'p> Comparison<'p> {
    pub(super) fn new(policy: &'p MathPolicy) -> Self {
        Self { policy, num_pairs: 0 }
    }

    /// True once no more pairs are compared.
    pub(super) fn is_spent(&self) -> bool {
        self.num_pairs > MAX_PAIRS
    }

    /// Compares two values of any kind.
    pub(super) fn values<'e>(&mut self, gold: &Value<'e>, completion: &Value<'e>) -> Outcome {
        use Value::*;
        let different = Outcome::NotEqual(Stage::Structure);
        self.num_pairs += 1;
        if self.is_spent() {
            return Outcome::TooLarge;
        }
        match (gold, completion) {
            (Scalar(a), Scalar(b)) => {
                let outcome = operand::compare(*a, *b, self.policy);
                if !matches!(outcome, Outcome::Equal(Stage::Exact) | Outcome::NotEqual(Stage::Exact)) {
                    self.num_pairs += POINTS_COST;
                }
                outcome
            }
            (Modulo { value: a, modulus: m }, Modulo { value: b, modulus: n }) => {
                let moduli = operand::same_value(*m, *n);
                self.all([moduli].into_iter(), [(&**a, &**b)].into_iter())
            }
            (Modulo { value, .. }, other) => self.values(value, other),
            (other, Modulo { value, .. }) => self.values(other, value),
            (Named { name: n, value: a }, Named { name: m, value: b }) => {
                let outcome = self.values(a, b);
                match (outcome, a.scalar(), b.scalar()) {
                    (Outcome::NotEqual(_), Some(a), Some(b)) => same_equation([*n, a], [*m, b]),
                    _ => outcome,
                }
            }
            (Equation(a), Equation(b)) => same_equation(*a, *b),
            (Equation(a), Named { name, value }) => match value.scalar() {
                Some(value) => same_equation(*a, [*name, value]),
                None => different,
            },
            (Named { name, value }, Equation(b)) => match value.scalar() {
                Some(value) => same_equation([*name, value], *b),
                None => different,
            },
            (Region(_), _) | (_, Region(_)) => match (gold.region(), completion.region()) {
                (Some(a), Some(b)) => region::compare(&a, &b, self.policy),
                _ => different,
            },
            (Named { value, .. }, other) => self.values(value, other),
            (other, Named { value, .. }) => self.values(other, value),
            (List { is_set: a, .. }, List { is_set: b, .. }) if a != b && !self.policy.sets_as_lists => different,
            (List { items: a, is_ordered, is_set }, List { items: b, is_ordered: other, is_set: other_set }) => {
                let is_ordered = *is_ordered || *other || !self.policy.lists_unordered;
                let outcome = self.lists(a, b, is_ordered);
                if !matches!(outcome, Outcome::NotEqual(_)) || is_ordered || !(*is_set || *other_set) {
                    return outcome;
                }
                // An element that is written twice is in the set once.
                let (once_a, once_b) = (self.once(a, *is_set), self.once(b, *other_set));
                let is_shorter = once_a.len() < a.len() || once_b.len() < b.len();
                if is_shorter { self.lists(&once_a, &once_b, false) } else { outcome }
            }
            (List { is_set: true, .. }, Tuple { .. }) | (Tuple { .. }, List { is_set: true, .. }) => different,
            (List { items: a, .. }, Tuple { open, close, items: b })
            | (Tuple { open, close, items: a }, List { items: b, .. }) => {
                let may_be_point = a.len() != 2 || (*open, *close) == (Bracket::Round, Bracket::Round);
                if may_be_point { self.ordered(a, b) } else { different }
            }
            (List { items, .. }, other) => match items.as_slice() {
                [single] => self.values(single, other),
                _ => match other {
                    Matrix { rows, columns, items: b } if *rows == 1 || *columns == 1 => self.ordered(items, b),
                    _ => different,
                },
            },
            (other, List { items, .. }) => match items.as_slice() {
                [single] => self.values(other, single),
                _ => match other {
                    Matrix { rows, columns, items: a } if *rows == 1 || *columns == 1 => self.ordered(a, items),
                    _ => different,
                },
            },
            (Tuple { open: o, close: c, items: a }, Tuple { open: p, close: d, items: b }) => {
                if a.len() == 2 && (o != p || c != d) {
                    return different;
                }
                self.ordered(a, b)
            }
            (Matrix { rows: r, columns: c, items: a }, Matrix { rows: s, columns: d, items: b }) => {
                if r != s || c != d { different } else { self.ordered(a, b) }
            }
            (Matrix { rows, columns, items: a }, Tuple { items: b, .. })
            | (Tuple { items: a, .. }, Matrix { rows, columns, items: b })
                if *rows == 1 || *columns == 1 =>
            {
                self.ordered(a, b)
            }
            (SetBuilder(a), SetBuilder(b)) => self.all([].into_iter(), a.iter().zip(b.iter())),
            (Relation { members: a, relations: r }, Relation { members: b, relations: s }) => {
                same_relation(a, r, b, s, self.policy)
            }
            _ => different,
        }
    }
}
