//! Any text at all as a completion: extraction and parsing never panic, and the same text gives the same verdict.
#![no_main]

use libfuzzer_sys::fuzz_target;
use math_verifier::{MathConfig, verify};

fuzz_target!(|completion: &str| {
    let config = MathConfig::default();
    let first = verify("42", completion, &config);
    assert_eq!(first, verify("42", completion, &config));
});
