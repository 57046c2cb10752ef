//! Plans: what is shared, what is refused, and that nothing of a place or a time is in a name.

use std::collections::BTreeMap;

use sweep::dry_run::describe;
use sweep::plan::Plan;
use sweep::runner::{RunOptions, run_plan};

use crate::fake::Fake;

const ARM: &str = "[[arm]]\nname = \"fast\"\nset = [\"rate=3\"]";

#[test]
fn what_arms_share_is_one_unit() {
    let fake = Fake::new();
    let plan = fake.plan(ARM);
    let labels: Vec<String> = plan.cells.iter().map(|cell| cell.label()).collect();
    assert_eq!(labels, ["base seed 1", "fast seed 1", "base seed 2", "fast seed 2"]);
    // Two seeds: a cold start each, and two stages each.
    assert_eq!(plan.units.len(), 2 + 4);
    assert_eq!(plan.cells[0].units[0], plan.cells[1].units[0]);
    assert_ne!(plan.cells[0].units[0], plan.cells[2].units[0]);
    let base = "[base]\nrecipe = \"r\"\nthrough = \"stage-1\"\nshared = [\"cold-start\"]\nshared_seed = 7\n";
    let shared = fake.plan(&format!("{base}{ARM}"));
    assert_eq!(shared.units.len(), 1 + 4);
    let text = describe(&shared, 2).unwrap();
    for words in
        ["all seeds share cold-start (seed 7)", "4 steps, once for 4 cells", "stage-1: rate: 2 -> 3", "4 cells"]
    {
        assert!(text.contains(words), "no `{words}` in:\n{text}");
    }
    assert!(text.contains("expected: not known; no step of cold-start, stage-1"), "{text}");
    let known = "[seconds_per_step]\ncold-start = 90.0\nstage-1 = 202.5\n";
    let text = describe(&fake.plan(&format!("{base}{ARM}\n{known}")), 2).unwrap();
    assert!(text.contains("expected: 1.00 hours of cells that are left, 2 at once"), "{text}");
}

#[test]
fn an_arm_of_an_earlier_phase_shares_only_what_comes_before() {
    let fake = Fake::new();
    let plan = fake.plan("[[arm]]\nname = \"warm\"\nset_in.cold-start = [\"rate=5\"]");
    assert_eq!(plan.units.len(), 8);
    let changes: Vec<String> = plan.changes["warm"].iter().map(|change| change.to_string()).collect();
    assert_eq!(changes, ["cold-start: rate: 1 -> 5"]);
}

#[test]
fn a_folder_elsewhere_has_the_same_names() {
    let names = |fake: &Fake| -> Vec<String> { fake.plan(ARM).cells.into_iter().map(|cell| cell.hash).collect() };
    let (here, there) = (Fake::new(), Fake::new());
    assert_eq!(names(&here), names(&there));
    there.write("stage.toml", "rate = 2\nupdate.steps = 5\n");
    assert_ne!(names(&here), names(&there));
}

#[test]
fn generated_data_are_one_unit_that_names_all_that_read_them() {
    let mut fake = Fake::new();
    let without = fake.plan(ARM);
    fake.data = Some(BTreeMap::from([("seed".to_owned(), "1".to_owned())]));
    let with = fake.plan(ARM);
    assert_eq!(with.units.len(), without.units.len() + 1);
    fake.data = Some(BTreeMap::from([("seed".to_owned(), "2".to_owned())]));
    let other = fake.plan(ARM);
    assert!(with.units.keys().all(|name| !other.units.contains_key(name)));
}

#[test]
fn the_steps_before_a_schedule_parts_are_one_unit() {
    let fake = Fake::new();
    let late = "[[arm]]\nname = \"late\"\nset = [\"rate=3\"]\nfrom_step = 2\n";
    let later = "[[arm]]\nname = \"later\"\nset = [\"rate=4\"]\nfrom_step = 3\n";
    let alone = fake.plan(ARM);
    let plan = fake.plan(&format!("{late}{later}"));
    // For each seed: the cold start, two beginnings, and three ends.
    assert_eq!(plan.units.len(), 2 * 6);
    // The base is the run that it would be by itself.
    assert_eq!(plan.cells[0].hash, alone.cells[0].hash);
    let steps: u64 = plan.units.values().map(|unit| unit.own_steps(|name| plan.units.get(name))).sum();
    assert_eq!(steps, 2 * (4 + 3 + 1 + 2 + 1));
    let text = describe(&plan, 1).unwrap();
    assert!(text.contains("  late, from step 2 on\n    stage-1: rate: 2 -> 3\n"), "{text}");
}

