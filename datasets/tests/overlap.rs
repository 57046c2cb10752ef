//! Overlap of texts: leaks are found in any dress, and wording is no leak.

use datasets::overlap::{OverlapIndex, OverlapKind, Overlaps, duplicates};
use proptest::prelude::*;

/// Texts with ids from a prefix and their number.
fn named(prefix: &str, texts: &[impl ToString]) -> Vec<(String, String)> {
    texts.iter().enumerate().map(|(number, text)| (format!("{prefix}{number}"), text.to_string())).collect()
}

fn search(training: &[impl ToString], suite: &[impl ToString]) -> Overlaps {
    OverlapIndex::new(named("s", suite)).search(named("t", training))
}

/// The ids of the pairs, and whether they are exact.
fn pairs(overlaps: &Overlaps) -> Vec<(&str, &str, bool)> {
    let pair = |found: &'_ datasets::overlap::Overlap| found.kind == OverlapKind::Exact;
    overlaps.found.iter().map(|found| (&*found.training_id, &*found.suite_id, pair(found))).collect()
}

/// Questions that have no thirteen words in common.
fn questions(names: &[&str]) -> Vec<String> {
    let words = ["apples", "roads", "lamps", "coins", "sheets", "books", "trees", "stones", "cups", "ropes", "hats"];
    let question = |(number, name): (usize, &&str)| {
        let of = |step: usize| words[(number * 5 + step * 3) % words.len()];
        let (a, b) = (number * 7 + 3, number * 11 + 2);
        format!("{name} has {a} {} and {b} {}. How many {} does {name} see on day {a}?", of(1), of(2), of(4))
    };
    names.iter().enumerate().map(question).collect()
}

const NAMES: [&str; 8] = ["Ann", "Bea", "Cy", "Dan", "Eve", "Flo", "Gus", "Hal"];
const INSTRUCTION: &str =
    "Please reason step by step, and put your final answer within \\boxed{}. Write no units at all.";

#[test]
fn a_test_problem_in_other_blanks_and_case_is_found() {
    let suite = ["Let $x + 1 = 3$.  What is x?", "Is $x - 1 = 3$ for some x?"];
    for dressed in [
        "let  $X+1 = 3$ . what is x",
        "LET \u{ff58} \u{ff0b} 1 = \u{ff13}.\nWhat is x?",
        "Let \\(x+1=3\\). **What is x?**",
    ] {
        let overlaps = search(&[dressed], &suite);
        assert_eq!(pairs(&overlaps), [("t0", "s0", true)], "{dressed}");
        let found = &overlaps.found[0];
        assert_eq!((&*found.training_text, &*found.suite_text), (dressed, suite[0]));
        assert_eq!(found.shared, "Let $x + 1 = 3$.  What is x");
    }
    // Another formula is another problem.
    for other in ["Let $x - 1 = 3$. What is x?", "Let $x + 1 = 31$. What is x?", "Let $x + 1 < 3$. What is x?"] {
        assert!(search(&[other], &suite).found.is_empty(), "{other}");
    }
}

#[test]
fn blanks_around_a_minus_say_nothing_and_a_hyphen_is_none() {
    let suite = ["A well-known value is $x-y$.", "Other"];
    assert_eq!(pairs(&search(&["A well known value is $x - y$."], &suite)), [("t0", "s0", true)]);
    assert!(search(&["A well known value is $x y$."], &suite).found.is_empty());
}

#[test]
fn a_problem_within_other_text_is_found_with_the_stretch() {
    let suite = questions(&NAMES);
    let training = [format!("Solve this:\n{}\nThink first.", suite[2].to_uppercase()), "Something else.".to_owned()];
    let overlaps = search(&training, &suite);
    assert_eq!(pairs(&overlaps), [("t0", "s2", false)]);
    assert_eq!(overlaps.found[0].shared, suite[2].trim_end_matches('?'));
    assert_eq!(overlaps.found[0].num_shared_words, 16);
    assert_eq!(overlaps.num_training_texts, 2);
}

#[test]
fn twelve_shared_words_are_no_overlap_and_thirteen_are() {
    let words: Vec<String> = (0..40).map(|word| format!("w{word}")).collect();
    let suite = [words[..20].join(" "), words[20..].join(" ")];
    let with = |num_words: usize| [format!("before {} after", words[3..3 + num_words].join(" "))];
    assert!(search(&with(12), &suite).found.is_empty());
    let overlaps = search(&with(13), &suite);
    assert_eq!(overlaps.found[0].shared, words[3..16].join(" "));
}

#[test]
fn short_texts_are_compared_whole() {
    let ten = "What is the sum of all primes below ninety nine";
    let five = "What is two plus two";
    let suite = [ten, five, "Name a colour", "Name a fruit"];
    let training = [
        format!("Answer: {ten}? Briefly."),
        "What is the sum of all primes below ninety eight, and why?".to_owned(),
        format!("{five}, and what is three plus three?"),
        "what is TWO plus two?!".to_owned(),
    ];
    assert_eq!(pairs(&search(&training, &suite)), [("t0", "s0", false), ("t3", "s1", true)]);
}

