//! The head of the page and of each run: name, links to the stages, key figures, and notes of what is missing.
//! Must not know where the figures come from beyond the run's data.

use std::fmt::Write;
use std::path::PathBuf;

use record::names::{
    COMPLETION_TOKENS_MEAN, EVAL_PREFERENCE_ACCURACY, POLICY_ENTROPY, POLICY_LOSS, PREFERENCE_ACCURACY,
    PREFERENCE_LOSS, REWARD_MEAN, TIME_STEP,
};

use super::axis::{Unit, number};
use super::html::escape;
use super::panels;
use super::run_data::RunData;
use super::series::Series;

/// Key figures by label: of the metrics named, the first that the run has.
const FIGURES: &[(&str, &[&str], Unit)] = &[
    ("reward", &[REWARD_MEAN.name], Unit::Plain),
    ("maths", &["accuracy/math"], Unit::Percent),
    ("code", &["accuracy/code"], Unit::Percent),
    ("instructions", &["accuracy/instruction_following"], Unit::Percent),
    ("held-out accuracy", &[EVAL_PREFERENCE_ACCURACY.name, PREFERENCE_ACCURACY.name], Unit::Percent),
    ("completion tokens", &[COMPLETION_TOKENS_MEAN.name], Unit::Count),
    ("entropy", &[POLICY_ENTROPY.name], Unit::Plain),
    ("loss", &[PREFERENCE_LOSS.name, POLICY_LOSS.name], Unit::Plain),
];

/// Heading of the page, with links to the stages of a recipe.
pub(crate) fn title(name: &str, stages: &[PathBuf]) -> String {
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
pub(crate) fn tiles(run: &RunData) -> String {
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
    if let Some(seconds) = series(&[TIME_STEP.name]) {
        tile("time in steps", Unit::Seconds.show(seconds.points.iter().map(|point| point.1).sum()));
    }
    // The loss of a policy gradient says nothing of how well the policy does.
    let is_reinforced = series(&[REWARD_MEAN.name]).is_some();
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

/// Notes of what the folder lacks and which charts could not be drawn; empty when all is there.
pub(crate) fn missing(run: &RunData) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_figures_are_metrics_that_are_recorded() {
        for name in FIGURES.iter().flat_map(|(_, names, _)| *names) {
            assert!(record::names::find(name).is_some(), "{name}");
        }
    }
}
