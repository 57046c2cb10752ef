//! Inequalities: the regions of the real line that they describe.

use super::operand::Operand;
use super::reading::Reader;
use super::region::{Region, interval};
use crate::arithmetic::Rational;
use crate::expression::{Function, Id, Node, Relation};

impl<'e> Reader<'e> {
    /// The region of the numbers that fulfil a chain, where the chain has a subject or is linear in one name.
    pub(super) fn inequality(&self, members: &[Id], relations: &[Relation]) -> Option<Region<'e>> {
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

    /// The region of `subject relation end`; for the size of a subject, `|x| < 5`, on both sides of 0.
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

/// The region of `a < x < b` from its halves.
fn join<'e>(left: Region<'e>, right: Region<'e>) -> Region<'e> {
    match (left, right) {
        (Region::Interval { from, to: None, with_from, .. }, Region::Interval { from: None, to, with_to, .. })
        | (Region::Interval { from: None, to, with_to, .. }, Region::Interval { from, to: None, with_from, .. }) => {
            Region::Interval { from, to, with_from, with_to }
        }
        (left, right) => Region::Intersection(vec![left, right]),
    }
}
