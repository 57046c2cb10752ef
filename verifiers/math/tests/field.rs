//! Answers that only repeat the question, and honest ones beside them.

use math_verifier::{MathConfig, MathTask, MathVerdictKind};

use super::shared::{lines, text};

#[test]
fn answers_that_repeat_the_question_pay_nothing() {
    let Some(cases) = lines("field/repeated.jsonl") else { return };
    let mut wrong = Vec::new();
    for case in &cases {
        let question =
            case["messages"].as_array().and_then(|messages| messages.last()).map(|last| text(last, "content"));
        let task = MathTask { gold: text(case, "ground_truth"), question };
        let verdict = task.verify(text(case, "completion"), &MathConfig::default());
        if Some(verdict.kind == MathVerdictKind::Equal) != case["expected"].as_bool() {
            wrong.push(format!("{}: {verdict:?}", case["id"]));
        }
    }
    assert!(wrong.is_empty(), "{} of {} are wrong:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
