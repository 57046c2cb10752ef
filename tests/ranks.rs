//! Runs on several ranks: the same as on one within rounding, the same again bit for bit, and their ends. The moments
//! of many more kills are those of `cargo xtask kills --ranks`.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use policy::{NamedTensors, read_tensors};
use record::rollouts::read_rollouts;
use record::run_folder::RunFolder;
use tch::Device;

use crate::support::remains::{after_cold_start, assert_same, metrics};
use crate::support::{Bench, NO_EVAL, trainer};

/// Steps of a stage here.
const STEPS: u64 = 5;

/// Most runs that may be over before they get their signal.
const MAX_MISSES: usize = 5;

/// A key's bias has no gradient but rounding, which AdamW would make a step of.
const STEADY: &str = "optimizer.eps=1e-5";

/// A stage 1 that refills its groups, with two updates a step and a KL term; its ranks wait for one another for some
/// seconds.
struct Stage {
    bench: Bench,
}

impl Stage {
    fn new() -> Self {
        Self { bench: after_cold_start() }
    }

    fn dir(&self, name: &str) -> PathBuf {
        self.bench.path(name)
    }

    fn command(&self, name: &str, more: &[&str]) -> Command {
        let config = self.bench.text("stage-1.toml");
        let mut command = trainer();
        command.args(["--stage", "1", "--config", &config, "--resume", "auto", "--run-dir"]).arg(self.dir(name));
        let steps = format!("update.steps={STEPS}");
        let varied = "reward.term=[{ name = \"varied\", reads = \"repetition\", ngram = 1 }]";
        let always = [varied, "rollout.samples_per_prompt=4", "schedule.decay=linear", "checkpoint.every=1", &steps];
        let always = always.iter().flat_map(|set| ["--set", set]);
        command.args(NO_EVAL).args(always).args(["--set", "run.num_threads=1", "--set", STEADY]).args(more);
        command
    }

    /// Runs it to its end with an exit code; returns what it said.
    #[track_caller]
    fn run(&self, name: &str, more: &[&str], code: i32) -> String {
        ended(self.command(name, more), code)
    }
}

#[track_caller]
fn ended(mut command: Command, code: i32) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{said}");
    said
}

/// Weights of a run's last checkpoint, however it is cut.
#[track_caller]
fn weights(dir: &Path) -> NamedTensors {
    let parent = tempfile::tempdir().unwrap();
    let (checkpoint, whole) = (dir.join("checkpoints/last"), parent.path().join("whole"));
    let mut export = trainer();
    export.args(["checkpoint", "export"]).args([&checkpoint, &whole]);
    ended(export, 0);
    read_tensors(&whole.join("model.safetensors"), Device::Cpu).unwrap()
}

/// Asserts that a run is another one within rounding: metrics, and each parameter to 1e-5 of its norm.
#[track_caller]
fn assert_agree(one: &Path, other: &Path) {
    let (expected, found) = (metrics(one), metrics(other));
    assert_eq!(expected.len(), found.len());
    let of_the_machine = ["time/", "throughput/", "memory/", "dist/", "rollout/rows_in_flight"];
    for (expected, found) in expected.iter().zip(&found) {
        for (name, value) in expected.iter().filter(|(name, _)| !of_the_machine.iter().any(|it| name.starts_with(it))) {
            let found = found.get(name).unwrap_or(f64::NAN);
            assert!((value - found).abs() <= 1e-5 * value.abs().max(1.0), "{name}: {found}, and {value} on one rank");
        }
    }
    for ((name, expected), (_, found)) in weights(one).iter().zip(weights(other)) {
        let (difference, size) = ((&found - expected).norm().double_value(&[]), expected.norm().double_value(&[]));
        assert!(difference <= 1e-5 * size, "{name} differs by {difference} of {size}");
    }
}

/// Number of sampled tokens of a run, and of those that are others than another run's.
fn sampled_otherwise(one: &Path, other: &Path) -> (usize, usize) {
    let (mut num_tokens, mut num_others) = (0, 0);
    let (one, other) = (RunFolder::open(one).unwrap(), RunFolder::open(other).unwrap());
    for (step, path) in one.rollout_files().unwrap() {
        let rows = read_rollouts(&path).unwrap().into_iter().zip(read_rollouts(&other.rollouts(step)).unwrap());
        for (row, other) in rows {
            let (ids, others) = (row.completion_ids, other.completion_ids);
            num_tokens += ids.len();
            num_others += ids.iter().zip(&others).filter(|(one, other)| one != other).count();
        }
    }
    (num_tokens, num_others)
}

