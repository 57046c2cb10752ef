//! Whole reports of small folders: a run, a recipe, and folders with parts missing or broken.

use std::fs;

use record::metrics::{Metrics, MetricsWriter};
use record::rollouts::{RolloutRow, write_rollouts};
use record::run_folder::RunFolder;

use super::*;

fn training_run(root: &Path, num_steps: u64) -> RunFolder {
    let run = RunFolder::create(root).unwrap();
    fs::write(run.config(), "stage = 1\n[model]\npath = \"models/<demo>\"\n").unwrap();
    let mut writer = MetricsWriter::open(&run.metrics()).unwrap();
    for step in 1..=num_steps {
        let row: Metrics = [("time/step", 2.0), ("reward/mean", step as f64 / 10.0)].into_iter().collect();
        writer.append(step, &row).unwrap();
        let sample = RolloutRow {
            step,
            task_kind: "math".into(),
            completion: format!("<script>alert({step})</script>"),
            verdict_score: Some(1.0),
            ..RolloutRow::default()
        };
        write_rollouts(&run.rollouts(step), &[sample]).unwrap();
    }
    run
}

fn report(root: &Path) -> String {
    let path = write_report(root).unwrap();
    assert_eq!(path, root.join("report.html"));
    fs::read_to_string(path).unwrap()
}

#[test]
fn a_run_shows_its_figures_configuration_and_traces() {
    let parent = tempfile::tempdir().unwrap();
    let root = parent.path().join("first");
    training_run(&root, 9);
    let html = report(&root);
    assert!(html.contains("<h1>first</h1>") && html.contains("models/&lt;demo&gt;") && html.contains("18 s"));
    for step in [1, 5, 9] {
        assert!(html.contains(&format!("<summary>Step {step}<")), "{step}");
        assert!(html.contains(&format!("&lt;script&gt;alert({step})")));
    }
    assert!(!html.contains("<script>alert") && !html.contains("Step 2<"));
}

#[test]
fn a_recipe_has_its_summary_first_and_stages_in_order() {
    let parent = tempfile::tempdir().unwrap();
    let root = parent.path().join("demo");
    for stage in ["stage-2", "cold-start", "extra", "stage-1"] {
        training_run(&root.join(stage), 2);
    }
    assert!(report(&root).contains("no summary.json"));
    let rows = r#"{"rows": [{"stage": "cold-start", "maths": 0.2, "code": 0.3, "instruction": 0.1, "seconds": 60},
        {"stage": "stage-1", "maths": 0.55, "maths_interval": [0.5, 0.6], "code": null, "later": {"x": 1}}],
        "version": 2}"#;
    fs::write(root.join("summary.json"), rows).unwrap();
    let html = report(&root);
    let places: Vec<usize> =
        ["class=\"summary\"", "id=\"cold-start\"", "id=\"stage-1\"", "id=\"stage-2\"", "id=\"extra\""]
            .map(|text| html.find(text).unwrap())
            .into();
    assert!(places.is_sorted(), "{places:?}");
    assert!(html.contains("<b>55.0 %</b> <span class=\"up\">+35.0</span>") && html.contains("left:50.0%;width:10.0%"));
    assert!(!html.contains("Seed ") && !html.contains("<em>lost</em>"));
}

#[test]
fn a_summary_names_its_seed_and_what_was_lost() {
    let parent = tempfile::tempdir().unwrap();
    training_run(&parent.path().join("stage-1"), 1);
    let rows = r#"{"seed": 7, "rows": [{"stage": "stage-1", "maths": 0.5, "code": 0.5, "instruction": 0.5, "changes": {
        "maths": {"change": -0.125, "interval": [-0.18, -0.07], "p_lower": 1e-5, "lost": true},
        "code": {"change": 0.25, "interval": [0.2, 0.3], "p_lower": 1.0, "lost": false},
        "instruction": {"change": null, "interval": null, "p_lower": null, "lost": false}}}]}"#;
    fs::write(parent.path().join("summary.json"), rows).unwrap();
    let html = report(parent.path());
    assert!(html.contains("Seed 7:") && html.matches("<em>lost</em>").count() == 1, "{html}");
    assert!(html.contains("-12.5</span><span class=\"same\">(-18 to -7)</span><em>lost</em>"));
    assert!(html.contains("+25.0</span><span class=\"same\">(+20 to +30)</span><div"));
}

#[test]
fn missing_and_broken_parts_are_named() {
    let parent = tempfile::tempdir().unwrap();
    let html = report(parent.path());
    for note in ["no configuration", "no metrics", "no sample rollouts"] {
        assert!(html.contains(note), "{note}");
    }
    let run = training_run(&parent.path().join("broken"), 1);
    fs::write(run.metrics(), "{\"step\":1}\nnonsense\n").unwrap();
    fs::write(run.rollouts(1), "nonsense").unwrap();
    fs::write(run.summary(), "[]").unwrap();
    let html = report(&parent.path().join("broken"));
    assert!(
        html.contains("metrics.jsonl:2") && html.contains("step_00001.parquet") && html.contains("`rows`"),
        "{html}"
    );
    assert!(write_report(&parent.path().join("none")).is_err());
}
