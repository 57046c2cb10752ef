//! Agreement of the maths verifier with labelled answers, and each answer on which they disagree.
//!
//! The pairs are third parties' and not part of this project: `PONDER_MATH_LABELLED` names a file of them, or one
//! stands in a folder `shared` beside the checkout. One object a line: `gold`, `pred`, `expected`, and `opts.wrap`
//! where a bare answer stands for one in a box. `cargo test -p math-verifier --test main agreement -- --nocapture`
//! prints every disagreement.

use std::fs;
use std::path::PathBuf;

use math_verifier::{MathConfig, MathVerdictKind, verify};
use serde_json::Value;

#[test]
fn labelled_answers_are_judged_as_labelled() {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/math-answers/dev.jsonl");
    let path = std::env::var_os("PONDER_MATH_LABELLED").map_or_else(beside, PathBuf::from);
    let Ok(text) = fs::read_to_string(&path) else {
        println!("not run: there are no labelled pairs at {}", path.display());
        return;
    };
    let config = MathConfig::default();
    let (mut num_right, mut num_cases) = (0, 0);
    for (number, line) in text.lines().enumerate() {
        let case: Value = serde_json::from_str(line).expect("each line is an object");
        let field = |name: &str| case[name].as_str().unwrap_or_default();
        let expected = case["expected"].as_bool().expect("each case has a label");
        let pred = field("pred");
        let wrap = case["opts"]["wrap"].as_bool().unwrap_or(false) && is_bare(pred);
        let completion = if wrap { format!("\\boxed{{{pred}}}") } else { pred.to_owned() };
        let verdict = verify(field("gold"), &completion, &config);
        num_cases += 1;
        if (verdict.kind == MathVerdictKind::Equal) == expected {
            num_right += 1;
        } else {
            println!(
                "line {}, label {expected}: {:?} at {:?}: {}",
                number + 1,
                verdict.kind,
                verdict.stage,
                verdict.reason
            );
        }
    }
    println!("{num_right} of {num_cases} agree");
    assert!(f64::from(num_right) >= 0.98 * f64::from(num_cases), "{num_right} of {num_cases} agree");
}

/// True for an answer by itself, neither in a box nor in a sentence.
fn is_bare(pred: &str) -> bool {
    let lower = pred.to_ascii_lowercase();
    !["\\boxed", "<think>", "answer", "$"].iter().any(|sign| lower.contains(sign))
}
