//! Work of several phases in a row, of which no two take equally long: their expected times, from those that are done
//! and the one that runs. Must not know what a phase does.
//!
//! A phase has a cost, in any unit that all of them share, and a kind. What a phase of a kind took for its cost is
//! expected of the next of that kind; of a kind that none was of, what all took together.

use std::time::Duration;

/// One phase.
#[derive(Clone, Debug, PartialEq)]
pub struct Phase {
    /// Its name.
    pub name: String,
    /// Phases of one kind take times as their costs are.
    pub kind: &'static str,
    /// Its work, above 0.
    pub cost: f64,
}

/// Phases with what is known of each.
#[derive(Clone, Debug)]
pub struct Phases {
    phases: Vec<(Phase, State)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Waiting,
    /// Since when it runs here, and how long it had run before.
    Running {
        since: Duration,
        before: Duration,
    },
    /// How long it took, where that is known.
    Done(Option<Duration>),
}

impl Phases {
    /// Phases of which none has begun.
    pub fn new(phases: impl IntoIterator<Item = Phase>) -> Self {
        Self { phases: phases.into_iter().map(|phase| (phase, State::Waiting)).collect() }
    }

    /// Number of phases.
    pub(crate) fn len(&self) -> u64 {
        self.phases.len() as u64
    }

    /// Notes that the phase of the name runs from `now` on, after `before` in an earlier process. What ran is done.
    pub fn begin(&mut self, name: &str, now: Duration, before: Duration) {
        self.end_running(now);
        if let Some((_, state)) = self.phases.iter_mut().find(|(phase, _)| phase.name == name) {
            *state = State::Running { since: now, before };
        }
    }

    /// Notes that the phase of the name is done, and how long it took where that is known.
    pub fn done(&mut self, name: &str, took: Option<Duration>) {
        if let Some((_, state)) = self.phases.iter_mut().find(|(phase, _)| phase.name == name) {
            *state = State::Done(took);
        }
    }

    fn end_running(&mut self, now: Duration) {
        for (_, state) in &mut self.phases {
            if let State::Running { since, before } = *state {
                *state = State::Done(Some(before + now.saturating_sub(since)));
            }
        }
    }

    /// Number of phases that have begun: the running one is of this number.
    pub(crate) fn number(&self) -> u64 {
        self.phases.iter().filter(|(_, state)| *state != State::Waiting).count() as u64
    }

    /// Time left of all phases at `now`, where `of_running` is left of the one that runs; `None` as long as one of those
    /// left can be compared with nothing.
    pub fn left(&self, now: Duration, of_running: Option<Duration>) -> Option<Duration> {
        let known: Vec<(&Phase, f64)> =
            self.phases.iter().filter_map(|(phase, state)| Some((phase, took(*state, now, of_running)?))).collect();
        let rate_of = |is_like: &dyn Fn(&Phase) -> bool| {
            let (seconds, cost) = known
                .iter()
                .filter(|(phase, _)| is_like(phase))
                .fold((0.0, 0.0), |(seconds, cost), (phase, took)| (seconds + took, cost + phase.cost));
            (cost > 0.0).then_some(seconds / cost)
        };
        let expected = |phase: &Phase| {
            let rate = rate_of(&|other| other.kind == phase.kind).or_else(|| rate_of(&|_| true))?;
            Some(rate * phase.cost)
        };
        let mut left = 0.0;
        for (phase, state) in &self.phases {
            left += match (*state, of_running) {
                (State::Done(_), _) => 0.0,
                (State::Running { .. }, Some(left)) => left.as_secs_f64(),
                (State::Running { since, before }, None) => {
                    let ran = (before + now.saturating_sub(since)).as_secs_f64();
                    (expected(phase)? - ran).max(0.0)
                }
                (State::Waiting, _) => expected(phase)?,
            };
        }
        Duration::try_from_secs_f64(left).ok()
    }
}

/// Seconds that a phase took, or will have taken where it runs and its end is in sight.
fn took(state: State, now: Duration, left: Option<Duration>) -> Option<f64> {
    match state {
        State::Waiting => None,
        State::Running { since, before } => Some((before + now.saturating_sub(since) + left?).as_secs_f64()),
        State::Done(took) => took.map(|took| took.as_secs_f64()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn recipe() -> Phases {
        let phase = |name: &str, kind, cost| Phase { name: name.to_owned(), kind, cost };
        Phases::new([
            phase("cold-start", "supervised", 2.0),
            phase("stage-1", "stage", 3.0),
            phase("reward-model", "supervised", 1.0),
            phase("stage-2", "stage", 6.0),
        ])
    }

    #[test]
    fn before_anything_took_time_nothing_is_said() {
        let mut phases = recipe();
        assert_eq!(phases.left(seconds(5), None), None);
        phases.begin("cold-start", seconds(0), seconds(0));
        assert_eq!(phases.left(seconds(5), None), None);
        assert_eq!(phases.number(), 1);
    }

    #[test]
    fn the_first_phase_stands_for_all_until_one_of_each_kind_is_known() {
        let mut phases = recipe();
        phases.begin("cold-start", seconds(0), seconds(0));
        // 20 s for a cost of 2: 10 s for each of the 10 that wait, and 15 s of its own.
        assert_eq!(phases.left(seconds(5), Some(seconds(15))), Some(seconds(15 + 100)));
        phases.begin("stage-1", seconds(20), seconds(0));
        // The stage will have taken 90 s for its 3, so that stage 2 takes 180 s, and the reward model 10 s as before.
        assert_eq!(phases.left(seconds(50), Some(seconds(60))), Some(seconds(60 + 10 + 180)));
        assert_eq!(phases.number(), 2);
    }

    #[test]
    fn a_phase_that_is_done_before_or_gone_on_with_counts_with_what_it_took() {
        let mut phases = recipe();
        phases.done("cold-start", Some(seconds(40)));
        phases.done("stage-1", Some(seconds(300)));
        phases.begin("reward-model", seconds(0), seconds(0));
        assert_eq!(phases.left(seconds(5), None), Some(seconds(15 + 600)));
        phases.begin("stage-2", seconds(20), seconds(580));
        assert_eq!(phases.left(seconds(30), None), Some(seconds(10)));
        assert_eq!(phases.left(seconds(600), None), Some(seconds(0)));
    }
}
