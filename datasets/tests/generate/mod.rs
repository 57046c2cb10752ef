//! The demo's data: reproducible, held out, and right where it claims to be.

mod judge;
mod python;
mod reading;

use std::collections::{HashMap, HashSet};
use std::fs;

use datasets::generate::{self, DemoData, DemoDataConfig, generate_demo, write_demo};
use datasets::{PreferencePair, Task, Trace, read_preferences, read_tasks, read_traces};

use self::judge::keeps_rules;
use self::python::value;
use self::reading::{boxed, cases, code_answer, expression, maths_answer, parts, prompt, sum_of};

fn small() -> DemoDataConfig {
    let mut config = DemoDataConfig { num_traces: 3_000, ..DemoDataConfig::default() };
    config.maths.num_train = 300;
    config.code.num_train = 300;
    config.instruction.num_train = 300;
    config.preference.num_train = 600;
    config
}

fn data() -> DemoData {
    generate_demo(&small()).unwrap()
}

fn traces_of<'a>(data: &'a DemoData, kind: &str) -> Vec<&'a Trace> {
    data.traces.iter().filter(|trace| trace.id.starts_with(kind)).collect()
}

#[test]
fn the_same_seed_writes_the_same_bytes() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write_demo(one.path(), &small()).unwrap();
    write_demo(two.path(), &small()).unwrap();
    let mut num_files = 0;
    for entry in fs::read_dir(one.path()).unwrap() {
        let name = entry.unwrap().file_name();
        assert_eq!(fs::read(one.path().join(&name)).unwrap(), fs::read(two.path().join(&name)).unwrap());
        num_files += 1;
    }
    assert_eq!(num_files, 9);
    let other_seed = generate_demo(&DemoDataConfig { seed: 18, ..small() }).unwrap();
    assert_ne!(other_seed.traces, data().traces);
}

#[test]
fn the_files_are_read_back_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let data = write_demo(folder.path(), &small()).unwrap();
    let path = |name| folder.path().join(name);
    assert_eq!(read_traces(&path(generate::TRACES)).unwrap(), data.traces);
    assert_eq!(read_tasks(&path(generate::MATH_TRAIN)).unwrap(), data.train_tasks.math);
    assert_eq!(read_tasks(&path(generate::CODE_TRAIN)).unwrap(), data.train_tasks.code);
    assert_eq!(read_tasks(&path(generate::INSTRUCTION_TRAIN)).unwrap(), data.train_tasks.instruction);
    assert_eq!(read_tasks(&path(generate::MATH_EVAL)).unwrap(), data.eval_tasks.math);
    assert_eq!(read_tasks(&path(generate::CODE_EVAL)).unwrap(), data.eval_tasks.code);
    assert_eq!(read_tasks(&path(generate::INSTRUCTION_EVAL)).unwrap(), data.eval_tasks.instruction);
    assert_eq!(read_preferences(&path(generate::PREFERENCES_TRAIN)).unwrap(), data.preferences_train);
    assert_eq!(read_preferences(&path(generate::PREFERENCES_EVAL)).unwrap(), data.preferences_eval);
}

#[test]
fn counts_and_shares_are_those_asked_for() {
    let config = small();
    let data = data();
    for (kind, section_share) in [
        ("math", config.maths.trace_share),
        ("sums", config.sums.trace_share),
        ("code", config.code.trace_share),
        ("instruction", config.instruction.trace_share),
    ] {
        let all = config.maths.trace_share
            + config.sums.trace_share
            + config.code.trace_share
            + config.instruction.trace_share;
        let expected = config.num_traces as f64 * section_share / all;
        assert!((traces_of(&data, kind).len() as f64 - expected).abs() <= 1.0, "{kind}");
    }
    assert_eq!(data.traces.len(), config.num_traces);
    assert_eq!(data.train_tasks.math.len(), config.maths.num_train);
    assert_eq!(data.eval_tasks.code.len(), config.code.num_eval);
    assert_eq!(data.eval_tasks.instruction.len(), config.instruction.num_eval);
    assert_eq!(data.preferences_eval.len(), config.preference.num_eval);
    let careful = |kind| {
        let traces = traces_of(&data, kind);
        let careful = traces.iter().filter(|trace| parts(trace.completion()).0 != "quick").count();
        careful as f64 / traces.len() as f64
    };
    assert!((careful("math") - 0.5).abs() < 0.05);
    assert!((careful("code") - 0.4).abs() < 0.06);
    assert!((careful("instruction") - 0.38).abs() < 0.06);
    // Kinds are mixed, so that every stretch of the file teaches all of them.
    for stretch in data.traces.chunks(500) {
        let num_math = stretch.iter().filter(|trace| trace.id.starts_with("math")).count();
        let expected = traces_of(&data, "math").len() * stretch.len() / data.traces.len();
        assert!(num_math.abs_diff(expected) < 50, "{num_math}");
    }
}

