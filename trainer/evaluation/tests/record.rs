//! The record of an evaluation: kept as samples end, continued after a kill, judged again.

use std::path::Path;

use datasets::Message;
use evaluation::{
    EvalResult, EvaluationRecord, FinishedRecord, ProtocolOverride, SampledCompletion, Settings, SuiteTasks, judge,
    judged,
};
use record::samples::{SampleRow, read_samples};
use serde_json::json;

use crate::support::{math_file, suite, tasks_of, verifiers};

fn setting(folder: &Path) -> (SuiteTasks, Settings) {
    let tasks = [("a", "1 + 1?", "2"), ("b", "2 + 2?", "4"), ("c", "3 + 4?", "7")];
    tasks_of(suite("", "samples = 2\ntemperature = 0.6"), &math_file(folder, &tasks))
}

/// The completion of a sample: what a model would say, keyed by task and sample alone.
fn completion(task_id: &str, index: u32) -> SampledCompletion {
    let text = format!("I think that {task_id} is \\boxed{{{}}}.", if index == 0 { "2" } else { "4" });
    SampledCompletion { ids: Some(vec![index, 7]), num_completion_tokens: 2, ..SampledCompletion::of_text(text) }
}

/// Evaluates until `most` samples are written, the last of them torn where `torn`; true where all are there.
async fn evaluate(folder: &Path, tasks: &SuiteTasks, settings: &Settings, most: usize, torn: bool) -> bool {
    let verifiers = verifiers();
    let mut record = EvaluationRecord::open(folder, settings).unwrap();
    let missing = record.missing(tasks);
    // The last first: samples end in any order.
    for (place, index) in missing.iter().rev().take(most) {
        let task = &tasks.tasks[*place];
        let row = judge(&verifiers, "sums", task, *index, completion(&task.task.id, *index)).await;
        record.append(&row, 0.25 * f64::from(*index)).unwrap();
    }
    if missing.len() > most {
        drop(record);
        let samples = folder.join("samples.jsonl");
        let bytes = std::fs::read(&samples).unwrap();
        std::fs::write(&samples, &bytes[..bytes.len() - if torn { 9 } else { 0 }]).unwrap();
        return false;
    }
    record.finish(tasks).unwrap();
    true
}

#[tokio::test]
async fn an_evaluation_killed_ten_times_ends_with_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (tasks, settings) = setting(folder.path());
    let whole = folder.path().join("whole");
    assert!(evaluate(&whole, &tasks, &settings, 99, false).await);
    let killed = folder.path().join("killed");
    for kill in 0..10 {
        assert!(!evaluate(&killed, &tasks, &settings, 1, kill % 3 != 2).await);
    }
    assert!(evaluate(&killed, &tasks, &settings, 99, false).await);
    // The same command once more changes nothing.
    assert!(evaluate(&killed, &tasks, &settings, 99, false).await);
    for file in ["samples.jsonl", "samples.parquet", "settings.json"] {
        let bytes = |folder: &Path| std::fs::read(folder.join(file)).unwrap();
        assert!(bytes(&whole) == bytes(&killed), "{file} differs");
    }
    let rows = read_samples(&killed.join("samples.parquet")).unwrap();
    let order: Vec<(&str, u32)> = rows.iter().map(|row| (row.task_id.as_str(), row.sample_index)).collect();
    assert_eq!(order, [("a", 0), ("a", 1), ("b", 0), ("b", 1), ("c", 0), ("c", 1)]);
    assert_eq!(rows[0].verdict.answer.as_deref(), Some("2"));
}

#[tokio::test]
async fn other_settings_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let (tasks, settings) = setting(folder.path());
    let place = folder.path().join("record");
    evaluate(&place, &tasks, &settings, 1, false).await;
    let mut other = settings.clone();
    other.protocol.set(&ProtocolOverride { temperature: Some(1.0), ..ProtocolOverride::default() });
    assert_ne!(settings.key(), other.key());
    let text = EvaluationRecord::open(&place, &other).unwrap_err().to_string();
    assert!(text.contains("protocol.temperature: 0.6 there, 1.0 here"), "{text}");
    let mut moved = settings.clone();
    moved.data[0].path = "elsewhere.jsonl".into();
    assert_eq!(settings.key(), moved.key(), "where files lie does not matter");
    let record = EvaluationRecord::open(&place, &moved).unwrap();
    let text = record.finish(&tasks).unwrap_err().to_string();
    assert!(text.contains("5 of 6 samples are missing"), "{text}");
}

