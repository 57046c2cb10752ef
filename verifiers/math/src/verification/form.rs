//! Forms: is an answer a value, or an operation that is left to do?
//!
//! A value is a written number, a single fraction, a mixed number, scientific notation, a surd, a multiple of π, or a
//! sum of such terms of which at most one is rational: `2 + 3i`, `\frac{1+\sqrt5}{2}`. Left to do are sums,
//! differences, products and quotients of numbers, powers of numbers, and what is written by a sign of its own: `4!`,
//! `\binom62`, `|3-4i|`. Forms of parts with names are not judged.

use crate::expression::{Binary, Constant, Expression, Function, Id, Items, Node, Relation};

/// The form of a part of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// A written number, in scientific notation or not.
    Number,
    /// A number over a number.
    Fraction,
    /// A power of ten.
    Scale,
    /// Any other power of a number.
    Power,
    /// A product with an irrational factor: the rational factors above and below its bar.
    Term { above: u8, below: u8 },
    /// A sum with an irrational addend: its rational addends.
    Sum { rational: u8 },
    /// An operation is left to do.
    Undone,
    /// A name stands in it, or what is not computed.
    Open,
}

impl Form {
    fn is_rational(self) -> bool {
        matches!(self, Self::Number | Self::Fraction | Self::Scale | Self::Power)
    }

    /// Rational factors above and below the bar.
    fn factors(self) -> (u8, u8) {
        match self {
            Self::Number | Self::Scale | Self::Power => (1, 0),
            Self::Fraction => (1, 1),
            Self::Term { above, below } => (above, below),
            _ => (0, 0),
        }
    }

    fn addends(self) -> u8 {
        match self {
            Self::Sum { rational } => rational,
            other => u8::from(other.is_rational()),
        }
    }
}

/// A number that an answer is made of.
struct Part {
    form: Form,
    is_decimal: bool,
    /// True where a power of a number stands in it.
    has_power: bool,
}

/// True where an operation is left to do in the answer, and the gold is a plain value. Both are parsed answers.
pub(super) fn is_unevaluated(gold: &Expression, completion: &Expression) -> bool {
    let expected = parts(gold);
    if expected.iter().any(|part| matches!(part.form, Form::Undone | Form::Open)) {
        return false;
    }
    // A decimal may stand for what it rounds: then a surd is no operation left to do.
    let is_plain = expected.iter().all(|part| matches!(part.form, Form::Number | Form::Fraction) && !part.is_decimal);
    let has_power = expected.iter().any(|part| part.has_power);
    parts(completion).iter().any(|part| match part.form {
        // The names in it cancel.
        Form::Undone | Form::Open => true,
        _ if part.has_power && !has_power => true,
        Form::Term { .. } | Form::Sum { .. } => is_plain,
        _ => false,
    })
}

/// True for a part that is a value by itself.
pub(super) fn is_value(expression: &Expression, id: Id) -> bool {
    !matches!(forms(expression)[id as usize], Form::Undone | Form::Open)
}

/// The numbers that an answer is made of; of an equation the last side.
fn parts(expression: &Expression) -> Vec<Part> {
    let forms = forms(expression);
    let mut found = Vec::new();
    let mut waiting = vec![expression.root];
    while let Some(id) = waiting.pop() {
        match expression.node(id) {
            Node::List(_, items) | Node::Tuple(_, _, items) | Node::Set(items) => {
                waiting.extend(expression.members(items));
            }
            Node::Matrix(rows, columns, start) => {
                let items = Items { start, len: u32::from(rows) * u32::from(columns) };
                waiting.extend(expression.members(items));
            }
            Node::Chain(items, start) => {
                let members = expression.members(items);
                let relations = &expression.relations[start as usize..][..members.len() - 1];
                let is_worth_its_end = |relation: &Relation| matches!(relation, Relation::Equal | Relation::In);
                let last = members[members.len() - 1];
                let is_name = |id: &Id| matches!(expression.node(*id), Node::Variable(_));
                if relations.iter().all(is_worth_its_end) && !is_name(&last) {
                    waiting.push(last);
                } else {
                    // The names that a relation is about are no part of its value.
                    waiting.extend(members.iter().filter(|id| !is_name(id)));
                }
            }
            Node::SetBuilder(_, condition) => waiting.push(condition),
            Node::Binary(Binary::Union | Binary::Intersection | Binary::Difference, a, b) => waiting.extend([a, b]),
            _ => {
                let nodes = expression.first[id as usize] as usize..=id as usize;
                let has_power = forms[nodes].contains(&Form::Power);
                found.push(Part { form: forms[id as usize], is_decimal: is_decimal(expression, id), has_power });
            }
        }
    }
    found
}

