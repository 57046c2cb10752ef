//! Panels: the metrics that share a chart, as `record::names` says, and the order of the charts. Metrics without a
//! panel come last, grouped by prefix. Must not know how a chart is drawn.

use std::fmt::Write;

use record::metrics::Metrics;
use record::names;

use super::axis::Unit;
use super::chart::{Chart, Range};
use super::html::escape;
use super::series::Series;

/// Most series in one chart.
const SERIES: usize = 8;
/// Factor by which the series of one chart may differ in a panel of mixed metrics.
const MAGNITUDE: f64 = 20.0;

/// A chart, or several where magnitudes differ: of the metrics whose entry in `record::names` has its title.
struct Panel {
    section: &'static str,
    title: &'static str,
    /// Pattern whose `*` is a metric's text in the legend; the whole name where it does not fit.
    legend: &'static str,
    unit: Unit,
    range: Range,
    layout: Layout,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// All series in one chart.
    Shared,
    /// Series of like magnitude share a chart.
    Mixed,
    /// Parts of a sum.
    Stacked,
}

const fn panel(
    section: &'static str,
    title: &'static str,
    legend: &'static str,
    unit: Unit,
    range: Range,
    layout: Layout,
) -> Panel {
    Panel { section, title, legend, unit, range, layout }
}

use Layout::{Mixed, Shared, Stacked};
use Range::{FromZero, Tight, Whole};
use Unit::{Count, Percent, Plain, Seconds};

const PANELS: &[Panel] = &[
    panel("Learning", "Reward", "*", Plain, Tight, Shared),
    panel("Learning", "Accuracy by kind of task", "*", Percent, Whole, Shared),
    panel("Learning", "Held-out pass@1", "*", Percent, Whole, Shared),
    panel("Learning", "Held-out score", "*", Plain, FromZero, Shared),
    panel("Learning", "Accuracy", "*", Percent, Whole, Shared),
    panel("Learning", "Reward in parts", "reward/*", Plain, Tight, Mixed),
    panel("Learning", "Groups", "groups/*", Count, FromZero, Mixed),
    panel("Learning", "Verifier errors", "*", Count, FromZero, Shared),
    panel("Learning", "Verdicts", "*", Count, FromZero, Shared),
    panel("Learning", "Masked completions", "*", Count, FromZero, Shared),
    panel("Completions", "Completion length, tokens", "completion/tokens_*", Count, FromZero, Shared),
    panel("Completions", "Truncated completions", "*", Percent, FromZero, Shared),
    panel("Completions", "Forced tokens", "*", Count, FromZero, Shared),
    panel("Completions", "Calls of tools", "tools/*", Count, FromZero, Shared),
    panel("Completions", "Tokens of tools", "*", Count, FromZero, Shared),
    panel("Completions", "Held-out length, tokens", "*", Count, FromZero, Shared),
    panel("Completions", "Held-out truncated", "*", Percent, FromZero, Shared),
    panel("Policy", "Entropy", "*", Plain, FromZero, Shared),
    panel("Policy", "KL", "policy/kl_*", Plain, FromZero, Mixed),
    panel("Policy", "Clip fraction", "*", Percent, FromZero, Shared),
    panel("Policy", "Largest ratio", "*", Plain, FromZero, Shared),
    panel("Policy", "Rollout against training", "mismatch/*", Plain, FromZero, Mixed),
    panel("Critic", "Explained variance", "*", Plain, Tight, Shared),
    panel("Critic", "Values and returns", "critic/*_mean", Plain, Tight, Shared),
    panel("Optimisation", "Loss", "*", Plain, Tight, Mixed),
    panel("Optimisation", "Gradient norm", "*", Plain, FromZero, Mixed),
    panel("Optimisation", "Learning rate", "*", Plain, FromZero, Mixed),
    panel("Optimisation", "Updates", "*", Count, FromZero, Mixed),
    panel("Optimisation", "Batch", "batch/*", Count, FromZero, Mixed),
    panel("Speed", "Step time", "*", Seconds, FromZero, Shared),
    panel("Speed", "Step time by part", "time/*", Seconds, FromZero, Stacked),
    panel("Speed", "Tokens per second", "throughput/*_tokens_per_second", Count, FromZero, Shared),
    panel("Speed", "Rows in flight", "*", Count, FromZero, Shared),
    panel("Speed", "Waiting for ranks", "dist/*", Seconds, FromZero, Shared),
    panel("Speed", "Bytes between ranks", "dist/*", Count, FromZero, Mixed),
    panel("Speed", "Memory", "memory/*", Count, FromZero, Mixed),
];

