//! Ranges of the keys `clip_low` and `clip_high`, which several kinds of loss have.

use anyhow::{Result, ensure};

/// # Errors
/// The distance below 1 is not between 0 and 1.
pub(super) fn check_clip_low(clip_low: f64) -> Result<()> {
    ensure!((0.0..=1.0).contains(&clip_low), "loss.clip_low is {clip_low}; set it between 0 and 1");
    Ok(())
}

/// # Errors
/// The distance above 1 is negative or not finite.
pub(super) fn check_clip_high(clip_high: f64) -> Result<()> {
    ensure!(clip_high.is_finite() && clip_high >= 0.0, "loss.clip_high is {clip_high}; set it to 0 or more");
    Ok(())
}
