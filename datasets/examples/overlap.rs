//! Speed of overlap: `TRAINING.jsonl… --against SUITE.jsonl…` looks each suite up in all training files, and prints
//! what was found and the seconds. Texts are `problem`, `question`, `prompt` or the first message that has text.

use std::path::PathBuf;
use std::time::Instant;

use datasets::overlap::{OverlapIndex, OverlapKind, duplicates};
use datasets::rows;
use serde_json::{Map, Value};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let mut parts = arguments.split(|argument| argument.as_os_str() == "--against");
    let training = texts(parts.next().unwrap_or_default())?;
    let start = Instant::now();
    let groups = duplicates(training.iter().cloned());
    let num_duplicates: usize = groups.iter().map(|group| group.ids.len() - 1).sum();
    println!("{} texts, {num_duplicates} duplicates, {:.2} s", training.len(), start.elapsed().as_secs_f64());
    for suite in parts.next().unwrap_or_default() {
        let texts = texts(std::slice::from_ref(suite))?;
        let start = Instant::now();
        let index = OverlapIndex::new(texts);
        let overlaps = index.search(training.iter().cloned());
        let seconds = start.elapsed().as_secs_f64();
        let num_exact = overlaps.found.iter().filter(|found| found.kind == OverlapKind::Exact).count();
        let (num_texts, num_found) = (index.num_texts(), overlaps.found.len());
        println!("\n{}: {num_texts} texts, {num_found} hits, {num_exact} exact, {seconds:.2} s", suite.display());
        for found in &overlaps.found {
            println!("  {} {} {}: {}", found.kind.name(), found.training_id, found.suite_id, found.shared);
        }
        for wording in &overlaps.wording {
            println!("  wording, {} times: {}", wording.num_training_texts, wording.text);
        }
    }
    Ok(())
}

fn texts(files: &[PathBuf]) -> Result<Vec<(String, String)>, Box<dyn std::error::Error>> {
    let mut texts = Vec::new();
    for row in rows::open(files, None)? {
        let row = row?;
        let id = row.fields.get("id").and_then(Value::as_str).map_or_else(|| row.index.to_string(), str::to_owned);
        texts.push((id, text(&row.fields).ok_or_else(|| format!("{}: no text", row.place))?));
    }
    Ok(texts)
}

fn text(fields: &Map<String, Value>) -> Option<String> {
    let column = ["problem", "question", "prompt"].iter().find_map(|&column| fields.get(column)?.as_str());
    let message = || fields.get("messages")?.as_array()?.iter().find_map(|message| message["content"].as_str());
    column.or_else(message).map(str::to_owned)
}
