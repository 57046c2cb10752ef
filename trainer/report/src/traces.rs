//! Sample rollouts with their verdicts: for each kind of task one that was right and one that was wrong.
//! Must not know how verdicts are made.

use std::collections::BTreeMap;
use std::fmt::Write;

use record::rollouts::RolloutRow;

use super::axis::number;
use super::html::escape;

/// Most characters shown of a prompt or completion; a longer one is cut in the middle.
const CHARACTERS: usize = 6000;
/// Least score that counts as right; one of at most 1 less this counts as wrong.
const RIGHT: f32 = 0.999;

/// Sample rollouts of one step.
pub(crate) struct StepTraces {
    step: u64,
    samples: Vec<RolloutRow>,
}

/// The first rollout with the highest and the first with the lowest score of each kind of task, only one where all
/// scores of the kind are equal; then the first rollout whose verifier broke.
pub(crate) fn choose(step: u64, rows: &[RolloutRow]) -> StepTraces {
    let mut kinds: BTreeMap<&str, (&RolloutRow, &RolloutRow)> = BTreeMap::new();
    for row in rows.iter().filter(|row| score(row).is_finite()) {
        let (best, worst) = kinds.entry(&row.task_kind).or_insert((row, row));
        if score(row) > score(best) {
            *best = row;
        }
        if score(row) < score(worst) {
            *worst = row;
        }
    }
    let mut samples = Vec::new();
    for (best, worst) in kinds.into_values() {
        samples.push(best.clone());
        if score(best) > score(worst) {
            samples.push(worst.clone());
        }
    }
    samples.extend(rows.iter().find(|row| row.verdict_score.is_none() && !score(row).is_finite()).cloned());
    StepTraces { step, samples }
}

/// The samples as folded blocks, one a step, the first open; empty without samples.
pub(crate) fn section(steps: &[StepTraces]) -> String {
    if steps.is_empty() {
        return String::new();
    }
    let mut out = String::from("<h3>Sample rollouts</h3>");
    for (index, step) in steps.iter().enumerate() {
        let open = if index == 0 { " open" } else { "" };
        let _ =
            write!(out, "<details class=\"step\"{open}><summary>Step {}</summary><div class=\"traces\">", step.step);
        step.samples.iter().for_each(|row| out.push_str(&card(row)));
        out.push_str("</div></details>");
    }
    out
}

fn score(row: &RolloutRow) -> f32 {
    row.verdict_score.unwrap_or(row.reward)
}

fn card(row: &RolloutRow) -> String {
    let (class, badge) = match row.verdict_score {
        None => ("unknown", "no verdict".to_owned()),
        Some(score) if score >= RIGHT => ("right", "right".to_owned()),
        Some(score) if score <= 1.0 - RIGHT => ("wrong", "wrong".to_owned()),
        Some(score) => ("partly", format!("score {}", number(f64::from(score)))),
    };
    let mut facts = Vec::new();
    if row.reward.is_finite() {
        facts.push(format!("reward {}", number(f64::from(row.reward))));
    }
    facts.extend(row.advantage.map(|advantage| format!("advantage {}", number(f64::from(advantage)))));
    facts.push(format!("{} tokens", row.completion_ids.len()));
    facts.push(format!("finish: {}", row.finish_reason));
    if row.kept == Some(false) {
        facts.push("group filtered out".to_owned());
    }
    let mut out = format!(
        "<article class=\"{class}\"><h5><em>{badge}</em> {} <code>{}</code></h5><p class=\"facts\">{}</p>",
        escape(&row.task_kind.replace('_', " ")),
        escape(&row.task_id),
        escape(&facts.join(" · "))
    );
    let _ = write!(out, "<h6>prompt</h6><pre class=\"prompt\">{}</pre>", escape(&shortened(&row.prompt, CHARACTERS)));
    let _ = write!(out, "<h6>completion</h6><pre>{}</pre>", completion(&shortened(&row.completion, CHARACTERS)));
    let _ = write!(out, "<h6>verdict</h6><p class=\"verdict\">{}</p>", escape(&row.verdict_reason));
    if !row.breakdown.is_empty() {
        let parts: Vec<String> =
            row.breakdown.iter().map(|(name, value)| format!("{name} {}", number(f64::from(*value)))).collect();
        let _ = write!(out, "<p class=\"facts\">{}</p>", escape(&parts.join(" · ")));
    }
    out + "</article>"
}