#[test]
fn wording_of_an_instruction_is_no_overlap_and_is_said() {
    let own = questions(&NAMES);
    let (suite, training) = own.split_at(4);
    let dress = |texts: &[String]| texts.iter().map(|text| format!("{text}\n\n{INSTRUCTION}")).collect::<Vec<_>>();
    let overlaps = search(&dress(training), &dress(suite));
    assert!(overlaps.found.is_empty(), "{:?}", overlaps.found);
    assert_eq!(overlaps.wording.iter().map(|wording| wording.num_training_texts).sum::<u64>(), 4);
    assert!(overlaps.wording[0].text.contains("reason step by step"), "{:?}", overlaps.wording);
    // A leak in the same dress is one, and its stretch goes into the question.
    let mut leaked = training.to_vec();
    leaked[1] = suite[3].clone();
    let overlaps = search(&dress(&leaked), &dress(suite));
    assert_eq!(pairs(&overlaps), [("t1", "s3", true)]);
    let overlaps = search(&[format!("Think: {}", dress(&leaked)[1])], &dress(suite));
    assert_eq!(pairs(&overlaps), [("t0", "s3", false)]);
    assert!(overlaps.found[0].shared.starts_with(&suite[3][..20]));
}

#[test]
fn wording_of_the_training_set_alone_is_no_overlap() {
    // One task of the suite ends in words that a tenth of the training set has.
    let ending = "where m and n are relatively prime positive integers. Find the sum of m and n.";
    let own = "A fair die is thrown nine times in a row by Zoe and then by Yan, who never sees what she has seen, \
               and the chance of equal sums is m/n,";
    let suite = [format!("{own} {ending}"), "Another problem of the suite without any such words in it".to_owned()];
    let training: Vec<String> = (0..200)
        .map(|number| {
            let question = format!("Number {number} of {} is drawn from box {}", number * 3, number * 7);
            if number % 10 == 0 { format!("{question} {ending}") } else { question }
        })
        .collect();
    let overlaps = search(&training, &suite);
    assert!(overlaps.found.is_empty(), "{:?}", overlaps.found);
    assert_eq!(overlaps.wording.iter().map(|wording| wording.num_training_texts).sum::<u64>(), 20);
    // Where a few have it, it is an overlap.
    assert_eq!(search(&training[..30], &suite).found.len(), 3);
}

#[test]
fn a_leak_in_many_forms_is_no_wording() {
    let suite = questions(&NAMES);
    let repeated = vec![suite[0].clone(); 100];
    assert_eq!(search(&repeated, &suite).found.len(), 100);
    let forms: Vec<String> = (0..60).map(|form| format!("Form {form}: {} Go.", suite[0])).collect();
    let overlaps = search(&forms, &suite);
    assert_eq!(overlaps.found.len(), 60);
    assert!(overlaps.found.iter().all(|found| found.suite_id == "s0" && found.num_shared_words == 16));
    // A suite that has each task 32 times knows no wording by that.
    let mut copies = Vec::new();
    (0..32).for_each(|_| copies.extend(suite.clone()));
    assert_eq!(search(&[format!("Well: {}", suite[5])], &copies).found.len(), 32);
}

#[test]
fn scripts_without_blanks_are_compared_by_their_characters() {
    let suite = ["求所有满足条件的正整数的个数并写出你的答案", "甲乙两人从相距一百公里的两地同时出发"];
    let training = ["题目：求所有满足条件的正整数的个数并写出答案。", "甲乙两人在一个地方"];
    assert_eq!(pairs(&search(&training, &suite)), [("t0", "s0", false)]);
}

#[test]
fn texts_without_words_overlap_with_nothing() {
    let overlaps = search(&["", " ...", "a"], &["", "?"]);
    assert!(overlaps.found.is_empty());
    assert_eq!((overlaps.num_training_texts, overlaps.num_empty), (3, 2));
}

#[test]
fn duplicates_are_grouped_by_their_words() {
    let texts = ["One  two.", "three", "one TWO", "", "Three!", "four", "ONE two?", "-", ""];
    let groups = duplicates(named("t", &texts));
    let groups: Vec<_> = groups.iter().map(|group| (&*group.text, group.ids.join(" "))).collect();
    assert_eq!(groups, [("One  two.", "t0 t2 t6".to_owned()), ("three", "t1 t4".to_owned())]);
}

proptest! {
    /// The index finds a run where comparing all runs of two texts does.
    #[test]
    fn runs_are_those_that_comparing_all_finds(
        training in prop::collection::vec(0..3_u8, 0..40),
        suite in prop::collection::vec(0..3_u8, 13..30),
    ) {
        let text = |words: &[u8]| words.iter().map(|word| format!("w{word}")).collect::<Vec<_>>().join(" ");
        let expected = suite.windows(13).any(|run| training.windows(13).any(|other| other == run));
        // A second text keeps half of the suite from being wording.
        let overlaps = search(&[text(&training)], &[text(&suite), "another".to_owned()]);
        prop_assert_eq!(!overlaps.found.is_empty(), expected);
        for found in overlaps.found {
            let (shared, training) = (format!(" {} ", found.shared), format!(" {} ", found.training_text));
            prop_assert!(training.contains(&shared));
        }
    }
}
