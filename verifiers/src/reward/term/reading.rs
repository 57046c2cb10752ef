//! What a term reads, as a word of the configuration.

use std::str::FromStr;

use datasets::near::did_you_mean;
use serde::{Deserialize, Serialize};

use crate::verdict::ScoreRange;

/// What a term reads; its value lies between 0 and 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Reading {
    /// `verdict`: the score of the task's verifiers, averaged by weight.
    Verdict,
    /// `verifier:NAME`: the score of one verifier, which judges whether the task names it or not.
    Verifier(String),
    /// `reward_model`: `sigmoid(reward_model_scale * score)`.
    RewardModel,
    /// `format`: 1 for thinking and then an answer.
    Format,
    /// `length`: tokens of the completion as a share of `tokens`, at most 1.
    Length,
    /// `overlong`: 1 up to `tokens - buffer` tokens, then linearly down to 0 at `tokens` (DAPO, arXiv 2503.14476,
    /// equation 13, whose penalty is this less 1).
    Overlong,
    /// `repetition`: share of the completion's word n-grams that are distinct; 1 where nothing repeats.
    Repetition,
    /// `language`: share of the completion that is in its main language, told by sentence; by script where sentences
    /// are too short to tell.
    Language,
    /// `copied`: share of the answer's word n-grams that do not stand in the prompt; 1 where nothing is copied.
    Copied,
    /// `field:PATH`: a number of the task's `meta`, from 0 to 1.
    Field(String),
    /// `term:NAME`: the value of another term.
    Term(String),
}

/// The words, without the names behind them.
const WORDS: [&str; 11] = [
    "verdict",
    "verifier",
    "reward_model",
    "format",
    "length",
    "overlong",
    "repetition",
    "language",
    "copied",
    "field",
    "term",
];

impl Reading {
    /// The range of a term that gives none: a penalty's is from -1 to 0.
    pub(super) fn default_range(&self) -> ScoreRange {
        match self {
            Self::Overlong | Self::Repetition | Self::Language | Self::Copied => ScoreRange { low: -1.0, high: 0.0 },
            _ => ScoreRange::default(),
        }
    }
}

impl FromStr for Reading {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = |name: &str| (!name.is_empty()).then(|| name.to_owned());
        let reading = match text.split_once(':') {
            Some(("verifier", name)) => named(name).map(Self::Verifier),
            Some(("field", path)) => named(path).map(Self::Field),
            Some(("term", name)) => named(name).map(Self::Term),
            Some(_) => None,
            None => match text {
                "verdict" => Some(Self::Verdict),
                "reward_model" => Some(Self::RewardModel),
                "format" => Some(Self::Format),
                "length" => Some(Self::Length),
                "overlong" => Some(Self::Overlong),
                "repetition" => Some(Self::Repetition),
                "language" => Some(Self::Language),
                "copied" => Some(Self::Copied),
                _ => None,
            },
        };
        reading.ok_or_else(|| {
            let word = text.split(':').next().unwrap_or_default();
            let hint = if WORDS.contains(&word) { String::new() } else { did_you_mean(word, WORDS.into_iter()) };
            format!(
                "`{text}` is nothing that a term reads{hint}; write verdict, verifier:NAME, reward_model, format, \
                 length, overlong, repetition, language, copied, field:PATH or term:NAME"
            )
        })
    }
}

impl TryFrom<String> for Reading {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Reading> for String {
    fn from(reading: Reading) -> Self {
        match reading {
            Reading::Verifier(name) => format!("verifier:{name}"),
            Reading::Field(path) => format!("field:{path}"),
            Reading::Term(name) => format!("term:{name}"),
            Reading::Verdict => "verdict".into(),
            Reading::RewardModel => "reward_model".into(),
            Reading::Format => "format".into(),
            Reading::Length => "length".into(),
            Reading::Overlong => "overlong".into(),
            Reading::Repetition => "repetition".into(),
            Reading::Language => "language".into(),
            Reading::Copied => "copied".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_and_written_alike() {
        for word in [
            "verdict",
            "verifier:style",
            "reward_model",
            "format",
            "length",
            "overlong",
            "repetition",
            "language",
            "copied",
            "field:rating.mean",
            "term:right",
        ] {
            assert_eq!(String::from(word.parse::<Reading>().unwrap()), word);
        }
        for word in ["", "verifier:", "verifier", "vibes", "field:", "model:x"] {
            assert!(word.parse::<Reading>().is_err(), "{word}");
        }
    }
}
