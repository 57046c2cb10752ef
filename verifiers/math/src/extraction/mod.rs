//! The place of the final answer in a completion. What the answer means is not this module's business.
//!
//! The rules, one a file, are tried in this order until one finds something; each can be switched off: a box, a
//! sentence that names the answer, a completion that is nothing else, a choice's letter at the end, the last number
//! behind the last formula, the last formula, a choice's letter at the start. An explicit statement behind a box takes
//! its place. Values that the words beside them deny are no answers. Thinking and text behind the end of the turn do
//! not count ([`visible`]). A box or a formula that is opened and never closed ends the search: no rule takes a number
//! out of a formula that is not whole. Every rule is a pass or two over the text, whatever its nesting.

mod asked;
mod beside;
mod boxed;
mod choice;
mod connective;
mod denial;
mod finding;
mod formula;
mod gold;
mod last_formula;
mod number;
mod plain_text;
mod plain_token;
mod rule;
mod sentence;
mod statement;
mod value;
mod visible;
mod whole;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

pub(crate) use self::asked::formulas;
pub use self::gold::extract_gold;
pub use self::rule::{ExtractionConfig, ExtractionRule};

/// The final answer of a completion, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extraction<'a> {
    /// A rule found one.
    Found {
        /// The rule that found it.
        rule: ExtractionRule,
        /// The answer as written; several boxes or formulas that form a list are joined by commas.
        answer: Cow<'a, str>,
    },
    /// No rule found one; the reason, as a sentence.
    Missing(&'static str),
}

/// Finds the final answer in a whole completion, thinking included.
pub fn extract<'a>(completion: &'a str, config: &ExtractionConfig) -> Extraction<'a> {
    let parts = visible::visible(completion);
    if parts.is_empty() {
        return Extraction::Missing("there is no text outside of the thinking");
    }
    for rule in ExtractionRule::ALL.iter().copied().filter(|rule| config.allows(*rule)) {
        for part in parts.iter().rev() {
            match rule.find(part) {
                Ok(None) => {}
                Ok(Some(answer)) if rule == ExtractionRule::Boxed && config.statement => {
                    // A later explicit answer takes the place of a box.
                    return match statement_behind(part) {
                        Some(answer) => Extraction::Found { rule: ExtractionRule::Statement, answer },
                        None => Extraction::Found { rule, answer },
                    };
                }
                Ok(Some(answer)) => return Extraction::Found { rule, answer },
                Err(why) => return Extraction::Missing(why),
            }
        }
    }
    Extraction::Missing("no rule of verifiers.math.extraction found an answer")
}

fn statement_behind(text: &str) -> Option<Cow<'_, str>> {
    let behind = boxed::behind(text);
    // Most completions end with their box.
    if !behind.contains("nswer") && !behind.contains("NSWER") && !behind.contains("答案") {
        return None;
    }
    statement::find_explicit(behind).ok().flatten()
}
