//! Are two answers the same? Each is read as a kind of value; lists, tuples, matrices and regions come down to pairs of
//! numbers, and numbers are decided in stages.

mod operand;
mod region;
mod value;

use std::collections::HashSet;

use operand::Operand;
use value::Value;

use super::evaluation::Evaluator;
use super::expression::{Bracket, Expression, Node, Relation};
use super::notation::name_hash;
use super::unreadable::Unreadable;
use super::{MathPolicy, Stage};

/// Pairs of members that are compared at most; a pair that is compared at points counts as [`POINTS_COST`].
const MAX_PAIRS: usize = 20_000;

/// What a comparison at points costs beside an exact one.
const POINTS_COST: usize = 20;

/// What came of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Equal(Stage),
    NotEqual(Stage),
    /// The gold has no value that could be compared.
    GoldNotComputed,
    /// The completion has none.
    CompletionNotComputed,
    /// The numbers are larger, or the lists longer, than what is computed.
    TooLarge,
}

impl Outcome {
    fn decided(is_equal: bool, stage: Stage) -> Self {
        if is_equal { Self::Equal(stage) } else { Self::NotEqual(stage) }
    }
}

/// Compares two answers under the policy.
pub(super) fn compare(
    gold: &Expression,
    completion: &Expression,
    policy: &MathPolicy,
) -> Result<Outcome, (Side, Unreadable)> {
    let outcome = compare_once(gold, completion, None, policy)?;
    if matches!(outcome, Outcome::Equal(_)) || !policy.parameters_renamable {
        return Ok(outcome);
    }
    let Some(renamed) = renamed_parameter(gold, completion) else { return Ok(outcome) };
    match compare_once(gold, completion, Some(renamed), policy)? {
        equal @ Outcome::Equal(_) => Ok(equal),
        _ => Ok(outcome),
    }
}

/// Whose answer it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Gold,
    Completion,
}

fn compare_once(
    gold: &Expression,
    completion: &Expression,
    renamed: Option<(u64, u64)>,
    policy: &MathPolicy,
) -> Result<Outcome, (Side, Unreadable)> {
    let (gold, completion) = (Evaluator::new(gold, None), Evaluator::new(completion, renamed));
    let mut values = (
        value::read(&gold).map_err(|why| (Side::Gold, why))?,
        value::read(&completion).map_err(|why| (Side::Completion, why))?,
    );
    if policy.integration_constant_optional {
        values = without_constant(values.0, values.1);
    }
    if !policy.relations_as_sets && is_inequality(gold.expression) != is_inequality(completion.expression) {
        return Ok(Outcome::NotEqual(Stage::Structure));
    }
    let mut comparison = Comparison { policy, num_pairs: 0 };
    let outcome = comparison.values(&values.0, &values.1);
    Ok(comparison.units(&values.0, &values.1, outcome))
}

/// Whether it is written as an inequality, and not as a set of what fulfils one.
fn is_inequality(expression: &Expression) -> bool {
    let is_set = expression.nodes.iter().any(|node| matches!(node, Node::SetBuilder(..)));
    !is_set && expression.relations.iter().any(|relation| relation.is_order() || *relation == Relation::NotEqual)
}

/// `(from, to)`: the one name of the completion that may stand for one that only the gold has: both letters for any
/// integer, or one letter in two sizes.
fn renamed_parameter(gold: &Expression, completion: &Expression) -> Option<(u64, u64)> {
    const PARAMETERS: [&str; 5] = ["k", "n", "m", "l", "t"];
    let (gold, completion) = (gold.names(gold.root), completion.names(completion.root));
    let is_parameter = |name: u64| PARAMETERS.iter().any(|letter| name_hash(letter) == name);
    let is_other_case = |a: u64, b: u64| {
        (b'a'..=b'z').any(|letter| {
            let name = |letter: u8| name_hash(char::from(letter).encode_utf8(&mut [0; 4]));
            let (lower, upper) = (name(letter), name(letter.to_ascii_uppercase()));
            (a, b) == (lower, upper) || (a, b) == (upper, lower)
        })
    };
    let only_gold = gold.iter().filter(|name| completion.binary_search(name).is_err());
    let only_completion = || completion.iter().filter(|name| gold.binary_search(name).is_err());
    let mut pairs = only_gold
        .flat_map(|to| only_completion().map(move |from| (*from, *to)))
        .filter(|(from, to)| (is_parameter(*from) && is_parameter(*to)) || is_other_case(*from, *to));
    pairs.next().filter(|_| pairs.next().is_none())
}

