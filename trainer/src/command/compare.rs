//! `trainer compare`: results of `trainer eval` held against each other, task by task.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use evaluation::{EvalResult, EvaluationError, SuiteComparison, compare_results};
use record::atomic::write_file;
use serde::Serialize;
use statistics::holm;

use crate::failure::Usage;
use crate::stdout::print;

/// What `trainer compare` takes.
#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// Results of `trainer eval --json`: the first is what the others are compared with.
    #[arg(required = true, num_args = 2.., value_name = "FILE")]
    results: Vec<PathBuf>,
    /// Largest loss that still counts as none, as a share: adds whether a result is no worse.
    #[arg(long, value_name = "SHARE")]
    margin: Option<f64>,
    /// Compare results of other data, suites or protocols all the same; what differs is named first.
    #[arg(long)]
    anyway: bool,
    /// Also write the comparison to this file: an object, or a list where there are several.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// A comparison with the files that it is of.
#[derive(Serialize)]
struct FileComparison<'a> {
    a: &'a PathBuf,
    b: &'a PathBuf,
    #[serde(flatten)]
    comparison: SuiteComparison,
}

/// Runs the command.
///
/// # Errors
/// A file is none of results, or the results cannot be compared.
pub(crate) fn run(args: &CompareArgs) -> Result<()> {
    let read = |path: &PathBuf| EvalResult::read(path).map_err(usage);
    let results = args.results.iter().map(read).collect::<Result<Vec<_>>>()?;
    let ([first, others @ ..], [a, b @ ..]) = (results.as_slice(), args.results.as_slice()) else {
        return Err(Usage::error("give two files of results, or more"));
    };
    let mut compared = Vec::new();
    for (other, b) in others.iter().zip(b) {
        let comparisons = compare_results(first, other, args.margin, args.anyway).map_err(usage)?;
        compared.extend(comparisons.into_iter().map(|comparison| FileComparison { a, b, comparison }));
    }
    if others.len() > 1 {
        let p_values: Vec<Option<f64>> = compared.iter().map(|one| Some(one.comparison.comparison.p_value)).collect();
        for (one, p_corrected) in compared.iter_mut().zip(holm(&p_values)) {
            one.comparison.comparison.p_corrected = p_corrected;
        }
    }
    for one in &compared {
        print(lines(one))?;
    }
    if others.len() > 1 {
        print(format_args!("p corrected: for {} comparisons (Holm)\n", compared.len()))?;
    }
    if let Some(path) = &args.json {
        let json = match compared.as_slice() {
            [only] => serde_json::to_vec_pretty(only)?,
            several => serde_json::to_vec_pretty(several)?,
        };
        write_file(path, &json)?;
    }
    Ok(())
}

fn usage(error: EvaluationError) -> anyhow::Error {
    Usage::error(error.to_string())
}

/// A comparison for people.
fn lines(one: &FileComparison<'_>) -> String {
    let FileComparison { a, b, comparison: SuiteComparison { suite, comparison, named, forbidding } } = one;
    let points = |share: f64| format!("{:+.1}", 100.0 * share);
    let mut text = format!("{suite}: {} less {}\n", b.display(), a.display());
    for difference in forbidding {
        text += &format!("  NOT THE SAME  {difference}\n");
    }
    for difference in named {
        text += &format!("  differs       {difference}\n");
    }
    let [low, high] = comparison.interval;
    text += &format!(
        "  difference    {} points, 95 % interval {} to {}, {} tasks\n",
        points(comparison.difference),
        points(low),
        points(high),
        comparison.num_tasks
    );
    if comparison.num_unpaired > 0 {
        text += &format!("  left out      {} tasks that only one of the two has\n", comparison.num_unpaired);
    }
    let exact = comparison.p_exact.map(|p| format!(", exact {p:.4}")).unwrap_or_default();
    let corrected = comparison.p_corrected.map(|p| format!(", corrected {p:.4}")).unwrap_or_default();
    text += &format!("  p             {:.4}{exact}{corrected} ({})\n", comparison.p_value, comparison.test.title());
    text += &format!("  tasks         {} gained, {} lost\n", comparison.gained, comparison.lost);
    match comparison.smallest_detectable {
        Some(smallest) => {
            text += &format!("  could show    {:.1} points in 4 of 5 such comparisons\n", 100.0 * smallest);
        }
        None => text += "  could show    unknown: all tasks differ alike\n",
    }
    if let Some(no_worse) = &comparison.no_worse {
        let word = if no_worse.holds { "no worse" } else { "not shown to be no worse" };
        text += &format!(
            "  margin        {word} by {:.1} points: lower bound {}, p {:.4}\n",
            100.0 * no_worse.margin,
            points(no_worse.lower_bound),
            no_worse.p_value
        );
    }
    text
}