/// Panels that a run of reinforcement learning is expected to fill.
const EXPECTED: [&str; 9] = [
    "Reward",
    "Accuracy by kind of task",
    "Completion length, tokens",
    "Entropy",
    "KL",
    "Clip fraction",
    "Rollout against training",
    "Gradient norm",
    "Step time by part",
];

/// All charts of a run under their section headings; nothing for a run without metrics.
pub(crate) fn charts(rows: &[Metrics]) -> String {
    let mut rest = metric_names(rows);
    let mut sections: Vec<(String, String)> = Vec::new();
    for panel in PANELS {
        let (mine, others): (Vec<String>, Vec<String>) = rest.into_iter().partition(|name| panel.label(name).is_some());
        rest = others;
        let series: Vec<Series> =
            mine.iter().filter_map(|name| Series::of(rows, name, &panel.label(name).unwrap_or_default())).collect();
        add(&mut sections, panel.section, draw(panel.title, panel.unit, panel.range, panel.layout, series));
    }
    for (prefix, names) in by_prefix(&rest) {
        let label = |name: &str| readable(name.split_once('/').map_or(name, |(_, end)| end));
        let series = names.iter().filter_map(|name| Series::of(rows, name, &label(name))).collect();
        add(&mut sections, names::OTHER, draw(&prefix, Plain, Tight, Mixed, series));
    }
    let mut out = String::new();
    for (title, figures) in sections {
        let _ = write!(out, "<h3>{}</h3><div class=\"grid\">{figures}</div>", escape(&title));
    }
    out
}

/// The titles of expected charts for which nothing was recorded; empty for runs without rewards.
pub(crate) fn absent(rows: &[Metrics]) -> Vec<&'static str> {
    let names = metric_names(rows);
    if !names.iter().any(|name| name.starts_with("reward/")) {
        return Vec::new();
    }
    let is_absent =
        |panel: &&Panel| EXPECTED.contains(&panel.title) && !names.iter().any(|name| panel.label(name).is_some());
    PANELS.iter().filter(is_absent).map(|panel| panel.title).collect()
}

impl Panel {
    /// The legend's text for a metric of this panel; `None` for a metric that is not of this panel.
    fn label(&self, name: &str) -> Option<String> {
        let metric = names::find(name).filter(|metric| metric.panel == self.title)?;
        Some(readable(metric.part_of(name).or_else(|| self.legend_of(name)).unwrap_or(name)))
    }

    fn legend_of<'a>(&self, name: &'a str) -> Option<&'a str> {
        let (start, end) = self.legend.split_once('*')?;
        name.strip_prefix(start)?.strip_suffix(end)
    }
}

fn readable(name: &str) -> String {
    name.replace('_', " ")
}

/// Names in the order in which they first appear, without `step`.
fn metric_names(rows: &[Metrics]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut known = std::collections::HashSet::new();
    for (name, _) in rows.iter().flat_map(Metrics::iter) {
        if name != "step" && known.insert(name) {
            names.push(name.to_owned());
        }
    }
    names
}

/// Groups with equal text before the first `/`; names without one are together.
fn by_prefix(names: &[String]) -> Vec<(String, Vec<&str>)> {
    let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
    for name in names {
        let prefix = name.split_once('/').map_or("other", |(prefix, _)| prefix);
        match groups.iter_mut().find(|(known, _)| known == prefix) {
            Some((_, members)) => members.push(name),
            None => groups.push((prefix.to_owned(), vec![name])),
        }
    }
    groups
}

fn add(sections: &mut Vec<(String, String)>, title: &str, figures: String) {
    if figures.is_empty() {
        return;
    }
    match sections.iter_mut().find(|(known, _)| known == title) {
        Some((_, all)) => all.push_str(&figures),
        None => sections.push((title.to_owned(), figures)),
    }
}

fn draw(title: &str, unit: Unit, range: Range, layout: Layout, series: Vec<Series>) -> String {
    let charts = if layout == Mixed { split_by_magnitude(series) } else { vec![series] };
    let alone = charts.len() == 1;
    let mut out = String::new();
    for part in charts.iter().flat_map(|chart| chart.chunks(SERIES)) {
        let title = if alone || part.len() > 1 { title.to_owned() } else { format!("{title}: {}", part[0].label) };
        out += &Chart { title, unit, range, stacked: layout == Stacked, series: part.to_vec() }.draw();
    }
    out
}

