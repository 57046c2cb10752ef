//! How far tar is, from the checkpoints that it prints: a sentence for every tenth, with the time that is left.

/// Bytes of one of tar's records, which its checkpoints count.
const RECORD: u64 = 10_240;
/// Sentences of a whole archive, at most.
const SENTENCES: u64 = 10;
/// Text by which a checkpoint is told from what else tar prints.
const MARK: &str = "records written: ";

/// What is to be written.
#[derive(Debug)]
pub(crate) struct PackingProgress {
    records: u64,
}

impl PackingProgress {
    /// Of files with so many bytes together.
    pub(crate) fn new(bytes: u64) -> Self {
        Self { records: (bytes / RECORD).max(1) }
    }

    /// tar's options for it.
    pub(crate) fn options(&self) -> [String; 2] {
        let step = (self.records / SENTENCES).max(1);
        [format!("--checkpoint={step}"), format!("--checkpoint-action=echo={MARK}%u")]
    }

    /// The sentence of a line that tar printed `seconds` after it began. `None` where the line is no checkpoint.
    pub(crate) fn sentence(&self, line: &str, seconds: f64) -> Option<String> {
        let written: u64 = line.split_once(MARK)?.1.trim().parse().ok()?;
        let share = (written as f64 / self.records as f64).clamp(f64::MIN_POSITIVE, 1.0);
        let left = seconds * (1.0 - share) / share;
        Some(format!("{:.0} % after {seconds:.0} s, about {left:.0} s left", 100.0 * share))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_becomes_a_share_and_a_time() {
        let progress = PackingProgress::new(102_400_000); // 10,000 records
        assert_eq!(progress.options()[0], "--checkpoint=1000");
        let said = progress.sentence("tar: records written: 2500", 20.0);
        assert_eq!(said.as_deref(), Some("25 % after 20 s, about 60 s left"));
        // Headers and padding make an archive longer than its files.
        let said = progress.sentence("tar: records written: 11000", 80.0);
        assert_eq!(said.as_deref(), Some("100 % after 80 s, about 0 s left"));
        assert_eq!(progress.sentence("tar: x: Cannot open: Permission denied", 1.0), None);
    }
}
