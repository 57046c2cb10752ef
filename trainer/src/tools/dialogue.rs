//! A rollout's conversation through its turns: plain data, which a checkpoint holds.

use std::sync::Arc;

use anyhow::{Context, Result};
use datasets::{Message, Task};
use rollout::{EndedTurn, NextTurn};
use serde::{Deserialize, Serialize};
use verifiers::split_thinking;

use super::call_record::{CallOutcome, CallRecord};
use super::tool_box::ToolBox;
use super::turn_prompt::{EndedText, next_prompt};
use crate::prompt::{Question, thinking_open};

/// A task as a rollout was asked it.
#[derive(Clone, Debug)]
pub(crate) struct AskedTask {
    pub task: Arc<Task>,
    /// The conversation that the prompt was made of.
    pub conversation: Arc<[Message]>,
    /// Text of the prompt.
    pub prompt: Arc<str>,
    /// True where it ended within the thinking.
    pub thinking_open: bool,
}

/// The turns of a rollout so far, and what they called.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Dialogue {
    /// Turns behind what was asked: the policy's, and what tools answered.
    turns: Vec<Message>,
    /// Text of the sequence up to the turn that is under way.
    text: String,
    /// True where the turn before that one began within the thinking.
    was_thinking_open: bool,
    calls: Vec<CallRecord>,
    num_turns: usize,
}

/// A conversation that has ended.
#[derive(Debug)]
pub(crate) struct EndedDialogue {
    /// Turns between what was asked and the last.
    pub turns: Vec<Message>,
    /// True where the last turn begins within the thinking.
    pub thinking_open: bool,
    /// All calls, in their order, those of the last turn too.
    pub calls: Vec<CallRecord>,
}

impl Dialogue {
    /// A rollout of a task's prompt, before its first turn.
    pub(crate) fn new(asked: &AskedTask) -> Self {
        Self {
            turns: Vec::new(),
            text: asked.prompt.to_string(),
            was_thinking_open: false,
            calls: Vec::new(),
            num_turns: 0,
        }
    }

    /// True where the turn under way begins within the thinking.
    fn thinking_open(&self) -> bool {
        thinking_open(&self.text)
    }

    /// The rollout at its end, of which so many results were read.
    pub(crate) fn end(mut self, num_read: usize) -> EndedDialogue {
        // There was no room behind the last call: its turn is the completion's own text.
        let is_unread = self.num_turns > num_read;
        if is_unread {
            let num_results = self.calls.iter().filter(|call| call.turn + 1 == self.num_turns).count();
            self.turns.truncate(self.turns.len() - 1 - num_results);
        }
        let thinking_open = if is_unread { self.was_thinking_open } else { self.thinking_open() };
        EndedDialogue { turns: self.turns, thinking_open, calls: self.calls }
    }

    /// Has the calls of a turn of this task's rollout answered; says what follows. A turn that only thinks of calls is
    /// the last, and so is one that calls on once it was told that no call is left.
    ///
    /// # Errors
    /// The template or the tokenizer refuses the conversation.
    pub(crate) async fn answer(&mut self, ended: &EndedTurn, asked: &AskedTask, tools: &ToolBox) -> Result<NextTurn> {
        let name = || format!("task {}: the turn behind a call", asked.task.id);
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
        let AskedTask { task, conversation, .. } = asked;
        let question = Question { kind: Some(&task.kind), messages: conversation, tools: task.tools.as_ref() };
        let next = next_prompt(&tools.format()?, question, &self.turns, &ended, &results).with_context(name)?;
        self.turns.push(next.message);
        self.turns.extend(results);
        self.was_thinking_open = self.thinking_open();
        self.text = next.text;
        self.calls.extend(records);
        self.num_turns += 1;
        Ok(next.next)
    }
}
