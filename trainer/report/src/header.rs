//! The head of the page and of each run: name, way around, key figures, and what is missing.
//! Must not know where the figures come from beyond the run's data.

use std::fmt::Write;
use std::path::PathBuf;

use super::axis::{Unit, number};
use super::html::escape;
use super::panels;
use super::run_data::RunData;
use super::series::Series;

/// Key figures by label: the names to look for, the first that is there counts.
const FIGURES: &[(&str, &[&str], Unit)] = &[
    ("reward", &["reward/mean"], Unit::Plain),
    ("maths", &["accuracy/math"], Unit::Percent),
    ("code", &["accuracy/code"], Unit::Percent),
    ("instructions", &["accuracy/instruction_following"], Unit::Percent),
    ("held-out accuracy", &["eval/preferences/accuracy", "preference/accuracy", "accuracy"], Unit::Percent),
    ("completion tokens", &["completion/tokens_mean"], Unit::Count),
    ("entropy", &["policy/entropy"], Unit::Plain),
    ("loss", &["preference/loss", "policy/loss", "loss"], Unit::Plain),
];

/// The page's heading, with links to the stages of a recipe.
pub fn title(name: &str, stages: &[PathBuf]) -> String {
    let kind = if stages.is_empty() { "training run" } else { "recipe run" };
    let mut out = format!("<header><p class=\"kicker\">{kind}</p><h1>{}</h1>", escape(name));
    if !stages.is_empty() {
        out.push_str("<nav>");
        for stage in stages.iter().filter_map(|path| path.file_name()) {
            let stage = escape(&stage.to_string_lossy());
            let _ = write!(out, "<a href=\"#{stage}\">{stage}</a>");
        }
        out.push_str("</nav>");
    }
    out + "</header>"
}

/// Key figures of a run: steps, time, and how reward, accuracies and speed went from the first steps to the last.
pub fn tiles(run: &RunData) -> String {
    let mut out = String::from("<dl class=\"tiles\">");
    let mut tile = |label: &str, value: String| {
        let _ = write!(out, "<div><dt>{}</dt><dd>{value}</dd></div>", escape(label));
    };
    if let Some(stage) = run.setting("stage") {
        tile("stage", escape(&stage));
    }
    if let Some(step) = run.metrics.iter().filter_map(|row| row.step()).max() {
        tile("steps", step.to_string());
    }
    let series = |names: &[&str]| names.iter().find_map(|name| Series::of(&run.metrics, name, name));
    if let Some(seconds) = series(&["seconds", "time/step"]) {
        tile("time in steps", Unit::Seconds.show(seconds.points.iter().map(|point| point.1).sum()));
    }
    // The loss of a policy gradient says nothing about how well the policy does.
    let is_reinforced = series(&["reward/mean"]).is_some();
    for (label, names, unit) in FIGURES.iter().filter(|(label, ..)| !(is_reinforced && *label == "loss")) {
        if let Some((first, last)) = series(names).and_then(|series| series.ends()) {
            tile(label, format!("<span>{} →</span> {}", unit.show(first), unit.show(last)));
        }
    }
    let mut names = run.metrics.iter().flat_map(|row| row.iter()).map(|(name, _)| name);
    if let Some(speed) = names.find(|name| name.ends_with("tokens_per_second")).and_then(|name| series(&[name])) {
        tile(&speed.label.replace('_', " ").replace("throughput/", ""), number(speed.magnitude()));
    }
    out + "</dl>"
}

/// What the folder lacks and which charts could not be drawn; nothing when all is there.
pub fn missing(run: &RunData) -> String {
    let mut notes: Vec<String> = run.notes.iter().map(|note| escape(note)).collect();
    let absent = panels::absent(&run.metrics);
    if !absent.is_empty() {
        notes.push(format!("not recorded: {}", escape(&absent.join(" · "))));
    }
    if notes.is_empty() {
        return String::new();
    }
    format!("<p class=\"missing\"><b>Missing here</b> {}</p>", notes.join("<br>"))
}
