//! Subsets of the real line: intervals, sets of points, their unions, intersections and differences. Two are equal
//! where every piece between their ends, and every end, is in both or in neither.

use super::operand::{self, Operand};
use super::outcome::Outcome;
use crate::{MathPolicy, Stage};

/// Most ends, of both sides together, of regions that are compared.
const MAX_ENDS: usize = 60;

/// A subset of the real line.
#[derive(Clone)]
pub(super) enum Region<'e> {
    Empty,
    All,
    /// Ends (none: infinite); `with_from` and `with_to` are true for ends that belong to the interval.
    Interval {
        from: Option<Operand<'e>>,
        to: Option<Operand<'e>>,
        with_from: bool,
        with_to: bool,
    },
    Points(Vec<Operand<'e>>),
    /// All numbers but one.
    Except(Operand<'e>),
    Union(Vec<Region<'e>>),
    Intersection(Vec<Region<'e>>),
    Difference(Box<[Region<'e>; 2]>),
}

impl<'e> Region<'e> {
    fn ends(&self, ends: &mut Vec<Operand<'e>>) {
        match self {
            Self::Empty | Self::All => {}
            Self::Interval { from, to, .. } => ends.extend(from.iter().chain(to)),
            Self::Points(points) => ends.extend(points),
            Self::Except(point) => ends.push(*point),
            Self::Union(parts) | Self::Intersection(parts) => parts.iter().for_each(|part| part.ends(ends)),
            Self::Difference(parts) => parts.iter().for_each(|part| part.ends(ends)),
        }
    }

    /// True where a place belongs to the region. `order` gives the places of ends, odd numbers; even places lie
    /// between.
    fn contains(&self, place: usize, order: &impl Fn(&Operand<'e>) -> usize) -> bool {
        match self {
            Self::Empty => false,
            Self::All => true,
            Self::Interval { from, to, with_from, with_to } => {
                let after = from.as_ref().is_none_or(|end| place > order(end) || (*with_from && place == order(end)));
                let before = to.as_ref().is_none_or(|end| place < order(end) || (*with_to && place == order(end)));
                after && before
            }
            Self::Points(points) => points.iter().any(|point| order(point) == place),
            Self::Except(point) => order(point) != place,
            Self::Union(parts) => parts.iter().any(|part| part.contains(place, order)),
            Self::Intersection(parts) => parts.iter().all(|part| part.contains(place, order)),
            Self::Difference(parts) => parts[0].contains(place, order) && !parts[1].contains(place, order),
        }
    }

    /// The intervals of a region that is a union of nothing else.
    fn intervals(&self) -> Option<Vec<&Self>> {
        match self {
            Self::Interval { .. } => Some(vec![self]),
            Self::Union(parts) => {
                let parts: Option<Vec<_>> = parts.iter().map(Self::intervals).collect();
                Some(parts?.concat())
            }
            _ => None,
        }
    }
}

/// An interval; ends at infinity become none.
pub(super) fn interval<'e>(
    from: Option<Operand<'e>>,
    to: Option<Operand<'e>>,
    with_from: bool,
    with_to: bool,
) -> Region<'e> {
    let finite = |end: &Operand<'e>| end.infinity().is_none();
    Region::Interval { from: from.filter(finite), to: to.filter(finite), with_from, with_to }
}

/// Compares two regions.
pub(super) fn compare<'e>(gold: &Region<'e>, completion: &Region<'e>, policy: &MathPolicy) -> Outcome {
    let (mut ends, mut others) = (Vec::new(), Vec::new());
    gold.ends(&mut ends);
    completion.ends(&mut others);
    if ends.len() + others.len() > MAX_ENDS {
        return Outcome::TooLarge;
    }
    let reals: Option<Vec<f64>> = ends.iter().chain(&others).map(Operand::real).collect();
    let Some(_) = reals else { return compare_intervals(gold, completion, policy) };
    let num_gold = ends.len();
    ends.extend(others);
    // Ends that are the same number form a class; the gold's come first, so that a rounded decimal joins their class.
    let mut classes: Vec<(Operand<'e>, f64)> = Vec::new();
    let mut class_of = Vec::with_capacity(ends.len());
    for (index, end) in ends.iter().enumerate() {
        let known = classes.iter().position(|(class, _)| {
            let outcome = if index < num_gold {
                operand::same_value(*class, *end)
            } else {
                operand::compare(*class, *end, policy)
            };
            matches!(outcome, Outcome::Equal(_))
        });
        class_of.push(known.unwrap_or_else(|| {
            classes.push((*end, end.real().unwrap_or(f64::NAN)));
            classes.len() - 1
        }));
    }
    let rank = |class: usize| classes.iter().filter(|(_, value)| *value < classes[class].1).count();
    let order = |end: &Operand<'e>| {
        let index = ends.iter().position(|other| {
            std::ptr::eq(other.evaluator, end.evaluator)
                && other.id == end.id
                && other.sign == end.sign
                && other.is_negated == end.is_negated
                && other.known == end.known
        });
        index.map_or(usize::MAX, |index| 2 * rank(class_of[index]) + 1)
    };
    let is_same =
        (0..=2 * classes.len()).all(|place| gold.contains(place, &order) == completion.contains(place, &order));
    Outcome::decided(is_same, Stage::Structure)
}

/// Compares unions of intervals whose ends have names in them: the same intervals in any order.
fn compare_intervals(gold: &Region<'_>, completion: &Region<'_>, policy: &MathPolicy) -> Outcome {
    let (Some(a), Some(mut b)) = (gold.intervals(), completion.intervals()) else {
        return Outcome::GoldNotComputed;
    };
    if a.len() != b.len() {
        return Outcome::NotEqual(Stage::Structure);
    }
    for gold in a {
        let Some(at) = b.iter().position(|other| same_interval(gold, other, policy)) else {
            return Outcome::NotEqual(Stage::Structure);
        };
        b.swap_remove(at);
    }
    Outcome::Equal(Stage::Structure)
}

fn same_interval(gold: &Region<'_>, other: &Region<'_>, policy: &MathPolicy) -> bool {
    let (
        Region::Interval { from: a, to: b, with_from: with_a, with_to: with_b },
        Region::Interval { from: c, to: d, with_from: with_c, with_to: with_d },
    ) = (gold, other)
    else {
        return false;
    };
    let same_end = |x: &Option<Operand<'_>>, y: &Option<Operand<'_>>| match (x, y) {
        (Some(x), Some(y)) => matches!(operand::compare(*x, *y, policy), Outcome::Equal(_)),
        (None, None) => true,
        _ => false,
    };
    with_a == with_c && with_b == with_d && same_end(a, c) && same_end(b, d)
}
