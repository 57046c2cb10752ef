//! The licences of what an archive holds: of libtorch's wheels, of the sandbox's Python, and of every crate that is
//! linked into the binary, by its own files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::contents::{Contents, Source};
use crate::handover;

/// CPython's licence.
const PYTHON: &str = include_str!("python-licence.txt");
/// Whose part is whose, with what no other file says.
const NOTICE: &str = include_str!("notice.txt");
/// Beginnings of the names of files with a licence.
const FILES: [&str; 5] = ["LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE"];
/// The platform whose dependencies are linked.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";

/// Adds all of them below `licences/`.
///
/// # Errors
/// cargo does not answer, or a wheel's licences are missing.
pub(crate) fn add(contents: &mut Contents, root: &Path, libtorch: &Path) -> Result<()> {
    contents.add("LICENSE", Source::File(root.join("LICENSE")))?;
    contents.add("licences/NOTICE.txt", Source::Text(NOTICE.to_owned()))?;
    contents.add("licences/cpython.txt", Source::Text(PYTHON.to_owned()))?;
    for (name, folder) in of_wheels(libtorch)? {
        contents.add_folder(&format!("licences/{name}"), &folder)?;
    }
    let crates = linked_crates(&metadata(root)?, "trainer")?;
    contents.add("licences/crates.txt", Source::Text(of_crates(&crates)?))
}

/// Name of each wheel beside libtorch whose files the archive has, and the folder of its licences.
fn of_wheels(libtorch: &Path) -> Result<Vec<(&'static str, PathBuf)>> {
    let libtorch = fs::canonicalize(libtorch).with_context(|| libtorch.display().to_string())?;
    let site = libtorch.parent().unwrap_or(&libtorch);
    let entries = fs::read_dir(site).with_context(|| format!("cannot read {}", site.display()))?;
    let entries: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    let mut found = Vec::new();
    for (name, prefix) in
        [("torch", "torch-"), ("cuda-runtime", "nvidia_cuda_runtime-"), ("cuda-cupti", "nvidia_cuda_cupti-")]
    {
        let is_wheel = |path: &&PathBuf| {
            let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
            name.starts_with(prefix) && name.ends_with(".dist-info")
        };
        let licences = entries.iter().find(is_wheel).map(|path| path.join("licenses")).filter(|path| path.is_dir());
        match licences {
            Some(folder) => found.push((name, folder)),
            // A libtorch for CPUs alone has no CUDA library.
            None if name != "torch" => {}
            None => bail!(
                "{} has no {prefix}….dist-info/licenses: an archive holds libtorch's licences, so make it from the \
                 wheel (unset LIBTORCH and let the set-up fetch it)",
                site.display()
            ),
        }
    }
    Ok(found)
}

/// A crate of the binary that is not the project's own.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct LinkedCrate {
    name: String,
    version: String,
    /// Its licence by SPDX.
    licence: String,
    folder: PathBuf,
}

fn metadata(root: &Path) -> Result<Value> {
    let mut cargo = handover::cargo(root);
    cargo.args(["metadata", "--format-version", "1", "--locked", "--filter-platform", PLATFORM]);
    let output = cargo.output().context("cannot start cargo")?;
    ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr).trim());
    serde_json::from_slice(&output.stdout).context("what cargo metadata printed")
}

/// The crates that are linked into `binary`, but for the workspace's: what it depends on, build scripts and tests
/// aside.
fn linked_crates(metadata: &Value, binary: &str) -> Result<BTreeSet<LinkedCrate>> {
    let list = |value: &'_ Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let packages: BTreeMap<String, Value> =
        list(&metadata["packages"]).into_iter().map(|package| (text(&package["id"]), package)).collect();
    let nodes: BTreeMap<String, Value> =
        list(&metadata["resolve"]["nodes"]).into_iter().map(|node| (text(&node["id"]), node)).collect();
    let first = packages.iter().find(|(_, package)| package["name"] == binary && package["source"].is_null());
    let mut open = vec![first.with_context(|| format!("cargo metadata knows no {binary}"))?.0.clone()];
    let (mut seen, mut crates) = (BTreeSet::new(), BTreeSet::new());
    while let Some(id) = open.pop() {
        if !seen.insert(id.clone()) {
            continue;
        }
        let package = packages.get(&id).with_context(|| format!("cargo metadata has no package {id}"))?;
        if !package["source"].is_null() {
            let manifest = PathBuf::from(text(&package["manifest_path"]));
            crates.insert(LinkedCrate {
                name: text(&package["name"]),
                version: text(&package["version"]),
                licence: package["license"].as_str().unwrap_or("see its files").to_owned(),
                folder: manifest.parent().map(Path::to_owned).unwrap_or_default(),
            });
        }
        for dependency in list(&nodes.get(&id).unwrap_or(&Value::Null)["deps"]) {
            if list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"].is_null()) {
                open.push(text(&dependency["pkg"]));
            }
        }
    }
    Ok(crates)
}

