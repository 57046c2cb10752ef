//! The verdict: extraction, text, then what the answers mean.

mod judgement;
mod meaning;
mod wording;

use self::judgement::Judgement;
use super::sides::Sides;
use super::{Extraction, MathConfig, MathVerdict, MathVerdictKind, Stage, extract, extract_gold, text};

/// Longest answer that a reason quotes, in characters.
const QUOTED: usize = 80;

/// Judges `completion` (whole, thinking included) against `gold`, the final answer as text or LaTeX.
pub fn verify(gold: &str, completion: &str, config: &MathConfig) -> MathVerdict {
    use MathVerdictKind::*;

    let verdict = |kind, stage, reason: String| MathVerdict { kind, stage, reason };
    let gold = &*extract_gold(gold);
    if gold.trim().is_empty() {
        return verdict(GoldUnparsed, Stage::Gold, "the final answer is empty".into());
    }
    if gold.len() > config.max_answer_bytes {
        let reason = format!("the final answer {} is longer than max_answer_bytes", quote(gold));
        return verdict(GoldUnparsed, Stage::Gold, reason);
    }
    let (rule, answer) = match extract(completion, &config.extraction) {
        Extraction::Found { rule, answer } => (rule, answer),
        Extraction::Missing(why) => return verdict(NoAnswer, Stage::Extraction, why.into()),
    };
    let verdict = |kind, stage, reason: String| verdict(kind, stage, format!("{reason} ({})", rule.as_str()));
    if answer.trim().is_empty() {
        return verdict(NoAnswer, Stage::Extraction, "the answer is empty".into());
    }
    if answer.len() > config.max_answer_bytes {
        let reason = format!("the answer {} is longer than max_answer_bytes", quote(&answer));
        return verdict(BudgetExceeded, Stage::Extraction, reason);
    }
    let Judgement { kind, stage, why } = judge(Sides { gold, completion: &answer }, config);
    let (gold, answer) = (quote(gold), quote(&answer));
    let reason = match (kind, why) {
        (Equal, _) => format!("{answer} is {gold}"),
        (NotEqual, None) => format!("{answer} is not {gold}"),
        (GoldUnparsed, why) => format!("the final answer {gold} {}", why.unwrap_or("could not be read")),
        (_, why) => format!("the answer {answer} {}; expected {gold}", why.unwrap_or("could not be read")),
    };
    verdict(kind, stage, reason)
}

/// Judges two final answers: by their text where that decides, else by their meaning.
fn judge(answers: Sides<&str>, config: &MathConfig) -> Judgement {
    let texts = answers.map(text::canonical);
    let texts = texts.as_ref().map(String::as_str);
    if texts.gold == texts.completion && !texts.gold.is_empty() {
        return Judgement::decided(true, Stage::Text);
    }
    if let Sides { gold: Some(gold), completion: Some(completion) } = texts.map(text::letter) {
        return Judgement::decided(gold == completion, Stage::Text);
    }
    let words = texts.map(text::words);
    let words = words.as_ref().map(Option::as_deref);
    if let Some(judgement) = wording::judge(texts, words) {
        return judgement;
    }
    let judgement = meaning::judge(answers, words, config);
    if judgement.is_equal() {
        return judgement;
    }
    meaning::judge_decimal_comma(texts, config).unwrap_or(judgement)
}

fn quote(text: &str) -> String {
    match text.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("`{}…`", &text[..end]),
        None => format!("`{text}`"),
    }
}

#[cfg(test)]
mod tests;
