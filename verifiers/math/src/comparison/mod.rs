//! Are two answers the same? Each is read as a kind of value; lists, tuples, matrices and regions come down to pairs of
//! numbers, and numbers are decided in stages.

mod inequality;
mod lists;
mod operand;
mod outcome;
mod reading;
mod region;
mod relations;
mod renaming;
mod tolerance;
mod units;
mod value;
mod values;

use self::operand::Operand;
pub(crate) use self::outcome::Outcome;
pub(crate) use self::tolerance::is_within;
use self::value::Value;
use self::values::Comparison;
use super::evaluation::Evaluator;
use super::expression::{Binary, Expression, Node, Relation};
use super::name::{Renaming, name_hash};
use super::sides::{Side, Sides};
use super::unreadable::Unreadable;
use super::{MathPolicy, Stage};

/// Compares two answers under the policy.
///
/// # Errors
/// The answer of a side has no kind of value.
pub(crate) fn compare(answers: Sides<&Expression>, policy: &MathPolicy) -> Result<Outcome, (Side, Unreadable)> {
    let outcome = compare_once(answers, None, policy)?;
    if matches!(outcome, Outcome::Equal(_)) || !policy.parameters_renamable {
        return Ok(outcome);
    }
    let Some(renamed) = renaming::renamed_parameter(answers) else { return Ok(outcome) };
    match compare_once(answers, Some(renamed), policy)? {
        equal @ Outcome::Equal(_) => Ok(equal),
        _ => Ok(outcome),
    }
}

fn compare_once(
    answers: Sides<&Expression>,
    renamed: Option<Renaming>,
    policy: &MathPolicy,
) -> Result<Outcome, (Side, Unreadable)> {
    let evaluators =
        Sides { gold: Evaluator::new(answers.gold, None), completion: Evaluator::new(answers.completion, renamed) };
    let mut values = Sides {
        gold: reading::read(&evaluators.gold).map_err(|why| (Side::Gold, why))?,
        completion: reading::read(&evaluators.completion).map_err(|why| (Side::Completion, why))?,
    };
    if policy.integration_constant_optional {
        values = without_constant(values);
    }
    if !policy.relations_as_sets && is_inequality(answers.gold) != is_inequality(answers.completion) {
        return Ok(Outcome::NotEqual(Stage::Structure));
    }
    Ok(Comparison::new(policy).values(&values.gold, &values.completion))
}

/// True for an answer that is written as an inequality, not as the set of numbers that fulfil one.
fn is_inequality(expression: &Expression) -> bool {
    let is_set = expression.nodes.iter().any(|node| matches!(node, Node::SetBuilder(..)));
    !is_set && expression.relations.iter().any(|relation| relation.is_order() || *relation == Relation::NotEqual)
}

/// Drops `+ C` at the end of the side that alone has it.
fn without_constant(values: Sides<Value<'_>>) -> Sides<Value<'_>> {
    fn without<'e>(value: Value<'e>, other: &Value<'e>) -> Value<'e> {
        let (Some(operand), Some(other)) = (value.scalar(), other.scalar()) else { return value };
        match operand.expression().node(operand.id) {
            Node::Binary(Binary::Add, rest, constant)
                if matches!(operand.expression().node(constant), Node::Variable(name)
                    if ["C", "c"].iter().any(|letter| name_hash(letter) == name) && !other.names().contains(&name)) =>
            {
                Value::Scalar(Operand { id: rest, ..operand })
            }
            _ => value,
        }
    }
    let gold = without(values.gold, &values.completion);
    let completion = without(values.completion, &gold);
    Sides { gold, completion }
}
