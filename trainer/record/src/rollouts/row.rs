//! A rollout as a row: the names and meanings of the columns. Must not know how rewards or advantages are computed.

/// One value for each of a row's `completion_ids`; `None` for a token that the policy did not sample.
pub type TokenValues = Vec<Option<f32>>;

/// One completion of one task, with all that is known of it before the policy is updated. Fields have the names of
/// their columns. A column that a file lacks reads as `None`, as an empty text or list, or as 0, and the reward as NaN.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RolloutRow {
    /// Step whose update the completion was sampled for, counted from 1.
    pub step: u64,
    /// Place of the task in the run's walk over its data: with `sample_index` it names the rollout in the whole run.
    pub draw: Option<u64>,
    /// Place of the completion in its group, counted from 0.
    pub sample_index: u32,
    /// Id of the task.
    pub task_id: String,
    /// Kind of the task: `math`, `code`, `instruction_following`, ...
    pub task_kind: String,
    /// Name of the dataset that the task is from.
    pub source: String,
    /// True when the row was chosen to be trained on.
    pub kept: Option<bool>,
    /// Prompt as text, chat template included.
    pub prompt: String,
    /// Token ids of the prompt.
    pub prompt_ids: Option<Vec<u32>>,
    /// Completion as text, as it was judged; of several turns the last.
    pub completion: String,
    /// Token ids after the prompt: those of all segments, end to end.
    pub completion_ids: Vec<u32>,
    /// Segments of `completion_ids`, in their order.
    pub segments: Option<Vec<SegmentRow>>,
    /// Calls of tools, in their order.
    pub tool_calls: Option<Vec<ToolCallRow>>,
    /// Logprobs in nats that were recorded while sampling: after temperature and filters, renormalised.
    pub rollout_logprobs: TokenValues,
    /// Logprobs in nats under the model's own softmax: at temperature 1, before any filter.
    pub raw_logprobs: Option<TokenValues>,
    /// Of each of `completion_ids` the ids that the sampling's filters left, after which its logprobs are normalised;
    /// an empty list for a token that the policy did not sample. `None` where they were not recorded.
    pub kept_ids: Option<Vec<Vec<u32>>>,
    /// Reason for the end of the completion: `stop`, `length`, ...
    pub finish_reason: String,
    /// Version of the policy that sampled the first token; `segments` has those of the others.
    pub policy_version: Option<u64>,
    /// Reward that the advantage is made from; not finite when there is none.
    pub reward: f32,
    /// Advantage of every sampled token; `None` where the group was left out of the update, or `advantages` has them.
    pub advantage: Option<f32>,
    /// Advantages by token, where the algorithm gives each its own.
    pub advantages: Option<TokenValues>,
    /// Score of all verifiers together, 0..=1; `None` where one came to no verdict.
    pub verdict_score: Option<f32>,
    /// Reasons of all verifiers.
    pub verdict_reason: String,
    /// Each verifier's word for its verdict, by the verifier's name: the detail, or the kind where there is none.
    pub verdicts: Vec<(String, String)>,
    /// Each verifier's verdict in full.
    pub judgement: Option<Vec<VerdictRow>>,
    /// Terms of the reward by name, in the order in which they were added.
    pub breakdown: Vec<(String, f32)>,
}

/// A run of tokens of one origin and, where the policy sampled them, of one version of it. A sampled segment during
/// which the weights changed is several of these.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SegmentRow {
    /// Sequence that the tokens are in, counted from 0: a chat template that rewrites history begins another.
    pub sequence: u32,
    /// Origin of the tokens: `sampled`, `tool`, `forced`, or `prompt` where a sequence after the first begins.
    pub source: String,
    /// Number of tokens.
    pub num_tokens: u32,
    /// Version of the policy that sampled the tokens.
    pub policy_version: Option<u64>,
}

/// A call that a completion made, and its answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ToolCallRow {
    /// Number of the turn that made it, counted from 0.
    pub turn: u32,
    /// Name of the tool; empty where no call could be read.
    pub tool: String,
    /// Arguments as JSON; empty where no call could be read.
    pub arguments: String,
    /// What became of it: `answered`, `cut`, `failed`, `timed_out`, `unreadable`, `unknown_tool` or `none_left`.
    pub outcome: String,
    /// The text that the policy was told.
    pub result: String,
    /// Seconds that the answer took.
    pub seconds: f32,
}

/// One verifier's verdict on a completion, or the reason why there is none.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct VerdictRow {
    /// Name of the verifier.
    pub verifier: String,
    /// Kind of the verdict, or of the error: `passed`, `timed_out`, ...
    pub kind: String,
    /// Finer word of the verifier's own for the kind.
    pub detail: Option<String>,
    /// Score, in the verifier's own range; `None` where there is no verdict.
    pub score: Option<f32>,
    /// Weight among the task's verifiers.
    pub weight: Option<f32>,
    /// Reason of the verdict, or the error.
    pub reason: String,
}

impl RolloutRow {
    /// The first column whose length is not that of `completion_ids`, with its length.
    pub(super) fn unaligned_column(&self) -> Option<(&'static str, usize)> {
        let segments = |segments: &Vec<SegmentRow>| segments.iter().map(|segment| segment.num_tokens as usize).sum();
        let lengths = [
            ("rollout_logprobs", Some(self.rollout_logprobs.len())),
            ("raw_logprobs", self.raw_logprobs.as_ref().map(Vec::len)),
            ("kept_ids", self.kept_ids.as_ref().map(Vec::len)),
            ("advantages", self.advantages.as_ref().map(Vec::len)),
            ("segments", self.segments.as_ref().map(segments)),
        ];
        let mut lengths = lengths.into_iter().filter_map(|(name, length)| Some((name, length?)));
        lengths.find(|(_, length)| *length != self.completion_ids.len())
    }
}
