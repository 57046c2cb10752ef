//! Results of small sweeps worked by hand.

use std::collections::BTreeMap;

use record::machines::Machine;

use super::*;
use crate::claims::{Better, Tasks};
use crate::design::DesignChange;
use crate::measured::{Budget, CellState, ComputedBy, MeasuredFigure};

fn figures(others: &[&str]) -> SweepFigures {
    let share = |name: &str| FigureName { name: name.to_owned(), unit: Unit::Share };
    SweepFigures { primary: share("maths"), others: others.iter().map(|name| share(name)).collect() }
}

fn cell(arm: &str, seed: u64, value: f64) -> MeasuredCell {
    let figure = MeasuredFigure { value, by_task: None, curve: vec![(10, value)] };
    MeasuredCell {
        arm: arm.to_owned(),
        seed,
        state: CellState::Done,
        failure: None,
        folder: format!("cells/{arm}-{seed}"),
        seconds: 60.0,
        figures: BTreeMap::from([("maths".to_owned(), figure)]),
        budget: Budget { steps: 10, tokens: 1000, seconds: 50.0 },
        computed_by: BTreeMap::new(),
    }
}

fn failed(arm: &str, seed: u64) -> MeasuredCell {
    MeasuredCell {
        state: CellState::Failed,
        failure: Some("the loss is NaN at step 3".to_owned()),
        figures: BTreeMap::new(),
        ..cell(arm, seed, 0.0)
    }
}

fn cells(arms: &[(&str, &[f64])]) -> Vec<MeasuredCell> {
    let of = |(arm, values): &(&str, &[f64])| {
        (1_u64..).zip(values.iter()).map(|(seed, value)| cell(arm, seed, *value)).collect::<Vec<_>>()
    };
    arms.iter().flat_map(of).collect()
}

fn result(claims: &Claims, cells: &[MeasuredCell]) -> SweepResult {
    SweepResult::of(claims, "sweep", "base", &figures(&[]), cells).unwrap()
}

fn plain(cells: &[MeasuredCell]) -> SweepResult {
    result(&Claims::default(), cells)
}

#[track_caller]
fn near(found: Option<f64>, expected: f64) {
    assert!(found.is_some_and(|found| (found - expected).abs() < 5e-4), "{found:?} and not {expected}");
}

/// A cell whose value is the mean of its tasks' values.
fn with_tasks(arm: &str, seed: u64, values: &[f64]) -> MeasuredCell {
    let mut cell = cell(arm, seed, values.iter().sum::<f64>() / values.len() as f64);
    let by_task = values.iter().enumerate().map(|(task, value)| (format!("t{task}"), *value)).collect();
    cell.figures.get_mut("maths").unwrap().by_task = Some(by_task);
    cell
}

#[test]
fn three_seeds_are_as_worked_by_hand() {
    let found = plain(&cells(&[("base", &[0.0; 3]), ("clip", &[0.02, 0.01, 0.03])]));
    let difference = &found.differences[0];
    near(difference.difference, 0.02);
    near(difference.interval.map(|ends| ends[0]), -0.0048);
    near(difference.interval.map(|ends| ends[1]), 0.0448);
    near(difference.smallest_detectable, 0.0326);
    assert_eq!((difference.num_pairs, difference.more_seeds, difference.claim), (3, Some(2), Some(Claim::TheseTasks)));
    // A family of one is corrected for nothing.
    assert_eq!(difference.p_corrected, difference.p_value);
    near(found.deviations_shown, 3.264);
}

#[test]
fn the_family_is_corrected_after_holm_and_failed_arms_count() {
    let p_values = [0.01, 0.02, 0.03, 0.04].map(Some);
    let by_hand = [0.04, 0.06, 0.06, 0.06].map(Some);
    for (found, expected) in corrected(p_values.into_iter()).into_iter().zip(by_hand) {
        near(found, expected.unwrap());
    }
    let mut cells = cells(&[("base", &[0.1, 0.2, 0.3]), ("a", &[0.2, 0.31, 0.39])]);
    let alone = plain(&cells).differences[0].clone();
    cells.extend((1..=3).map(|seed| failed("b", seed)));
    let found = plain(&cells);
    assert_eq!(found.differences[0].p_value, alone.p_value);
    assert_eq!(found.differences[0].p_corrected, alone.p_value.map(|p_value| 2.0 * p_value));
    assert_eq!((found.differences[1].p_value, found.differences[1].p_corrected), (None, None));
    assert!(found.notes.iter().any(|note| note.contains("corrected for 2 arms")));
    assert!(found.notes.iter().any(|note| note == "Arm b, seed 2, failed: the loss is NaN at step 3"), "{found:?}");
}

