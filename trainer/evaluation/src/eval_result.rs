//! The result of a suite: the figures of the statistics with what the suite adds to them, and what ran. Files are a
//! list of these.

use std::collections::BTreeMap;
use std::path::Path;

use record::samples::MeasureRow;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use statistics::{EvalRecord, EvalSummary, Figure, Weighting};
use verifiers::Verifiers;

use crate::error::EvaluationError;
use crate::overall::{self, OverallFigure};
use crate::parts::{self, PartFigure};
use crate::reward;
use crate::settings::Settings;
use crate::suite::Overall;
use crate::tally::Tally;

/// The result of one suite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Value")]
pub struct EvalResult {
    /// The figures that every dataset has.
    #[serde(flatten)]
    pub summary: EvalSummary,
    /// What the suite adds.
    #[serde(flatten)]
    pub suite: SuitePart,
}

/// What a suite adds to the figures of a dataset. Absent in files of versions without suites.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SuitePart {
    /// The suite as it was asked for, with version and window.
    #[serde(default)]
    pub suite: String,
    /// What marks the figure: another number of rows, a part of the tasks.
    #[serde(default)]
    pub marks: Vec<String>,
    /// What was said of the data.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Figures beside pass@1, by name, each the share that was reached over all samples: IFEval's four, `likeliest`,
    /// `tie`, `length_alone`.
    #[serde(default)]
    pub measures: BTreeMap<String, f64>,
    /// Figures of the parts, by what parts them.
    #[serde(default)]
    pub by: BTreeMap<String, BTreeMap<String, PartFigure>>,
    /// The figure that the suite's publishers make of the parts.
    #[serde(default)]
    pub overall: Option<OverallFigure>,
    /// What ran; `None` in files of versions without it.
    #[serde(default)]
    pub settings: Option<Settings>,
}

impl TryFrom<Value> for EvalResult {
    type Error = serde_json::Error;

    // Not by `flatten`: with numbers of any length on, serde cannot read those of a flattened structure.
    fn try_from(value: Value) -> Result<Self, serde_json::Error> {
        Ok(Self { summary: serde_json::from_value(value.clone())?, suite: serde_json::from_value(value)? })
    }
}

impl EvalResult {
    /// Sums up the samples of a suite's tasks. `verifiers` say which answers are the same, for the majority;
    /// `seconds` is the evaluation's wall-clock time.
    ///
    /// # Errors
    /// Not one sample was judged; or IFEval's loose figures are below its strict ones, which would be a fault of the
    /// verifier.
    pub fn of(
        tally: &Tally<'_>,
        verifiers: Option<&Verifiers>,
        settings: Settings,
        seconds: f64,
    ) -> Result<Self, EvaluationError> {
        let tasks = tally.tasks();
        let name = tasks.suite.full_name();
        let records = tally.records(verifiers);
        let mut summary = EvalSummary::of(&name, &records, seconds)?;
        if let Some(corrected) = tally.corrected_records() {
            summary = match EvalSummary::of(&name, &corrected, seconds) {
                Ok(_) => summary.with_corrected(&corrected)?,
                Err(_) => summary, // every judged task has an erratum: there is no corrected figure
            };
        }
        let measures = measures(tally.measures());
        check_loose(&name, &measures)?;
        let by = parts::figures(tasks, &records);
        let none = BTreeMap::new();
        let categories = tasks.suite.by.as_ref().and_then(|name| by.get(name)).unwrap_or(&none);
        let version = tasks.suite.version.as_ref().or(tasks.suite.default_version.as_ref());
        let overall = tasks.suite.overall.map(|rule| match rule {
            Overall::Bfcl => overall::bfcl(categories, version.map(String::as_str)),
            Overall::RewardBench => overall::reward_bench(categories),
            Overall::RewardBench2 => overall::reward_bench_2(categories, ties_of(tally)),
        });
        let suite = SuitePart {
            suite: name,
            marks: marks(tally, &records, overall.as_ref()),
            notes: tasks.notes.clone(),
            measures,
            by,
            overall,
            settings: Some(settings),
        };
        Ok(Self { summary, suite })
    }

    /// The name by which it stands in tables: of the suite, or of the file of tasks.
    pub fn name(&self) -> &str {
        if self.suite.suite.is_empty() { &self.summary.dataset } else { &self.suite.suite }
    }

    /// Reads a file of results.
    ///
    /// # Errors
    /// The file cannot be read, or is no list of results.
    pub fn read(path: &Path) -> Result<Vec<Self>, EvaluationError> {
        let bytes = std::fs::read(path).map_err(|error| EvaluationError::read(path, error))?;
        serde_json::from_slice(&bytes).map_err(|error| {
            EvaluationError::file(path, None, format!("no list of results of `trainer eval`: {error}"))
        })
    }
}

/// pass@1 over several suites, which share no task.
///
/// `None` where there are no suites.
pub fn over_suites(results: &[EvalResult], weighting: Weighting) -> Option<Figure> {
    let figures: Option<Vec<Figure>> = results.iter().map(|result| result.summary.figure()).collect();
    Figure::over(&figures?, weighting)
}

/// Each measure's share over all samples; scores of single completions are no figures.
fn measures(of: &[Vec<MeasureRow>]) -> BTreeMap<String, f64> {
    let mut sums: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for measure in of.iter().flatten().filter(|measure| !reward::is_score(&measure.name)) {
        let (value, all) = sums.entry(&measure.name).or_default();
        *value += measure.value;
        *all += measure.of;
    }
    let shares = sums.into_iter().filter(|(_, (_, all))| *all > 0.0);
    shares.map(|(name, (value, all))| (name.to_owned(), value / all)).collect()
}

fn check_loose(suite: &str, measures: &BTreeMap<String, f64>) -> Result<(), EvaluationError> {
    for level in ["prompt", "instruction"] {
        let of = |sort: &str| measures.get(&format!("{level}_{sort}"));
        if let (Some(strict), Some(loose)) = (of("strict"), of("loose"))
            && loose < strict
        {
            let problem = format!("{level}_loose is {loose}, below {level}_strict, {strict}: the verifier is at fault");
            return Err(EvaluationError::tasks(suite, problem));
        }
    }
    Ok(())
}

/// The score of the ties, of what the rows hold.
fn ties_of(tally: &Tally<'_>) -> Option<f64> {
    let tasks = tally.tasks().tasks.iter().zip(tally.measures());
    let ties = tasks.filter(|(task, measures)| task.category == "Ties" && !measures.is_empty());
    reward::ties(ties.map(|(task, measures)| (task.task.id.as_str(), reward::scores_of(measures))))
}

fn marks(tally: &Tally<'_>, records: &[EvalRecord], overall: Option<&OverallFigure>) -> Vec<String> {
    let mut marks = tally.tasks().marks.clone();
    let (asked, there): (usize, usize) = records
        .iter()
        .map(|record| (record.num_asked(), record.samples.len()))
        .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    if there < asked {
        marks.push(format!("{there} of {asked} samples"));
    }
    if let Some(missing) = overall.map(|overall| &overall.missing).filter(|missing| !missing.is_empty()) {
        marks.push(format!("parts that are not there: {}", missing.join(", ")));
    }
    marks
}
