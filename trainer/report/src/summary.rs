//! Table of a recipe's `summary.json`: accuracy of each skill after each stage, and the changes between stages. Unknown
//! fields are left alone. Must not know how the figures were measured.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use super::axis::Unit;
use super::html::escape;

const SKILLS: [(&str, &str); 3] = [("maths", "Maths"), ("code", "Code"), ("instruction", "Instructions")];

/// The summary as a table; without a `summary.json`, a note where one is expected and nothing elsewhere.
pub(crate) fn section(run: &Path, is_expected: bool) -> String {
    let path = run.join("summary.json");
    if !path.exists() {
        let note = "<p class=\"missing\"><b>Missing here</b> no summary.json: the recipe has not come to its end</p>";
        return if is_expected { note.to_owned() } else { String::new() };
    }
    match read(&path) {
        Ok(rows) => table(&rows),
        Err(error) => format!("<p class=\"missing\"><b>Missing here</b> {}</p>", escape(&format!("{error:#}"))),
    }
}

struct Recipe {
    seed: Option<u64>,
    rows: Vec<Row>,
}

struct Row {
    stage: String,
    skills: [Option<Skill>; 3],
    seconds: Option<f64>,
}

#[derive(Clone, Copy)]
struct Skill {
    share: f64,
    interval: Option<(f64, f64)>,
    change: Option<Change>,
}

/// Change against the stage before, task by task.
#[derive(Clone, Copy)]
struct Change {
    share: f64,
    interval: Option<(f64, f64)>,
    is_lost: bool,
}

fn read(path: &Path) -> Result<Recipe> {
    let name = || format!("cannot read {}", path.display());
    let summary: Value = serde_json::from_str(&fs::read_to_string(path).with_context(name)?).with_context(name)?;
    let rows = summary
        .get("rows")
        .and_then(Value::as_array)
        .context("field `rows` is missing or no list")
        .with_context(name)?;
    Ok(Recipe { seed: summary.get("seed").and_then(Value::as_u64), rows: rows.iter().map(row).collect() })
}

fn row(value: &Value) -> Row {
    let stage = value.get("stage").and_then(Value::as_str).unwrap_or("?").to_owned();
    let skills = SKILLS.map(|(key, _)| {
        let share = value.get(key)?.as_f64()?;
        let interval =
            value.get("intervals").and_then(|all| all.get(key)).or_else(|| value.get(format!("{key}_interval")));
        let change = value.get("changes").and_then(|all| all.get(key)).and_then(change);
        Some(Skill { share, interval: interval.and_then(ends), change })
    });
    Row { stage, skills, seconds: value.get("seconds").and_then(Value::as_f64) }
}

fn change(value: &Value) -> Option<Change> {
    Some(Change {
        share: value.get("change")?.as_f64()?,
        interval: value.get("interval").and_then(ends),
        is_lost: value.get("lost").and_then(Value::as_bool).unwrap_or(false),
    })
}

/// Lower and upper end of an interval.
fn ends(interval: &Value) -> Option<(f64, f64)> {
    let end = |index: usize| interval.get(index)?.as_f64();
    end(0).zip(end(1))
}

fn table(Recipe { seed, rows }: &Recipe) -> String {
    let mut out = String::from("<table class=\"summary\"><thead><tr><th>after</th>");
    for (_, title) in SKILLS {
        let _ = write!(out, "<th>{title}</th>");
    }
    out.push_str("<th>time</th></tr></thead><tbody>");
    let mut before: [Option<Skill>; 3] = [None; 3];
    for row in rows {
        let _ = write!(out, "<tr><th>{}</th>", escape(&row.stage));
        for (skill, before) in row.skills.iter().zip(&mut before) {
            out.push_str(&cell(*skill, *before));
            *before = skill.or(*before);
        }
        let time = row.seconds.map_or_else(|| "–".to_owned(), |seconds| Unit::Seconds.show(seconds));
        let _ = write!(out, "<td class=\"time\">{}</td></tr>", escape(&time));
    }
    out.push_str("</tbody></table>");
    let mut notes = Vec::new();
    if let Some(seed) = seed {
        notes.push(format!("Seed {seed}: every stage's random numbers and the data follow from it."));
    }
    if rows.iter().flat_map(|row| row.skills.iter().flatten()).any(|skill| skill.change.is_some()) {
        notes.push("Changes are against the stage before, with their 95 % interval by task.".to_owned());
        notes.push("Lost means significantly below it: one-sided, 5 % over all changes of the table.".to_owned());
    }
    if !notes.is_empty() {
        let _ = write!(out, "<p class=\"facts\">{}</p>", notes.join(" "));
    }
    out
}

fn cell(skill: Option<Skill>, before: Option<Skill>) -> String {
    let Some(skill) = skill else { return "<td>–</td>".to_owned() };
    let mut out = format!("<td><b>{:.1} %</b>", skill.share * 100.0);
    let share = skill.change.map(|change| change.share).or_else(|| Some(skill.share - before?.share));
    if let Some(share) = share {
        // A change whose interval holds 0 is neither good nor bad.
        let [low, high] = match skill.change.and_then(|change| change.interval) {
            Some((low, high)) => [low, high],
            None => [share - 0.0005, share + 0.0005],
        };
        let class = if low > 0.0 {
            "up"
        } else if high < 0.0 {
            "down"
        } else {
            "same"
        };
        let _ = write!(out, " <span class=\"{class}\">{:+.1}</span>", share * 100.0);
    }
    if let Some(Change { interval: Some((low, high)), is_lost, .. }) = skill.change {
        let _ = write!(out, "<span class=\"same\">({:+.0} to {:+.0})</span>", low * 100.0, high * 100.0);
        if is_lost {
            out.push_str("<em>lost</em>");
        }
    }
    let percent = |share: f64| (share * 100.0).clamp(0.0, 100.0);
    let _ = write!(out, "<div class=\"bar\"><i style=\"width:{:.1}%\"></i>", percent(skill.share));
    if let Some((low, high)) = skill.interval {
        let width = (percent(high) - percent(low)).max(0.0);
        let _ = write!(out, "<u style=\"left:{:.1}%;width:{width:.1}%\" title=\"95 % interval\"></u>", percent(low));
    }
    out + "</div></td>"
}
