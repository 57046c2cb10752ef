//! The formulas of a question: those between delimiters, and those in its plain text. No rule finds an answer here.

use super::{formula, plain_text};

/// Most formulas of a question that are looked at.
const MOST_FORMULAS: usize = 200;

/// Every formula of a question, in its order by kind: the delimited ones first.
pub(crate) fn formulas(question: &str) -> Vec<&str> {
    let delimited = formula::scan(question).found;
    let mut found: Vec<&str> = delimited.iter().map(|formula| question[formula.content.clone()].trim()).collect();
    let mut start = 0;
    let plain_ends = delimited.iter().map(|formula| formula.whole.start).chain([question.len()]);
    let plain_starts = delimited.iter().map(|formula| formula.whole.end);
    for (end, next) in plain_ends.zip(plain_starts.chain([question.len()])) {
        for line in question[start..end].lines() {
            found.extend(plain_text::formulas(line).into_iter().map(|range| &line[range]));
        }
        start = next;
    }
    found.truncate(MOST_FORMULAS);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_stand_between_delimiters_and_in_plain_text() {
        assert_eq!(formulas("What is 96 + 7?"), ["96 + 7"]);
        assert_eq!(formulas("Add $x^2$ to 3 + 4, or to \\(y\\)."), ["x^2", "y", "3 + 4"]);
        assert_eq!(formulas("Simplify 18/24 at once"), ["18/24"]);
        assert_eq!(formulas("No formula."), [""; 0]);
    }
}
