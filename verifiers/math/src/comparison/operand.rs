//! One number of an answer, and the comparison of two.

use super::outcome::Outcome;
use super::units::{self, Units};
use crate::arithmetic::{Complex, Rational, Residues};
use crate::evaluation::{Evaluator, Image, NUM_POINTS, Sign};
use crate::expression::{Constant, Expression, Function, Id, Node};
use crate::sides::Sides;
use crate::{MathPolicy, Stage};

/// Fewest points at which two functions must agree to be equal.
const MIN_POINTS: usize = 3;

/// A number in an expression.
#[derive(Clone, Copy)]
pub(super) struct Operand<'e> {
    pub(super) evaluator: &'e Evaluator<'e>,
    pub(super) id: Id,
    pub(super) sign: Sign,
    /// True where the negative of the node is meant.
    pub(super) is_negated: bool,
    /// A value that was solved for and stands in no expression.
    pub(super) known: Option<Rational>,
}

/// An operand without the minus, percent and degree signs around it.
struct Peeled<'e> {
    inner: Operand<'e>,
    is_percent: bool,
    is_degree: bool,
    /// True where only a written number is left.
    is_literal: bool,
    /// Digits after the point and significant digits of a decimal.
    decimal: Option<(i32, u32)>,
}

impl<'e> Operand<'e> {
    pub(super) fn new(evaluator: &'e Evaluator<'e>, id: Id, sign: Sign) -> Self {
        Self { evaluator, id, sign, is_negated: false, known: None }
    }

    pub(super) fn negated(self) -> Self {
        Self { is_negated: !self.is_negated, ..self }
    }

    pub(super) fn expression(&self) -> &'e Expression {
        self.evaluator.expression
    }

    pub(super) fn exact(&self) -> Option<Rational> {
        let value = self.known.or_else(|| self.evaluator.exact(self.id, self.sign))?;
        Some(if self.is_negated { value.neg() } else { value })
    }

    fn identity(&self) -> Option<Image> {
        let image = match self.known {
            Some(value) => Image { residues: Residues::of_rational(value)?, is_pure: true },
            None => self.evaluator.identity(self.id, self.sign)?,
        };
        Some(if self.is_negated { Image { residues: image.residues.neg(), ..image } } else { image })
    }

    pub(super) fn numeric(&self, point: usize) -> Option<Complex> {
        let value = match self.known {
            Some(value) => Complex::rounded(value.to_f64(), 0.0, 0.0),
            None => self.evaluator.numeric(self.id, self.sign, point)?,
        };
        Some(if self.is_negated { value.neg() } else { value })
    }

    pub(super) fn names(&self) -> Vec<u64> {
        if self.known.is_some() { Vec::new() } else { self.evaluator.names(self.id) }
    }

    fn has_constant(&self, constant: Constant) -> bool {
        let is_it = |node| matches!(node, Node::Constant(c) if c == constant);
        self.known.is_none() && self.expression().subtree(self.id).any(is_it)
    }

    /// True for plus infinity, false for minus infinity, none for any other number.
    pub(super) fn infinity(&self) -> Option<bool> {
        let (mut id, mut is_positive) = (self.id, !self.is_negated);
        while self.known.is_none() {
            match self.expression().node(id) {
                Node::Negate(inner) => (id, is_positive) = (inner, !is_positive),
                Node::Constant(Constant::Infinity) => return Some(is_positive),
                _ => break,
            }
        }
        None
    }

    /// The real number, where the operand has no names.
    pub(super) fn real(&self) -> Option<f64> {
        if let Some(positive) = self.infinity() {
            return Some(if positive { f64::INFINITY } else { f64::NEG_INFINITY });
        }
        if let Some(value) = self.exact() {
            return Some(value.to_f64());
        }
        let value = self.numeric(0).filter(|value| value.is_real() && value.is_finite())?;
        self.names().is_empty().then_some(value.re)
    }

    fn peel(self) -> Peeled<'e> {
        let mut peeled = Peeled { inner: self, is_percent: false, is_degree: false, is_literal: false, decimal: None };
        while peeled.inner.known.is_none() {
            match self.expression().node(peeled.inner.id) {
                Node::Negate(id) => {
                    peeled.inner.id = id;
                    peeled.inner.is_negated = !peeled.inner.is_negated;
                }
                Node::Call(Function::Percent, id) if !peeled.is_percent => {
                    peeled.is_percent = true;
                    peeled.inner.id = id;
                }
                Node::Call(Function::Degree, id) if !peeled.is_degree => {
                    peeled.is_degree = true;
                    peeled.inner.id = id;
                }
                Node::Number(literal) => {
                    let literal = self.expression().literals[literal as usize];
                    peeled.is_literal = literal.digits.is_some() || literal.decimal.is_some();
                    peeled.decimal = literal.decimal;
                    break;
                }
                _ => break,
            }
        }
        peeled
    }
}