#[test]
fn a_lost_seed_leaves_both_arms_by_name() {
    let mut cells = cells(&[("base", &[0.1, 0.2, 0.3]), ("clip", &[0.2, 0.9, 0.4])]);
    cells[4] = failed("clip", 2);
    let found = plain(&cells);
    let difference = &found.differences[0];
    near(difference.difference, 0.1);
    assert_eq!((difference.num_pairs, &difference.lost_pairs[..]), (2, &[2][..]));
    assert_eq!(difference.seeds.iter().map(|seed| seed.seed).collect::<Vec<_>>(), [1, 3]);
    let said = "Seed 2 counts neither for clip nor for base in maths";
    assert!(found.notes.iter().any(|note| note.starts_with(said)), "{:?}", found.notes);
    // A value that is not finite is lost as well, and an arm with one whole pair has no interval.
    cells[5].figures.get_mut("maths").unwrap().value = f64::NAN;
    let found = plain(&cells);
    assert_eq!((found.differences[0].num_pairs, found.differences[0].interval), (1, None));
    assert!(found.notes.iter().any(|note| note.contains("Arm clip has fewer than two whole pairs in maths (1 of 3)")));
}

#[test]
fn cells_that_are_not_done_are_open_and_not_lost() {
    let mut cells = cells(&[("base", &[0.1, 0.2, 0.3]), ("clip", &[0.2, 0.3, 0.5])]);
    cells[2].state = CellState::Started;
    let found = plain(&cells);
    assert_eq!((&found.differences[0].open_pairs[..], found.differences[0].lost_pairs.len()), (&[3][..], 0));
    assert!(found.notes[0].starts_with("1 of 6 cells are not done"), "{:?}", found.notes);
}

#[test]
fn arms_that_differ_in_nothing_differ_by_exactly_0() {
    let found = plain(&cells(&[("base", &[0.41, 0.44, 0.39]), ("same", &[0.41, 0.44, 0.39])]));
    let difference = &found.differences[0];
    assert_eq!((difference.difference, difference.p_value, difference.interval), (Some(0.0), Some(1.0), None));
}

#[test]
fn one_seed_has_tasks_as_its_unit_and_says_so() {
    let (base, arm) = ([0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0], [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0]);
    let found = plain(&[with_tasks("base", 1, &base), with_tasks("clip", 1, &arm)]);
    let difference = &found.differences[0];
    assert_eq!((difference.difference, difference.claim), (Some(0.5), Some(Claim::TheseTrainings)));
    // Four tasks gained and none lost: McNemar's mid-p is 2 x (1/2)^4 / 2.
    near(difference.p_value, 0.0625);
    assert_eq!(difference.claims[0].rule, Rule::McnemarMidP);
    assert!(found.notes[0].contains("Training's own spread is not in"), "{:?}", found.notes);
    let halves = with_tasks("clip", 1, &[0.5; 8]);
    let found = plain(&[with_tasks("base", 1, &base), halves]);
    assert_eq!(found.differences[0].claims[0].rule, Rule::TOverPseudoTasks);
    // Without values by task nothing can be claimed.
    let found = plain(&cells(&[("base", &[0.1]), ("clip", &[0.2])]));
    assert_eq!((found.differences[0].claim, found.differences[0].p_value), (None, None));
    assert!(found.notes.iter().any(|note| note.contains("nothing can be claimed")));
}

#[test]
fn two_seeds_are_said_to_show_no_5_points() {
    let found = plain(&cells(&[("base", &[0.1, 0.2]), ("clip", &[0.2, 0.35])]));
    assert!(found.notes.iter().any(|note| note.contains("Two seeds cannot show 5 points")), "{:?}", found.notes);
    near(found.deviations_shown, 11.5499);
    assert!(found.notes.iter().any(|note| note.contains("With 2 seeds") && note.contains("11.6 standard")));
}