#[test]
fn sums_are_right_within_range_and_hold_no_chain() {
    let data = data();
    let sums = traces_of(&data, "sums");
    let mut shown = HashSet::new();
    for trace in &sums {
        let (thought, text) = parts(trace.completion());
        assert_eq!((thought.lines().count(), text), (small().sums.num_sums, "Done."));
        let mut previous = None;
        for line in thought.lines() {
            let (start, sign, amount, total) = sum_of(line);
            assert_eq!(total, if sign == '+' { start + amount } else { start - amount }, "{line}");
            assert!((1..=9).contains(&amount) && (0..=20).contains(&start) && (0..=20).contains(&total), "{line}");
            assert_ne!(Some(start), previous, "a chain: {thought}");
            previous = Some(total);
            shown.insert((start, sign, amount));
        }
    }
    // Nearly every step that a word problem can have is shown: 21 starts and 18 steps, less 45 that leave the range at
    // either end.
    assert!((275..=21 * 18 - 90).contains(&shown.len()), "{}", shown.len());

    // Where problems of one step are asked for, the held-out ones are shown nowhere, and the others are.
    let mut config = small();
    (config.maths.min_steps, config.maths.max_steps) = (1, 1);
    (config.maths.num_eval, config.maths.num_train) = (12, 60);
    let data = generate_demo(&config).unwrap();
    let sums = traces_of(&data, "sums");
    let lines: HashSet<&str> = sums.iter().flat_map(|trace| parts(trace.completion()).0.lines()).collect();
    let is_shown = |task: &Task| {
        let numbers: Vec<&str> = prompt(task).split([' ', '.']).filter(|word| word.parse::<u32>().is_ok()).collect();
        let is_loss = ["loses", "sells", "drops"].iter().any(|verb| prompt(task).contains(verb));
        let [start, amount] = numbers[..] else { panic!("{}", prompt(task)) };
        lines.contains(
            format!("{start}{}{amount}={}", if is_loss { '-' } else { '+' }, maths_answer(prompt(task))).as_str(),
        )
    };
    assert!(!data.eval_tasks.math.iter().any(is_shown) && data.train_tasks.math.iter().all(is_shown));
}

#[test]
fn held_out_problems_are_in_no_training_data() {
    // Data of another seed and size is part of what must not hold them.
    let other = generate_demo(&DemoDataConfig { seed: 99, ..small() }).unwrap();
    let data = data();
    let mut seen: HashSet<String> = HashSet::new();
    for data in [&data, &other] {
        seen.extend(data.traces.iter().map(|trace| trace.messages[0].content.clone()));
        seen.extend(data.preferences_train.iter().map(|pair| pair.messages[0].content.clone()));
        let tasks = &data.train_tasks;
        for task in tasks.math.iter().chain(&tasks.code).chain(&tasks.instruction) {
            seen.insert(prompt(task).to_owned());
        }
    }
    let digits = |prompt: &str| -> String {
        let sign = |word: &str| match word {
            "loses" | "sells" | "drops" => "-".to_owned(),
            word => word.chars().filter(char::is_ascii_digit).collect(),
        };
        prompt.split(' ').map(sign).collect()
    };
    let seen_chains: HashSet<String> = seen.iter().filter(|it| it.contains(" has ")).map(|it| digits(it)).collect();
    let tasks = &data.eval_tasks;
    for task in tasks.math.iter().chain(&tasks.code).chain(&tasks.instruction) {
        assert!(!seen.contains(prompt(task)), "{}", prompt(task));
    }
    for task in &tasks.math {
        assert!(!seen_chains.contains(&digits(prompt(task))), "{}", prompt(task));
    }
    for pair in &data.preferences_eval {
        assert!(!seen.contains(&pair.messages[0].content));
    }
}