#[test]
fn what_is_missing_is_planned_and_not_run() {
    let fake = Fake::new();
    let plan = fake.plan(&format!("{ARM}\n[[arm]]\nname = \"other\"\nset = [\"needs=tasks\"]"));
    let text = describe(&plan, 1).unwrap();
    let words = "missing, and needed before any cell runs\n  arm other: needs: there is nothing at tasks\n";
    assert!(text.ends_with(words), "{text}");
    let run = |cell| run_plan(&plan, &fake, RunOptions { cell, ..RunOptions::default() }, &|| false, &mut |_| ());
    let error = run(None).unwrap_err();
    assert!(error.is_usage() && error.to_string().contains("arm other: needs: there is nothing at tasks"), "{error}");
    assert!(!fake.path("sweep").exists());
    assert!(run(Some(2)).is_err());
    run(Some(0)).unwrap();
}

#[test]
fn a_grid_leaves_out_the_base_itself() {
    let fake = Fake::new();
    let plan = fake.plan("[grid]\nrate = [2, 3]\n");
    assert_eq!(plan.left_out, ["rate=2"]);
    assert_eq!(plan.arms.len(), 2);
    assert!(describe(&plan, 1).unwrap().contains("rate=2: is the base itself"));
}

#[test]
fn the_floor_is_the_base_under_other_seeds() {
    let fake = Fake::new();
    let file = fake.file(ARM);
    let seeds: &[u64] = &[11, 12];
    let plan = Plan::new(file.clone(), fake.folder.path(), &fake.phases(), Some(("again", seeds)), &fake).unwrap();
    let floor: Vec<u64> = plan.cells.iter().filter(|cell| cell.arm == "again").map(|cell| cell.seed).collect();
    assert_eq!(floor, [11, 12]);
    assert_eq!(plan.cells.len(), 6);
    let same = Plan::new(file, fake.folder.path(), &fake.phases(), Some(("again", &[1])), &fake);
    assert!(same.unwrap_err().to_string().contains("base seed 1 and again seed 1 are the same run"));
}

