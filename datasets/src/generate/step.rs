//! A step of a word problem; plain sums consist of the same steps.

/// One addition or subtraction of a one-digit number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) is_gain: bool,
    pub(super) amount: u32,
}

impl Step {
    /// The total after the step; `None` outside of 0 to `max_total`.
    pub(super) fn apply(self, total: u32, max_total: u32) -> Option<u32> {
        let next = if self.is_gain { total.checked_add(self.amount) } else { total.checked_sub(self.amount) };
        next.filter(|&next| next <= max_total)
    }

    /// The step as written in a chain, such as `+5`: in a problem's essence and in careful completions.
    pub(super) fn term(self) -> String {
        format!("{}{}", if self.is_gain { '+' } else { '-' }, self.amount)
    }
}