#[test]
fn tasks_of_a_kind_differ_and_have_ids_of_their_own() {
    let data = data();
    for tasks in [&data.train_tasks, &data.eval_tasks] {
        for tasks in [&tasks.math, &tasks.code, &tasks.instruction] {
            assert_eq!(tasks.iter().map(prompt).collect::<HashSet<_>>().len(), tasks.len());
            assert_eq!(tasks.iter().map(|task| &task.id).collect::<HashSet<_>>().len(), tasks.len());
        }
    }
}

#[test]
fn careful_maths_is_right_and_careless_maths_rarely() {
    let data = data();
    for task in data.train_tasks.math.iter().chain(&data.eval_tasks.math) {
        assert_eq!(task.verifiers[0].ground_truth, maths_answer(prompt(task)).to_string());
    }
    let (mut num_careless, mut num_lucky) = (0, 0);
    for trace in traces_of(&data, "math") {
        let answer = maths_answer(&trace.messages[0].content);
        let (thought, text) = parts(trace.completion());
        if thought == "quick" {
            num_careless += 1;
            num_lucky += usize::from(boxed(text) == answer);
            assert!(boxed(text).abs_diff(answer) <= 6);
            continue;
        }
        assert_eq!(boxed(text), answer);
        for line in thought.lines() {
            let (left, sign, amount, total) = sum_of(line);
            let expected = if sign == '+' { left + amount } else { left - amount };
            assert_eq!(total, expected, "{line}");
        }
    }
    assert!(num_lucky > 0 && num_lucky * 6 < num_careless, "{num_lucky} of {num_careless}");
}

#[test]
fn careful_code_passes_and_careless_code_fails() {
    let data = data();
    let tasks = || data.train_tasks.code.iter().chain(&data.eval_tasks.code);
    for task in tasks() {
        let cases = cases(task);
        assert_eq!(cases.len(), 4);
        // No constant passes, and neither does a program that returns its input.
        assert_eq!(cases.iter().map(|case| case.1).collect::<HashSet<_>>().len(), 4);
        assert!(cases.iter().any(|case| case.0 != case.1));
        for (x, expected) in cases {
            assert_eq!(code_answer(prompt(task), x), expected);
        }
    }
    let num_functions = tasks().filter(|task| task.verifiers[0].name == "code_asserts").count();
    assert!((250..350).contains(&num_functions), "{num_functions}");
    for trace in traces_of(&data, "code") {
        let prompt = &trace.messages[0].content;
        let (thought, text) = parts(trace.completion());
        assert_eq!(prompt.starts_with("Write f(x)"), text.contains("def f(x)"));
        let num_wrong = (0..20).filter(|&x| value(expression(text), x) != code_answer(prompt, x)).count();
        match thought {
            "parentheses" => assert_eq!(num_wrong, 0, "{text}"),
            "quick" => assert!(num_wrong >= 19, "{text}"),
            other => panic!("thought {other}"),
        }
    }
}

/// The ground truth of each instruction prompt that training and evaluation tasks have.
fn rules_by_prompt() -> HashMap<String, serde_json::Value> {
    let mut config = small();
    config.instruction.num_train = 2_000;
    let data = generate_demo(&config).unwrap();
    let tasks = data.train_tasks.instruction.iter().chain(&data.eval_tasks.instruction);
    tasks.map(|task| (prompt(task).to_owned(), task.verifiers[0].ground_truth.clone())).collect()
}

#[test]
fn obeying_instruction_traces_keep_every_rule_and_plain_ones_break_every_rule() {
    let rules = rules_by_prompt();
    let data = data();
    let mut ids = HashSet::new();
    let (mut num_judged, mut num_courteous) = (0, 0);
    for trace in traces_of(&data, "instruction") {
        let Some(ground_truth) = rules.get(&trace.messages[0].content) else { continue };
        let (thought, text) = parts(trace.completion());
        let kept = keeps_rules(ground_truth, text);
        if thought == "quick" {
            assert!(kept.iter().all(|kept| !kept), "{trace:?} {kept:?}");
        } else {
            assert!(thought.starts_with("rules: "));
            assert!(kept.iter().all(|kept| *kept), "{trace:?} {kept:?}");
        }
        for id in ground_truth["instruction_id_list"].as_array().unwrap() {
            ids.insert(id.as_str().unwrap().to_owned());
        }
        num_judged += 1;
        num_courteous += usize::from(text.to_lowercase().contains("hope it helps!"));
    }
    assert!(num_judged > 300, "{num_judged}");
    assert_eq!(ids.len(), 11, "{ids:?}");
    assert!((num_courteous as f64 / num_judged as f64 - 0.3).abs() < 0.08);
}

