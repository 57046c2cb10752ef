//! Asserts see the candidate's objects as they are, on every engine that is set up: aliases, exceptions, coroutines.
//!
//! Each file of `corpus/asserts` has programs, right and wrong ones, and the test that tells them apart.

use std::path::{Path, PathBuf};

use sandbox_api::{Client, EngineKind, GradeRequest, GradeVerdict, Language, Tests};
use serde_json::Value;

use crate::support::{patient_limits, server};

/// A program, and true where it is right.
struct Program {
    code: String,
    is_right: bool,
}

/// The programs of a file, and its test.
fn read(path: &Path) -> (Vec<Program>, String) {
    let text = std::fs::read_to_string(path).unwrap();
    let (mut programs, mut test) = (Vec::new(), String::new());
    for part in text.split("\n# ").skip(1) {
        let (title, body) = part.split_once('\n').unwrap_or_else(|| panic!("{}: {part}", path.display()));
        match title {
            "Right:" => programs.push(Program { code: body.to_owned(), is_right: true }),
            "Wrong:" => programs.push(Program { code: body.to_owned(), is_right: false }),
            "Test:" => test = body.to_owned(),
            other => panic!("{}: {other}", path.display()),
        }
    }
    assert!(programs.iter().any(|program| program.is_right) && !test.is_empty(), "{}", path.display());
    assert!(programs.iter().any(|program| !program.is_right), "{}", path.display());
    (programs, test)
}

async fn is_wrong(client: &Client, program: &Program, test: &str) -> Option<String> {
    let request = GradeRequest {
        code: program.code.clone(),
        language: Language::Python,
        engine: None,
        tests: Tests::Asserts { setup: String::new(), tests: vec![test.to_owned()] },
        limits: patient_limits(),
        stop_at_first_failure: true,
    };
    let report = match client.grade(&request).await {
        Ok(report) => report,
        Err(error) => return Some(format!("{error}\n{}", program.code)),
    };
    let is_expected = match report.verdict {
        GradeVerdict::Passed => program.is_right,
        GradeVerdict::WrongAnswer | GradeVerdict::RuntimeError => !program.is_right,
        _ => false,
    };
    (!is_expected).then(|| format!("{report:?}\n{}", program.code))
}

async fn on(engine: EngineKind) {
    let Some((handle, client)) = server(engine, 2).await else { return };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/asserts");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 25);
    let mut problems = Vec::new();
    for path in paths {
        let (programs, test) = read(&path);
        for program in programs {
            let problem = is_wrong(&client, &program, &test).await;
            problems.extend(problem.map(|problem| format!("{}: {problem}", path.file_name().unwrap().display())));
        }
    }
    assert!(problems.is_empty(), "{engine}: {}", problems.join("\n"));
    handle.shutdown().await;
}

#[tokio::test]
async fn asserts_see_objects_as_they_are_on_the_process_engine() {
    on(EngineKind::Process).await;
}

#[tokio::test]
async fn asserts_see_objects_as_they_are_on_the_wasm_engine() {
    on(EngineKind::Wasm).await;
}

/// Grades the reference solutions of MBPP's training tasks, where they lie beside this repository.
#[tokio::test]
async fn reference_solutions_pass() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/pack/mbpp_train.jsonl");
    let Ok(text) = std::fs::read_to_string(&path) else {
        return eprintln!("LEFT OUT: {} is not there", path.display());
    };
    let tasks: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for engine in EngineKind::ALL.iter().copied() {
        let Some((handle, client)) = server(engine, 2).await else { continue };
        let mut problems = Vec::new();
        for task in &tasks {
            let truth = &task["ground_truth"];
            let request = GradeRequest {
                code: task["meta"]["reference_solution"].as_str().unwrap().to_owned(),
                language: Language::Python,
                engine: None,
                tests: Tests::Asserts {
                    setup: truth["setup"].as_str().unwrap().to_owned(),
                    tests: serde_json::from_value(truth["tests"].clone()).unwrap(),
                },
                limits: patient_limits(),
                stop_at_first_failure: true,
            };
            let report = client.grade(&request).await;
            if !report.as_ref().is_ok_and(|report| report.verdict == GradeVerdict::Passed) {
                problems.push(format!("{}: {report:?}", task["id"]));
            }
        }
        assert!(problems.is_empty(), "{engine}: {}", problems.join("\n"));
        handle.shutdown().await;
    }
}
