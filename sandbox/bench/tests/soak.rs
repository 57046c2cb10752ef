//! A small soak: every request answered, every verdict the known one, nothing left.

use sandbox_api::EngineKind;
use sandbox_bench::{SoakOptions, soak};

#[test]
fn mixed_programs_are_judged_while_workers_are_killed() {
    crate::alone(soak_once());
}

async fn soak_once() {
    let options = SoakOptions {
        programs: 400,
        clients: 16,
        workers: 2,
        kill_seconds: 1.0,
        engines: vec![EngineKind::Process],
        seed: 7,
    };
    let report = soak(options, |_| {}).await.unwrap();
    assert!(report.killed > 0, "{report}");
    assert!(report.is_clean(), "{report}");
}
