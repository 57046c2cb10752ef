//! The same run again, bit for bit: after kills at random moments, and beside verdicts that come when they come. The
//! moments of many more kills, in every kind of run, are those of `cargo xtask kills`.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Instant, SystemTime};

use random::KeyedRng;

use crate::support::remains::{after_cold_start, assert_same, metrics};
use crate::support::{Bench, NO_EVAL, run, trainer};

/// Number of steps of the runs here.
const STEPS: u64 = 4;

/// Asserts that a stage of [`STEPS`] steps learned something and refilled something.
#[track_caller]
fn assert_refilled(dir: &Path) {
    let of_steps = |name: &str| -> Vec<f64> { metrics(dir).iter().map(|row| row.get(name).unwrap()).collect() };
    let (drawn, kept) = (of_steps("groups/drawn"), of_steps("groups/kept"));
    assert_eq!(drawn.len() as u64, STEPS);
    assert!(drawn.iter().any(|number| *number > 3.0), "nothing was refilled: {drawn:?}");
    assert!(kept.iter().sum::<f64>() > 0.0, "nothing was learned");
}

/// Most runs that may end before they are killed.
const MAX_MISSES: usize = 5;

/// Kills a stage with these assignments at random moments, and holds its end against that of an uninterrupted one.
fn kill(num_kills: usize, sets: &[&str]) {
    let bench = after_cold_start();
    // Some groups teach, most are refilled.
    let varied = "reward.term=[{ name = \"varied\", reads = \"repetition\", ngram = 1 }]";
    let config = bench.text("stage-1.toml");
    // A rate that follows the whole length.
    let always = [varied, "rollout.samples_per_prompt=4", "schedule.decay=linear", "checkpoint.every=1"];
    let command = |dir: &Path| -> Command {
        let mut command = trainer();
        command.args(["--stage", "1", "--config", &config, "--resume", "auto", "--run-dir"]).arg(dir).args(NO_EVAL);
        for set in always.iter().chain(sets) {
            command.args(["--set", set]);
        }
        command.stderr(Stdio::null());
        command
    };
    let (whole, killed) = (bench.path("whole"), bench.path("killed"));
    let started = Instant::now();
    assert!(command(&whole).status().unwrap().success());
    let mut length = started.elapsed();
    assert_refilled(&whole);

    let seed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos() as u64;
    println!("kills of seed {seed}");
    let mut random = KeyedRng::new(&[seed.into(), "kills".into()]);
    let mut num_killed = 0;
    for _ in 0..num_kills + MAX_MISSES {
        let mut child = command(&killed).spawn().unwrap();
        let share = 0.3 + 0.6 * (random.next_u64() % 1000) as f64 / 1000.0;
        std::thread::sleep(length.mul_f64(share));
        child.kill().unwrap();
        let was_killed = child.wait().unwrap().signal() == Some(9);
        num_killed += usize::from(was_killed);
        match (was_killed, num_killed) {
            // It ended before its kill, for the machine is less busy than it was: again, and sooner.
            (false, 0) => {
                std::fs::remove_dir_all(&killed).unwrap();
                length = length.mul_f64(0.6);
            }
            (false, _) => break,
            (true, _) if num_killed == num_kills => break,
            (true, _) => {}
        }
    }
    assert!(num_killed > 0, "seed {seed}: no run was killed");
    assert!(command(&killed).status().unwrap().success(), "seed {seed}");
    assert_same(&whole, &killed, &format!("with kills of seed {seed}"));
}

#[test]
fn a_run_killed_at_random_moments_is_the_uninterrupted_run() {
    kill(3, &[]);
}

#[test]
fn a_killed_run_in_bfloat16_is_the_uninterrupted_run() {
    kill(1, &["run.dtype=bfloat16"]);
}

#[test]
fn a_killed_run_with_a_critic_is_the_uninterrupted_run() {
    let ppo = ["algorithm.name=ppo", "advantage={ gae = {} }", "loss.kl_coefficient=0.0"];
    let critic = ["critic.updates_per_step=2", "critic.schedule.lr=1e-3", "critic.pretrain_steps=1"];
    kill(1, &[&ppo[..], &critic].concat());
}

/// A stage whose completions are paid by a command that answers after a delay, given as shell, or at once.
fn paid_by_a_command(bench: &Bench, name: &str, delay: &str) -> PathBuf {
    let config = std::fs::read_to_string(bench.path("stage-1.toml")).unwrap();
    let config = config.replace("[reward]", "[reward]\njudge_truncated = true");
    // The score follows from the completion: half of the groups of two teach nothing.
    let script = format!(
        "n=$$; while read -r line; do {delay} rest=${{line#*\\\"completion\\\"}}; \
         echo \"{{\\\"score\\\": $(( ${{#rest}} % 2 ))}}\"; done"
    );
    let term = format!(
        "[[reward.term]]\nname = \"even\"\nreads = \"verifier:even\"\n\
         [verifiers.command.even]\nworkers = 3\nbatch = 1\ncommand = [\"sh\", \"-c\", '''{script}''']\n"
    );
    bench.write(&format!("{name}.toml"), &format!("{config}{term}"));
    let dir = bench.path(name);
    let (config, text) = (bench.text(&format!("{name}.toml")), bench.text(name));
    run(&[&["--stage", "1", "--config", &config, "--run-dir", &text], &NO_EVAL[..]].concat(), 0);
    dir
}

#[test]
fn verdicts_that_take_their_time_change_no_bit() {
    let bench = after_cold_start();
    let quick = paid_by_a_command(&bench, "quick", "");
    // Up to an eighth of a second by a generator that begins at the process's number: sooner than the lag of the
    // replacements, and later.
    let random = "n=$(( (n * 75 + 74) % 65537 )); sleep $(printf 0.%03d $(( n % 125 )));";
    let slow = paid_by_a_command(&bench, "slow", random);
    assert_refilled(&quick);
    assert_same(&quick, &slow, "with slow verdicts");
}
