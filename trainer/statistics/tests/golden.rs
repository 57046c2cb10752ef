//! The figures against values of reference implementations, which stand in `tests/golden/statistics`.

use serde_json::Value;
use statistics::{
    Ballot, Bootstrap, ByLevel, Calibration, ClusteredErrors, Comparison, DegreesRule, Figure, Flips, McNemar,
    StudentMean, TaskResult, Test, TwoLevel, VarianceParts, agresti_coull, all_pass_at, benjamini_hochberg,
    best_temperature, equal_levels, holm, num_tasks_needed, num_tasks_needed_exact, obrien_fleming_levels, over_seeds,
    pass_at, pearson, preference_accuracy, preference_calibration, preference_loss, sigmoid, sign_flips,
    smallest_detectable, smallest_detectable_exact, spearman, wilson,
};

fn golden(name: &str) -> Value {
    let path = format!("{}/../../tests/golden/statistics/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap()
}

fn cases(file: &Value) -> impl Iterator<Item = (&String, &Value)> {
    file["cases"].as_object().unwrap().iter()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn count(value: &Value) -> usize {
    value.as_u64().unwrap() as usize
}

fn numbers(value: &Value) -> Vec<f64> {
    list(value).iter().map(number).collect()
}

fn counts(value: &Value) -> Vec<usize> {
    list(value).iter().map(count).collect()
}

fn tables(value: &Value) -> Vec<Vec<f64>> {
    list(value).iter().map(numbers).collect()
}

/// Compares within a relative tolerance, and absolutely by 1e-14 where the value is 0. `None` is null.
#[track_caller]
fn same(what: &str, found: impl Into<Option<f64>>, expected: &Value, tolerance: f64) {
    match (found.into(), expected.as_f64()) {
        (None, None) => assert!(expected.is_null(), "{what}: {expected}"),
        (Some(found), Some(expected)) => {
            let near = (found - expected).abs() <= 1e-14 + tolerance * expected.abs();
            assert!(near, "{what}: {found} and not {expected}");
        }
        (found, _) => panic!("{what}: {found:?} and not {expected}"),
    }
}

#[track_caller]
fn same_ends(what: &str, found: [f64; 2], expected: &Value, tolerance: f64) {
    for (end, found) in found.into_iter().enumerate() {
        same(what, found, &expected[end], tolerance);
    }
}

#[test]
fn pass_at_is_the_references() {
    for (name, case) in cases(&golden("pass_at")) {
        let (sizes, passed) = (counts(&case["num_samples"]), counts(&case["num_passed"]));
        let largest = *sizes.iter().max().unwrap();
        for j in 1..=largest {
            let mut values = Vec::new();
            for (task, (n, c)) in sizes.iter().zip(&passed).enumerate() {
                let value = pass_at(*n, *c, j);
                same(name, value, &case["pass_at"][task][j - 1], 1e-12);
                if j <= *n {
                    same(name, all_pass_at(*n, *c, j), &case["all_pass"][task][j - 1], 1e-12);
                }
                values.extend(value);
            }
            assert_eq!(values.len(), count(&case["num_tasks"][j - 1]), "{name}");
            let figure = Figure::of(&values, values.len()).unwrap();
            same(name, figure.value, &case["mean"][j - 1], 1e-12);
        }
        assert!(pass_at(largest, 0, largest + 1).is_none() && pass_at(largest, 0, 0).is_none());
    }
}

#[test]
fn majorities_are_the_references() {
    for (name, case) in cases(&golden("majority")) {
        let mut majorities = Vec::new();
        for (task, answers) in list(&case["answers"]).iter().enumerate() {
            let scores = numbers(&case["answer_scores"][task]);
            let class = |answer: &Value| answer.as_u64().map(|class| class as u32);
            let score = |class: Option<u32>| class.map_or(0.0, |class| scores[class as usize]);
            let ballot = Ballot::count(list(answers).iter().map(class).map(|class| (class, score(class))));
            let samples = list(answers).len();
            for j in 1..=samples {
                same(name, ballot.majority_at(j), &case["majority_at"][task][j - 1], 1e-12);
            }
            assert!(ballot.majority_at(samples + 1).is_none() && ballot.majority_at(0).is_none());
            same(name, ballot.majority(), &case["majority"][task], 1e-12);
            majorities.push(ballot.majority());
        }
        same(name, Figure::of(&majorities, majorities.len()).unwrap().value, &case["mean"], 1e-12);
    }
}

#[test]
fn errors_and_intervals_are_the_references() {
    for (name, case) in cases(&golden("errors")) {
        let tasks = tables(&case["scores"]);
        let means: Vec<f64> = tasks.iter().map(|task| StudentMean::of(task).mean).collect();
        let figure = Figure::of(&means, tasks.iter().map(Vec::len).sum()).unwrap();
        same(name, figure.value, &case["mean"], 1e-10);
        same(name, figure.standard_error, &case["standard_error"], 1e-10);
        same(name, figure.effective_count, &case["effective_count"], 1e-10);
        same_ends(name, figure.interval, &case["interval"], 1e-10);

        let count = figure.effective_count;
        let normal = number(&golden("errors")["normal_quantile"]);
        let intervals = &case["intervals"];
        same_ends(name, wilson(figure.value, count, normal), &intervals["wilson_normal"], 1e-10);
        if let Some(student) = case["t_quantile"].as_f64() {
            same_ends(name, wilson(figure.value, count, student), &intervals["wilson_t"], 1e-10);
            same_ends(name, agresti_coull(figure.value, count, student), &intervals["agresti_coull_t"], 1e-10);
            let plain = StudentMean::of(&means).interval().unwrap_or([figure.value; 2]);
            same_ends(name, plain, &intervals["t"], 1e-10);
            let clustered = ClusteredErrors::of(&tasks).unwrap();
            same(name, clustered.mean, &case["mean_over_samples"], 1e-10);
            same(name, clustered.miller, &case["clustered_miller"], 1e-10);
            same(name, clustered.sandwich, &case["clustered_sandwich"], 1e-10);
        }
        let parts = VarianceParts::of(&tasks);
        assert_eq!(parts.is_some(), case.get("variance").is_some(), "{name}");
        if let Some(parts) = parts {
            let expected = &case["variance"];
            same(name, parts.of_task_means, &expected["of_task_means"], 1e-10);
            same(name, parts.within, &expected["within"], 1e-10);
            same(name, parts.between, &expected["between"], 1e-10);
            same(name, parts.between_unclamped, &expected["between_unclamped"], 1e-10);
            same(name, parts.mean_square_between, &expected["mean_square_between"], 1e-10);
            same(name, parts.mean_square_within, &expected["mean_square_within"], 1e-10);
            same(name, parts.size, &expected["size"], 1e-10);
            same(name, parts.correlation, &expected["correlation"], 1e-10);
            same(name, parts.design_effect, &expected["design_effect"], 1e-10);
        }
    }
}

fn results(arm: &[Vec<f64>]) -> Vec<TaskResult> {
    let result = |(id, samples): (usize, &Vec<f64>)| {
        TaskResult::new(format!("task-{id}"), samples.iter().sum::<f64>() as usize, samples.len())
    };
    arm.iter().enumerate().map(result).collect()
}

#[test]
fn comparisons_are_the_references() {
    for (name, case) in cases(&golden("paired")) {
        let (first, second) = (results(&tables(&case["first"])), results(&tables(&case["second"])));
        let found = Comparison::between(&first, &second, None).unwrap();
        let chosen = match found.test {
            Test::McnemarMidP => "tango",
            Test::T => "t",
            Test::TPseudoTasks => "pseudo_tasks",
        };
        assert_eq!(chosen, case["chosen"], "{name}");
        same(name, found.difference, &case["t"]["mean"], 1e-12);
        let held = |end: usize| number(&case["interval"][end]).clamp(-1.0, 1.0).into();
        same_ends(name, found.interval, &Value::Array(vec![held(0), held(1)]), 1e-9);
        assert_eq!(found.gained + found.lost, count(&case["num_differing"]), "{name}");
        if found.test == Test::McnemarMidP {
            same(name, found.p_exact, &case["mcnemar"]["p_value"], 1e-12);
            same(name, found.p_value, &case["mcnemar"]["mid_p_value"], 1e-12);
        }
        if found.test == Test::T {
            same(name, found.p_value, &case["t"]["p_value"], 1e-9);
        }
        if let Some(flips) = case.get("sign_flips") {
            same(name, found.p_exact, &flips["p_value"], 1e-12);
        }
        let detectable = case.get("planning").map_or(&Value::Null, |planning| &planning["detectable"]);
        same(name, found.smallest_detectable, detectable, 1e-9);
    }
}

#[test]
fn what_stands_behind_comparisons_is_the_references() {
    for (name, case) in cases(&golden("paired")) {
        let (first, second) = (tables(&case["first"]), tables(&case["second"]));
        let differences = numbers(&case["differences"]);
        let student = StudentMean::of(&differences);
        let expected = &case["t"];
        same(name, student.standard_error, &expected["standard_error"], 1e-9);
        same(name, student.t_from(0.0), &expected["t"], 1e-9);
        same(name, student.p_value(), &expected["p_value"], 1e-9);
        assert_eq!(student.interval().is_some(), !expected["interval"].is_null(), "{name}");
        if let Some(interval) = student.interval() {
            same_ends(name, interval, &expected["interval"], 1e-9);
        }
        let means = |arm: &[Vec<f64>]| arm.iter().map(|task| StudentMean::of(task).mean).collect::<Vec<_>>();
        let correlation = case.get("correlation").unwrap_or(&Value::Null);
        same(name, pearson(&means(&first), &means(&second)), correlation, 1e-9);
        if let Some(planning) = case.get("planning") {
            let deviation = number(&planning["standard_deviation"]);
            same(name, smallest_detectable(deviation, differences.len()), &planning["detectable"], 1e-9);
            let exact = smallest_detectable_exact(deviation, differences.len());
            same(name, exact, &planning["detectable_exact"], 1e-6);
            for needed in list(&planning["needed"]) {
                let difference = number(&needed["difference"]);
                assert_eq!(num_tasks_needed(deviation, difference), Some(count(&needed["num_tasks"])), "{name}");
                let exact = num_tasks_needed_exact(deviation, difference);
                assert_eq!(exact, Some(count(&needed["num_tasks_exact"])), "{name}, {difference}");
            }
        }
        if let Some(variance) = case.get("variance") {
            let subtracted = |(one, other): (&Vec<f64>, &Vec<f64>)| {
                other.iter().zip(one).map(|(second, first)| second - first).collect::<Vec<f64>>()
            };
            let parts = VarianceParts::of(&first.iter().zip(&second).map(subtracted).collect::<Vec<_>>()).unwrap();
            same(name, parts.of_task_means, &variance["of_differences"], 1e-9);
            same(name, parts.within, &variance["within"], 1e-9);
            same(name, parts.between, &variance["between"], 1e-9);
            for expected in list(&variance["standard_error_at"]) {
                let found = parts.standard_error_at(count(&expected["num_samples"]));
                same(name, found, &expected["standard_error"], 1e-9);
            }
        }
        if let Some(expected) = case.get("bootstrap") {
            let indices: Vec<Vec<usize>> = list(&expected["indices"]).iter().map(counts).collect();
            let found = Bootstrap::of(&differences, &indices).unwrap();
            same_ends(name, found.interval, &expected["interval"], 1e-9);
            same(name, found.standard_error, &expected["standard_error"], 1e-9);
        }
    }
}

#[test]
fn flips_looks_and_corrections_are_the_references() {
    let paired = golden("paired");
    let normal = number(&paired["normal_quantiles"][0]);
    for table in list(&paired["tables"]) {
        let (gained, lost) = (count(&table["better"]), count(&table["worse"]));
        let flips = Flips { gained, lost, num_tasks: count(&table["num_tasks"]) };
        same_ends("tango", flips.interval(normal), &table["tango"], 1e-9);
        let found = McNemar::of(gained, lost);
        same("exact", found.p_exact, &table["mcnemar"]["p_value"], 1e-12);
        same("mid-p", found.p_mid, &table["mcnemar"]["mid_p_value"], 1e-12);
        let signs = [vec![1; gained], vec![-1; lost]].concat();
        same("sign flips", sign_flips(&signs), &table["mcnemar"]["p_value"], 1e-12);
    }
    let looks = &paired["looks"];
    let (alpha, num_looks) = (number(&looks["alpha"]), count(&looks["num_looks"]));
    for (look, level) in equal_levels(alpha, num_looks).into_iter().enumerate() {
        same("equal", level, &looks["equal"][look], 1e-12);
    }
    for (look, level) in obrien_fleming_levels(alpha, num_looks).into_iter().enumerate() {
        same("O'Brien and Fleming", level, &looks["obrien_fleming"][look], 1e-9);
    }
}

fn parts(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().unwrap().iter()
}

fn maybe(value: &Value) -> Vec<Option<f64>> {
    list(value).iter().map(Value::as_f64).collect()
}

#[track_caller]
fn same_student(name: &str, found: StudentMean, expected: &Value) {
    same(name, found.mean, &expected["mean"], 1e-9);
    assert_eq!((found.num, found.num - 1), (count(&expected["num"]), count(&expected["df"])), "{name}");
    same(name, found.standard_error, &expected["standard_error"], 1e-9);
    same(name, found.t_from(0.0), &expected["t"], 1e-9);
    same(name, found.p_value(), &expected["p_value"], 1e-9);
    for end in 0..2 {
        same(name, found.interval().map(|ends| ends[end]), expected["interval"].get(end).unwrap_or(&Value::Null), 1e-9);
    }
}

#[test]
fn arms_over_seeds_are_the_references() {
    let golden = golden("sweep");
    for (name, case) in parts(&golden["seeds"]) {
        same_student(name, over_seeds(&maybe(&case["first"]), &maybe(&case["second"])).unwrap(), case);
    }
    for (name, case) in parts(&golden["adjusted"]) {
        let p_values = maybe(&case["p_values"]);
        assert_eq!(p_values.iter().flatten().count(), count(&case["num_tests"]), "{name}");
        let corrected = holm(&p_values).into_iter().zip(benjamini_hochberg(&p_values));
        for (place, (holm, discovery)) in corrected.enumerate() {
            same(name, holm, &case["holm"][place], 1e-12);
            same(name, discovery, &case["benjamini_hochberg"][place], 1e-12);
        }
    }
}

#[track_caller]
fn same_levels(name: &str, found: ByLevel, expected: &Value) {
    same(name, found.seeds, &expected["seeds"], 1e-9);
    same(name, found.tasks, &expected["tasks"], 1e-9);
    if let Some(rest) = expected.get("rest") {
        same(name, found.rest, rest, 1e-9);
    }
}

#[test]
fn arms_over_seeds_and_tasks_are_the_references() {
    let golden = golden("sweep");
    for (name, case) in parts(&golden["two_level"]) {
        let rows = tables(&case["differences"]);
        let layout = TwoLevel::of(&rows).unwrap();
        same(name, layout.mean, &case["mean"], 1e-9);
        same(name, layout.standard_error, &case["standard_error"], 1e-9);
        same(name, layout.t(), &case["t"], 1e-9);
        same_levels(name, layout.mean_squares, &case["mean_squares"]);
        same_levels(name, layout.components(), &case["components"]);
        for (rule, word) in
            [(DegreesRule::Satterthwaite, "satterthwaite"), (DegreesRule::SeedsLessOne, "seeds_less_one")]
        {
            same(name, layout.degrees_of_freedom(rule), &case[word]["df"], 1e-9);
            same(name, layout.p_value(rule), &case[word]["p_value"], 1e-9);
            same_ends(name, layout.interval(rule).unwrap(), &case[word]["interval"], 1e-9);
            assert_eq!(layout.rule() == rule, case["chosen"] == word, "{name}");
        }
        same_ends(name, layout.interval(layout.rule()).unwrap(), &case["interval"], 1e-9);
        let of_seeds: Vec<f64> = rows.iter().map(|row| StudentMean::of(row).mean).collect();
        same_student(name, StudentMean::of(&of_seeds), &case["over_seeds"]);
        let of_tasks = |task: usize| StudentMean::of(&rows.iter().map(|row| row[task]).collect::<Vec<_>>()).mean;
        let of_tasks: Vec<f64> = (0..rows[0].len()).map(of_tasks).collect();
        same_student(name, StudentMean::of(&of_tasks), &case["over_tasks"]);
    }
}

#[track_caller]
fn same_calibration(found: &Calibration, expected: &Value) {
    same("error", found.error, &expected["error"], 1e-9);
    for (bin, expected) in found.bins.iter().zip(list(&expected["bins"])) {
        assert_eq!(bin.is_none(), expected.is_null());
        if let Some(bin) = bin {
            assert_eq!(bin.num, count(&expected["num"]));
            same("probability", bin.probability, &expected["probability"], 1e-9);
            same("outcome", bin.outcome, &expected["outcome"], 1e-9);
        }
    }
}

#[test]
fn calibration_and_correlation_are_the_references() {
    let golden = golden("calibration");
    let pairs = numbers(&golden["chosen"]).into_iter().zip(numbers(&golden["rejected"]));
    let differences: Vec<f64> = pairs.map(|(chosen, rejected)| chosen - rejected).collect();
    same("accuracy", preference_accuracy(&differences), &golden["accuracy"], 1e-9);
    same_calibration(&preference_calibration(&differences).unwrap(), &golden["confidence"]);
    let swapped = list(&golden["swapped"]).iter().map(|flag| flag.as_bool().unwrap());
    let of_first = differences.iter().zip(swapped).map(|(difference, is_swapped)| {
        if is_swapped { (sigmoid(-difference), 0.0) } else { (sigmoid(*difference), 1.0) }
    });
    let calibration = Calibration::of(&of_first.collect::<Vec<_>>(), 0.0).unwrap();
    same_calibration(&calibration, &golden["probability_of_first"]);

    let expected = list(&golden["temperature_cases"]).iter();
    let listed = expected.map(|case| (numbers(&case["differences"]), case));
    for (differences, case) in listed.chain([(differences, &golden["temperature"])]) {
        same("loss at 1", preference_loss(&differences, 1.0), &case["loss_at_1"], 1e-9);
        let temperature = best_temperature(&differences);
        same("temperature", temperature, &case["temperature"], 1e-9);
        let loss = temperature.map(|temperature| preference_loss(&differences, temperature));
        same("loss", loss, &case["loss"], 1e-9);
    }
    for (name, case) in golden["correlations"].as_object().unwrap() {
        let (scores, lengths) = (numbers(&case["scores"]), numbers(&case["lengths"]));
        same(name, pearson(&scores, &lengths), &case["pearson"], 1e-9);
        same(name, spearman(&scores, &lengths), &case["spearman"], 1e-9);
    }
}
