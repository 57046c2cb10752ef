//! Names of the hub where a folder or a file stands: out of a cache that is filled before, and from a hub on this
//! machine. What was read is recorded with its commit, and a run goes on with that commit alone.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{Bench, NO_EVAL, run, trainer};

const FIRST: &str = "1111111111111111111111111111111111111111";
const SECOND: &str = "2222222222222222222222222222222222222222";

/// A trained model of a few thousand parameters, and a cache that has it as `org/tiny`, with sums as `org/sums`.
struct Home {
    bench: Bench,
}

impl Home {
    fn new() -> Self {
        let bench = Bench::new();
        let cold = bench.text("cold-start.toml");
        run(&[&["cold-start", "--config", &cold, "--set", "update.steps=1"], &NO_EVAL[..]].concat(), 0);
        let home = Self { bench };
        for commit in [FIRST, SECOND] {
            let snapshot = home.snapshot("models--org--tiny", commit);
            for (name, content) in home.model() {
                fs::write(snapshot.join(name), content).unwrap();
            }
            fs::write(snapshot.join("README.md"), "---\nlicense: apache-2.0\n---\nOf other weights.\n").unwrap();
        }
        let sums = home.snapshot("datasets--org--sums", FIRST);
        for split in ["train", "test"] {
            fs::copy(home.bench.path("data/math_eval.jsonl"), sums.join(format!("{split}.jsonl"))).unwrap();
        }
        home.point("models--org--tiny", FIRST);
        home.point("datasets--org--sums", FIRST);
        home
    }

    /// Files of the model.
    fn model(&self) -> BTreeMap<String, Vec<u8>> {
        let entries = fs::read_dir(self.bench.path("runs/cold-start/checkpoints/last")).unwrap();
        let files = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
        files.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(path).unwrap())).collect()
    }

    fn snapshot(&self, folder: &str, commit: &str) -> PathBuf {
        let snapshot = self.bench.path("home/hub").join(folder).join("snapshots").join(commit);
        fs::create_dir_all(&snapshot).unwrap();
        snapshot
    }

    /// Lets the main branch be at a commit.
    fn point(&self, folder: &str, commit: &str) {
        let refs = self.bench.path("home/hub").join(folder).join("refs");
        fs::create_dir_all(&refs).unwrap();
        fs::write(refs.join("main"), commit).unwrap();
    }

    /// Runs the trainer with the cache and without a network; returns what it said on standard error.
    #[track_caller]
    fn says(&self, arguments: &[&str], code: i32) -> String {
        let mut command = trainer();
        command.env("HF_HOME", self.bench.path("home")).current_dir(self.bench.path("home")).args(arguments);
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "trainer {arguments:?} said: {said}");
        said
    }
}

#[track_caller]
fn assert_says(said: &str, words: &[&str]) {
    for word in words {
        assert!(said.contains(word), "no `{word}` in: {said}");
    }
}

