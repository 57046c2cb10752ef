//! Results as a table for the terminal.

use std::collections::BTreeMap;
use std::fmt::Write;

use statistics::Weighting;

use crate::eval_result::{EvalResult, over_suites};

/// A line for each suite with its figure, how sure it is and what stands beside; below it marks and further figures.
/// With several suites their means follow, macro and micro by name.
pub fn results_table(results: &[EvalResult]) -> String {
    let width = results.iter().map(|result| result.name().len()).max().unwrap_or(0).max(10);
    let mut out = format!(
        "{:<width$} {:>6} {:>7} {:>8} {:>16} {:>8} {:>9} {:>7} {:>9} {:>7}\n",
        "suite", "tasks", "samples", "pass@1", "95 % interval", "tokens", "cut", "no ans.", "timed out", "broken"
    );
    for result in results {
        let summary = &result.summary;
        let [low, high] = summary.interval;
        let mark = if result.suite.marks.is_empty() { "" } else { " *" };
        let _ = writeln!(
            out,
            "{:<width$} {:>6} {:>7} {:>8} {:>16} {:>8.1} {:>9} {:>7} {:>9} {:>7}{mark}",
            result.name(),
            summary.num_tasks,
            summary.num_samples,
            percent(summary.pass_at_1),
            format!("{}..{}", percent(low), percent(high)),
            summary.completion_tokens_mean,
            percent(summary.truncated),
            percent(summary.no_answer),
            percent(summary.timed_out),
            percent(summary.verifier_errors),
        );
        details(result, &mut out);
    }
    if results.len() > 1 {
        for (name, weighting) in [("macro", Weighting::Macro), ("micro", Weighting::Micro)] {
            let Some(figure) = over_suites(results, weighting) else { continue };
            let [low, high] = figure.interval;
            let by = if name == "macro" { "suites weigh alike" } else { "tasks weigh alike" };
            let figure = percent(figure.value);
            let _ = writeln!(out, "{name} mean {figure} ({}..{}): {by}", percent(low), percent(high));
        }
    }
    out
}

/// The lines below a suite's own.
fn details(result: &EvalResult, out: &mut String) {
    let summary = &result.summary;
    for mark in &result.suite.marks {
        let _ = writeln!(out, "  * {mark}");
    }
    if summary.num_verifier_errors > 0 {
        let [low, high] = summary.ends();
        let count = summary.num_verifier_errors;
        let _ = writeln!(out, "  {count} verdicts broke: pass@1 lies between {} and {}", percent(low), percent(high));
    }
    if let Some(caveat) = summary.caveat() {
        let _ = writeln!(out, "  {caveat}");
    }
    let mut figures = Vec::new();
    if summary.num_samples > 1 {
        let at = |name: &str, figures: &BTreeMap<usize, f64>| {
            let last = figures.iter().next_back();
            last.map(|(samples, figure)| format!("{name}@{samples} {}", percent(*figure)))
        };
        figures.extend(at("pass", &summary.pass_at));
        figures.extend(at("majority", &summary.majority_at));
    }
    if let Some(corrected) = summary.corrected {
        figures.push(format!("corrected {}", percent(corrected)));
    }
    figures.extend(result.suite.measures.iter().map(|(name, share)| format!("{name} {}", percent(*share))));
    if let Some(overall) = &result.suite.overall {
        figures.extend(overall.value.map(|value| format!("overall {}", percent(value))));
        let sections = overall.sections.iter().filter_map(|section| Some((&section.name, section.value?)));
        figures.extend(sections.map(|(name, value)| format!("{name} {}", percent(value))));
    }
    if let (Some(right), Some(wrong)) = (summary.right_completion_tokens_mean, summary.wrong_completion_tokens_mean)
        && summary.completion_tokens_mean > 0.0
    {
        figures.push(format!("tokens of right ones {right:.1}, of wrong ones {wrong:.1}"));
    }
    if let Some(equal) = summary.equal_completions.filter(|equal| *equal > 0.0) {
        figures.push(format!("completions that equal another of their task {}", percent(equal)));
    }
    if !figures.is_empty() {
        let _ = writeln!(out, "  {}", figures.join(", "));
    }
}

fn percent(share: f64) -> String {
    format!("{:.1}", 100.0 * share)
}
