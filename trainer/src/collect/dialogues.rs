//! The conversations of rollouts that call tools, while their calls are answered beside one another.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context, Result};
use datasets::Task;
use rollout::{EndedTurn, NextTurn};
use tokio::task::JoinSet;

use crate::tools::{Dialogue, ToolBox};

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
    /// Has a turn answered, the first one behind this prompt of the task.
    pub(super) fn answer(&mut self, ended: EndedTurn, task: &Arc<Task>, prompt: &str, tools: &Arc<ToolBox>) {
        let address = (ended.draw, ended.sample);
        let mut dialogue = self.open.remove(&address).unwrap_or_else(|| Dialogue::new(prompt.to_owned()));
        let (task, tools) = (task.clone(), tools.clone());
        self.answering.spawn(async move {
            let next = dialogue.answer(&ended, &task, &tools).await?;
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

    /// Takes the conversation of a rollout out that ends here; `None` where it had one turn.
    pub(super) fn take(&mut self, address: Address) -> Option<Dialogue> {
        self.open.remove(&address)
    }
}
