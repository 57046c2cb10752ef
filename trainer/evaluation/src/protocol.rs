//! How a suite is asked and judged: prompt, sampling, metric. Every number comes from the suite's file or from whoever
//! overrides it by name, never from a model's `generation_config.json`.

use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use crate::error::EvaluationError;

/// The form in which a prompt goes to the model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum PromptForm {
    /// A conversation, rendered by the model's chat template with its generation prompt.
    #[default]
    Chat,
    /// The text of the last message alone, without a chat template: the model goes on with it.
    Text,
}

/// What a suite measures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Metric {
    /// The share of completions that pass.
    #[default]
    Pass,
    /// IFEval's four figures; a completion passes where all its instructions are followed strictly.
    Ifeval,
    /// The choice whose continuation is likeliest, by its sum of logprobs; nothing is sampled.
    LogLikelihood,
    /// The scores that a reward model or a judge gives to the completions of the set.
    Reward,
}

/// Solved examples that stand in the prompt, and where they come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shots {
    /// Number of examples.
    pub count: usize,
    /// The split of the same data set that they are taken from, in the order of its rows.
    pub split: String,
    /// The part of the task by which examples are chosen (`subject`, `category`): those of a task's own part alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The ids of the examples, where they are not the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<String>,
}

/// The end of a completion whose last tokens are one pattern, again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RepetitionEnd {
    /// Most tokens of the pattern.
    pub pattern_tokens: usize,
    /// Times that the pattern stands in a row, at least 2.
    pub count: usize,
}

/// Most tokens that a completion may think.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThinkingLimit {
    /// Most tokens that are sampled in thinking.
    pub max_tokens: usize,
    /// Text that ends the thinking there; an empty one ends the completion.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub forced_text: String,
}

/// How a suite is asked and judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Protocol {
    /// Template of the user's turn over the task's parts (`question`, `options`, `starter_code`, …) and `shots`; where
    /// absent the conversation stays as the data have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// System turn of conversations that begin with none; where absent nothing is added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// The form in which the prompt goes to the model.
    #[serde(default)]
    pub form: PromptForm,
    /// Solved examples in the prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shots: Option<Shots>,
    /// Completions of each task.
    pub samples: usize,
    /// Sampling temperature; 0 takes the likeliest token.
    pub temperature: f64,
    /// Probability mass of the nucleus; 1 keeps everything.
    pub top_p: f64,
    /// Most candidates; 0 keeps everything.
    pub top_k: usize,
    /// Least probability relative to the likeliest token's; where absent everything is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_p: Option<f64>,
    /// Divides the positive logits, and multiplies the others, of tokens of prompt and completion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repetition_penalty: Option<f64>,
    /// Subtracted from the logits of the completion's tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presence_penalty: Option<f64>,
    /// Subtracted from a token's logit for each time that the completion has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frequency_penalty: Option<f64>,
    /// Longest completion, in tokens.
    pub max_new_tokens: usize,
    /// The end of a completion that repeats itself; where absent it runs to its limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_repetition: Option<RepetitionEnd>,
    /// The budget of a completion's thinking; where absent it may think to its limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thinking: Option<ThinkingLimit>,
    /// What is measured.
    #[serde(default)]
    pub metric: Metric,
    /// The verifier that judges in the place of the tasks' own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verifier: Option<String>,
    /// What is added to each task's ground truth, for the verifier.
    #[serde(default, skip_serializing_if = "toml::Table::is_empty")]
    pub judged_with: toml::Table,
    /// Template of the continuation whose logprobs are summed, over `letter` and `text` of a choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continuation: Option<String>,
    /// True where the headline figure divides a continuation's sum by the characters of the choice.
    #[serde(default)]
    pub normalised: bool,
}

/// Settings that a group of suites, or a person, puts in the place of the suite's own.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProtocolOverride {
    /// System turn; an empty one is none.
    #[serde(default)]
    pub system: Option<String>,
    /// Completions of each task.
    #[serde(default)]
    pub samples: Option<usize>,
    /// Sampling temperature.
    #[serde(default)]
    pub temperature: Option<f64>,
    /// Nucleus.
    #[serde(default)]
    pub top_p: Option<f64>,
    /// Most candidates.
    #[serde(default)]
    pub top_k: Option<usize>,
    /// Least probability relative to the likeliest token's.
    #[serde(default)]
    pub min_p: Option<f64>,
    /// Penalty of tokens that stand in prompt or completion.
    #[serde(default)]
    pub repetition_penalty: Option<f64>,
    /// Penalty of tokens that stand in the completion.
    #[serde(default)]
    pub presence_penalty: Option<f64>,
    /// Penalty of a token for each time that it stands in the completion.
    #[serde(default)]
    pub frequency_penalty: Option<f64>,
    /// Longest completion, in tokens.
    #[serde(default)]
    pub max_new_tokens: Option<usize>,
    /// The end of a completion that repeats itself.
    #[serde(default)]
    pub stop_repetition: Option<RepetitionEnd>,
    /// The budget of a completion's thinking.
    #[serde(default)]
    pub thinking: Option<ThinkingLimit>,
    /// The verifier that judges in the place of the tasks' own.
    #[serde(default)]
    pub verifier: Option<String>,
    /// What is measured.
    #[serde(default)]
    pub metric: Option<Metric>,
}

