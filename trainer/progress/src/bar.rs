//! The bar of the work under way. Must not know when it is drawn.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::view::View;

/// Positions of a bar: more than any terminal has columns.
const POSITIONS: u64 = 1000;

/// A bar on standard error.
pub(crate) fn new_bar() -> ProgressBar {
    ProgressBar::with_draw_target(Some(POSITIONS), ProgressDrawTarget::stderr())
}

/// Draws what is to be seen.
pub(crate) fn show(bar: &ProgressBar, view: View) {
    let template = match view.share {
        Some(_) => "{prefix} {bar:24.cyan/dim} {wide_msg}",
        None => "{prefix} {spinner} {wide_msg}",
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar.set_position((view.share.unwrap_or(0.0) * POSITIONS as f64) as u64);
    bar.set_message(view.beside_bar());
    bar.set_prefix(view.path);
    bar.tick();
}
