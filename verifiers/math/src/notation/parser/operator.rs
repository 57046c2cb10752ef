//! Operators and their precedence.

use crate::expression::{Binary, Function, Id};

/// An operator that waits for its operands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Operator {
    Binary(Binary),
    /// Multiplication without a sign, inside a function's argument.
    Inner,
    Negate,
    /// A negative exponent.
    NegatePower,
    Sign(Binary),
    Function(Function),
    /// A function and the node of its power.
    FunctionPower(Function, Id),
    Log(Id),
    Bounded(u64),
}

impl Operator {
    /// Binding strength, from 3 for the loosest to 10 for the tightest.
    pub(super) fn precedence(self) -> u8 {
        match self {
            Self::Binary(Binary::Union | Binary::Intersection | Binary::Difference) => 3,
            Self::Binary(Binary::Ratio) => 4,
            Self::Binary(Binary::Add | Binary::Sub | Binary::PlusMinus | Binary::MinusPlus) => 5,
            Self::Bounded(_) => 6,
            Self::Binary(Binary::Mul | Binary::Div) | Self::Negate | Self::Sign(_) => 7,
            Self::Function(_) | Self::FunctionPower(..) | Self::Log(_) => 8,
            Self::Inner => 9,
            Self::Binary(_) | Self::NegatePower => 10,
        }
    }
}
