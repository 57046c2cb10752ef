//! The tasks of a suite as they are asked and judged: drawn, shuffled, with the conversation that the protocol makes,
//! and with the key that the errata correct.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use datasets::{Message, Task, TaskVerifier};
use random::KeyedRng;
use record::checksum::Checksum;
use record::samples::SampleRow;
use serde::Serialize;
use serde_json::{Value, json};

use crate::choices::{choices_of, permutation, show_in_order};
use crate::error::EvaluationError;
use crate::prompt::PromptMaker;
use crate::protocol::{Metric, Protocol, Shots};
use crate::suite::{Erratum, Suite};

/// Tasks of a suite that were read, and what they were read by.
#[derive(Debug, Clone, Default)]
pub struct LoadedTasks {
    /// The tasks, in the order of their rows.
    pub tasks: Vec<Task>,
    /// Name of the layout that they were read by; empty for ponder's own files.
    pub layout: String,
    /// Solved examples, for a protocol that has them.
    pub shots: Vec<Task>,
    /// What the reading did that a reader of the figure should know, such as rows that were removed as duplicates.
    pub notes: Vec<String>,
}

/// The choice of tasks, of which the same seed makes the same for every model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TaskChoice {
    /// The evaluation's seed.
    pub seed: u64,
    /// Most tasks; drawn by the seed and their ids.
    pub limit: Option<usize>,
}

/// The tasks of a suite.
#[derive(Debug, Clone)]
pub struct SuiteTasks {
    /// The suite, at its version and window.
    pub suite: Suite,
    /// The tasks that are asked, in the order of their rows.
    pub tasks: Vec<SuiteTask>,
    /// What marks the figure: another number of rows, a part of the tasks, fewer examples than the protocol has.
    pub marks: Vec<String>,
    /// What is said before the start and marks nothing: counts, rows that were removed, keys that are corrected.
    pub notes: Vec<String>,
}

/// A task of a suite.
#[derive(Debug, Clone)]
pub struct SuiteTask {
    /// The task as it is judged: its messages are those of the data.
    pub task: Arc<Task>,
    /// The conversation that is asked.
    pub conversation: Arc<[Message]>,
    /// The part of the suite that the task belongs to; empty where there are none.
    pub category: String,
    /// The error that is known of the task.
    pub erratum: Option<Erratum>,
    /// The task with the corrected key, where the erratum has one.
    pub corrected: Option<Arc<Task>>,
    /// The continuation of each choice, where the suite goes by their logprobs; or else empty.
    pub continuations: Vec<String>,
}

impl SuiteTask {
    /// The task with the conversation that is asked in the place of its own messages.
    pub fn asked(&self) -> Task {
        Task { messages: self.conversation.to_vec(), ..self.task.as_ref().clone() }
    }

    /// True for a task that the corrected figure leaves out.
    pub fn is_left_out(&self) -> bool {
        self.erratum.is_some() && self.corrected.is_none()
    }
}

/// Where a suite's tasks stand, by their ids.
#[derive(Debug)]
pub(crate) struct TaskPlaces<'a> {
    suite: &'a str,
    places: HashMap<&'a str, usize>,
}

impl TaskPlaces<'_> {
    /// Place of a sample's task.
    ///
    /// # Errors
    /// The sample is of no task of the suite.
    pub(crate) fn of(&self, row: &SampleRow) -> Result<usize, EvaluationError> {
        self.places.get(row.task_id.as_str()).copied().ok_or_else(|| {
            let problem = format!("there is a sample of the task {}, which is not asked", row.task_id);
            EvaluationError::tasks(self.suite, problem)
        })
    }
}

