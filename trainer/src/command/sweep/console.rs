//! A line for each cell while a sweep runs: how it ended, and what is left.

use std::time::{Duration, Instant};

use progress::{Progress, Unit, say, time_words};
use sweep::dry_run::Expectation;
use sweep::measured::CellState;
use sweep::plan::Plan;
use sweep::runner::Event;

/// Longest time that is told, in seconds: a file may say of a step that it takes 1e20.
const MOST_SECONDS: f64 = 1e12;

/// Tells on standard error how far a sweep is.
pub(super) struct Console<'a> {
    plan: &'a Plan,
    num_at_once: usize,
    started: Instant,
    progress: Progress,
}

impl<'a> Console<'a> {
    pub(super) fn new(plan: &'a Plan, num_at_once: usize) -> Self {
        let progress = Progress::aside("sweep", Unit::Parts, Some(plan.cells.len() as u64));
        Self { plan, num_at_once, started: Instant::now(), progress }
    }

    /// Shows an event.
    pub(super) fn tell(&self, event: &Event<'_>) {
        match event {
            Event::Tick => {}
            Event::UnitStarted { unit, cells } => {
                let whose = match cells.as_slice() {
                    [cell] => cell.label(),
                    several => format!("shared by {} cells", several.len()),
                };
                say(&format!("{unit}: runs ({whose})"));
            }
            Event::UnitEnded { unit, state } => {
                let word = match state.state {
                    CellState::Done => "done",
                    CellState::Failed => "failed",
                    _ => "stopped, goes on with the same command",
                };
                say(&format!("{unit}: {word}, {}", duration(state.seconds)));
            }
            Event::CellEnded { cell, state: CellState::Failed, failure, num_left } => {
                let words = failure.as_deref().unwrap_or("failed");
                say(&format!("FAILED {}: {words}\n{}", cell.label(), self.left(*num_left)));
                self.reach(*num_left);
            }
            Event::CellEnded { cell, num_left, .. } => {
                say(&format!("{}: done; {}", cell.label(), self.left(*num_left)));
                self.reach(*num_left);
            }
        }
    }

    fn reach(&self, num_left: usize) {
        self.progress.reach((self.plan.cells.len() - num_left) as u64, "");
    }

    /// Cells that are left, and how long they will take where a step was measured.
    fn left(&self, num_left: usize) -> String {
        let passed = duration(self.started.elapsed().as_secs_f64());
        let expected = Expectation::of(self.plan).ok().and_then(|expected| expected.seconds);
        let expected = expected.filter(|_| num_left > 0);
        let expected = expected.map(|seconds| format!(", about {}", duration(seconds / self.num_at_once as f64)));
        format!("{num_left} of {} cells left{} ({passed} so far)", self.plan.cells.len(), expected.unwrap_or_default())
    }
}

/// Seconds in words, as many as a duration holds.
fn duration(seconds: f64) -> String {
    time_words(Duration::from_secs_f64(seconds.clamp(0.0, MOST_SECONDS)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_seconds_has_words() {
        assert_eq!(duration(-1.0), duration(0.0));
        assert_eq!(duration(1e300), duration(MOST_SECONDS));
    }
}