impl Peeled<'_> {
    /// True where neither a unit nor words stand beside the number.
    fn is_bare(&self) -> bool {
        let expression = self.inner.expression();
        expression.words.is_empty() && expression.units_of(self.inner.id).next().is_none()
    }
}

/// Compares two numbers, with their units, under the policy.
pub(super) fn compare(gold: Operand<'_>, completion: Operand<'_>, policy: &MathPolicy) -> Outcome {
    let numbers = Sides { gold, completion }.map(|number: Operand<'_>| (number.expression(), number.id));
    match units::compare(numbers, policy) {
        Units::Agree => {}
        Units::Decided(outcome) => return outcome,
        Units::Convert(a, b) => {
            return match (gold.real(), completion.real()) {
                (Some(x), Some(y)) => {
                    let (x, y) = (x * a, y * b);
                    Outcome::decided((x - y).abs() <= 1e-9 * x.abs(), Stage::Numeric)
                }
                _ => Outcome::NotEqual(Stage::Structure),
            };
        }
    }
    let outcome = same_value(gold, completion);
    if matches!(outcome, Outcome::Equal(_)) {
        return outcome;
    }
    let (g, c) = (gold.peel(), completion.peel());
    let is_equal = |a, b| matches!(same_value(a, b), Outcome::Equal(_));
    // 28 may stand for 28%, but 28/100 may not.
    if policy.percent_sign_optional && g.is_percent != c.is_percent {
        let other = if g.is_percent { &c } else { &g };
        if other.is_literal && !other.is_degree && other.is_bare() && is_equal(g.inner, c.inner) {
            return Outcome::Equal(Stage::Exact);
        }
    }
    if policy.degree_sign_optional && g.is_degree != c.is_degree {
        let other = if g.is_degree { &c } else { &g };
        if !other.is_percent && other.is_bare() && is_equal(g.inner, c.inner) {
            return Outcome::Equal(Stage::Exact);
        }
    }
    if rounds(&g, &c, gold, completion, policy.rounding_digits) {
        return Outcome::Equal(Stage::Numeric);
    }
    outcome
}

/// True where one is a decimal with enough digits, and the other rounds to it.
fn rounds(g: &Peeled<'_>, c: &Peeled<'_>, gold: Operand<'_>, completion: Operand<'_>, min_digits: u32) -> bool {
    if min_digits == 0 || (g.decimal.is_none() && c.decimal.is_none()) {
        return false;
    }
    let (Some(x), Some(y)) = (gold.real(), completion.real()) else { return false };
    let half = |peeled: &Peeled<'_>, min_digits: u32| -> Option<f64> {
        let (places, _) = peeled.decimal.filter(|(_, significant)| *significant >= min_digits)?;
        let percent = if peeled.is_percent { 0.01 } else { 1.0 };
        Some(0.5 * 10f64.powi(-places) * percent * (1.0 + 1e-9) + 2e-15 * x.abs())
    };
    let distance = (x - y).abs();
    match (g.decimal, c.decimal) {
        // The gold is rounded: the completion must be exact or have more digits.
        (Some((places, _)), finer) => {
            finer.is_none_or(|(finer, _)| finer > places) && half(g, min_digits).is_some_and(|half| distance <= half)
        }
        // The completion is rounded: no integer may be, and a number that is no exact fraction needs twice the digits,
        // so that 3.14 is not π.
        (None, _) => {
            let exact = gold.exact();
            let min_digits = if exact.is_some() { min_digits } else { 2 * min_digits };
            exact.is_none_or(|x| !x.is_integer()) && half(c, min_digits).is_some_and(|half| distance <= half)
        }
    }
}

