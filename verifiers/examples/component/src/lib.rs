//! A verifier as a component: the last number of the answer is the ground truth, or close to it.
//!
//! ```text
//! rustup target add wasm32-wasip2
//! cargo build --release --target wasm32-wasip2
//! ```

wit_bindgen::generate!({ path: "../../wit", world: "verifier" });

use ponder::verifier::types::Kind;

struct NumberVerifier;

impl Guest for NumberVerifier {
    fn verify(judged: Judged) -> Result<Verdict, String> {
        // The ground truth is JSON: `4`, or `"4"`.
        let expected = judged.ground_truth.trim_matches('"');
        let expected: f64 = expected.parse().map_err(|_| format!("the ground truth `{expected}` is no number"))?;
        let Some(found) = last_number(&judged.answer) else {
            return Ok(Verdict { score: 0.0, kind: Some(Kind::NoAnswer), reason: "no number".to_owned() });
        };
        let distance = (found - expected).abs();
        let score = if distance == 0.0 {
            1.0
        } else if distance <= 1.0 {
            0.5
        } else {
            0.0
        };
        Ok(Verdict { score, kind: None, reason: format!("{found} for {expected}") })
    }
}

fn last_number(text: &str) -> Option<f64> {
    let words = text.split(|character: char| !(character.is_ascii_digit() || character == '.' || character == '-'));
    words.filter_map(|word| word.trim_end_matches('.').parse().ok()).last()
}

export!(NumberVerifier);
