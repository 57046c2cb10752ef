//! `trainer sweep` from its file to its table: arms that share, cells by hand, kills, a cell that fails, bad input.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Bench, run, trainer};

/// A recipe's stage 1 under two seeds; one arm changes nothing that trains, and one parts after the first step.
const SWEEP: &str = r#"
name = "micro"
dir = "DIR"
seeds = [1, 2]
[base]
recipe = "recipe.toml"
through = "stage-1"
shared = ["cold-start"]
shared_seed = 1
set = [
    "data=[{ path = 'DATA/math_train.jsonl' }]",
    "eval.every=2",
    "eval.datasets=[{ name = 'maths', path = 'DATA/math_eval.jsonl' }]",
]
set_in.cold-start = ["eval.at_start=false", "eval.at_end=false"]
[[arm]]
name = "same"
set = ["checkpoint.keep=3"]
[[arm]]
name = "late"
set = ["schedule.lr=1e-2"]
from_step = 1
[[figure]]
name = "length"
metric = "completion/tokens_mean"
primary = true
[[figure]]
name = "maths"
metric = "eval/maths/pass@1"
mean_of_last = 2
[local]
jobs = 2
"#;

fn write(bench: &Bench, name: &str, more: &str) -> String {
    let text = SWEEP.replace("DIR", &bench.text(name)).replace("DATA", &bench.text("data"));
    let file = format!("{name}.toml");
    bench.write(&file, &format!("{text}{more}"));
    bench.text(&file)
}

/// The result without what depends on place and time.
fn table(path: &Path) -> Value {
    let mut value: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    strip(&mut value);
    value
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|key, _| !["folder", "seconds", "notes"].contains(&key.as_str()));
            map.values_mut().for_each(strip);
        }
        Value::Array(values) => values.iter_mut().for_each(strip),
        _ => {}
    }
}

/// Files of the weights with which the cells of an arm end.
fn weights(dir: &Path, arm: &str) -> Vec<Vec<u8>> {
    let of_seed = |seed: u64| {
        let run = dir.join(format!("cells/{arm}/seed-{seed}/stage-1/run"));
        std::fs::read(run.join("checkpoints/step_00004/model.safetensors")).unwrap()
    };
    [1, 2].map(of_seed).to_vec()
}

