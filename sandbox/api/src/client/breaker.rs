//! A circuit breaker: a server that keeps failing is left alone for a while, then tried with one call. Knows no server.

use std::time::{Duration, Instant};

/// The longest time that a server is left alone.
const LONGEST: Duration = Duration::from_secs(60);

/// The breaker of one server.
#[derive(Debug, Clone)]
pub(crate) struct Breaker {
    most_failures: usize,
    shortest: Duration,
    num_failures: usize,
    /// Until when the server is left alone, and how long it is this time.
    open: Option<(Instant, Duration)>,
    /// When the one call began that tries the server.
    probe: Option<Instant>,
}

impl Breaker {
    /// A closed breaker, which opens for `shortest` after `most_failures` failures in a row.
    pub fn new(most_failures: usize, shortest: Duration) -> Self {
        Self { most_failures, shortest, num_failures: 0, open: None, probe: None }
    }

    /// Whether a call may be made now.
    pub fn allows(&self, now: Instant) -> bool {
        self.ready_at().is_none_or(|ready| ready <= now)
    }

    /// From when on a call may be made; `None` where it always may.
    pub fn ready_at(&self) -> Option<Instant> {
        let (until, length) = self.open?;
        // A probe that was given up without an answer does not close the way for good.
        Some(self.probe.map_or(until, |began| until.max(began + length)))
    }

    /// A call is made.
    pub fn called(&mut self, now: Instant) {
        if self.open.is_some() {
            self.probe = Some(now);
        }
    }

    /// The server answered.
    pub fn succeeded(&mut self) {
        (self.num_failures, self.open, self.probe) = (0, None, None);
    }

    /// The server did not answer.
    pub fn failed(&mut self, now: Instant) {
        self.num_failures += 1;
        if self.num_failures < self.most_failures {
            return;
        }
        let length = match self.open {
            // Calls that were under way when it opened say nothing new.
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
