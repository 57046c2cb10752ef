//! How often the maths verifier agrees with labelled answers, and where it does not.
//!
//! `cargo run --release -p verifiers --example math_agreement -- LABELLED.jsonl`, one object a line: `gold`, `pred`, `expected`
//! (or `right`), and `opts.wrap` where a bare answer stands for one in a box.

use std::{error::Error, fs, time::Instant};

use serde_json::Value;
use verifiers::math::{MathConfig, MathVerdictKind, verify};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: math_agreement LABELLED.jsonl")?;
    let config = MathConfig::default();
    let (mut num_right, mut num_cases, mut num_paid_wrongly) = (0, 0, 0);
    let mut slowest = (0.0, String::new());
    for line in fs::read_to_string(&path)?.lines() {
        let case: Value = serde_json::from_str(line)?;
        let text = |field: &str| case[field].as_str().unwrap_or_default().to_owned();
        let Some(expected) = case["expected"].as_bool().or(case["right"].as_bool()) else { continue };
        let (gold, pred) = (text("gold"), text("pred"));
        let wrap = case["opts"]["wrap"].as_bool().unwrap_or(false);
        let completion = if wrap && is_bare(&pred) { format!("\\boxed{{{pred}}}") } else { pred.clone() };
        let start = Instant::now();
        let verdict = verify(&gold, &completion, &config);
        let seconds = start.elapsed().as_secs_f64();
        let id = if case["id"].is_string() { text("id") } else { text("name") };
        if seconds > slowest.0 {
            slowest = (seconds, id.clone());
        }
        num_cases += 1;
        let is_equal = verdict.kind == MathVerdictKind::Equal;
        if is_equal == expected {
            num_right += 1;
            continue;
        }
        num_paid_wrongly += usize::from(is_equal);
        println!(
            "{id} expected {expected}: {} at {}: {}",
            verdict.kind.as_str(),
            verdict.stage.as_str(),
            verdict.reason
        );
    }
    println!(
        "{num_right} of {num_cases} agree ({:.2} %), {num_paid_wrongly} paid wrongly; slowest {} at {:.3} ms",
        100.0 * num_right as f64 / num_cases as f64,
        slowest.1,
        slowest.0 * 1e3,
    );
    Ok(())
}

/// Whether it is an answer by itself, neither in a box nor in a sentence.
fn is_bare(pred: &str) -> bool {
    let lower = pred.to_ascii_lowercase();
    !["\\boxed", "<think>", "answer", "$"].iter().any(|sign| lower.contains(sign))
}
