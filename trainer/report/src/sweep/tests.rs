//! The page of a small ablation: what stands in it, and its pictures.

use std::collections::BTreeMap;
use std::fs;

use record::machines::Machine;
use sweep::claims::{Claims, floor_seed};
use sweep::measured::{Budget, ComputedBy, MeasuredFigure};
use sweep::result::SweepFigures;

use super::*;

/// A curve that rises to a seed's value, with four values by task.
fn cell(arm: &str, seed: u64, gain: f64, by_seed: f64) -> MeasuredCell {
    let value = 0.3 + gain + by_seed;
    let curve =
        (0..=6_u32).map(|k| (u64::from(k) * 20, 0.1 + (value - 0.1) * (1.0 - 0.6_f64.powi(k as i32)))).collect();
    let by_task = (0..24_u32)
        .map(|task| {
            let spread = 0.2 * f64::from(task % 5) - 0.4 + 0.02 * f64::from((task + seed as u32) % 3);
            (format!("t{task}"), (value + spread).clamp(0.0, 1.0))
        })
        .collect();
    MeasuredCell {
        arm: arm.to_owned(),
        seed,
        state: CellState::Done,
        failure: None,
        folder: format!("cells/{arm}-{seed}"),
        seconds: 1234.5,
        figures: BTreeMap::from([
            ("maths".to_owned(), MeasuredFigure { value, by_task: Some(by_task), curve }),
            (
                "reward".to_owned(),
                MeasuredFigure { value: 2.0 * value, by_task: None, curve: vec![(120, 2.0 * value)] },
            ),
        ]),
        budget: Budget { steps: 120, tokens: 1_200_000 + 1000 * (seed % 10), seconds: 1100.0 },
        computed_by: BTreeMap::from([("stage-1".to_owned(), computed_by(seed))]),
    }
}

fn computed_by(seed: u64) -> ComputedBy {
    let machine = Machine {
        device: "cpu".to_owned(),
        processor: if seed % 10 == 2 { "Xeon <2>" } else { "EPYC" }.to_owned(),
        dtype: "float32".to_owned(),
        threads: 2,
        ranks: 1,
        libtorch: "2.11.0".to_owned(),
    };
    ComputedBy { programs: vec!["trainer 1".to_owned()], machines: vec![machine] }
}

fn cells() -> Vec<MeasuredCell> {
    let by_seed = [0.0, 0.04, -0.03];
    let arms = [("symmetric", [0.0; 3]), ("clip-higher", [0.06, 0.05, 0.075]), ("no<kl>", [-0.02, 0.03, 0.01])];
    let mut cells = Vec::new();
    for (arm, gains) in arms {
        cells.extend((1_u64..).zip(gains.iter().zip(by_seed)).map(|(seed, (gain, by))| cell(arm, seed, *gain, by)));
    }
    cells[8].state = CellState::Failed;
    cells[8].failure = Some("the loss is not finite at step 31".to_owned());
    cells.extend((1_u64..).zip([0.02, -0.01, 0.0]).map(|(seed, by)| cell("aa", floor_seed(seed), 0.0, by)));
    cells
}

fn result(cells: &[MeasuredCell]) -> SweepResult {
    let primary = FigureName::of_metric("maths", "eval/maths/pass@1");
    let figures = SweepFigures { primary, others: vec![FigureName::of_metric("reward", "reward/mean")] };
    SweepResult::of(&Claims { aa: true, ..Claims::default() }, "clip & co", "symmetric", &figures, cells).unwrap()
}

fn change(arm: &str, key: &str, value: &str) -> ArmChange {
    ArmChange { arm: arm.into(), key: key.into(), base: Some("0.2".into()), value: Some(value.into()) }
}

#[test]
fn the_page_has_notes_tables_pictures_changes_cost_and_cells() {
    let folder = tempfile::tempdir().unwrap();
    let (cells, changes) = (cells(), [change("clip-higher", "update.clip_high", "0.28")]);
    let result = result(&cells);
    let paths = write_sweep(folder.path(), &SweepPage { result: &result, cells: &cells, changes: &changes }).unwrap();
    let html = fs::read_to_string(&paths[0]).unwrap();
    assert!(html.contains("<h1>clip &amp; co</h1>") && html.contains("no&lt;kl&gt;") && !html.contains("no<kl>"));
    assert!(html.contains("Seed 3 counts neither for no&lt;kl&gt; nor for symmetric in maths"));
    assert!(html.contains(">update.clip_high</td><td class=\"words\">0.2</td><td class=\"words\">0.28</td>"));
    assert!(html.contains("the loss is not finite at step 31") && html.contains("1.2M"));
    assert!(html.contains("<td class=\"words\">cpu, Xeon &lt;2&gt;, float32, 2 threads, 1 rank</td>"), "{html}");
    // The floor's seeds are paired by their order: none of its pairs is of two machines.
    assert!(!html.contains("were not computed alike"));
    assert_eq!(html.matches("<svg").count(), 4);
    let names: Vec<String> =
        paths[1..].iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect();
    let expected = ["differences-maths.svg", "curves-maths.svg", "differences-reward.svg", "curves-reward.svg"];
    assert_eq!(names, expected);
    for path in &paths[1..] {
        let svg = fs::read_to_string(path).unwrap();
        assert!(svg.contains("xmlns=") && svg.contains("clip-higher") && !svg.contains("NaN"), "{svg}");
    }
    let curves = fs::read_to_string(&paths[2]).unwrap();
    assert_eq!((curves.matches("class=\"band").count(), curves.matches("class=\"line").count()), (4, 8), "{curves}");
    assert!(html.len() < 120_000, "{}", html.len());
}

#[test]
fn a_sweep_without_a_pair_has_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let mut cells = cells();
    cells.iter_mut().for_each(|cell| {
        cell.state = CellState::Failed;
        cell.figures.clear();
    });
    let result = result(&cells);
    let paths = write_sweep(folder.path(), &SweepPage { result: &result, cells: &cells, changes: &[] }).unwrap();
    let html = fs::read_to_string(&paths[0]).unwrap();
    assert!(paths.len() == 1 && html.contains("fewer than two whole pairs") && html.contains("No arm changes"));
}

#[test]
fn figures_of_like_names_have_files_of_their_own() {
    let mut taken = HashSet::new();
    let names: Vec<String> =
        ["a/b", "a b", "c"].iter().enumerate().map(|(place, name)| file_name(name, place, &mut taken)).collect();
    assert_eq!(names, ["a-b", "a-b-1", "c"]);
}