/// A list of the crates, and each text once, under the names of those that have it.
fn of_crates(crates: &BTreeSet<LinkedCrate>) -> Result<String> {
    let mut list = String::from("Crates that are linked into the binary, and their licences:\n\n");
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for linked in crates {
        let name = format!("{} {}", linked.name, linked.version);
        list += &format!("{name}: {}\n", linked.licence);
        for file in licence_files(&linked.folder)? {
            let text = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
            let text = String::from_utf8_lossy(&text).replace("\r\n", "\n").trim().to_owned();
            let names = texts.entry(text).or_default();
            if names.last() != Some(&name) {
                names.push(name.clone());
            }
        }
    }
    let mut ordered: Vec<_> = texts.into_iter().collect();
    ordered.sort_by(|one, other| one.1.cmp(&other.1).then_with(|| one.0.cmp(&other.0)));
    let rule = "=".repeat(100);
    for (text, names) in ordered {
        list += &format!("\n{rule}\n{}\n{rule}\n\n{text}\n", names.join(", "));
    }
    Ok(list)
}

/// Files of a crate's folder that have a licence in them.
fn licence_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let is_licence = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().to_uppercase()).unwrap_or_default();
        path.is_file() && FILES.iter().any(|start| name.starts_with(start))
    };
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(is_licence).collect();
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_linked_counts_and_what_builds_or_tests_does_not() {
        let package = |id: &str, is_ours: bool| {
            let source = if is_ours { Value::Null } else { json!("registry") };
            json!({"id": id, "name": id, "version": "1.0.0", "license": "MIT", "source": source,
                   "manifest_path": format!("/crates/{id}/Cargo.toml")})
        };
        let node = |id: &str, deps: &[(&str, Option<&str>)]| {
            let deps: Vec<Value> =
                deps.iter().map(|(id, kind)| json!({"pkg": id, "dep_kinds": [{"kind": kind}]})).collect();
            json!({"id": id, "deps": deps})
        };
        let metadata = json!({
            "packages": [package("trainer", true), package("policy", true), package("tch", false),
                         package("cc", false), package("insta", false), package("libc", false)],
            "resolve": {"nodes": [
                node("trainer", &[("policy", None), ("insta", Some("dev"))]),
                node("policy", &[("tch", None), ("cc", Some("build"))]),
                node("tch", &[("libc", None)]),
                node("cc", &[("libc", None)]),
            ]},
        });
        let crates = linked_crates(&metadata, "trainer").unwrap();
        assert_eq!(crates.iter().map(|linked| linked.name.as_str()).collect::<Vec<_>>(), ["libc", "tch"]);
        assert!(linked_crates(&metadata, "nobody").is_err());
    }

    #[test]
    fn a_text_stands_once_under_all_who_have_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut crates = BTreeSet::new();
        for (name, licence) in [("a", "the same"), ("b", "the same\r\n"), ("c", "another")] {
            let place = folder.path().join(name);
            fs::create_dir(&place).unwrap();
            fs::write(place.join("LICENSE-MIT"), licence).unwrap();
            fs::write(place.join("lib.rs"), "code").unwrap();
            let (name, version, licence) = (name.to_owned(), "1.0.0".to_owned(), "MIT".to_owned());
            crates.insert(LinkedCrate { name, version, licence, folder: place });
        }
        let text = of_crates(&crates).unwrap();
        assert!(text.contains("\na 1.0.0, b 1.0.0\n") && text.contains("\nc 1.0.0\n"), "{text}");
        assert_eq!((text.matches("the same").count(), text.matches("code").count()), (1, 0));
    }
}