impl Protocol {
    /// Puts settings in the place of these.
    pub fn set(&mut self, with: &ProtocolOverride) {
        let ProtocolOverride { system, samples, temperature, top_p, top_k, max_new_tokens, verifier, metric, .. } =
            with;
        if let Some(system) = system {
            self.system = Some(system.clone()).filter(|system| !system.is_empty());
        }
        self.samples = samples.unwrap_or(self.samples);
        self.temperature = temperature.unwrap_or(self.temperature);
        self.top_p = top_p.unwrap_or(self.top_p);
        self.top_k = top_k.unwrap_or(self.top_k);
        self.min_p = with.min_p.or(self.min_p);
        self.repetition_penalty = with.repetition_penalty.or(self.repetition_penalty);
        self.presence_penalty = with.presence_penalty.or(self.presence_penalty);
        self.frequency_penalty = with.frequency_penalty.or(self.frequency_penalty);
        self.max_new_tokens = max_new_tokens.unwrap_or(self.max_new_tokens);
        self.stop_repetition = with.stop_repetition.or(self.stop_repetition);
        self.thinking = with.thinking.clone().or_else(|| self.thinking.take());
        self.verifier = verifier.clone().or_else(|| self.verifier.take());
        self.metric = metric.unwrap_or(self.metric);
    }

    /// Checks that the settings go together.
    ///
    /// # Errors
    /// A number is out of range; or several samples are asked of each task at temperature 0, which would be one sample
    /// several times.
    pub fn check(&self, suite: &str) -> Result<(), EvaluationError> {
        let problem = if self.samples == 0 {
            "samples must be at least 1".to_owned()
        } else if self.samples > 1 && self.temperature == 0.0 {
            let samples = self.samples;
            format!("{samples} samples at temperature 0 are one sample {samples} times: ask for one, or raise it")
        } else if self.temperature.is_nan() || self.temperature < 0.0 || self.temperature.is_infinite() {
            format!("temperature {} must be 0 or above", self.temperature)
        } else if !(self.top_p > 0.0 && self.top_p <= 1.0) {
            format!("top_p {} must be above 0 and at most 1", self.top_p)
        } else if self.max_new_tokens == 0 && matches!(self.metric, Metric::Pass | Metric::Ifeval) {
            "max_new_tokens must be at least 1".to_owned()
        } else if self.metric == Metric::LogLikelihood && self.continuation.is_none() {
            "log_likelihood needs a `continuation`, as in \" {{ letter }}\"".to_owned()
        } else {
            return Ok(());
        };
        Err(EvaluationError::Protocol { suite: suite.to_owned(), problem })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greedy() -> Protocol {
        let text = "samples = 1\ntemperature = 0.0\ntop_p = 1.0\ntop_k = 0\nmax_new_tokens = 16\n";
        toml::from_str(text).unwrap()
    }

    #[test]
    fn penalties_are_written_where_they_are_set() {
        let mut protocol = greedy();
        assert!(!toml::to_string(&protocol).unwrap().contains("penalty"));
        let with: ProtocolOverride =
            toml::from_str("presence_penalty = 1.5\nstop_repetition = { pattern_tokens = 64, count = 4 }").unwrap();
        protocol.set(&with);
        protocol.set(&toml::from_str("thinking = { max_tokens = 8, forced_text = \"</think>\" }").unwrap());
        protocol.set(&ProtocolOverride::default());
        assert_eq!((protocol.presence_penalty, protocol.repetition_penalty), (Some(1.5), None));
        assert_eq!(protocol.thinking.as_ref().unwrap().max_tokens, 8);
        let written = toml::to_string(&protocol).unwrap();
        assert_eq!(toml::from_str::<Protocol>(&written).unwrap(), protocol);
    }

    #[test]
    fn several_greedy_samples_are_refused() {
        let mut protocol = greedy();
        protocol.check("sums").unwrap();
        protocol.set(&ProtocolOverride { samples: Some(8), ..ProtocolOverride::default() });
        let text = protocol.check("sums").unwrap_err().to_string();
        assert!(text.contains("8 samples at temperature 0"), "{text}");
        protocol.set(&ProtocolOverride { temperature: Some(0.6), ..ProtocolOverride::default() });
        protocol.check("sums").unwrap();
        assert_eq!((protocol.samples, protocol.max_new_tokens), (8, 16));
    }
}