fn json_of(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn an_evaluation_takes_names_and_records_their_commits() {
    let home = Home::new();
    let results = home.bench.text("results.json");
    let evaluate = |model: &str, data: &str, code| {
        let arguments = ["eval", "--model", model, "--data", data, "--split", "test", "--max-new-tokens", "4"];
        home.says(&[&arguments[..], &["--limit", "2", "--json", &results]].concat(), code)
    };
    evaluate("org/tiny", "org/sums", 0);
    let result = &json_of(Path::new(&results))[0];
    assert_eq!(result["dataset"], "sums");
    assert_eq!(result["settings"]["model"]["origin"], format!("org/tiny@{FIRST}"));
    let data = result["settings"]["data"].as_array().unwrap();
    assert_eq!(data.len(), 1, "one split of two: {data:?}");
    assert_eq!(data[0]["origin"], format!("datasets/org/sums/test.jsonl@{FIRST}"));
    evaluate(&format!("org/tiny@{SECOND}"), "datasets/org/sums/test.jsonl", 0);
    assert_eq!(json_of(Path::new(&results))[0]["settings"]["model"]["origin"], format!("org/tiny@{SECOND}"));

    let neither = evaluate("no-such/model", "org/sums", 2);
    assert_says(&neither, &["--model: there is no folder no-such/model here", "name of a model of the hub"]);
    let neither = evaluate("org/tiny", "no-such/data", 2);
    assert_says(&neither, &["--data: there is no file or folder no-such/data here", "name of a data set of the hub"]);
    // What lies at a path wins, also where it is of no use.
    fs::create_dir_all(home.bench.path("home/org/tiny")).unwrap();
    let local = evaluate("org/tiny", "org/sums", 1);
    assert!(!local.contains("the hub") && local.contains("org/tiny"), "{local}");
}

#[test]
fn a_run_keeps_to_the_commit_that_it_began_with_and_is_exported_with_it() {
    let home = Home::new();
    let config = home.bench.text("stage-1.toml");
    let stage = |more: &[&str], code| {
        let arguments =
            ["--stage", "1", "--config", &config, "--set", "model.path=org/tiny", "--set", "update.steps=1"];
        home.says(&[&arguments[..], &NO_EVAL[..], more].concat(), code)
    };
    let checked = ["config", "check", &config, "--set", "model.path=org/tiny"];
    home.says(&checked, 0);
    stage(&[], 0);
    let manifest = json_of(&home.bench.path("runs/stage-1/manifest.json"));
    assert_eq!(manifest["run"]["inputs"]["model.path commit"]["content"], format!("org/tiny@{FIRST}"));
    stage(&["--resume"], 0);
    // The branch moves on: the run keeps to the commit that it began with, and says so.
    home.point("models--org--tiny", SECOND);
    for _ in 0..2 {
        let said = stage(&["--resume", "auto"], 0);
        assert_says(&said, &[&format!("model.path: org/tiny at commit {FIRST}"), "--accept-changes"]);
    }
    // Another revision than it began with is another model, be its files the same.
    for other in [format!("org/tiny@{SECOND}"), "org/tiny@main".to_owned()] {
        let said = stage(&["--resume", "--set", &format!("model.path={other}")], 2);
        assert_says(&said, &["model.path commit", &format!("org/tiny@{FIRST}"), &format!("org/tiny@{SECOND}")]);
    }
    stage(&["--resume", "--set", &format!("model.path=org/tiny@{FIRST}")], 0);
    assert_says(&stage(&["--resume"], 0), &[FIRST]);
    let accepted = stage(&["--resume", "--accept-changes"], 0);
    assert_says(&accepted, &["goes on with changes", &format!("-> org/tiny@{SECOND}")]);
    assert_says(&stage(&["--resume"], 0), &[&format!("model.path: org/tiny at commit {SECOND}")]);
    stage(&["--resume", "--accept-changes", "--set", &format!("model.path=org/tiny@{FIRST}")], 0);

    exported(&home);
}

#[test]
fn a_recipe_looks_at_all_its_names_before_the_first_stage() {
    let home = Home::new();
    let bench = &home.bench;
    let stage = fs::read_to_string(bench.path("stage-2.toml")).unwrap();
    let data = stage.lines().find(|line| line.contains(".jsonl")).unwrap();
    let start = data.find(['"', '\'']).unwrap();
    let quote = &data[start..=start];
    let end = data[start + 1..].find(quote).unwrap() + start + 1;
    bench.write("stage-2.toml", &stage.replace(&data[start + 1..end], "no-such/tasks"));
    let said = home.says(&["recipe", "--config", &bench.text("recipe.toml"), "--run-dir", &bench.text("whole")], 2);
    assert_says(&said, &["there is no file or folder no-such/tasks here", "name of a data set of the hub"]);
    assert!(!bench.path("whole/cold-start").exists() && !bench.path("whole/data").exists(), "{said}");
}

/// Exports the run of stage 1, and looks at the folder.
fn exported(home: &Home) {
    let run_dir = home.bench.text("runs/stage-1");
    let last = home.bench.path("runs/stage-1/checkpoints/last");
    let results = home.bench.text("results.json");
    let data = home.bench.text("data/math_eval.jsonl");
    let evaluate = |model: &str| {
        let arguments = ["eval", "--model", model, "--data", &data, "--max-new-tokens", "4", "--json", &results];
        home.says(&arguments, 0);
    };
    evaluate(&home.bench.text("runs/cold-start/checkpoints/last"));
    assert_says(&home.says(&["export", &run_dir, "--results", &results], 2), &["--results", "other weights"]);
    evaluate(last.to_str().unwrap());
    home.says(&["export", &run_dir, "--results", &results, "--name", "tiny-sums"], 0);
    let out = home.bench.path("runs/stage-1/export");
    assert_eq!(fs::read(out.join("model.safetensors")).unwrap(), fs::read(last.join("model.safetensors")).unwrap());
    assert!(out.join("tokenizer.json").is_file() && !out.join("trainer").exists());
    let card = fs::read_to_string(out.join("README.md")).unwrap();
    assert_says(&card, &["base_model: \"org/tiny\"", "license: apache-2.0", FIRST, "# tiny-sums", "| math\\_eval |"]);
    assert!(!card.contains(&home.bench.text("")), "paths of this machine stand in {card}");
    assert_says(&home.says(&["export", &run_dir], 2), &["is there already"]);
    assert_says(&home.says(&["export", &home.bench.text("runs")], 2), &["is a recipe", "stage-1"]);
    // The model from nothing has no base and no licence to look for.
    let other = home.bench.text("other");
    home.says(&["export", &home.bench.text("runs/cold-start/checkpoints/last"), &other], 0);
    let card = fs::read_to_string(Path::new(&other).join("README.md")).unwrap();
    assert!(card.contains("drawn at random") && !card.contains("base_model"), "{card}");
}

/// A hub of one model; the paths that are asked for are written down.
fn serve(files: BTreeMap<String, Vec<u8>>) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let known = asked.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
            let Some(path) = lines.next().and_then(|line| Some(line.split(' ').nth(1)?.to_owned())) else { continue };
            lines.take_while(|line| !line.is_empty()).for_each(drop);
            let described = |(path, content): (&String, &Vec<u8>)| {
                let hash: String = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
                json!({"rfilename": path, "size": content.len(), "lfs": {"sha256": hash, "size": content.len()}})
            };
            let list = || json!({"sha": FIRST, "siblings": files.iter().map(described).collect::<Vec<_>>()});
            let body = match path.split_once(&format!("/resolve/{FIRST}/")) {
                Some((_, file)) => files[file].clone(),
                None => list().to_string().into_bytes(),
            };
            known.lock().unwrap().push(path);
            let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
            let _ = stream.write_all(&[head.as_bytes(), &body].concat());
        }
    });
    (endpoint, asked)
}