/// Charts of series whose magnitudes are within a factor of each other, each in the given order.
fn split_by_magnitude(series: Vec<Series>) -> Vec<Vec<Series>> {
    let mut groups: Vec<(f64, f64, Vec<Series>)> = Vec::new();
    for one in series {
        let size = one.magnitude();
        let fits = |group: &&mut (f64, f64, Vec<Series>)| {
            size == 0.0 || (size < group.0 * MAGNITUDE && size * MAGNITUDE > group.1)
        };
        match groups.iter_mut().find(fits) {
            Some(group) => {
                if size > 0.0 {
                    group.0 = group.0.min(size);
                    group.1 = group.1.max(size);
                }
                group.2.push(one);
            }
            None => groups.push(if size > 0.0 { (size, size, vec![one]) } else { (f64::INFINITY, 0.0, vec![one]) }),
        }
    }
    groups.into_iter().map(|group| group.2).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(names: &[(&str, f64)]) -> Vec<Metrics> {
        let row = |step: f64| {
            let mut row: Metrics = [("step", step)].into_iter().collect();
            names.iter().for_each(|(name, value)| row.set(*name, value * step));
            row
        };
        vec![row(1.0), row(2.0)]
    }

    fn label(title: &str, name: &str) -> Option<String> {
        PANELS.iter().find(|panel| panel.title == title)?.label(name)
    }

    #[test]
    fn labels_come_from_the_varying_part() {
        assert_eq!(
            label("Accuracy by kind of task", "accuracy/instruction_following").unwrap(),
            "instruction following"
        );
        assert_eq!(label("Held-out pass@1", "eval/held_out/pass@1").unwrap(), "held out");
        assert_eq!(label("Held-out pass@1", "eval/x/pass@8"), None);
        assert_eq!(label("KL", "policy/kl_reference").unwrap(), "reference");
        assert_eq!(label("Clip fraction", "policy/clip_fraction").unwrap(), "policy/clip fraction");
        assert_eq!(label("Held-out length, tokens", "eval/maths/completion_tokens").unwrap(), "maths");
        assert_eq!(label("Accuracy", "preference/accuracy").unwrap(), "preference/accuracy");
        assert_eq!(label("Learning rate", "lr/x"), None);
    }

    #[test]
    fn every_metric_has_a_panel_and_every_panel_a_metric() {
        for metric in names::METRICS.iter().filter(|metric| metric.panel != names::OTHER) {
            assert!(PANELS.iter().any(|panel| panel.title == metric.panel), "{}: {}", metric.name, metric.panel);
        }
        for panel in PANELS {
            assert!(names::METRICS.iter().any(|metric| metric.panel == panel.title), "{}", panel.title);
            let others = PANELS.iter().filter(|other| other.title == panel.title).count();
            assert_eq!(others, 1, "{}", panel.title);
        }
        for title in EXPECTED {
            assert!(PANELS.iter().any(|panel| panel.title == title), "{title}");
        }
    }

    #[test]
    fn known_metrics_stand_in_their_sections_and_unknown_ones_last() {
        let html = charts(&rows(&[("zebra/stripes", 9.0), ("reward/mean", 0.5), ("time/rollout", 2.0), ("odd", 1.0)]));
        let place = |text: &str| html.find(text).unwrap_or_else(|| panic!("{text} is missing"));
        assert!(place("<h3>Learning") < place("<h3>Speed") && place("<h3>Speed") < place("<h3>Other metrics"));
        assert!(place("<h4>zebra") > place("<h3>Other metrics") && place("<h4>other") > place("<h4>zebra"));
        assert!(html.contains("stripes <b>18</b>"));
        assert_eq!(charts(&[]), "");
    }

    #[test]
    fn thousandths_do_not_share_a_chart_with_thousands() {
        let html =
            charts(&rows(&[("mismatch/kl", 1e-5), ("mismatch/mean_abs", 5e-5), ("mismatch/outside_fraction", 4000.0)]));
        assert_eq!(html.matches("<svg").count(), 2);
        assert!(html.contains("Rollout against training: outside fraction"));
    }

    #[test]
    fn what_a_run_did_not_record_is_named() {
        assert!(absent(&rows(&[("reward/mean", 1.0)])).contains(&"Entropy"));
        assert!(!absent(&rows(&[("reward/mean", 1.0), ("policy/entropy", 1.0)])).contains(&"Entropy"));
        assert!(absent(&rows(&[("loss", 1.0)])).is_empty());
    }
}
