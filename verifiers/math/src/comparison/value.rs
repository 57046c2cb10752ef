//! Values of answers by their kind. A new kind is a variant here, a line in [`read`](super::reading::read) and an arm
//! in the comparison.

use super::operand::Operand;
use super::region::{Region, interval};
use crate::expression::{Bracket, Relation};

/// An answer by its kind.
#[derive(Clone)]
pub(super) enum Value<'e> {
    Scalar(Operand<'e>),
    /// Members without brackets, or in curly ones.
    List {
        items: Vec<Value<'e>>,
        is_ordered: bool,
        /// True for members in curly brackets.
        is_set: bool,
    },
    /// A point or an interval: the other answer tells which.
    Tuple {
        open: Bracket,
        close: Bracket,
        items: Vec<Value<'e>>,
    },
    Matrix {
        rows: u16,
        columns: u16,
        items: Vec<Value<'e>>,
    },
    /// `x = 5`, `f(x) = x + 1`.
    Named {
        name: Operand<'e>,
        value: Box<Value<'e>>,
    },
    Equation([Operand<'e>; 2]),
    Region(Region<'e>),
    /// `9 (mod 11)`.
    Modulo {
        value: Box<Value<'e>>,
        modulus: Operand<'e>,
    },
    /// `{ subject | condition }` where the condition is no region.
    SetBuilder(Box<[Value<'e>; 2]>),
    /// Any other chain, of at least one relation.
    Relation {
        members: Vec<Operand<'e>>,
        relations: Vec<Relation>,
    },
}

impl<'e> Value<'e> {
    /// The value without its name.
    pub(super) fn unnamed(&self) -> &Self {
        match self {
            Self::Named { value, .. } => value,
            other => other,
        }
    }

    pub(super) fn scalar(&self) -> Option<Operand<'e>> {
        match self {
            Self::Scalar(operand) => Some(*operand),
            Self::Named { value, .. } => value.scalar(),
            _ => None,
        }
    }

    /// The region that the value may stand for.
    pub(super) fn region(&self) -> Option<Region<'e>> {
        match self {
            Self::Region(region) => Some(region.clone()),
            Self::Tuple { open, close, items } => {
                let [from, to] = items.as_slice() else { return None };
                let (from, to) = (from.scalar()?, to.scalar()?);
                Some(interval(Some(from), Some(to), *open == Bracket::Square, *close == Bracket::Square))
            }
            Self::List { items, .. } => {
                let points: Option<Vec<_>> = items.iter().map(Self::scalar).collect();
                points.map(Region::Points)
            }
            Self::Scalar(operand) => Some(Region::Points(vec![*operand])),
            Self::Named { value, .. } => value.region(),
            _ => None,
        }
    }
}
