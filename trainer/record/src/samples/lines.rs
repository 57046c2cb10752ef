//! Lines of a log of samples, and of the verdicts beside it: where samples were judged again, a second file has a line
//! for each of the log's, in its order, and the log itself stays as it was drawn.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::row::{SampleRow, SampleVerdict};
use crate::error::RecordError;

/// Bytes that are read at once.
const BUFFER: usize = 1 << 20;

/// A line of the verdicts beside a log.
#[derive(Serialize, Deserialize)]
struct VerdictLine<'a> {
    task_id: Cow<'a, str>,
    sample_index: u32,
    verdict: Cow<'a, SampleVerdict>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    corrected: Option<Cow<'a, SampleVerdict>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    earlier: Option<Cow<'a, SampleVerdict>>,
}

/// Bytes of a line of verdicts, about: room for them is taken at once.
const VERDICT_BYTES: usize = 512;

/// The line of a sample's verdicts, with its end, for the file at `path`.
///
/// # Errors
/// The verdicts are no JSON.
pub fn verdict_line(row: &SampleRow, path: &Path) -> Result<Vec<u8>, RecordError> {
    let line = VerdictLine {
        task_id: row.task_id.as_str().into(),
        sample_index: row.sample_index,
        verdict: Cow::Borrowed(&row.verdict),
        corrected: row.corrected.as_ref().map(Cow::Borrowed),
        earlier: row.earlier.as_ref().map(Cow::Borrowed),
    };
    let mut bytes = Vec::with_capacity(VERDICT_BYTES);
    serde_json::to_writer(&mut bytes, &line)
        .map_err(|error| RecordError::Encode { path: path.to_owned(), source: error.into() })?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The whole lines of a file, with their ends.
#[derive(Debug)]
struct Lines {
    path: Arc<Path>,
    reader: BufReader<File>,
}

impl Lines {
    fn open(path: &Path) -> Result<Self, RecordError> {
        let file = File::open(path).map_err(|error| read_error(path, error))?;
        Ok(Self { path: path.into(), reader: BufReader::with_capacity(BUFFER, file) })
    }

    /// The next line; `None` at the end, and before a last line without its end.
    fn next(&mut self) -> Result<Option<Vec<u8>>, RecordError> {
        let mut bytes = Vec::new();
        self.reader.read_until(b'\n', &mut bytes).map_err(|error| read_error(&self.path, error))?;
        Ok((bytes.last() == Some(&b'\n')).then_some(bytes))
    }
}

fn read_error(path: &Path, error: io::Error) -> RecordError {
    RecordError::Read { path: path.to_owned(), source: error.into() }
}

/// Lines of a log, with those of its verdicts where they stand in a file of their own.
#[derive(Debug)]
pub struct SampleLines {
    samples: Lines,
    verdicts: Option<Lines>,
    number: usize,
}

impl SampleLines {
    /// The lines of the log at `samples`; `verdicts` are those of the same samples when they were judged again.
    ///
    /// # Errors
    /// A file cannot be opened; what cannot be read of it comes with the lines.
    pub fn open(samples: &Path, verdicts: Option<&Path>) -> Result<Self, RecordError> {
        let verdicts = verdicts.map(Lines::open).transpose()?;
        Ok(Self { samples: Lines::open(samples)?, verdicts, number: 0 })
    }

    fn line(&mut self) -> Result<Option<SampleLine>, RecordError> {
        let Some(bytes) = self.samples.next()? else { return Ok(None) };
        self.number += 1;
        let verdicts = match &mut self.verdicts {
            Some(lines) => {
                let reason = || format!("ends before {}", self.samples.path.display());
                let line = lines.next()?.ok_or_else(|| bad_line(&lines.path, self.number, reason()))?;
                Some((lines.path.clone(), line))
            }
            None => None,
        };
        Ok(Some(SampleLine { path: self.samples.path.clone(), number: self.number, bytes, verdicts }))
    }
}

impl Iterator for SampleLines {
    type Item = Result<SampleLine, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.line().transpose()
    }
}

/// A line of a log: a sample that is not read yet.
#[derive(Debug)]
pub struct SampleLine {
    path: Arc<Path>,
    /// Counted from 1.
    number: usize,
    bytes: Vec<u8>,
    /// The verdicts that hold in the place of the line's own, with their file.
    verdicts: Option<(Arc<Path>, Vec<u8>)>,
}

impl SampleLine {
    /// The sample that it says.
    ///
    /// # Errors
    /// It is none, or the verdicts beside it are another sample's.
    pub fn row(&self) -> Result<SampleRow, RecordError> {
        let mut row: SampleRow = serde_json::from_slice(&self.bytes)
            .map_err(|error| bad_line(&self.path, self.number, format!("no sample: {error}")))?;
        let Some((path, bytes)) = &self.verdicts else { return Ok(row) };
        let fail = |reason: String| bad_line(path, self.number, reason);
        let line: VerdictLine<'_> =
            serde_json::from_slice(bytes).map_err(|error| fail(format!("no verdicts: {error}")))?;
        if (line.task_id.as_ref(), line.sample_index) != (row.task_id.as_str(), row.sample_index) {
            let expected = format!("sample {} of task {}", row.sample_index, row.task_id);
            return Err(fail(format!("is not of {expected}, which stands in {}", self.path.display())));
        }
        row.verdict = line.verdict.into_owned();
        row.corrected = line.corrected.map(Cow::into_owned);
        row.earlier = line.earlier.map(Cow::into_owned);
        Ok(row)
    }
}

fn bad_line(path: &Path, line: usize, reason: String) -> RecordError {
    RecordError::BadLine { path: path.to_owned(), line, reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::SampleLog;

    fn sample(sample_index: u32, kind: &str) -> SampleRow {
        SampleRow {
            task_id: "a".into(),
            sample_index,
            completion: "é\n".into(),
            verdict: SampleVerdict { kind: kind.into(), ..SampleVerdict::default() },
            ..SampleRow::default()
        }
    }

    #[test]
    fn verdicts_beside_a_log_hold_in_the_place_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let (samples, verdicts) = (folder.path().join("samples.jsonl"), folder.path().join("verdicts.jsonl"));
        let mut log = SampleLog::open(&samples).unwrap();
        let mut bytes = Vec::new();
        let again: Vec<SampleRow> = (0..2)
            .map(|index| {
                let before = sample(index, "failed");
                log.append(&before).unwrap();
                let corrected = (index == 1).then(|| before.verdict.clone());
                let row = SampleRow { earlier: Some(before.verdict), corrected, ..sample(index, "passed") };
                bytes.extend(verdict_line(&row, &verdicts).unwrap());
                row
            })
            .collect();
        std::fs::write(&verdicts, &bytes).unwrap();
        let rows = || SampleLines::open(&samples, Some(&verdicts)).unwrap().map(|line| line?.row());
        assert_eq!(rows().collect::<Result<Vec<_>, _>>().unwrap(), again);

        // Verdicts of other samples, or of fewer, are a fault by file and line.
        let first = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        std::fs::write(&verdicts, [&bytes[first..], &bytes[..first]].concat()).unwrap();
        let text = rows().next().unwrap().unwrap_err().to_string();
        assert!(text.contains("verdicts.jsonl:1") && text.contains("sample 0 of task a"), "{text}");
        std::fs::write(&verdicts, &bytes[..first + 3]).unwrap();
        let text = rows().nth(1).unwrap().unwrap_err().to_string();
        assert!(text.contains("verdicts.jsonl:2") && text.contains("ends before"), "{text}");
    }
}
