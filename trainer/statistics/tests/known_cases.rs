//! Cases from public reports of evaluations that went wrong, with the numbers that are right.

use statistics::{
    Ballot, Comparison, EvalRecord, EvalSample, EvalSummary, Figure, Overall, TaskResult, Weighting, holm, pass_at,
};

fn close(left: f64, right: f64) -> bool {
    (left - right).abs() < 5e-5
}

fn sample(passed: bool) -> EvalSample {
    EvalSample { score: f32::from(passed), passed, num_tokens: 100, ..EvalSample::default() }
}

/// Tasks of which each entry is the number of samples that pass.
fn records(num_samples: usize, passed: impl IntoIterator<Item = usize>) -> Vec<EvalRecord> {
    let record = |(id, num_passed): (usize, usize)| {
        EvalRecord::new(format!("task-{id}"), (0..num_samples).map(|index| sample(index < num_passed)).collect())
    };
    passed.into_iter().enumerate().map(record).collect()
}

fn summary(name: &str, records: &[EvalRecord]) -> EvalSummary {
    EvalSummary::of(name, records, 1.0).unwrap()
}

#[test]
fn pass_at_j_draws_without_replacement() {
    let at = |n, c, j| pass_at(n, c, j).unwrap();
    assert_eq!((at(4, 1, 2), at(4, 1, 4)), (0.5, 1.0));
    assert!(close(at(16, 3, 8), 0.9));
    assert_eq!(pass_at(4, 1, 5), None);
    let figures = summary("x", &records(4, [1, 4]));
    assert_eq!(figures.pass_at.keys().copied().collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!((figures.pass_at[&1], figures.pass_at[&2], figures.pass_at[&4]), (0.625, 0.75, 1.0));
    assert_eq!((figures.pass_at_1, figures.pass_at_k), (0.625, 1.0));
}

#[test]
fn the_error_is_clustered_by_task() {
    let figures = summary("x", &records(64, (0..30).map(|id| if id < 12 { 64 } else { 0 })));
    assert!(close(figures.standard_error.unwrap(), 0.0910), "{figures:?}");
}

#[test]
fn macro_and_micro_are_told_apart_and_their_errors_are_weighted_alike() {
    let few = summary("few", &records(1, (0..30).map(|id| usize::from(id < 15))));
    let many = summary("many", &records(1, (0..500).map(|id| usize::from(id < 450))));
    let suites = [&few, &many];
    let (alike, by_task) =
        (Overall::of(&suites, Weighting::Macro).unwrap(), Overall::of(&suites, Weighting::Micro).unwrap());
    assert!(close(alike.value, 0.7) && close(by_task.value, 465.0 / 530.0), "{alike:?} {by_task:?}");
    let [few_error, many_error] = suites.map(|suite| suite.standard_error.unwrap());
    assert!(close(alike.standard_error.unwrap(), few_error.hypot(many_error) / 2.0));
    assert!(close(by_task.standard_error.unwrap(), (30.0 * few_error).hypot(500.0 * many_error) / 530.0));
    // Half of the macro figure is thirty tasks': it is as unsure as a hundred tasks, not as five hundred.
    let length = |overall: &Overall| overall.interval[1] - overall.interval[0];
    assert!(length(&alike) > 0.17 && length(&by_task) < 0.06, "{alike:?} {by_task:?}");
    assert!(Overall::of(&[], Weighting::Macro).is_none());
    // One suite is its own figure.
    let alone = Overall::of(&[&few], Weighting::Micro).unwrap();
    assert!((0..2).all(|end| (alone.interval[end] - few.interval[end]).abs() < 1e-12), "{alone:?}");
}

#[test]
fn majorities_go_by_classes_of_equal_answers() {
    let majority = |classes: &[u32], right: u32| {
        Ballot::count(classes.iter().map(|class| (Some(*class), f64::from(*class == right)))).majority()
    };
    // 0.5, \frac12, 1/2, 2, 2 with key 1/2; 1, 1, 2, 2 with key 2; A, A, A, B with either key.
    assert_eq!((majority(&[0, 0, 0, 1, 1], 0), majority(&[0, 0, 1, 1], 1)), (1.0, 0.5));
    assert_eq!((majority(&[0, 0, 0, 1], 0), majority(&[0, 0, 0, 1], 1)), (1.0, 0.0));
}

#[test]
fn a_summary_votes_only_where_answers_have_classes() {
    let answer = |class, passed| EvalSample { answer_class: Some(class), ..sample(passed) };
    let silent = || EvalSample { no_answer: true, ..sample(false) };
    let first = EvalRecord::new("a", vec![answer(0, true), answer(0, true), answer(1, false)]);
    let second = EvalRecord::new("b", vec![answer(3, true), silent(), silent()]);
    let figures = summary("x", &[first.clone(), second]);
    assert_eq!(figures.majority_at.iter().collect::<Vec<_>>(), [(&3, &1.0)]);
    assert!(figures.intervals["majority@3"][0] < 0.5);
    assert!(close(figures.no_answer, 1.0 / 3.0));
    assert!(summary("x", &[first, EvalRecord::new("b", vec![sample(true)])]).majority_at.is_empty());
}

#[test]
fn broken_verifiers_make_two_ends() {
    let verdict = |id: usize| match id {
        0..80 => sample(true),
        80..90 => sample(false),
        _ => EvalSample::broken(100, false),
    };
    let one_each: Vec<EvalRecord> = (0..100).map(|id| EvalRecord::new(id.to_string(), vec![verdict(id)])).collect();
    let figures = summary("x", &one_each);
    assert_eq!((figures.low, figures.high), (Some(0.8), Some(0.9)));
    assert_eq!((figures.num_asked, figures.num_judged, figures.num_verifier_errors), (100, 90, 10));
    assert!(close(figures.pass_at_1, 80.0 / 90.0) && close(figures.verifier_errors, 0.1));
    // The interval is that of 80 in 100 on one side and of 90 in 100 on the other.
    let whole = |num_passed| summary("x", &records(1, (0..100).map(|id| usize::from(id < num_passed)))).interval;
    assert_eq!(figures.interval, [whole(80)[0], whole(90)[1]]);
    assert_eq!(figures.intervals["pass@1"], figures.interval);
    let overall = Overall::of(&[&figures], Weighting::Macro).unwrap();
    assert!(close(overall.low, 0.8) && close(overall.high, 0.9) && overall.interval[0] < 0.75);

    // Within a task likewise: of four samples one broke.
    let mut samples = vec![sample(true), sample(true), sample(false)];
    samples.push(EvalSample::broken(100, false));
    let figures = summary("x", &[EvalRecord::new("a", samples), records(4, [4]).remove(0)]);
    assert_eq!(figures.ends(), [0.75, 0.875]);
    assert!(figures.pass_at.contains_key(&4) && figures.intervals["pass@2"][0] < figures.intervals["pass@2"][1]);
}

#[test]
fn a_broken_vote_counts_by_its_answers_other_verdict_or_both_ways() {
    let answer = |class, passed| EvalSample { answer_class: Some(class), ..sample(passed) };
    let broken = |class| EvalSample { answer_class: class, ..EvalSample::broken(100, false) };
    let of = |samples| summary("x", &[EvalRecord::new("a", samples)]).intervals["majority@3"];
    let sure = of(vec![answer(0, true), answer(0, true), broken(Some(0))]);
    let open = of(vec![answer(0, true), broken(None), broken(Some(7))]);
    let right = of(vec![answer(0, true), answer(0, true), answer(0, true)]);
    assert_eq!(sure, right);
    assert!(open[0] < right[0] && open[1] == right[1], "{open:?}");
}

#[test]
fn samples_that_are_missing_are_said_and_divide_nothing() {
    let mut records = records(8, [7, 0]);
    records.iter_mut().for_each(|record| record.num_asked = 16);
    let figures = summary("x", &records);
    assert_eq!((figures.pass_at_1, figures.num_samples), (0.4375, 16));
    assert_eq!((figures.num_asked, figures.num_judged), (32, 16));
    assert_eq!(figures.pass_at.keys().max(), Some(&8));
}

#[test]
fn equal_completions_cut_answers_and_lengths_stand_beside() {
    let hashed = |hash, passed, num_tokens| EvalSample { completion_hash: Some(hash), num_tokens, ..sample(passed) };
    let cut = EvalSample { truncated: true, no_answer: true, ..hashed(9, false, 400) };
    let late = EvalSample { timed_out: true, ..hashed(8, false, 200) };
    let records =
        [EvalRecord::new("a", vec![hashed(1, true, 100), hashed(1, true, 100)]), EvalRecord::new("b", vec![cut, late])];
    let figures = summary("x", &records);
    assert_eq!((figures.equal_completions, figures.truncated), (Some(0.25), 0.25));
    assert_eq!((figures.no_answer, figures.timed_out), (0.25, 0.25));
    assert_eq!(figures.right_completion_tokens_mean, Some(100.0));
    assert_eq!((figures.wrong_completion_tokens_mean, figures.completion_tokens_mean), (Some(300.0), 200.0));
    assert_eq!(summary("x", &[records[0].clone()]).wrong_completion_tokens_mean, None);
    assert_eq!(summary("x", &[EvalRecord::new("a", vec![sample(true)])]).equal_completions, None);
}

#[test]
fn a_corrected_figure_stands_beside_the_official_one() {
    let figures = summary("x", &records(1, [1, 0, 0, 1])).with_corrected(&records(1, [1, 1, 0, 1])).unwrap();
    assert_eq!((figures.pass_at_1, figures.corrected), (0.5, Some(0.75)));
    assert!(figures.intervals["corrected"][1] > figures.interval[1]);
}

#[test]
fn flips_tell_what_two_shares_do_not() {
    // 12 and then 18 of 30 pass: six flips one way and none the other. Unpaired it would be 0.114.
    let results = |num_passed| -> Vec<TaskResult> {
        (0..30).map(|id| TaskResult::new(id.to_string(), usize::from(id < num_passed), 1)).collect()
    };
    let comparison = Comparison::between(&results(12), &results(18), None).unwrap();
    assert_eq!((comparison.gained, comparison.lost, comparison.p_exact), (6, 0, Some(0.03125)));
    assert!(close(comparison.difference, 0.2) && close(comparison.p_value, 0.015625));
}

#[test]
fn several_comparisons_are_corrected() {
    let corrected: Vec<f64> = holm(&[0.01, 0.02, 0.03, 0.04].map(Some)).into_iter().flatten().collect();
    assert!(corrected.iter().zip([0.04, 0.06, 0.06, 0.06]).all(|(found, right)| close(*found, right)), "{corrected:?}");
}

#[test]
fn a_summary_of_an_older_file_is_read_and_the_names_are_kept() {
    let old = r#"{"dataset": "maths", "num_tasks": 1, "num_samples": 2, "pass@1": 0.5, "standard_error": null,
        "interval": [0.1, 0.9], "pass@k": 1.0, "avg@k": 0.5, "completion_tokens_mean": 9.0, "truncated": 0.0,
        "num_verifier_errors": 0, "seconds": 1.5}"#;
    let old: EvalSummary = serde_json::from_str(old).unwrap();
    assert_eq!((old.pass_at_1, old.ends(), old.tasks.len()), (0.5, [0.5, 0.5], 0));
    let new = summary("maths", &records(12, [3, 5]));
    let json = serde_json::to_value(&new).unwrap();
    for name in ["pass@1", "pass@k", "avg@k", "interval", "low", "high", "corrected", "verifier_errors"] {
        assert!(json.get(name).is_some(), "{name}");
    }
    assert_eq!(json["pass_at"]["10"].as_f64(), Some(new.pass_at[&10]));
    assert_eq!(json["intervals"]["pass@12"][1].as_f64(), Some(new.intervals["pass@12"][1]));
    assert_eq!(serde_json::from_value::<EvalSummary>(json).unwrap(), new);
}

#[test]
fn the_interval_of_a_task_that_is_alone_is_wide_and_never_empty() {
    let figure = Figure::of(&[1.0], 64).unwrap();
    assert!(figure.interval[0] < 0.3 && figure.interval[1] > 0.99, "{figure:?}");
    assert!(Figure::of(&[], 0).is_none());
}

#[test]
fn a_figure_that_no_method_holds_says_so() {
    let caveat = |num_tasks: usize, num_failed: usize| {
        summary("x", &records(2, (0..num_tasks).map(|id| if id < num_failed { 0 } else { 2 }))).caveat().is_some()
    };
    assert!(caveat(30, 1) && caveat(30, 29) && !caveat(30, 3) && !caveat(150, 1));
}
