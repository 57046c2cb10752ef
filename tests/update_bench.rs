//! `trainer bench update`: what it writes, and the batches that it refuses.

use serde_json::Value;

use crate::support::{Bench, run};

/// A model of a few thousand parameters with 512 positions; returns its folder.
fn model(bench: &Bench) -> String {
    run(&["cold-start", "--config", &bench.text("cold-start.toml"), "--set", "update.steps=1"], 0);
    bench.text("runs/cold-start/checkpoints/last")
}

#[test]
fn updates_are_measured_in_each_mode() {
    let bench = Bench::new();
    let (model, json) = (model(&bench), bench.text("update.json"));
    let shape = ["--sequences", "4", "--tokens", "12", "--prompt-tokens", "5", "--updates", "2"];
    for mode in [vec![], vec!["--samples", "2", "--streamed"], vec!["--reward-model", "--streamed"]] {
        let mut arguments = vec!["bench", "update", "--model", &model, "--json", &json];
        arguments.extend(shape);
        arguments.extend(&mode);
        let said = run(&arguments, 0).stdout;
        let report: Value = serde_json::from_slice(&std::fs::read(&json).expect("the report")).expect("JSON");
        let number = |name: &str| report[name].as_f64().unwrap_or_else(|| panic!("{mode:?}: no `{name}` in {report}"));
        assert!(number("tokens_per_second") > 0.0);
        assert!(number("peak_memory_bytes") > number("measured_memory_bytes"));
        assert!(number("measured_memory_bytes") > 0.0);
        assert!(number("flops_fraction") > 0.0);
        assert_eq!(report["seconds"]["updates"].as_array().map(Vec::len), Some(2));
        assert_eq!(report["streamed"], mode.contains(&"--streamed"));
        assert!(String::from_utf8_lossy(&said).contains("tokens/s"));
    }
}

#[test]
fn batches_that_cannot_be_are_refused() {
    let bench = Bench::new();
    let model = model(&bench);
    let error = |more: &[&str], code| {
        let mut arguments = vec!["bench", "update", "--model", &model];
        arguments.extend(more);
        String::from_utf8_lossy(&run(&arguments, code).stderr).into_owned()
    };
    for (more, words) in [
        (["--sequences", "0"].as_slice(), "--sequences must be at least 1"),
        (&["--tokens", "64"], "--prompt-tokens 64 leaves nothing to learn from of --tokens 64"),
        (&["--tokens", "513"], "has 512 positions"),
        (&["--samples", "3"], "--sequences 64 must be a multiple of --samples 3"),
        (&["--sequences", "3", "--reward-model"], "--sequences 3 must be even"),
        (&["--dtype", "int4"], "int4"),
    ] {
        let said = error(more, 2);
        assert!(said.contains(words), "no `{words}` in: {said}");
    }
    let nowhere = run(&["bench", "update", "--model", &bench.text("nowhere")], 1).stderr;
    assert!(String::from_utf8_lossy(&nowhere).contains("nowhere"));
}
