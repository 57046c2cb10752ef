//! Values of an expression: exact, modulo primes at a random point, or in floating point at points of several signs.
//!
//! Each evaluation is one loop over all nodes in order, so that a list's members share their work, and runs when a
//! value of its kind is first asked for. Nodes that are no numbers, and numbers that it cannot compute, have no value.

mod exact;
mod identity;
mod numeric;
mod sign;

use std::cell::OnceCell;

pub(crate) use self::identity::Image;
pub(crate) use self::numeric::NUM_POINTS;
use self::numeric::Point;
pub(crate) use self::sign::Sign;
use super::arithmetic::{Complex, Rational};
use super::expression::{Expression, Id, Node};
use super::name::Renaming;

/// Most nodes of an expression that is computed at points: each node costs a function call at every point.
const MAX_NUMERIC_NODES: usize = 2_000;

/// An expression with the values that were computed of it.
pub(crate) struct Evaluator<'a> {
    pub(crate) expression: &'a Expression,
    renaming: Option<Renaming>,
    values: [Values; 2],
}

#[derive(Default)]
struct Values {
    exact: OnceCell<Vec<Option<Rational>>>,
    identity: OnceCell<Vec<Option<Image>>>,
    numeric: [OnceCell<Vec<Option<Complex>>>; NUM_POINTS],
}

impl<'a> Evaluator<'a> {
    pub(crate) fn new(expression: &'a Expression, renaming: Option<Renaming>) -> Self {
        Self { expression, renaming, values: Default::default() }
    }

    /// The exact value of a node.
    pub(crate) fn exact(&self, id: Id, sign: Sign) -> Option<Rational> {
        self.exact_values(sign)[id as usize]
    }

    fn exact_values(&self, sign: Sign) -> &[Option<Rational>] {
        self.values[sign as usize].exact.get_or_init(|| exact::evaluate(self.expression, sign, None))
    }

    /// The exact values under `id` with every name standing for `value`.
    pub(crate) fn exact_at(&self, id: Id, value: Rational) -> Option<Rational> {
        exact::evaluate(self.expression, Sign::Upper, Some(value))[id as usize]
    }

    /// The value of a node at a random point modulo the primes.
    pub(crate) fn identity(&self, id: Id, sign: Sign) -> Option<Image> {
        let values = &self.values[sign as usize].identity;
        values.get_or_init(|| identity::evaluate(self.expression, self.exact_values(sign), sign, self.renaming))
            [id as usize]
    }

    /// The value of a node at one of the points; none in an expression of too many nodes.
    pub(crate) fn numeric(&self, id: Id, sign: Sign, point: usize) -> Option<Complex> {
        if self.expression.nodes.len() > MAX_NUMERIC_NODES {
            return None;
        }
        let values = &self.values[sign as usize].numeric[point];
        let evaluate = || {
            numeric::evaluate(
                self.expression,
                self.exact_values(sign),
                sign,
                Point { index: point, renaming: self.renaming },
            )
        };
        values.get_or_init(evaluate)[id as usize]
    }

    /// The names under a node, renamed and sorted.
    pub(crate) fn names(&self, id: Id) -> Vec<u64> {
        let mut names = self.expression.names(id);
        let Some(renaming) = self.renaming else { return names };
        names.iter_mut().for_each(|name| *name = renaming.apply(*name));
        names.sort_unstable();
        names.dedup();
        names
    }

    /// True where a term that cannot be computed stands under a node.
    pub(crate) fn has_opaque(&self, id: Id) -> bool {
        self.expression.subtree(id).any(|node| matches!(node, Node::Opaque(..)))
    }
}
