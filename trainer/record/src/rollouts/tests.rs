//! Rollouts written and read: by this version, by the one before, and by one to come.

use std::fs::File;
use std::path::{Path, PathBuf};

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::UInt64Type;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::arrays::numbers;
use crate::run_folder::RunFolder;

/// A rollout of two sequences with a tool's tokens, trained on; and one whose verifier broke.
fn rows() -> Vec<RolloutRow> {
    let segment = |sequence, source: &str, num_tokens, policy_version| SegmentRow {
        sequence,
        source: source.into(),
        num_tokens,
        policy_version,
    };
    let trained = RolloutRow {
        step: 3,
        draw: Some(40),
        sample_index: 1,
        task_id: "math-1".into(),
        task_kind: "math".into(),
        source: "word-problems".into(),
        kept: Some(true),
        prompt: "2 + 2 = ?".into(),
        prompt_ids: Some(vec![9, 8]),
        completion: "<think>easy — 四</think> \\boxed{4}".into(),
        completion_ids: vec![5, 6, 70_000, 9, 7],
        segments: Some(vec![
            segment(0, "sampled", 1, Some(2)),
            segment(0, "sampled", 1, Some(3)),
            segment(0, "tool", 1, None),
            segment(1, "prompt", 1, None),
            segment(1, "sampled", 1, Some(3)),
        ]),
        tool_calls: Some(vec![ToolCallRow {
            turn: 0,
            tool: "python".into(),
            arguments: "{\"code\":\"print(2 + 2)\"}".into(),
            outcome: "answered".into(),
            result: "4".into(),
            seconds: 0.25,
        }]),
        rollout_logprobs: vec![Some(-0.5), Some(-1e-7), None, None, Some(f32::NEG_INFINITY)],
        raw_logprobs: Some(vec![Some(-0.75), Some(-0.5), None, None, Some(-3.0)]),
        kept_ids: Some(vec![vec![5, 9], vec![6], vec![], vec![], vec![1, 7]]),
        finish_reason: "stop".into(),
        policy_version: Some(2),
        reward: 1.1,
        advantage: None,
        advantages: Some(vec![Some(0.75), Some(0.5), None, None, Some(-0.25)]),
        verdict_score: Some(1.0),
        verdict_reason: "4 = 4".into(),
        verdicts: vec![("math".into(), "equal".into()), ("style".into(), "crashed".into())],
        judgement: Some(vec![
            VerdictRow {
                verifier: "math".into(),
                kind: "passed".into(),
                detail: Some("equal".into()),
                score: Some(1.0),
                weight: Some(2.0),
                reason: "4 = 4".into(),
            },
            VerdictRow { verifier: "style".into(), kind: "crashed".into(), ..VerdictRow::default() },
        ]),
        breakdown: vec![("math".into(), 1.0), ("format".into(), 0.1)],
    };
    let broken = RolloutRow { task_id: "math-1".into(), sample_index: 2, kept: Some(false), ..RolloutRow::default() };
    vec![trained, broken]
}

fn update(row: &RolloutRow) -> UpdateRow {
    UpdateRow {
        step: row.step,
        draw: row.draw,
        sample_index: row.sample_index,
        task_id: row.task_id.clone(),
        policy_logprobs: Some(row.rollout_logprobs.clone()),
        critic_values: None,
        returns: Some(row.rollout_logprobs.clone()),
        advantages: None,
    }
}

fn run() -> (tempfile::TempDir, RunFolder) {
    let parent = tempfile::tempdir().unwrap();
    let run = RunFolder::create(&parent.path().join("run")).unwrap();
    (parent, run)
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/rollouts/schema_0.parquet")
}

/// Writes a file's columns anew as `change` leaves them, with these metadata.
fn rewrite(path: &Path, metadata: &[(&str, &str)], change: impl Fn(&str, ArrayRef) -> Option<ArrayRef>) {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap().build().unwrap();
    let batch = reader.map(Result::unwrap).next().unwrap();
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns());
    let changed = columns.filter_map(|(field, column)| Some((field.name(), change(field.name(), column.clone())?)));
    let batch = RecordBatch::try_from_iter(changed).unwrap();
    let pairs = metadata.iter().map(|(key, value)| KeyValue::new((*key).to_owned(), (*value).to_owned()));
    let properties = WriterProperties::builder().set_key_value_metadata(Some(pairs.collect())).build();
    let file = File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

