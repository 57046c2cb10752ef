//! Equations: of a chain of equal sides the last one is the answer, and it must be a value where the gold is one.

use super::form;
use crate::expression::{Expression, Id, Node, Relation};

/// What an answer that is an equation comes to, beside a gold that is a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Worth {
    /// The whole answer: it is no equation, or the gold is none that has a value.
    Whole,
    /// The last side.
    Side(Id),
    /// Its last side is a name, and the value before it is not worked out: `35 - 31 = x`.
    Nothing,
}

/// The part of `completion` that is compared with `gold`.
pub(super) fn worth(gold: &Expression, completion: &Expression) -> Worth {
    let Some(members) = sides(completion, completion.root) else { return Worth::Whole };
    let gold_sides = sides(gold, gold.root);
    // A gold that is an equation is a value where it only names one: `x = 4`.
    let is_named = |sides: &[Id]| matches!(gold.node(sides[0]), Node::Variable(_) | Node::Opaque(..));
    if !gold_sides.is_none_or(is_named) {
        return Worth::Whole;
    }
    let value = gold_sides.and_then(|sides| sides.last().copied()).unwrap_or(gold.root);
    if matches!(gold.node(value), Node::Chain(..)) {
        return Worth::Whole;
    }
    let last = members[members.len() - 1];
    let has_names = !gold.names(value).is_empty();
    let is_name = matches!(completion.node(last), Node::Variable(_));
    if completion.names(last).is_empty() || has_names {
        return if gold_sides.is_none() && !is_name { Worth::Side(last) } else { Worth::Whole };
    }
    match members {
        [first, _] if form::is_value(completion, *first) => Worth::Whole,
        _ => Worth::Nothing,
    }
}

/// The sides of an equation.
fn sides(expression: &Expression, id: Id) -> Option<&[Id]> {
    let Node::Chain(items, start) = expression.node(id) else { return None };
    let members = expression.members(items);
    let relations = &expression.relations[start as usize..][..members.len() - 1];
    relations.iter().all(|relation| *relation == Relation::Equal).then_some(members)
}
