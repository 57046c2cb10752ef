//! What is promised of the rules, and whether the simulation bears it out.
//!
//! The bounds are for 10,000 repeats a cell. With fewer, the worst of a hundred cells lies further out by chance alone,
//! so that each bound is four standard errors of a share wider than with 10,000.

/// A share of a cell: the cell's name, 0..=1.
type Share = (String, f64);

/// Repeats for which the bounds hold as they are.
pub(crate) const REPEATS: u64 = 10_000;

/// Promises that were looked at.
#[derive(Debug)]
pub(crate) struct Promises {
    repeats: u64,
    rows: Vec<String>,
    num_broken: usize,
}

impl Promises {
    pub(crate) fn new(repeats: u64) -> Self {
        Self { repeats, rows: Vec::new(), num_broken: 0 }
    }

    /// What chance adds to a bound where there are few repeats.
    fn slack(&self, bound: f64) -> f64 {
        let error = |repeats: u64| (bound * (1.0 - bound) / repeats as f64).sqrt();
        (4.0 * (error(self.repeats) - error(REPEATS))).max(0.0)
    }

    /// The share is no lower in any cell.
    pub(crate) fn at_least(&mut self, what: &str, bound: f64, cells: impl IntoIterator<Item = Share>) {
        let lowest = cells.into_iter().min_by(|(_, one), (_, other)| one.total_cmp(other));
        let bound = bound - self.slack(bound);
        if let Some((cell, share)) = lowest {
            self.add(&format!("{what} | at least {:.1}", 100.0 * bound), &cell, share, share >= bound);
        }
    }

    /// The share is no higher in any cell.
    pub(crate) fn at_most(&mut self, what: &str, bound: f64, cells: impl IntoIterator<Item = Share>) {
        let highest = cells.into_iter().max_by(|(_, one), (_, other)| one.total_cmp(other));
        let bound = bound + self.slack(bound);
        if let Some((cell, share)) = highest {
            self.add(&format!("{what} | at most {:.1}", 100.0 * bound), &cell, share, share <= bound);
        }
    }

    fn add(&mut self, what: &str, cell: &str, share: f64, is_kept: bool) {
        let kept = if is_kept { "yes" } else { "**no**" };
        self.num_broken += usize::from(!is_kept);
        self.rows.push(format!("| {what} | {:.1} ({cell}) | {kept} |\n", 100.0 * share));
    }

    pub(crate) fn all_kept(&self) -> bool {
        self.num_broken == 0
    }

    pub(crate) fn table(&self) -> String {
        format!("| promise, % | bound | worst cell | kept |\n| --- | --- | --- | --- |\n{}", self.rows.concat())
    }
}