const METADATA: [(&str, &str); 2] = [("ponder.content", "rollouts"), ("ponder.schema_version", "1")];

#[test]
fn rows_come_back_as_they_were() {
    let (_parent, run) = run();
    write_rollouts(&run.rollouts(3), &rows()).unwrap();
    assert_eq!(read_rollouts(&run.rollouts(3)).unwrap(), rows());
    write_rollouts(&run.rollouts(3), &[]).unwrap();
    assert_eq!(read_rollouts(&run.rollouts(3)).unwrap(), []);
}

#[test]
fn a_row_is_joined_to_what_the_update_knows_of_it() {
    let (_parent, run) = run();
    write_rollouts(&run.rollouts(3), &rows()).unwrap();
    let before = read_recorded(&run, 3).unwrap();
    assert!(before.iter().all(|one| one.update.is_none()) && before.len() == 2);
    let known = update(&rows()[0]);
    write_updates(&run.updates(3), std::slice::from_ref(&known)).unwrap();
    let after = read_recorded(&run, 3).unwrap();
    assert_eq!(after[0], RecordedRollout { rollout: rows()[0].clone(), update: Some(known) });
    assert_eq!(after[1].update, None);
}

#[test]
fn updates_of_other_rollouts_are_refused() {
    let (_parent, run) = run();
    write_rollouts(&run.rollouts(3), &rows()).unwrap();
    let known = update(&rows()[0]);
    let short = UpdateRow { policy_logprobs: Some(vec![Some(0.0)]), ..known.clone() };
    for strange in [UpdateRow { draw: Some(41), ..known }, short] {
        write_updates(&run.updates(3), &[strange]).unwrap();
        let text = read_recorded(&run, 3).unwrap_err().to_string();
        assert!(text.contains("updates/step_00003.parquet") && text.contains("math-1, sample 1"), "{text}");
    }
}

#[test]
fn a_file_of_version_0_is_read_with_what_its_update_knew() {
    let (_parent, run) = run();
    std::fs::create_dir(run.rollouts(3).parent().unwrap()).unwrap();
    std::fs::copy(golden(), run.rollouts(3)).unwrap();
    let recorded = read_recorded(&run, 3).unwrap();
    let ids: Vec<_> = recorded.iter().map(|one| (one.rollout.task_id.as_str(), one.rollout.sample_index)).collect();
    assert_eq!(ids, [("sum-7", 0), ("sum-7", 1), ("program-1", 1)]);
    let first = &recorded[0].rollout;
    assert_eq!((first.step, first.draw, first.policy_version, first.kept), (3, None, Some(2), Some(true)));
    assert_eq!((first.completion_ids.as_slice(), first.reward), ([5, 6, 70_000].as_slice(), 1.1));
    assert_eq!(first.rollout_logprobs, [Some(-0.5), Some(-0.25), Some(-1e-7)]);
    assert_eq!(first.verdicts[0], ("math".to_owned(), "equal".to_owned()));
    assert_eq!(first.breakdown[1], ("format".to_owned(), 0.1));
    assert_eq!((&first.prompt_ids, &first.segments, &first.raw_logprobs), (&None, &None, &None));
    assert_eq!((&first.judgement, &first.advantages, first.advantage), (&None, &None, Some(0.75)));
    let known: Vec<_> = recorded.iter().map(|one| one.update.as_ref()?.policy_logprobs.clone()).collect();
    assert_eq!(known, [Some(vec![Some(-0.5), Some(-0.26), Some(0.0)]), Some(vec![Some(-2.5), Some(-0.125)]), None]);
    let broken = &recorded[2].rollout;
    assert!(broken.reward.is_nan() && broken.verdict_score.is_none() && broken.kept == Some(false));
}

#[test]
fn a_newer_schema_is_refused_by_its_number() {
    let (_parent, run) = run();
    for version in ["2", "1b"] {
        write_rollouts(&run.rollouts(3), &rows()).unwrap();
        rewrite(&run.rollouts(3), &[METADATA[0], ("ponder.schema_version", version)], |_, column| Some(column));
        let text = read_rollouts(&run.rollouts(3)).unwrap_err().to_string();
        let words = ["step_00003.parquet", &format!("schema version {version}"), "up to 1", "newer"];
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
    }
}

