//! What kind of answer an expression is. A new kind is a variant here, a line in [`read`] and an arm in the comparison.

use super::operand::Operand;
use super::region::Region;
use crate::arithmetic::Rational;
use crate::evaluation::{Evaluator, Sign};
use crate::expression::{Binary, Bracket, Constant, Expression, Function, Id, Items, Node, Relation, Separator};
use crate::notation::name_hash;
use crate::unreadable::Unreadable;

/// Deepest nesting of lists and tuples.
const MAX_DEPTH: usize = 32;

/// An answer by its kind.
#[derive(Clone)]
pub(super) enum Value<'e> {
    Scalar(Operand<'e>),
    /// Members without brackets, or in curly ones.
    List {
        items: Vec<Value<'e>>,
        is_ordered: bool,
        /// Whether it stands in curly brackets.
        is_set: bool,
    },
    /// A point, or an interval: what it is shows when it meets the other answer.
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
    /// `x = 5`, `f(x) = x + 1`: what is named, and what it is.
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
    /// Any other chain.
    Relation {
        members: Vec<Operand<'e>>,
        relations: Vec<Relation>,
    },
}

/// Reads the kind of a whole answer.
pub(super) fn read<'e>(evaluator: &'e Evaluator<'e>) -> Result<Value<'e>, Unreadable> {
    Reader { evaluator, expression: evaluator.expression }.value(evaluator.expression.root, 0)
}

struct Reader<'e> {
    evaluator: &'e Evaluator<'e>,
    expression: &'e Expression,
}

