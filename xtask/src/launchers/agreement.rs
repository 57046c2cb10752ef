//! Two runs that are the same within rounding: one rank's and several ranks'.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value};

/// First parts of the names of metrics that measure the machine, or how the work was shared out.
const OF_THE_MACHINE: [&str; 5] = ["time/", "throughput/", "memory/", "dist/", "rollout/rows_in_flight"];
/// Largest difference, of the value or of 1 where that is less: sums of float32 in another order.
const TOLERANCE: f64 = 1e-5;

/// Holds the metrics of a run against another's.
///
/// # Errors
/// A file cannot be read, or a metric differs by more than rounding.
pub(super) fn agree(one: &Path, other: &Path) -> Result<()> {
    let (expected, found) = (rows(one)?, rows(other)?);
    ensure!(expected.len() == found.len(), "{} rows of metrics, and {} on one rank", found.len(), expected.len());
    for (number, (expected, found)) in expected.iter().zip(&found).enumerate() {
        let is_of_machine = |name: &String| OF_THE_MACHINE.iter().any(|prefix| name.starts_with(prefix));
        for (name, value) in expected.iter().filter(|(name, _)| !is_of_machine(name)) {
            let is_same = match (value.as_f64(), found.get(name).and_then(Value::as_f64)) {
                (Some(value), Some(found)) => (value - found).abs() <= TOLERANCE * value.abs().max(1.0),
                _ => found.get(name) == Some(value),
            };
            if !is_same {
                let found = found.get(name).map_or("nothing".to_owned(), Value::to_string);
                bail!("row {}: {name} is {found}, and {value} on one rank", number + 1);
            }
        }
    }
    Ok(())
}

fn rows(run: &Path) -> Result<Vec<Map<String, Value>>> {
    let path = run.join("metrics.jsonl");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    text.lines().map(|line| serde_json::from_str(line).with_context(|| path.display().to_string())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_and_clocks_make_no_difference_and_all_else_does() {
        let parent = tempfile::tempdir().unwrap();
        let run = |name: &str, text: &str| {
            let run = parent.path().join(name);
            fs::create_dir(&run).unwrap();
            fs::write(run.join("metrics.jsonl"), text).unwrap();
            run
        };
        let one = run("one", "{\"step\":1,\"loss\":0.5,\"time/step\":1.0}\n");
        agree(&one, &run("rounded", "{\"step\":1,\"loss\":0.500001,\"time/step\":9.0,\"dist/world_size\":2}\n"))
            .unwrap();
        let said = |name: &str, text: &str| agree(&one, &run(name, text)).unwrap_err().to_string();
        assert_eq!(said("other", "{\"step\":1,\"loss\":0.6}\n"), "row 1: loss is 0.6, and 0.5 on one rank");
        assert_eq!(said("less", "{\"step\":1}\n"), "row 1: loss is nothing, and 0.5 on one rank");
        assert_eq!(said("short", ""), "0 rows of metrics, and 1 on one rank");
    }
}
