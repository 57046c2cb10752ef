//! The figures of a card: those of the run's own evaluation at the checkpoint, and those of `trainer eval` of the same
//! weights. Figures of other weights are refused.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use evaluation::EvalResult;
use hub::Origin;
use record::run_folder::RunFolder;
use statistics::EvalSummary;

use crate::failure::Usage;
use crate::held_out::usage;
use crate::run::inputs::weights_content;

/// A figure with how sure it is.
#[derive(Debug, PartialEq)]
pub(super) struct CardFigure {
    /// Name of the suite or of the data.
    pub(super) dataset: String,
    /// Repository of the data, where they are of the hub.
    pub(super) origin: Option<Origin>,
    /// Share, 0..=1.
    pub(super) value: f64,
    /// 95 % interval.
    pub(super) interval: [f64; 2],
    pub(super) num_tasks: usize,
    /// Samples of each task.
    pub(super) num_samples: usize,
    /// What marks the figure, in words.
    pub(super) marks: String,
}

impl CardFigure {
    /// All figures of a checkpoint's weights.
    ///
    /// # Errors
    /// A file cannot be read, or holds figures of other weights (a usage error).
    pub(super) fn all(run: Option<&Path>, checkpoint: &Path, step: u64, results: &[PathBuf]) -> Result<Vec<Self>> {
        let mut figures = Vec::new();
        let own = run.map(|run| Ok::<_, anyhow::Error>(RunFolder::open(run)?.eval(step))).transpose()?;
        if let Some(path) = own.filter(|path| path.is_file()) {
            let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
            let summaries: Vec<EvalSummary> =
                serde_json::from_slice(&bytes).with_context(|| path.display().to_string())?;
            figures.extend(summaries.iter().map(|summary| Self::of(summary, "during training", None)));
        }
        let weights = weights_content(checkpoint).with_context(|| checkpoint.display().to_string())?;
        for path in results {
            for result in EvalResult::read(path).map_err(usage)? {
                let settings = result.suite.settings.as_ref();
                let measured = settings.and_then(|settings| settings.model.as_ref()).map(|model| &model.weights);
                if measured != Some(&weights) {
                    return Err(Usage::error(format!(
                        "--results {}: {} was measured on other weights than those of {}; evaluate the checkpoint \
                         itself",
                        path.display(),
                        result.name(),
                        checkpoint.display()
                    )));
                }
                let file = settings.and_then(|settings| settings.data.first());
                let origin = file.and_then(|file| Origin::of_path(&file.path));
                let summary = EvalSummary { dataset: result.name().to_owned(), ..result.summary.clone() };
                figures.push(Self::of(&summary, &result.suite.marks.join("; "), origin));
            }
        }
        Ok(figures)
    }

    fn of(summary: &EvalSummary, marks: &str, origin: Option<Origin>) -> Self {
        Self {
            dataset: summary.dataset.clone(),
            origin,
            value: summary.pass_at_1,
            interval: summary.interval,
            num_tasks: summary.num_tasks,
            num_samples: summary.num_samples,
            marks: marks.to_owned(),
        }
    }
}