#[tokio::test]
async fn turns_are_kept_and_judged_again_and_tools_are_settings() {
    let folder = tempfile::tempdir().unwrap();
    let (tasks, plain) = setting(folder.path());
    let tools = |lag: u64| Some(json!({"python": true, "max_calls": 8, "lag": lag}));
    let settings = Settings { tools: tools(8), ..plain.clone() };
    let (place, verifiers) = (folder.path().join("record"), verifiers());
    let mut record = EvaluationRecord::open(&place, &settings).unwrap();
    let turns = vec![Message::assistant("<tool_call>1 + 1</tool_call>"), Message::new("tool", "2")];
    for (place, index) in record.missing(&tasks) {
        let task = &tasks.tasks[place];
        let turns = if index == 0 { turns.clone() } else { Vec::new() };
        let sampled = SampledCompletion { turns, ..completion(&task.task.id, index) };
        record.append(&judge(&verifiers, "sums", task, index, sampled).await, 0.0).unwrap();
    }
    let finished = record.finish(&tasks).unwrap();
    let rows: Vec<SampleRow> = finished.rows().unwrap().map(Result::unwrap).collect();
    assert_eq!(read_samples(&place.join("samples.parquet")).unwrap(), rows);
    for row in &rows {
        let judged = judged(row, &tasks.tasks[0].task, &tasks.tasks[0]);
        let [asked, rest @ ..] = &judged.conversation[..] else { panic!("nothing was asked") };
        assert_eq!(asked, &tasks.tasks[0].conversation[0]);
        assert_eq!(rest, if row.sample_index == 0 { &turns[..] } else { &[] });
        assert_eq!((&*judged.completion, judged.turns().len()), (row.completion.as_str(), 1 + rest.len() / 2));
    }
    finished.judge_again(&verifiers, &tasks, &settings).await.unwrap();
    let again: Vec<SampleRow> = finished.rows().unwrap().map(Result::unwrap).collect();
    for (again, row) in again.iter().zip(&rows) {
        assert_eq!((&again.turns, &again.verdict), (&row.turns, &row.verdict));
    }

    // Other tools are other settings, for a record and for a comparison; a lag is named there.
    let error = finished.judge_again(&verifiers, &tasks, &plain).await.unwrap_err().to_string();
    assert!(error.contains("tools.python: true there, not set here"), "{error}");
    drop(finished);
    let error = EvaluationRecord::open(&place, &plain).unwrap_err().to_string();
    assert!(error.contains("tools.max_calls: 8 there, not set here"), "{error}");
    assert!(!plain.forbidding_differences(&settings).is_empty());
    let later = Settings { tools: tools(16), ..plain };
    assert_eq!(later.forbidding_differences(&settings), Vec::<String>::new());
    assert_eq!(later.named_differences(&settings), ["tools.lag: 8 there, 16 here"]);
    assert!(EvaluationRecord::open(&place, &later).is_err());
}

#[tokio::test]
async fn stored_samples_are_judged_again_with_the_old_verdict_beside() {
    let folder = tempfile::tempdir().unwrap();
    let (tasks, settings) = setting(folder.path());
    let place = folder.path().join("record");
    evaluate(&place, &tasks, &settings, 99, false).await;
    // The key of a was wrong.
    let corrected = [("a", "1 + 1?", "4"), ("b", "2 + 2?", "4"), ("c", "3 + 4?", "7")];
    let (tasks, settings) =
        tasks_of(suite("", "samples = 2\ntemperature = 0.6"), &math_file(folder.path(), &corrected));
    let samples = std::fs::read(place.join("samples.jsonl")).unwrap();
    let stored = FinishedRecord::open(&place).unwrap();
    let verifiers = verifiers();
    let again = stored.judge_again(&verifiers, &tasks, &settings).await.unwrap();
    let changes = again.changes;
    assert_eq!((changes.num_samples, changes.num_gained, changes.num_lost), (6, 1, 1));
    let result = EvalResult::of(&again.tally, Some(&verifiers), again.settings, 0.0).unwrap();
    assert_eq!(result.summary.tasks[0].num_passed, 1);
    let rows: Vec<_> = stored.rows().unwrap().map(Result::unwrap).collect();
    let verdicts = |place: usize| (rows[place].verdict.passed(), rows[place].earlier.as_ref().unwrap().passed());
    assert_eq!((verdicts(0), verdicts(1)), ((false, true), (true, false)));
    assert_eq!(read_samples(&place.join("samples.parquet")).unwrap(), rows);
    // What was sampled was neither written anew nor read for the table: its columns lie as they lay.
    let drawn: SampleRow = serde_json::from_slice(samples.split(|byte| *byte == b'\n').next().unwrap()).unwrap();
    assert_eq!(std::fs::read(place.join("samples.jsonl")).unwrap(), samples);
    assert_eq!(Some(&drawn.verdict), rows[0].earlier.as_ref());
    // Without a table it is made anew, and is the same; and the verdict before stays beside that of each time.
    std::fs::remove_file(place.join("samples.parquet")).unwrap();
    stored.judge_again(&verifiers, &tasks, &settings).await.unwrap();
    let twice: Vec<SampleRow> = stored.rows().unwrap().map(Result::unwrap).collect();
    assert_eq!(read_samples(&place.join("samples.parquet")).unwrap(), twice);
    assert!(twice.iter().zip(&rows).all(|(twice, once)| twice.earlier.as_ref() == Some(&once.verdict)));
    // Who goes on with the record finds the verdicts in its log.
    drop(stored);
    let record = EvaluationRecord::open(&place, &EvaluationRecord::settings(&place).unwrap().unwrap()).unwrap();
    record.finish(&tasks).unwrap();
    assert!(!place.join("verdicts.jsonl").exists());
    assert_eq!(rows_of(&place), twice);
    assert_eq!(read_samples(&place.join("samples.parquet")).unwrap(), twice);
    // Samples of another protocol are not these.
    let (tasks, other) = tasks_of(suite("", "samples = 2\ntemperature = 0.7"), &math_file(folder.path(), &corrected));
    let stored = FinishedRecord::open(&place).unwrap();
    let text = stored.judge_again(&verifiers, &tasks, &other).await.unwrap_err().to_string();
    assert!(text.contains("temperature"), "{text}");
}

