//! `test`: cargo's tests, of the workspace or of some of its crates, after what they need has been brought.
//!
//! Which crates need libtorch or the sandbox's Python is read from their manifests, so that nothing is downloaded for a
//! crate that needs neither.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::handover;
use crate::setup::{self, Needs};

/// Sets up and hands over to `cargo test`; without a package among the arguments, for the whole workspace.
///
/// # Errors
/// The set-up fails, the manifests cannot be read, or cargo cannot be started.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<()> {
    let packages = packages(arguments);
    let needs = match packages.as_slice() {
        [] => Needs::ALL,
        packages => {
            let metadata = metadata(root)?;
            let reaches = |wanted| packages.iter().any(|package| reaches(&metadata, package, wanted));
            Needs { libtorch: reaches("tch"), python: reaches("sandbox") }
        }
    };
    setup::bring(root, needs)?;
    let mut cargo = handover::cargo(root);
    cargo.arg("test");
    if packages.is_empty() {
        cargo.arg("--workspace");
    }
    cargo.args(arguments);
    let words: Vec<_> = cargo.get_args().map(|word| word.to_string_lossy()).collect();
    eprintln!("cargo {}", words.join(" "));
    Err(handover::replace_with(&mut cargo))
}

/// The packages that cargo's arguments name: `-p NAME`, `-pNAME`, `--package NAME` or `--package=NAME`.
fn packages(arguments: &[String]) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = arguments.iter().map(String::as_str).take_while(|argument| *argument != "--");
    while let Some(argument) = rest.next() {
        let attached = argument.strip_prefix("--package=").or_else(|| argument.strip_prefix("-p"));
        match argument {
            "-p" | "--package" => found.extend(rest.next()),
            _ => found.extend(attached.filter(|name| !name.is_empty())),
        }
    }
    found
}

/// The workspace's manifests as cargo reads them; needs no network.
pub(crate) fn metadata(root: &Path) -> Result<Value> {
    let mut cargo = handover::cargo(root);
    let output =
        cargo.args(["metadata", "--no-deps", "--format-version", "1"]).output().context("cannot start cargo")?;
    if !output.status.success() {
        bail!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    serde_json::from_slice(&output.stdout).context("what cargo metadata printed")
}

/// True where `package` or its tests are, or depend on, `wanted`, directly or by way of crates of the workspace.
fn reaches(metadata: &Value, package: &str, wanted: &str) -> bool {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let (mut open, mut seen) = (vec![package.to_owned()], BTreeSet::new());
    while let Some(name) = open.pop() {
        if name == wanted {
            return true;
        }
        if !seen.insert(name.clone()) {
            continue;
        }
        let known = list(&metadata["packages"]).into_iter().find(|package| package["name"] == name.as_str());
        let dependencies = known.map(|package| list(&package["dependencies"])).unwrap_or_default();
        open.extend(dependencies.iter().filter_map(|dependency| dependency["name"].as_str().map(str::to_owned)));
    }
    false
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn packages_are_found_as_cargo_writes_them() {
        let of = |text: &str| {
            let arguments: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
            packages(&arguments).join(" ")
        };
        assert_eq!(
            of("-p datasets --package verifiers -pmath-verifier --package=policy"),
            "datasets verifiers math-verifier policy"
        );
        assert_eq!(of("--release name -- -p datasets"), "");
    }

    #[test]
    fn needs_are_followed_through_the_workspace() {
        let package = |name: &str, on: &[&str]| {
            let dependencies: Vec<Value> = on.iter().map(|name| json!({ "name": name })).collect();
            json!({"name": name, "dependencies": dependencies})
        };
        let metadata = json!({"packages": [
            package("rollout", &["policy", "serde"]),
            package("policy", &["tch"]),
            package("datasets", &["serde"]),
        ]});
        assert!(reaches(&metadata, "rollout", "tch") && reaches(&metadata, "policy", "tch"));
        assert!(!reaches(&metadata, "datasets", "tch") && !reaches(&metadata, "unknown", "tch"));
        assert!(reaches(&metadata, "sandbox", "sandbox"));
    }

    #[test]
    fn the_workspaces_own_crates_need_what_they_link() {
        let metadata = metadata(&crate::workspace_root()).unwrap();
        for (package, libtorch, python) in
            [("datasets", false, false), ("verifiers", false, false), ("sandbox", false, true), ("trainer", true, true)]
        {
            assert_eq!(reaches(&metadata, package, "tch"), libtorch, "{package}");
            assert_eq!(reaches(&metadata, package, "sandbox"), python, "{package}");
        }
    }
}
