//! The page of an evaluation: for each suite its figures with how sure they are, what ran, and every task with its
//! samples. Must not know how a figure is made.

use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;

use evaluation::{EvalResult, PartFigure, Settings, SuitePart};
use record::RecordError;
use record::atomic::write_file;
use record::samples::SampleRow;

use super::axis::number;
use super::evaluation_tasks::{self, kinds};
use super::html::{self, escape};

const SCRIPT: &str = include_str!("filter.js");

/// A suite that was evaluated, with its samples.
#[derive(Debug)]
pub struct EvaluatedSuite<'a> {
    /// Its figures.
    pub result: &'a EvalResult,
    /// Its samples, in the order of the record.
    pub samples: &'a [SampleRow],
    /// The last turn of each task's prompt, by the task's id; of a task that is absent none is shown.
    pub questions: HashMap<&'a str, &'a str>,
}

/// Writes the page of an evaluation to `path`.
///
/// # Errors
/// The file cannot be written.
pub fn write_evaluation(path: &Path, title: &str, suites: &[EvaluatedSuite<'_>]) -> Result<(), RecordError> {
    write_file(path, page(title, suites).as_bytes())
}

fn page(title: &str, suites: &[EvaluatedSuite<'_>]) -> String {
    let mut out = html::opening(title, "evaluation");
    let _ = write!(out, "<header><p class=\"kicker\">evaluation</p><h1>{}</h1>", escape(title));
    if suites.len() > 1 {
        out.push_str("<nav>");
        for suite in suites {
            let name = escape(suite.result.name());
            let _ = write!(out, "<a href=\"#{name}\">{name}</a>");
        }
        out.push_str("</nav>");
    }
    out.push_str("</header>");
    let num_samples = suites.iter().map(|suite| suite.samples.len()).sum();
    suites.iter().for_each(|suite| out.push_str(&section(suite, num_samples)));
    out + &html::closing("", SCRIPT)
}

fn section(suite: &EvaluatedSuite<'_>, num_samples: usize) -> String {
    let name = escape(suite.result.name());
    let mut out = format!("<section class=\"stage\" id=\"{name}\"><h2>{name}</h2>{}", tiles(suite.result));
    let SuitePart { marks, notes, .. } = &suite.result.suite;
    let said = marks.iter().chain(notes).map(String::as_str).chain(suite.result.summary.caveat());
    said.for_each(|sentence| {
        let _ = write!(out, "<p class=\"facts\">{}</p>", escape(sentence));
    });
    for (by, parts) in &suite.result.suite.by {
        out.push_str(&part_table(by, parts.iter()));
    }
    if let Some(settings) = &suite.result.suite.settings {
        out.push_str(&settings_block(settings));
    }
    let _ = write!(out, "<h3>Tasks</h3>{}", filter(suite.samples));
    out.push_str(&evaluation_tasks::list(suite.samples, &suite.questions, num_samples));
    out + "</section>"
}

/// Key figures of a suite.
fn tiles(result: &EvalResult) -> String {
    let summary = &result.summary;
    let mut out = String::from("<dl class=\"tiles\">");
    let mut tile = |label: &str, value: String| {
        let _ = write!(out, "<div><dt>{}</dt><dd>{value}</dd></div>", escape(label));
    };
    let [low, high] = summary.interval;
    tile("tasks", format!("{} <span>× {}</span>", summary.num_tasks, summary.num_samples));
    tile("pass@1", format!("{} <span>{} to {}</span>", percent(summary.pass_at_1), percent(low), percent(high)));
    if summary.num_samples > 1 {
        for (name, figures) in [("pass", &summary.pass_at), ("majority", &summary.majority_at)] {
            if let Some((samples, figure)) = figures.iter().next_back() {
                tile(&format!("{name}@{samples}"), percent(*figure));
            }
        }
    }
    for (label, figure) in [("corrected", summary.corrected), ("overall", overall(result))] {
        if let Some(figure) = figure {
            tile(label, percent(figure));
        }
    }
    for (name, share) in &result.suite.measures {
        tile(&name.replace('_', " "), percent(*share));
    }
    tile("tokens", number(summary.completion_tokens_mean));
    tile("cut", percent(summary.truncated));
    tile("no answer", percent(summary.no_answer));
    tile("timed out", percent(summary.timed_out));
    if summary.num_verifier_errors > 0 {
        let [low, high] = summary.ends();
        tile(
            "verifier broke",
            format!("{} <span>pass@1 {} to {}</span>", percent(summary.verifier_errors), percent(low), percent(high)),
        );
    }
    out + "</dl>"
}

fn overall(result: &EvalResult) -> Option<f64> {
    result.suite.overall.as_ref()?.value
}

fn part_table<'a>(by: &str, parts: impl Iterator<Item = (&'a String, &'a PartFigure)>) -> String {
    let by = escape(by);
    let mut out =
        format!("<table class=\"parts\"><tr><th>{by}</th><td>tasks</td><td>pass@1</td><td>95 % interval</td></tr>");
    for (name, part) in parts {
        let [low, high] = part.interval;
        let _ = write!(
            out,
            "<tr><th>{}</th><td>{}</td><td>{}</td><td>{} to {}</td></tr>",
            escape(name),
            part.num_tasks,
            percent(part.pass_at_1),
            percent(low),
            percent(high)
        );
    }
    out + "</table>"
}

fn settings_block(settings: &Settings) -> String {
    let mut out = String::from("<details class=\"config\"><summary>What ran</summary>");
    out.push_str("<div class=\"settings whole\"><table>");
    for (name, value) in settings.values() {
        let _ = write!(out, "<tr><th>{}</th><td>{}</td></tr>", escape(&name), escape(&value));
    }
    out.push_str("</table></div>");
    if let Some(first) = &settings.first_prompt {
        let _ = write!(out, "<h6>first prompt</h6><pre class=\"prompt\">{}</pre>", escape(&first.text));
    }
    out + "</details>"
}

/// A button for each kind of verdict that there is.
fn filter(samples: &[SampleRow]) -> String {
    let mut out = String::from("<div class=\"filter\"><button data-kind=\"\" aria-pressed=\"true\">all</button>");
    for (kind, count) in kinds(samples) {
        let kind = escape(kind);
        let _ = write!(
            out,
            "<button data-kind=\"{kind}\" aria-pressed=\"false\">{} {count}</button>",
            kind.replace('_', " ")
        );
    }
    out + "</div>"
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

#[cfg(test)]
mod tests {
    use record::samples::{SampleVerdict, TurnRow};

    use super::*;

    fn result() -> EvalResult {
        let text = r#"{"dataset": "sums", "suite": "sums@v1", "marks": ["1 of 2 tasks"], "num_tasks": 1,
            "num_samples": 2,
            "pass@1": 0.5, "standard_error": null, "interval": [0.1, 0.9], "pass@k": 1.0, "avg@k": 0.5,
            "completion_tokens_mean": 3.0, "truncated": 0.25, "num_verifier_errors": 0, "seconds": 1.5,
            "by": {"subject": {"algebra": {
                "num_tasks": 1, "pass@1": 0.5, "interval": [0.1, 0.9], "score_mean": 0.5}}}}"#;
        serde_json::from_str(text).unwrap()
    }

    fn sample(index: u32, kind: &str, score: Option<f32>) -> SampleRow {
        SampleRow {
            task_id: "a<b".into(),
            sample_index: index,
            completion: "<think>so</think>2".into(),
            finish_reason: "stop".into(),
            verdict: SampleVerdict { kind: kind.into(), score, reason: "2 & 2".into(), ..SampleVerdict::default() },
            ..SampleRow::default()
        }
    }

    #[test]
    fn a_page_has_the_figures_and_every_task_with_its_samples_and_loads_nothing() {
        let result = result();
        let turn = |role: &str, content: &str| TurnRow { role: role.into(), content: content.into() };
        let turns = vec![turn("assistant", "I call"), turn("tool", "4 & 2")];
        let samples = [SampleRow { turns, ..sample(0, "passed", Some(1.0)) }, sample(1, "no_answer", Some(0.0))];
        let questions = HashMap::from([("a<b", "1 + 1 < 3?")]);
        let html = page("Evaluation", &[EvaluatedSuite { result: &result, samples: &samples, questions }]);
        for part in [
            "<h2>sums@v1</h2>",
            "50.0 % <span>10.0 % to 90.0 %</span>",
            "1 of 2 tasks",
            "<th>algebra</th>",
            "a&lt;b · 1 of 2 right",
            "1 + 1 &lt; 3?",
            "data-kind=\"no_answer\" aria-pressed=\"false\">no answer 1",
            "<article class=\"wrong\" data-kind=\"no_answer\">",
            "<h6>assistant</h6><pre>I call</pre><h6>tool</h6><pre>4 &amp; 2</pre><h6>assistant</h6>",
            "passed: 2 &amp; 2",
        ] {
            assert!(html.contains(part), "{part} is missing in {html}");
        }
        for outside in ["http:", "https:", "src=", "@import", "url("] {
            assert!(!html.contains(outside), "{outside}");
        }
    }
}
