//! Rows of the record, one after the other, to what the figures are made of. Keeps of a row what is counted, and never
//! its text but for the answer that a majority votes on.

use std::collections::HashMap;

use random::hash_bytes;
use rayon::prelude::*;
use record::samples::{MeasureRow, SampleRow, SampleVerdict};
use statistics::{EvalRecord, EvalSample};
use verifiers::{TIME_LIMIT, VerdictKind, Verifiers};

use crate::error::EvaluationError;
use crate::suite_tasks::{SuiteTask, SuiteTasks, TaskPlaces};

/// The samples of a suite's tasks, counted as they come.
#[derive(Debug)]
pub struct Tally<'a> {
    tasks: &'a SuiteTasks,
    places: TaskPlaces<'a>,
    samples: Vec<Vec<Counted>>,
    measures: Vec<Vec<MeasureRow>>,
}

/// What is counted of a sample.
#[derive(Debug, Clone)]
pub(crate) struct Counted {
    /// Place of its task in the suite.
    place: usize,
    sample_index: u32,
    sample: EvalSample,
    answer: Option<String>,
    corrected: Option<EvalSample>,
    measures: Vec<MeasureRow>,
}

impl Counted {
    /// What is counted of a sample of the suite's task at `place`.
    pub(crate) fn of(tasks: &SuiteTasks, place: usize, row: &SampleRow) -> Self {
        let hash = |hash: u64, text: &str| hash.rotate_left(1) ^ hash_bytes(text.as_bytes());
        let turns = row.turns.iter().map(|turn| turn.content.as_str());
        let completion_hash = turns.chain([row.completion.as_str()]).fold(0, hash);
        let sample = |verdict: &SampleVerdict| sample_of(row, verdict, completion_hash);
        Self {
            place,
            sample_index: row.sample_index,
            sample: sample(&row.verdict),
            answer: row.verdict.answer.clone().filter(|_| tasks.suite.protocol.samples > 1),
            corrected: row.corrected.as_ref().map(sample),
            measures: row.verdict.measures.clone(),
        }
    }
}

impl<'a> Tally<'a> {
    /// No samples yet.
    pub fn new(tasks: &'a SuiteTasks) -> Self {
        let num_tasks = tasks.tasks.len();
        Self {
            tasks,
            places: tasks.places(),
            samples: vec![Vec::new(); num_tasks],
            measures: vec![Vec::new(); num_tasks],
        }
    }

    /// The suite's tasks.
    pub fn tasks(&self) -> &'a SuiteTasks {
        self.tasks
    }

    /// Counts a sample.
    ///
    /// # Errors
    /// The sample is of no task of the suite, or was counted already.
    pub fn add(&mut self, row: &SampleRow) -> Result<(), EvaluationError> {
        let counted = Counted::of(self.tasks, self.places.of(row)?, row);
        self.insert(counted)
    }

    /// Takes a sample that was counted.
    ///
    /// # Errors
    /// The sample is there already.
    pub(crate) fn insert(&mut self, mut counted: Counted) -> Result<(), EvaluationError> {
        let place = counted.place;
        if self.samples[place].iter().any(|other| other.sample_index == counted.sample_index) {
            let task = &self.tasks.tasks[place].task.id;
            return Err(self.error(format!("sample {} of task {task} is there twice", counted.sample_index)));
        }
        self.measures[place].append(&mut counted.measures);
        self.samples[place].push(counted);
        Ok(())
    }

    fn error(&self, problem: String) -> EvaluationError {
        EvaluationError::tasks(&self.tasks.suite.name, problem)
    }

    /// The samples of each task, as the statistics take them; answers are put into classes by the verifiers' own
    /// equality.
    pub(crate) fn records(&self, verifiers: Option<&Verifiers>) -> Vec<EvalRecord> {
        let num_asked = self.tasks.suite.protocol.samples;
        let record = |(task, counted): (&SuiteTask, &Vec<Counted>)| {
            let mut counted: Vec<&Counted> = counted.iter().collect();
            counted.sort_by_key(|counted| counted.sample_index);
            let answers: Vec<Option<&str>> = counted.iter().map(|counted| counted.answer.as_deref()).collect();
            let classes = verifiers.map_or_else(|| vec![None; answers.len()], |of| classes(of, task, &answers));
            let samples = counted.iter().zip(classes);
            let samples = samples.map(|(counted, class)| EvalSample { answer_class: class, ..counted.sample.clone() });
            EvalRecord { task_id: task.task.id.clone(), samples: samples.collect(), num_asked }
        };
        self.tasks.tasks.par_iter().zip(&self.samples).map(record).collect()
    }

    /// The samples as the errata have them: tasks that are wrong are left out, others judged by the corrected key.
    /// `None` where no task has an erratum.
    pub(crate) fn corrected_records(&self) -> Option<Vec<EvalRecord>> {
        if self.tasks.tasks.iter().all(|task| task.erratum.is_none()) {
            return None;
        }
        let kept = self.tasks.tasks.iter().zip(&self.samples).filter(|(task, _)| !task.is_left_out());
        let sample = |counted: &Counted| counted.corrected.as_ref().unwrap_or(&counted.sample).clone();
        let record = |(task, counted): (&SuiteTask, &Vec<Counted>)| {
            EvalRecord::new(&task.task.id, counted.iter().map(sample).collect())
        };
        Some(kept.map(record).collect())
    }

    /// The figures beside the verdicts, of each task.
    pub(crate) fn measures(&self) -> &[Vec<MeasureRow>] {
        &self.measures
    }
}

/// What is counted of a row under one of its verdicts.
fn sample_of(row: &SampleRow, verdict: &SampleVerdict, completion_hash: u64) -> EvalSample {
    let is = |kind: VerdictKind| verdict.kind == kind.as_str();
    EvalSample {
        score: verdict.score.unwrap_or_default(),
        passed: verdict.passed(),
        num_tokens: row.num_completion_tokens as usize,
        truncated: row.finish_reason == "length",
        no_answer: is(VerdictKind::NoAnswer),
        timed_out: verdict.detail.as_deref() == Some(TIME_LIMIT),
        verifier_error: verdict.score.is_none(),
        answer_class: None,
        completion_hash: Some(completion_hash),
    }
}

/// The class of each answer: equal answers have one number. Equal texts are one answer without asking.
fn classes(verifiers: &Verifiers, task: &SuiteTask, answers: &[Option<&str>]) -> Vec<Option<u32>> {
    let mut by_text: HashMap<&str, u32> = HashMap::new();
    let mut representatives: Vec<&str> = Vec::new();
    let mut class_of = |answer| {
        *by_text.entry(answer).or_insert_with(|| {
            let same = |other: &&str| verifiers.same_answer(&task.task, other, answer).unwrap_or(false);
            let found = representatives.iter().position(same).unwrap_or_else(|| {
                representatives.push(answer);
                representatives.len() - 1
            });
            found as u32 // fewer than a task has samples
        })
    };
    answers.iter().map(|answer| answer.map(&mut class_of)).collect()
}
