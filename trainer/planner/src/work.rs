//! What one step of a run does: sizes of its batch, and the models that take part.

use crate::model::ModelSizes;

/// Where the numbers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A CPU: norms keep the normalised states beside their outputs, and a head's product is in float32.
    Cpu,
    /// A GPU: fused norms, and products of 16-bit numbers that end in float32.
    Gpu,
}

/// The head that is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadWork {
    /// The language model's, over the targets in chunks of so many.
    Language {
        /// Targets whose logits are in memory at a time.
        chunk: u64,
    },
    /// One number of a target, as of a reward model.
    Scalar,
}

/// Completions that a step samples before it learns from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Completions {
    /// Completions of each prompt.
    pub samples: u64,
    /// Longest completion, in tokens.
    pub new_tokens: u64,
    /// Most draws of a step, as a multiple of its prompts; 1 where groups are not replaced.
    pub max_rounds: u64,
    /// Tokens of the longest sequence that an evaluation samples, its prompt too; 0 where there is none.
    pub longest_evaluated: u64,
    /// Most completions in flight in one engine.
    pub max_sequences: u64,
    /// Most tokens in the cache of one engine; absent where it takes what is free.
    pub cache_tokens: Option<u64>,
    /// Most tokens of prompts in one pass.
    pub prefill_tokens: u64,
    /// True where an engine that has the whole model keeps its matrices a second time.
    pub packs_weights: bool,
}

/// A critic with weights of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Critic {
    /// Its updates in a step.
    pub updates: u64,
    /// True where its optimizer's state lies on the host.
    pub state_on_host: bool,
}

/// One step's work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// Bytes of a weight or an activation: 4 for float32, 2 for bfloat16.
    pub number_bytes: u64,
    /// Where the numbers are.
    pub place: Place,
    /// Sequences of a step.
    pub sequences: u64,
    /// Tokens of a prompt, at most.
    pub prompt_tokens: u64,
    /// Tokens of a sequence, its prompt too, at most.
    pub longest: u64,
    /// Optimizer updates of a step, into which the batch is split.
    pub updates: u64,
    /// Updates whose old logprobs are computed before the first.
    pub scored_updates: u64,
    /// Most tokens that go through the model at a time on a rank; a longer sequence goes alone.
    pub micro_batch_tokens: u64,
    /// True where each block is computed again for its gradient, so that only its input is kept.
    pub recomputes: bool,
    /// The head that is trained.
    pub head: HeadWork,
    /// True where the optimizer's state lies on the host; on a CPU that is where it lies anyhow.
    pub state_on_host: bool,
    /// Sampling, where the step samples.
    pub completions: Option<Completions>,
    /// True where a frozen copy of the policy stands beside it.
    pub has_reference: bool,
    /// A critic with weights of its own.
    pub critic: Option<Critic>,
    /// A frozen reward model that scores completions.
    pub reward_model: Option<ModelSizes>,
    /// Most ranks that share a sequence: 1 where sequences go whole.
    pub largest_context: u64,
}

impl Work {
    /// An update of a policy in bfloat16 on a GPU, by itself: `tokens` go through it at a time, its blocks are computed
    /// again.
    pub fn update_of(tokens: u64) -> Self {
        Self {
            number_bytes: 2,
            place: Place::Gpu,
            sequences: 1,
            prompt_tokens: 0,
            longest: tokens,
            updates: 1,
            scored_updates: 0,
            micro_batch_tokens: tokens,
            recomputes: true,
            head: HeadWork::Language { chunk: 1024 },
            state_on_host: false,
            completions: None,
            has_reference: false,
            critic: None,
            reward_model: None,
            largest_context: 8,
        }
    }

    /// Bytes of the float32 copy of a weight that the optimizer has: none where the weight is float32.
    fn master_bytes(&self) -> u64 {
        if self.number_bytes == 4 { 0 } else { 4 }
    }

    /// Bytes that the optimizer keeps of a number: two float32 moments, and a float32 copy of one that is shorter.
    pub(crate) fn state_bytes(&self) -> u64 {
        8 + self.master_bytes()
    }

    /// Most tokens that go through the model at a time on a rank of a context axis of length `context`.
    pub(crate) fn tokens_at_once(&self, context: u64) -> u64 {
        self.micro_batch_tokens.max(self.longest).div_ceil(context)
    }
}
