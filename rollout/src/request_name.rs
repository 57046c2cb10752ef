//! How errors name a request: by its address, and by a label for people where it has one.

use std::fmt::{Display, Formatter, Result};

/// The draw and the sample of a request, with its label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestName {
    /// The place in the walk over the data.
    pub draw: u64,
    /// The number among the draw's completions.
    pub sample: u64,
    /// What people call it, such as a task's id.
    pub label: Option<String>,
}

impl Display for RequestName {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        write!(formatter, "draw {}, sample {}", self.draw, self.sample)?;
        self.label.as_ref().map_or(Ok(()), |label| write!(formatter, " ({label})"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_address_with_the_label_behind_it() {
        let name = RequestName { draw: 3, sample: 1, label: None };
        assert_eq!(name.to_string(), "draw 3, sample 1");
        let labelled = RequestName { label: Some("task sum-1".to_owned()), ..name };
        assert_eq!(labelled.to_string(), "draw 3, sample 1 (task sum-1)");
    }
}