#[test]
fn every_column_may_be_absent() {
    let (_parent, run) = run();
    let path = run.rollouts(3);
    write_rollouts(&path, &rows()).unwrap();
    let file = File::open(&path).unwrap();
    let schema = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().schema().clone();
    for absent in schema.fields() {
        write_rollouts(&path, &rows()).unwrap();
        rewrite(&path, &METADATA, |name, column| (name != absent.name()).then_some(column));
        let read = read_rollouts(&path).unwrap().swap_remove(0);
        let mut expected = rows().swap_remove(0);
        match absent.name().as_str() {
            "step" => expected.step = 0,
            "draw" => expected.draw = None,
            "sample_index" => expected.sample_index = 0,
            "task_id" => expected.task_id.clear(),
            "task_kind" => expected.task_kind.clear(),
            "source" => expected.source.clear(),
            "kept" => expected.kept = None,
            "prompt" => expected.prompt.clear(),
            "prompt_ids" => expected.prompt_ids = None,
            "completion" => expected.completion.clear(),
            "completion_ids" => expected.completion_ids.clear(),
            "segments" => expected.segments = None,
            "tool_calls" => expected.tool_calls = None,
            "rollout_logprobs" => expected.rollout_logprobs.clear(),
            "raw_logprobs" => expected.raw_logprobs = None,
            "kept_ids" => expected.kept_ids = None,
            "finish_reason" => expected.finish_reason.clear(),
            "policy_version" => expected.policy_version = None,
            "reward" => expected.reward = f32::NAN,
            "advantages" => expected.advantages = None,
            "advantage" => expected.advantage = None,
            "verdict_score" => expected.verdict_score = None,
            "verdict_reason" => expected.verdict_reason.clear(),
            "verdicts" => expected.verdicts.clear(),
            "judgement" => expected.judgement = None,
            "breakdown" => expected.breakdown.clear(),
            other => panic!("{other}"),
        }
        assert_eq!(format!("{read:?}"), format!("{expected:?}"), "without {}", absent.name());
    }
}

#[test]
fn a_column_of_another_type_is_named() {
    let (_parent, run) = run();
    write_rollouts(&run.rollouts(3), &rows()).unwrap();
    let other = |name: &str, column: ArrayRef| {
        Some(if name == "kept" { numbers::<UInt64Type>((0..column.len()).map(|_| Some(1))) } else { column })
    };
    rewrite(&run.rollouts(3), &METADATA, other);
    let error = read_rollouts(&run.rollouts(3)).unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(error.to_string().contains("step_00003.parquet") && source.contains("`kept`"), "{error}: {source}");
}

#[test]
fn another_table_is_named_for_what_it_is() {
    let (_parent, run) = run();
    write_updates(&run.updates(3), &[]).unwrap();
    let text = read_rollouts(&run.updates(3)).unwrap_err().to_string();
    assert!(text.contains("updates/step_00003.parquet is a file of updates, not of rollouts"), "{text}");
    rewrite(&golden_copy(&run), &[], |name, column| (name != "completion").then_some(column));
    assert!(read_rollouts(&run.rollouts(9)).unwrap_err().to_string().contains("another kind"));
    std::fs::write(run.rollouts(9), "no").unwrap();
    assert!(read_rollouts(&run.rollouts(9)).unwrap_err().to_string().contains("step_00009.parquet"));
}

fn golden_copy(run: &RunFolder) -> PathBuf {
    std::fs::create_dir_all(run.rollouts(9).parent().unwrap()).unwrap();
    std::fs::copy(golden(), run.rollouts(9)).unwrap();
    run.rollouts(9)
}

#[test]
fn a_row_whose_lists_are_of_two_lengths_is_refused() {
    let (_parent, run) = run();
    let mut row = rows().swap_remove(0);
    row.raw_logprobs.as_mut().unwrap().pop();
    let text = write_rollouts(&run.rollouts(3), &[row]).unwrap_err().to_string();
    assert!(text.contains("`raw_logprobs` of task math-1, sample 1, is for 4 tokens, and there are 5"), "{text}");
    assert!(!run.rollouts(3).exists());
}

