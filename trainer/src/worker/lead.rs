//! The model's thread of the rank that decides: commands to orders for every rank, and their answers to events.

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use policy::Gathering;
use rollout::Unfinished;

use super::command::{Answers, ModelCommand, ModelEvent, RankTraffic};
use super::engine_loop::{EngineLoop, Lags};
use super::order::{Answer, Order, Reply, decoded, encoded};
use super::rank_engine::DecodeOrder;
use super::seat::Among;
use super::state::ModelState;
use crate::ranks::Team;

/// Longest time without an order, so that a rank that waits for one knows that there is somebody to give it.
pub(super) const REST: Duration = Duration::from_secs(1);

/// What the thread owns.
pub(super) struct Lead {
    state: ModelState,
    requests: EngineLoop,
    team: Option<Team>,
    /// A withdrawal that waits for the engines to stand still, by its draw.
    withdrawal: Option<(u64, Answers)>,
    /// Why the ranks do nothing together any more.
    failure: Option<String>,
}

impl Lead {
    pub(super) fn new(state: ModelState, team: Option<Team>) -> Self {
        let requests = EngineLoop::new(state.seat.count(Among::Engines), state.max_sequences());
        Self { state, requests, team, withdrawal: None, failure: None }
    }

    /// True where there are other ranks, which want to be told that there is nothing to do.
    pub(super) fn has_followers(&self) -> bool {
        self.team.is_some() && self.failure.is_none()
    }

    /// True where the engines can go on by themselves.
    pub(super) fn is_sampling(&self) -> bool {
        self.requests.can_decode()
    }

    /// Some steps of the engines.
    pub(super) fn decode(&mut self) {
        let orders = self.requests.next_orders();
        if let Err(error) = self.decode_with(orders) {
            self.fail(&error);
        }
        self.withdraw_if_due();
    }

    /// Every request learns why nothing can run.
    fn fail(&mut self, error: &anyhow::Error) {
        self.requests.fail(error);
        if let Some((_, answers)) = self.withdrawal.take() {
            let _ = answers.send(Err(anyhow!("{error:#}")));
        }
    }

    /// Withdraws all requests where that is asked for, the engines stand still and every turn is answered.
    fn withdraw_if_due(&mut self) {
        let Some((draw, answers)) = self.withdrawal.take() else { return };
        let answer = match self.requests.stands_still_for(draw) {
            Some(stands_still) if !stands_still || !self.requests.is_every_turn_answered() => {
                self.withdrawal = Some((draw, answers));
                return;
            }
            None => Err(anyhow!("draw {draw} has no place that the engines could stand still for")),
            Some(_) => self.withdraw(),
        };
        let _ = answers.send(answer);
    }

    fn withdraw(&mut self) -> Result<ModelEvent> {
        let orders = self.requests.answer_all_turns();
        self.decode_with(orders)?;
        let answers = self.together(vec![Order::Withdraw], Among::Engines)?;
        let withdrawn = answers.into_iter().map(Answer::withdrawn).collect::<Result<Vec<_>>>()?;
        Ok(ModelEvent::Withdrawn(self.requests.withdraw(withdrawn)))
    }

    fn decode_with(&mut self, orders: Vec<DecodeOrder>) -> Result<()> {
        let answers = self.together(orders.into_iter().map(Order::Decode).collect(), Among::Engines)?;
        let decoded = answers.into_iter().map(Answer::decoded).collect::<Result<Vec<_>>>()?;
        self.requests.take(decoded);
        Ok(())
    }

    /// Tells the other ranks that there is nothing to do.
    pub(super) fn rest(&mut self) {
        if let Err(error) = self.together(vec![Order::Rest], Among::Ranks) {
            self.fail(&error);
        }
    }

    /// Executes a command and answers it.
    pub(super) fn execute(&mut self, command: ModelCommand, answers: &Answers) {
        let can_sample = self.state.max_sequences() > 0;
        let is_sampling = matches!(
            command,
            ModelCommand::Submit { .. }
                | ModelCommand::GoOn { .. }
                | ModelCommand::Withdraw { .. }
                | ModelCommand::Replace { .. }
                | ModelCommand::AnswerTurn { .. }
                | ModelCommand::Abort { .. }
                | ModelCommand::Pause
                | ModelCommand::Resume
        );
        let answer = match command {
            _ if is_sampling && !can_sample => Err(anyhow!("there is no policy here to sample from")),
            ModelCommand::Submit { requests, lag, turn_lag } => {
                let requests = requests.into_iter().map(Unfinished::from).collect();
                self.requests.begin_afresh();
                return self.requests.submit(requests, Lags { replaced: lag, turn: turn_lag }, answers);
            }
            ModelCommand::GoOn { unfinished, lag, turn_lag } => {
                self.requests.begin_afresh();
                return self.requests.submit(unfinished, Lags { replaced: lag, turn: turn_lag }, answers);
            }
            ModelCommand::Withdraw { draw } => {
                self.withdrawal = Some((draw, answers.clone()));
                return self.withdraw_if_due();
            }
            ModelCommand::AnswerTurn { draw, sample, next } => {
                self.requests.answer_turn(draw, sample, next);
                return self.withdraw_if_due();
            }
            ModelCommand::Replace { draw, requests } => {
                self.requests.replace(draw, requests, answers);
                return self.withdraw_if_due();
            }
            ModelCommand::Abort { draw } => {
                let orders = self.requests.abort(draw);
                self.withdraw_if_due();
                self.decode_with(orders).map(|()| ModelEvent::Done)
            }
            ModelCommand::Pause => {
                self.requests.pause(true);
                Ok(ModelEvent::Done)
            }
            ModelCommand::Resume => {
                self.requests.pause(false);
                Ok(ModelEvent::Done)
            }
            ModelCommand::TakeTraffic if self.team.is_none() => {
                let gpu = self.state.take_gpu_memory();
                Ok(ModelEvent::Traffic(vec![RankTraffic { gpu, ..RankTraffic::default() }]))
            }
            shared => self.share(shared).map(|event| match event {
                ModelEvent::Stats(mut stats) => {
                    stats.num_aborted += self.requests.take_aborted();
                    ModelEvent::Stats(stats)
                }
                event => event,
            }),
        };
        // The receiver is gone once the user interrupted.
        let _ = answers.send(answer);
    }