#[test]
fn a_stage_is_the_same_in_every_layout_and_the_same_again_after_a_stop() {
    let stage = Stage::new();
    stage.run("one", &[], 0);
    let one = stage.dir("one");
    for (name, more) in [
        ("shards", &["--nproc", "2"][..]),
        ("replicas", &["--nproc", "2", "--set", "parallel.replicate=2"]),
        ("four", &["--nproc", "4", "--set", "parallel.replicate=2"]),
        ("tensor", &["--nproc", "2", "--set", "parallel.tensor=2"]),
        ("tensor-shards", &["--nproc", "4", "--set", "parallel.tensor=2"]),
        ("context", &["--nproc", "2", "--set", "parallel.context=2"]),
    ] {
        stage.run(name, more, 0);
        assert_agree(&one, &stage.dir(name));
        // A draw may lie within rounding of a boundary; in so few tokens none does.
        let (num_tokens, num_others) = sampled_otherwise(&one, &stage.dir(name));
        assert!(num_tokens > 500 && num_others == 0, "{num_others} of {num_tokens} tokens in {name}");
        let is_whole = stage.dir(name).join("checkpoints/last/model.safetensors").exists();
        assert_eq!(is_whole, ["replicas", "context"].contains(&name), "{name}");
        let last = metrics(&stage.dir(name)).pop().unwrap();
        assert!(last.get("dist/bytes_reduced").unwrap() > 0.0 && last.get("dist/world_size").unwrap() >= 2.0);
        // What was saved in this layout, one rank goes on with.
        let (done, longer) = (stage.dir(name), format!("{name}-longer"));
        assert!(Command::new("cp").arg("-a").args([&done, &stage.dir(&longer)]).status().unwrap().success());
        stage.run(&longer, &["--accept-changes", "--set", "update.steps=6"], 0);
        assert_eq!(metrics(&stage.dir(&longer)).len() as u64, STEPS + 1);
    }
    // A signal on any rank: all stop at the step's end, and the same command goes on as if nothing had been.
    let ranks = ["--nproc", "2"];
    let mut stopped = stage.signalled("stopped", &ranks, 1, 1, "-TERM");
    assert_eq!(stopped.code(), Some(75));
    let step = metrics(&stage.dir("stopped")).len() as u64;
    assert!(step < STEPS, "{step} steps before the signal");
    assert_eq!(std::fs::read_link(stage.dir("stopped").join("checkpoints/last")).unwrap(), checkpoint(step));
    // On another number of ranks it goes on within rounding, on as many bit for bit.
    let copy = Command::new("cp").arg("-a").args([stage.dir("stopped"), stage.dir("fewer")]).status().unwrap();
    assert!(copy.success());
    stage.run("stopped", &ranks, 0);
    assert_same(&stage.dir("shards"), &stage.dir("stopped"), "after a stop");
    stage.run("fewer", &[], 0);
    assert_agree(&one, &stage.dir("fewer"));
}

#[test]
fn the_other_kinds_of_run_are_the_same_on_two_ranks() {
    let bench = Bench::new();
    for (name, mode, config) in [
        ("cold-start", &["cold-start"][..], "cold-start.toml"),
        ("stage-1", &["--stage", "1"], "stage-1.toml"),
        ("reward-model", &["reward-model"], "reward-model.toml"),
        ("stage-2", &["--stage", "2"], "stage-2.toml"),
    ] {
        let config = bench.text(config);
        let run = |dir: &Path, more: &[&str]| {
            let mut command = trainer();
            command.args(mode).args(["--config", &config, "--set", STEADY, "--run-dir"]).arg(dir).args(more);
            ended(command, 0);
        };
        let (one, two) = (bench.path("runs").join(name), bench.path(&format!("{name}-on-two")));
        run(&one, &[]);
        if name != "stage-1" {
            run(&two, &["--nproc", "2"]);
            assert_agree(&one, &two);
        }
    }
}

#[test]
fn a_rank_that_is_lost_is_named_and_the_run_goes_on_as_if_nothing_had_been() {
    let stage = Stage::new();
    let ranks = ["--nproc", "3"];
    let hurried = [&ranks[..], &["--set", "parallel.timeout_seconds=4"]].concat();
    stage.run("whole", &ranks, 0);
    for (victim, signal) in [(1, "-KILL"), (0, "-KILL"), (2, "-STOP")] {
        let name = format!("lost{victim}");
        let mut lost = stage.signalled(&name, &hurried, 2, victim, signal);
        // The time-out, and what a busy machine may take besides.
        let said = lost.said(Duration::from_secs(4 + 60), &format!("rank {victim}"));
        assert_ne!(lost.code(), Some(0), "{said}");
        if signal == "-STOP" {
            assert!(said.contains(&format!("not heard of: rank {victim}")), "{said}");
        }
        stage.run(&name, &ranks, 0);
        assert_same(&stage.dir("whole"), &stage.dir(&name), &format!("after {signal} of rank {victim}"));
    }
}

