//! The measurements: every engine that is set up has its figures, beside those of the peers found here.

use sandbox_api::EngineKind;
use sandbox_bench::{BenchOptions, bench};

#[test]
fn engines_and_peers_are_measured_in_one_run() {
    crate::alone(measure());
}

async fn measure() {
    let options =
        BenchOptions { runs: 5, gradings: 20, clients: 4, workers: 1, numeric_runs: 1, ..BenchOptions::default() };
    let report = bench(&options, |_| {}).await.unwrap();
    let process =
        report.engines.iter().find(|figures| figures.engine == EngineKind::Process).expect("it is always there");
    assert_eq!(process.trivial.count, 5);
    assert!(process.trivial.median_ms > 0.0 && process.trivial.p99_ms >= process.trivial.median_ms);
    assert!(process.sixteen_megabytes_peak_bytes > 16 << 20, "{report}");
    assert!(process.gradings_per_second > 0.0 && process.standing_bytes.is_none_or(|bytes| bytes > 0));
    let python = report.peers.iter().find(|peer| peer.name == "python3 subprocess").expect("a Python is always there");
    let ratio = report.ratios.iter().find(|ratio| ratio.engine == EngineKind::Process && ratio.peer == python.name);
    assert_eq!(ratio.unwrap().rate, process.gradings_per_second / python.runs_per_second);
    assert_eq!(report.numeric.is_empty(), report.engines.len() < 2);
    assert_eq!(report.missing.iter().any(|one| one.name == "wasm"), report.engines.len() < 2);
    let table = report.to_string();
    assert!(table.contains("python3 subprocess") && table.contains("standing MiB"), "{table}");
}
