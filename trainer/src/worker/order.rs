//! What rank 0's model thread has every rank do, and what each answers: the ranks' parts of commands, and steps of
//! their engines. In a process by itself orders go from hand to hand; between ranks they are MessagePack, which holds
//! what is not finite.

use anyhow::{Context, Result, bail};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::command::{ModelCommand, ModelEvent};
use super::rank_engine::{DecodeOrder, Decoded, Withdrawn};
use crate::interrupt::Asked;

/// What a rank is to do.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Order {
    /// Some steps of its engine. Answered by `Decoded`.
    Decode(DecodeOrder),
    /// To take all requests out of its engine. Answered by `Withdrawn`.
    Withdraw,
    /// Its part of a command. Answered by an `Event`.
    Command(ModelCommand),
    /// Nothing, for now: rank 0 waits for something that is not another rank. Answered by `Nothing`.
    Rest,
    /// To end. Not answered.
    End,
}

/// What came of an order.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    Decoded(Decoded),
    Withdrawn(Withdrawn),
    Event(Box<ModelEvent>),
    Nothing,
}

/// What a rank says to rank 0.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Reply {
    pub(super) answer: Answer,
    /// What the user asked of the rank's process.
    pub(super) asked: Option<Asked>,
}

impl Order {
    /// Word for what the rank does meanwhile.
    pub(super) fn phase(&self) -> &'static str {
        match self {
            Self::Decode(_) | Self::Withdraw => "sampling",
            Self::Rest => "waiting",
            Self::End => "ending",
            Self::Command(command) => command.phase(),
        }
    }

    /// Step of the run, from 1, where the order has one.
    pub(super) fn step(&self) -> Option<u64> {
        match self {
            Self::Command(command) => command.step(),
            _ => None,
        }
    }
}

impl Answer {
    pub(super) fn decoded(self) -> Result<Decoded> {
        match self {
            Self::Decoded(decoded) => Ok(decoded),
            other => bail!("a rank answered {other:?} to steps of its engine"),
        }
    }

    pub(super) fn withdrawn(self) -> Result<Withdrawn> {
        match self {
            Self::Withdrawn(withdrawn) => Ok(withdrawn),
            other => bail!("a rank answered {other:?} to a withdrawal"),
        }
    }

    pub(super) fn event(self) -> Result<ModelEvent> {
        match self {
            Self::Event(event) => Ok(*event),
            other => bail!("a rank answered {other:?} to its part of a command"),
        }
    }
}

pub(super) fn encoded(message: &impl Serialize) -> Result<Vec<u8>> {
    rmp_serde::to_vec_named(message).context("a message between ranks cannot be written")
}

pub(super) fn decoded<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    rmp_serde::from_slice(bytes).context("a message between ranks cannot be read")
}