#[test]
fn what_cannot_be_compared_is_refused_before_anything_runs() {
    let fake = Fake::new();
    for (text, words) in [
        ("[[arm]]\nname = \"same\"\nset = [\"rate=2\"]", "base seed 1 and same seed 1 are the same run"),
        ("[[arm]]\nname = \"a\"\nset = [\"rate=3\"]\n[[arm]]\nname = \"b\"\nset = [\"rate=3\"]", "count a run twice"),
        ("[[arm]]\nname = \"bad\"\nset = [\"rate=much\"]", "arm bad: --set rate=much: no number"),
        ("[[arm]]\nname = \"short\"\nset = [\"rate=3\"]\nfrom_step = 4", "the base's 4 steps"),
        (
            "[[arm]]\nname = \"short\"\nset = [\"update.steps=2\"]\nfrom_step = 2",
            "2 is not before the last of its own 2 steps",
        ),
        ("[[arm]]\nname = \"same\"\nset = [\"rate=2\"]\nfrom_step = 2", "arm same: from_step: `set` changes nothing"),
        (
            "[[arm]]\nname = \"more\"\nset = [\"eval.samples=8\"]",
            "arm more: changes how it is measured: stage-1: eval.samples",
        ),
        (
            "[[figure]]\nname = \"k\"\nmetric = \"reward\"\n[grid]\nrate = [3]",
            "nobody records it; what begins so is reward/mean",
        ),
        ("[[figure]]\nname = \"k\"\nmetric = \"length\"\n[grid]\nrate = [3]", "names begin with accuracy, batch"),
        (
            "[[figure]]\nname = \"m\"\nmetric = \"reward/mean\"\nmean_of_last = 6\n[grid]\nrate = [3]",
            "the mean of the last 6 is asked for, and the run has 4 steps",
        ),
        ("[[arm]]\nname = \"gone\"\nconfig = \"none.toml\"", "none.toml"),
        ("[[figure]]\nname = \"late\"\nmetric = \"eval/maths/pass@1\"\nat = 9\n[grid]\nrate = [3]", "9 is not reached"),
        (
            "[[figure]]\nname = \"art\"\nmetric = \"eval/art/pass@1\"\n[grid]\nrate = [3]",
            "no dataset `art`, but: maths",
        ),
        ("[[figure]]\nname = \"m\"\nmetric = \"eval/maths/score\"\nmean_of_last = 5\n[grid]\nrate = [3]", "at 4 steps"),
        (
            "[[arm]]\nname = \"long\"\nset = [\"limit=9\"]",
            "arm long: changes how it is measured: stage-1: limit: not set -> 9",
        ),
        ("[[arm]]\nname = \"long\"\nset = [\"limit=9\"]", "a value of their own by eval.limit in base.set"),
        ("[grid]\nrate = [2]", "grid: rate=2 is the base itself, and nothing is left"),
        (
            "[[figure]]\nname = \"m\"\nmetric = \"reward/mean\"\nmean_of_last = 5\n[grid]\nrate = [3]",
            "the mean of the last 5 is asked for, and the run has 4 steps",
        ),
        (
            "[[figure]]\nname = \"m\"\nmetric = \"reward/mean\"\nat = 0\n[grid]\nrate = [3]",
            "it is recorded from step 1 on",
        ),
        (
            "[[figure]]\nname = \"m\"\nmetric = \"critic/loss\"\n[grid]\nrate = [3]",
            "nobody records it: the run has no critic",
        ),
        (
            "[[figure]]\nname = \"m\"\nmetric = \"reward/mean\"\nmean_of_last = 2\n\
             [[arm]]\nname = \"late\"\nset = [\"rate=3\"]\nfrom_step = 3",
            "arm late seed 1: it is read at step 3, and the arm parts from the base after step 3",
        ),
        (
            "[[figure]]\nname = \"m\"\nmetric = \"eval/maths/score\"\nat = 2\n\
             [[arm]]\nname = \"late\"\nset = [\"rate=3\"]\nfrom_step = 2",
            "read at step 2",
        ),
    ] {
        let said = fake.refusal(text);
        assert!(said.contains(words), "{text}: {said}");
    }
    assert!(!fake.path("sweep").exists());
}

#[test]
fn keys_that_evaluations_share_are_refused_or_told_of() {
    let fake = Fake::new();
    let arms =
        "[[arm]]\nname = \"terse\"\nset = [\"prompt.system=Be brief.\"]\n[[arm]]\nname = \"fast\"\nset = [\"rate=3\"]";
    let plan = fake.plan(arms);
    assert!(
        plan.notes.len() == 1 && plan.notes[0].starts_with("Arm terse changes prompt.system, "),
        "{:?}",
        plan.notes
    );
    assert!(describe(&plan, 1).unwrap().contains("of how it is measured together"));
    // With a limit of its own an evaluation does not follow the arm's.
    let base = "[base]\nrecipe = \"r\"\nthrough = \"stage-1\"\nset = [\"eval.limit=4\"]\n";
    assert!(fake.plan(&format!("{base}[[arm]]\nname = \"long\"\nset = [\"limit=9\"]")).notes.is_empty());
    // Where no figure is an evaluation's, nothing is measured by it.
    let mut file = fake.file("[[arm]]\nname = \"long\"\nset = [\"limit=9\", \"prompt.system=Go on.\"]");
    file.figure[0].metric = "reward/mean".into();
    assert!(fake.plan_of(file).unwrap().notes.is_empty());
}

#[test]
fn one_seed_and_a_figure_without_tasks_are_said_to_bear_no_claim() {
    let fake = Fake::new();
    let mut file = fake.file(ARM);
    file.seeds = vec![1];
    file.figure[0].metric = "reward/mean".into();
    let text = describe(&fake.plan_of(file).unwrap(), 1).unwrap();
    assert!(text.contains("one seed, and maths has no values by task: nothing can be claimed"), "{text}");
}