/// Drops `+ C` at the end of the side that alone has it.
fn without_constant<'e>(gold: Value<'e>, completion: Value<'e>) -> (Value<'e>, Value<'e>) {
    let drop = |value: Value<'e>, other: &Value<'e>| {
        let (Some(operand), Some(other)) = (value.scalar(), other.scalar()) else { return value };
        match operand.expression().node(operand.id) {
            Node::Binary(super::expression::Binary::Add, rest, constant)
                if matches!(operand.expression().node(constant), Node::Variable(name)
                    if ["C", "c"].iter().any(|letter| name_hash(letter) == name) && !other.names().contains(&name)) =>
            {
                Value::Scalar(Operand { id: rest, ..operand })
            }
            _ => value,
        }
    };
    let gold = drop(gold, &completion);
    let completion = drop(completion, &gold);
    (gold, completion)
}

struct Comparison<'p> {
    policy: &'p MathPolicy,
    num_pairs: usize,
}

impl Comparison<'_> {
    fn values<'e>(&mut self, gold: &Value<'e>, completion: &Value<'e>) -> Outcome {
        use Value::*;
        let different = Outcome::NotEqual(Stage::Structure);
        self.num_pairs += 1;
        if self.num_pairs > MAX_PAIRS {
            return Outcome::TooLarge;
        }
        match (gold, completion) {
            (Scalar(a), Scalar(b)) => {
                let outcome = operand::compare(*a, *b, self.policy);
                if !matches!(outcome, Outcome::Equal(Stage::Exact) | Outcome::NotEqual(Stage::Exact)) {
                    self.num_pairs += POINTS_COST;
                }
                outcome
            }
            (Modulo { value: a, modulus: m }, Modulo { value: b, modulus: n }) => {
                let moduli = operand::same_value(*m, *n);
                self.all([moduli].into_iter(), [(&**a, &**b)].into_iter())
            }
            (Modulo { value, .. }, other) => self.values(value, other),
            (other, Modulo { value, .. }) => self.values(other, value),
            (Named { name: n, value: a }, Named { name: m, value: b }) => {
                let outcome = self.values(a, b);
                match (outcome, a.scalar(), b.scalar()) {
                    (Outcome::NotEqual(_), Some(a), Some(b)) => same_equation([*n, a], [*m, b]),
                    _ => outcome,
                }
            }
            (Equation(a), Equation(b)) => same_equation(*a, *b),
            (Equation(a), Named { name, value }) => match value.scalar() {
                Some(value) => same_equation(*a, [*name, value]),
                None => different,
            },
            (Named { name, value }, Equation(b)) => match value.scalar() {
                Some(value) => same_equation([*name, value], *b),
                None => different,
            },
            (Region(_), _) | (_, Region(_)) => match (gold.region(), completion.region()) {
                (Some(a), Some(b)) => region::compare(&a, &b, self.policy),
                _ => different,
            },
            (Named { value, .. }, other) => self.values(value, other),
            (other, Named { value, .. }) => self.values(other, value),
            (List { is_set: a, .. }, List { is_set: b, .. }) if a != b && !self.policy.sets_as_lists => different,
            (List { items: a, is_ordered, .. }, List { items: b, is_ordered: other, .. }) => {
                self.lists(a, b, *is_ordered || *other || !self.policy.lists_unordered)
            }
            (List { is_set: true, .. }, Tuple { .. }) | (Tuple { .. }, List { is_set: true, .. }) => different,
            (List { items: a, .. }, Tuple { open, close, items: b })
            | (Tuple { open, close, items: a }, List { items: b, .. }) => {
                let may_be_point = a.len() != 2 || (*open, *close) == (Bracket::Round, Bracket::Round);
                if may_be_point { self.ordered(a, b) } else { different }
            }
            (List { items, .. }, other) => match items.as_slice() {
                [single] => self.values(single, other),
                _ => match other {
                    Matrix { rows, columns, items: b } if *rows == 1 || *columns == 1 => self.ordered(items, b),
                    _ => different,
                },
            },
            (other, List { items, .. }) => match items.as_slice() {
                [single] => self.values(other, single),
                _ => match other {
                    Matrix { rows, columns, items: a } if *rows == 1 || *columns == 1 => self.ordered(a, items),
                    _ => different,
                },
            },
            (Tuple { open: o, close: c, items: a }, Tuple { open: p, close: d, items: b }) => {
                if a.len() == 2 && (o != p || c != d) {
                    return different;
                }
                self.ordered(a, b)
            }
            (Matrix { rows: r, columns: c, items: a }, Matrix { rows: s, columns: d, items: b }) => {
                if r != s || c != d { different } else { self.ordered(a, b) }
            }
            (Matrix { rows, columns, items: a }, Tuple { items: b, .. })
            | (Tuple { items: a, .. }, Matrix { rows, columns, items: b })
                if *rows == 1 || *columns == 1 =>
            {
                self.ordered(a, b)
            }
            (SetBuilder(a), SetBuilder(b)) => self.all([].into_iter(), a.iter().zip(b.iter())),
            (Relation { members: a, relations: r }, Relation { members: b, relations: s }) => {
                same_relation(a, r, b, s, self.policy)
            }
            _ => different,
        }
    }

    /// Equal where all are.
    fn all<'v, 'e: 'v>(
        &mut self,
        known: impl Iterator<Item = Outcome>,
        pairs: impl Iterator<Item = (&'v Value<'e>, &'v Value<'e>)>,
    ) -> Outcome {
        let mut result = Outcome::Equal(Stage::Exact);
        for outcome in known {
            result = worse(result, outcome);
        }
        for (a, b) in pairs {
            if matches!(result, Outcome::NotEqual(_)) {
                break;
            }
            result = worse(result, self.values(a, b));
        }
        result
    }

    fn ordered(&mut self, a: &[Value<'_>], b: &[Value<'_>]) -> Outcome {
        if a.len() != b.len() {
            return Outcome::NotEqual(Stage::Structure);
        }
        self.all([].into_iter(), a.iter().zip(b))
    }

    fn lists<'e>(&mut self, a: &[Value<'e>], b: &[Value<'e>], is_ordered: bool) -> Outcome {
        // Points are solutions: one that is written twice is one.
        let is_points = |items: &[Value<'_>]| items.iter().all(|item| matches!(item, Value::Tuple { .. }));
        if a.len() != b.len() {
            if is_ordered || !is_points(a) || !is_points(b) {
                return Outcome::NotEqual(Stage::Structure);
            }
            return worse(self.contains_all(a, b), self.contains_all(b, a));
        }
        let has_names = |items: &[Value<'_>]| items.iter().all(|item| matches!(item, Value::Named { .. }));
        if is_ordered || has_names(a) != has_names(b) && same_order_matters(a, b) {
            return self.ordered(a, b);
        }
        let named = has_names(a) && has_names(b);
        let mut rest: Vec<&Value<'e>> = b.iter().collect();
        let mut result = Outcome::Equal(Stage::Exact);
        for item in a {
            let mut undecided = None;
            let found = rest.iter().position(|other| {
                // Where the same names stand on both sides, each is held to its own.
                if named && !may_share_name(item, other, a, b) {
                    return false;
                }
                let outcome = self.values(item, other);
                match outcome {
                    Outcome::Equal(_) => result = worse(result, outcome),
                    Outcome::NotEqual(_) => {}
                    other => undecided = undecided.or(Some(other)),
                }
                matches!(outcome, Outcome::Equal(_))
            });
            match found {
                Some(at) => drop(rest.swap_remove(at)),
                None => return undecided.unwrap_or(Outcome::NotEqual(Stage::Structure)),
            }
        }
        result
    }

    /// Equal where each of `items` is among `others`.
    fn contains_all<'e>(&mut self, items: &[Value<'e>], others: &[Value<'e>]) -> Outcome {
        let mut result = Outcome::Equal(Stage::Exact);
        for item in items {
            let best = others
                .iter()
                .map(|other| self.values(item, other))
                .find(|outcome| matches!(outcome, Outcome::Equal(_)));
            result = worse(result, best.unwrap_or(Outcome::NotEqual(Stage::Structure)));
        }
        result
    }

    /// Units of both sides: missing ones are the policy's, different ones of a kind are converted.
    fn units(&self, gold: &Value<'_>, completion: &Value<'_>, outcome: Outcome) -> Outcome {
        let (Some(g), Some(c)) = (gold.scalar(), completion.scalar()) else { return outcome };
        match (g.expression().unit, c.expression().unit) {
            (Some(a), Some(b)) if a.dimension != b.dimension => Outcome::NotEqual(Stage::Structure),
            (Some(a), Some(b)) if (a.scale - b.scale).abs() > 1e-12 * a.scale => match (g.real(), c.real()) {
                (Some(x), Some(y)) => {
                    let (x, y) = (x * a.scale, y * b.scale);
                    Outcome::decided((x - y).abs() <= 1e-9 * x.abs(), Stage::Numeric)
                }
                _ => outcome,
            },
            (Some(unit), None) | (None, Some(unit)) => {
                let is_optional =
                    if unit.is_currency() { self.policy.currency_optional } else { self.policy.units_optional };
                if is_optional { outcome } else { Outcome::NotEqual(Stage::Structure) }
            }
            _ => outcome,
        }
    }
}