impl<'e> Reader<'e> {
    fn operand(&self, id: Id) -> Operand<'e> {
        Operand::new(self.evaluator, id, Sign::Upper)
    }

    fn value(&self, id: Id, depth: usize) -> Result<Value<'e>, Unreadable> {
        if depth > MAX_DEPTH {
            return Err(Unreadable::Budget("lists are nested too deeply"));
        }
        Ok(match self.expression.node(id) {
            Node::List(separator, items) => self.list(separator, items, depth)?,
            Node::Set(items) => Value::List {
                items: self.values(items, depth)?,
                is_ordered: self.expression.has_ellipsis,
                is_set: true,
            },
            Node::Tuple(open, close, items) => {
                let items = self.expression.members(items).iter().map(|id| self.value(*id, depth + 1));
                Value::Tuple { open, close, items: items.collect::<Result<_, _>>()? }
            }
            Node::Matrix(rows, columns, start) => {
                let items = Items { start, len: u32::from(rows) * u32::from(columns) };
                let items = self.expression.members(items).iter().map(|id| self.value(*id, depth + 1));
                Value::Matrix { rows, columns, items: items.collect::<Result<_, _>>()? }
            }
            Node::SetBuilder(subject, condition) => match self.value(condition, depth + 1)? {
                region @ Value::Region(_) => region,
                Value::Named { value, .. } => *value,
                condition => Value::SetBuilder(Box::new([self.value(subject, depth + 1)?, condition])),
            },
            Node::Chain(members, relations) => self.chain(members, relations, depth)?,
            Node::Constant(Constant::EmptySet) => Value::Region(Region::Empty),
            Node::Constant(Constant::Reals) => Value::Region(Region::All),
            Node::Constant(Constant::Unnamed) => return Err(Unreadable::Notation("nothing stands after a relation")),
            Node::Binary(Binary::Union, a, b) => {
                Value::Region(Region::Union(vec![self.region(a, depth)?, self.region(b, depth)?]))
            }
            Node::Binary(Binary::Intersection, a, b) => {
                Value::Region(Region::Intersection(vec![self.region(a, depth)?, self.region(b, depth)?]))
            }
            Node::Binary(Binary::Difference, a, b) => self.difference(a, b, depth)?,
            Node::Binary(Binary::Sub, a, b) if self.is_set(a) || self.is_set(b) => self.difference(a, b, depth)?,
            _ if self.expression.has_signs(id) => {
                let items =
                    [Sign::Upper, Sign::Lower].map(|sign| Value::Scalar(Operand::new(self.evaluator, id, sign)));
                Value::List { items: items.to_vec(), is_ordered: false, is_set: false }
            }
            _ => Value::Scalar(self.operand(id)),
        })
    }

    fn is_set(&self, id: Id) -> bool {
        match self.expression.node(id) {
            Node::Set(_) | Node::SetBuilder(..) | Node::Constant(Constant::Reals) => true,
            Node::Tuple(_, _, items) => items.len == 2,
            Node::Binary(operator, ..) => matches!(operator, Binary::Union | Binary::Intersection | Binary::Difference),
            _ => false,
        }
    }

    fn difference(&self, a: Id, b: Id, depth: usize) -> Result<Value<'e>, Unreadable> {
        Ok(Value::Region(Region::Difference(Box::new([self.region(a, depth)?, self.region(b, depth)?]))))
    }

    fn region(&self, id: Id, depth: usize) -> Result<Region<'e>, Unreadable> {
        let value = self.value(id, depth + 1)?;
        value.region().ok_or(Unreadable::Notation("a union of what is no set of real numbers"))
    }

    /// Members; those with `±` count twice.
    fn values(&self, items: Items, depth: usize) -> Result<Vec<Value<'e>>, Unreadable> {
        let mut values = Vec::with_capacity(items.len as usize);
        for id in self.expression.members(items) {
            match self.value(*id, depth + 1)? {
                Value::List { items, .. } => values.extend(items),
                Value::Named { name, value } if matches!(*value, Value::List { .. }) => {
                    let Value::List { items, .. } = *value else { continue };
                    values.extend(items.into_iter().map(|item| Value::Named { name, value: Box::new(item) }));
                }
                value => values.push(value),
            }
        }
        Ok(values)
    }

    fn list(&self, separator: Separator, items: Items, depth: usize) -> Result<Value<'e>, Unreadable> {
        let items = self.values(items, depth)?;
        let num_regions = items.iter().filter(|item| matches!(item, Value::Region(_))).count();
        if separator != Separator::Comma && num_regions > 0 {
            let regions: Option<Vec<_>> = items.iter().map(Value::region).collect();
            if let Some(regions) = regions {
                let is_union = separator == Separator::Or || num_regions < items.len();
                return Ok(Value::Region(if is_union {
                    Region::Union(regions)
                } else {
                    Region::Intersection(regions)
                }));
            }
        }
        let items = repeated_names(items);
        Ok(Value::List { items, is_ordered: self.expression.has_ellipsis, is_set: false })
    }

    fn chain(&self, members: Items, relations: u32, depth: usize) -> Result<Value<'e>, Unreadable> {
        let mut members = self.expression.members(members);
        let start = relations as usize;
        let mut relations = &self.expression.relations[start..start + members.len() - 1];
        // What is said to be close to it comes after what it is; but `x ≈ 11` says no more.
        if let Some(at) = relations.iter().position(|relation| *relation == Relation::Approximate) {
            let says_more = at > 0 || !self.is_name(members[0]);
            if says_more {
                (members, relations) = (&members[..=at], &relations[..at]);
            }
        }
        let last = members[members.len() - 1];
        let is_modulus =
            relations.last() == Some(&Relation::Congruent) && matches!(self.expression.node(last), Node::Variable(_));
        if is_modulus {
            let value = self.value(members[members.len() - 2], depth + 1)?;
            return Ok(Value::Modulo { value: Box::new(value), modulus: self.operand(last) });
        }
        if relations.is_empty() {
            return self.value(members[0], depth + 1);
        }
        let is_equality = |relation: &Relation| matches!(relation, Relation::Equal | Relation::Approximate);
        if relations.iter().all(is_equality) {
            return self.equality(members, depth);
        }
        if let [Relation::In] = relations
            && self.is_name(members[0])
        {
            let value = self.value(members[1], depth + 1)?;
            return Ok(value.region().map_or(value, Value::Region));
        }
        if let Some(region) = self.inequality(members, relations) {
            return Ok(Value::Region(region));
        }
        let members = members.iter().map(|id| self.operand(*id)).collect();
        Ok(Value::Relation { members, relations: relations.to_vec() })
    }

    fn equality(&self, members: &[Id], depth: usize) -> Result<Value<'e>, Unreadable> {
        let (first, last) = (members[0], members[members.len() - 1]);
        let named = |name, value| -> Result<Value<'e>, Unreadable> {
            let value = Box::new(self.value(value, depth + 1)?);
            Ok(Value::Named { name: self.operand(name), value })
        };
        if self.is_name(first) {
            return named(first, last);
        }
        let has_names = members.iter().any(|id| !self.expression.names(*id).is_empty());
        if !has_names {
            return self.value(last, depth + 1);
        }
        // `5 = x`
        if members.len() == 2 && matches!(self.expression.node(last), Node::Variable(_)) {
            return named(last, first);
        }
        match members {
            [a, b] => Ok(Value::Equation([self.operand(*a), self.operand(*b)])),
            _ => self.value(last, depth + 1),
        }
    }

    /// Whether it only says what the answer is of: `x`, `f(x)`, `T(10)`, `AB`, `|AB|`, `A:B`, `(x, y)`, `tan A`.
    fn is_name(&self, id: Id) -> bool {
        let is_upper = |id: Id| matches!(self.expression.node(id), Node::Variable(name) if is_upper_letter(name));
        match self.expression.node(id) {
            Node::Variable(_) | Node::Constant(Constant::Unnamed) | Node::Opaque(..) => true,
            Node::Tuple(_, _, items) => self.expression.members(items).iter().all(|id| self.is_name(*id)),
            Node::Call(Function::Abs, inner) => !self.expression.has_numbers(inner),
            Node::Call(function, inner) => {
                function != Function::Sqrt
                    && function != Function::Factorial
                    && self.is_name(inner)
                    && !self.expression.has_numbers(inner)
            }
            Node::Binary(Binary::Ratio, ..) => !self.expression.has_numbers(id),
            Node::Binary(Binary::Mul, a, b) => {
                (matches!(self.expression.node(a), Node::Variable(_)) && self.expression.is_bracketed(b))
                    || (is_upper(b)
                        && (is_upper(a)
                            || (matches!(self.expression.node(a), Node::Binary(Binary::Mul, ..)) && self.is_name(a))))
            }
            _ => false,
        }
    }

    fn inequality(&self, members: &[Id], relations: &[Relation]) -> Option<Region<'e>> {
        match (members, relations) {
            ([a, b], [Relation::NotEqual]) => match (self.is_name(*a), self.is_name(*b)) {
                (true, _) => Some(Region::Except(self.operand(*b))),
                (_, true) => Some(Region::Except(self.operand(*a))),
                _ => None,
            },
            ([a, b], [relation]) if relation.is_order() => {
                let share = self.expression.names(*a).iter().any(|name| self.expression.names(*b).contains(name));
                match (self.is_name(*a), self.is_name(*b)) {
                    (true, false) if !share => Some(self.half_line(*a, self.operand(*b), *relation)),
                    (false, true) if !share => Some(self.half_line(*b, self.operand(*a), relation.flipped())),
                    _ => self.linear(*a, *b, *relation),
                }
            }
            ([a, subject, b], [first, second]) if first.is_order() && second.is_order() && self.is_name(*subject) => {
                let subjects = self.expression.names(*subject);
                let share =
                    [a, b].iter().any(|end| self.expression.names(**end).iter().any(|name| subjects.contains(name)));
                if share || (self.is_name(*a) && self.is_name(*b)) {
                    return None;
                }
                let left = self.half_line(*subject, self.operand(*a), first.flipped());
                let right = self.half_line(*subject, self.operand(*b), *second);
                Some(join(left, right))
            }
            _ => None,
        }
    }

    /// `subject relation end`.
    fn half_line(&self, subject: Id, end: Operand<'e>, relation: Relation) -> Region<'e> {
        let with_end = matches!(relation, Relation::LessEqual | Relation::GreaterEqual);
        let is_upper = matches!(relation, Relation::Less | Relation::LessEqual);
        let region = if is_upper {
            interval(None, Some(end), false, with_end)
        } else {
            interval(Some(end), None, with_end, false)
        };
        if !matches!(self.expression.node(subject), Node::Call(Function::Abs, _)) {
            return region;
        }
        let mirror = end.negated();
        match is_upper {
            true => interval(Some(mirror), Some(end), with_end, with_end),
            false => Region::Union(vec![region, interval(None, Some(mirror), false, with_end)]),
        }
    }

    /// An inequality that is linear in its only name, solved for it.
    fn linear(&self, a: Id, b: Id, relation: Relation) -> Option<Region<'e>> {
        let mut names = self.expression.names(a);
        names.extend(self.expression.names(b));
        names.dedup();
        if names.len() != 1 {
            return None;
        }
        let difference = |x: i128| {
            let x = Rational::integer(x);
            self.evaluator.exact_at(a, x)?.sub(self.evaluator.exact_at(b, x)?)
        };
        let (zero, one, two, nine) = (difference(0)?, difference(1)?, difference(2)?, difference(9)?);
        let slope = one.sub(zero)?;
        let is_linear = two.sub(one)? == slope && nine.sub(zero)? == slope.mul(Rational::integer(9))?;
        let known = Some(zero.neg().div(slope)?).filter(|_| is_linear)?;
        let end = Operand { known: Some(known), ..self.operand(a) };
        let relation = if slope.num < 0 { relation.flipped() } else { relation };
        let with_end = matches!(relation, Relation::LessEqual | Relation::GreaterEqual);
        Some(match relation {
            Relation::Less | Relation::LessEqual => interval(None, Some(end), false, with_end),
            _ => interval(Some(end), None, with_end, false),
        })
    }
}