/// Starts a sweep and kills it once a file is there.
fn kill_when(file: &str, is_there: impl Fn() -> bool) {
    let mut child = trainer().args(["sweep", file]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let started = Instant::now();
    while !is_there() && child.try_wait().unwrap().is_none() && started.elapsed() < Duration::from_secs(120) {
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Number of recorded steps of all units of stage 1 in a sweep's folder.
fn num_steps(dir: &Path) -> usize {
    let units = std::fs::read_dir(dir.join("units")).into_iter().flatten().map(|unit| unit.unwrap().path());
    let stages = units.filter(|unit| unit.file_name().unwrap().to_str().unwrap().starts_with("stage-1"));
    let metrics = |unit: PathBuf| std::fs::read_to_string(unit.join("run/metrics.jsonl")).unwrap_or_default();
    stages.map(|unit| metrics(unit).lines().count()).sum()
}

#[test]
fn killed_and_cell_by_cell_it_makes_the_same_table_and_equal_arms_are_equal() {
    let bench = Bench::new();
    bench.write("data/torn.jsonl", "{\"id\": \"a\", \"prompt");
    let torn = bench.text("data/torn.jsonl");
    let broken = format!("[[arm]]\nname = \"broken\"\nset = [\"data=[{{ path = '{torn}' }}]\"]\n");
    let (whole, parts) = (write(&bench, "whole", &broken), write(&bench, "parts", ""));
    let dir = bench.path("whole");
    for at in [1, 4] {
        kill_when(&whole, || num_steps(&dir) >= at);
    }
    let json = bench.text("whole.json");
    let output = run(&["sweep", &whole, "--json", &json], 1);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("FAILED broken seed 1")
            && said.contains("torn.jsonl")
            && said.contains("2 of 8 cells have no result"),
        "{said}"
    );
    assert!(dir.join("report.html").is_file());
    // The same command says it again, and runs nothing.
    let again = String::from_utf8(run(&["sweep", &whole], 1).stderr).unwrap();
    assert!(again.contains("broken seed 2") && !again.contains(": runs ("), "{again}");
    // A cell that is done answers for no other.
    run(&["sweep", &whole, "--cell", "0", "--json", &json], 0);

    for cell in ["3", "0", "5", "4", "1", "2"] {
        run(&["sweep", &parts, "--cell", cell], 0);
    }
    let json_of_parts = bench.text("parts.json");
    // Several at once write the same files, one after the other.
    let collect =
        || trainer().args(["sweep", &parts, "--collect", "--json", &json_of_parts]).stdout(Stdio::null()).spawn();
    let collecting = [collect(), collect(), collect()];
    assert!(collecting.map(|child| child.unwrap().wait().unwrap().success()) == [true; 3]);
    refuses_another_program(&bench, &parts);
    let (whole, parts) = (table(Path::new(&json)), table(Path::new(&json_of_parts)));
    let computed_by = &parts["cells"][0]["computed_by"]["stage-1"];
    assert!(computed_by["programs"][0].as_str().unwrap().contains(", program "), "{computed_by}");
    let machine = &computed_by["machines"][0];
    assert!(machine["device"] == "cpu" && machine["dtype"] == "float32" && machine["processor"] != "", "{machine}");
    assert!(parts["differences"].as_array().unwrap().iter().all(|it| it["unlike_pairs"] == json!([])));
    let figures = |table: &Value, arm: &str| {
        table["arms"].as_array().unwrap().iter().find(|found| found["name"] == arm).unwrap()["figures"].clone()
    };
    for arm in ["base", "same", "late"] {
        assert_eq!(figures(&whole, arm), figures(&parts, arm), "{arm}");
    }

    let same = parts["differences"].as_array().unwrap().iter().filter(|difference| difference["arm"] == "same");
    let same: Vec<&Value> = same.collect();
    assert_eq!(same.len(), 2);
    assert!(same.iter().all(|difference| difference["difference"] == 0.0 && difference["num_pairs"] == 2), "{same:?}");
    assert!(weights(&dir, "base") == weights(&dir, "same") && weights(&dir, "base") != weights(&dir, "late"));
    assert!(weights(&dir, "base") == weights(&bench.path("parts"), "base"));
    assert_eq!(weights(&dir, "late"), weights(&bench.path("parts"), "late"));
}

/// Runs a sweep that is done with another build: refused, and accepted by name once.
fn refuses_another_program(bench: &Bench, file: &str) {
    let other = bench.path("another-build");
    // The linker's checksum stands near the file's beginning; a file without is told by all that is in it. A shell
    // writes it: a file that this process had open to write could be started by none of its threads for a while.
    let mut head = vec![0; 1 << 16];
    std::fs::File::open(env!("CARGO_BIN_EXE_trainer")).unwrap().read_exact(&mut head).unwrap();
    let place = head.windows(8).position(|bytes| bytes == b"\x03\0\0\0GNU\0");
    let change = match place {
        Some(place) => format!("printf '!!' | dd of=\"$2\" bs=1 seek={} conv=notrunc status=none", place + 8),
        None => "printf '!!' >> \"$2\"".to_owned(),
    };
    let script = format!("cp \"$1\" \"$2\" && {change}");
    let copied = Command::new("sh").args(["-c", &script, "sh", env!("CARGO_BIN_EXE_trainer")]).arg(&other).status();
    assert!(copied.unwrap().success());
    let says = |arguments: &[&str], code: i32| {
        let output = Command::new(&other).args(["sweep", file]).args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        said
    };
    let said = says(&[], 2);
    for words in ["its cells are of another program", "base seed 1: done", "--accept-program"] {
        assert!(said.contains(words), "no `{words}` in: {said}");
    }
    says(&["--collect"], 0);
    says(&["--accept-program"], 0);
    assert!(!says(&[], 0).contains(": runs ("));
}

#[test]
fn what_is_wrong_is_named_before_any_cell_runs() {
    let bench = Bench::new();
    let says = |more: &str, words: &[&str]| {
        let file = write(&bench, "bad", more);
        let said = String::from_utf8(run(&["sweep", &file], 2).stderr).unwrap();
        assert!(words.iter().all(|word| said.contains(word)), "{words:?}: {said}");
        assert!(!bench.path("bad").exists());
    };
    says("[[arm]]\nname = \"x\"\nset = [\"loss.clip_hgih=0.3\"]\n", &["bad.toml", "arm x", "clip_hgih"]);
    says("[[arm]]\nname = \"x\"\nset = [\"rollout.temperature=0\"]\n", &["arm x", "rollout.temperature"]);
    says("[[arm]]\nname = \"x\"\nset = [\"eval.every=2\"]\n", &["base seed 1 and x seed 1 are the same run"]);
    says("[[figure]]\nname = \"y\"\nmetric = \"eval/art/pass@1\"\n", &["figure y", "no dataset `art`", "maths"]);
    says("[[figure]]\nname = \"y\"\nmetric = \"eval/maths/score\"\nat = 3\n", &["figure y", "step 3"]);
    says("[claims]\nconfirm = \"none\"\n", &["claims.confirm", "none"]);
    says("[[figure]]\nname = \"y\"\nmetric = \"completion/tokens\"\n", &["figure y", "completion/tokens_mean"]);
    says("[[arm]]\nname = \"x\"\nset = [\"eval.samples=3\"]\n", &["arm x", "eval.samples", "measured alike"]);
    let none = "[[arm]]\nname = \"x\"\nset = [\"data=[{ path = 'no/such/tasks.jsonl' }]\"]\n";
    let words = ["arm x: data.source.0.path", "no/such/tasks.jsonl"];
    says(none, &words);
    let (file, json) = (write(&bench, "bad", none), bench.text("plan.json"));
    let planned = String::from_utf8(run(&["sweep", &file, "--dry-run", "--json", &json], 0).stdout).unwrap();
    assert!(words.iter().all(|word| planned.contains(word)), "{planned}");
    let plan = table(Path::new(&json));
    assert!(plan["cells"][7]["arm"] == "x" && plan["cells"][7]["state"] == "waiting", "{plan}");
    assert_eq!((plan["arms"].as_array().unwrap().len(), plan["differences"].as_array().unwrap().len()), (0, 0));
    // Nobody reads what is printed, and the file is written.
    std::fs::remove_file(&json).unwrap();
    let (reader, unread) = std::io::pipe().unwrap();
    drop(reader);
    let output = trainer().args(["sweep", &file, "--dry-run", "--json", &json]).stdout(unread).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    assert_eq!(table(Path::new(&json)), plan);
    // A plan in the sweep's own folder would keep the sweep out of it.
    let inside = bench.text("bad/plan.json");
    let said = String::from_utf8(run(&["sweep", &file, "--dry-run", "--json", &inside], 2).stderr).unwrap();
    assert!(said.contains("--json: ") && !bench.path("bad").exists(), "{said}");
    let token = "[[arm]]\nname = \"x\"\nset = [\"sandbox.token=hidden\", \"loss.clip_high=0.3\"]\n";
    says(token, &["arm x: sandbox.token: ", "sandbox.token_file", "SANDBOX_TOKEN"]);
    let named = |name: &str| format!("[[arm]]\nname = \"x\"\nset = [\"data=[{{ path = '{name}' }}]\"]\n");
    says(&named("no-such-owner/no-such-tasks"), &["arm x: data.source.0.path", "org/name@<40 hex digits>"]);
    // Two names with their commits are two arms, and nothing is missing.
    let pinned = |owner: &str| named(&format!("{owner}/tasks@0123456789abcdef0123456789abcdef01234567"));
    let file = write(&bench, "bad", &format!("{}{}", pinned("first"), pinned("second").replace("\"x\"", "\"y\"")));
    let planned = String::from_utf8(run(&["sweep", &file, "--dry-run"], 0).stdout).unwrap();
    assert!(planned.contains("10 cells") && !planned.contains("missing"), "{planned}");
    let sweep = write(&bench, "bad", "");
    let said = String::from_utf8(run(&["sweep", &sweep, "--cell", "6"], 2).stderr).unwrap();
    assert!(said.contains("the cells 0 to 5"), "{said}");
    // Jobs that were written before the file got another arm.
    let jobs = String::from_utf8(run(&["sweep", &sweep, "--emit", "slurm"], 0).stdout).unwrap();
    let mark = jobs.split("--of ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
    let more = "[[arm]]\nname = \"x\"\nset = [\"loss.clip_high=0.3\"]\n";
    let sweep = write(&bench, "bad", more);
    let said = String::from_utf8(run(&["sweep", &sweep, "--cell", "3", "--of", mark], 2).stderr).unwrap();
    assert!(said.contains("these jobs were written for other cells"), "{said}");
    assert!(!bench.path("bad").exists());
}

#[test]
fn a_failure_that_no_folder_holds_is_said_in_its_own_words() {
    let bench = Bench::new();
    let file = write(&bench, "kept-out", "");
    let planned = String::from_utf8(run(&["sweep", &file, "--dry-run"], 0).stdout).unwrap();
    let unit = planned.split("runs ").nth(1).and_then(|rest| rest.split(',').next()).unwrap();
    run(&["sweep", &file, "--collect"], 1);
    // A folder stands where the lock of the shared unit is to be.
    std::fs::create_dir_all(bench.path(&format!("kept-out/units/{unit}/.lock"))).unwrap();
    for (arguments, words) in [(&[][..], "6 of 6 cells have no result:"), (&["--cell", "5"], "the cell failed:")] {
        let output = run(&[&["sweep", &file], arguments].concat(), 1);
        let said = String::from_utf8(output.stderr).unwrap();
        let end = said.rsplit("error: ").next().unwrap();
        assert!(end.starts_with(words) && end.contains(&format!("late seed 2: {unit}: ")), "{said}");
        assert!(end.contains(".lock"), "{said}");
    }
}
