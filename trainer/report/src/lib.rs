//! The report of a run: one self-contained HTML page, read from the run's folder and nothing else. The page names what
//! is missing in the folder; that fails nothing. Must not know how a metric was computed.
//!
//! [`write_evaluation`] writes the page of an evaluation: its figures, and every task with its samples. [`write_sweep`]
//! writes the page of an ablation, and its pictures as files.
//!
//! # Example
//! A run of one step becomes a page:
//!
//! ```
//! use record::metrics::{Metrics, MetricsWriter};
//! use record::names::REWARD_MEAN;
//! use record::run_folder::RunFolder;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let parent = tempfile::tempdir()?;
//! let run = RunFolder::create(&parent.path().join("my-run"))?;
//! let mut metrics = Metrics::new();
//! metrics.set(REWARD_MEAN, 0.25);
//! MetricsWriter::open(&run.metrics())?.append(1, &metrics)?;
//!
//! let page = report::write_report(run.root())?;
//! assert!(std::fs::read_to_string(page)?.contains("<h1>my-run</h1>"));
//! # Ok(())
//! # }
//! ```

mod arm_change;
mod axis;
mod chart;
mod configuration;
mod evaluation;
mod evaluation_tasks;
mod header;
mod html;
mod panels;
mod picture;
mod run_data;
mod series;
mod summary;
mod sweep;
mod sweep_curves;
mod sweep_forest;
mod sweep_tables;
mod traces;

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use record::atomic;
use record::run_folder::RunFolder;

pub use self::arm_change::ArmChange;
pub use self::evaluation::{EvaluatedSuite, write_evaluation};
use self::html::escape;
use self::run_data::RunData;
pub use self::sweep::{SweepPage, write_sweep};

/// Writes `run/report.html` and returns its path. `run` is the folder of one training run, or of a recipe whose
/// sub-folders are training runs; a recipe gets one section for each.
///
/// # Errors
/// `run` is no folder, or cannot be written to.
pub fn write_report(run: &Path) -> Result<PathBuf> {
    let path = RunFolder::open(run)?.report();
    atomic::write_file(&path, page(run)?.as_bytes())?;
    Ok(path)
}

fn page(run: &Path) -> Result<String> {
    let name = run_data::folder_name(run)?;
    let stages = run_data::stage_folders(run).with_context(|| format!("cannot list {}", run.display()))?;
    let mut body = header::title(&name, &stages);
    body.push_str(&summary::section(run, !stages.is_empty()));
    let own = RunData::load(run, &name);
    if stages.is_empty() {
        body.push_str(&run_section(&own));
    } else {
        body.push_str(&configuration::section(&own));
        for stage in &stages {
            let data = RunData::load(stage, &run_data::folder_name(stage)?);
            let id = escape(&data.name);
            let _ = write!(body, "<section class=\"stage\" id=\"{id}\"><h2>{id}</h2>{}</section>", run_section(&data));
        }
    }
    Ok(html::page(&name, &body))
}

/// Section of one training run: key figures, configuration, charts, traces, and notes of what the folder lacks.
fn run_section(run: &RunData) -> String {
    let mut out = header::tiles(run);
    out.push_str(&configuration::section(run));
    out.push_str(&panels::charts(&run.metrics));
    out.push_str(&traces::section(&run.traces));
    out.push_str(&header::missing(run));
    out
}

#[cfg(test)]
mod tests;