/// Compares the values of two numbers: exactly, else as identities modulo primes, else at points.
pub(super) fn same_value(a: Operand<'_>, b: Operand<'_>) -> Outcome {
    if let (Some(x), Some(y)) = (a.exact(), b.exact()) {
        return Outcome::decided(x == y, Stage::Exact);
    }
    match (a.infinity(), b.infinity()) {
        (None, None) => {}
        (x, y) => return Outcome::decided(x == y, Stage::Exact),
    }
    if a.has_constant(Constant::Undefined) || b.has_constant(Constant::Undefined) {
        let both = matches!(a.expression().node(a.id), Node::Constant(_))
            && matches!(b.expression().node(b.id), Node::Constant(_));
        return Outcome::decided(both, Stage::Exact);
    }
    if let (Some(x), Some(y)) = (a.identity(), b.identity()) {
        if x.residues == y.residues {
            return Outcome::Equal(Stage::Identity);
        }
        if x.is_pure && y.is_pure {
            return Outcome::NotEqual(Stage::Identity);
        }
    }
    at_points(a, b)
}

fn at_points(a: Operand<'_>, b: Operand<'_>) -> Outcome {
    let is_constant = a.names().is_empty() && b.names().is_empty();
    let is_complex = is_constant || a.has_constant(Constant::I) || b.has_constant(Constant::I);
    let mut num_agreeing = 0;
    let (mut gold_has_value, mut completion_has_value) = (false, false);
    for point in 0..if is_constant { 1 } else { NUM_POINTS } {
        let (x, y) = (a.numeric(point), b.numeric(point));
        gold_has_value |= x.is_some_and(Complex::is_finite);
        completion_has_value |= y.is_some_and(Complex::is_finite);
        let (Some(x), Some(y)) = (x, y) else { continue };
        let counts = is_complex || (x.is_real() && y.is_real());
        match x.agrees(y) {
            Some(false) if counts => return Outcome::NotEqual(Stage::Numeric),
            Some(true) => num_agreeing += 1,
            _ => {}
        }
    }
    if num_agreeing >= if is_constant { 1 } else { MIN_POINTS } {
        return Outcome::Equal(Stage::Numeric);
    }
    match (gold_has_value, completion_has_value) {
        (false, _) => Outcome::GoldNotComputed,
        (_, false) if a.evaluator.has_opaque(a.id) || b.evaluator.has_opaque(b.id) => Outcome::CompletionNotComputed,
        _ => Outcome::TooLarge,
    }
}

/// The ratio of `a - b` to `c - d`, where it is the same number at all points: the equations or inequalities are
/// multiples of one another.
pub(super) fn constant_ratio(left: [Operand<'_>; 2], right: [Operand<'_>; 2]) -> Option<f64> {
    let difference = |[a, b]: [Operand<'_>; 2], point| Some(a.numeric(point)?.add(b.numeric(point)?.neg()));
    let mut ratio: Option<Complex> = None;
    let mut num_agreeing = 0;
    for point in 0..NUM_POINTS {
        let (Some(x), Some(y)) = (difference(left, point), difference(right, point)) else { continue };
        let Some(here) = x.div(y).filter(|ratio| ratio.is_finite() && ratio.is_real()) else { continue };
        if here.size() <= here.error {
            return None;
        }
        match ratio {
            None => ratio = Some(here),
            Some(before) => match before.agrees(here) {
                Some(true) => num_agreeing += 1,
                Some(false) => return None,
                None => {}
            },
        }
    }
    (num_agreeing >= MIN_POINTS).then_some(ratio?.re)
}