/// Names on one side only: `a=1, b=2` for `1, 2`. The order tells which is which.
fn same_order_matters(a: &[Value<'_>], b: &[Value<'_>]) -> bool {
    let distinct = |items: &[Value<'_>]| {
        let names: Vec<u64> = items
            .iter()
            .filter_map(|item| match item {
                Value::Named { name, .. } => match name.expression().node(name.id) {
                    Node::Variable(name) => Some(name),
                    _ => None,
                },
                _ => None,
            })
            .collect();
        let unique: HashSet<_> = names.iter().collect();
        !names.is_empty() && names.len() == items.len() && unique.len() == names.len()
    };
    distinct(a) || distinct(b)
}

/// Whether two named members may be matched: yes where the sides use different names.
fn may_share_name(item: &Value<'_>, other: &Value<'_>, a: &[Value<'_>], b: &[Value<'_>]) -> bool {
    let is_name = |x: &Value<'_>, y: &Value<'_>| match (x, y) {
        (Value::Named { name: x, .. }, Value::Named { name: y, .. }) => {
            matches!(operand::same_value(*x, *y), Outcome::Equal(_))
        }
        _ => false,
    };
    is_name(item, other) || !(b.iter().any(|y| is_name(item, y)) || a.iter().any(|x| is_name(x, other)))
}