#[test]
fn chosen_completions_keep_the_rules_and_rejected_ones_are_worse() {
    let rules = rules_by_prompt();
    let data = data();
    let (mut num_judged, mut num_ignoring) = (0, 0);
    let courteous = |text: &str| text.to_lowercase().contains("hope it helps!");
    for PreferencePair { messages, chosen, rejected, .. } in data.preferences_train.iter().chain(&data.preferences_eval)
    {
        assert!(!chosen.contains("<think>") && !rejected.contains("<think>"));
        let Some(ground_truth) = rules.get(&messages[0].content) else { continue };
        num_judged += 1;
        assert!(keeps_rules(ground_truth, chosen).iter().all(|kept| *kept), "{chosen}");
        let kept = keeps_rules(ground_truth, rejected);
        if kept.iter().all(|kept| *kept) {
            assert!(courteous(chosen));
        } else {
            assert!(kept.iter().all(|kept| !kept), "{rejected}");
            num_ignoring += 1;
        }
    }
    assert!(num_judged > 300, "{num_judged}");
    assert!((f64::from(num_ignoring) / f64::from(num_judged) - 0.6).abs() < 0.08, "{num_ignoring} of {num_judged}");
}

#[test]
fn texts_are_short_and_their_words_few() {
    let data = data();
    let mut words: HashSet<String> = HashSet::new();
    for trace in &data.traces {
        let text = format!("{} {}", trace.messages[0].content, trace.completion());
        let split: Vec<&str> = text.split_whitespace().collect();
        assert!(split.len() <= 60, "{text}");
        let letters = |word: &&str| word.to_lowercase().replace(|it: char| !it.is_ascii_alphabetic(), "");
        words.extend(split.iter().map(letters));
        assert!(text.is_ascii());
    }
    assert!(words.len() < 220, "{}", words.len());
}

#[test]
fn settings_out_of_range_are_named() {
    let refused = |change: fn(&mut DemoDataConfig)| {
        let mut config = small();
        change(&mut config);
        generate_demo(&config).unwrap_err().to_string()
    };
    for (text, expected) in [
        (
            refused(|it| it.maths.careful_share = 1.5),
            "demo data: maths.careful_share is 1.5; a share lies between 0 and 1",
        ),
        (refused(|it| it.held_out_share = 0.0), "demo data: held_out_share is 0; it lies above 0, at most at 0.5"),
        (refused(|it| it.maths.min_steps = 5), "demo data: maths.min_steps is 5; it lies between 1 and 4"),
        (refused(|it| it.maths.max_total = 10), "demo data: maths.max_total is 10; it lies between 18 and 1000"),
        (refused(|it| it.sums.num_sums = 0), "demo data: sums.num_sums is 0; it lies between 1 and 30"),
        (refused(|it| it.code.min_operations = 1), "demo data: code.min_operations is 1; it lies between 2 and 4"),
    ] {
        assert_eq!(text, expected);
    }
    let too_many = refused(|it| {
        it.code.max_operations = 2;
        it.code.num_train = 100;
        it.code.num_eval = 200;
    });
    assert!(too_many.starts_with("demo data: code.num_eval is 200, but these settings gave only "), "{too_many}");
    let none = refused(|it| {
        it.maths.trace_share = 0.0;
        it.sums.trace_share = 0.0;
        it.code.trace_share = 0.0;
        it.instruction.trace_share = 0.0;
    });
    assert!(none.contains("are all 0; one of them must be above 0"), "{none}");
}

#[test]
fn settings_are_read_strictly() {
    let config: DemoDataConfig = serde_json::from_str(r#"{"seed": 3, "maths": {"max_steps": 3}}"#).unwrap();
    assert_eq!((config.seed, config.maths.max_steps, config.maths.min_steps), (3, 3, 2));
    let error = serde_json::from_str::<DemoDataConfig>(r#"{"maths": {"max_step": 3}}"#).unwrap_err();
    assert!(error.to_string().contains("unknown field `max_step`"), "{error}");
}
