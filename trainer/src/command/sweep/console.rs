//! A line for each cell while a sweep runs: how it ended, and what is left.

use std::time::{Duration, Instant};

use sweep::dry_run::Expectation;
use sweep::measured::CellState;
use sweep::plan::Plan;
use sweep::runner::Event;

/// Tells on standard error how far a sweep is.
pub(super) struct Console<'a> {
    plan: &'a Plan,
    num_at_once: usize,
    started: Instant,
}

impl<'a> Console<'a> {
    pub(super) fn new(plan: &'a Plan, num_at_once: usize) -> Self {
        Self { plan, num_at_once, started: Instant::now() }
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
                eprintln!("{unit}: runs ({whose})");
            }
            Event::UnitEnded { unit, state } => {
                let word = match state.state {
                    CellState::Done => "done",
                    CellState::Failed => "failed",
                    _ => "stopped, goes on with the same command",
                };
                eprintln!("{unit}: {word}, {}", duration(state.seconds));
            }
            Event::CellEnded { cell, state: CellState::Failed, failure, num_left } => {
                let words = failure.as_deref().unwrap_or("failed");
                eprintln!("FAILED {}: {words}\n{}", cell.label(), self.left(*num_left));
            }
            Event::CellEnded { cell, num_left, .. } => eprintln!("{}: done; {}", cell.label(), self.left(*num_left)),
        }
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

/// Seconds in words.
fn duration(seconds: f64) -> String {
    let whole = Duration::from_secs_f64(seconds.max(0.0)).as_secs();
    match whole {
        0..60 => format!("{seconds:.1} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_its_two_largest_units() {
        assert_eq!([1.25, 61.0, 7384.0].map(duration), ["1.2 s", "1 min 1 s", "2 h 3 min"]);
    }
}