#[test]
fn what_ranks_cannot_run_is_said_on_every_rank() {
    let stage = Stage::new();
    let two = |more: &[&str], code| stage.run("refused", &[&["--nproc", "2"], more].concat(), code);
    let said = two(&["--set", "parallel.shard=3"], 2);
    assert!(said.contains("parallel: layout field `shard`") && said.contains("there are 2 ranks"), "{said}");
    let said = stage.run("refused", &["--set", "parallel.tensor=4", "--nproc", "4"], 2);
    assert!(said.contains("parallel.tensor") && said.contains("heads"), "{said}");
    let said = stage.run("refused", &["--set", "parallel.tensor=2"], 2);
    assert!(said.contains("parallel: layout field"), "{said}");
    let said = two(&["--set", "parallel.shard=0"], 2);
    assert!(said.contains("parallel.shard: is 0"), "{said}");

    // A rank of another run, and a rank alone.
    let said = stage.by_hand("other", [&[], &["--set", "loss.kl_coefficient=0.5"]]);
    for said in &said {
        assert!(said.contains("on rank 1") && said.contains("`loss.kl_coefficient` is `0.5` and not `0.01`"), "{said}");
    }
    // A rank that cannot start does not let the others wait.
    let said = stage.by_hand("device", [&[], &["--set", "run.device=cuda:7"]]);
    assert!(said[0].contains("rank 1 (process ") && said[0].contains("cannot start: "), "{}", said[0]);
    for said in &said {
        assert!(said.contains("cuda:7") && !said.contains("not there after"), "{said}");
    }
    let mut alone = stage.command("alone", &["--set", "parallel.timeout_seconds=3"]);
    let port = free_port();
    let said = ended_as_rank(alone.env("RANK", "0"), 0, port);
    assert!(said.contains("not there after 3.0 s: rank 1 of 2"), "{said}");
    let mut lacking = stage.command("lacking", &[]);
    lacking.env("RANK", "0");
    assert!(ended(lacking, 2).contains("WORLD_SIZE is not set"));
    let mut recipe = trainer();
    recipe.args(["recipe", "--config", &stage.bench.text("recipe.toml")]);
    let said = ended_as_rank(&mut recipe, 0, port);
    assert!(said.contains("runs in one process"), "{said}");
}

#[test]
fn a_rank_that_cannot_load_ends_all_at_once_with_its_reason() {
    let tried = Command::new("unshare").args(HIDING).arg("true").status();
    if !tried.is_ok_and(|status| status.success()) {
        eprintln!("left out: a rank that does not see a file, for there are no namespaces here");
        return;
    }
    let stage = Stage::new();
    stage.run("saved", &["--nproc", "2", "--set", "update.steps=1"], 0);
    let checkpoint = stage.dir("saved").join("checkpoints").join(checkpoint(1));
    // A rank that fails to load the policy is missed where the others meet for the reference, one that fails later
    // where all have loaded.
    for file in ["model-rank-00001-of-00002.safetensors", "trainer/optimizer-rank-00001-of-00002.safetensors"] {
        let hidden = checkpoint.join(file);
        let begun = Instant::now();
        let more = ["--accept-changes", "--set", "update.steps=2", "--set", "parallel.timeout_seconds=90"];
        let port = free_port();
        let children = [0, 1].map(|rank| {
            let command = stage.command("saved", &more);
            let mut command = if rank == 0 { command } else { without_file(&command, &hidden) };
            as_rank(&mut command, rank, port).stderr(Stdio::piped()).spawn().unwrap()
        });
        let said = children.map(|child| String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap());
        assert!(begun.elapsed() < Duration::from_secs(60), "the other rank waited for the time-out: {said:#?}");
        for (said, words) in said.iter().zip(["rank 0: rank 1 failed: ", "rank 1: "]) {
            assert!(said.contains(words) && said.contains(file), "{said}");
            assert!(!said.contains("not heard of"), "no rank is looked for: {said}");
        }
    }
}

/// Arguments of unshare(1) for a process with mounts of its own.
const HIDING: [&str; 3] = ["--user", "--map-root-user", "--mount"];

/// A command that sees an empty file in the place of one.
fn without_file(command: &Command, hidden: &Path) -> Command {
    let mut within = Command::new("unshare");
    within.args(HIDING).args(["sh", "-c", "mount --bind /dev/null \"$0\" && exec \"$@\""]).arg(hidden);
    within.arg(command.get_program()).args(command.get_args());
    within.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    within
}

