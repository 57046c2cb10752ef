//! A rollout's conversation through its turns: plain data, which a checkpoint holds.

use anyhow::{Context, Result};
use datasets::{Message, Task};
use rollout::{EndedTurn, NextTurn};
use serde::{Deserialize, Serialize};
use verifiers::split_thinking;

use super::call_record::{CallOutcome, CallRecord};
use super::tool_box::ToolBox;
use super::turn_prompt::{EndedText, next_prompt};
use crate::prompt::{Question, thinking_open};

/// The turns of a rollout so far, and what they called.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Dialogue {
    /// Turns behind the task's own: the policy's, and what tools answered.
    turns: Vec<Message>,
    /// Text of the sequence up to the turn that is under way.
    text: String,
    calls: Vec<CallRecord>,
    num_turns: usize,
}

impl Dialogue {
    /// A rollout of this prompt, before its first turn.
    pub(crate) fn new(prompt: String) -> Self {
        Self { turns: Vec::new(), text: prompt, calls: Vec::new(), num_turns: 0 }
    }

    /// Turns behind the task's own and before the one under way.
    pub(crate) fn turns(&self) -> &[Message] {
        &self.turns
    }

    /// True where the turn under way begins within the thinking.
    pub(crate) fn thinking_open(&self) -> bool {
        thinking_open(&self.text)
    }

    /// The calls so far, in their order.
    pub(crate) fn into_calls(self) -> Vec<CallRecord> {
        self.calls
    }

    /// Has the calls of a turn of this task's rollout answered; says what follows. A turn that only thinks of calls is
    /// the last, and so is one that calls on once it was told that no call is left.
    ///
    /// # Errors
    /// The template or the tokenizer refuses the conversation.
    pub(crate) async fn answer(&mut self, ended: &EndedTurn, task: &Task, tools: &ToolBox) -> Result<NextTurn> {
        let name = || format!("task {}: the turn behind a call", task.id);
        if self.calls.iter().any(|call| call.outcome == CallOutcome::NoneLeft) {
            return Ok(NextTurn::End);
        }
        let answer = split_thinking(&ended.text, self.thinking_open()).answer.unwrap_or_default();
        let records = tools.answers(answer, self.num_turns, self.calls.len()).await.with_context(name)?;
        if records.is_empty() {
            return Ok(NextTurn::End);
        }
        let results: Vec<Message> = records.iter().map(|record| Message::new("tool", &record.result)).collect();
        let stop = tools.texts().tokenizer.decode(&[ended.stop_id], false)?;
        let keeps_history = tools.section().keep_history;
        let ended = EndedText { before: &self.text, turn: &ended.text, stop: &stop, keeps_history };
        let question = Question::from(task);
        let next = next_prompt(&tools.format()?, question, &self.turns, &ended, &results).with_context(name)?;
        self.turns.push(next.message);
        self.turns.extend(results);
        self.text = next.text;
        self.calls.extend(records);
        self.num_turns += 1;
        Ok(next.next)
    }
}
