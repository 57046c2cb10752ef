//! What a run leaves, compared byte for byte; and the stage of which it is asked.

use std::path::Path;

use record::metrics::{Metrics, read_metrics};

use super::{Bench, NO_EVAL, run};

/// All that a run leaves, by name: its last checkpoint but for the paths in its manifest and verdicts that wait for
/// their group, rollouts and updates, the link, and metrics without what measures the machine.
fn remains(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut remains = Vec::new();
    for folder in ["checkpoints/last", "rollouts", "updates"] {
        add_files(dir, &dir.join(folder), &mut remains);
    }
    let last = std::fs::read_link(dir.join("checkpoints/last")).unwrap();
    remains.push(("last".to_owned(), last.into_os_string().into_encoded_bytes()));
    for metrics in metrics(dir) {
        let of_the_machine = ["time/", "throughput/", "memory/", "dist/"];
        let kept = metrics.iter().filter(|(name, _)| !of_the_machine.iter().any(|prefix| name.starts_with(prefix)));
        let row: Vec<(&str, u64)> = kept.map(|(name, value)| (name, value.to_bits())).collect();
        remains.push((format!("metrics of step {:?}", metrics.step()), format!("{row:?}").into_bytes()));
    }
    remains.sort();
    remains
}

pub(crate) fn metrics(dir: &Path) -> Vec<Metrics> {
    read_metrics(&dir.join("metrics.jsonl")).unwrap()
}

fn add_files(dir: &Path, folder: &Path, remains: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(dir).unwrap().display().to_string();
        if path.is_dir() {
            add_files(dir, &path, remains);
        } else if name.ends_with("trainer/unfinished.msgpack") {
            remains.push((name, without_clocks(&std::fs::read(&path).unwrap())));
        } else if !name.ends_with("trainer/manifest.json") {
            remains.push((name, std::fs::read(&path).unwrap()));
        }
    }
}

/// What a step left to the next, without the verdicts that happened to be there by then.
fn without_clocks(unfinished: &[u8]) -> Vec<u8> {
    let mut left: serde_json::Value = rmp_serde::from_slice(unfinished).unwrap();
    for group in left["groups"].as_array_mut().unwrap() {
        group.as_object_mut().unwrap().remove("verdicts").unwrap();
    }
    serde_json::to_vec(&left).unwrap()
}

#[track_caller]
pub(crate) fn assert_same(one: &Path, other: &Path, why: &str) {
    let (expected, found) = (remains(one), remains(other));
    let names = |remains: &[(String, Vec<u8>)]| remains.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&expected), names(&found), "{why}");
    for ((name, expected), (_, found)) in expected.iter().zip(&found) {
        assert!(expected == found, "{name} differs, {why}");
    }
}

/// A bench whose cold start is done, and whose stage refills groups.
pub(crate) fn after_cold_start() -> Bench {
    let bench = Bench::new();
    let stage = std::fs::read_to_string(bench.path("stage-1.toml")).unwrap();
    let refilled = stage.replace("format_bonus = 0.1", "").replace("enabled = false", "enabled = true");
    bench.write("stage-1.toml", &refilled);
    run(&[&["cold-start", "--config", &bench.text("cold-start.toml")], &NO_EVAL[..]].concat(), 0);
    bench
}