#[test]
fn a_model_comes_from_the_hub_and_the_token_stays_out_of_the_log() {
    let home = Home::new();
    let (endpoint, asked) = serve(home.model());
    let (input, output) = (home.bench.text("prompts.jsonl"), home.bench.text("rendered.jsonl"));
    home.bench.write("prompts.jsonl", "{\"id\": 1, \"messages\": [{\"role\": \"user\", \"content\": \"1 + 1?\"}]}\n");
    let mut command = trainer();
    command.env_remove("HF_HUB_OFFLINE").env("HF_HOME", home.bench.path("fresh")).env("HF_ENDPOINT", &endpoint);
    command.env("HF_TOKEN", "hf_of_this_test").env("RUST_LOG", "trace");
    command.args(["render", "--model", "org/tiny", "--input", &input, "--output", &output]);
    let done = command.output().unwrap();
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(0), "{said}");
    assert_says(&said, &["org/tiny: ", &format!("files of commit {FIRST}"), "ureq"]);
    assert!(!said.contains("hf_of_this_test"), "{said}");
    assert!(fs::read_to_string(&output).unwrap().contains("\"ids\""));
    let asked = asked.lock().unwrap();
    assert!(asked.iter().any(|path| path.ends_with("tokenizer.json")), "{asked:?}");
    assert!(!asked.iter().any(|path| path.ends_with(".safetensors")), "{asked:?}");
}
