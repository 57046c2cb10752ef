//! Limits of programs as command-line options, and sizes as people write them.

use std::str::FromStr;

use clap::Args;
use sandbox_api::Limits;

/// Limits of each started program.
#[derive(Debug, Clone, Args)]
pub(super) struct LimitArgs {
    /// Seconds from start to end, and of processor time.
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0)]
    time_limit: f64,
    /// Memory of a program and all it starts.
    #[arg(long, value_name = "SIZE", default_value = "256MiB")]
    memory_limit: Size,
    /// Bytes on standard output and standard error together.
    #[arg(long, value_name = "SIZE", default_value = "1MiB")]
    output_limit: Size,
    /// Processes and threads at one time.
    #[arg(long, value_name = "COUNT", default_value_t = 32)]
    process_limit: u64,
    /// Bytes of its files.
    #[arg(long, value_name = "SIZE", default_value = "64MiB")]
    disk_limit: Size,
}

impl LimitArgs {
    /// The limits that the options stand for.
    pub(super) fn limits(&self) -> Limits {
        Limits {
            wall_seconds: self.time_limit,
            cpu_seconds: self.time_limit,
            memory_bytes: self.memory_limit.0,
            output_bytes: self.output_limit.0,
            processes: self.process_limit,
            file_bytes: self.disk_limit.0,
            ..Limits::default()
        }
    }
}

/// A number of bytes, such as `256MiB`, `1GB` or `65536`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size(pub u64);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = text.split_at(digits);
        let unit: u64 = match unit.trim() {
            "" | "B" => 1,
            "KiB" | "K" => 1 << 10,
            "MiB" | "M" => 1 << 20,
            "GiB" | "G" => 1 << 30,
            "KB" | "kB" => 1_000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            _ => return Err("give bytes, or a size such as 64KiB, 256MiB, 1GiB".to_owned()),
        };
        let number: u64 = number.parse().map_err(|_| "give bytes, or a size such as 64KiB, 256MiB, 1GiB".to_owned())?;
        number.checked_mul(unit).map(Size).ok_or_else(|| "it is more than there can be".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::Size;

    #[test]
    fn sizes_are_read() {
        for (text, bytes) in [("65536", 65536), ("256MiB", 256 << 20), ("1 GiB", 1 << 30), ("2MB", 2_000_000)] {
            assert_eq!(text.parse(), Ok(Size(bytes)));
        }
        for text in ["", "MiB", "1.5MiB", "-1", "1TiBit", "99999999999GiB"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }
}
