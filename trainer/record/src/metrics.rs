//! Metrics of a run: named numbers, one JSON object a step in `metrics.jsonl`, each line led by `step`.
//! Must not know what a metric means: [`crate::names`] says that.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::atomic;
use crate::error::RecordError;

/// Named numbers in the order in which they were first set. A value that is not finite stands for "not known".
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metrics {
    values: Vec<(String, f64)>,
}

impl Metrics {
    /// Without any metric.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets one metric; a later value replaces an earlier one in its place.
    pub fn set(&mut self, name: impl Into<String>, value: f64) {
        let name = name.into();
        match self.values.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.values.push((name, value)),
        }
    }

    /// Sets every metric of `other`.
    pub fn merge(&mut self, other: Metrics) {
        for (name, value) in other.values {
            self.set(name, value);
        }
    }

    /// The value of one metric; `None` when it was never set.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.values.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }

    /// All metrics with their values, in the order in which they were first set.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.values.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// The step that a line of `metrics.jsonl` is of.
    pub fn step(&self) -> Option<u64> {
        self.get("step").filter(|step| *step >= 0.0 && step.fract() == 0.0).map(|step| step as u64)
    }

    /// One line of JSON. A value that is not finite becomes `null`, and is named in a warning.
    fn to_line(&self, step: u64) -> String {
        let mut object = Map::new();
        object.insert("step".to_owned(), Value::from(step));
        for (name, value) in self.iter().filter(|(name, _)| *name != "step") {
            if !value.is_finite() {
                tracing::warn!(step, metric = name, value, "a metric is not finite; it is recorded as null");
            }
            object.insert(name.to_owned(), Value::from(value));
        }
        format!("{}\n", Value::Object(object))
    }

    /// The metrics of one line; an error is the reason in words.
    fn from_line(line: &str) -> Result<Self, String> {
        let object: Map<String, Value> =
            serde_json::from_str(line).map_err(|error| format!("not a JSON object: {error}"))?;
        let mut metrics = Self::new();
        for (name, value) in object {
            let number = match &value {
                Value::Null => f64::NAN,
                Value::Number(number) => number.as_f64().unwrap_or(f64::NAN),
                _ => return Err(format!("field `{name}` is {value}; a metric is a number or null")),
            };
            metrics.set(name, number);
        }
        if metrics.step().is_none() {
            return Err("field `step` is missing or not a count".to_owned());
        }
        Ok(metrics)
    }
}

impl<N: Into<String>> FromIterator<(N, f64)> for Metrics {
    fn from_iter<I: IntoIterator<Item = (N, f64)>>(pairs: I) -> Self {
        let mut metrics = Self::new();
        for (name, value) in pairs {
            metrics.set(name, value);
        }
        metrics
    }
}

/// Appends lines to a `metrics.jsonl`. A line is on disk once [`MetricsWriter::append`] has returned.
#[derive(Debug)]
pub struct MetricsWriter {
    path: PathBuf,
    file: File,
}

impl MetricsWriter {
    /// Opens the file for appending; a missing file is made.
    ///
    /// # Errors
    /// The system refuses.
    pub fn open(path: &Path) -> Result<Self, RecordError> {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .map_err(|error| atomic::write_error(path, error))?;
        Ok(Self { path: path.to_path_buf(), file })
    }

    /// Writes the line of one step. When the disk is full no part of the line stays.
    ///
    /// # Errors
    /// The system refuses, or the disk is full.
    pub fn append(&mut self, step: u64, metrics: &Metrics) -> Result<(), RecordError> {
        let written = self.try_append(metrics.to_line(step).as_bytes());
        written.map_err(|error| atomic::write_error(&self.path, error))
    }

    fn try_append(&mut self, line: &[u8]) -> io::Result<()> {
        let length = self.file.metadata()?.len();
        self.file.write_all(line).and_then(|()| self.file.sync_data()).inspect_err(|_| {
            // The first error is the one to report; the reader drops a torn last line too.
            let _ = self.file.set_len(length);
        })
    }
}

