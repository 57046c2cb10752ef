//! `math`: joins the maths verifier to a task and its ground truth.

mod key;

use datasets::Task;
use math_verifier::{MathConfig, MathTask, MathVerdict, MathVerdictKind, is_within, same_answer};
use serde_json::Value;

use self::key::Key;
use crate::{Judged, Verdict, VerdictFuture, Verifier, VerifierError};

/// `math`: judges final answers. The ground truth is the right one, as text or as a JSON number, or an object that says
/// more (`docs/ground-truths.md`); the question is the last message of the user.
///
/// The detail of a verdict is the maths verifier's own kind, as in `not_equal`.
pub struct MathVerifier {
    config: MathConfig,
}

impl MathVerifier {
    /// A maths verifier with these settings.
    pub fn new(config: MathConfig) -> Self {
        Self { config }
    }

    fn key(&self, task: &Task, ground_truth: &Value) -> Result<Key, VerifierError> {
        Key::read(ground_truth).map_err(|problem| VerifierError::ground_truth(task, self.name(), problem))
    }

    fn judge(&self, judged: &Judged) -> Result<Verdict, VerifierError> {
        let key = self.key(&judged.task, judged.ground_truth())?;
        let answer = judged.answer();
        if answer.is_empty() && !judged.completion.trim().is_empty() {
            let kind = MathVerdictKind::NoAnswer.as_str();
            return Ok(Verdict::no_answer("the thinking came to no answer").with_detail(kind));
        }
        let MathVerdict { kind, reason, answer, .. } = self.verdict(&key, judged.question(), answer);
        let verdict = match kind {
            MathVerdictKind::Equal => Verdict::pass(reason),
            MathVerdictKind::NotEqual | MathVerdictKind::Repeated | MathVerdictKind::Unevaluated => {
                Verdict::fail(reason)
            }
            MathVerdictKind::NoAnswer => Verdict::no_answer(reason),
            MathVerdictKind::CompletionUnparsed | MathVerdictKind::BudgetExceeded => Verdict::unparsed(reason),
            MathVerdictKind::GoldUnparsed => {
                return Err(VerifierError::GoldUnparsed { task: judged.task.id.clone(), problem: reason });
            }
        };
        Ok(Verdict { answer, ..verdict.with_detail(kind.as_str()) })
    }

    /// The verdict by that of the right answers which the completion comes closest to.
    fn verdict(&self, key: &Key, question: Option<&str>, answer: &str) -> MathVerdict {
        let config = key.settings(&self.config);
        let mut best: Option<MathVerdict> = None;
        for gold in &key.golds {
            let mut verdict = MathTask { gold, question }.verify(answer, &config);
            if let (MathVerdictKind::NotEqual, Some(tolerance), Some(answer)) =
                (verdict.kind, key.tolerance, &verdict.answer)
                && is_within(gold, answer, tolerance, &config)
            {
                verdict.kind = MathVerdictKind::Equal;
                verdict.reason = format!("`{answer}` is within {tolerance} of `{gold}`");
            }
            if best.as_ref().is_none_or(|best| closeness(verdict.kind) > closeness(best.kind)) {
                best = Some(verdict);
            }
        }
        best.expect("a key has an answer")
    }
}

/// The order in which the verdicts by several right answers count. A right answer that cannot be read might have been
/// the one that was given, unless another was.
fn closeness(kind: MathVerdictKind) -> u8 {
    match kind {
        MathVerdictKind::Equal => 3,
        MathVerdictKind::Repeated | MathVerdictKind::Unevaluated => 2,
        MathVerdictKind::GoldUnparsed => 1,
        _ => 0,
    }
}

impl Verifier for MathVerifier {
    fn name(&self) -> &str {
        "math"
    }

    fn only_computes(&self) -> bool {
        true
    }

    fn check(&self, task: &Task, ground_truth: &Value) -> Result<(), VerifierError> {
        self.key(task, ground_truth).map(drop)
    }

    fn same_answer(&self, _: &Task, a: &str, b: &str) -> bool {
        same_answer(a, b, &self.config)
    }

    fn verify<'a>(&'a self, judged: &'a Judged) -> VerdictFuture<'a> {
        Box::pin(async move { self.judge(judged) })
    }
}

#[cfg(test)]
mod tests {
    use datasets::{TaskKind, TaskVerifier};
    use serde_json::json;

    use super::*;
    use crate::VerdictKind;

    fn judge(ground_truth: &Value, completion: &str) -> Verdict {
        let task = Task::new("t", TaskKind::MATH, Vec::new(), TaskVerifier::new("math", ground_truth.clone()));
        MathVerifier::new(MathConfig::default()).judge(&Judged::new(task, completion)).unwrap()
    }

    fn assert_judged(ground_truth: Value, right: &[&str], wrong: &[&str]) {
        for (completions, is_right) in [(right, true), (wrong, false)] {
            for completion in completions {
                let verdict = judge(&ground_truth, completion);
                assert_eq!(verdict.passed(), is_right, "{ground_truth} | {completion} | {}", verdict.reason);
            }
        }
    }

    #[test]
    fn one_of_several_answers_will_do() {
        let ground_truth = json!({"any_of": ["1/2", "3"]});
        assert_judged(ground_truth, &["\\boxed{0.5}", "\\boxed{3}"], &["\\boxed{2}", "\\boxed{1/2, 3}", "\\boxed{}"]);
    }

