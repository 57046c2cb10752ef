//! The reward as terms: each reads one thing of a completion, and is added to the total, multiplied into it, or a gate
//! before what follows, in the order in which the configuration has them.
//!
//! A term's value `v` lies between 0 and 1 and is brought to its range: `x = low + v (high - low)`. With weight `w`:
//! - `sum`: `total + w x`;
//! - `product`: `total (1 + w (x - 1))`, which is `total x` at a weight of 1;
//! - `gate`: where `v` is below the threshold, the total is `w low` and the terms that follow are not read.
//!
//! A term that does not apply (another source, no reward model's score, a verifier that the task does not name or that
//! does not apply) is left out.

mod config;
mod measure;
mod order;
mod reading;
mod validation;

use datasets::Task;

pub use self::config::{Combination, TermConfig};
pub use self::reading::Reading;
use super::{Reward, RewardConfig, sigmoid};
use crate::verdict::{ScoreRange, Verdict, VerdictKind};
use crate::{Judged, Judgement, ThinkFormat};

/// What terms read.
#[derive(Debug, Clone, Copy)]
pub struct TermInput<'a> {
    /// The completion.
    pub judged: &'a Judged,
    /// What the task's verifiers said.
    pub judgement: &'a Judgement,
    /// The one verdict by which the completion is paid.
    pub verdict: &'a Verdict,
    /// The reward model's raw score (a logit), where one scored the completion; a finite number.
    pub reward_model_score: Option<f32>,
}

impl RewardConfig {
    /// The reward by the terms of `[[reward.term]]`; 0 where none applies. The breakdown holds what each term changed,
    /// so that it sums to the total.
    pub fn compose_terms(&self, input: &TermInput<'_>) -> Reward {
        let mut total = 0.0;
        let mut breakdown = Vec::new();
        for term in self.term.iter().filter(|term| term.is_for(&input.judged.task)) {
            let Some(value) = self.value(term, input) else { continue };
            let range = term.resolved_range();
            let scaled = range.low + value * (range.high - range.low);
            let is_closed = term.combine == Combination::Gate && value < term.threshold;
            let next = match term.combine {
                Combination::Sum => total + term.weight * scaled,
                Combination::Product => total * (1.0 + term.weight * (scaled - 1.0)),
                Combination::Gate if is_closed => term.weight * range.low,
                Combination::Gate => total,
            };
            breakdown.push((term.name.as_str(), next - total));
            total = next;
            if is_closed {
                break;
            }
        }
        Reward { total, ..Reward::of(breakdown) }
    }

    /// The value of a term, from 0 to 1; `None` where it does not apply.
    fn value(&self, term: &TermConfig, input: &TermInput<'_>) -> Option<f32> {
        let judged = input.judged;
        let is_cut = judged.truncated() && !self.judge_truncated;
        match &term.reads {
            Reading::Verdict => Some(if is_cut { 0.0 } else { input.verdict.score }),
            Reading::Verifier(name) => {
                let said = input.judgement.verdicts.iter().find(|said| said.verifier == *name)?;
                match said.kind() {
                    VerdictKind::NotApplicable => None,
                    _ if is_cut || self.is_wrong(said) => Some(0.0),
                    _ => Some(said.verdict.as_ref().map_or(0.0, |verdict| said.range.unit(verdict.score))),
                }
            }
            Reading::RewardModel => {
                let score = input.reward_model_score?;
                let is_none = is_cut || judged.answer().trim().is_empty();
                Some(if is_none { 0.0 } else { sigmoid(self.reward_model_scale * score) })
            }
            Reading::Format => Some(f32::from(ThinkFormat::judge(&judged.completion, judged.thinking_open).passed())),
            Reading::Length => Some(measure::length(judged.num_completion_tokens, term.tokens)),
            Reading::Overlong => Some(measure::not_overlong(judged.num_completion_tokens, term.tokens, term.buffer)),
            Reading::Repetition => Some(measure::distinct_share(&judged.completion, term.ngram)),
            Reading::Language => Some(measure::main_language_share(&judged.completion)),
            Reading::Copied => {
                let prompt: Vec<_> = judged.conversation.iter().map(|message| message.content.as_str()).collect();
                Some(measure::own_share(judged.answer(), &prompt, term.ngram))
            }
            Reading::Field(path) => field(&judged.task, path),
            Reading::Term(name) => {
                let other = self.term.iter().find(|other| other.name == *name && other.is_for(&judged.task))?;
                self.value(other, input)
            }
        }
    }

