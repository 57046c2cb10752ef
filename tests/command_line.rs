//! What the command line says, word for word: its help, resolved configurations, and errors in a configuration. After a
//! change that is meant, `INSTA_UPDATE=always cargo test -p trainer --test main command_line` writes the new words.

use crate::support::{Bench, run};

fn snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

fn stdout(arguments: &[&str]) -> String {
    String::from_utf8(run(arguments, 0).stdout).expect("help is text")
}

#[test]
fn help() {
    snapshot("help", &stdout(&["--help"]));
    let commands = [
        "cold-start",
        "reward-model",
        "recipe",
        "sweep",
        "eval",
        "compare",
        "data",
        "generate",
        "render",
        "verify",
        "verify-math",
        "report",
        "config",
        "checkpoint",
        "sandbox",
        "bench",
    ];
    for command in commands {
        snapshot(&format!("help_{command}"), &stdout(&[command, "--help"]));
    }
    snapshot("help_config-check", &stdout(&["config", "check", "--help"]));
    snapshot("help_data-show", &stdout(&["data", "show", "--help"]));
    snapshot("help_data-check", &stdout(&["data", "check", "--help"]));
    snapshot("help_checkpoint-verify", &stdout(&["checkpoint", "verify", "--help"]));
    snapshot("help_checkpoint-export", &stdout(&["checkpoint", "export", "--help"]));
    snapshot("help_bench-update", &stdout(&["bench", "update", "--help"]));
    snapshot("help_verifier-check", &stdout(&["verifier", "check", "--help"]));
}

#[test]
fn resolved_configurations_hold_every_default() {
    for (name, mode) in [
        ("cold-start", vec!["cold-start"]),
        ("stage-1", vec!["--stage", "1"]),
        ("reward-model", vec!["reward-model"]),
        ("stage-2", vec!["--stage", "2"]),
    ] {
        let file = format!("{}/../configs/demo/{name}.toml", env!("CARGO_MANIFEST_DIR"));
        let mut arguments = mode;
        arguments.extend(["--config", &file, "--set", "schedule.lr=0.125", "--print-config"]);
        let text = stdout(&arguments);
        // As many workers as the machine has cores.
        let is_of_the_machine = |line: &&str| !line.starts_with("workers = ");
        let lines: Vec<&str> = text.lines().filter(is_of_the_machine).collect();
        snapshot(&format!("config_{name}"), &lines.join("\n"));
    }
}

#[test]
fn errors_in_a_configuration() {
    let bench = Bench::new();
    let file = bench.text("run.toml");
    let error = |text: &str| {
        bench.write("run.toml", text);
        let said = run(&["--stage", "1", "--config", &file], 2).stderr;
        String::from_utf8_lossy(&said).replace(&bench.text(""), "DIR/")
    };
    snapshot("error_unknown_key", &error("[rollout]\nprompts_per_step = 4\nprompts_per_stp = 4\n"));
    snapshot("error_wrong_type", &error("[run]\nseed = \"one\"\n"));
    snapshot("error_not_toml", &error("[run\n"));
    snapshot("error_no_model", &error("[run]\ndir = \"DIR\"\n"));
}