impl SuiteTasks {
    /// Makes a suite's tasks of those that were read.
    ///
    /// # Errors
    /// There are none; two ids have one prompt; a task has no date for the window, or a prompt cannot be made.
    pub fn new(suite: Suite, loaded: LoadedTasks, choice: TaskChoice) -> Result<Self, EvaluationError> {
        let LoadedTasks { tasks, layout, shots, mut notes } = loaded;
        let mut marks = Vec::new();
        let shots = if shots.is_empty() { shots_among(&suite, &tasks) } else { shots };
        let tasks = of_the_version(&suite, tasks)?;
        let num_rows = tasks.len();
        if !suite.num_rows.0.is_empty() && !suite.num_rows.0.contains(&(num_rows as u64)) {
            marks.push(format!("{num_rows} rows, where the set has {}", suite.num_rows));
        }
        let tasks = in_the_window(&suite, tasks)?;
        match &suite.window {
            Some(window) => notes.push(format!("{} of {num_rows} tasks from {window}", tasks.len())),
            None => notes.push(format!("{num_rows} tasks")),
        }
        let num_tasks = tasks.len();
        let tasks = drawn(&suite, tasks, choice);
        if tasks.len() < num_tasks {
            marks.push(format!("{} of {num_tasks} tasks, drawn with seed {}", tasks.len(), choice.seed));
        }
        if tasks.is_empty() {
            return Err(EvaluationError::tasks(&suite.name, "no task is left to ask"));
        }
        let is_complete = suite.asked_as_given.contains(&layout);
        let has_none = shots.is_empty() && !is_complete;
        if let Some(Shots { count, split, .. }) = suite.protocol.shots.as_ref().filter(|_| has_none) {
            marks.push(format!("asked without examples, where the protocol has {count} of the split `{split}`"));
        }
        let maker = PromptMaker::new(&suite)?;
        let make = |task: Task| suite_task(&suite, &maker, &shots, is_complete, choice.seed, task);
        let tasks: Vec<SuiteTask> = tasks.into_iter().map(make).collect::<Result<_, _>>()?;
        drop(maker);
        check_prompts(&suite, &tasks)?;
        let num_errata = tasks.iter().filter(|task| task.erratum.is_some()).count();
        if num_errata > 0 {
            notes.push(format!("{num_errata} tasks have errata: the corrected figure stands beside the official one"));
        }
        Ok(Self { suite, tasks, marks, notes })
    }

    /// Tasks of a file of a person's own: any layout, no count, no template.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn of_file(
        name: &str,
        protocol: Protocol,
        loaded: LoadedTasks,
        choice: TaskChoice,
    ) -> Result<Self, EvaluationError> {
        protocol.check(name)?;
        Self::new(Suite::of_file(name, protocol), loaded, choice)
    }

    /// Number of completions that are asked for.
    pub fn num_samples(&self) -> usize {
        self.tasks.len() * self.suite.protocol.samples
    }

    /// Each task with each place of its completions, in the order of the record.
    pub fn order(&self) -> impl Iterator<Item = (&str, u32)> {
        let samples = self.suite.protocol.samples as u32;
        self.tasks.iter().flat_map(move |task| (0..samples).map(move |index| (task.task.id.as_str(), index)))
    }

    /// Where each task stands, by its id.
    pub(crate) fn places(&self) -> TaskPlaces<'_> {
        let places = self.tasks.iter().enumerate().map(|(place, task)| (task.task.id.as_str(), place)).collect();
        TaskPlaces { suite: &self.suite.name, places }
    }

    /// Checksum of all that is asked and judged by: ids, conversations, tools, keys, and continuations.
    pub fn checksum(&self) -> String {
        #[derive(Serialize)]
        struct Content<'a> {
            id: &'a str,
            conversation: &'a [Message],
            tools: &'a Option<Value>,
            verifiers: &'a [TaskVerifier],
            continuations: &'a [String],
        }
        let mut checksum = Checksum::new();
        for SuiteTask { task, conversation, continuations, .. } in &self.tasks {
            let content =
                Content { id: &task.id, conversation, tools: &task.tools, verifiers: &task.verifiers, continuations };
            checksum.add(&serde_json::to_vec(&content).unwrap_or_default());
            checksum.add(b"\n");
        }
        checksum.finish()
    }
}

