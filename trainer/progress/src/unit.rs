//! What is counted, and how a place among all of it is written. Must not know who counts.

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Steps, samples, files, cells: written as `12/32`.
    Parts,
    /// Bytes, in decimal multiples: written as `1.2/3.4 GB`.
    Bytes,
}

/// Decimal multiples of a byte, the largest first.
const MULTIPLES: [(u64, &str); 4] =
    [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];

impl Unit {
    /// The place `done` of `total`, or `done` alone where the total is not known.
    pub(crate) fn place(self, done: u64, total: Option<u64>) -> String {
        match (self, total) {
            (Self::Parts, Some(total)) => format!("{done}/{total}"),
            (Self::Parts, None) => done.to_string(),
            (Self::Bytes, total) => {
                // Both in the multiple of the total, so that the eye compares two numbers.
                let (size, name) = multiple(total.unwrap_or(done));
                match total {
                    Some(total) => format!("{}/{} {name}", in_multiples(done, size), in_multiples(total, size)),
                    None => format!("{} {name}", in_multiples(done, size)),
                }
            }
        }
    }
}

fn multiple(bytes: u64) -> (u64, &'static str) {
    MULTIPLES.into_iter().find(|(size, _)| bytes >= *size).unwrap_or((1, "bytes"))
}

fn in_multiples(bytes: u64, size: u64) -> String {
    if size <= 1_000 { (bytes / size).to_string() } else { format!("{:.1}", bytes as f64 / size as f64) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_stand_in_the_multiple_of_the_total() {
        assert_eq!(Unit::Bytes.place(0, Some(3_420_000_000)), "0.0/3.4 GB");
        assert_eq!(Unit::Bytes.place(1_200_000_000, Some(3_420_000_000)), "1.2/3.4 GB");
        assert_eq!(Unit::Bytes.place(999, None), "999 bytes");
        assert_eq!(Unit::Bytes.place(17_300_000, None), "17.3 MB");
        assert_eq!(Unit::Bytes.place(500, Some(2_500)), "0/2 kB");
        assert_eq!(Unit::Parts.place(12, Some(32)), "12/32");
        assert_eq!(Unit::Parts.place(12, None), "12");
    }
}
