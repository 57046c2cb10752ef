//! A run whose verifier's service is away: it waits, goes on as if nothing had been, or saves and ends.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::remains::{after_cold_start, assert_same, metrics};
use crate::support::{Bench, NO_EVAL, trainer};

/// A stage that is paid by a command, whose service is there while the file `there` is; from the first step of the run
/// `ended` on, while `back` is there too.
fn write_config(bench: &Bench) {
    let config = std::fs::read_to_string(bench.path("stage-1.toml")).unwrap();
    let config = config.replace("[reward]", "[reward]\njudge_truncated = true");
    let script = format!(
        "while read -r line; do if [ -e {there} ] && {{ [ -e {back} ] || ! grep -qs '\"step\":1,' {ended}; }}; then \
         rest=${{line#*\\\"completion\\\"}}; \
         echo \"{{\\\"score\\\": $(( ${{#rest}} % 2 ))}}\"; \
         else echo '{{\"kind\": \"unavailable\", \"reason\": \"nobody is at home\"}}'; fi; done",
        there = bench.text("there"),
        back = bench.text("back"),
        ended = bench.text("ended/metrics.jsonl"),
    );
    let term = format!(
        "[[reward.term]]\nname = \"even\"\nreads = \"verifier:even\"\n\
         [verifiers.command.even]\nworkers = 2\nbatch = 1\ncommand = [\"sh\", \"-c\", \"\"\"{}\"\"\"]\n",
        script.replace('\\', "\\\\").replace('"', "\\\"")
    );
    bench.write("paid.toml", &format!("{config}{term}"));
}

fn command(bench: &Bench, name: &str, more: &[&str]) -> Command {
    let mut command = trainer();
    command.args(["--stage", "1", "--resume", "auto", "--config", &bench.text("paid.toml"), "--run-dir"]);
    command.arg(bench.path(name)).args(NO_EVAL).args(["--set", "checkpoint.every=0"]).args(more);
    command
}

/// Runs it and has `meanwhile` look at what it says; returns the exit code and all that it said.
fn watched(mut command: Command, log: &Path, mut meanwhile: impl FnMut(&str)) -> (Option<i32>, String) {
    let file = std::fs::File::create(log).unwrap();
    let mut child = command.stdout(Stdio::null()).stderr(file).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(120);
    let code = loop {
        let said = std::fs::read_to_string(log).unwrap();
        meanwhile(&said);
        if let Some(status) = child.try_wait().unwrap() {
            break status.code();
        }
        assert!(Instant::now() < deadline, "{said}");
        std::thread::sleep(Duration::from_millis(5));
    };
    (code, std::fs::read_to_string(log).unwrap())
}

#[test]
fn a_service_that_comes_back_changes_no_bit_and_one_that_stays_away_ends_the_run_saved() {
    let bench = after_cold_start();
    write_config(&bench);
    let (there, log) = (bench.path("there"), bench.path("log"));
    let open = || std::fs::write(&there, "").unwrap();
    open();
    let (code, said) = watched(command(&bench, "whole", &[]), &log, |_| {});
    assert_eq!(code, Some(0), "{said}");

    std::fs::remove_file(&there).unwrap();
    let waits = "waiting for the service of verifier `even`, away for 0 s";
    let (code, said) = watched(command(&bench, "waited", &[]), &log, |said| {
        if said.contains(waits) {
            open();
        }
    });
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains(waits) && said.contains("nobody is at home") && said.contains("is back after"), "{said}");
    assert_same(&bench.path("whole"), &bench.path("waited"), "after waiting for a service");

    // It goes away after the first step.
    let short = ["--set", "verifiers.pause_minutes=0.01"];
    let (code, said) = watched(command(&bench, "ended", &short), &log, |_| {});
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("the service of verifier `even` is away for") && said.contains("pause_minutes"), "{said}");
    let steps = metrics(&bench.path("ended")).len() as u64;
    let saved = std::fs::read_link(bench.path("ended/checkpoints/last")).unwrap();
    assert_eq!(saved, Path::new(&format!("step_{steps:05}")), "{said}");
    std::fs::write(bench.path("back"), "").unwrap();
    let (code, said) = watched(command(&bench, "ended", &[]), &log, |_| {});
    assert_eq!(code, Some(0), "{said}");
    assert_same(&bench.path("whole"), &bench.path("ended"), "after its end");
}
