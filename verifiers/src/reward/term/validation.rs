//! What is refused of terms.

use datasets::near::did_you_mean;

use super::config::Combination;
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
        let numbers = [
            ("correct", Some(self.correct)),
            ("wrong", Some(self.wrong)),
            ("truncated", self.truncated),
            ("format_bonus", Some(self.format_bonus)),
            ("reward_model_scale", Some(self.reward_model_scale)),
        ];
        if let Some((key, _)) = numbers.iter().find(|(_, number)| number.is_some_and(|number| !number.is_finite())) {
            return error(key, "must be a finite number".into());
        }
        for (name, worths) in &self.worth_of {
            if let Some(word) = worths.keys().find(|word| ["passed", "not_applicable"].contains(&word.as_str())) {
                return error(&format!("worth_of.{name}.{word}"), "has no worth to set; leave it out".into());
            }
        }
        if self.term.is_empty() {
            return Ok(());
        }
        let default = Self::default();
        if (self.correct, self.wrong, self.truncated) != (default.correct, default.wrong, default.truncated) {
            let problem = "belong to a reward without terms; give a term weight and range".to_owned();
            return error("correct, reward.wrong, reward.truncated", problem);
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
            if ["mean", "std"].contains(&term.name.as_str()) {
                return error(
                    &format!("term `{}`", term.name),
                    "reward/mean and reward/std are taken; rename it".into(),
                );
            }
            if index == 0 && term.combine == Combination::Product {
                return error(&key("combine"), "nothing stands before it to be multiplied; begin with a sum".into());
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
                let hint = did_you_mean(name, self.term.iter().map(|other| other.name.as_str()));
                return error(&key("reads"), format!("no term is called `{name}`{hint}"));
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