    /// The verifiers that terms read, which judge the tasks of their sources whether these name them or not.
    pub fn term_verifiers<'a>(&'a self, task: &'a Task) -> impl Iterator<Item = &'a str> {
        self.term.iter().filter(|term| term.is_for(task)).filter_map(|term| match &term.reads {
            Reading::Verifier(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// Checks that a task has every field that terms read of it. The error names the term and the field.
    pub fn check_fields(&self, task: &Task) -> Result<(), String> {
        for term in self.term.iter().filter(|term| term.is_for(task)) {
            if let Reading::Field(path) = &term.reads
                && field(task, path).is_none_or(|value| !(0.0..=1.0).contains(&value))
            {
                return Err(format!(
                    "the reward term `{}` reads meta.{path}, which must be a number from 0 to 1",
                    term.name
                ));
            }
        }
        Ok(())
    }
}

/// A number of the task's metadata, by a path such as `difficulty` or `rating.mean`; true is 1 and false 0.
fn field(task: &Task, path: &str) -> Option<f32> {
    let value = path.split('.').try_fold(task.meta.as_ref()?, |value, name| value.get(name))?;
    value.as_f64().map(|number| number as f32).or_else(|| value.as_bool().map(f32::from))
}

impl TermConfig {
    /// True where the task is from a source that the term is for.
    fn is_for(&self, task: &Task) -> bool {
        let is_of = |source: &String| task.source.as_ref() == Some(source);
        self.sources.is_empty() || self.sources.iter().any(is_of)
    }

    fn resolved_range(&self) -> ScoreRange {
        self.range.unwrap_or_else(|| self.reads.default_range())
    }
}

#[cfg(test)]
mod tests {
    use datasets::{Message, Task, TaskKind, TaskVerifier};
    use serde_json::json;

    use super::*;
    use crate::VerifierVerdict;

    fn said(verifier: &str, verdict: Verdict) -> VerifierVerdict {
        VerifierVerdict {
            verifier: verifier.into(),
            weight: 1.0,
            range: ScoreRange::default(),
            verdict: Ok(verdict),
            seconds: 0.0,
        }
    }

    fn reward_of(config: &str, completion: &str) -> Reward {
        let config: RewardConfig = toml::from_str(config).unwrap();
        config.validate().unwrap();
        let task = Task {
            source: Some("sums".into()),
            meta: Some(json!({"rating": {"mean": 0.25}})),
            ..Task::new("t", TaskKind::MATH, vec![Message::user("1 + 1?")], TaskVerifier::new("math", "2"))
        };
        let judged = Judged { num_completion_tokens: 15, ..Judged::new(task, completion) };
        let verdicts = vec![said("math", Verdict::pass("2")), said("style", Verdict::of_checks(1, 4, true, ""))];
        let judgement = Judgement { verdicts };
        let verdict = Verdict::pass("2");
        let reward = config.compose_terms(&TermInput {
            judged: &judged,
            judgement: &judgement,
            verdict: &verdict,
            reward_model_score: Some(0.0),
        });
        let sum: f32 = reward.breakdown.iter().map(|(_, value)| value).sum();
        assert!((sum - reward.total).abs() < 1e-6, "{reward:?}");
        reward
    }

    #[test]
    fn terms_are_added_and_multiplied_in_their_order() {
        let config = r#"
            term = [
                {name = "right", reads = "verdict", weight = 2.0},
                {name = "style", reads = "verifier:style", combine = "product"},
                {name = "long", reads = "overlong", tokens = 20, buffer = 10, weight = 0.5},
                {name = "rating", reads = "field:rating.mean", range = [-1.0, 1.0]},
                {name = "liked", reads = "reward_model", sources = ["sums"]},
                {name = "elsewhere", reads = "verdict", sources = ["other"]},
            ]"#;
        let reward = reward_of(config, "<think>a</think>2");
        let parts: Vec<_> = reward.breakdown.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        assert_eq!(parts, [("right", 2.0), ("style", -1.5), ("long", -0.25), ("rating", -0.5), ("liked", 0.5)]);
        assert_eq!(reward.total, 0.25);
    }

    #[test]
    fn a_closed_gate_ends_the_reading() {
        let config = r#"
            term = [
                {name = "right", reads = "verdict"},
                {name = "form", reads = "format", combine = "gate", range = [-1.0, 0.0]},
                {name = "more", reads = "verdict"},
            ]"#;
        assert_eq!(reward_of(config, "<think>a</think>2").total, 2.0);
        let closed = reward_of(config, "2");
        assert_eq!((closed.total, closed.breakdown.len()), (-1.0, 2));
    }

    #[test]
    fn a_term_may_read_another_but_not_in_a_circle() {
        let config = r#"term = [{name = "a", reads = "verdict", weight = 0.0}, {name = "b", reads = "term:a"}]"#;
        assert_eq!(reward_of(config, "2").total, 1.0);
        for (config, told) in [
            (r#"term = [{name = "a", reads = "term:b"}, {name = "b", reads = "term:a"}]"#, "circle"),
            (r#"term = [{name = "a", reads = "term:c"}]"#, "no term is called `c`"),
            (r#"term = [{name = "a", reads = "verdict"}, {name = "a", reads = "format"}]"#, "two terms"),
            (r#"term = [{name = "a", reads = "verdict", weight = 0.0}]"#, "sum to nothing"),
            (r#"term = [{name = "a", reads = "overlong"}]"#, "tokens"),
            (r#"term = [{name = "a", reads = "verdict", range = [1.0, 0.0]}]"#, "range"),
            ("format_bonus = 0.1\nterm = [{name = \"a\", reads = \"verdict\"}]", "format_bonus"),
        ] {
            let config: RewardConfig = toml::from_str(config).unwrap();
            let error = config.validate().unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
        let error = toml::from_str::<RewardConfig>(r#"term = [{name = "a", reads = "vibes"}]"#).unwrap_err();
        assert!(error.to_string().contains("vibes") && !error.to_string().contains("did you mean"), "{error}");
    }

    #[test]
    fn a_wrong_name_suggests_the_near_one() {
        for (text, near) in [("verifer:math", "verifier"), ("reward-model", "reward_model"), ("lenght", "length")] {
            let error = text.parse::<Reading>().unwrap_err();
            assert!(error.contains(&format!("(did you mean `{near}`?)")), "{error}");
        }
        assert!(!"verifier:".parse::<Reading>().unwrap_err().contains("did you mean"));
        let terms = "term = [{name = \"style\", reads = \"format\"}, {name = \"b\", reads = \"term:stile\"}]";
        let error = toml::from_str::<RewardConfig>(terms).unwrap().validate().unwrap_err().to_string();
        assert!(error.contains("no term is called `stile` (did you mean `style`?)"), "{error}");
    }

    #[test]
    fn a_completion_that_the_limit_cut_is_not_paid() {
        let config: RewardConfig = toml::from_str(r#"term = [{name = "right", reads = "verdict"}]"#).unwrap();
        let task = Task::new("t", TaskKind::MATH, Vec::new(), TaskVerifier::new("math", "2"));
        let judged = Judged { finish_reason: "length".into(), ..Judged::new(task, "2") };
        let judgement = Judgement { verdicts: vec![said("math", Verdict::pass("2"))] };
        let verdict = Verdict::pass("2");
        let input = TermInput { judged: &judged, judgement: &judgement, verdict: &verdict, reward_model_score: None };
        assert_eq!(config.compose_terms(&input).total, 0.0);
        let told_otherwise = RewardConfig { judge_truncated: true, ..config };
        assert_eq!(told_otherwise.compose_terms(&input).total, 1.0);
    }
}
