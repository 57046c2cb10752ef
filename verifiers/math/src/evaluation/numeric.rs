//! Values in floating point with a bound of their error. At the first points names are positive numbers (the assumption
//! under which √(1/n) is 1/√n), at the others integers and numbers of both signs.

use super::sign::Sign;
use crate::arithmetic::{Complex, Rational, gamma, mix};
use crate::expression::{Binary, Constant, Expression, Function, Node};
use crate::name::Renaming;

/// Number of points: eight of positive numbers, three of integers, three of numbers of both signs.
pub(crate) const NUM_POINTS: usize = 14;

/// A point at which an expression is computed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Point {
    /// From 0 to `NUM_POINTS - 1`.
    pub(super) index: usize,
    pub(super) renaming: Option<Renaming>,
}

impl Point {
    /// The number that a name stands for, the same in every expression.
    fn of(self, name: u64) -> f64 {
        let name = self.renaming.map_or(name, |renaming| renaming.apply(name));
        let bits = mix(name ^ (self.index as u64).wrapping_mul(0x9e37_79b9));
        let unit = (bits >> 11) as f64 / (1u64 << 53) as f64;
        match self.index {
            0..4 => 0.05 + 0.9 * unit,
            4..8 => 1.1 + 2.0 * unit,
            8..11 => (2.0 + 7.0 * unit).floor(),
            _ => -2.5 + 2.4 * unit + if bits & 1 == 1 { 2.6 } else { 0.0 },
        }
    }
}

/// The values at a point of all nodes, whose exact values are `exact`.
pub(super) fn evaluate(
    expression: &Expression,
    exact: &[Option<Rational>],
    sign: Sign,
    point: Point,
) -> Vec<Option<Complex>> {
    let mut values: Vec<Option<Complex>> = Vec::with_capacity(expression.nodes.len());
    for (index, node) in expression.nodes.iter().enumerate() {
        let at = |id: u32| values[id as usize];
        let known = exact[index].map(|value| Complex::rounded(value.to_f64(), 0.0, 0.0));
        let value = known.or_else(|| match *node {
            Node::Number(literal) => {
                Some(Complex::rounded(expression.literals[literal as usize].approximate, 0.0, 0.0))
            }
            Node::Variable(name) => Some(Complex::exact(point.of(name))),
            Node::Constant(Constant::Pi) => Some(Complex::rounded(std::f64::consts::PI, 0.0, 0.0)),
            Node::Constant(Constant::E) => Some(Complex::rounded(std::f64::consts::E, 0.0, 0.0)),
            Node::Constant(Constant::I) => Some(Complex { re: 0.0, im: 1.0, error: 0.0 }),
            Node::Negate(a) => at(a).map(Complex::neg),
            Node::Sign(upper, a) => at(a).map(|a| if upper == (sign == Sign::Upper) { a } else { a.neg() }),
            Node::Call(function, a) => call(function, at(a)?),
            Node::Binary(operator, a, b) => binary(operator, at(a)?, at(b)?, sign),
            _ => None,
        });
        values.push(value.filter(|value| !value.re.is_nan() && !value.im.is_nan()));
    }
    values
}

