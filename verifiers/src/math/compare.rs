//! Are two answers the same? Equal canonical text, else equal exact values. Where the gold is an expression that nothing here
//! evaluates, and the texts differ, it says that it cannot tell.

use num_bigint::BigInt;
use num_rational::BigRational;

use super::{
    Extraction, MathConfig, MathVerdict, MathVerdictKind, Stage, extract, extract_gold,
    value::{Answer, Unreadable},
};

/// Longest answer that a reason quotes, in characters.
const QUOTED: usize = 80;

/// Judges `completion` (whole, thinking included) against `gold`, the final answer as text or LaTeX.
pub fn verify(gold: &str, completion: &str, config: &MathConfig) -> MathVerdict {
    use MathVerdictKind::*;

    let verdict = |kind, stage, reason: String| MathVerdict { kind, stage, reason };
    let gold = &*extract_gold(gold);
    let gold_answer = match Answer::read(gold, config) {
        Ok(answer) => answer,
        Err(Unreadable::Empty) => {
            return verdict(GoldUnparsed, Stage::Gold, "the final answer is empty".into());
        }
        Err(Unreadable::TooLarge) => {
            let reason = format!("the final answer {} exceeds the limits of verifiers.math", quote(gold));
            return verdict(GoldUnparsed, Stage::Gold, reason);
        }
    };
    let (rule, answer) = match extract(completion, &config.extraction) {
        Extraction::Found { rule, answer } => (rule, answer),
        Extraction::Missing(why) => return verdict(NoAnswer, Stage::Extraction, why.into()),
    };
    let verdict = |kind, stage, reason: String| verdict(kind, stage, format!("{reason} ({})", rule.as_str()));
    let completion_answer = match Answer::read(&answer, config) {
        Ok(answer) => answer,
        Err(Unreadable::Empty) => {
            return verdict(NoAnswer, Stage::Extraction, "the box is empty".into());
        }
        Err(Unreadable::TooLarge) => {
            let reason = format!("the answer {} exceeds the limits", quote(&answer));
            return verdict(BudgetExceeded, Stage::Extraction, reason);
        }
    };

    let (gold, answer) = (quote(gold), quote(&answer));
    match (&gold_answer, &completion_answer) {
        (Answer::Number { .. }, Answer::Number { .. }) => {
            if equal_numbers(&gold_answer, &completion_answer) {
                verdict(Equal, Stage::Exact, format!("{answer} equals {gold}"))
            } else {
                verdict(NotEqual, Stage::Exact, format!("{answer} is not {gold}"))
            }
        }
        (gold_answer, completion_answer) if gold_answer == completion_answer => {
            verdict(Equal, Stage::Text, format!("{answer} reads as {gold}"))
        }
        (Answer::Expression(_), _) => {
            let reason = format!("the final answer {gold} is no number, and {answer} is written differently");
            verdict(GoldUnparsed, Stage::Text, reason)
        }
        (_, Answer::Expression(_)) => {
            let reason = format!("the answer {answer} could not be read; expected {gold}");
            verdict(CompletionUnparsed, Stage::Exact, reason)
        }
        _ => verdict(NotEqual, Stage::Text, format!("{answer} is not {gold}")),
    }
}

/// Equal values. A percent sign on one side only is either a unit (50% for 50) or a hundredth (50% for 1/2): both are accepted.
fn equal_numbers(left: &Answer, right: &Answer) -> bool {
    let (Answer::Number { value: a, is_percent: a_percent }, Answer::Number { value: b, is_percent: b_percent }) =
        (left, right)
    else {
        return false;
    };
    let hundred = || BigRational::from(BigInt::from(100));
    a == b
        || match (a_percent, b_percent) {
            (true, false) => *a == b * hundred(),
            (false, true) => a * hundred() == *b,
            _ => false,
        }
}

