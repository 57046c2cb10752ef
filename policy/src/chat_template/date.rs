//! A date and time of day, and Python's `strftime` for it. It knows no time zone.
//!
//! Days are counted in the proleptic Gregorian calendar from 1 January 1970, a Thursday.

use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
/// From Monday on, as ISO 8601 counts.
const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const SECONDS_A_DAY: i64 = 86_400;

/// A date and a time of day, to the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    year: i64,
    /// From 1.
    month: usize,
    /// From 1.
    day: i64,
    /// Seconds since midnight.
    second: i64,
}

impl FromStr for Date {
    type Err = String;

    /// Reads `2026-02-03` or `2026-02-03T14:05:06`.
    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || format!("\"{text}\" is no date; write it as 2026-02-03 or 2026-02-03T14:05:06");
        let (date, time) = text.split_once(['T', ' ']).unwrap_or((text, "00:00:00"));
        let numbers = |text: &str, separator: char, lengths: [usize; 3]| -> Option<[i64; 3]> {
            let parts: Vec<&str> = text.split(separator).collect();
            let parts: [&str; 3] = parts.try_into().ok()?;
            let mut numbers = [0; 3];
            for ((number, part), length) in numbers.iter_mut().zip(parts).zip(lengths) {
                let is_number = part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit());
                *number = part.parse().ok().filter(|_| is_number)?;
            }
            Some(numbers)
        };
        let [year, month, day] = numbers(date, '-', [4, 2, 2]).ok_or_else(refuse)?;
        let [hour, minute, second] = numbers(time, ':', [2, 2, 2]).ok_or_else(refuse)?;
        let is_month = (1..=12).contains(&month);
        if year < 1 || !is_month || hour > 23 || minute > 59 || second > 59 {
            return Err(refuse());
        }
        let date = Self { year, month: month as usize, day, second: hour * 3600 + minute * 60 + second };
        // A day that the month does not have comes back as another.
        match Self::from_days(date.days()).day == day && day > 0 {
            true => Ok(date),
            false => Err(refuse()),
        }
    }
}

impl Date {
    /// The time now, in UTC.
    pub fn now() -> Self {
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs() as i64);
        Self { second: seconds % SECONDS_A_DAY, ..Self::from_days(seconds / SECONDS_A_DAY) }
    }

    /// Midnight of the day with this number.
    fn from_days(days: i64) -> Self {
        // Both bounds are guesses that are at most a year off.
        let mut year = 1970 + days.div_euclid(366);
        while first_day(year + 1) <= days {
            year += 1;
        }
        let mut day = days - first_day(year);
        let mut month = 1;
        while day >= days_in_month(year, month) {
            day -= days_in_month(year, month);
            month += 1;
        }
        Self { year, month, day: day + 1, second: 0 }
    }

    /// Number of days since 1 January 1970.
    fn days(&self) -> i64 {
        first_day(self.year) + self.day_of_year()
    }

    /// From 0.
    fn day_of_year(&self) -> i64 {
        (1..self.month).map(|month| days_in_month(self.year, month)).sum::<i64>() + self.day - 1
    }

    /// Monday is 0.
    fn weekday(&self) -> usize {
        (self.days() + 3).rem_euclid(7) as usize
    }

    /// Year and week of ISO 8601: a week belongs to the year of its Thursday.
    fn iso_week(&self) -> (i64, i64) {
        let thursday = Self::from_days(self.days() - self.weekday() as i64 + 3);
        (thursday.year, thursday.day_of_year() / 7 + 1)
    }

    /// The text of a format as Python's `strftime` writes it in the C locale; `%-d` is `%d` without its padding.
    pub fn strftime(&self, format: &str) -> String {
        let mut text = String::new();
        let mut chars = format.chars();
        while let Some(c) = chars.next() {
            if c != '%' {
                text.push(c);
                continue;
            }
            let directive = chars.next();
            let (is_bare, directive) = if directive == Some('-') { (true, chars.next()) } else { (false, directive) };
            let Some(directive) = directive else {
                text.push_str(if is_bare { "%-" } else { "%" });
                break;
            };
            match self.directive(directive) {
                Some(written) if is_bare => {
                    let trimmed = written.trim_start_matches(['0', ' ']);
                    text.push_str(if trimmed.is_empty() { "0" } else { trimmed });
                }
                Some(written) => text.push_str(&written),
                None => text.extend(if is_bare { vec!['%', '-', directive] } else { vec!['%', directive] }),
            }
        }
        text
    }

    fn directive(&self, directive: char) -> Option<String> {
        let (hour, minute, second) = (self.second / 3600, self.second / 60 % 60, self.second % 60);
        let (month, weekday) = (MONTHS[self.month - 1], WEEKDAYS[self.weekday()]);
        let hour_of_twelve = (hour + 11) % 12 + 1;
        let (day_of_year, from_sunday) = (self.day_of_year(), (self.weekday() as i64 + 1) % 7);
        Some(match directive {
            'Y' => self.year.to_string(),
            'C' => format!("{:02}", self.year / 100),
            'y' => format!("{:02}", self.year % 100),
            'm' => format!("{:02}", self.month),
            'd' => format!("{:02}", self.day),
            'e' => format!("{:2}", self.day),
            'H' => format!("{hour:02}"),
            'k' => format!("{hour:2}"),
            'I' => format!("{hour_of_twelve:02}"),
            'l' => format!("{hour_of_twelve:2}"),
            'M' => format!("{minute:02}"),
            'S' => format!("{second:02}"),
            'f' => "000000".to_owned(),
            'p' => if hour < 12 { "AM" } else { "PM" }.to_owned(),
            'P' => if hour < 12 { "am" } else { "pm" }.to_owned(),
            'B' => month.to_owned(),
            'b' | 'h' => month[..3].to_owned(),
            'A' => weekday.to_owned(),
            'a' => weekday[..3].to_owned(),
            'j' => format!("{:03}", day_of_year + 1),
            'u' => (self.weekday() + 1).to_string(),
            'w' => from_sunday.to_string(),
            'U' => format!("{:02}", (day_of_year + 7 - from_sunday) / 7),
            'W' => format!("{:02}", (day_of_year + 7 - self.weekday() as i64) / 7),
            'G' => self.iso_week().0.to_string(),
            'g' => format!("{:02}", self.iso_week().0 % 100),
            'V' => format!("{:02}", self.iso_week().1),
            's' => (self.days() * SECONDS_A_DAY + self.second).to_string(),
            'D' | 'x' => self.strftime("%m/%d/%y"),
            'F' => self.strftime("%Y-%m-%d"),
            'T' | 'X' => self.strftime("%H:%M:%S"),
            'R' => self.strftime("%H:%M"),
            'r' => self.strftime("%I:%M:%S %p"),
            'c' => self.strftime("%a %b %e %H:%M:%S %Y"),
            'n' => "\n".to_owned(),
            't' => "\t".to_owned(),
            'z' | 'Z' => String::new(),
            '%' => "%".to_owned(),
            _ => return None,
        })
    }
}

