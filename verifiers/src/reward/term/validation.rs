//! What is refused of terms.

use super::order::circle;
use super::reading::Reading;
use crate::VerifierError;
use crate::reward::RewardConfig;

impl RewardConfig {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// [`VerifierError::Config`] with the key and what to do.
    pub fn validate(&self) -> Result<(), VerifierError> {
        let error = |key: &str, problem: String| Err(VerifierError::Config { key: format!("reward.{key}"), problem });
        if self.term.is_empty() {
            return Ok(());
        }
        if self.format_bonus != 0.0 || self.format_required {
            let problem = "belongs to a reward without terms; write a term that reads format".to_owned();
            return error("format_bonus, reward.format_required", problem);
        }
        for (index, term) in self.term.iter().enumerate() {
            let key = |field: &str| format!("term `{}`: {field}", term.name);
            if term.name.is_empty() {
                return error(&format!("term[{index}].name"), "is empty; give the term a name".into());
            }
            if self.term[..index].iter().any(|other| other.name == term.name) {
                return error(&format!("term `{}`", term.name), "two terms have this name; rename one".into());
            }
            if !term.weight.is_finite() || term.range.is_some_and(|range| !range.is_valid()) {
                let problem = "must be finite, the range two numbers in ascending order".to_owned();
                return error(&key("weight, range"), problem);
            }
            if !(0.0..=1.0).contains(&term.threshold) {
                return error(&key("threshold"), "must lie between 0 and 1".into());
            }
            let counts_tokens = matches!(term.reads, Reading::Length | Reading::Overlong);
            if counts_tokens && (term.tokens == 0 || term.buffer > term.tokens) {
                return error(&key("tokens, buffer"), "tokens must be at least 1 and at least buffer".into());
            }
            if term.ngram == 0 {
                return error(&key("ngram"), "must be at least 1".into());
            }
            if let Reading::Term(name) = &term.reads
                && !self.term.iter().any(|other| other.name == *name)
            {
                return error(&key("reads"), format!("no term is called `{name}`"));
            }
        }
        if let Some(names) = circle(&self.term) {
            return error("term", format!("{} read each other in a circle", names.join(", ")));
        }
        if self.term.iter().all(|term| term.weight == 0.0) {
            return error("term", "the weights sum to nothing; give a term a weight".into());
        }
        Ok(())
    }
}
