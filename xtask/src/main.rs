//! The project's own commands, run as `cargo xtask COMMAND`: set-up, the demo, the tests, the real models.
//!
//! Each command brings what the build needs and then hands the process over to the program that does the work, so that
//! exit codes and Ctrl-C reach it and come back unchanged. This crate must stay small and knows nothing of the other
//! crates but their names: it has to build before libtorch is there.

mod check;
mod cpython;
mod demo;
mod dist;
mod gpu;
mod guide;
mod handover;
mod hook;
mod kills;
mod launchers;
mod libtorch;
mod options;
mod packages;
mod pip;
mod prerequisites;
mod process_search;
mod setup;
mod test;
mod third_party;
mod tidy;
mod wheels;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;

const USAGE: &str = "\
Usage: cargo xtask COMMAND [ARGUMENTS]

Commands:
  setup                 bring libtorch, the sandbox's Python and numpy for its programs into third_party/ and check
                        what the build needs
  demo [ARGUMENTS]      setup, then the whole recipe on the demo's model:
                        trainer recipe --config configs/demo/recipe.toml [ARGUMENTS], as --seed N
  demo --seeds N [--json FILE] [--run-dir DIR]
                        the same for seeds 1 to N, one after another, and a table of medians and ranges;
                        goes on where it was interrupted
  test [ARGUMENTS]      setup, then cargo test --workspace [ARGUMENTS]; with -p CRATE that crate's tests alone, and
                        nothing is brought that it does not need
  check                 all that a change must pass: formatting and tidy, then setup, lints, documentation, licences
                        (where cargo-deny is installed), tests
  tidy                  the rules of docs/STYLE.md that a machine can look at; a test runs it too
  hook                  have git look at formatting and tidiness before each commit
  kills [--runs N] [--seed S] [--ranks N] [--json FILE] [--trainer FILE]
                        setup, then N runs (40) of a micro model, of every kind, in float32 and bfloat16: each is
                        killed one to three times at random moments, goes on, and must leave what an uninterrupted
                        run leaves, byte for byte; exits with 1 where one differs. With --ranks a random one of
                        N ranks is killed or stopped, and all must end. --trainer takes a built one
  launchers [--torchrun PROGRAM] [--trainer FILE]
                        setup, then a micro run on four ranks in each way that launchers start ranks, on one host and
                        on two of network namespaces; each must leave what --nproc leaves, byte for byte. torchrun's
                        ways need that of an importable PyTorch 2.11. --trainer takes a built one
  coverage [--repeats N] [--seed S]
                        simulates the intervals and tests of evaluations and sweeps, N times (10,000) each cell, and
                        prints how often they hold; exits with 1 where docs/evaluation.md or docs/ablations.md
                        promises more
  gpu [--json FILE] [--trainer FILE]
                        where an NVIDIA GPU is at hand: setup, then trainer bench gpu (NCCL with one rank, updates
                        and memory held against the CPU's and the plan's), then micro runs on it in float32 and
                        bfloat16; exits with 2 where there is none. --trainer takes a built one
  dist [--out DIR] [--debug] [--gzip] [--trainer FILE] [--try | --root DIR | --image NAME]
                        setup and a release build, then one archive in target/dist with all that the trainer looks
                        for beside itself, SHA256SUMS and licences; --debug packs the debug build, --trainer a built
                        one, --gzip is for where zstd is missing. --try unpacks it where there is no Rust (a
                        container of docker or podman, or a bare root) and runs it: --root takes a folder with a
                        system, such as debootstrap makes, --image a container's
  dist --check ARCHIVE [--try | --root DIR | --image NAME]
                        checks an archive against SHA256SUMS beside it and in it, and tries it
  guide [PAGE…] [--trainer FILE] [--json FILE]
                        setup, then every command of the README and of docs/guide/, or of these pages, as a reader
                        would run it: in an empty folder, with the trainer on the PATH, and what is printed is held
                        against what is shown; exits with 1 where a line differs. --trainer takes a built one
  real [ARGUMENTS]      setup, then scripts/real_models.py [ARGUMENTS]: parity, tasks and training with real
                        models

LIBTORCH=DIR in the environment uses the PyTorch in DIR and leaves third_party/ alone.";

/// Exit code of wrong usage.
const WRONG_USAGE: u8 = 2;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next();
    let rest: Vec<String> = arguments.collect();
    let root = workspace_root();
    let done = |()| ExitCode::SUCCESS;
    let outcome = match command.as_deref() {
        Some("setup") if rest.is_empty() => setup::run(&root).map(done),
        Some("demo") => match demo::Demo::parse(&rest) {
            Ok(demo) => demo.run(&root),
            Err(what) => return wrong_usage(&what),
        },
        Some("test") => test::run(&root, &rest).map(done),
        Some("check") if rest.is_empty() => check::run(&root),
        Some("tidy") if rest.is_empty() => tidy::run(&root),
        Some("hook") if rest.is_empty() => hook::install(&root).map(done),
        Some("kills") => match kills::Kills::parse(&rest) {
            Ok(kills) => kills.run(&root),
            Err(what) => return wrong_usage(&what),
        },
        Some("dist") => match dist::Dist::parse(&rest) {
            Ok(dist) => dist.run(&root),
            Err(what) => return wrong_usage(&what),
        },
        Some("coverage") => coverage(&root, &rest).map(done),
        Some("gpu") => match gpu::TryGpu::parse(&rest) {
            Ok(gpu) => gpu.run(&root),
            Err(what) => return wrong_usage(&what),
        },
        Some("guide") => match guide::Guide::parse(&rest) {
            Ok(guide) => guide.run(&root),
            Err(what) => return wrong_usage(&what),
        },
        Some("real") => real(&root, &rest).map(done),
        Some("launchers") => match launchers::Launchers::parse(&rest) {
            Ok(launchers) => launchers.run(&root),
            Err(what) => return wrong_usage(&what),
        },
        Some("help" | "--help" | "-h") => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Some(name @ ("setup" | "check" | "tidy" | "hook")) => {
            return wrong_usage(&format!("{name} takes no arguments"));
        }
        Some(unknown) => return wrong_usage(&format!("no command is called {unknown:?}")),
        None => return wrong_usage("a command is missing"),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn wrong_usage(what: &str) -> ExitCode {
    eprintln!("error: {what}\n\n{USAGE}");
    ExitCode::from(WRONG_USAGE)
}

/// The folder of the workspace: this crate's parent.
fn workspace_root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_path_buf()
}

fn real(root: &Path, arguments: &[String]) -> Result<()> {
    setup::run(root)?;
    let mut script = handover::program("python3", root);
    script.arg("scripts/real_models.py");
    Err(handover::replace_with(script.args(arguments)))
}

/// The simulation of the statistics, in release: in debug it takes an hour.
fn coverage(root: &Path, arguments: &[String]) -> Result<()> {
    let mut cargo = handover::cargo(root);
    cargo.args(["run", "--release", "--quiet", "-p", "statistics", "--example", "coverage", "--"]);
    Err(handover::replace_with(cargo.args(arguments)))
}