    #[test]
    fn all_of_several_answers_are_asked_for() {
        let right = [
            "\\boxed{84, 69}",
            "\\boxed{69,84}",
            "\\boxed{\\{69, 84\\}}",
            "\\boxed{69} and \\boxed{84}",
            "\\boxed{69 \\text{ and } 84}",
            "\\boxed{69 and 84}",
            "The answers are 69 and 84.",
        ];
        let wrong = ["\\boxed{84}", "\\boxed{69}", "\\boxed{69, 85}", "\\boxed{69, 84, 1}"];
        assert_judged(json!({"all_of": [69, "$84$"]}), &right, &wrong);
        let ordered = json!({"all_of": [69, 84], "ordered": true});
        assert_judged(ordered, &["\\boxed{69, 84}"], &["\\boxed{84, 69}"]);
    }

    #[test]
    fn integers_are_equal_by_value_and_by_nothing_less() {
        let integer = |answer: &str| json!({"answer": answer, "form": "integer"});
        assert_judged(integer("033"), &["\\boxed{33}", "\\boxed{033}", "#### 33"], &["\\boxed{3}", "\\boxed{330}"]);
        assert_judged(integer("27.0"), &["\\boxed{27}", "\\boxed{27.0}"], &["\\boxed{27.5}"]);
        assert_judged(integer("336^\\circ"), &["\\boxed{336^\\circ}", "\\boxed{336}"], &["\\boxed{36}"]);
        assert_judged(integer("-1.0"), &["\\boxed{-1}"], &["\\boxed{1}"]);
        assert_judged(integer("11"), &["\\boxed{11}"], &["\\boxed{711}", "\\boxed{1}", "711"]);
        assert_judged(integer("3"), &["\\boxed{3}"], &["\\boxed{n = 3k}", "\\boxed{3k}"]);
    }

    #[test]
    fn school_maths_is_read_as_it_is_written() {
        for key in [json!("1,450,000"), json!("1450000"), json!(1450000)] {
            assert_judged(key, &["\\boxed{1450000}", "#### 1,450,000", "It is $1,450,000."], &["\\boxed{450000}"]);
        }
        assert_judged(json!("29"), &["$29.00.", "She pays $29.00.", "#### 29"], &["$29.50."]);
        assert_judged(json!("-3"), &["\\boxed{-3}", "#### -3"], &["\\boxed{3}", "#### 3", "The answer is 3."]);
        assert_judged(json!("42"), &["\\[ \\boxed{42} \\]", "So\n\\[\n\\boxed{42}\n\\]"], &["\\[ \\boxed{4} \\]"]);
    }

    #[test]
    fn the_last_mark_counts_and_not_that_of_a_recited_example() {
        let recited = "Question: 1 + 1?\nAnswer: It is two.\n#### 2\n\nQuestion: 3 + 4?\nAnswer: Seven.\n#### 7";
        assert_judged(json!("7"), &[recited], &[]);
        assert_judged(json!("2"), &[], &[recited]);
    }

    #[test]
    fn a_number_may_be_off_by_its_tolerance() {
        let ground_truth = json!({"answer": "$4.6$", "tolerance": "1e-1"});
        assert_judged(ground_truth, &["\\boxed{4.6}", "\\boxed{4.65}", "\\boxed{x = 4.5}"], &["\\boxed{4.8}"]);
        assert_judged(json!({"answer": "4.6"}), &[], &["\\boxed{4.65}"]);
        let both = json!({"all_of": ["1.0", "2.0"], "tolerance": 0.1});
        assert_judged(both, &["\\boxed{1.05, 1.95}"], &["\\boxed{1.05}", "\\boxed{1.05, 3}"]);
    }

    #[test]
    fn units_count_where_they_are_kept() {
        assert_judged(json!("5"), &["\\boxed{5 \\text{ cm}}"], &[]);
        assert_judged(json!({"answer": "5", "units": "kept"}), &["\\boxed{5}"], &["\\boxed{5 \\text{ cm}}"]);
    }

    #[test]
    fn a_completion_that_was_cut_in_its_thinking_has_no_answer() {
        let verdict = judge(&json!("7"), "<think>It must be \\boxed{7}");
        assert_eq!((verdict.kind, verdict.answer), (VerdictKind::NoAnswer, None));
    }

    #[test]
    fn the_extracted_answer_is_told_and_classed_by_value() {
        assert_eq!(judge(&json!("7"), "So \\boxed{\\frac12}.").answer.as_deref(), Some("\\frac12"));
        let verifier = MathVerifier::new(MathConfig::default());
        let task = Task::new("t", TaskKind::MATH, Vec::new(), TaskVerifier::new("math", "1"));
        for (a, b, is_same) in [
            ("0.5", "\\frac12", true),
            ("1/2", "\\frac12", true),
            ("0.5", "1/2", true),
            ("2", "1/2", false),
            ("x+1", "1+x", true),
            ("?!", "?!", true),
        ] {
            assert_eq!(verifier.same_answer(&task, a, b), is_same, "{a} {b}");
            assert_eq!(verifier.same_answer(&task, b, a), is_same, "{b} {a}");
        }
    }
}
