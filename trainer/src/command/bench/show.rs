//! A report on standard output, and as JSON.

use std::fmt::Display;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

/// Prints a report, and writes it as JSON where a file is named.
pub(super) fn show(report: &(impl Serialize + Display), json: Option<&Path>) -> Result<()> {
    println!("{report}");
    if let Some(path) = json {
        let text = serde_json::to_string_pretty(report)? + "\n";
        std::fs::write(path, text).with_context(|| path.display().to_string())?;
    }
    Ok(())
}
