//! What an expression is worth: exactly, modulo primes at a random point, or in floating point at points of several signs.
//!
//! Each is one loop over all nodes in order, so that a list's members share their work, and what is not asked for is never
//! computed. Nodes that are no numbers, and numbers that cannot be had this way, have no value.

mod exact;
mod identity;
mod numeric;

use std::cell::OnceCell;

pub(crate) use identity::Image;
pub(crate) use numeric::{NUM_POINTS, Point};

use super::arithmetic::{Complex, Rational};
use super::expression::{Expression, Id, Node};

/// Nodes of an expression that is computed at points: each costs a function call at every point.
const MAX_NUMERIC_NODES: usize = 2_000;

/// How `±` is read: as plus with `∓` as minus, or the other way around.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    Upper,
    Lower,
}

/// An expression with what was computed of it.
pub(crate) struct Evaluator<'a> {
    pub expression: &'a Expression,
    /// `(from, to)`: a name that is read as another.
    renamed: Option<(u64, u64)>,
    values: [Values; 2],
}

#[derive(Default)]
struct Values {
    exact: OnceCell<Vec<Option<Rational>>>,
    identity: OnceCell<Vec<Option<Image>>>,
    numeric: [OnceCell<Vec<Option<Complex>>>; NUM_POINTS],
}

impl<'a> Evaluator<'a> {
    pub fn new(expression: &'a Expression, renamed: Option<(u64, u64)>) -> Self {
        Self { expression, renamed, values: Default::default() }
    }

    /// The exact value of a node.
    pub fn exact(&self, id: Id, sign: Sign) -> Option<Rational> {
        self.exact_values(sign)[id as usize]
    }

    fn exact_values(&self, sign: Sign) -> &[Option<Rational>] {
        self.values[sign as usize].exact.get_or_init(|| exact::evaluate(self.expression, sign, None))
    }

    /// The exact values under `id` with every name standing for `value`.
    pub fn exact_at(&self, id: Id, value: Rational) -> Option<Rational> {
        exact::evaluate(self.expression, Sign::Upper, Some(value))[id as usize]
    }

    /// The value of a node at a random point modulo the primes.
    pub fn identity(&self, id: Id, sign: Sign) -> Option<Image> {
        let values = &self.values[sign as usize].identity;
        values.get_or_init(|| identity::evaluate(self, sign))[id as usize]
    }

    /// The value of a node at one of the points; none in an expression of too many nodes.
    pub fn numeric(&self, id: Id, sign: Sign, point: usize) -> Option<Complex> {
        if self.expression.nodes.len() > MAX_NUMERIC_NODES {
            return None;
        }
        let values = &self.values[sign as usize].numeric[point];
        values.get_or_init(|| numeric::evaluate(self, sign, Point(point)))[id as usize]
    }

    fn name(&self, name: u64) -> u64 {
        match self.renamed {
            Some((from, to)) if from == name => to,
            _ => name,
        }
    }

    /// The names under a node, sorted, as they are read.
    pub fn names(&self, id: Id) -> Vec<u64> {
        let mut names: Vec<u64> = self.expression.names(id).into_iter().map(|name| self.name(name)).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Whether what cannot be computed stands under a node.
    pub fn has_opaque(&self, id: Id) -> bool {
        self.expression.subtree(id).any(|node| matches!(node, Node::Opaque(..)))
    }
}
