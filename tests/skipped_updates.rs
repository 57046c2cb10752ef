//! A run whose updates cease to be finite: it ends, and leaves the batches that it could not learn from.

use record::skipped_batch::read_skipped_batch;

use crate::support::{Bench, NO_EVAL, run};

#[test]
fn a_run_ends_after_three_skipped_updates_and_keeps_what_was_before_them() {
    let bench = Bench::new();
    let config = bench.text("cold-start.toml");
    // The first update is finite, and leaves weights whose logits are not.
    let sets = ["schedule.lr=1e30", "update.steps=9", "checkpoint.every=1", "checkpoint.keep=1"];
    let sets = sets.map(|set| ["--set", set]).concat();
    let command = [&["cold-start", "--config", &config], &NO_EVAL[..], &sets].concat();
    let dir = bench.path("runs/cold-start");
    // Gone on with from its last checkpoint, it ends at the same step.
    for entry in [&[][..], &["--resume"]] {
        let said = String::from_utf8(run(&[&command[..], entry].concat(), 1).stderr).unwrap();
        for word in ["3 updates in a row", "`skipped`", "schedule.lr"] {
            assert!(said.contains(word), "no `{word}` in: {said}");
        }
        let mut files: Vec<String> = std::fs::read_dir(dir.join("skipped"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        assert_eq!(files, [2, 3, 4].map(|step| format!("step_{step:05}.policy_0.parquet")));
        for file in files {
            let rows = read_skipped_batch(&dir.join("skipped").join(file)).unwrap();
            assert_eq!(rows.len(), 8);
            assert!(rows.iter().all(|row| !row.targets.is_empty() && row.ids.len() > 1));
        }
        let last = std::fs::read_link(dir.join("checkpoints/last")).unwrap();
        assert_eq!(last.to_str(), Some("step_00003"));
        // The one before the first skipped update stays, though one is to be kept.
        let checkpoints = std::fs::read_dir(dir.join("checkpoints")).unwrap();
        let mut names: Vec<_> = checkpoints.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["last", "step_00001", "step_00002", "step_00003"]);
    }
}
