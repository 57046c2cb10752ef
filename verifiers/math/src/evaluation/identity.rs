//! Identity testing: values modulo two primes, with a random residue for every name, π and e. Functions that no field
//! has (roots, sines, unknown exponents) are hashed into it: equal images then still mean equal expressions, different
//! images mean nothing.

use super::sign::Sign;
use crate::arithmetic::{Rational, Residues};
use crate::expression::{Binary, Constant, Expression, Function, Node};
use crate::name::{Renaming, name_hash};

/// Largest number whose factorial is computed; larger factorials are hashed.
const MAX_FACTORIAL: i128 = 10_000;

/// Multiplications that the factorials and binomials of one expression may cost.
const MAX_PRODUCTS: i128 = 40_000;

/// A value at the random point.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Image {
    pub(crate) residues: Residues,
    /// True where only operations of a field made the value, so that a different image is a different value.
    pub(crate) is_pure: bool,
}

impl Image {
    fn pure(residues: Residues) -> Self {
        Self { residues, is_pure: true }
    }

    fn hashed(a: Self, b: Self, tag: &str) -> Self {
        Self { residues: a.residues.entangle(b.residues, name_hash(tag)), is_pure: false }
    }
}

/// The images of all nodes, whose exact values are `exact`.
pub(super) fn evaluate(
    expression: &Expression,
    exact: &[Option<Rational>],
    sign: Sign,
    renaming: Option<Renaming>,
) -> Vec<Option<Image>> {
    let renamed = |name| renaming.map_or(name, |renaming| renaming.apply(name));
    let mut budget = MAX_PRODUCTS;
    let mut values: Vec<Option<Image>> = Vec::with_capacity(expression.nodes.len());
    for (index, node) in expression.nodes.iter().enumerate() {
        let at = |id: u32| values[id as usize];
        let known = exact[index].and_then(Residues::of_rational).map(Image::pure);
        let value = known.or_else(|| match *node {
            Node::Number(literal) => expression.literals[literal as usize].long.map(Image::pure),
            Node::Variable(name) => Some(Image::pure(Residues::of_seed(renamed(name)))),
            Node::Constant(Constant::Pi) => Some(Image::pure(Residues::of_seed(name_hash("pi")))),
            Node::Constant(Constant::E) => Some(Image::pure(Residues::of_seed(name_hash("exp(1)")))),
            Node::Constant(Constant::I) => Some(Image::pure(Residues::I)),
            Node::Negate(a) => at(a).map(|a| Image { residues: a.residues.neg(), ..a }),
            Node::Sign(upper, a) => at(a).map(|a| match upper == (sign == Sign::Upper) {
                true => a,
                false => Image { residues: a.residues.neg(), ..a },
            }),
            Node::Call(function, a) => call(function, at(a)?, exact[a as usize], &mut budget),
            Node::Opaque(tag, a) => {
                let a = at(a)?;
                Some(Image { residues: a.residues.entangle(Residues::ONE, tag), is_pure: false })
            }
            Node::Binary(operator, a, b) => {
                let exponents = (exact[a as usize], exact[b as usize]);
                binary(operator, at(a)?, at(b)?, exponents, sign, &mut budget)
            }
            _ => None,
        });
        values.push(value);
    }
    values
}

fn call(function: Function, a: Image, exact: Option<Rational>, budget: &mut i128) -> Option<Image> {
    let one = Image::pure(Residues::ONE);
    Some(match function {
        Function::Percent => Image { residues: a.residues.div(Residues::of_integer(100))?, ..a },
        Function::Degree => {
            let pi = Residues::of_seed(name_hash("pi"));
            Image { residues: a.residues.mul(pi).div(Residues::of_integer(180))?, ..a }
        }
        Function::Exp => {
            let e = Image::pure(Residues::of_seed(name_hash("exp(1)")));
            return power(e, a, exact);
        }
        Function::Sqrt => Image::hashed(a, Image::pure(Residues::of_integer(2)), "root"),
        Function::Factorial => match exact.and_then(|n| product(n, 1, budget)) {
            Some(value) => Image::pure(value),
            None => Image::hashed(a, one, "factorial"),
        },
        Function::DoubleFactorial => match exact.and_then(|n| product(n, 2, budget)) {
            Some(value) => Image::pure(value),
            None => Image::hashed(a, one, "double factorial"),
        },
        other => Image { residues: a.residues.entangle(Residues::ONE, other as u64 + 1), is_pure: false },
    })
}

fn product(n: Rational, step: usize, budget: &mut i128) -> Option<Residues> {
    if !n.is_integer() || !(0..=MAX_FACTORIAL.min(*budget)).contains(&n.num) {
        return None;
    }
    *budget -= n.num;
    let factors = (1..=n.num).rev().step_by(step);
    Some(factors.fold(Residues::ONE, |value, factor| value.mul(Residues::of_integer(factor))))
}

fn power(base: Image, exponent: Image, exact: Option<Rational>) -> Option<Image> {
    Some(match exact {
        Some(n) if n.is_integer() => Image { residues: base.residues.pow(n.num)?, ..base },
        Some(n) => {
            let root = Image::hashed(base, Image::pure(Residues::of_integer(n.den)), "root");
            Image { residues: root.residues.pow(n.num)?, is_pure: false }
        }
        None => Image::hashed(base, exponent, "power"),
    })
}

fn binary(
    operator: Binary,
    a: Image,
    b: Image,
    exact: (Option<Rational>, Option<Rational>),
    sign: Sign,
    budget: &mut i128,
) -> Option<Image> {
    let is_pure = a.is_pure && b.is_pure;
    let field = |residues| Some(Image { residues, is_pure });
    let (x, y) = (a.residues, b.residues);
    match operator {
        Binary::Add => field(x.add(y)),
        Binary::Sub => field(x.sub(y)),
        Binary::PlusMinus if sign == Sign::Upper => field(x.add(y)),
        Binary::MinusPlus if sign == Sign::Lower => field(x.add(y)),
        Binary::PlusMinus | Binary::MinusPlus => field(x.sub(y)),
        Binary::Mul => field(x.mul(y)),
        Binary::Div | Binary::Ratio => field(x.div(y)?),
        Binary::Pow => power(a, b, exact.1),
        Binary::Root => Some(Image::hashed(b, a, "root")),
        Binary::Log => Some(Image::hashed(a, b, "log")),
        Binary::Binomial => match exact {
            (Some(n), Some(k)) => binomial(n, k, budget).map(Image::pure).or(Some(Image::hashed(a, b, "binomial"))),
            _ => Some(Image::hashed(a, b, "binomial")),
        },
        Binary::Subsets => Some(Image::hashed(a, b, "subsets")),
        Binary::Union | Binary::Intersection | Binary::Difference => None,
    }
}

fn binomial(n: Rational, k: Rational, budget: &mut i128) -> Option<Residues> {
    if !n.is_integer() || !k.is_integer() || !(0..=n.num).contains(&k.num) {
        return None;
    }
    let k = k.num.min(n.num - k.num);
    if k > MAX_FACTORIAL.min(*budget) {
        return None;
    }
    *budget -= k;
    let fold = |from: i128| (1..=k).fold(Residues::ONE, |value, i| value.mul(Residues::of_integer(from + i)));
    fold(n.num - k).div(fold(0))
}
