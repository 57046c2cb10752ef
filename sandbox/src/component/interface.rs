//! The records of the interface `ponder:verifier`, field by field as its WIT file has them. All that is open-ended is
//! JSON text, which this crate does not read.

use wasmtime::component::{ComponentType, Lift, Lower};

/// One turn of a conversation.
#[derive(Clone, Copy, Debug, ComponentType, Lower)]
#[component(record)]
pub struct ComponentMessage<'a> {
    /// The speaker.
    pub role: &'a str,
    /// The text of the turn.
    pub content: &'a str,
}

/// What a component is asked about.
#[derive(Clone, Copy, Debug, Default, ComponentType, Lower)]
#[component(record)]
pub struct ComponentQuestion<'a> {
    /// The task, as JSON.
    pub task: &'a str,
    /// The conversation that the completion answers.
    pub conversation: &'a [ComponentMessage<'a>],
    /// The completion as it was sampled.
    pub completion: &'a str,
    /// The thinking, where there is any.
    pub thinking: Option<&'a str>,
    /// What follows the thinking.
    pub answer: &'a str,
    /// True where the prompt ended within the thinking.
    #[component(name = "thinking-open")]
    pub thinking_open: bool,
    /// The assistant's turns, as JSON.
    pub turns: &'a str,
    /// Why the completion ended.
    #[component(name = "finish-reason")]
    pub finish_reason: &'a str,
    /// Number of tokens of the prompt.
    #[component(name = "num-prompt-tokens")]
    pub num_prompt_tokens: u64,
    /// Number of tokens of the completion.
    #[component(name = "num-completion-tokens")]
    pub num_completion_tokens: u64,
    /// The data to judge by, as JSON.
    #[component(name = "ground-truth")]
    pub ground_truth: &'a str,
    /// The task's metadata, as JSON.
    pub metadata: &'a str,
}

/// Kind of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
pub enum ComponentKind {
    /// All that was asked is there.
    #[component(name = "passed")]
    Passed,
    /// The answer is wrong.
    #[component(name = "failed")]
    Failed,
    /// A part of what was asked is there.
    #[component(name = "partial")]
    Partial,
    /// The completion came to no answer.
    #[component(name = "no-answer")]
    NoAnswer,
    /// The completion's answer cannot be read.
    #[component(name = "unparsed")]
    Unparsed,
    /// The component does not apply to this completion.
    #[component(name = "not-applicable")]
    NotApplicable,
}

/// What a component answers.
#[derive(Clone, Debug, PartialEq, ComponentType, Lift)]
#[component(record)]
pub struct ComponentAnswer {
    /// The score, in whatever range; any number, finite or not.
    pub score: f32,
    /// The kind, where the score does not say it.
    pub kind: Option<ComponentKind>,
    /// One line for a person.
    pub reason: String,
}
