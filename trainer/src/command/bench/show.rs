//! A report on standard output, and as JSON.

use std::fmt::Display;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::stdout::print;

/// Prints a report, and writes it as JSON where a file is named.
pub(super) fn show(report: &(impl Serialize + Display), json: Option<&Path>) -> Result<()> {
    print(format_args!("{report}\n"))?;
    if let Some(path) = json {
        let text = serde_json::to_string_pretty(report)? + "\n";
        std::fs::write(path, text).with_context(|| path.display().to_string())?;
    }
    Ok(())
}
