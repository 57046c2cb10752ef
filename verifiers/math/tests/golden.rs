//! Answers of every kind that the verifier tells apart, with their verdicts, in `golden/answers.jsonl`: `gold`,
//! `completion`, the `question` where it is at hand, and `expected`, the verdict's kind, or `unpaid` for any that pays
//! nothing. They were written for this project and judged by hand.

use math_verifier::{MathConfig, MathTask, MathVerdictKind};
use serde_json::Value;

#[test]
fn answers_of_every_kind_are_judged_as_by_hand() {
    let mut wrong = Vec::new();
    for (number, line) in include_str!("golden/answers.jsonl").lines().enumerate() {
        let case: Value = serde_json::from_str(line).expect("each line is an object");
        let field = |name: &str| case[name].as_str();
        let gold = field("gold").expect("each case has a gold answer");
        let completion = field("completion").expect("each case has a completion");
        let expected = field("expected").expect("each case has a verdict");
        let task = MathTask { gold, question: field("question") };
        let verdict = task.verify(completion, &MathConfig::default());
        let is_unpaid = !matches!(verdict.kind, MathVerdictKind::Equal | MathVerdictKind::GoldUnparsed);
        if verdict.kind.as_str() != expected && !(expected == "unpaid" && is_unpaid) {
            wrong.push(format!("line {}, {expected}: {completion:?}: {verdict:?}", number + 1));
        }
    }
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}