/// The tasks whose ids belong to the suite's version, where its file holds more.
fn of_the_version(suite: &Suite, tasks: Vec<Task>) -> Result<Vec<Task>, EvaluationError> {
    let Some([first, last]) = suite.ids else { return Ok(tasks) };
    let belongs = |task: &Task| {
        let number: i64 = task.id.rsplit('/').next()?.parse().ok()?;
        Some((first..=last).contains(&number))
    };
    let mut kept = Vec::new();
    for task in tasks {
        let belongs = belongs(&task).ok_or_else(|| {
            let problem =
                format!("the id \"{}\" is no number, and the suite has those from {first} to {last}", task.id);
            EvaluationError::tasks(&suite.name, problem)
        })?;
        if belongs {
            kept.push(task);
        }
    }
    Ok(kept)
}

/// The solved examples that stand among the tasks themselves, where the protocol names them and the file holds more
/// than the suite.
fn shots_among(suite: &Suite, tasks: &[Task]) -> Vec<Task> {
    let (Some(Shots { ids, .. }), true) = (&suite.protocol.shots, suite.ids.is_some()) else { return Vec::new() };
    tasks.iter().filter(|task| ids.iter().any(|id| task.id.rsplit('/').next() == Some(id))).cloned().collect()
}

fn in_the_window(suite: &Suite, tasks: Vec<Task>) -> Result<Vec<Task>, EvaluationError> {
    let Some(window) = &suite.window else { return Ok(tasks) };
    let mut kept = Vec::new();
    for task in tasks {
        let fail = |problem: String| EvaluationError::tasks(&suite.name, format!("task {}: {problem}", task.id));
        let date = task.meta.as_ref().and_then(|meta| meta.get("date")).and_then(Value::as_str);
        let date = date.ok_or_else(|| fail("it has no date, so no window can be chosen".to_owned()))?;
        if window.contains(date).map_err(fail)? {
            kept.push(task);
        }
    }
    Ok(kept)
}

/// At most `limit` tasks. Each has a number of its own by the seed and its id, and the lowest are drawn, so that a
/// larger draw contains a smaller one.
fn drawn(suite: &Suite, tasks: Vec<Task>, choice: TaskChoice) -> Vec<Task> {
    let Some(limit) = choice.limit.filter(|limit| *limit < tasks.len()) else { return tasks };
    let number = |task: &Task| {
        let key = [choice.seed.into(), "limit".into(), suite.name.as_str().into(), task.id.as_str().into()];
        KeyedRng::new(&key).next_u64()
    };
    let mut numbers: Vec<u64> = tasks.iter().map(number).collect();
    let all = numbers.clone();
    numbers.sort_unstable();
    let bound = numbers[limit];
    tasks.into_iter().zip(all).filter(|(_, number)| *number < bound).map(|(task, _)| task).collect()
}

fn suite_task(
    suite: &Suite,
    maker: &PromptMaker<'_>,
    shots: &[Task],
    is_complete: bool,
    seed: u64,
    mut task: Task,
) -> Result<SuiteTask, EvaluationError> {
    judge_by_the_protocol(suite, &mut task)?;
    let title = task.meta.as_ref().and_then(|meta| meta.get("title")).and_then(Value::as_str);
    let names = |id: &String| *id == task.id || Some(id.as_str()) == title;
    let erratum = suite.errata.iter().find(|erratum| erratum.ids.iter().any(names)).cloned();
    let mut corrected = erratum.as_ref().and_then(|erratum| with_key(&task, erratum.answer.as_ref()?));
    if suite.shuffles_choices {
        let order = permutation(seed, &task.id, choices_of(&task).len());
        show_in_order(&suite.name, &mut task, &order)?;
        corrected.as_mut().map_or(Ok(()), |corrected| show_in_order(&suite.name, corrected, &order))?;
    }
    let shots = shots_for(suite, &task, shots);
    let conversation = maker.conversation(&task, &shots, is_complete)?;
    let continuations =
        if suite.protocol.metric == Metric::LogLikelihood { maker.continuations(&task)? } else { Vec::new() };
    let category = category_of(suite, &task);
    Ok(SuiteTask {
        task: Arc::new(task),
        conversation: conversation.into(),
        category,
        erratum,
        corrected: corrected.map(Arc::new),
        continuations,
    })
}

