//! Reading: the kind of value that an expression is.

use super::operand::Operand;
use super::region::Region;
use super::value::Value;
use crate::evaluation::{Evaluator, Sign};
use crate::expression::{Binary, Bracket, Constant, Expression, Function, Id, Items, Node, Relation, Separator};
use crate::name::name_hash;
use crate::unreadable::Unreadable;

/// Deepest nesting of lists and tuples.
const MAX_DEPTH: usize = 32;

/// Reads the kind of a whole answer.
pub(super) fn read<'e>(evaluator: &'e Evaluator<'e>) -> Result<Value<'e>, Unreadable> {
    Reader { evaluator, expression: evaluator.expression }.value(evaluator.expression.root, 0)
}

pub(super) struct Reader<'e> {
    pub(super) evaluator: &'e Evaluator<'e>,
    pub(super) expression: &'e Expression,
}

impl<'e> Reader<'e> {
    pub(super) fn operand(&self, id: Id) -> Operand<'e> {
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

    /// Reads members; a member with `±` is two.
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
        // The value stands before `≈` and its approximation behind it, unless a name stands before it, as in `x ≈ 11`.
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

    /// True for a node that only names the answer: `x`, `f(x)`, `T(10)`, `AB`, `|AB|`, `A:B`, `(x, y)`, `tan A`.
    pub(super) fn is_name(&self, id: Id) -> bool {
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
}

fn is_upper_letter(name: u64) -> bool {
    static LETTERS: std::sync::LazyLock<[u64; 26]> = std::sync::LazyLock::new(|| {
        std::array::from_fn(|k| name_hash(char::from(b'A' + k as u8).encode_utf8(&mut [0; 4])))
    });
    LETTERS.contains(&name)
}

/// Points from members whose names repeat: `p=5, q=2; p=7, q=2`.
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
