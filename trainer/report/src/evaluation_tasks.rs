//! Every task of an evaluation with its samples, folded. Must not know how verdicts are made.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;

use record::samples::{SampleRow, SampleVerdict, TurnRow};

use super::html::escape;
use super::traces::{completion, shortened};

/// Most characters of all completions together: a page of more opens in no browser.
const CHARACTERS: usize = 24_000_000;
/// Most and fewest characters of one completion; a longer one is cut in the middle.
const OF_ONE: (usize, usize) = (6000, 400);

/// The kinds of verdicts with their counts, by name.
pub(super) fn kinds(samples: &[SampleRow]) -> BTreeMap<&str, usize> {
    let mut kinds = BTreeMap::new();
    for sample in samples {
        *kinds.entry(sample.verdict.kind.as_str()).or_default() += 1;
    }
    kinds
}

/// The tasks as folded blocks, each with its question where that is known; `num_samples` are those of the whole page,
/// which share its room.
pub(super) fn list(samples: &[SampleRow], questions: &HashMap<&str, &str>, num_samples: usize) -> String {
    let most = (CHARACTERS / num_samples.max(1)).clamp(OF_ONE.1, OF_ONE.0);
    let mut out = String::new();
    for samples in samples.chunk_by(|one, other| one.task_id == other.task_id) {
        let Some(first) = samples.first() else { continue };
        let num_passed = samples.iter().filter(|sample| sample.verdict.passed()).count();
        let _ = write!(
            out,
            "<details class=\"step\"><summary>{} · {num_passed} of {} right</summary>",
            escape(&first.task_id),
            samples.len()
        );
        if let Some(question) = questions.get(first.task_id.as_str()) {
            let _ = write!(out, "<pre class=\"prompt\">{}</pre>", escape(&shortened(question, OF_ONE.0)));
        }
        out.push_str("<div class=\"traces\">");
        samples.iter().for_each(|sample| out.push_str(&card(sample, most)));
        out.push_str("</div></details>");
    }
    out
}

fn card(sample: &SampleRow, most: usize) -> String {
    let verdict = &sample.verdict;
    let class = match verdict.score {
        None => "unknown",
        Some(_) if verdict.passed() => "right",
        Some(score) if score > 0.0 => "partly",
        Some(_) => "wrong",
    };
    let mut facts = vec![format!("sample {}", sample.sample_index)];
    facts.push(format!("finish: {}", sample.finish_reason));
    if sample.num_completion_tokens > 0 {
        facts.push(format!("{} tokens", sample.num_completion_tokens));
    }
    facts.extend(verdict.detail.clone());
    let mut out = format!(
        "<article class=\"{class}\" data-kind=\"{}\"><h5><em>{}</em> {}</h5><p class=\"facts\">{}</p>",
        escape(&verdict.kind),
        escape(&verdict.kind.replace('_', " ")),
        escape(&shortened(verdict.answer.as_deref().unwrap_or_default(), OF_ONE.1)),
        escape(&facts.join(" · "))
    );
    let most = most / (1 + sample.turns.len());
    for TurnRow { role, content } in &sample.turns {
        let _ = write!(out, "<h6>{}</h6><pre>{}</pre>", escape(role), completion(&shortened(content, most)));
    }
    if !sample.turns.is_empty() {
        out.push_str("<h6>assistant</h6>");
    }
    let _ = write!(out, "<pre>{}</pre>", completion(&shortened(&sample.completion, most)));
    out.push_str(&said("verdict", verdict));
    for (name, other) in [("by the corrected key", &sample.corrected), ("before it was judged again", &sample.earlier)]
    {
        out.extend(other.as_ref().map(|other| said(name, other)));
    }
    out + "</article>"
}

fn said(name: &str, verdict: &SampleVerdict) -> String {
    let kind = verdict.kind.replace('_', " ");
    format!("<h6>{name}</h6><p class=\"verdict\">{}: {}</p>", escape(&kind), escape(&verdict.reason))
}
