//! Figures of a suite's parts: by kind, by subject, by category.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use statistics::{EvalRecord, Figure};

use crate::suite_tasks::SuiteTasks;

/// The figure of a part of a suite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartFigure {
    /// Number of tasks with at least one judged sample.
    pub num_tasks: usize,
    /// Mean over tasks of the share of judged samples that pass.
    #[serde(rename = "pass@1")]
    pub pass_at_1: f64,
    /// 95 % interval: lower and upper end.
    pub interval: [f64; 2],
    /// Mean score, which differs from pass@1 where verifiers give partial credit.
    pub score_mean: f64,
}

/// The figures of each part, by what parts them (`kind`, `subject`, ..) and by the part's name. What would make one
/// part alone is left out.
pub(crate) fn figures(tasks: &SuiteTasks, records: &[EvalRecord]) -> BTreeMap<String, BTreeMap<String, PartFigure>> {
    let by_kind = records.iter().zip(&tasks.tasks).map(|(record, task)| (task.task.kind.to_string(), record));
    let mut all = BTreeMap::from([("kind".to_owned(), grouped(by_kind))]);
    if let Some(by) = &tasks.suite.by {
        let by_category = records.iter().zip(&tasks.tasks).map(|(record, task)| (task.category.clone(), record));
        all.insert(by.clone(), grouped(by_category.filter(|(category, _)| !category.is_empty())));
    }
    all.retain(|by, parts| parts.len() > 1 || (parts.len() == 1 && by != "kind"));
    all
}

fn grouped<'a>(records: impl Iterator<Item = (String, &'a EvalRecord)>) -> BTreeMap<String, PartFigure> {
    let mut groups: BTreeMap<String, Vec<&EvalRecord>> = BTreeMap::new();
    for (part, record) in records {
        groups.entry(part).or_default().push(record);
    }
    groups.into_iter().filter_map(|(part, records)| Some((part, figure(&records)?))).collect()
}

/// The figure of some tasks; `None` where not one of their samples was judged.
fn figure(records: &[&EvalRecord]) -> Option<PartFigure> {
    let (mut means, mut scores, mut num_samples) = (Vec::new(), Vec::new(), 0);
    for record in records {
        let judged = record.judged().count();
        if judged == 0 {
            continue;
        }
        let mean = |value: f64| value / judged as f64;
        means.push(mean(record.judged().map(|sample| f64::from(sample.passed)).sum()));
        scores.push(mean(record.judged().map(|sample| f64::from(sample.score)).sum()));
        num_samples += judged;
    }
    let figure = Figure::of(&means, num_samples)?;
    Some(PartFigure {
        num_tasks: means.len(),
        pass_at_1: figure.value,
        interval: figure.interval,
        score_mean: scores.iter().sum::<f64>() / scores.len() as f64,
    })
}