impl Stage {
    /// A run on several ranks, one of which gets a signal once a step is recorded and before the last one begins.
    fn signalled(&self, name: &str, more: &[&str], step: u64, rank: usize, signal: &str) -> Ranks {
        for _ in 0..MAX_MISSES {
            let mut ranks = Ranks::start(self.command(name, more));
            ranks.wait_for_step(&self.dir(name), step);
            if ranks.signal(rank, signal) && (metrics(&self.dir(name)).len() as u64) < STEPS - 1 {
                return ranks;
            }
            // On a busy machine the run may be over by then: again.
            ranks.code();
            std::fs::remove_dir_all(self.dir(name)).unwrap();
        }
        panic!("{name}: each of {MAX_MISSES} runs was over before its signal");
    }

    /// Starts two ranks as a launcher does, each with more arguments of its own; returns what each said.
    fn by_hand(&self, name: &str, more: [&[&str]; 2]) -> [String; 2] {
        let port = free_port();
        let children = [0, 1].map(|rank| {
            let mut command = self.command(name, more[rank]);
            command.args(["--set", "parallel.timeout_seconds=60"]);
            as_rank(&mut command, rank, port).stderr(Stdio::piped()).spawn().unwrap()
        });
        children.map(|child| String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap())
    }
}

/// A free port, of those that the system gives nobody who asks for any.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    loop {
        let number = std::process::id() as u16 % 1000 * 12 + NEXT.fetch_add(1, Ordering::Relaxed);
        let port = 20_000 + number % 12_000;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// The environment of torchrun's ranks, of which there are two on this host.
fn as_rank(command: &mut Command, rank: usize, port: u16) -> &mut Command {
    let (rank, port) = (rank.to_string(), port.to_string());
    let of_all = [("WORLD_SIZE", "2"), ("LOCAL_WORLD_SIZE", "2"), ("MASTER_ADDR", "127.0.0.1"), ("MASTER_PORT", &port)];
    command.envs(of_all).env("RANK", &rank).env("LOCAL_RANK", &rank).env("GLOO_SOCKET_IFNAME", "lo")
}

fn ended_as_rank(command: &mut Command, rank: usize, port: u16) -> String {
    let output = as_rank(command, rank, port).output().unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

fn checkpoint(step: u64) -> PathBuf {
    PathBuf::from(format!("step_{step:05}"))
}

/// A launcher with its ranks; what they say goes to a file.
struct Ranks {
    launcher: Child,
    log: tempfile::NamedTempFile,
}

impl Ranks {
    fn start(mut command: Command) -> Self {
        let log = tempfile::NamedTempFile::new().unwrap();
        let launcher = command.stdout(Stdio::null()).stderr(log.reopen().unwrap()).spawn().unwrap();
        Self { launcher, log }
    }

    /// Waits until a step is recorded.
    fn wait_for_step(&self, dir: &Path, step: u64) {
        let deadline = Instant::now() + Duration::from_secs(90);
        let is_there = || {
            let text = std::fs::read_to_string(dir.join("metrics.jsonl")).unwrap_or_default();
            text.contains(&format!("\"step\":{step},"))
        };
        while !is_there() {
            assert!(Instant::now() < deadline, "no step {step}: {}", self.log());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Sends a signal to a rank; false where it runs no longer.
    fn signal(&self, rank: usize, signal: &str) -> bool {
        let wanted = format!("RANK={rank}");
        let is_it = |process: &String| {
            let environment = std::fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes())
        };
        let process = self.children().into_iter().find(is_it);
        process.is_some_and(|process| Command::new("kill").args([signal, &process]).status().unwrap().success())
    }

    /// Processes that a thread of the launcher started.
    fn children(&self) -> Vec<String> {
        let Ok(tasks) = std::fs::read_dir(format!("/proc/{}/task", self.launcher.id())) else { return Vec::new() };
        let of_task =
            |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        let all: String = tasks.filter_map(Result::ok).map(of_task).collect();
        all.split_whitespace().map(str::to_owned).collect()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.log.path()).unwrap()
    }

    /// What the ranks said, once an error among it has this text; within a time at the longest.
    #[track_caller]
    fn said(&self, within: Duration, text: &str) -> String {
        let deadline = Instant::now() + within;
        loop {
            let said = self.log();
            if said.lines().any(|line| line.contains("error: ")) && said.contains(text) {
                return said;
            }
            assert!(Instant::now() < deadline, "no word of {text}: {said}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn code(&mut self) -> Option<i32> {
        self.launcher.wait().unwrap().code()
    }
}
