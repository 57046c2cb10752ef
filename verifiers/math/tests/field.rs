//! Inputs of the kinds that public graders were reported to judge wrongly, with the verdicts that are right.

use math_verifier::{MathConfig, MathTask, MathVerdictKind, verify};

use super::shared::{lines, text};

#[test]
fn reported_answers_are_judged_rightly() {
    let Some(cases) = lines("field/maths.jsonl") else { return };
    let mut wrong = Vec::new();
    for case in &cases {
        let verdict = verify(text(case, "gold"), text(case, "completion"), &MathConfig::default());
        let is_right = match text(case, "expected") {
            "equal" => verdict.kind == MathVerdictKind::Equal,
            "not_equal" => verdict.kind != MathVerdictKind::Equal,
            _ => matches!(verdict.kind, MathVerdictKind::Equal | MathVerdictKind::GoldUnparsed),
        };
        if !is_right {
            wrong.push(format!("{}: {verdict:?}", case["id"]));
        }
    }
    assert!(wrong.is_empty(), "{} of {} are wrong:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

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