/// Names of the files of a record in the order in which new ones take their places, with those that they grow by.
const RENAMES: [(&str, &str); 3] = [
    ("verdicts-again.jsonl", "verdicts.jsonl"),
    ("samples-again.parquet", "samples.parquet"),
    ("settings-again.json", "settings.json"),
];

/// Bytes of a record's three files, where they are there.
fn bytes_of(place: &Path) -> Vec<Option<Vec<u8>>> {
    RENAMES.iter().map(|(_, name)| std::fs::read(place.join(name)).ok()).collect()
}

fn rows_of(place: &Path) -> Vec<SampleRow> {
    FinishedRecord::open(place).unwrap().rows().unwrap().map(Result::unwrap).collect()
}

#[tokio::test]
async fn a_judging_again_that_is_killed_between_two_renames_is_ended_by_whoever_opens_the_record() {
    let folder = tempfile::tempdir().unwrap();
    let (tasks, settings) = setting(folder.path());
    let place = folder.path().join("record");
    evaluate(&place, &tasks, &settings, 99, false).await;
    let old = bytes_of(&place);
    let corrected = [("a", "1 + 1?", "4"), ("b", "2 + 2?", "4"), ("c", "3 + 4?", "7")];
    let (tasks, settings) =
        tasks_of(suite("", "samples = 2\ntemperature = 0.6"), &math_file(folder.path(), &corrected));
    // The second rename fails: the log is the new one, and the rest waits.
    std::fs::remove_file(place.join("samples.parquet")).unwrap();
    std::fs::create_dir_all(place.join("samples.parquet/in the way")).unwrap();
    let stored = FinishedRecord::open(&place).unwrap();
    stored.judge_again(&verifiers(), &tasks, &settings).await.unwrap_err();
    drop(stored);
    let is_there = |(name, _): &(&str, &str)| place.join(name).exists();
    assert_eq!(RENAMES.iter().map(is_there).collect::<Vec<_>>(), [false, true, true]);
    std::fs::remove_dir_all(place.join("samples.parquet")).unwrap();
    let stored = FinishedRecord::open(&place).unwrap();
    let new = bytes_of(&place);
    assert!(old.iter().zip(&new).all(|(old, new)| old != new && new.is_some()));
    drop(stored);
    let (samples, rows) = (std::fs::read(place.join("samples.jsonl")).unwrap(), rows_of(&place));

    type Open = fn(&Path, &Settings);
    let ways: [Open; 3] = [
        |place, settings| drop(EvaluationRecord::open(place, settings).unwrap()),
        |place, _| drop(EvaluationRecord::settings(place).unwrap().unwrap()),
        |place, _| drop(FinishedRecord::open(place).unwrap()),
    ];
    let here = EvaluationRecord::settings(&place).unwrap().unwrap();
    for (number, open) in ways.iter().enumerate() {
        for num_renamed in 0..RENAMES.len() {
            let killed = folder.path().join(format!("killed-{number}-{num_renamed}"));
            std::fs::create_dir(&killed).unwrap();
            std::fs::write(killed.join("samples.jsonl"), &samples).unwrap();
            let write = |name: &str, bytes: &Option<Vec<u8>>| {
                bytes.iter().for_each(|bytes| std::fs::write(killed.join(name), bytes).unwrap());
            };
            for (index, (growing, name)) in RENAMES.iter().enumerate() {
                let is_renamed = index < num_renamed;
                write(name, if is_renamed { &new[index] } else { &old[index] });
                if !is_renamed {
                    write(growing, &new[index]);
                }
            }
            open(&killed, &here);
            assert_eq!(rows_of(&killed), rows, "{number} {num_renamed}");
            assert!(bytes_of(&killed)[1..] == new[1..], "{number} {num_renamed}");
            assert!(RENAMES.iter().all(|(growing, _)| !killed.join(growing).exists()));
        }
    }
}

#[tokio::test]
async fn a_judging_again_that_is_killed_before_its_settings_are_written_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (tasks, settings) = setting(folder.path());
    let place = folder.path().join("record");
    evaluate(&place, &tasks, &settings, 99, false).await;
    let old = bytes_of(&place);
    for (growing, _) in &RENAMES[..2] {
        std::fs::write(place.join(growing), "of new verdicts").unwrap();
    }
    FinishedRecord::open(&place).unwrap();
    assert!(bytes_of(&place) == old);
}
