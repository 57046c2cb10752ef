//! Times of day: `3:30`, `3:30 p.m.`, `3 PM`.

/// A time of day on the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimeOfDay {
    /// Minutes since midnight.
    pub(crate) minutes: u32,
    /// True where the text says which half of the day it is, "a.m." or "p.m.".
    pub(crate) has_half: bool,
}

impl TimeOfDay {
    /// Reads a canonical text that is a time of day and nothing else.
    pub(crate) fn read(canonical: &str) -> Option<Self> {
        let lower = canonical.to_ascii_lowercase().replace(['.', '{', '}'], "");
        let (clock, half) = match (lower.strip_suffix("am"), lower.strip_suffix("pm")) {
            (Some(clock), _) => (clock, Some(0)),
            (_, Some(clock)) => (clock, Some(12)),
            _ => (lower.as_str(), None),
        };
        let (hours, minutes) = match clock.split_once(':') {
            Some((hours, minutes)) => (hours, minutes),
            None if half.is_some() => (clock, "00"),
            None => return None,
        };
        let number = |text: &str, len: usize| text.parse::<u32>().ok().filter(|_| text.len() <= len);
        let (hours, minutes) = (number(hours, 2)?, number(minutes, 2).filter(|m| minutes.len() == 2 && *m < 60)?);
        match half {
            Some(half) if (1..=12).contains(&hours) => {
                Some(Self { minutes: (hours % 12 + half) * 60 + minutes, has_half: true })
            }
            None if hours < 24 => Some(Self { minutes: hours * 60 + minutes, has_half: false }),
            _ => None,
        }
    }
}
