//! A completion of a suite's task to a row of the record, whoever sampled it. All ways to a verdict meet here: a
//! model's samples, another engine's file, and stored samples that are judged again.

use std::borrow::Cow;
use std::mem;
use std::sync::Arc;

use datasets::Task;
use record::samples::{MeasureRow, SampleRow, SampleVerdict};
use verifiers::{Judged, Judgement, Verifiers};

use crate::suite_tasks::SuiteTask;

/// A completion as it was sampled.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SampledCompletion {
    /// The text, thinking included.
    pub text: String,
    /// Token ids; `None` where another engine sampled it.
    pub ids: Option<Vec<u32>>,
    /// Reason for its end: `stop`, `stop_string`, `length` or `repetition`.
    pub finish_reason: String,
    /// True where the prompt ended within the thinking.
    pub thinking_open: bool,
    /// Number of tokens of the prompt; 0 where they were not counted.
    pub num_prompt_tokens: u32,
    /// Number of tokens of the completion; 0 where they were not counted.
    pub num_completion_tokens: u32,
}

impl SampledCompletion {
    /// A completion of another engine that ended by itself.
    pub fn of_text(text: impl Into<String>) -> Self {
        Self { text: text.into(), finish_reason: "stop".to_owned(), ..Self::default() }
    }

    /// What a verifier sees of it: `task` may be the suite's task or the one with the corrected key.
    fn judged(&self, task: &Arc<Task>, of: &SuiteTask) -> Judged {
        Judged {
            conversation: of.conversation.clone(),
            thinking_open: self.thinking_open,
            finish_reason: reason(&self.finish_reason),
            num_prompt_tokens: self.num_prompt_tokens as usize,
            num_completion_tokens: self.num_completion_tokens as usize,
            ..Judged::new(task.clone(), self.text.as_str())
        }
    }
}

/// A reason for an end, of which there are few.
fn reason(text: &str) -> Cow<'static, str> {
    let known = ["stop", "stop_string", "length"].into_iter().find(|known| *known == text);
    known.map_or_else(|| Cow::Owned(text.to_owned()), Cow::Borrowed)
}

/// Judges a completion by the task's verifiers, and by the corrected key where there is one. Must be called on a tokio
/// runtime.
pub async fn judge(
    verifiers: &Verifiers,
    suite: &str,
    task: &SuiteTask,
    sample_index: u32,
    sampled: SampledCompletion,
) -> SampleRow {
    let judgement = judge_by(verifiers, &sampled.judged(&task.task, task)).await;
    let corrected = match &task.corrected {
        Some(corrected) => Some(judge_by(verifiers, &sampled.judged(corrected, task)).await),
        None => None,
    };
    row_of(suite, task, sample_index, sampled, [Some(&judgement), corrected.as_ref()])
}

/// The row of a completion under the judgements by the official and by the corrected key.
fn row_of(
    suite: &str,
    task: &SuiteTask,
    sample_index: u32,
    sampled: SampledCompletion,
    [official, corrected]: [Option<&Judgement>; 2],
) -> SampleRow {
    SampleRow {
        suite: suite.to_owned(),
        task_id: task.task.id.clone(),
        task_kind: task.task.kind.to_string(),
        category: task.category.clone(),
        sample_index,
        completion: sampled.text,
        completion_ids: sampled.ids,
        finish_reason: sampled.finish_reason,
        thinking_open: sampled.thinking_open,
        num_prompt_tokens: sampled.num_prompt_tokens,
        num_completion_tokens: sampled.num_completion_tokens,
        verdict: official.map(verdict_of).unwrap_or_default(),
        corrected: corrected.map(verdict_of),
        earlier: None,
    }
}

/// Judges a stored sample again; the verdict that stood there stays beside the new one.
pub async fn judge_again(verifiers: &Verifiers, task: &SuiteTask, row: SampleRow) -> SampleRow {
    let (suite, index, earlier) = (row.suite.clone(), row.sample_index, row.verdict.clone());
    let judged = judge(verifiers, &suite, task, index, SampledCompletion::from(row)).await;
    SampleRow { earlier: Some(earlier), ..judged }
}

/// Judges a stored sample again on this very thread.
///
/// # Errors
/// The sample itself, where one of the task's verifiers does not only compute.
pub(crate) fn judge_again_here(
    verifiers: &Verifiers,
    task: &SuiteTask,
    mut row: SampleRow,
) -> Result<SampleRow, Box<SampleRow>> {
    if !verifiers.only_compute(&task.task) {
        return Err(Box::new(row));
    }
    let (suite, index, earlier) = (mem::take(&mut row.suite), row.sample_index, mem::take(&mut row.verdict));
    let sampled = SampledCompletion::from(row);
    let official = verifiers.judge_here(&sampled.judged(&task.task, task));
    let corrected = task.corrected.as_ref().and_then(|key| verifiers.judge_here(&sampled.judged(key, task)));
    let judged = row_of(&suite, task, index, sampled, [official.as_ref(), corrected.as_ref()]);
    Ok(SampleRow { earlier: Some(earlier), ..judged })
}

impl From<SampleRow> for SampledCompletion {
    fn from(row: SampleRow) -> Self {
        Self {
            text: row.completion,
            ids: row.completion_ids,
            finish_reason: row.finish_reason,
            thinking_open: row.thinking_open,
            num_prompt_tokens: row.num_prompt_tokens,
            num_completion_tokens: row.num_completion_tokens,
        }
    }
}

/// The judgement of one completion, by verifiers that compare completions too: alone in its group.
async fn judge_by(verifiers: &Verifiers, judged: &Judged) -> Judgement {
    let mut judgements = [verifiers.judge(judged).await];
    verifiers.judge_group(std::slice::from_ref(judged), &mut judgements).await;
    let [judgement] = judgements;
    judgement
}

/// The one verdict of a judgement, or the error of the first verifier that came to none.
pub fn verdict_of(judgement: &Judgement) -> SampleVerdict {
    let reason = judgement.reason();
    if let Some(error) = judgement.error() {
        return SampleVerdict { kind: error.kind().as_str().to_owned(), reason, ..SampleVerdict::default() };
    }
    match judgement.verdict() {
        Some(verdict) => SampleVerdict {
            kind: verdict.kind.as_str().to_owned(),
            score: Some(verdict.score),
            answer: verdict.answer,
            reason: verdict.reason,
            detail: verdict.detail.map(Cow::into_owned),
            measures: verdict.measures.into_iter().map(measure_row).collect(),
        },
        None => SampleVerdict { kind: "not_applicable".to_owned(), reason, ..SampleVerdict::default() },
    }
}

fn measure_row(measure: verifiers::Measure) -> MeasureRow {
    MeasureRow { name: measure.name.into_owned(), value: measure.value, of: measure.of }
}