fn is_upper_letter(name: u64) -> bool {
    static LETTERS: std::sync::LazyLock<[u64; 26]> = std::sync::LazyLock::new(|| {
        std::array::from_fn(|k| name_hash(char::from(b'A' + k as u8).encode_utf8(&mut [0; 4])))
    });
    LETTERS.contains(&name)
}

/// An interval; ends at infinity are none.
fn interval<'e>(from: Option<Operand<'e>>, to: Option<Operand<'e>>, with_from: bool, with_to: bool) -> Region<'e> {
    let finite = |end: &Operand<'e>| end.infinity().is_none();
    Region::Interval { from: from.filter(finite), to: to.filter(finite), with_from, with_to }
}

/// `a < x < b` from its halves.
fn join<'e>(left: Region<'e>, right: Region<'e>) -> Region<'e> {
    match (left, right) {
        (Region::Interval { from, to: None, with_from, .. }, Region::Interval { from: None, to, with_to, .. })
        | (Region::Interval { from: None, to, with_to, .. }, Region::Interval { from, to: None, with_from, .. }) => {
            Region::Interval { from, to, with_from, with_to }
        }
        (left, right) => Region::Intersection(vec![left, right]),
    }
}

/// `p=5, q=2; p=7, q=2` names the same things again: points.
fn repeated_names(items: Vec<Value<'_>>) -> Vec<Value<'_>> {
    let name = |item: &Value<'_>| match item {
        Value::Named { name, .. } => match name.expression().node(name.id) {
            Node::Variable(name) => Some(name),
            _ => None,
        },
        _ => None,
    };
    let names: Option<Vec<u64>> = items.iter().map(name).collect();
    let Some(names) = names.filter(|names| !names.is_empty()) else { return items };
    let Some(period) = names.iter().skip(1).position(|name| *name == names[0]).map(|at| at + 1) else { return items };
    let repeats = names.iter().enumerate().all(|(at, name)| *name == names[at % period]);
    if period < 2 || !repeats || names.len() % period != 0 {
        return items;
    }
    items
        .chunks(period)
        .map(|point| {
            let items = point.iter().map(|item| item.unnamed().clone()).collect();
            Value::Tuple { open: Bracket::Round, close: Bracket::Round, items }
        })
        .collect()
}

impl<'e> Value<'e> {
    /// What is named.
    pub fn unnamed(&self) -> &Self {
        match self {
            Self::Named { value, .. } => value,
            other => other,
        }
    }

    pub fn scalar(&self) -> Option<Operand<'e>> {
        match self {
            Self::Scalar(operand) => Some(*operand),
            Self::Named { value, .. } => value.scalar(),
            _ => None,
        }
    }

    /// The region that it may stand for.
    pub fn region(&self) -> Option<Region<'e>> {
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
