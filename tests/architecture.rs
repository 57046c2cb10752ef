//! The allowed imports between the workspace's crates, from `cargo metadata`, and no others.
//!
//! A crate that is missing from the table, an edge that is not in it, or a torch dependency in a crate that must build
//! without one fails here, with the manifest to look at. docs/ARCHITECTURE.md says why the edges are as they are.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Each crate of the workspace and the crates of the workspace it may import.
const ALLOWED: [(&str, &[&str]); 26] = [
    ("confine", &[]),
    ("datasets", &["progress", "random"]),
    ("dist", &[]),
    ("evaluation", &["datasets", "progress", "random", "record", "statistics", "verifiers"]),
    ("guide", &[]),
    ("hub", &[]),
    ("kernels", &[]),
    ("learner", &["policy"]),
    ("math-verifier", &[]),
    ("operators", &[]),
    ("planner", &[]),
    ("policy", &["dist", "kernels", "operators", "progress", "random", "sampling"]),
    ("progress", &[]),
    ("random", &[]),
    ("record", &["progress"]),
    ("report", &["evaluation", "record", "sweep"]),
    ("rollout", &["kernels", "policy", "random", "sampling"]),
    ("sampling", &["kernels"]),
    ("sandbox", &["confine", "sandbox-api"]),
    ("sandbox-api", &[]),
    ("sandbox-bench", &["sandbox", "sandbox-api"]),
    ("statistics", &[]),
    ("sweep", &["record", "statistics"]),
    (
        "trainer",
        &[
            "datasets",
            "evaluation",
            "hub",
            "learner",
            "math-verifier",
            "planner",
            "policy",
            "progress",
            "random",
            "record",
            "report",
            "rollout",
            "sandbox",
            "sandbox-api",
            "sandbox-bench",
            "statistics",
            "sweep",
            "verifiers",
        ],
    ),
    ("verifiers", &["datasets", "math-verifier", "sandbox-api"]),
    ("xtask", &["guide", "progress"]),
];

/// Imports that a crate's tests, examples and benches may have besides.
const ALLOWED_FOR_TESTS: [(&str, &[&str]); 6] = [
    ("learner", &["dist", "planner"]),
    ("math-verifier", &["random"]),
    ("rollout", &["dist"]),
    ("sandbox", &["datasets", "verifiers"]),
    ("statistics", &["random"]),
    ("trainer", &["guide"]),
];

/// Crates that may depend on libtorch.
const MAY_USE_TORCH: [&str; 6] = ["dist", "learner", "operators", "policy", "rollout", "trainer"];

/// One dependency as a manifest declares it, normal, build or development.
#[derive(Debug)]
struct Dependency {
    importer: String,
    imported: String,
    is_for_tests: bool,
    manifest: String,
}

#[test]
fn crates_import_only_what_the_design_allows() {
    let metadata = metadata();
    let broken = broken_rules(&dependencies(&metadata));
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_crate_is_in_the_table() {
    let metadata = metadata();
    let members: BTreeSet<&str> = packages(&metadata).map(|package| text(&package["name"])).collect();
    let table: BTreeSet<&str> = ALLOWED.iter().map(|(name, _)| *name).collect();
    assert_eq!(members, table, "add the crate to ALLOWED, with the imports it needs and no more");
}

#[test]
fn an_upward_import_and_a_torch_in_the_verifiers_are_found() {
    let dependency = |importer: &str, imported: &str| Dependency {
        importer: importer.into(),
        imported: imported.into(),
        is_for_tests: false,
        manifest: format!("{importer}/Cargo.toml"),
    };
    let declared = [
        dependency("policy", "rollout"),
        dependency("verifiers", "tch"),
        dependency("verifiers", "sandbox-api"),
        dependency("rollout", "tch"),
        dependency("math-verifier", "random"),
        Dependency { is_for_tests: true, ..dependency("math-verifier", "random") },
    ];
    let broken = broken_rules(&declared);
    assert_eq!(broken.len(), 3, "{broken:?}");
    assert!(broken[0].contains("policy imports rollout"));
    assert!(broken[1].contains("verifiers imports tch"));
    assert!(broken[2].contains("math-verifier imports random"));
}

/// The sandbox is the trainer's only to start the embedded server; verdicts come through `verifiers`.
#[test]
fn the_trainer_grades_through_the_verifiers() {
    let trainer = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("trainer").join("src");
    let mut graders = Vec::new();
    visit(&trainer, &mut |path, source| {
        if source.contains("GradeRequest") || source.contains("GradeReport") {
            graders.push(path.display().to_string());
        }
    });
    assert!(graders.is_empty(), "these grade programs past the verifiers: {graders:?}");
}

/// Broken rules, a sentence each.
fn broken_rules(dependencies: &[Dependency]) -> Vec<String> {
    let mut broken = Vec::new();
    for Dependency { importer, imported, is_for_tests, manifest } in dependencies {
        let of = |table: &[(&str, &'static [&'static str])]| {
            table.iter().find(|(name, _)| name == importer).map_or(&[][..], |(_, allowed)| allowed)
        };
        let for_tests = if *is_for_tests { of(&ALLOWED_FOR_TESTS) } else { &[] };
        let allowed = [of(&ALLOWED), for_tests].concat();
        let ours = ALLOWED.iter().any(|(name, _)| name == imported);
        let torch = ["tch", "torch-sys"].contains(&imported.as_str());
        if ours && !allowed.contains(&imported.as_str()) {
            broken.push(format!("{importer} imports {imported}; it may import {allowed:?} ({manifest})"));
        }
        if torch && !MAY_USE_TORCH.contains(&importer.as_str()) {
            broken.push(format!("{importer} imports {imported}; only {MAY_USE_TORCH:?} may ({manifest})"));
        }
    }
    broken
}

/// The workspace as cargo sees it. Without dependencies' packages: needs no network.
fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON")
}

fn packages(metadata: &Value) -> impl Iterator<Item = &Value> {
    metadata["packages"].as_array().expect("a list of packages").iter()
}

fn dependencies(metadata: &Value) -> Vec<Dependency> {
    packages(metadata)
        .flat_map(|package| {
            let declared = package["dependencies"].as_array().expect("a list of dependencies");
            declared.iter().map(|dependency| Dependency {
                importer: text(&package["name"]).to_string(),
                imported: text(&dependency["name"]).to_string(),
                is_for_tests: dependency["kind"] == "dev",
                manifest: text(&package["manifest_path"]).to_string(),
            })
        })
        .collect()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

/// Calls `look` with each Rust file under `folder` and its source.
fn visit(folder: &Path, look: &mut dyn FnMut(&Path, &str)) {
    for entry in std::fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the entry can be read").path();
        if path.is_dir() {
            visit(&path, look);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let source = std::fs::read_to_string(&path).expect("the file can be read");
            look(&path, &source);
        }
    }
}
