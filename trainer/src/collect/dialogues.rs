//! The conversations of rollouts that call tools, while their calls are answered beside one another.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context, Result};
use rollout::{Completion, EndedTurn, NextTurn, Sequence, TokenSource};
use tokio::task::JoinSet;

use super::ended_rollout::EndedRollout;
use crate::tools::{AskedTask, Dialogue, EndedDialogue, ToolBox};

/// A rollout: its draw and its sample.
pub(super) type Address = (u64, u64);

/// Conversations by the rollout's draw and sample.
#[derive(Default)]
pub(super) struct Dialogues {
    /// Those of which no turn is being answered.
    open: HashMap<Address, Dialogue>,
    answering: JoinSet<Result<(Address, Dialogue, NextTurn)>>,
}

impl Dialogues {
    /// Has a turn of a rollout answered that was asked this.
    pub(super) fn answer(&mut self, ended: EndedTurn, asked: &AskedTask, tools: &Arc<ToolBox>) {
        let address = (ended.draw, ended.sample);
        let mut dialogue = self.open.remove(&address).unwrap_or_else(|| Dialogue::new(asked));
        let (asked, tools) = (asked.clone(), tools.clone());
        self.answering.spawn(async move {
            let next = dialogue.answer(&ended, &asked, &tools).await?;
            Ok((address, dialogue, next))
        });
    }

    /// The next rollout whose turn is answered, with what follows; `None` where none is being answered.
    ///
    /// # Errors
    /// A conversation cannot be rendered.
    pub(super) async fn next(&mut self) -> Option<Result<(Address, NextTurn)>> {
        let answered = self.answering.join_next().await?.context("a tool's answer").and_then(|answered| answered);
        Some(answered.map(|(address, dialogue, next)| {
            self.open.insert(address, dialogue);
            (address, next)
        }))
    }

    /// Goes on with the conversation of a rollout.
    pub(super) fn go_on(&mut self, address: Address, dialogue: Dialogue) {
        self.open.insert(address, dialogue);
    }

    /// The conversation of a rollout; `None` where it had one turn.
    pub(super) fn of(&self, address: Address) -> Option<&Dialogue> {
        self.open.get(&address)
    }

    /// A rollout's completion with the turns before it; `thinking_open` says how its prompt ended.
    pub(super) fn end(&mut self, completion: Completion, thinking_open: bool) -> EndedRollout {
        let Some(dialogue) = self.open.remove(&(completion.draw, completion.sample)) else {
            return EndedRollout { completion, turns: Vec::new(), thinking_open, calls: Vec::new() };
        };
        // A result stands in its sequence, or a prompt has it with which another sequence begins.
        let segments = completion.sequences().flat_map(Sequence::segments);
        let num_in_place = segments.filter(|segment| segment.source == TokenSource::Tool).count();
        let ended = dialogue.end(num_in_place + completion.earlier_sequences.len());
        let EndedDialogue { turns, thinking_open, calls } = ended;
        EndedRollout { completion, turns, thinking_open, calls }
    }

    /// Forgets the conversation of a rollout.
    pub(super) fn forget(&mut self, address: Address) {
        self.open.remove(&address);
    }
}
