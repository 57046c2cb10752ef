//! A sample as a row: the names and meanings of its fields. Must not know how a completion is sampled or judged.

use serde::{Deserialize, Serialize};

/// One completion of one task of an evaluation, with what its verifier said. A field that a file lacks reads as
/// `None`, as an empty text or list, or as 0.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SampleRow {
    /// Name of the suite, or of the file of tasks.
    pub suite: String,
    /// Id of the task.
    pub task_id: String,
    /// Kind of the task: `math`, `code`, `instruction_following`, ...
    pub task_kind: String,
    /// Part of the suite that the task belongs to: a subject, a category; empty where there are none.
    pub category: String,
    /// Place of the completion among those of its task, counted from 0.
    pub sample_index: u32,
    /// Turns between the prompt and the completion: calls of tools and what was answered; empty where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub turns: Vec<TurnRow>,
    /// Completion as text; of several turns the last.
    pub completion: String,
    /// Token ids of this text; `None` where another engine sampled it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completion_ids: Option<Vec<u32>>,
    /// Reason for the end of the completion: `stop`, `stop_string`, `length` or `repetition`.
    pub finish_reason: String,
    /// True where the prompt ended within the thinking.
    pub thinking_open: bool,
    /// Number of tokens of the prompt; 0 where they were not counted.
    pub num_prompt_tokens: u32,
    /// Number of tokens of the completion, sampled ones of all turns; 0 where they were not counted.
    pub num_completion_tokens: u32,
    /// Verdict on the completion.
    pub verdict: SampleVerdict,
    /// Verdict by the corrected key, where the suite's errata have one for the task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub corrected: Option<SampleVerdict>,
    /// Verdict that stood here before the sample was judged again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub earlier: Option<SampleVerdict>,
}

/// A turn between a prompt and the completion that is judged.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TurnRow {
    /// Who speaks: `assistant` or `tool`.
    pub role: String,
    /// What it says, thinking included.
    pub content: String,
}

/// The verdict of all of a task's verifiers on a completion, or the reason why there is none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SampleVerdict {
    /// Kind of the verdict, or of the error: `passed`, `no_answer`, `crashed`, ...
    pub kind: String,
    /// Score on the scale from 0 to 1; `None` where there is no verdict.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f32>,
    /// Answer as it was extracted; for code the program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// Reason of the verdict, or the error.
    pub reason: String,
    /// Finer word of the verifier's own for the kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Figures beside the score.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub measures: Vec<MeasureRow>,
}

/// The verdicts on a sample, without the sample.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SampleVerdicts {
    /// Id of the sample's task.
    pub task_id: String,
    /// Place of its completion among those of the task, counted from 0.
    pub sample_index: u32,
    /// Verdict on the completion.
    pub verdict: SampleVerdict,
    /// Verdict by the corrected key, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrected: Option<SampleVerdict>,
    /// Verdict that stood there before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier: Option<SampleVerdict>,
}

impl From<SampleRow> for SampleVerdicts {
    fn from(row: SampleRow) -> Self {
        let SampleRow { task_id, sample_index, verdict, corrected, earlier, .. } = row;
        Self { task_id, sample_index, verdict, corrected, earlier }
    }
}

/// A figure of a verdict beside its score: `value` of `of`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct MeasureRow {
    /// Name of the figure, as in `instruction_strict`.
    pub name: String,
    /// Number that was reached.
    pub value: f64,
    /// Number that could be reached.
    pub of: f64,
}

impl SampleVerdict {
    /// True where all that was asked is there.
    pub fn passed(&self) -> bool {
        self.kind == "passed"
    }
}