/// All lines of a `metrics.jsonl`. A last line without its line break is left out: its write was cut off.
///
/// # Errors
/// The file cannot be read, or another line is no metrics: the error names file and line.
pub fn read_metrics(path: &Path) -> Result<Vec<Metrics>, RecordError> {
    let text =
        fs::read_to_string(path).map_err(|error| RecordError::Read { path: path.to_owned(), source: error.into() })?;
    let mut rows = Vec::new();
    for (index, line) in text.split_inclusive('\n').enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        match Metrics::from_line(line.trim()) {
            Ok(row) => rows.push(row),
            Err(_) if !line.ends_with('\n') => {
                tracing::warn!(file = %path.display(), line = index + 1, "the last line was cut off; it is left out");
            }
            Err(reason) => return Err(RecordError::BadLine { path: path.to_owned(), line: index + 1, reason }),
        }
    }
    Ok(rows)
}

/// Removes the lines of later steps; a missing file is left missing.
pub(crate) fn truncate_after(path: &Path, step: u64) -> Result<(), RecordError> {
    if !path.exists() {
        return Ok(());
    }
    let rows = read_metrics(path)?;
    let kept = rows.iter().filter_map(|row| Some((row.step()?, row))).filter(|(found, _)| *found <= step);
    let text: String = kept.map(|(found, row)| row.to_line(found)).collect();
    atomic::write_file(path, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics_file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        fs::write(&path, text).unwrap();
        (folder, path)
    }

    #[test]
    fn lines_come_back_in_order_with_unknown_values_as_null() {
        let (_folder, path) = metrics_file("");
        let mut writer = MetricsWriter::open(&path).unwrap();
        let row: Metrics =
            [("seconds", 1.5), ("reward/mean", f64::NAN), ("policy/kl_old", f64::INFINITY)].into_iter().collect();
        writer.append(7, &row).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text, "{\"step\":7,\"seconds\":1.5,\"reward/mean\":null,\"policy/kl_old\":null}\n");
        let rows = read_metrics(&path).unwrap();
        assert_eq!(rows[0].step(), Some(7));
        assert_eq!(rows[0].get("seconds"), Some(1.5));
        assert!(rows[0].get("reward/mean").unwrap().is_nan());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_disk_says_so() {
        let mut writer = MetricsWriter::open(Path::new("/dev/full")).unwrap();
        let text = writer.append(1, &Metrics::new()).unwrap_err().to_string();
        assert!(text.contains("disk is full") && text.contains("/dev/full"), "{text}");
    }

    #[test]
    fn merge_replaces_in_place() {
        let mut metrics: Metrics = [("a", 1.0), ("b", 2.0)].into_iter().collect();
        metrics.merge([("c", 3.0), ("a", 4.0)].into_iter().collect());
        assert_eq!(metrics.iter().collect::<Vec<_>>(), [("a", 4.0), ("b", 2.0), ("c", 3.0)]);
    }

    #[test]
    fn a_bad_line_is_named() {
        for (line, says) in [("{]", "not a JSON object"), ("{\"step\":2,\"x\":\"y\"}", "`x`"), ("{\"x\":1}", "`step`")]
        {
            let (_folder, path) = metrics_file(&format!("{{\"step\":1}}\n{line}\n"));
            let text = read_metrics(&path).unwrap_err().to_string();
            assert!(text.contains("metrics.jsonl:2:") && text.contains(says), "{text}");
        }
    }

    #[test]
    fn a_torn_last_line_is_left_out() {
        let (_folder, path) = metrics_file("{\"step\":1,\"x\":2}\n{\"step\":2,\"x");
        assert_eq!(read_metrics(&path).unwrap().len(), 1);
        truncate_after(&path, 5).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "{\"step\":1,\"x\":2.0}\n");
    }
}
