//! Numbers of bytes, as people write and read them.

/// Bytes of a gibibyte.
pub const GIB: u64 = 1 << 30;

/// The number of bytes that a text stands for: `80GiB`, `80 GB`, `512MiB`, `1.5TiB`, or a plain number of bytes.
///
/// # Errors
/// The text is none of these, in words that say what to write.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no number of bytes; write it as 80GiB, 80GB or 85899345920");
    let text = text.trim();
    let end = text.find(|at: char| !(at.is_ascii_digit() || at == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let factor = match unit.trim() {
        "" | "B" => 1.0,
        "KiB" => 1024.0,
        "MiB" => 1_048_576.0,
        "GiB" => GIB as f64,
        "TiB" => 1024.0 * GIB as f64,
        "KB" | "kB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "TB" => 1e12,
        _ => return Err(wrong()),
    };
    let bytes = number * factor;
    if bytes >= 1.0 && bytes < u64::MAX as f64 { Ok(bytes as u64) } else { Err(wrong()) }
}

/// A unit of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Mib,
    Gib,
}

impl Unit {
    /// The unit in which so many bytes are a number to read.
    pub(crate) fn of(bytes: u64) -> Self {
        if bytes < GIB { Self::Mib } else { Self::Gib }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mib => "MiB",
            Self::Gib => "GiB",
        }
    }

    /// Bytes in this unit, with a digit behind the point, two below 1.
    pub(crate) fn number(self, bytes: u64) -> String {
        let value = bytes as f64 / if self == Self::Mib { 1_048_576.0 } else { GIB as f64 };
        if bytes == 0 || value >= 0.95 { format!("{value:.1}") } else { format!("{value:.2}") }
    }
}

/// Bytes in words: `80.0 GiB`, `12.5 MiB`.
pub fn bytes_words(bytes: u64) -> String {
    let unit = Unit::of(bytes);
    format!("{} {}", unit.number(bytes), unit.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_they_are_written() {
        assert_eq!(parse_bytes("80GiB"), Ok(80 * GIB));
        assert_eq!(parse_bytes(" 1.5 TiB"), Ok(1536 * GIB));
        assert_eq!(parse_bytes("80GB"), Ok(80_000_000_000));
        assert_eq!(parse_bytes("512"), Ok(512));
        for wrong in ["", "GiB", "-1GiB", "80 gigs", "1e3", "0", "0.0001", "99999999999TiB", "1.2.3GiB"] {
            assert!(parse_bytes(wrong).unwrap_err().contains("80GiB"), "{wrong}");
        }
        assert_eq!([bytes_words(80 * GIB), bytes_words(GIB / 8)], ["80.0 GiB", "128.0 MiB"].map(String::from));
        assert_eq!([Unit::Gib.number(0), Unit::Gib.number(GIB / 8)], ["0.0", "0.12"].map(String::from));
    }
}
