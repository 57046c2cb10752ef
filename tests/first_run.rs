//! `trainer init` to a finished run in three commands; and everything that its README and the help of each command tell
//! a reader to type, run as it is written.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use record::rollouts::read_rollouts;
use record::run_folder::RunFolder;

use crate::support::commands::commands;
use crate::support::remains::metrics;
use crate::support::{run, trainer};

/// Commands whose examples are not run here: they take minutes, end by Ctrl-C alone, or need a GPU.
const NOT_RUN: [&str; 4] = ["trainer recipe", "trainer sandbox serve", "trainer bench sandbox", "trainer bench gpu"];

/// A folder with the trainer in its `bin`, for lines as a reader types them.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("bin")).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_trainer"), folder.path().join("bin/trainer")).unwrap();
        Self { folder }
    }

    /// Runs lines of a shell one after the other in a folder of the desk, and returns what they print.
    #[track_caller]
    fn type_in(&self, folder: &str, lines: &str) -> String {
        let path = std::env::var("PATH").unwrap_or_default();
        let output = Command::new("bash")
            .args(["-ec", lines])
            .current_dir(self.folder.path().join(folder))
            .env("PATH", format!("{}:{path}", self.folder.path().join("bin").display()))
            .env("HOME", self.folder.path())
            .env("OMP_NUM_THREADS", "1")
            .env_remove("RUST_LOG")
            .output()
            .expect("bash starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{lines}\nended with {} and said: {said}", output.status);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

/// The lines of the blocks of a Markdown text that are for a shell.
fn shell_lines(text: &str) -> Vec<&str> {
    let blocks = text.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.flat_map(str::lines).collect()
}

#[test]
fn three_commands_are_a_finished_run_and_its_readme_holds() {
    let desk = Desk::new();
    desk.type_in("", "trainer init my\ncd my\ntrainer --stage 1 --config config.toml");

    let my = desk.folder.path().join("my");
    let dir = my.join("runs/first");
    let steps: Vec<_> = metrics(&dir).into_iter().filter(|row| row.get("reward/mean").is_some()).collect();
    assert_eq!(steps.iter().map(|row| row.step()).collect::<Vec<_>>(), [Some(1), Some(2)]);
    for row in &steps {
        let verdicts = |kind: &str| row.get(&format!("verify/number/{kind}")).unwrap();
        assert_eq!(verdicts("passed") + verdicts("partial") + verdicts("failed"), 20.0, "5 tasks, 4 times each");
        assert_eq!(verdicts("crashed") + verdicts("timed_out"), 0.0);
    }
    // The reward of every rollout is what verifier.py says of its text.
    let rollouts = read_rollouts(&RunFolder::open(&dir).unwrap().rollouts(1)).unwrap();
    assert_eq!(rollouts.len(), 20);
    for row in &rollouts {
        let verdict = &row.judgement.as_ref().unwrap()[0];
        let reason = &verdict.reason;
        let score = if reason == "no number" {
            0.0
        } else if reason.ends_with("is right") {
            1.0
        } else {
            assert!(reason.contains("is not"), "{reason}");
            0.2
        };
        assert_eq!((verdict.verifier.as_str(), row.reward), ("number", score), "{reason}");
        assert_eq!(row.completion.contains(|letter: char| letter.is_ascii_digit()), score > 0.0, "{}", row.completion);
    }
    assert!(rollouts.iter().any(|row| row.reward > 0.0), "a random model finds a number now and then");
    assert!(dir.join("checkpoints/last/config.json").is_file());

    let readme = std::fs::read_to_string(my.join("README.md")).unwrap();
    assert!(!readme.contains('@') && !std::fs::read_to_string(my.join("config.toml")).unwrap().contains('@'));
    let lines = shell_lines(&readme);
    assert_eq!(lines.first(), Some(&"trainer --stage 1 --config config.toml"));
    let said = desk.type_in("my", &lines[1..].join("\n"));
    assert!(said.contains("agreement   5 of 5, 100.0 %"), "{said}");
    let longer = metrics(&my.join("runs/longer"));
    let rewards: Vec<f64> = longer.iter().filter_map(|row| row.get("reward/mean")).collect();
    let mean = |rewards: &[f64]| rewards.iter().sum::<f64>() / rewards.len() as f64;
    assert_eq!(rewards.len(), 60);
    assert!(mean(&rewards[40..]) > 2.0 * mean(&rewards[..10]), "the reward rises: {rewards:?}");
}

#[test]
fn the_example_of_every_command_runs_as_it_is_written() {
    let desk = Desk::new();
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
    let commands = commands();
    let of = |typed: &str| commands.iter().find(|command| command.typed() == typed).unwrap().example().join("\n");
    // The program's own example makes the folder and the run that the others are about.
    assert_eq!(of("trainer"), of("trainer init"));
    desk.type_in("", &of("trainer"));
    std::os::unix::fs::symlink(configs, desk.folder.path().join("my/configs")).unwrap();

    let mut typed = BTreeSet::from([of("trainer")]);
    for command in &commands {
        let example = command.example().join("\n");
        assert!(example.contains(&command.typed()), "{} has no example", command.typed());
        if !NOT_RUN.contains(&command.typed().as_str()) && typed.insert(example.clone()) {
            desk.type_in("my", &format!("rm -rf exported\n{example}"));
        }
    }
    assert!(NOT_RUN.iter().all(|name| commands.iter().any(|command| command.typed() == *name)));
}

#[test]
fn completions_and_manual_pages_name_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let commands = commands();
    let names: BTreeSet<&String> = commands.iter().flat_map(|command| &command.names).collect();
    assert!(["init", "serve", "verify-math"].iter().all(|name| names.contains(&name.to_string())));
    for shell in ["bash", "zsh", "fish"] {
        let script = String::from_utf8(run(&["completions", shell], 0).stdout).unwrap();
        for name in &names {
            assert!(script.contains(name.as_str()), "{shell}: {name}");
        }
        assert!(script.contains("print-config"), "{shell}");
        std::fs::write(folder.path().join(shell), script).unwrap();
    }
    // The script of bash completes: a word that has begun becomes the only command that begins so.
    let line = "source ./bash && COMP_WORDS=(trainer rec) COMP_CWORD=1 && _trainer trainer rec trainer && \
                echo \"${COMPREPLY[@]}\"";
    let completed = Command::new("bash").args(["-c", line]).current_dir(folder.path()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&completed.stdout).trim(), "recipe");

    let pages = folder.path().join("man/man1");
    run(&["man", &pages.display().to_string()], 0);
    for command in &commands {
        let name = command.typed().replace(' ', "-");
        let page = std::fs::read_to_string(pages.join(format!("{name}.1"))).unwrap();
        assert!(page.contains(".TH") && page.contains("Example"), "{name}");
    }
    assert_eq!(std::fs::read_dir(&pages).unwrap().count(), commands.len(), "a page of each command and no other");
}

#[test]
fn a_folder_that_is_not_empty_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mine.txt"), "kept").unwrap();
    let output = trainer().arg("init").arg(folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("not empty") && said.contains(&folder.path().display().to_string()), "{said}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}
