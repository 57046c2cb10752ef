//! What the command line says, word for word: its help, resolved configurations, and errors in a configuration. After a
//! change that is meant, `INSTA_UPDATE=always cargo test -p trainer --test main command_line` writes the new words.

use crate::support::{Bench, run, trainer};

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
        "init",
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
        "export",
        "sandbox",
        "bench",
        "completions",
        "man",
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
    snapshot("error_unknown_section", &error("[rollouts]\nprompts_per_step = 4\n"));
    snapshot("error_unknown_key_of_a_loss", &error("[loss]\nkind = \"gspo\"\nkl_coeficient = 0.1\n"));
    snapshot("error_unknown_key_of_a_source", &error("[[data]]\npath = \"a.jsonl\"\nwieght = 2.0\n"));
    snapshot(
        "error_unknown_key_of_a_plug_in",
        &error("[verifiers.python.mine]\nfile = \"a.py\"\nisolatoin = \"jail\"\n"),
    );
    snapshot("error_unknown_value", &error("[algorithm]\nname = \"gropo\"\n"));
    snapshot(
        "error_unknown_value_of_a_plug_in",
        &error("[verifiers.python.mine]\nfile = \"a.py\"\nisolation = \"jial\"\n"),
    );
    snapshot("error_wrong_type", &error("[run]\nseed = \"one\"\n"));
    snapshot("error_not_toml", &error("[run\n"));
    snapshot("error_no_model", &error("[run]\ndir = \"DIR\"\n"));
}

#[test]
fn a_wrong_word_of_the_command_line_suggests_the_near_one() {
    let bench = Bench::new();
    bench.write("run.toml", "[run]\nseed = 1\n\n[update]\nsteps = 3\n");
    bench.write("wrong.toml", "# a comment\n[update]\nstpes = 3\n");
    bench.write("suite.toml", "name = \"mine\"\ntitel = \"Mine\"\n");
    bench.write("layout.toml", "abuot = \"rows of mine\"\n");
    let case = r#"{"id": 1, "verifier": "mth", "ground_truth": "2", "completion": "2"}"#;
    bench.write("cases.jsonl", &format!("{case}\n"));
    let said = |arguments: &str| {
        let arguments = arguments.replace("DIR/", &bench.text(""));
        let output = trainer().args(arguments.split(' ')).output().expect("the trainer starts");
        let text = String::from_utf8_lossy(&output.stderr).replace(&bench.text(""), "DIR/");
        format!("$ trainer {}\n{text}", arguments.replace(&bench.text(""), "DIR/"))
    };
    let words = [
        "evla",
        "config chekc DIR/run.toml",
        "completions bahs",
        "--stage 1 --confg DIR/run.toml",
        "--stage 1 --config DIR/run.toml --set updat.steps=4",
        "--stage 1 --config DIR/run.toml --set update.recompute=blocs",
        "--stage 1 --config DIR/run.toml --set loss.kind=gsop",
        // The file's own fault, with its own line, whatever is set beside it.
        "--stage 1 --config DIR/wrong.toml --set run.seed=4",
        "render --model DIR/model --input DIR/cases.jsonl --output DIR/out --set promt.system=x",
        "generate --model DIR/model --input DIR/cases.jsonl --output DIR/out --dtype bfloat61",
        "generate --model DIR/model --input DIR/cases.jsonl --output DIR/out --device cdua",
        "eval --suite gsm9k --data DIR/cases.jsonl --completions DIR/cases.jsonl",
        "eval --suite DIR/suite.toml --data DIR/cases.jsonl --completions DIR/cases.jsonl",
        "data show DIR/cases.jsonl --layout gsm9k",
        "data show DIR/cases.jsonl --layout DIR/layout.toml",
        "verify --input DIR/cases.jsonl",
        "verifier check mth --input DIR/cases.jsonl",
        "verifier check style.py --isolation truted --input DIR/cases.jsonl",
    ];
    snapshot("near_names", &words.map(said).join("\n"));
}

#[test]
fn what_computes_begins_once_more_where_nothing_says_how_threads_wait() {
    // OpenMP tells of itself when it is loaded.
    let num_begun = |arguments: &[&str], policy: Option<&str>| {
        let mut command = trainer();
        command.args(arguments).env("OMP_DISPLAY_ENV", "TRUE").env_remove("OMP_WAIT_POLICY");
        if let Some(policy) = policy {
            command.env("OMP_WAIT_POLICY", policy);
        }
        let said = String::from_utf8(command.output().unwrap().stderr).unwrap();
        said.matches("OPENMP DISPLAY ENVIRONMENT BEGIN").count()
    };
    let computing = ["bench", "rollout", "--model", "/absent"];
    assert_eq!(num_begun(&computing, None), 2);
    assert_eq!(num_begun(&computing, Some("active")), 1);
    assert_eq!(num_begun(&["completions", "bash"], None), 1);
}