/// The solved examples that a task is asked with: as many as the protocol has, of the task's own part where it says so,
/// and never the task itself.
fn shots_for<'a>(suite: &Suite, task: &Task, shots: &'a [Task]) -> Vec<&'a Task> {
    let Some(Shots { count, by, ids, .. }) = &suite.protocol.shots else { return Vec::new() };
    let part = |task: &Task| by.as_ref().and_then(|by| task.meta.as_ref()?.get(by).cloned());
    let own = part(task);
    let fits = |shot: &&Task| {
        let is_wanted = ids.is_empty() || ids.iter().any(|id| shot.id.rsplit('/').next() == Some(id));
        is_wanted && part(shot) == own && shot.messages != task.messages
    };
    shots.iter().filter(fits).take(*count).collect()
}

/// The part of the suite that a task belongs to: what its `meta` says, or else its id without the number at its end.
fn category_of(suite: &Suite, task: &Task) -> String {
    let Some(by) = &suite.by else { return String::new() };
    match task.meta.as_ref().and_then(|meta| meta.get(by)) {
        Some(Value::String(part)) => part.clone(),
        Some(part) if !part.is_null() => part.to_string(),
        _ if by == "category" => task.id.rsplit_once('_').map_or("", |(category, _)| category).to_owned(),
        _ => String::new(),
    }
}

/// Puts the protocol's verifier, and what it adds to keys, in the place of the task's own.
fn judge_by_the_protocol(suite: &Suite, task: &mut Task) -> Result<(), EvaluationError> {
    if let Some(name) = &suite.protocol.verifier {
        let truth = task.verifiers.first().map_or(Value::Null, |own| own.ground_truth.clone());
        task.verifiers = vec![TaskVerifier::new(name.clone(), truth)];
    }
    if suite.protocol.judged_with.is_empty() {
        return Ok(());
    }
    let Ok(Value::Object(added)) = serde_json::to_value(&suite.protocol.judged_with) else { return Ok(()) };
    for verifier in &mut task.verifiers {
        let truth = &mut verifier.ground_truth;
        if !truth.is_object() {
            *truth = json!({"answer": truth.take()});
        }
        for (name, value) in &added {
            truth[name.as_str()] = value.clone();
        }
    }
    Ok(())
}

/// The task with another key, or `None` where its key is no answer that could be replaced.
fn with_key(task: &Task, answer: &str) -> Option<Task> {
    let mut task = task.clone();
    let truth = &mut task.verifiers.first_mut()?.ground_truth;
    match truth {
        Value::Object(fields) => {
            if !["answer", "any_of", "all_of"].iter().any(|name| fields.contains_key(*name)) {
                return None;
            }
            fields.shift_remove("any_of");
            fields.shift_remove("all_of");
            fields.insert("answer".to_owned(), answer.into());
        }
        Value::String(_) | Value::Number(_) => *truth = answer.into(),
        _ => return None,
    }
    Some(task)
}

/// Refuses one prompt under two ids, and one id twice.
fn check_prompts(suite: &Suite, tasks: &[SuiteTask]) -> Result<(), EvaluationError> {
    let mut by_prompt: HashMap<String, &str> = HashMap::new();
    let mut ids: HashSet<&str> = HashSet::new();
    for SuiteTask { task, conversation, .. } in tasks {
        if !ids.insert(&task.id) {
            let problem = format!("two tasks have the id \"{}\"", task.id);
            return Err(EvaluationError::tasks(&suite.name, problem));
        }
        if suite.has_repeated_prompts {
            continue;
        }
        let prompt = serde_json::to_string(&(&conversation[..], &task.tools)).unwrap_or_default();
        if let Some(first) = by_prompt.insert(prompt, &task.id) {
            let problem = format!(
                "tasks {first} and {} have the same prompt: remove one, or the figure counts it twice",
                task.id
            );
            return Err(EvaluationError::tasks(&suite.name, problem));
        }
    }
    Ok(())
}
