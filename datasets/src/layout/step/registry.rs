//! All steps by name.

use super::kind::ExpressionStep;
use super::{choices, code_tests, decoding, lists, numbers, objects, texts, tools};

const FAMILIES: [&[ExpressionStep]; 8] = [
    texts::STEPS,
    numbers::STEPS,
    lists::STEPS,
    objects::STEPS,
    decoding::STEPS,
    choices::STEPS,
    code_tests::STEPS,
    tools::STEPS,
];

/// The step of this name.
pub(crate) fn find(name: &str) -> Option<&'static ExpressionStep> {
    FAMILIES.into_iter().flatten().find(|step| step.name == name)
}

/// The names of all steps.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    FAMILIES.into_iter().flatten().map(|step| step.name)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    #[test]
    fn every_step_has_a_name_of_its_own_and_stands_in_the_documents() {
        let document = include_str!("../../../../docs/data.md");
        let mut seen = HashSet::new();
        for name in super::names() {
            assert!(seen.insert(name), "{name} stands there twice");
            assert!(document.contains(&format!("`{name}")), "docs/data.md does not name the step {name}");
        }
    }
}
