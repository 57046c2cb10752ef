//! The bar of the work under way: one line of text, which the terminal's width cuts. Must not know when it is drawn.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::view::View;

/// Age from which work inside the work that is shown is named: what flashes by cannot be read.
pub(crate) const LEAST_AGE_ON_BAR: Duration = Duration::from_secs(1);

/// Columns of the bar itself.
const COLUMNS: usize = 20;

/// A line on standard error.
pub(crate) fn new_bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    match ProgressStyle::with_template("{wide_msg}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Draws what is to be seen, all of it at once.
pub(crate) fn show(bar: &ProgressBar, view: &View) {
    bar.set_message(text(view, std::env::var_os("NO_COLOR").is_none()));
}

/// The whole line.
pub(crate) fn text(view: &View, has_colour: bool) -> String {
    let bar = view.share.map(|share| {
        let columns = drawn(share);
        if has_colour { format!(" \x1b[36m{columns}\x1b[0m") } else { format!(" {columns}") }
    });
    format!("{}{}  {}", view.path, bar.unwrap_or_default(), view.beside_bar()).trim_end().to_owned()
}

fn drawn(share: f64) -> String {
    let full = ((share * COLUMNS as f64) as usize).min(COLUMNS);
    let head = if full < COLUMNS { "╸" } else { "" };
    format!("{}{head}{}", "━".repeat(full), "─".repeat((COLUMNS - full).saturating_sub(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_is_as_long_at_every_place() {
        assert_eq!(drawn(0.0), "╸───────────────────");
        assert_eq!(drawn(0.5), "━━━━━━━━━━╸─────────");
        assert_eq!(drawn(1.0), "━".repeat(20));
        assert!((0..=100).all(|share| drawn(f64::from(share) / 100.0).chars().count() == COLUMNS));
    }

    #[test]
    fn work_without_a_total_has_no_bar() {
        let view = View { path: "compiling".into(), time: "4 s so far".into(), ..View::default() };
        assert_eq!(text(&view, true), "compiling  4 s so far");
        let view = View { share: Some(0.5), note: "reward 0.5".into(), ..view };
        assert_eq!(text(&view, true), "compiling \x1b[36m━━━━━━━━━━╸─────────\x1b[0m  4 s so far  reward 0.5");
    }
}
