//! IFEval's 25 instruction types (arXiv 2311.07911), checked by rule.
//!
//! One file for each family; each check reads the answer, thinking removed, and its arguments, and knows nothing of the
//! others. Strict by default, as the benchmark's headline figure; an empty answer follows nothing. Departures from the
//! published checker: keywords are literal text, never patterns; sentences are split by the rules of `sentences`, not
//! by a trained model; `language` tells a language by script and function words, and one outside its list is an error.

mod arguments;
mod case;
mod catalogue;
mod check;
mod combination;
mod config;
mod content;
mod format;
mod keywords;
mod language;
mod length;
mod loose;
mod punctuation;
mod sentences;
mod start_end;

use datasets::Task;
use serde::Deserialize;
use serde_json::Value;

use self::arguments::{Arguments, Unjudged};
pub use self::catalogue::INSTRUCTION_IDS;
use self::catalogue::check_of;
pub use self::config::InstructionConfig;
use crate::{Verdict, VerdictFuture, Verifier, VerifierError, split_thinking};

/// The ground truth: two lists in parallel, as IFEval publishes them.
#[derive(Deserialize)]
struct Instructions {
    instruction_id_list: Vec<String>,
    kwargs: Vec<Value>,
}

/// `ifeval`: the ground truth is `{"instruction_id_list": [id, …], "kwargs": [{…}, …]}`.
pub struct InstructionVerifier {
    config: InstructionConfig,
}

impl InstructionVerifier {
    /// A verifier with these settings.
    pub fn new(config: InstructionConfig) -> Self {
        Self { config }
    }

    fn judge(&self, task: &Task, completion: &str) -> Result<Verdict, VerifierError> {
        let broken = |problem: String| VerifierError::ground_truth(task, self.name(), problem);
        let instructions = Instructions::deserialize(&task.ground_truth).map_err(|error| broken(error.to_string()))?;
        let (ids, kwargs) = (&instructions.instruction_id_list, &instructions.kwargs);
        if ids.is_empty() || ids.len() != kwargs.len() {
            let problem = format!(
                "`instruction_id_list` has {} entries and `kwargs` {}; they must be equal and not 0",
                ids.len(),
                kwargs.len()
            );
            return Err(broken(problem));
        }
        let answer = split_thinking(completion, false).answer.unwrap_or_default();
        let variants = if self.config.loose { loose::variants(answer) } else { vec![answer.to_owned()] };

        let mut missed = Vec::new();
        for (id, kwargs) in ids.iter().zip(kwargs) {
            let check = check_of(id).ok_or_else(|| self.unsupported(task, format!("the instruction type `{id}`")))?;
            let arguments = Arguments::new(kwargs);
            let mut is_followed = false;
            for variant in &variants {
                // An empty answer is checked too, so that broken arguments are reported.
                let follows = check(variant, &arguments).map_err(|unjudged| match unjudged {
                    Unjudged::Argument(problem) => broken(format!("`{id}`: {problem}")),
                    Unjudged::Unsupported(what) => self.unsupported(task, what),
                })?;
                is_followed |= follows && !variant.trim().is_empty();
            }
            if !is_followed {
                missed.push(id.as_str());
            }
        }
        let reason = if missed.is_empty() {
            format!("all {} instructions followed", ids.len())
        } else {
            format!("not followed: {}", missed.join(", "))
        };
        let num_followed = ids.len() - missed.len();
        Ok(Verdict::of_checks(num_followed, ids.len(), self.config.partial_credit, reason))
    }

    fn unsupported(&self, task: &Task, what: String) -> VerifierError {
        VerifierError::Unsupported { task: task.id.clone(), verifier: self.name().to_owned(), what }
    }
}

impl Verifier for InstructionVerifier {
    fn name(&self) -> &str {
        "ifeval"
    }

    fn only_computes(&self) -> bool {
        true
    }

    fn verify<'a>(&'a self, task: &'a Task, completion: &'a str) -> VerdictFuture<'a> {
        Box::pin(async move { self.judge(task, completion) })
    }
}

#[cfg(test)]
mod tests {
    use datasets::TaskKind;
    use serde_json::json;

    use super::*;

    fn judge(config: InstructionConfig, ground_truth: Value, completion: &str) -> Result<Verdict, VerifierError> {
        let task = Task {
            id: "t".into(),
            kind: TaskKind::InstructionFollowing,
            messages: Vec::new(),
            verifier: "ifeval".into(),
            ground_truth,
            tools: None,
            source: None,
            license: None,
            meta: None,
        };
        InstructionVerifier::new(config).judge(&task, completion)
    }

    fn two() -> Value {
        json!({
            "instruction_id_list": ["punctuation:no_comma", "length_constraints:number_words"],
            "kwargs": [{}, {"relation": "at least", "num_words": 3}],
        })
    }

    #[test]
    fn all_instructions_must_be_followed() {
        let strict = InstructionConfig::default;
        assert!(judge(strict(), two(), "<think>a, b</think>one two three").unwrap().passed);
        let verdict = judge(strict(), two(), "one, two").unwrap();
        assert_eq!(verdict.score, 0.0);
        assert!(verdict.reason.contains("no_comma") && verdict.reason.contains("number_words"));
    }

    #[test]
    fn a_fraction_where_it_is_asked_for() {
        let partial = InstructionConfig { partial_credit: true, ..InstructionConfig::default() };
        let verdict = judge(partial, two(), "one two").unwrap();
        assert_eq!((verdict.score, verdict.passed), (0.5, false));
    }

    #[test]
    fn an_empty_answer_follows_nothing() {
        let ground_truth = json!({"instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]});
        for empty in ["", "  \n", "<think>words", "<think>words</think>\n"] {
            assert!(!judge(InstructionConfig::default(), ground_truth.clone(), empty).unwrap().passed);
        }
    }

    #[test]
    fn loose_forgives_an_introduction() {
        let completion = "Sure, here it is:\nno punctuation at all";
        let ground_truth = json!({"instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]});
        let loose = InstructionConfig { loose: true, ..InstructionConfig::default() };
        assert!(!judge(InstructionConfig::default(), ground_truth.clone(), completion).unwrap().passed);
        assert!(judge(loose, ground_truth, completion).unwrap().passed);
    }

    #[test]
    fn broken_instructions_are_errors() {
        let cases = [
            (json!({"instruction_id_list": ["keywords:rhyme"], "kwargs": [{}]}), "keywords:rhyme"),
            (json!({"instruction_id_list": ["keywords:existence"], "kwargs": [{}]}), "keywords"),
            (json!({"instruction_id_list": ["punctuation:no_comma"], "kwargs": []}), "kwargs"),
            (json!({"instruction_id_list": [], "kwargs": []}), "instruction_id_list"),
            (json!("no comma"), "ground truth"),
        ];
        for (ground_truth, told) in cases {
            let error = judge(InstructionConfig::default(), ground_truth, "").unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }
}
