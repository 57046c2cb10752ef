//! Completions of held-out tasks to rows with their verdicts.

use std::collections::BTreeMap;
use std::time::Instant;

use evaluation::{SampledCompletion, SuiteTask, SuiteTasks, judge as judge_one, judged as judged_of, verdict_of};
use futures::future::join_all;
use record::samples::SampleRow;
use verifiers::{Judged, Judgement};

use crate::judge::Judge;

/// A completion and its place: the task's, and its own among the task's.
pub(super) type Placed = (usize, u32, SampledCompletion);

/// Rows with the places of their tasks.
#[derive(Debug)]
pub(super) struct JudgedRows {
    pub(super) rows: Vec<(usize, SampleRow)>,
    /// Seconds that the verdicts took together.
    pub(super) seconds: f64,
}

/// The rows of some completions. Those of a task whose verifiers compare them are all there.
pub(super) async fn judged(judge: &Judge, suite: &str, tasks: &SuiteTasks, completions: Vec<Placed>) -> JudgedRows {
    let started = Instant::now();
    let mut alone = Vec::new();
    let mut groups: BTreeMap<usize, Vec<(u32, SampledCompletion)>> = BTreeMap::new();
    for (place, index, completion) in completions {
        let task = &tasks.tasks[place];
        if judge.compares(&task.task) {
            groups.entry(place).or_default().push((index, completion));
        } else {
            alone.push(async move { (place, judge_one(judge.verifiers(), suite, task, index, completion).await) });
        }
    }
    let mut rows = join_all(alone).await;
    for (place, mut group) in groups {
        group.sort_by_key(|(index, _)| *index);
        let compared = compared(judge, suite, &tasks.tasks[place], group).await;
        rows.extend(compared.into_iter().map(|row| (place, row)));
    }
    JudgedRows { rows, seconds: started.elapsed().as_secs_f64() }
}

/// The rows of all completions of a task whose verifiers compare them.
async fn compared(
    judge: &Judge,
    suite: &str,
    task: &SuiteTask,
    group: Vec<(u32, SampledCompletion)>,
) -> Vec<SampleRow> {
    let rows: Vec<SampleRow> =
        group.into_iter().map(|(index, completion)| completion.row(suite, task, index)).collect();
    let judged: Vec<Judged> = rows.iter().map(|row| judged_of(row, &task.task, task)).collect();
    let mut judgements: Vec<Judgement> = join_all(judged.iter().map(|one| judge.judge(one))).await;
    judge.judge_group(&judged, &mut judgements).await;
    let rows = rows.into_iter().zip(judgements);
    rows.map(|(row, judgement)| SampleRow { verdict: verdict_of(&judgement), ..row }).collect()
}
