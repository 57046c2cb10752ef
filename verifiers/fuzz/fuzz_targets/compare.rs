//! Two answers, parted by the first line break: parsing and comparing never panic, the same pair gives the same verdict, and no
//! answer differs from itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use verifiers::math::{MathConfig, MathVerdictKind, verify};

fuzz_target!(|pair: &str| {
    let config = MathConfig::default();
    let (gold, answer) = pair.split_once('\n').unwrap_or((pair, pair));
    let completion = format!("\\boxed{{{answer}}}");
    let verdict = verify(gold, &completion, &config);
    assert_eq!(verdict, verify(gold, &completion, &config));
    // A gold with a box in it is what the box holds.
    if gold == answer && !gold.contains("box") && !gold.contains("####") {
        assert_ne!(verdict.kind, MathVerdictKind::NotEqual, "{}", verdict.reason);
    }
});
