//! What a run leaves in its folder, and where two runs differ.
//!
//! Files are taken whole, with the folder's own path replaced by a word in those that name it. Of metrics, evaluations
//! and a recipe's summary, what measures the machine is left out; so are the lock, which names a process, the report,
//! which is drawn from the others, and the checksum of a manifest, which covers the folder's path.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

/// First parts of the names of metrics that measure the machine.
const OF_THE_MACHINE: [&str; 4] = ["time/", "throughput/", "memory/", "dist/"];
/// Files that are not compared.
const LEFT_OUT: [&str; 2] = [".lock", "report.html"];
/// Fields of JSON files that measure the machine, or cover the folder's path.
const FIELDS_LEFT_OUT: [&str; 3] = ["seconds", "reward_model_seconds", "checksum"];
/// Most bytes that are shown of two values that differ.
const SHOWN: usize = 200;

/// Contents by path within the run's folder; each metric of each row stands by itself.
pub(super) type Remains = BTreeMap<String, Vec<u8>>;

/// All that a run has left in its folder.
///
/// # Errors
/// A file cannot be read, or is not what its name says.
pub(super) fn of(run: &Path) -> Result<Remains> {
    let mut remains = Remains::new();
    add(run, run, &mut remains)?;
    Ok(remains)
}

fn add(run: &Path, folder: &Path, remains: &mut Remains) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry.with_context(|| folder.display().to_string())?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let key = path.strip_prefix(run).unwrap_or(&path).display().to_string();
        let of_path = || path.display().to_string();
        if LEFT_OUT.contains(&name.as_str()) {
            continue;
        }
        let kind = fs::symlink_metadata(&path).with_context(of_path)?.file_type();
        if kind.is_symlink() {
            let target = fs::read_link(&path).with_context(of_path)?;
            remains.insert(key, target.into_os_string().into_encoded_bytes());
        } else if kind.is_dir() {
            add(run, &path, remains)?;
        } else {
            let bytes = fs::read(&path).with_context(of_path)?;
            let is_record = name == "summary.json" || name == "manifest.json" || key.starts_with("eval/");
            if name == "metrics.jsonl" {
                add_metrics(&key, &bytes, remains).with_context(of_path)?;
            } else if name == "config.toml" || is_record || key.contains("/eval/") {
                let text = String::from_utf8(bytes).with_context(of_path)?;
                let text = text.replace(&run.display().to_string(), "RUN");
                let text = if name == "config.toml" { text } else { record(&text).with_context(of_path)? };
                remains.insert(key, text.into_bytes());
            } else {
                remains.insert(key, bytes);
            }
        }
    }
    Ok(())
}

/// A row a step, without what measures the machine.
fn add_metrics(key: &str, bytes: &[u8], remains: &mut Remains) -> Result<()> {
    for (number, line) in std::str::from_utf8(bytes)?.lines().enumerate() {
        let row: serde_json::Map<String, Value> = serde_json::from_str(line)?;
        for (name, value) in row {
            if !OF_THE_MACHINE.iter().any(|prefix| name.starts_with(prefix)) {
                remains.insert(format!("{key}: row {}: {name}", number + 1), value.to_string().into_bytes());
            }
        }
    }
    Ok(())
}

