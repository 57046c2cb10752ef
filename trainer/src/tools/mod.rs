//! Tools that completions call: from the text of a turn to what follows it.
//!
//! The engine hands out the text of a turn; `answering.rs` reads its calls and has tools answer them, `turn_prompt.rs`
//! makes the ids that stand behind the turn, and `dialogue.rs` keeps a rollout's conversation through its turns. How
//! sequences are sampled must not be known here.

mod answering;
mod call_record;
mod dialogue;
mod python;
#[cfg(test)]
pub(crate) mod tests;
mod tool;
mod tool_box;
mod turn_prompt;

pub(crate) use self::call_record::CallRecord;
pub(crate) use self::dialogue::{AskedTask, Dialogue, EndedDialogue};
#[cfg(test)]
pub(crate) use self::tool::Tool;
pub(crate) use self::tool_box::ToolBox;