#[test]
fn both_claims_are_made_where_tasks_are_known() {
    let rows = [[0.2, 0.6, 0.4, 0.9], [0.1, 0.7, 0.5, 0.8], [0.3, 0.5, 0.3, 1.0]];
    let better = [[0.4, 0.7, 0.3, 1.0], [0.4, 0.7, 0.7, 0.9], [0.5, 0.8, 0.3, 1.0]];
    let mut cells: Vec<MeasuredCell> = (1..).zip(&rows).map(|(seed, row)| with_tasks("base", seed, row)).collect();
    cells.extend((1..).zip(&better).map(|(seed, row)| with_tasks("clip", seed, row)));
    let these = plain(&cells).differences[0].clone();
    let [seeds, both] = &these.claims[..] else { panic!("two claims: {these:?}") };
    assert_eq!((seeds.claim, both.claim), (Claim::TheseTasks, Claim::TasksLikeThese));
    assert_eq!((both.rule, both.num_tasks), (Rule::TwoLevelSeedsLessOne, Some(4)));
    assert!(both.p_value > seeds.p_value && these.p_value == seeds.p_value);
    let like_these = result(&Claims { tasks: Tasks::LikeThese, ..Claims::default() }, &cells).differences[0].clone();
    assert_eq!((like_these.p_value, like_these.interval), (both.p_value, both.interval));
    assert_eq!(like_these.p_corrected, both.p_corrected);
    // A task that one cell lacks is left out everywhere, and counted.
    cells[5].figures.get_mut("maths").unwrap().by_task.as_mut().unwrap().remove("t1");
    let fewer = plain(&cells).differences[0].clone();
    assert_eq!((fewer.num_tasks_left_out, fewer.claims[1].num_tasks), (1, Some(3)));
    // The difference is then of the tasks that its interval is of: without t1, a mean of these nine.
    let fewer = result(&Claims { tasks: Tasks::LikeThese, ..Claims::default() }, &cells);
    let difference = &fewer.differences[0];
    near(difference.difference, (0.2 - 0.1 + 0.1 + 0.3 + 0.2 + 0.1 + 0.2) / 9.0);
    let [low, high] = difference.interval.unwrap();
    near(Some((low + high) / 2.0), difference.difference.unwrap());
    let words = "1 task not judged in every cell are left out; the difference, its interval and its p-value are";
    assert!(fewer.notes.iter().any(|note| note.contains(words)), "{:?}", fewer.notes);
}

#[test]
fn the_floor_is_paired_by_place_and_is_no_test_of_the_family() {
    let mut all = cells(&[("base", &[0.1, 0.2, 0.3]), ("clip", &[0.2, 0.31, 0.42])]);
    let floor = [0.11, 0.19, 0.33];
    all.extend((1_u64..).zip(floor).map(|(seed, value)| cell("aa", crate::claims::floor_seed(seed), value)));
    let found = result(&Claims { aa: true, ..Claims::default() }, &all);
    let [clip, floor] = &found.differences[..] else { panic!("two differences") };
    near(floor.difference, 0.01);
    assert_eq!((floor.num_pairs, floor.p_corrected, clip.p_corrected), (3, None, clip.p_value));
    assert!(found.notes.iter().any(|note| note.contains("The floor") && note.contains("+1.0 points")));
    assert!(found.winner.is_none());
}

#[test]
fn budgets_that_differ_are_warned_of() {
    let mut cells = cells(&[("base", &[0.1, 0.2]), ("long", &[0.2, 0.3]), ("wordy", &[0.2, 0.3])]);
    for cell in &mut cells {
        match cell.arm.as_str() {
            "long" => cell.budget.steps = 12,
            "wordy" => cell.budget.tokens = 1200,
            _ => {}
        }
    }
    let notes = plain(&cells).notes;
    assert!(notes.iter().any(|note| note.contains("long against base: steps 12 against 10.")), "{notes:?}");
    assert!(notes.iter().any(|note| note.contains("wordy against base: tokens 1200 against 1000.")), "{notes:?}");
}

