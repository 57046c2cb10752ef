//! The verdict: extraction, text, then what the answers mean.

use super::comparison::{self, Outcome, Side};
use super::expression::Expression;
use super::unreadable::Unreadable;
use super::{Extraction, MathConfig, MathVerdict, MathVerdictKind, Stage, extract, extract_gold, notation, text};

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
    let (kind, stage, why) = judge(gold, &answer, config);
    let (gold, answer) = (quote(gold), quote(&answer));
    let reason = match (kind, why) {
        (Equal, _) => format!("{answer} is {gold}"),
        (NotEqual, None) => format!("{answer} is not {gold}"),
        (GoldUnparsed, why) => format!("the final answer {gold} {}", why.unwrap_or("could not be read")),
        (_, why) => format!("the answer {answer} {}; expected {gold}", why.unwrap_or("could not be read")),
    };
    verdict(kind, stage, reason)
}

type Judgement = (MathVerdictKind, Stage, Option<&'static str>);

fn judge(gold: &str, answer: &str, config: &MathConfig) -> Judgement {
    use MathVerdictKind::{Equal, NotEqual};

    let texts = (text::canonical(gold), text::canonical(answer));
    let same_text = texts.0 == texts.1 && !texts.0.is_empty();
    if same_text {
        return (Equal, Stage::Text, None);
    }
    if let (Some(a), Some(b)) = (text::letter(&texts.0), text::letter(&texts.1)) {
        return (if a == b { Equal } else { NotEqual }, Stage::Text, None);
    }
    let words = (text::words(&texts.0), text::words(&texts.1));
    if words.0.is_some() && words.0 == words.1 {
        return (Equal, Stage::Text, None);
    }
    let decided = |is_equal| (if is_equal { Equal } else { NotEqual }, Stage::Text, None);
    let says = |is_it: &dyn Fn(&str, Option<&str>) -> bool| {
        (is_it(&texts.0, words.0.as_deref()), is_it(&texts.1, words.1.as_deref()))
    };
    let nothing = says(&text::is_nothing);
    let undefined = says(&|_, words| text::is_undefined(words));
    if nothing == (true, true) || undefined == (true, true) {
        return decided(true);
    }
    // A time of day; where neither says which half of the day, it may be a ratio.
    match (text::time(&texts.0), text::time(&texts.1)) {
        (Some(a), Some(b)) if a.1 && b.1 => return decided(a.0 == b.0),
        (Some(a), Some(b)) if a.1 || b.1 => return decided(a.0 % 720 == b.0 % 720),
        (Some((_, true)), None) | (None, Some((_, true))) => return decided(false),
        _ => {}
    }
    let judgement = meaning(gold, answer, &words, config);
    // The comma of one may be the point of the other: 2,74 for 2.74. A gold with a comma is a list but for 0,111.
    let readings = [
        (texts.1.contains('.') && texts.0.starts_with("0,"))
            .then(|| (text::with_decimal_point(&texts.0), texts.1.clone())),
        texts.0.contains('.').then(|| (Some(texts.0.clone()), text::with_decimal_point(&texts.1).unwrap_or_default())),
    ];
    if judgement.0 != Equal {
        for (gold, answer) in readings.into_iter().flatten() {
            let Some(gold) = gold.filter(|_| !answer.is_empty()) else { continue };
            let other = meaning(&gold, &answer, &(None, None), config);
            if other.0 == Equal {
                return other;
            }
        }
    }
    judgement
}

fn meaning(gold: &str, answer: &str, words: &(Option<String>, Option<String>), config: &MathConfig) -> Judgement {
    use MathVerdictKind::{BudgetExceeded, CompletionUnparsed, Equal, GoldUnparsed, NotEqual};

    let unreadable = |side, why| match (side, why) {
        (Side::Gold, Unreadable::Notation(why) | Unreadable::Budget(why)) => (GoldUnparsed, Stage::Gold, Some(why)),
        (Side::Completion, Unreadable::Notation(why)) => (CompletionUnparsed, Stage::Parsing, Some(why)),
        (Side::Completion, Unreadable::Budget(why)) => (BudgetExceeded, Stage::Parsing, Some(why)),
    };
    let parse = |answer| notation::parse(text::without_range(answer), config.max_digits);
    let expressions = (parse(gold), parse(answer));
    let is_prose = |words: &Option<String>, expression: &Result<Expression, Unreadable>| {
        words.is_some() && expression.as_ref().map_or(true, |expression| expression.num_words > 0)
    };
    let prose = (is_prose(&words.0, &expressions.0), is_prose(&words.1, &expressions.1));
    if prose.0 || (prose.1 && expressions.0.is_ok()) {
        return (NotEqual, Stage::Text, None);
    }
    let (gold_expression, expression) = match expressions {
        (Err(why), _) => return unreadable(Side::Gold, why),
        (_, Err(why)) => return unreadable(Side::Completion, why),
        (Ok(gold), Ok(answer)) => (gold, answer),
    };
    if text::is_qualified(gold) != text::is_qualified(answer)
        || (gold_expression.words != expression.words && gold_expression.num_words > 0 && expression.num_words > 0)
    {
        return (NotEqual, Stage::Text, None);
    }
    match comparison::compare(&gold_expression, &expression, &config.policy) {
        Err((side, why)) => unreadable(side, why),
        Ok(Outcome::Equal(stage)) => (Equal, stage, None),
        Ok(Outcome::NotEqual(stage)) => (NotEqual, stage, None),
        Ok(Outcome::GoldNotComputed) => {
            (GoldUnparsed, Stage::Numeric, Some("could not be computed, and is written otherwise"))
        }
        Ok(Outcome::CompletionNotComputed) => (CompletionUnparsed, Stage::Numeric, Some("could not be computed")),
        Ok(Outcome::TooLarge) => {
            (BudgetExceeded, Stage::Numeric, Some("has no value, or one that is too large to be computed"))
        }
    }
}

fn quote(text: &str) -> String {
    match text.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("`{}…`", &text[..end]),
        None => format!("`{text}`"),
    }
}

#[cfg(test)]
mod tests;
