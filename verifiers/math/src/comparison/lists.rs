//! Lists: members that are compared in order, or matched in any order.

use std::collections::HashSet;

use super::operand;
use super::outcome::{Outcome, worse};
use super::value::Value;
use super::values::Comparison;
use crate::Stage;
use crate::expression::Node;

impl Comparison<'_> {
    /// Equal where all known outcomes and all pairs are.
    pub(super) fn all<'v, 'e: 'v>(
        &mut self,
        known: impl Iterator<Item = Outcome>,
        pairs: impl Iterator<Item = (&'v Value<'e>, &'v Value<'e>)>,
    ) -> Outcome {
        let mut result = Outcome::Equal(Stage::Exact);
        for outcome in known {
            result = worse(result, outcome);
        }
        for (a, b) in pairs {
            if matches!(result, Outcome::NotEqual(_)) {
                break;
            }
            result = worse(result, self.values(a, b));
        }
        result
    }

    /// Compares members in their order.
    pub(super) fn ordered(&mut self, a: &[Value<'_>], b: &[Value<'_>]) -> Outcome {
        if a.len() != b.len() {
            return Outcome::NotEqual(Stage::Structure);
        }
        self.all([].into_iter(), a.iter().zip(b))
    }

    /// Compares members in any order, unless `is_ordered` or their names say otherwise.
    pub(super) fn lists<'e>(&mut self, a: &[Value<'e>], b: &[Value<'e>], is_ordered: bool) -> Outcome {
        // Points are solutions: one that is written twice is one.
        let is_points = |items: &[Value<'_>]| items.iter().all(|item| matches!(item, Value::Tuple { .. }));
        if a.len() != b.len() {
            if is_ordered || !is_points(a) || !is_points(b) {
                return Outcome::NotEqual(Stage::Structure);
            }
            return worse(self.contains_all(a, b), self.contains_all(b, a));
        }
        let has_names = |items: &[Value<'_>]| items.iter().all(|item| matches!(item, Value::Named { .. }));
        if is_ordered || has_names(a) != has_names(b) && same_order_matters(a, b) {
            return self.ordered(a, b);
        }
        let named = has_names(a) && has_names(b);
        let mut rest: Vec<&Value<'e>> = b.iter().collect();
        let mut result = Outcome::Equal(Stage::Exact);
        for item in a {
            let mut undecided = None;
            let found = rest.iter().position(|other| {
                // A name that stands on both sides is compared with itself alone.
                if named && !may_share_name(item, other, a, b) {
                    return false;
                }
                let outcome = self.values(item, other);
                match outcome {
                    Outcome::Equal(_) => result = worse(result, outcome),
                    Outcome::NotEqual(_) => {}
                    other => undecided = undecided.or(Some(other)),
                }
                matches!(outcome, Outcome::Equal(_))
            });
            match found {
                Some(at) => drop(rest.swap_remove(at)),
                None => return undecided.unwrap_or(Outcome::NotEqual(Stage::Structure)),
            }
        }
        result
    }

    /// The members of a set without those that are written again; of a list that is no set, all.
    pub(super) fn once<'e>(&mut self, items: &[Value<'e>], is_set: bool) -> Vec<Value<'e>> {
        let mut once: Vec<Value<'e>> = Vec::with_capacity(items.len());
        for item in items {
            if !is_set
                || self.is_spent()
                || !once.iter().any(|known| matches!(self.values(known, item), Outcome::Equal(_)))
            {
                once.push(item.clone());
            }
        }
        once
    }

    /// Equal where each of `items` is among `others`.
    fn contains_all<'e>(&mut self, items: &[Value<'e>], others: &[Value<'e>]) -> Outcome {
        let mut result = Outcome::Equal(Stage::Exact);
        for item in items {
            let best = others
                .iter()
                .map(|other| self.values(item, other))
                .find(|outcome| matches!(outcome, Outcome::Equal(_)));
            result = worse(result, best.unwrap_or(Outcome::NotEqual(Stage::Structure)));
        }
        result
    }
}

/// True where every member of a list has a name of its own, as in `a=1, b=2`: beside `1, 2` only the order pairs them.
fn same_order_matters(a: &[Value<'_>], b: &[Value<'_>]) -> bool {
    let distinct = |items: &[Value<'_>]| {
        let names: Vec<u64> = items
            .iter()
            .filter_map(|item| match item {
                Value::Named { name, .. } => match name.expression().node(name.id) {
                    Node::Variable(name) => Some(name),
                    _ => None,
                },
                _ => None,
            })
            .collect();
        let unique: HashSet<_> = names.iter().collect();
        !names.is_empty() && names.len() == items.len() && unique.len() == names.len()
    };
    distinct(a) || distinct(b)
}

/// True where two named members may be matched: they have one name, or neither name stands on the other side.
fn may_share_name(item: &Value<'_>, other: &Value<'_>, a: &[Value<'_>], b: &[Value<'_>]) -> bool {
    let is_name = |x: &Value<'_>, y: &Value<'_>| match (x, y) {
        (Value::Named { name: x, .. }, Value::Named { name: y, .. }) => {
            matches!(operand::same_value(*x, *y), Outcome::Equal(_))
        }
        _ => false,
    };
    is_name(item, other) || !(b.iter().any(|y| is_name(item, y)) || a.iter().any(|x| is_name(x, other)))
}