/// The less certain of two outcomes, and the later stage.
fn worse(a: Outcome, b: Outcome) -> Outcome {
    match (a, b) {
        (Outcome::Equal(x), Outcome::Equal(y)) => Outcome::Equal(x.max(y)),
        (unequal @ Outcome::NotEqual(_), _) | (_, unequal @ Outcome::NotEqual(_)) => unequal,
        (Outcome::Equal(_), other) | (other, _) => other,
    }
}

/// Equations are the same where they are multiples of one another.
fn same_equation(a: [Operand<'_>; 2], b: [Operand<'_>; 2]) -> Outcome {
    let same = |x, y| matches!(operand::same_value(x, y), Outcome::Equal(_));
    if same(a[0], b[0]) && same(a[1], b[1]) || same(a[0], b[1]) && same(a[1], b[0]) {
        return Outcome::Equal(Stage::Identity);
    }
    Outcome::decided(operand::constant_ratio(a, b).is_some(), Stage::Numeric)
}

fn same_relation(a: &[Operand<'_>], r: &[Relation], b: &[Operand<'_>], s: &[Relation], policy: &MathPolicy) -> Outcome {
    let pairwise = |a: &mut dyn Iterator<Item = Operand<'_>>, b: &[Operand<'_>]| {
        a.zip(b).fold(Outcome::Equal(Stage::Exact), |result, (x, y)| worse(result, operand::compare(x, *y, policy)))
    };
    let mut outcome = Outcome::NotEqual(Stage::Structure);
    if r == s {
        outcome = pairwise(&mut a.iter().copied(), b);
    }
    let is_flipped = r.iter().rev().map(|relation| relation.flipped()).eq(s.iter().copied());
    if !matches!(outcome, Outcome::Equal(_)) && is_flipped {
        outcome = pairwise(&mut a.iter().rev().copied(), b);
    }
    if let (false, [x, y], [z, w], [r], [s]) = (matches!(outcome, Outcome::Equal(_)), a, b, r, s)
        && let Some(ratio) = operand::constant_ratio([*x, *y], [*z, *w])
    {
        let relation = if ratio > 0.0 { *r } else { r.flipped() };
        outcome = Outcome::decided(relation == *s, Stage::Numeric);
    }
    outcome
}
