//! How many verdicts a second a plug-in in Python, or a command, comes to, in batches, one by one, and with calls that
//! hang.
//!
//! ```text
//! cargo run --release -p verifiers --example plug_in_rates -- trusted
//! cargo run --release -p verifiers --example plug_in_rates -- wasm http://127.0.0.1:8080
//! cargo run --release -p verifiers --example plug_in_rates -- jail http://127.0.0.1:8080
//! cargo run --release -p verifiers --example plug_in_rates -- command
//! ```
//!
//! With `wasm` and `jail` a code execution server must run there (`trainer sandbox serve`), whose workers are those
//! that judge.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use datasets::{Message, Task, TaskKind, TaskVerifier};
use futures::future::join_all;
use verifiers::{
    CommandConfig, CommandVerifier, Judged, PythonConfig, PythonIsolation, PythonVerifier, VerdictKind, Verifier,
};

const PLUG_IN: &str = "\
def verify(prompt, completion, answer):
    while completion == 'hang':
        pass
    return float(completion == answer)
";

const COMMAND: &str = "\
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    while asked['completion'] == 'hang':
        pass
    score = float(asked['completion'] == asked['ground_truth'])
    print(json.dumps({'ask': asked['ask'], 'score': score}), flush=True)
";

fn verifier(isolation: &str, url: &str, file: &PathBuf, workers: usize, batch: usize) -> Arc<dyn Verifier> {
    let isolation = match isolation {
        "jail" => PythonIsolation::Jail,
        "wasm" => PythonIsolation::Wasm,
        "trusted" => PythonIsolation::Trusted,
        _ => {
            let command = ["python3", "-c", COMMAND].map(str::to_owned).to_vec();
            let config = CommandConfig { workers, batch, timeout_seconds: 1.0, ..CommandConfig::new(command) };
            return Arc::new(CommandVerifier::new("rate".into(), config));
        }
    };
    let config = PythonConfig { isolation, workers, batch, timeout_seconds: 1.0, ..PythonConfig::new(file) };
    let client = sandbox_api::Client::new(vec![url.to_owned()]).expect("an address");
    Arc::new(PythonVerifier::new("rate".into(), config, client))
}

fn judged(completion: &str) -> Judged {
    let messages = vec![Message::user("What is 6 times 7?")];
    Judged::new(Task::new("t", TaskKind::MATH, messages, TaskVerifier::new("rate", "42")), completion)
}

/// Judges all completions at once, and says how long that took and how many verdicts were of each kind.
async fn all_at_once(verifier: &Arc<dyn Verifier>, completions: &[Judged], what: &str) -> f64 {
    let began = Instant::now();
    let outcomes = join_all(completions.iter().map(|judged| verifier.verify(judged))).await;
    let seconds = began.elapsed().as_secs_f64();
    let of = |kind| {
        let kinds =
            outcomes.iter().map(|outcome| outcome.as_ref().map_or_else(|error| error.kind(), |found| found.kind));
        kinds.filter(|found| *found == kind).count()
    };
    let (passed, timed_out) = (of(VerdictKind::Passed), of(VerdictKind::TimedOut));
    println!(
        "{what}: {} calls in {seconds:.2} s, {:.0} a second; {passed} passed, {timed_out} timed out, {} else",
        outcomes.len(),
        outcomes.len() as f64 / seconds,
        outcomes.len() - passed - timed_out
    );
    seconds
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let isolation = arguments.next().ok_or("name trusted, wasm, jail or command")?;
    let url = arguments.next().unwrap_or_else(|| "http://127.0.0.1:8080".to_owned());
    let file = std::env::temp_dir().join(format!("plug-in-rates-{}.py", std::process::id()));
    std::fs::write(&file, PLUG_IN)?;

    let good: Vec<Judged> = (0..2000).map(|_| judged("42")).collect();
    let batched = verifier(&isolation, &url, &file, 2, 64);
    batched.prepare().await?;
    all_at_once(&batched, &good[..200], "warm-up").await;
    all_at_once(&batched, &good, "batched").await;

    let single = verifier(&isolation, &url, &file, 2, 1);
    single.prepare().await?;
    all_at_once(&single, &good[..50], "warm-up").await;
    all_at_once(&single, &good[..1000], "single, two at a time").await;
    let began = Instant::now();
    for judged in &good[..500] {
        single.verify(judged).await?;
    }
    println!("single, one after the other: {:.0} a second", 500.0 / began.elapsed().as_secs_f64());

    let eight = verifier(&isolation, &url, &file, 8, 64);
    eight.prepare().await?;
    all_at_once(&eight, &good[..200], "warm-up").await;
    let without = all_at_once(&eight, &good, "eight workers").await;
    let some_hang: Vec<Judged> = (0..2000).map(|index| judged(if index % 100 == 37 { "hang" } else { "42" })).collect();
    let with = all_at_once(&eight, &some_hang, "of which one in a hundred hangs").await;
    println!("the calls that hang add {:.2} s", with - without);
    std::fs::remove_file(&file)?;
    Ok(())
}
