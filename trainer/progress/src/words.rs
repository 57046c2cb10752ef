//! Lengths of time in words, no finer than they are known. Must not know what takes the time.

use std::time::Duration;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A length of time in one unit or two: `4 s`, `45 s`, `3 min`, `2 h 10 min`, `3 d 4 h`.
pub fn time_words(time: Duration) -> String {
    let seconds = (time.as_secs_f64().round() as u64).max(1);
    match seconds {
        0..20 => format!("{seconds} s"),
        20..58 => format!("{} s", nearest(seconds, 5)),
        58..5400 => format!("{} min", nearest(seconds, MINUTE) / MINUTE),
        5400..DAY => two(nearest(seconds, 10 * MINUTE), (HOUR, "h"), (MINUTE, "min")),
        _ => two(nearest(seconds, HOUR), (DAY, "d"), (HOUR, "h")),
    }
}

fn nearest(seconds: u64, step: u64) -> u64 {
    (seconds + step / 2) / step * step
}

fn two(seconds: u64, (large, large_name): (u64, &str), (small, small_name): (u64, &str)) -> String {
    match (seconds / large, seconds % large / small) {
        (first, 0) => format!("{first} {large_name}"),
        (first, rest) => format!("{first} {large_name} {rest} {small_name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_said_no_finer_than_it_is_known() {
        let words = |seconds| time_words(Duration::from_secs(seconds));
        let said = [0, 4, 19, 43, 57, 59, 89, 91, 5340, 5399, 5400, 7800, 86_000, 86_400, 273_000].map(words);
        let expected = [
            "1 s",
            "4 s",
            "19 s",
            "45 s",
            "55 s",
            "1 min",
            "1 min",
            "2 min",
            "89 min",
            "90 min",
            "1 h 30 min",
            "2 h 10 min",
            "23 h 50 min",
            "1 d",
            "3 d 4 h",
        ];
        assert_eq!(said, expected);
    }
}
