//! What a person reads of the work under way, as parts and as text. Must not know where it is shown.

use std::time::Duration;

use crate::words::time_words;

/// A piece of work, with what it stands in and what of it is under way.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct View {
    /// What it stands in, its title and its place: `phase 2 of 4, stage 1 12/32`.
    pub path: String,
    /// Its place as a share, where the total is known.
    pub share: Option<f64>,
    /// Its time, and that of all.
    pub time: String,
    /// What of it is under way.
    pub under_way: String,
    /// Figures of what is done.
    pub note: String,
}

impl View {
    /// A line by itself.
    pub(crate) fn line(&self) -> String {
        joined(&[&self.path, self.detail(), &self.time])
    }

    /// The line but for its time, which always changes.
    pub(crate) fn words(&self) -> String {
        joined(&[&self.path, self.detail()])
    }

    fn detail(&self) -> &str {
        if self.under_way.is_empty() { &self.note } else { &self.under_way }
    }

    /// The text behind a bar, of which a narrow terminal cuts off the end.
    pub(crate) fn beside_bar(&self) -> String {
        joined(&[&self.time, &self.under_way, &self.note])
    }
}

fn joined(parts: &[&str]) -> String {
    let parts = parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("  ")
}

/// Time left of the work shown, and of the work around it: of `all`, or of what has a name.
pub(crate) fn left_words(own: Option<Duration>, around: Option<(Duration, &str)>) -> String {
    match (own, around) {
        (Some(own), Some((all, name))) => format!("{} left, about {} of {name}", time_words(own), time_words(all)),
        (Some(own), None) => format!("{} left", time_words(own)),
        (None, Some((all, name))) => format!("about {} left of {name}", time_words(all)),
        (None, None) => String::new(),
    }
}
