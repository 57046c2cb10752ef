//! Exact rational values.

use super::sign::Sign;
use crate::arithmetic::Rational;
use crate::expression::{Binary, Expression, Function, Node};

/// Largest number whose factorial fits 128 bits.
const MAX_FACTORIAL: i128 = 33;

/// The exact values of all nodes; every name has the value `name`.
pub(super) fn evaluate(expression: &Expression, sign: Sign, name: Option<Rational>) -> Vec<Option<Rational>> {
    let mut values: Vec<Option<Rational>> = Vec::with_capacity(expression.nodes.len());
    for node in &expression.nodes {
        let at = |id: u32| values[id as usize];
        let value = match *node {
            Node::Number(literal) => expression.literals[literal as usize].exact,
            Node::Variable(_) => name,
            Node::Negate(a) => at(a).map(Rational::neg),
            Node::Sign(upper, a) => at(a).map(|a| if upper == (sign == Sign::Upper) { a } else { a.neg() }),
            Node::Call(function, a) => at(a).and_then(|a| call(function, a)),
            Node::Binary(operator, a, b) => match (at(a), at(b)) {
                (Some(a), Some(b)) => binary(operator, a, b, sign),
                _ => None,
            },
            _ => None,
        };
        values.push(value);
    }
    values
}

fn call(function: Function, a: Rational) -> Option<Rational> {
    match function {
        Function::Abs => Some(if a.num < 0 { a.neg() } else { a }),
        Function::Floor => Some(a.floor()),
        Function::Ceil => Some(a.neg().floor().neg()),
        Function::Sqrt => a.root(2),
        Function::Percent => a.div(Rational::integer(100)),
        Function::Factorial => product(a, 1),
        Function::DoubleFactorial => product(a, 2),
        Function::Sign => Some(Rational::integer(a.num.signum())),
        Function::Sinh | Function::Tanh | Function::Arsinh | Function::Artanh if a.num == 0 => Some(Rational::ZERO),
        Function::Cosh if a.num == 0 => Some(Rational::ONE),
        Function::Sin | Function::Tan | Function::Arcsin | Function::Arctan if a.num == 0 => Some(Rational::ZERO),
        Function::Exp | Function::Cos if a.num == 0 => Some(Rational::ONE),
        Function::Ln if a == Rational::ONE => Some(Rational::ZERO),
        _ => None,
    }
}

/// `n (n - step) (n - 2 step) …`.
fn product(n: Rational, step: usize) -> Option<Rational> {
    if !n.is_integer() || !(0..=MAX_FACTORIAL).contains(&n.num) {
        return None;
    }
    let factors = (1..=n.num).rev().step_by(step);
    Some(Rational::integer(factors.product()))
}

fn binary(operator: Binary, a: Rational, b: Rational, sign: Sign) -> Option<Rational> {
    match operator {
        Binary::Add => a.add(b),
        Binary::Sub => a.sub(b),
        Binary::PlusMinus if sign == Sign::Upper => a.add(b),
        Binary::MinusPlus if sign == Sign::Lower => a.add(b),
        Binary::PlusMinus | Binary::MinusPlus => a.sub(b),
        Binary::Mul => a.mul(b),
        Binary::Div | Binary::Ratio => a.div(b),
        Binary::Pow if b.is_integer() => a.pow(b.num),
        Binary::Pow => a.root(b.den)?.pow(b.num),
        Binary::Root if a.is_integer() => b.root(a.num),
        Binary::Binomial => binomial(a, b),
        Binary::Subsets => subsets(a, b),
        _ => None,
    }
}

/// Stirling number of the second kind, by its recurrence.
fn subsets(n: Rational, k: Rational) -> Option<Rational> {
    const MAX_ELEMENTS: i128 = 30;
    if !n.is_integer() || !k.is_integer() || !(0..=MAX_ELEMENTS).contains(&n.num) || k.num < 0 {
        return None;
    }
    let mut row = vec![0_i128; MAX_ELEMENTS as usize + 2];
    row[0] = 1;
    for _ in 0..n.num {
        for k in (1..row.len()).rev() {
            row[k] = row[k - 1] + k as i128 * row[k];
        }
        row[0] = 0;
    }
    Some(Rational::integer(row.get(k.num as usize).copied().unwrap_or(0)))
}

fn binomial(n: Rational, k: Rational) -> Option<Rational> {
    if !n.is_integer() || !k.is_integer() || !(0..=n.num).contains(&k.num) {
        return None;
    }
    let k = k.num.min(n.num - k.num);
    (k <= 64).then_some(())?;
    (1..=k).try_fold(Rational::ONE, |value, i| value.mul(Rational::integer(n.num - k + i))?.div(Rational::integer(i)))
}
