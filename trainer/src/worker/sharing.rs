//! A command in parts, one a rank, and the ranks' events as one.

use anyhow::{Context, Result};
use learner::dealing::{Deal, SequenceCost, balance};
use learner::objective::preference::PairIds;
use learner::update_outcome::UpdateOutcome;
use policy::ModelConfig;
use rollout::GenerationStats;

use super::command::{ModelCommand, ModelEvent, SavedComponent};
use super::seat::Among;

/// How the work of a command is cut.
pub(super) struct Sharing<'a> {
    /// Number of parts of what is learned from or scored.
    pub(super) num_parts: usize,
    /// Number of minibatches of an update.
    pub(super) updates_per_step: usize,
    /// The model whose sequences cost what they cost.
    pub(super) config: &'a ModelConfig,
}

/// The parts of a command, among whom each goes to the ranks that have it to do, and what puts the events together.
pub(super) struct Parts {
    pub(super) parts: Vec<ModelCommand>,
    pub(super) among: Among,
    join: Join,
}

/// What the ranks' events come to.
enum Join {
    /// All say the same of what they did together.
    Same,
    /// Each says what it counted.
    Stats,
    /// Each lists the files that it wrote.
    Saved,
    /// Each says what its trajectories came to.
    Updated(Deal),
    /// Each has the scores of the sequences that it owns.
    Scored(Vec<usize>),
    /// Each has something to say of itself.
    Listed,
}

impl Sharing<'_> {
    /// Cuts a command: sequences go to the ranks by their cost.
    pub(super) fn share_out(&self, command: ModelCommand) -> Parts {
        match command {
            ModelCommand::Update { step, groups } => {
                let deal = Deal::new(&groups, self.updates_per_step, self.num_parts, SequenceCost::of(self.config));
                let parts = deal.split(groups).into_iter().map(|groups| ModelCommand::Update { step, groups });
                Parts { parts: parts.collect(), among: Among::Data, join: Join::Updated(deal) }
            }
            ModelCommand::Score { sequences } => {
                self.by_length(sequences, Vec::len, Join::Scored, |sequences| ModelCommand::Score { sequences })
            }
            ModelCommand::LearnTraces { step, sequences } => {
                let part = |sequences| ModelCommand::LearnTraces { step, sequences };
                self.by_length(sequences, |sequence| sequence.ids.len(), |_| Join::Same, part)
            }
            ModelCommand::LearnPairs { step, pairs } => {
                let part = |pairs| ModelCommand::LearnPairs { step, pairs };
                self.by_length(pairs, PairIds::num_tokens, |_| Join::Same, part)
            }
            ModelCommand::ComparePairs { pairs } => {
                let part = |pairs| ModelCommand::ComparePairs { pairs };
                self.by_length(pairs, PairIds::num_tokens, |_| Join::Same, part)
            }
            whole => {
                let (among, join) = match whole {
                    ModelCommand::TakeStats => (Among::Engines, Join::Stats),
                    ModelCommand::Save { .. } => (Among::Ranks, Join::Saved),
                    ModelCommand::TakeTraffic => (Among::Ranks, Join::Listed),
                    _ => (Among::Ranks, Join::Same),
                };
                Parts { parts: vec![whole], among, join }
            }
        }
    }

    /// Items of so many tokens each, given to the parts by what these cost; `join` is told the part of each.
    fn by_length<T>(
        &self,
        items: Vec<T>,
        length: impl Fn(&T) -> usize,
        join: impl FnOnce(Vec<usize>) -> Join,
        part: impl Fn(Vec<T>) -> ModelCommand,
    ) -> Parts {
        let cost = SequenceCost::of(self.config);
        let costs: Vec<u128> = items.iter().map(|item| cost.tokens(length(item))).collect();
        let owners = balance(&costs, self.num_parts);
        let mut dealt: Vec<Vec<T>> = (0..self.num_parts).map(|_| Vec::new()).collect();
        for (item, owner) in items.into_iter().zip(&owners) {
            dealt[*owner].push(item);
        }
        Parts { parts: dealt.into_iter().map(part).collect(), among: Among::Data, join: join(owners) }
    }
}

impl Parts {
    /// The events of all parts, in their order, as the one that answers the command.
    ///
    /// # Errors
    /// A rank said something else than was asked.
    pub(super) fn join(self, events: Vec<ModelEvent>) -> Result<ModelEvent> {
        match self.join {
            Join::Same => events.into_iter().next().context("no rank answered"),
            Join::Stats => {
                let mut all = GenerationStats::default();
                for event in events {
                    let ModelEvent::Stats(stats) = event else { return Err(unasked(&event)) };
                    all.merge(&stats);
                }
                Ok(ModelEvent::Stats(all))
            }
            Join::Saved => {
                let mut all: Vec<SavedComponent> = Vec::new();
                for event in events {
                    let ModelEvent::Saved(components) = event else { return Err(unasked(&event)) };
                    for component in components {
                        match all.iter_mut().find(|known| known.name == component.name) {
                            Some(known) => known.files.extend(component.files),
                            None => all.push(component),
                        }
                    }
                }
                Ok(ModelEvent::Saved(all))
            }
            Join::Updated(deal) => {
                let outcome = |event| match event {
                    ModelEvent::Updated(outcome) => Ok(*outcome),
                    other => Err(unasked(&other)),
                };
                let outcomes = events.into_iter().map(outcome).collect::<Result<Vec<UpdateOutcome>>>()?;
                Ok(ModelEvent::Updated(Box::new(deal.join(outcomes)?)))
            }
            Join::Scored(owners) => {
                let mut scores = Vec::with_capacity(events.len());
                for event in events {
                    let ModelEvent::Scored(of_rank) = event else { return Err(unasked(&event)) };
                    scores.push(of_rank.into_iter());
                }
                let of_owner =
                    |owner: &usize| scores[*owner].next().with_context(|| format!("rank {owner} lacks a score"));
                Ok(ModelEvent::Scored(owners.iter().map(of_owner).collect::<Result<_>>()?))
            }
            Join::Listed => {
                let mut all = Vec::with_capacity(events.len());
                for event in events {
                    let ModelEvent::Traffic(of_rank) = event else { return Err(unasked(&event)) };
                    all.extend(of_rank);
                }
                Ok(ModelEvent::Traffic(all))
            }
        }
    }
}

fn unasked(event: &ModelEvent) -> anyhow::Error {
    anyhow::anyhow!("a rank answered {event:?}, which was not asked")
}