fn is_decimal(expression: &Expression, mut id: Id) -> bool {
    loop {
        match expression.node(id) {
            Node::Negate(inner) | Node::Call(Function::Percent | Function::Degree, inner) => id = inner,
            Node::Number(at) => return expression.literals[at as usize].decimal.is_some(),
            _ => return false,
        }
    }
}

/// The form of every node, children before their parents.
fn forms(expression: &Expression) -> Vec<Form> {
    let mut forms: Vec<Form> = Vec::with_capacity(expression.nodes.len());
    for node in &expression.nodes {
        let of = |id: Id| forms[id as usize];
        let form = match *node {
            Node::Number(_) => Form::Number,
            // An infinite end of an interval is as plain as a number.
            Node::Constant(Constant::Infinity | Constant::EmptySet | Constant::Reals | Constant::Undefined) => {
                Form::Number
            }
            Node::Constant(Constant::Unnamed) => Form::Open,
            Node::Constant(_) => Form::Term { above: 0, below: 0 },
            Node::Negate(a) | Node::Sign(_, a) => of(a),
            Node::Call(function, a) => call(function, of(a)),
            Node::Binary(Binary::Add, a, b) if is_minutes(expression, a, b) => Form::Number,
            Node::Binary(operator, a, b) => {
                let is_ten = matches!(expression.node(a), Node::Number(at)
                    if expression.literals[at as usize].digits == Some(10));
                binary(operator, of(a), of(b), is_ten)
            }
            _ => Form::Open,
        };
        forms.push(form);
    }
    forms
}

/// True for degrees with minutes of arc, `60°42'`, whose minutes are no written number of degrees.
fn is_minutes(expression: &Expression, a: Id, b: Id) -> bool {
    let degrees = |id: Id| match expression.node(id) {
        Node::Call(Function::Degree, inner) => match expression.node(inner) {
            Node::Number(at) => Some(expression.literals[at as usize]),
            _ => None,
        },
        _ => None,
    };
    degrees(a).is_some() && degrees(b).is_some_and(|minutes| minutes.digits.is_none() && minutes.decimal.is_none())
}

fn call(function: Function, argument: Form) -> Form {
    match (function, argument) {
        (_, Form::Undone | Form::Open) => argument,
        (Function::Percent | Function::Degree, Form::Number | Form::Fraction) => argument,
        (
            Function::Percent
            | Function::Degree
            | Function::Factorial
            | Function::DoubleFactorial
            | Function::Abs
            | Function::Floor
            | Function::Ceil,
            _,
        ) => Form::Undone,
        _ => Form::Term { above: 0, below: 0 },
    }
}

fn binary(operator: Binary, a: Form, b: Form, is_ten: bool) -> Form {
    if a == Form::Open || b == Form::Open {
        return Form::Open;
    }
    if a == Form::Undone || b == Form::Undone {
        return Form::Undone;
    }
    let both_rational = a.is_rational() && b.is_rational();
    match operator {
        Binary::Add | Binary::Sub | Binary::PlusMinus | Binary::MinusPlus => match a.addends() + b.addends() {
            rational @ 0..=1 => Form::Sum { rational },
            _ => Form::Undone,
        },
        Binary::Mul if a == Form::Number && b == Form::Scale => Form::Number,
        Binary::Div | Binary::Ratio if a == Form::Number && matches!(b, Form::Number | Form::Scale) => Form::Fraction,
        // Of three numbers in proportion.
        Binary::Ratio if both_rational => Form::Fraction,
        Binary::Mul | Binary::Div | Binary::Ratio if both_rational => Form::Undone,
        Binary::Mul | Binary::Div | Binary::Ratio => {
            let ((above, below), (c, d)) = (a.factors(), b.factors());
            let (c, d) = if operator == Binary::Mul { (c, d) } else { (d, c) };
            match (above + c, below + d) {
                (above @ 0..=1, below @ 0..=1) => Form::Term { above, below },
                _ => Form::Undone,
            }
        }
        Binary::Pow if is_ten && b == Form::Number => Form::Scale,
        Binary::Pow if a.is_rational() && b == Form::Number => Form::Power,
        Binary::Binomial => Form::Undone,
        _ => Form::Term { above: 0, below: 0 },
    }
}