/// The completion with its thinking muted, as HTML.
///
/// Thinking ends at `</think>` and begins at `<think>`, or at the very start
/// where the prompt has opened it.
pub(super) fn completion(text: &str) -> String {
    let (before, rest) = match (text.find("<think>"), text.find("</think>")) {
        (Some(start), _) => text.split_at(start),
        (None, Some(_)) => ("", text),
        (None, None) => return escape(text),
    };
    let end = rest.find("</think>").map_or(rest.len(), |end| end + "</think>".len());
    let (thinking, answer) = rest.split_at(end);
    format!("{}<span class=\"think\">{}</span>{}", escape(before), escape(thinking), escape(answer))
}

/// The text, or both its ends where it has more than `most` characters.
pub(super) fn shortened(text: &str, most: usize) -> String {
    let count = text.chars().count();
    if count <= most {
        return text.to_owned();
    }
    let head: String = text.chars().take(most / 2).collect();
    let tail: String = text.chars().skip(count - most / 2).collect();
    format!("{head}\n[… {} characters …]\n{tail}", count - most / 2 * 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(kind: &str, id: &str, score: f32) -> RolloutRow {
        RolloutRow {
            task_kind: kind.into(),
            task_id: id.into(),
            verdict_score: Some(score),
            reward: score,
            ..RolloutRow::default()
        }
    }

    #[test]
    fn a_right_and_a_wrong_one_of_each_kind() {
        let rows = [
            row("math", "a", 0.0),
            row("math", "b", 1.0),
            row("math", "c", 1.0),
            row("code", "d", 0.0),
            row("code", "e", 0.0),
        ];
        let chosen = choose(3, &rows);
        let ids: Vec<&str> = chosen.samples.iter().map(|row| row.task_id.as_str()).collect();
        assert_eq!(ids, ["d", "b", "a"]);
        let html = section(&[chosen]);
        assert!(
            html.contains("Step 3")
                && html.matches("class=\"wrong\"").count() == 2
                && html.matches("class=\"right\"").count() == 1
        );
    }

    #[test]
    fn a_broken_verifier_is_shown_but_is_neither_best_nor_worst() {
        let broken = RolloutRow { verdict_score: None, reward: f32::NAN, ..row("math", "broken", 0.0) };
        let chosen = choose(1, &[broken, row("math", "a", 0.0), row("math", "b", 1.0)]);
        let ids: Vec<&str> = chosen.samples.iter().map(|row| row.task_id.as_str()).collect();
        assert_eq!(ids, ["b", "a", "broken"]);
        let html = section(&[chosen]);
        assert!(html.contains("no verdict") && !html.contains("NaN"));
    }

    #[test]
    fn thinking_is_marked_and_text_is_escaped() {
        assert_eq!(
            completion("<think>a<b</think>c"),
            "<span class=\"think\">&lt;think&gt;a&lt;b&lt;/think&gt;</span>c"
        );
        assert_eq!(completion("a</think>c"), "<span class=\"think\">a&lt;/think&gt;</span>c");
        assert_eq!(completion("x<think>a"), "x<span class=\"think\">&lt;think&gt;a</span>");
        assert_eq!(completion("1 < 2"), "1 &lt; 2");
        assert!(completion("</think> <think>").contains("class=\"think\""));
    }

    #[test]
    fn long_texts_keep_both_ends() {
        let long = format!("é{}ü", "x".repeat(20_000));
        let short = shortened(&long, CHARACTERS);
        assert!(short.starts_with('é') && short.ends_with('ü') && short.chars().count() < CHARACTERS + 50);
    }
}