#[test]
fn pairs_that_were_not_computed_alike_are_warned_of() {
    let mut cells = cells(&[("base", &[0.1, 0.2, 0.3]), ("clip", &[0.2, 0.3, 0.4])]);
    for cell in &mut cells {
        let machine = Machine {
            device: "cpu".into(),
            processor: if cell.arm == "clip" && cell.seed != 2 { "Xeon" } else { "EPYC" }.into(),
            dtype: "float32".into(),
            threads: 2,
            ranks: 1,
            libtorch: "2.11.0".into(),
        };
        let by = ComputedBy { programs: vec!["trainer 1".into()], machines: vec![machine] };
        cell.computed_by.insert("stage-1".into(), by);
    }
    let found = plain(&cells);
    let unlike = &found.differences[0].unlike_pairs;
    let words = "processor of stage-1: Xeon against EPYC";
    assert!(unlike.len() == 2 && unlike.iter().all(|pair| pair.differences == [words]), "{unlike:?}");
    let said = format!("Arm clip and base were not computed alike under seeds 1 and 3: {words}.");
    for text in [found.text().replace("\n  ", " "), found.markdown()] {
        assert!(text.contains(&said), "{text}");
    }
    // A cell that went on elsewhere, and with another program.
    let part = cells[0].computed_by.get_mut("stage-1").unwrap();
    let moved = Machine { processor: "Xeon".into(), ..part.machines[0].clone() };
    part.add(vec!["trainer 2".into()], [moved].into_iter());
    let pair = plain(&cells).differences[0].unlike_pairs[0].clone();
    let expected = [
        "processor of stage-1: Xeon against EPYC, then Xeon",
        "program of stage-1: trainer 1 against trainer 1, then trainer 2",
    ];
    assert_eq!((pair.seed, pair.differences), (1, expected.map(str::to_owned).to_vec()));
    // Beside a GPU processor and threads decide nothing.
    for cell in &mut cells {
        let part = cell.computed_by.get_mut("stage-1").unwrap();
        part.programs.truncate(1);
        part.machines.iter_mut().for_each(|machine| machine.device = "NVIDIA H200".into());
    }
    let found = plain(&cells);
    assert!(found.differences[0].unlike_pairs.is_empty() && !found.text().contains("alike"), "{:?}", found.notes);
}

#[test]
fn what_was_changed_after_cells_had_run_is_said_first() {
    let change = DesignChange {
        key: "primary figure".into(),
        from: Some("maths".into()),
        to: Some("code".into()),
        num_done: 4,
        num_cells: 6,
    };
    let found = plain(&cells(&[("base", &[0.1, 0.2]), ("clip", &[0.2, 0.35])])).with_changes(vec![change.clone()]);
    let said = "Changed after cells had run: primary figure from maths to code, when 4 of 6 cells were done.";
    assert_eq!((found.notes[0].as_str(), &found.changes[..]), (said, &[change][..]));
    assert!(found.markdown().contains(said) && found.text().contains("Changed after cells"));
    assert!(plain(&cells(&[("base", &[0.1, 0.2]), ("clip", &[0.2, 0.35])])).changes.is_empty());
}

#[test]
fn the_winner_of_many_is_called_that_and_measured_again() {
    let mut cells = cells(&[("base", &[0.1, 0.2, 0.3]), ("a", &[0.2, 0.3, 0.41]), ("b", &[0.3, 0.41, 0.5])]);
    for cell in &mut cells {
        let mut fresh = cell.figures["maths"].clone();
        fresh.value = 0.5 + 0.001 * cell.seed as f64 * if cell.arm == "b" { -1.0 } else { 1.0 };
        cell.figures.insert("fresh".to_owned(), fresh);
    }
    let of = |claims: &Claims| SweepResult::of(claims, "sweep", "base", &figures(&["fresh"]), &cells).unwrap();
    let found = of(&Claims { confirm: Some("fresh".to_owned()), ..Claims::default() });
    let winner = found.winner.clone().unwrap();
    assert_eq!((winner.arm.as_str(), winner.num_arms, winner.is_shown), ("b", 2, true));
    let again = winner.confirmation.unwrap();
    near(Some(again.difference), -0.004);
    assert!(!again.holds && found.notes.last().unwrap().contains("it does not hold"), "{:?}", found.notes);
    let lower = of(&Claims { better: Better::Lower, ..Claims::default() });
    assert!(lower.winner.is_none());
    // The other figure has intervals and no correction.
    assert!(found.differences_of("fresh").all(|other| other.p_corrected.is_none() && !found.is_marked(other)));
}

#[test]
fn pairing_is_compared_with_what_would_be_without() {
    // The seeds go up and down together, so that unpaired intervals are long.
    let found = plain(&cells(&[("base", &[0.1, 0.5, 0.9]), ("clip", &[0.2, 0.61, 0.99])]));
    let difference = &found.differences[0];
    assert!(difference.shortened_by_pairing.unwrap() > 0.9, "{difference:?}");
    assert!(found.notes.iter().any(|note| note.contains("pairing shortens that of clip by")));
}

