//! Lines of a log of samples, and of the verdicts beside it: where samples were judged again, a second file has a line
//! for each of the log's, in its order, and the log itself stays as it was drawn.

use std::fs::File;
use std::io::{self, BufRead, Read};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::row::{SampleRow, SampleVerdicts};
use crate::error::RecordError;

/// Bytes that are read at once.
const BLOCK: usize = 1 << 20;

/// The whole lines of a file, which lie in blocks that they share.
#[derive(Debug)]
struct Lines {
    path: Arc<Path>,
    file: File,
    block: Arc<Vec<u8>>,
    /// Place of the next line in the block.
    at: usize,
}

/// A line with its end.
#[derive(Debug)]
struct Line {
    block: Arc<Vec<u8>>,
    place: Range<usize>,
}

impl Line {
    fn bytes(&self) -> &[u8] {
        &self.block[self.place.clone()]
    }
}

impl Lines {
    fn open(path: &Path) -> Result<Self, RecordError> {
        let file = File::open(path).map_err(|error| read_error(path, error))?;
        Ok(Self { path: path.into(), file, block: Arc::default(), at: 0 })
    }

    /// The next line; `None` at the end, and before a last line without its end.
    fn next(&mut self) -> Result<Option<Line>, RecordError> {
        let fail = |error| read_error(&self.path, error);
        loop {
            let rest = &self.block[self.at..];
            let place = self.at..self.at + { rest }.skip_until(b'\n').map_err(fail)?;
            if self.block[place.clone()].ends_with(b"\n") {
                self.at = place.end;
                return Ok(Some(Line { block: self.block.clone(), place }));
            }
            let mut block = Vec::with_capacity(rest.len() + BLOCK);
            block.extend_from_slice(rest);
            if (&self.file).take(BLOCK as u64).read_to_end(&mut block).map_err(fail)? == 0 {
                return Ok(None);
            }
            (self.block, self.at) = (Arc::new(block), 0);
        }
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
        let Some(line) = self.samples.next()? else { return Ok(None) };
        self.number += 1;
        let verdicts = match &mut self.verdicts {
            Some(lines) => {
                let reason = || format!("ends before {}", self.samples.path.display());
                let verdicts = lines.next()?.ok_or_else(|| bad_line(&lines.path, self.number, reason()))?;
                Some((lines.path.clone(), verdicts))
            }
            None => None,
        };
        Ok(Some(SampleLine { path: self.samples.path.clone(), number: self.number, line, verdicts }))
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
    line: Line,
    /// The verdicts that hold in the place of the line's own, with their file.
    verdicts: Option<(Arc<Path>, Line)>,
}

impl SampleLine {
    /// Number of its bytes.
    pub fn num_bytes(&self) -> usize {
        self.line.place.len()
    }

    /// The sample that it says.
    ///
    /// # Errors
    /// It is none, or the verdicts beside it are another sample's.
    pub fn row(&self) -> Result<SampleRow, RecordError> {
        let row: SampleRow = serde_json::from_slice(self.line.bytes())
            .map_err(|error| bad_line(&self.path, self.number, format!("no sample: {error}")))?;
        let Some((path, verdicts)) = &self.verdicts else { return Ok(row) };
        let fail = |reason: String| bad_line(path, self.number, reason);
        let verdicts: SampleVerdicts =
            serde_json::from_slice(verdicts.bytes()).map_err(|error| fail(format!("no verdicts: {error}")))?;
        if (&verdicts.task_id, verdicts.sample_index) != (&row.task_id, row.sample_index) {
            let expected = format!("sample {} of task {}", row.sample_index, row.task_id);
            return Err(fail(format!("is not of {expected}, which stands in {}", self.path.display())));
        }
        let SampleVerdicts { verdict, corrected, earlier, .. } = verdicts;
        Ok(SampleRow { verdict, corrected, earlier, ..row })
    }
}

fn bad_line(path: &Path, line: usize, reason: String) -> RecordError {
    RecordError::BadLine { path: path.to_owned(), line, reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{SampleLog, SampleVerdict};

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
                serde_json::to_writer(&mut bytes, &SampleVerdicts::from(row.clone())).unwrap();
                bytes.push(b'\n');
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