    /// Executes a command in which every rank has a part.
    fn share(&mut self, command: ModelCommand) -> Result<ModelEvent> {
        if self.team.is_none() {
            let answer = self.state.obey(Order::Command(command))?;
            return answer.event();
        }
        let saved_in = match &command {
            ModelCommand::Save { folder } => Some(folder.clone()),
            _ => None,
        };
        let mut parts = self.state.sharing()?.share_out(command);
        let orders = std::mem::take(&mut parts.parts).into_iter().map(Order::Command).collect();
        let answers = self.together(orders, parts.among)?;
        let event = parts.join(answers.into_iter().map(Answer::event).collect::<Result<_>>()?)?;
        match (event, saved_in) {
            (ModelEvent::Saved(mut components), Some(folder)) => {
                components.extend(self.state.complete(&folder)?);
                Ok(ModelEvent::Saved(components))
            }
            (event, _) => Ok(event),
        }
    }

    /// Gives each rank its order, obeys this rank's own, and returns what came of each, in their order: one order goes
    /// to all that do the same `among` the ranks, a single one to every rank.
    fn together(&mut self, mut orders: Vec<Order>, among: Among) -> Result<Vec<Answer>> {
        let Some(team) = &self.team else {
            return orders.into_iter().map(|order| self.state.obey(order)).collect();
        };
        if let Some(failure) = &self.failure {
            return Err(anyhow!("the ranks have parted: {failure}"));
        }
        let result = obey_with(team, &mut self.state, &mut orders, among);
        result.map_err(|error| {
            let error = team.fail(error);
            self.failure = Some(format!("{error:#}"));
            error
        })
    }

    /// Ends the other ranks.
    pub(super) fn end(self) {
        let Some(team) = self.team else { return };
        if self.failure.is_some() {
            return;
        }
        let end = (0..team.size()).map(|_| encoded(&Order::End)).collect::<Result<Vec<_>>>();
        if let Err(error) = end.and_then(|orders| Ok(team.send(&orders)?)) {
            tracing::error!("{:#}", team.fail(error));
        }
    }
}

/// Sends the orders, obeys rank 0's own, and gathers the replies: the first of each place among the ranks.
fn obey_with(team: &Team, state: &mut ModelState, orders: &mut Vec<Order>, among: Among) -> Result<Vec<Answer>> {
    let seat = state.seat;
    let encoded = orders.iter().map(encoded).collect::<Result<Vec<_>>>()?;
    let of_rank = |rank: usize| encoded[if encoded.len() == 1 { 0 } else { seat.place(among, rank) }].clone();
    let parts: Vec<Vec<u8>> =
        (0..seat.num_ranks()).map(|rank| if rank == 0 { Vec::new() } else { of_rank(rank) }).collect();
    team.send(&parts)?;
    drop((parts, encoded));
    let mut answers = vec![obeyed(team, state, orders.swap_remove(0))?];
    for (rank, reply) in team.gather(&[])?.into_iter().enumerate().skip(1) {
        let Reply { answer, asked } = decoded(&reply)?;
        if let Some(asked) = asked {
            team.interrupt().ask_of_rank(asked);
        }
        if seat.place(among, rank) == answers.len() {
            answers.push(answer);
        }
    }
    Ok(answers)
}

/// Obeys an order, having said so.
fn obeyed(team: &Team, state: &mut ModelState, order: Order) -> Result<Answer> {
    team.enter(order.step(), order.phase());
    match order {
        Order::Command(ModelCommand::TakeTraffic) => {
            let (reshard_seconds, reshard_bytes) = state.take_resharding();
            let Gathering { seconds: gather_seconds, waited: gather_seconds_waited } = state.take_gathering();
            let (all, gpu) = (team.take_traffic(), state.take_gpu_memory());
            let traffic =
                RankTraffic { all, gather_seconds, gather_seconds_waited, reshard_seconds, reshard_bytes, gpu };
            Ok(Answer::Event(Box::new(ModelEvent::Traffic(vec![traffic]))))
        }
        order => state.obey(order),
    }
}

/// Obeys the orders of rank 0 until it says that there are no more.
///
/// # Errors
/// An order cannot be obeyed here, or another rank failed.
pub(crate) fn follow(mut state: ModelState, team: Team) -> Result<()> {
    loop {
        match next_order(&mut state, &team) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => return Err(team.fail(error)),
        }
    }
    Ok(())
}

/// Obeys the next order; false where it is the last.
fn next_order(state: &mut ModelState, team: &Team) -> Result<bool> {
    let order: Order = decoded(&team.receive()?)?;
    if matches!(order, Order::End) {
        return Ok(false);
    }
    let answer = obeyed(team, state, order)?;
    let reply = Reply { answer, asked: team.interrupt().asked() };
    team.gather(&encoded(&reply)?).context("the reply to rank 0")?;
    Ok(true)
}