#[test]
fn cells_that_cannot_be_compared_are_refused() {
    let all = cells(&[("base", &[0.1, 0.2]), ("clip", &[0.2, 0.3])]);
    let refused = |base: &str, figures: &SweepFigures, cells: &[MeasuredCell]| {
        SweepResult::of(&Claims::default(), "sweep", base, figures, cells).unwrap_err().to_string()
    };
    assert!(refused("bsae", &figures(&[]), &all).contains("its arms are base, clip"));
    assert!(refused("base", &figures(&["maths"]), &all).contains("figure \"maths\" stands twice"));
    let twice = [&all[..], &all[..1]].concat();
    assert!(refused("base", &figures(&[]), &twice).contains("arm \"base\" has seed 1 twice"));
}

#[test]
fn the_json_has_the_names_for_scripts() {
    let found = plain(&cells(&[("base", &[0.1, 0.2]), ("clip", &[0.2, 0.35])]));
    let json = serde_json::to_value(&found).unwrap();
    let has = |list: &str, names: &[&str]| {
        let first = json[list][0].as_object().unwrap();
        assert!(names.iter().all(|name| first.contains_key(*name)), "{list}: {first:?}");
    };
    has("arms", &["name", "figures", "seeds"]);
    has(
        "differences",
        &[
            "arm",
            "figure",
            "difference",
            "interval",
            "p_value",
            "p_corrected",
            "num_pairs",
            "lost_pairs",
            "smallest_detectable",
        ],
    );
    has("cells", &["arm", "seed", "state", "folder", "seconds"]);
    assert_eq!(json["cells"][0]["state"], "done");
    assert!(json["arms"][0]["figures"]["maths"]["interval"].is_array());
    assert_eq!(serde_json::from_value::<SweepResult>(json).unwrap(), found);
}

#[test]
fn the_tables_show_what_was_marked_and_lost() {
    let mut cells = cells(&[("base", &[0.1, 0.2, 0.3]), ("cl|ip", &[0.2, 0.31, 0.42]), ("b_c", &[0.1, 0.2, 0.3])]);
    cells[8] = failed("b_c", 3);
    let found = plain(&cells);
    let text = found.text();
    let expected = "\
maths, %, the primary figure
arm           seeds  mean  95 % interval  difference  95 % interval      p  p corrected  could show  more seeds
base (base)       3  20.0   −4.8 to 44.8           –              –      –            –           –           –
cl|ip             3  31.0    3.7 to 58.3      +11.0*  +8.5 to +13.5  0.003        0.005         3.3           0
b_c          2 of 3  15.0  −48.5 to 78.5         0.0              –   1.00         1.00           –           –
";
    assert!(text.starts_with(expected), "{text}");
    assert!(text.contains("Differences to base are for these tasks.\n* corrected p of at most 0.05."), "{text}");
    assert!(text.contains("Seed 3 counts neither for b_c nor for base"));
    let claims = found.claims_table().unwrap();
    assert_eq!(claims.rows[0][1..5], ["for these tasks", "t over seeds", "2", "+8.5 to +13.5"]);
    // A seed that the base lost is named once for all arms.
    cells[2] = failed("base", 3);
    let said = plain(&cells).notes.join("\n");
    assert!(said.contains("Seed 3 counts neither for cl|ip and b_c nor for base in maths"), "{said}");
    let markdown = found.markdown();
    assert!(markdown.contains("| cl\\|ip | 3 | 31.0 |") && markdown.contains("| +11.0\\* |"), "{markdown}");
    let latex = found.latex();
    assert!(latex.contains("b\\_c & 2 of 3"), "{latex}");
    assert!(latex.contains("+11.0$^{*}$") && latex.contains("\\caption{maths, \\%"), "{latex}");
}

#[test]
fn the_files_of_a_result_are_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut cells = cells(&[("base", &[0.1, 0.2]), ("clip", &[0.2, 0.35])]);
    cells[3] = failed("clip", 2);
    let found = plain(&cells);
    let paths = found.write(folder.path(), &cells).unwrap();
    let json = std::fs::read_to_string(&paths[0]).unwrap();
    assert_eq!(serde_json::from_str::<SweepResult>(&json).unwrap(), found);
    let rows = record::sweep_cells::read_sweep_cells(&paths[1]).unwrap();
    assert_eq!(rows.len(), 4);
    assert_eq!(
        (rows[0].figure.as_deref(), rows[0].value, &rows[0].curve_steps[..]),
        (Some("maths"), Some(0.1), &[10][..])
    );
    assert_eq!((rows[3].state.as_str(), rows[3].value), ("failed", None));
    assert!(paths[2..].iter().all(|path| path.is_file()));
}
