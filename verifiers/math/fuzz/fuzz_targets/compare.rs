//! Two answers, parted by the first line break: parsing and comparing never panic, the same pair gives the same
//! verdict, and no answer differs from itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use math_verifier::{MathConfig, MathVerdictKind, verify};

fuzz_target!(|pair: &str| {
    let config = MathConfig::default();
    let (gold, answer) = pair.split_once('\n').unwrap_or((pair, pair));
    let completion = format!("\\boxed{{{answer}}}");
    let verdict = verify(gold, &completion, &config);
    assert_eq!(verdict, verify(gold, &completion, &config));
    // A box, the end of a thought or a brace without its partner changes the answer that is found.
    if gold == answer && !["box", "think", "####"].iter().any(|mark| gold.contains(mark)) && is_balanced(gold) {
        assert_ne!(verdict.kind, MathVerdictKind::NotEqual, "{}", verdict.reason);
    }
});

fn is_balanced(text: &str) -> bool {
    let mut depth = 0_i64;
    for byte in text.bytes() {
        depth += i64::from(byte == b'{') - i64::from(byte == b'}');
        // A backslash may escape the brace behind it.
        if depth < 0 || byte == b'\\' {
            return false;
        }
    }
    depth == 0
}