/// A JSON file without the fields that are left out, where they stand outside of lists of files.
fn record(text: &str) -> Result<String> {
    let mut value: Value = serde_json::from_str(text)?;
    strip(&mut value);
    Ok(serde_json::to_string_pretty(&value)?)
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(fields) if fields.contains_key("path") && fields.contains_key("bytes") => {}
        Value::Object(fields) => {
            FIELDS_LEFT_OUT.iter().for_each(|name| drop(fields.remove(*name)));
            fields.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

/// A line for each thing that is in one alone or not the same in both.
pub(super) fn differences(whole: &Remains, killed: &Remains) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, expected) in whole {
        match killed.get(name) {
            None => lines.push(format!("{name} is missing")),
            Some(found) if found != expected => {
                let is_short = |bytes: &[u8]| bytes.len() <= SHOWN && std::str::from_utf8(bytes).is_ok();
                let text = |bytes: &[u8]| match is_short(bytes) {
                    true => String::from_utf8_lossy(bytes).into_owned(),
                    false => format!("{} bytes", bytes.len()),
                };
                lines.push(format!("{name} differs: {} uninterrupted, {} killed", text(expected), text(found)));
            }
            Some(_) => {}
        }
    }
    let more = killed.keys().filter(|name| !whole.contains_key(*name));
    lines.extend(more.map(|name| format!("{name} is left over")));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with a little of everything; `step` stands for what a run computes.
    fn folder(parent: &Path, name: &str, value: f64, seconds: f64) -> Remains {
        let run = parent.join(name);
        fs::create_dir_all(run.join("checkpoints/step_00002/trainer")).unwrap();
        let write = |path: &str, text: String| fs::write(run.join(path), text).unwrap();
        write(".lock", seconds.to_string());
        write("report.html", seconds.to_string());
        write("config.toml", format!("dir = {:?}\nseed = 1\n", run.display().to_string()));
        write("metrics.jsonl", format!("{{\"step\": 1, \"time/step\": {seconds}, \"reward/mean\": {value}}}\n"));
        let summary = format!("{{\"rows\": [{{\"maths\": 0.5, \"seconds\": {seconds}}}], ");
        write("summary.json", summary + &format!("\"reward_model_seconds\": {seconds}}}"));
        write("checkpoints/step_00002/trainer/optimizer.safetensors", value.to_string());
        let file = format!("{{\"path\": \"optimizer.safetensors\", \"bytes\": 4, \"checksum\": {value}}}");
        let manifest = format!("{{\"files\": [{file}], \"checksum\": {seconds}}}");
        write("checkpoints/step_00002/trainer/manifest.json", manifest);
        fs::create_dir(run.join("eval")).unwrap();
        write("eval/step_00002.json", format!("[{{\"samples\": 3, \"seconds\": {seconds}}}]"));
        std::os::unix::fs::symlink("step_00002", run.join("checkpoints/last")).unwrap();
        of(&run).unwrap()
    }

    #[test]
    fn clocks_and_places_make_no_difference_and_all_else_does() {
        let parent = tempfile::tempdir().unwrap();
        let whole = folder(parent.path(), "whole", 0.25, 1.0);
        assert_eq!(differences(&whole, &folder(parent.path(), "slow", 0.25, 9.0)), [""; 0]);
        let other = differences(&whole, &folder(parent.path(), "other", 0.5, 1.0));
        let manifest = |value: &str| {
            format!(
                "{{\n  \"files\": [\n    {{\n      \"path\": \"optimizer.safetensors\",\n      \"bytes\": 4,\n      \
                 \"checksum\": {value}\n    }}\n  ]\n}}"
            )
        };
        let expected = [
            &format!(
                "checkpoints/step_00002/trainer/manifest.json differs: {} uninterrupted, {} killed",
                manifest("0.25"),
                manifest("0.5")
            ),
            "checkpoints/step_00002/trainer/optimizer.safetensors differs: 0.25 uninterrupted, 0.5 killed",
            "metrics.jsonl: row 1: reward/mean differs: 0.25 uninterrupted, 0.5 killed",
        ];
        assert_eq!(other, expected);

        let behind = parent.path().join("slow/checkpoints");
        fs::remove_file(behind.join("last")).unwrap();
        std::os::unix::fs::symlink("step_00001", behind.join("last")).unwrap();
        fs::write(behind.join("left"), "").unwrap();
        fs::remove_file(parent.path().join("slow/config.toml")).unwrap();
        let found = differences(&whole, &of(&parent.path().join("slow")).unwrap());
        let expected = [
            "checkpoints/last differs: step_00002 uninterrupted, step_00001 killed",
            "config.toml is missing",
            "checkpoints/left is left over",
        ];
        assert_eq!(found, expected);
    }
}
