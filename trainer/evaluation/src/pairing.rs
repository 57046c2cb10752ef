//! Two files of results held against each other: whether they may be compared, and their comparison task by task.

use serde::{Deserialize, Serialize};
use statistics::{Comparison, ComparisonError};

use crate::error::EvaluationError;
use crate::eval_result::EvalResult;

/// The comparison of two results of one suite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SuiteComparison {
    /// The suite.
    pub suite: String,
    /// B less A, task by task.
    #[serde(flatten)]
    pub comparison: Comparison,
    /// What differs beside the model: named, and no reason to refuse.
    pub named: Vec<String>,
    /// What would forbid the comparison, which was asked for all the same.
    pub forbidding: Vec<String>,
}

/// Compares the results of each suite that both files have. `margin` is the largest loss that is still none; `anyway`
/// compares what differs in data, suite or protocol all the same.
///
/// # Errors
/// The two have no suite in common, results differ in data, suite or protocol, or share no task.
pub fn compare_results(
    before: &[EvalResult],
    after: &[EvalResult],
    margin: Option<f64>,
    anyway: bool,
) -> Result<Vec<SuiteComparison>, EvaluationError> {
    let mut comparisons = Vec::new();
    let mut forbidden = Vec::new();
    for (first, second) in pairs(before, after, anyway)? {
        let forbidding = forbidding_differences(first, second);
        forbidden.extend(forbidding.iter().map(|difference| format!("{}: {difference}", first.name())));
        let named = match (&first.suite.settings, &second.suite.settings) {
            (Some(first), Some(second)) => second.named_differences(first),
            _ => Vec::new(),
        };
        let pairing = |error: ComparisonError| EvaluationError::tasks(first.name(), error.to_string());
        if forbidding.is_empty() || anyway {
            let comparison =
                Comparison::between(&first.summary.tasks, &second.summary.tasks, margin).map_err(pairing)?;
            comparisons.push(SuiteComparison { suite: first.name().to_owned(), comparison, named, forbidding });
        }
    }
    if !forbidden.is_empty() && !anyway {
        return Err(EvaluationError::NotComparable(forbidden));
    }
    Ok(comparisons)
}

/// What forbids to compare two results: sentences.
fn forbidding_differences(first: &EvalResult, second: &EvalResult) -> Vec<String> {
    match (&first.suite.settings, &second.suite.settings) {
        (Some(first), Some(second)) => second.forbidding_differences(first),
        (None, None) if first.name() == second.name() => Vec::new(),
        (None, None) => vec![format!("data: {} there, {} here", first.name(), second.name())],
        _ => vec!["settings: one of the files says what ran, and the other does not".to_owned()],
    }
}

/// The results of each suite in both files, in the order of the first. Where both hold one, they are held together
/// whatever their names, so that the difference is named.
fn pairs<'a>(
    before: &'a [EvalResult],
    after: &'a [EvalResult],
    anyway: bool,
) -> Result<Vec<(&'a EvalResult, &'a EvalResult)>, EvaluationError> {
    if let ([first], [second]) = (before, after) {
        return Ok(vec![(first, second)]);
    }
    let find = |name: &str| after.iter().find(|result| result.name() == name);
    let pairs: Vec<_> = before.iter().filter_map(|result| Some((result, find(result.name())?))).collect();
    let names = |of: &[EvalResult]| of.iter().map(EvalResult::name).collect::<Vec<_>>().join(", ");
    if pairs.is_empty() || (pairs.len() < before.len().max(after.len()) && !anyway) {
        let difference = format!("suites: {} there, {} here", names(before), names(after));
        return Err(EvaluationError::NotComparable(vec![difference]));
    }
    Ok(pairs)
}