#[test]
fn texts_are_read_without_what_is_said_of_tokens() {
    let (_parent, run) = run();
    write_rollouts(&run.rollouts(3), &rows()).unwrap();
    let read = read_rollout_texts(&run.rollouts(3)).unwrap().swap_remove(0);
    let expected = RolloutRow {
        prompt_ids: None,
        segments: None,
        rollout_logprobs: vec![],
        raw_logprobs: None,
        kept_ids: None,
        advantages: None,
        ..rows().swap_remove(0)
    };
    assert_eq!(read, expected);
}

fn number() -> impl Strategy<Value = f32> {
    any::<u32>().prop_map(f32::from_bits)
}

fn text() -> impl Strategy<Value = String> {
    ".{0,12}"
}

fn values(num_tokens: usize) -> impl Strategy<Value = TokenValues> {
    vec(option::of(number()), num_tokens)
}

fn segments(num_tokens: usize) -> impl Strategy<Value = Vec<SegmentRow>> {
    let segment = (any::<u32>(), text(), option::of(any::<u64>()), 1..=4_u32);
    vec(segment, num_tokens).prop_map(move |parts| {
        let mut left = num_tokens as u32;
        let parts = parts.into_iter().map(|(sequence, source, policy_version, most)| {
            let num_tokens = most.min(left);
            left -= num_tokens;
            SegmentRow { sequence, source, num_tokens, policy_version }
        });
        parts.collect()
    })
}

fn verdict() -> impl Strategy<Value = VerdictRow> {
    let words = (text(), text(), option::of(text()), text());
    (words, option::of(number()), option::of(number())).prop_map(|((verifier, kind, detail, reason), score, weight)| {
        VerdictRow { verifier, kind, detail, score, weight, reason }
    })
}

prop_compose! {
    fn tokens()(num_tokens in 0..9_usize)(
        completion_ids in vec(any::<u32>(), num_tokens),
        segments in option::of(segments(num_tokens)),
        rollout_logprobs in values(num_tokens),
        raw_logprobs in option::of(values(num_tokens)),
        advantages in option::of(values(num_tokens)),
    ) -> RolloutRow {
        RolloutRow { completion_ids, segments, rollout_logprobs, raw_logprobs, advantages, ..RolloutRow::default() }
    }
}

prop_compose! {
    fn rollout()(
        row in tokens(),
        (step, draw, sample_index) in (any::<u64>(), option::of(any::<u64>()), any::<u32>()),
        [task_id, task_kind, source, prompt, completion] in [text(), text(), text(), text(), text()],
        (kept, prompt_ids) in (option::of(any::<bool>()), option::of(vec(any::<u32>(), 0..5))),
        (policy_version, reward) in (option::of(any::<u64>()), number()),
        [advantage, verdict_score] in [option::of(number()), option::of(number())],
        [finish_reason, verdict_reason] in [text(), text()],
        verdicts in vec((text(), text()), 0..3),
        judgement in option::of(vec(verdict(), 0..3)),
        breakdown in vec((text(), number()), 0..3),
    ) -> RolloutRow {
        RolloutRow {
            step, draw, sample_index, task_id, task_kind, source, kept, prompt, prompt_ids, completion, finish_reason,
            policy_version, reward, advantage, verdict_score, verdict_reason, verdicts, judgement, breakdown, ..row
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// The text of a row has its numbers in full, and equals itself where a number is NaN.
    #[test]
    fn any_rows_come_back_as_they_were(rows in vec(rollout(), 0..6)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("step_00001.parquet");
        write_rollouts(&path, &rows).unwrap();
        prop_assert_eq!(format!("{:?}", read_rollouts(&path).unwrap()), format!("{rows:?}"));
    }

    #[test]
    fn any_updates_come_back_as_they_were(rows in vec(rollout(), 0..6)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("step_00001.parquet");
        let known: Vec<UpdateRow> =
            rows.iter().map(|row| UpdateRow { critic_values: row.raw_logprobs.clone(), ..update(row) }).collect();
        write_updates(&path, &known).unwrap();
        prop_assert_eq!(format!("{:?}", read_updates(&path).unwrap()), format!("{known:?}"));
    }
}
