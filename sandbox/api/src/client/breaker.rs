//! A circuit breaker: a server that keeps failing gets no call for a while, then one that tries it. Knows no server.

use std::time::{Duration, Instant};

/// The longest time for which a server gets no call.
const LONGEST: Duration = Duration::from_secs(60);

/// The breaker of one server.
#[derive(Debug, Clone)]
pub(crate) struct Breaker {
    most_failures: usize,
    shortest: Duration,
    num_failures: usize,
    /// The end of the time without calls, and the length of that time; `None` while the breaker is closed.
    open: Option<(Instant, Duration)>,
    /// The beginning of the one call that tries the server.
    probe: Option<Instant>,
}

impl Breaker {
    /// A closed breaker, which opens for `shortest` after `most_failures` failures in a row.
    pub(super) fn new(most_failures: usize, shortest: Duration) -> Self {
        Self { most_failures, shortest, num_failures: 0, open: None, probe: None }
    }

    /// True if a call may be made now.
    pub(super) fn allows(&self, now: Instant) -> bool {
        self.ready_at().is_none_or(|ready| ready <= now)
    }

    /// The time from which on a call may be made; `None` if it always may.
    pub(super) fn ready_at(&self) -> Option<Instant> {
        let (until, length) = self.open?;
        // A probe without an answer keeps others out for one more `length`, not for good.
        Some(self.probe.map_or(until, |began| until.max(began + length)))
    }

    /// Failures since the server last answered.
    pub(super) fn num_failures(&self) -> usize {
        self.num_failures
    }

    /// Records that a call is made.
    pub(super) fn called(&mut self, now: Instant) {
        if self.open.is_some() {
            self.probe = Some(now);
        }
    }

    /// Records that the server answered.
    pub(super) fn succeeded(&mut self) {
        (self.num_failures, self.open, self.probe) = (0, None, None);
    }

    /// Records that the server did not answer.
    pub(super) fn failed(&mut self, now: Instant) {
        self.num_failures += 1;
        if self.num_failures < self.most_failures {
            return;
        }
        let length = match self.open {
            // Calls that were under way when the breaker opened say nothing new.
            Some((until, length)) if now < until => length,
            Some((_, length)) => (length * 2).min(LONGEST),
            None => self.shortest,
        };
        (self.open, self.probe) = (Some((now + length, length)), None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn opens_after_failures_and_closes_after_a_probe() {
        let (mut breaker, start) = (Breaker::new(3, SECOND), Instant::now());
        breaker.failed(start);
        breaker.failed(start);
        assert!(breaker.allows(start));
        breaker.failed(start);
        assert!(!breaker.allows(start) && breaker.allows(start + SECOND));
        breaker.called(start + SECOND);
        assert!(!breaker.allows(start + SECOND), "one probe at a time");
        assert!(breaker.allows(start + 2 * SECOND), "a probe given up does not block for ever");
        breaker.succeeded();
        assert!(breaker.allows(start) && breaker.ready_at().is_none());
    }

    #[test]
    fn stays_open_longer_each_time() {
        let (mut breaker, start) = (Breaker::new(1, SECOND), Instant::now());
        breaker.failed(start);
        assert_eq!(breaker.ready_at(), Some(start + SECOND));
        breaker.failed(start + SECOND / 2);
        assert_eq!(breaker.ready_at(), Some(start + SECOND / 2 + SECOND), "late failures do not double it");
        let mut now = start + 2 * SECOND;
        for _ in 0..20 {
            breaker.called(now);
            breaker.failed(now);
            now = breaker.ready_at().unwrap();
        }
        breaker.failed(now);
        assert_eq!(breaker.ready_at(), Some(now + LONGEST));
    }
}
