//! What a plug-in answers for one completion, as JSON, and the verdict that it is. It must not know how it came here.

use serde::Deserialize;

use crate::{ScoreRange, Verdict, VerdictKind, VerifierError};

/// Longest finer word of a plug-in.
const MAX_DETAIL_BYTES: usize = 40;

/// `{"score": …}`, with a reason, a kind or a finer word where the plug-in gives them.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct PluginAnswer {
    /// Number of the line that it answers, where the plug-in repeats that.
    #[serde(default)]
    pub ask: Option<u64>,
    /// Within the plug-in's range; its lowest or highest where only `passed` or `kind` says what it is, and its lowest
    /// for `no_answer` and `unparsed`, whatever stands here.
    #[serde(default)]
    pub score: Option<f32>,
    #[serde(default)]
    pub passed: Option<bool>,
    #[serde(default)]
    pub reason: String,
    #[serde(default)]
    pub kind: Option<VerdictKind>,
    /// Dropped where it is no word that may stand in a metric's name.
    #[serde(default)]
    pub detail: Option<String>,
}

impl PluginAnswer {
    /// Reads an answer; `null` says that the plug-in does not apply.
    ///
    /// # Errors
    /// The text is no JSON of this layout.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let answer: Option<Self> =
            serde_json::from_str(text).map_err(|error| format!("its answer is malformed: {error}"))?;
        Ok(answer.unwrap_or(Self { kind: Some(VerdictKind::NotApplicable), ..Self::default() }))
    }

    /// The verdict of the plug-in called `name`, whose scores lie in `range`.
    ///
    /// # Errors
    /// The plug-in says that it comes to none, or its answer is no verdict.
    pub(crate) fn verdict(self, name: &str, range: ScoreRange) -> Result<Verdict, VerifierError> {
        let Self { ask: _, score, passed, reason, kind, detail } = self;
        let verdict = match (kind, passed, score) {
            (Some(VerdictKind::NotApplicable), ..) => Verdict::not_applicable(reason),
            (Some(kind), ..) if !kind.is_verdict() => {
                return Err(VerifierError::NoVerdict { name: name.to_owned(), kind, problem: reason });
            }
            (Some(VerdictKind::Partial), _, None) => {
                return Err(VerifierError::crashed(name, "its answer is `partial` and has no score"));
            }
            (Some(kind @ (VerdictKind::NoAnswer | VerdictKind::Unparsed)), ..) => {
                Verdict { kind, ..Verdict::of_score(range.low, range, reason) }
            }
            (Some(kind), _, score) => {
                let default = if kind == VerdictKind::Passed { range.high } else { range.low };
                Verdict { kind, ..Verdict::of_score(score.unwrap_or(default), range, reason) }
            }
            (None, Some(true), score) => {
                let score = score.unwrap_or(range.high);
                Verdict { kind: VerdictKind::Passed, ..Verdict::of_score(score, range, reason) }
            }
            (None, Some(false), score) => {
                let score = score.unwrap_or(range.low);
                let kind = if score <= range.low { VerdictKind::Failed } else { VerdictKind::Partial };
                Verdict { kind, ..Verdict::of_score(score, range, reason) }
            }
            (None, None, Some(score)) => Verdict::of_score(score, range, reason),
            (None, None, None) => {
                return Err(VerifierError::crashed(name, "its answer has no `score`"));
            }
        };
        Ok(match detail.filter(|detail| is_detail(detail)) {
            Some(detail) => verdict.with_detail(detail),
            None => verdict,
        })
    }
}

/// True for a word that may stand in a metric's name beside the kinds, and is none of them.
fn is_detail(word: &str) -> bool {
    let is_plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    (1..=MAX_DETAIL_BYTES).contains(&word.len())
        && word.bytes().all(is_plain)
        && !VerdictKind::ALL.iter().any(|kind| kind.as_str() == word)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn verdict(text: &str) -> Result<Verdict, VerifierError> {
        let range = ScoreRange { low: -1.0, high: 1.0 };
        PluginAnswer::read(text).unwrap().verdict("judge", range)
    }

    #[test]
    fn an_answer_says_as_much_as_it_likes() {
        for (text, kind, score) in [
            (r#"{"score": 1}"#, VerdictKind::Passed, 1.0),
            (r#"{"score": 0.5, "reason": "half"}"#, VerdictKind::Partial, 0.5),
            (r#"{"score": 0.5, "passed": true}"#, VerdictKind::Passed, 0.5),
            (r#"{"score": 1.0, "passed": false}"#, VerdictKind::Partial, 1.0),
            (r#"{"passed": true}"#, VerdictKind::Passed, 1.0),
            (r#"{"kind": "no_answer", "other": [1]}"#, VerdictKind::NoAnswer, -1.0),
            (r#"{"kind": "no_answer", "score": 1}"#, VerdictKind::NoAnswer, -1.0),
            (r#"{"kind": "unparsed", "score": 7}"#, VerdictKind::Unparsed, -1.0),
            (r#"{"kind": "failed"}"#, VerdictKind::Failed, -1.0),
            (r#"{"kind": "failed", "score": -0.5}"#, VerdictKind::Failed, -0.5),
            (r#"{"kind": "not_applicable", "score": 1}"#, VerdictKind::NotApplicable, 0.0),
            ("null", VerdictKind::NotApplicable, 0.0),
        ] {
            let verdict = verdict(text).unwrap();
            assert_eq!((verdict.kind, verdict.score), (kind, score), "{text}");
        }
        assert_eq!(verdict(r#"{"score": 0, "detail": "late"}"#).unwrap().detail.as_deref(), Some("late"));
    }

    #[test]
    fn a_finer_word_is_one_that_may_name_a_metric() {
        let forty = "a".repeat(40);
        for word in ["late", "off-by-one", "step_2", "7", &forty] {
            let found = verdict(&json!({"score": 0, "detail": word}).to_string()).unwrap();
            assert_eq!(found.detail.as_deref(), Some(word));
        }
        let too_long = "a".repeat(41);
        for word in ["", "Late", "two words", "a/b", "é", "a\nb", "a.b", "timed_out", "passed", "crashed", &too_long] {
            let found = verdict(&json!({"score": 0, "detail": word}).to_string()).unwrap();
            assert_eq!((found.detail, found.score), (None, 0.0), "{word}");
        }
    }

    #[test]
    fn what_is_no_verdict_is_an_error() {
        for (text, kind) in [
            ("{}", VerdictKind::Crashed),
            (r#"{"kind": "partial"}"#, VerdictKind::Crashed),
            (r#"{"kind": "unavailable", "reason": "the judge is away"}"#, VerdictKind::Unavailable),
        ] {
            assert_eq!(verdict(text).unwrap_err().kind(), kind, "{text}");
        }
        for text in ["", "0.5", r#"{"score": "high"}"#, r#"{"score": NaN}"#, r#"{"score": 1, "kind": "fine"}"#] {
            assert!(PluginAnswer::read(text).is_err(), "{text}");
        }
    }
}