fn quote(text: &str) -> String {
    match text.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("`{}…`", &text[..end]),
        None => format!("`{text}`"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kind(gold: &str, answer: &str) -> MathVerdictKind {
        let completion = format!(r"<think>hm</think>The answer is \boxed{{{answer}}}.");
        verify(gold, &completion, &MathConfig::default()).kind
    }

    #[test]
    fn equal_values_are_equal() {
        for (gold, answer) in [
            ("0.5", r"\frac{1}{2}"),
            ("1000", "1,000"),
            (r"\frac{7}{3}", r"2\frac{1}{3}"),
            ("50", r"50\%"),
            ("0.5", r"50\%"),
            ("18", r"\$18.00"),
            ("x^2+1", "x^2 + 1"),
            (r"\text{Monday}", "monday"),
            ("3,-3", "3, -3"),
        ] {
            assert_eq!(kind(gold, answer), MathVerdictKind::Equal, "{gold} {answer}");
        }
    }

    #[test]
    fn close_is_not_equal() {
        for (gold, answer) in [
            (r"\frac{1}{3}", "0.333333333333333333"),
            ("100000000000000000000", "100000000000000000001"),
            ("42", "-42"),
            ("42", "Monday"),
            ("Monday", "Tuesday"),
        ] {
            assert_eq!(kind(gold, answer), MathVerdictKind::NotEqual, "{gold} {answer}");
        }
    }

    #[test]
    fn what_cannot_be_told_is_said() {
        assert_eq!(kind("x+1", "1+x"), MathVerdictKind::GoldUnparsed);
        assert_eq!(kind("", "1"), MathVerdictKind::GoldUnparsed);
        assert_eq!(kind("4", r"\sqrt{16}"), MathVerdictKind::CompletionUnparsed);
        assert_eq!(kind("4", ""), MathVerdictKind::NoAnswer);
        assert_eq!(kind("4", "1e100000"), MathVerdictKind::BudgetExceeded);
        assert_eq!(kind("1e100000", "1e100000"), MathVerdictKind::GoldUnparsed);
    }

    #[test]
    fn a_wall_of_text_is_quoted_in_part() {
        let reason = verify("4", &format!(r"\boxed{{{}}}", "é".repeat(900)), &MathConfig::default()).reason;
        assert!(reason.len() < 400, "{reason}");
    }

    fn fraction(top: i64, bottom: i64, form: u8) -> String {
        match form {
            0 => format!("{top}/{bottom}").replace("--", ""),
            1 => format!(r"\frac{{{top}}}{{{bottom}}}"),
            _ => format!(r"$ \dfrac{{{top}}}{{ {bottom} }} $."),
        }
    }

    proptest! {
        #[test]
        fn equality_is_symmetric_and_knows_no_form(
            a in -50i64..50, b in 1i64..50, c in -50i64..50, d in 1i64..50, form in 0u8..3, other in 0u8..3,
        ) {
            let (left, right) = (fraction(a, b, form), fraction(c, d, other));
            let expected = if a * d == c * b { MathVerdictKind::Equal } else { MathVerdictKind::NotEqual };
            prop_assert_eq!(kind(&left, &right), expected);
            prop_assert_eq!(kind(&right, &left), expected);
        }

        #[test]
        fn scaling_a_fraction_changes_nothing(top in -500i64..500, bottom in 1i64..500, factor in 1i64..500, form in 0u8..3) {
            let scaled = fraction(top * factor, bottom * factor, form);
            prop_assert_eq!(kind(&fraction(top, bottom, 1), &scaled), MathVerdictKind::Equal);
        }

        #[test]
        fn every_readable_answer_equals_itself(answer in r"[-+0-9a-z./^%, ]{1,20}") {
            let kind = kind(&answer, &answer);
            prop_assert!(matches!(
                kind,
                MathVerdictKind::Equal | MathVerdictKind::GoldUnparsed
            ), "{:?}", kind);
        }

        #[test]
        fn never_panics(gold in r"(\\|\{|\}|frac|text|[-−$0-9.,/%^_ =e]|\PC){0,30}", answer in r"(\\|\{|\}|frac|boxed|text|[-0-9.,/%^]|\PC){0,30}") {
            kind(&gold, &answer);
        }
    }
}
