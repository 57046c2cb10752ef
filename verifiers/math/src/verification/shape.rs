//! Shapes: a hash of how each part of an expression is written, whatever the order of its addends, factors and members.
//! Two parts of one shape are the same text up to spaces, brackets and order. No value is computed here.

use crate::arithmetic::mix;
use crate::expression::{Binary, Expression, Id, Items, Literal, Node};

/// Addends and subtrahends, or factors and divisors, as sums of hashes: the order does not count.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Terms {
    plain: u64,
    inverse: u64,
}

impl Terms {
    fn of(hash: u64) -> Self {
        Self { plain: mix(hash), inverse: 0 }
    }

    fn join(self, other: Self) -> Self {
        Self { plain: self.plain.wrapping_add(other.plain), inverse: self.inverse.wrapping_add(other.inverse) }
    }

    fn inverse(self) -> Self {
        Self { plain: self.inverse, inverse: self.plain }
    }

    fn hash(self, tag: u64) -> u64 {
        mix(tag ^ mix(self.plain) ^ mix(self.inverse).rotate_left(17))
    }
}

const SUM: u64 = 0x51;
const PRODUCT: u64 = 0x52;
const MEMBERS: u64 = 0x53;
const CALL: u64 = 0x54;
const BINARY: u64 = 0x55;
const CHAIN: u64 = 0x56;
const SIGN: u64 = 0x57;
const OPAQUE: u64 = 0x58;
const BUILDER: u64 = 0x59;
const CONSTANT: u64 = 0x5A;
const NUMBER: u64 = 0x5B;

/// The shape of every node of an expression, by its id.
pub(super) fn shapes(expression: &Expression) -> Vec<u64> {
    let mut found = Vec::with_capacity(expression.nodes.len());
    // The sums and products that the nodes are part of, children before their parents.
    let mut sums: Vec<Terms> = Vec::with_capacity(expression.nodes.len());
    let mut products: Vec<Terms> = Vec::with_capacity(expression.nodes.len());
    // True for a product with an odd number of minus signs, wherever they stand: -3/2 and -(3/2).
    let mut negative: Vec<bool> = Vec::with_capacity(expression.nodes.len());
    for node in &expression.nodes {
        let of = |id: Id| found[id as usize];
        let members = |items: Items| {
            expression.members(items).iter().fold(0_u64, |sum, id| sum.wrapping_add(mix(found[*id as usize])))
        };
        let pair = |tag: u64, a: Id, b: Id| mix(mix(tag ^ mix(of(a))).wrapping_add(of(b).rotate_left(9)));
        let (mut sum, mut product, mut is_negative) = (None, None, false);
        let hash = match *node {
            Node::Number(at) => number(&expression.literals[at as usize]),
            Node::Variable(name) => mix(name),
            Node::Constant(constant) => mix(CONSTANT ^ ((constant as u64) << 8)),
            Node::Negate(a) => {
                let terms = sums[a as usize].inverse();
                sum = Some(terms);
                product = Some(products[a as usize]);
                is_negative = !negative[a as usize];
                terms.hash(SUM)
            }
            Node::Sign(is_plus, a) => mix(SIGN ^ mix(of(a)) ^ u64::from(is_plus)),
            Node::Call(function, a) => mix(CALL ^ ((function as u64) << 8) ^ mix(of(a))),
            Node::Binary(operator @ (Binary::Add | Binary::Sub), a, b) => {
                let right = sums[b as usize];
                let terms = sums[a as usize].join(if operator == Binary::Add { right } else { right.inverse() });
                sum = Some(terms);
                terms.hash(SUM)
            }
            Node::Binary(operator @ (Binary::Mul | Binary::Div), a, b) => {
                let right = products[b as usize];
                let terms = products[a as usize].join(if operator == Binary::Mul { right } else { right.inverse() });
                product = Some(terms);
                is_negative = negative[a as usize] != negative[b as usize];
                let hash = terms.hash(PRODUCT);
                let signed = if is_negative { Terms::of(hash).inverse() } else { Terms::of(hash) };
                sum = Some(signed);
                if is_negative { signed.hash(SUM) } else { hash }
            }
            Node::Binary(operator, a, b) => pair(BINARY ^ ((operator as u64) << 8), a, b),
            Node::Opaque(tag, a) => mix(OPAQUE ^ tag ^ mix(of(a))),
            Node::List(_, items) | Node::Tuple(_, _, items) | Node::Set(items) => mix(MEMBERS ^ members(items)),
            Node::SetBuilder(a, b) => pair(BUILDER, a, b),
            Node::Matrix(rows, columns, start) => {
                mix(MEMBERS ^ members(Items { start, len: u32::from(rows) * u32::from(columns) }))
            }
            Node::Chain(items, start) => {
                let relations = &expression.relations[start as usize..][..items.len.saturating_sub(1) as usize];
                let relations = relations.iter().fold(0_u64, |sum, r| sum.wrapping_add(mix(*r as u64 + 1)));
                mix(CHAIN ^ members(items).wrapping_add(relations))
            }
        };
        found.push(hash);
        sums.push(sum.unwrap_or_else(|| Terms::of(hash)));
        products.push(product.unwrap_or_else(|| Terms::of(hash)));
        negative.push(is_negative);
    }
    found
}

/// The shape of a written number: its value, and the digits behind its point.
fn number(literal: &Literal) -> u64 {
    let value = match literal.exact {
        Some(value) => mix(value.num as u64 ^ mix(value.den as u64)),
        None => mix(literal.approximate.to_bits()),
    };
    mix(NUMBER ^ value ^ mix(literal.decimal.map_or(0, |(places, _)| places as u64)))
}
