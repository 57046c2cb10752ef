//! The rules together: their order, their switches, hostile input.

use proptest::prelude::*;

use super::*;

#[track_caller]
fn finds(completion: &str, rule: ExtractionRule, answer: &str) {
    let found = extract(completion, &ExtractionConfig::default());
    assert_eq!(found, Extraction::Found { rule, answer: answer.into() }, "{completion}");
}

#[track_caller]
fn misses(completion: &str) {
    let found = extract(completion, &ExtractionConfig::default());
    assert!(matches!(found, Extraction::Missing(_)), "{completion}: {found:?}");
}

#[test]
fn the_rules_in_their_order() {
    finds(r"The answer is 3, \boxed{4}.", ExtractionRule::Boxed, "4");
    finds("The answer is 3. I checked it 2 times.", ExtractionRule::Statement, "3");
    finds("42", ExtractionRule::Whole, "42");
    finds("With $x = 5$ there are 12 apples.", ExtractionRule::LastNumber, "12");
    finds("There are 12 apples for $x = 5$.", ExtractionRule::LastFormula, "x = 5");
    finds("All 3 say so.\n\nC", ExtractionRule::ClosingChoice, "C");
    finds("B. Because it is", ExtractionRule::LeadingChoice, "B");
}

#[test]
fn a_later_explicit_answer_takes_the_place_of_a_box() {
    finds(r"So $\boxed{4}$. Final answer: 5", ExtractionRule::Statement, "5");
    finds("So $\\boxed{4}$.\n\n**Final Answer**\n$5$", ExtractionRule::Statement, "5");
    finds(r"$\boxed{4}$ was my guess. The answer is C.", ExtractionRule::Statement, "C");
    finds(r"$\boxed{4}$. The answer is in simplest form.", ExtractionRule::Boxed, "4");
    finds(r"$\boxed{4}$. The answer is $x$-coordinate 4.", ExtractionRule::Boxed, "4");
    finds(r"The answer is 5: $\boxed{4}$., and so on.", ExtractionRule::Boxed, "4");
    finds(r"$\boxed{4}$. The answer is not 4.", ExtractionRule::Boxed, "4");
}

#[test]
fn what_is_denied_is_no_answer() {
    misses("The answer is not 17.");
    misses("23 would be wrong.");
    misses(r"It is not \(5\).");
    misses("The answer cannot be 5");
    finds("It is 17, not 18.", ExtractionRule::LastNumber, "17");
    finds("17 rather than 18", ExtractionRule::LastNumber, "17");
    finds("not 18 but 17", ExtractionRule::LastNumber, "17");
    finds("The answer is not 18. It is 17.", ExtractionRule::LastNumber, "17");
}

#[test]
fn in_prose_a_number_is_read_and_no_expression() {
    misses("Given the equation 96 + 7, here is a way to think of it.");
    misses("47 - 7 is a difference.\n\n**47 - 7**");
    finds("We add, and 96 + 7 = 103.", ExtractionRule::LastNumber, "103");
    finds("So the line is x + y = 5.", ExtractionRule::LastNumber, "x + y = 5");
    finds("They sold 54 loaves, altogether.", ExtractionRule::LastNumber, "54");
}

#[test]
fn what_is_thought_does_not_count() {
    finds(r"<think>\boxed{1}</think>\boxed{2}", ExtractionRule::Boxed, "2");
    finds(r"\boxed{1}<think>\boxed{2}</think> So it is.", ExtractionRule::Boxed, "1");
    misses(r"<think>\boxed{1}</think>I do not know what to do.");
    misses(r"<think>\boxed{1}");
    misses("");
}

#[test]
fn a_broken_box_is_not_replaced_by_a_fragment() {
    misses(r"The answer is 5: \boxed{5 + \frac{1}{2}");
    misses(r"So it is \(x = 5");
}

#[test]
fn every_rule_can_be_switched_off() {
    let completion = r"The answer is 3. \boxed{4}";
    let rule = |config: &ExtractionConfig| match extract(completion, config) {
        Extraction::Found { rule, .. } => Some(rule),
        Extraction::Missing(_) => None,
    };
    let mut config = ExtractionConfig::default();
    assert_eq!(rule(&config), Some(ExtractionRule::Boxed));
    config.boxed = false;
    assert_eq!(rule(&config), Some(ExtractionRule::Statement));
    config.statement = false;
    assert_eq!(rule(&config), Some(ExtractionRule::LastNumber));
    config.last_number = false;
    assert_eq!(rule(&config), None);
    for rule in ExtractionRule::ALL.iter().copied() {
        assert!(ExtractionConfig::default().allows(rule), "{rule:?}");
    }
}

#[test]
fn hostile_input_comes_back() {
    let braces = "{".repeat(100_000);
    misses(&format!(r"\boxed{{{braces}"));
    misses(&r"\boxed{".repeat(100_000));
    misses(&"\\boxed{\n\n".repeat(100_000));
    misses(&"<think>".repeat(100_000));
    let deep = format!(r"\boxed{{{braces}5{}}}", "}".repeat(100_000));
    finds(&deep, ExtractionRule::Boxed, &format!("{braces}5{}", "}".repeat(100_000)));
    finds(&format!("{}\\boxed{{1}}", "x ".repeat(1 << 20)), ExtractionRule::Boxed, "1");
    for soup in
        ["answer is ", "The answer is $", "$ $ ", "5 ", "( ", "\\(5", "</think>", "#### 5\n", "答案是", "\\\\", "-"]
    {
        let _ = extract(&soup.repeat(100_000), &ExtractionConfig::default());
    }
}

proptest! {
    #[test]
    fn never_panics(
        completion in concat!(
            r"(\\boxed|\\fbox|\\text|\\frac|\\begin\{align\}|\\|\{|\}|\(|\)|</?think>|answer is|答案是|####|",
            r"[-−$€0-9.,/%:=!* \n]|[a-zA]|\PC){0,40}",
        ),
    ) {
        let _ = extract(&completion, &ExtractionConfig::default());
        let _ = extract_gold(&completion);
    }

    #[test]
    fn what_is_boxed_is_found(content in "[0-9a-z+][0-9a-z+ ]{0,20}", before in "[a-m ]{0,20}") {
        let completion = format!(r"{before}\boxed{{{content}}} done");
        let found = extract(&completion, &ExtractionConfig::default());
        prop_assert_eq!(found, Extraction::Found { rule: ExtractionRule::Boxed, answer: content.trim().into() });
    }
}
