//! A completion of a suite's task to a row of the record, whoever sampled it. All ways to a verdict meet here: a
//! model's samples, another engine's file, and stored samples that are judged again.

use std::borrow::Cow;
use std::mem;
use std::sync::Arc;

use datasets::{Message, Task};
use record::samples::{MeasureRow, SampleRow, SampleVerdict, TurnRow};
use verifiers::{Judged, Judgement, Verifiers};

use crate::suite_tasks::SuiteTask;

/// A completion as it was sampled.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SampledCompletion {
    /// Turns between the prompt and the text: calls of tools and what was answered; empty where there are none.
    pub turns: Vec<Message>,
    /// The text, thinking included; of several turns the last.
    pub text: String,
    /// Token ids of the text; `None` where another engine sampled it.
    pub ids: Option<Vec<u32>>,
    /// Reason for its end: `stop`, `stop_string`, `length` or `repetition`.
    pub finish_reason: String,
    /// True where the text begins within the thinking.
    pub thinking_open: bool,
    /// Number of tokens of the prompt; 0 where they were not counted.
    pub num_prompt_tokens: u32,
    /// Number of tokens of the completion, sampled ones of all turns; 0 where they were not counted.
    pub num_completion_tokens: u32,
}

impl SampledCompletion {
    /// A completion of another engine that ended by itself.
    pub fn of_text(text: impl Into<String>) -> Self {
        Self { text: text.into(), finish_reason: "stop".to_owned(), ..Self::default() }
    }

    /// Its row, without a verdict.
    pub fn row(self, suite: &str, task: &SuiteTask, sample_index: u32) -> SampleRow {
        let turn = |message: Message| TurnRow { role: message.role, content: message.content };
        SampleRow {
            suite: suite.to_owned(),
            task_id: task.task.id.clone(),
            task_kind: task.task.kind.to_string(),
            category: task.category.clone(),
            sample_index,
            turns: self.turns.into_iter().map(turn).collect(),
            completion: self.text,
            completion_ids: self.ids,
            finish_reason: self.finish_reason,
            thinking_open: self.thinking_open,
            num_prompt_tokens: self.num_prompt_tokens,
            num_completion_tokens: self.num_completion_tokens,
            verdict: SampleVerdict::default(),
            corrected: None,
            earlier: None,
        }
    }
}

/// What a verifier sees of a sample: the last turn, behind those before it. `task` may be the suite's task or the one
/// with the corrected key.
pub fn judged(row: &SampleRow, task: &Arc<Task>, of: &SuiteTask) -> Judged {
    let turns = row.turns.iter().map(|turn| Message::new(&turn.role, &turn.content));
    let conversation = match row.turns.is_empty() {
        true => of.conversation.clone(),
        false => of.conversation.iter().cloned().chain(turns).collect(),
    };
    Judged {
        thinking_open: row.thinking_open,
        finish_reason: reason(&row.finish_reason),
        num_prompt_tokens: row.num_prompt_tokens as usize,
        num_completion_tokens: row.num_completion_tokens as usize,
        ..Judged::answering(task.clone(), conversation, row.completion.as_str())
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
    judge_row(verifiers, task, sampled.row(suite, task, sample_index)).await
}

/// The sample under the verdicts of now.
async fn judge_row(verifiers: &Verifiers, task: &SuiteTask, mut row: SampleRow) -> SampleRow {
    row.verdict = verdict_of(&judge_by(verifiers, &judged(&row, &task.task, task)).await);
    row.corrected = match &task.corrected {
        Some(corrected) => Some(verdict_of(&judge_by(verifiers, &judged(&row, corrected, task)).await)),
        None => None,
    };
    row
}

/// Judges a stored sample again; the verdict that stood there stays beside the new one.
pub async fn judge_again(verifiers: &Verifiers, task: &SuiteTask, mut row: SampleRow) -> SampleRow {
    row.earlier = Some(mem::take(&mut row.verdict));
    judge_row(verifiers, task, row).await
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
    let Some(official) = verifiers.judge_here(&judged(&row, &task.task, task)) else { return Err(Box::new(row)) };
    let corrected = task.corrected.as_ref().and_then(|key| verifiers.judge_here(&judged(&row, key, task)));
    row.earlier = Some(mem::replace(&mut row.verdict, verdict_of(&official)));
    row.corrected = corrected.as_ref().map(verdict_of);
    Ok(row)
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