fn is_leap(year: i64) -> bool {
    (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
}

fn days_in_month(year: i64, month: usize) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Number of 1 January of a year.
fn first_day(year: i64) -> i64 {
    let before = year - 1;
    365 * (year - 1970) + before / 4 - before / 100 + before / 400 - 477
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_python_writes_them() {
        let date: Date = "2026-02-03T14:05:06".parse().unwrap();
        let cases = [
            ("%d %b %Y", "03 Feb 2026"),
            (
                "%Y-%m-%dT%H:%M:%S, %A %j, week %U, %y %B, %I %p, 100%%",
                "2026-02-03T14:05:06, Tuesday 034, week 05, 26 \
                February, 02 PM, 100%",
            ),
            ("%-d/%-m %-I:%M", "3/2 2:05"),
            ("%c|%x|%X|%F|%e", "Tue Feb  3 14:05:06 2026|02/03/26|14:05:06|2026-02-03| 3"),
            ("%G-W%V-%u %w %W %C", "2026-W06-2 2 05 20"),
            ("%Q %", "%Q %"),
        ];
        for (format, expected) in cases {
            assert_eq!(date.strftime(format), expected, "{format}");
        }
        let new_year: Date = "2027-01-01".parse().unwrap();
        assert_eq!(new_year.strftime("%G-W%V %U %j %A %H"), "2026-W53 00 001 Friday 00");
        let leap: Date = "2024-12-31".parse().unwrap();
        assert_eq!(leap.strftime("%j %s %a"), "366 1735603200 Tue");
    }

    #[test]
    fn days_and_dates_agree() {
        for days in -800..40_000 {
            assert_eq!(Date::from_days(days).days(), days);
        }
        assert_eq!(Date::from_days(0).strftime("%F %A"), "1970-01-01 Thursday");
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in ["", "today", "2026-2-3", "2026-13-01", "2026-02-30", "2026-02-00", "2026-02-03T25:00:00"] {
            assert!(text.parse::<Date>().unwrap_err().contains("is no date"), "{text}");
        }
        assert!("2024-02-29 10:00:00".parse::<Date>().is_ok());
    }
}
