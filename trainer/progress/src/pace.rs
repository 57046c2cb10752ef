//! Time that is left, from what was done so far: arithmetic over times that are handed in. Must not know the clock.
//!
//! The pace is the time of a part, averaged with weights that halve over the last third of what is done. So a slow
//! beginning (caches, compilation, a server that wakes up) is forgotten as work goes on, and one slow part is no alarm.
//! While an advance takes longer than usual the wait counts as well: a download that stands still is late, not nearly
//! done.

use std::time::Duration;

/// Share of what is done over which a weight halves.
const HALF_LIFE: f64 = 1.0 / 3.0;

/// Least time that was worked, and number of advances in it, before anything is said.
const LEAST_TIME: f64 = 3.0;
const LEAST_ADVANCES: u64 = 2;

/// Time after which one advance is enough.
const TIME_OF_ONE: f64 = 60.0;

/// The pace of one piece of work. Times are since any one moment, the same for all calls.
#[derive(Clone, Debug)]
pub struct Pace {
    began: Duration,
    last: Duration,
    num_advances: u64,
    done: f64,
    /// Weighted sums over the advances: their seconds, their parts, and themselves.
    seconds: f64,
    parts: f64,
    advances: f64,
}

impl Pace {
    /// Work that begins at `now`.
    pub fn new(now: Duration) -> Self {
        Self { began: now, last: now, num_advances: 0, done: 0.0, seconds: 0.0, parts: 0.0, advances: 0.0 }
    }

    /// Notes that `parts` more are done at `now`.
    pub fn advance(&mut self, now: Duration, parts: u64) {
        if parts == 0 {
            return;
        }
        let parts = parts as f64;
        self.done += parts;
        let kept = 0.5_f64.powf(parts / (HALF_LIFE * self.done));
        self.seconds = self.seconds * kept + now.saturating_sub(self.last).as_secs_f64();
        self.parts = self.parts * kept + parts;
        self.advances = self.advances * kept + 1.0;
        self.num_advances += 1;
        self.last = now;
    }

    /// Time left at `now` of `remaining` parts; `None` as long as too little is done to say, and where none is left.
    pub fn left(&self, now: Duration, remaining: u64) -> Option<Duration> {
        let worked = self.last.saturating_sub(self.began).as_secs_f64();
        let is_enough = worked >= LEAST_TIME && self.num_advances >= LEAST_ADVANCES;
        if remaining == 0 || self.num_advances == 0 || !(is_enough || worked >= TIME_OF_ONE) {
            return None;
        }
        let waited = now.saturating_sub(self.last).as_secs_f64();
        let usual_wait = self.seconds / self.advances;
        let late = (waited - usual_wait).max(0.0);
        // Where parts come in bursts a wait is usual: it counts no more than in the mean of all.
        let mean = (worked + waited) / self.done;
        let at_pace = self.seconds / self.parts;
        let seconds_of_part = ((self.seconds + late) / self.parts).min(mean.max(at_pace));
        let left = seconds_of_part * remaining as f64 - waited.min(usual_wait);
        Duration::try_from_secs_f64(left.max(0.0)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// The pace after advances of one part each, that took so many seconds.
    fn pace(took: &[u64]) -> (Pace, Duration) {
        let (mut pace, mut now) = (Pace::new(seconds(100)), seconds(100));
        for took in took {
            now += seconds(*took);
            pace.advance(now, 1);
        }
        (pace, now)
    }

    fn left(took: &[u64], remaining: u64) -> Option<f64> {
        let (pace, now) = pace(took);
        Some(pace.left(now, remaining)?.as_secs_f64())
    }

    #[test]
    fn an_even_pace_goes_on() {
        assert!((left(&[5; 4], 6).unwrap() - 30.0).abs() < 1e-9);
        let mut bytes = Pace::new(seconds(0));
        (1..=10).for_each(|second| bytes.advance(seconds(second), 2_000_000));
        assert!((bytes.left(seconds(10), 30_000_000).unwrap().as_secs_f64() - 15.0).abs() < 1e-6);
    }

    #[test]
    fn nothing_is_said_before_there_is_something_to_say() {
        assert_eq!(left(&[], 10), None);
        assert_eq!(left(&[20], 10), None, "one part is no pace");
        assert_eq!(left(&[1, 1], 10), None, "two seconds are no time");
        assert!(left(&[2, 2], 10).is_some());
        assert!(left(&[3600], 3).is_some(), "an hour's part is one");
        assert_eq!(left(&[5; 4], 0), None, "nothing is left");
    }

    #[test]
    fn a_slow_start_is_forgotten() {
        let mut took = vec![60];
        took.extend([2; 31]);
        let estimate = left(&took, 32).unwrap();
        assert!((64.0..80.0).contains(&estimate), "{estimate}");
        let mean = 32.0 * (60.0 + 62.0) / 32.0;
        assert!(estimate < 0.7 * mean, "{estimate} against {mean} by the mean");
    }

    #[test]
    fn a_pace_that_changed_is_followed() {
        let mut took = vec![1; 20];
        took.extend([4; 20]);
        let estimate = left(&took, 10).unwrap();
        assert!((30.0..40.0).contains(&estimate), "{estimate}: 40 at the new pace, 25 by the mean");
    }

    #[test]
    fn time_runs_down_within_a_part_and_grows_when_it_is_late() {
        let (pace, now) = pace(&[10; 6]);
        let left = |waited| pace.left(now + seconds(waited), 3).unwrap().as_secs_f64();
        assert!((left(0) - 30.0).abs() < 1e-9 && (left(4) - 26.0).abs() < 1e-9 && (left(10) - 20.0).abs() < 1e-9);
        assert!(left(60) > 30.0, "{}", left(60));
        assert!(left(600) > left(60));
    }

    #[test]
    fn a_wait_between_bursts_is_no_alarm() {
        let mut pace = Pace::new(seconds(0));
        for burst in 1..=2 {
            (0..32).for_each(|_| pace.advance(seconds(9 * burst), 1));
        }
        let left = pace.left(seconds(26), 320).unwrap().as_secs_f64();
        assert!((70.0..=130.0).contains(&left), "{left}: 90 s by whole bursts");
    }

    #[test]
    fn the_size_of_an_advance_does_not_matter() {
        let (mut fine, mut coarse) = (Pace::new(seconds(0)), Pace::new(seconds(0)));
        for tenth in 1..=200 {
            fine.advance(Duration::from_millis(100 * tenth), 10);
        }
        (1..=20).for_each(|second| coarse.advance(seconds(second), 100));
        let [fine, coarse] = [fine, coarse].map(|pace| pace.left(seconds(20), 1000).unwrap().as_secs_f64());
        assert!((fine - coarse).abs() < 0.5, "{fine} {coarse}");
    }
}