fn call(function: Function, a: Complex) -> Option<Complex> {
    let one = Complex::exact(1.0);
    match function {
        Function::Exp => Some(a.exp()),
        Function::Ln => a.ln(),
        Function::Log10 => a.ln()?.div(Complex::rounded(std::f64::consts::LN_10, 0.0, 0.0)),
        Function::Sqrt => a.root(2.0),
        Function::Percent => a.div(Complex::exact(100.0)),
        Function::Degree => Some(a.mul(Complex::rounded(std::f64::consts::PI / 180.0, 0.0, 0.0))),
        Function::Abs => Some(Complex::rounded(a.size(), 0.0, a.error)),
        Function::Sin => a.real(f64::sin, f64::cos),
        Function::Cos => a.real(f64::cos, f64::sin),
        Function::Tan => call(Function::Sin, a)?.div(call(Function::Cos, a)?),
        Function::Cot => call(Function::Cos, a)?.div(call(Function::Sin, a)?),
        Function::Sec => one.div(call(Function::Cos, a)?),
        Function::Csc => one.div(call(Function::Sin, a)?),
        Function::Arcsin => a.real(f64::asin, |x| (1.0 - x * x).max(1e-12).sqrt().recip()),
        Function::Arccos => a.real(f64::acos, |x| (1.0 - x * x).max(1e-12).sqrt().recip()),
        Function::Arctan => a.real(f64::atan, |x| (1.0 + x * x).recip()),
        // Arccotangent with values from 0 to π, as calculus has it.
        Function::Arccot => a.real(|x| std::f64::consts::FRAC_PI_2 - x.atan(), |x| (1.0 + x * x).recip()),
        Function::Arcsec => call(Function::Arccos, one.div(a)?),
        Function::Arccsc => call(Function::Arcsin, one.div(a)?),
        Function::Coth => one.div(call(Function::Tanh, a)?),
        Function::Sech => one.div(call(Function::Cosh, a)?),
        Function::Csch => one.div(call(Function::Sinh, a)?),
        Function::Arsinh => a.real(f64::asinh, |x| (1.0 + x * x).sqrt().recip()),
        Function::Arcosh => a.real(f64::acosh, |x| (x * x - 1.0).max(1e-12).sqrt().recip()),
        Function::Artanh => a.real(f64::atanh, |x| (1.0 - x * x).abs().max(1e-12).recip()),
        Function::Arcoth => call(Function::Artanh, one.div(a)?),
        Function::Sign => {
            let is_near_zero = a.re.abs() <= a.error && a.error > 0.0;
            (!is_near_zero && a.is_real()).then(|| Complex::exact(if a.re == 0.0 { 0.0 } else { a.re.signum() }))
        }
        Function::Sinh => a.real(f64::sinh, f64::cosh),
        Function::Cosh => a.real(f64::cosh, f64::sinh),
        Function::Tanh => a.real(f64::tanh, |_| 1.0),
        // The value is unknown where a step lies within the error.
        Function::Floor | Function::Ceil => {
            let near_step = (a.re - a.re.round()).abs() <= a.error && a.error > 0.0;
            let step = if function == Function::Floor { f64::floor } else { f64::ceil };
            (!near_step && a.is_real()).then(|| Complex::exact(step(a.re)))
        }
        Function::Factorial => factorial(a),
        Function::DoubleFactorial => None,
    }
}

fn factorial(a: Complex) -> Option<Complex> {
    // The factorial overflows beyond 170 and has poles at the negative integers.
    if !a.is_real() || a.re > 170.0 || a.re < -20.0 || (a.re < 0.0 && a.re.fract() == 0.0) {
        return None;
    }
    let value = gamma(a.re + 1.0);
    Some(Complex::rounded(value, 0.0, value.abs() * (1e-12 + 6.0 * a.error)))
}

fn binary(operator: Binary, a: Complex, b: Complex, sign: Sign) -> Option<Complex> {
    match operator {
        Binary::Add => Some(a.add(b)),
        Binary::Sub => Some(a.add(b.neg())),
        Binary::PlusMinus if sign == Sign::Upper => Some(a.add(b)),
        Binary::MinusPlus if sign == Sign::Lower => Some(a.add(b)),
        Binary::PlusMinus | Binary::MinusPlus => Some(a.add(b.neg())),
        Binary::Mul => Some(a.mul(b)),
        Binary::Div | Binary::Ratio => a.div(b),
        Binary::Pow => a.pow(b),
        Binary::Root => {
            let degree = a.is_real().then_some(a.re)?;
            b.root(degree)
        }
        Binary::Log => b.ln()?.div(a.ln()?),
        Binary::Binomial => {
            let rest = factorial(b)?.mul(factorial(a.add(b.neg()))?);
            factorial(a)?.div(rest)
        }
        Binary::Subsets | Binary::Union | Binary::Intersection | Binary::Difference => None,
    }
}
