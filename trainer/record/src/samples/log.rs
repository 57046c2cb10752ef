//! The log of samples: a JSON line each, written as the sample ends, and found again after a kill.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::lines::SampleLines;
use super::row::SampleRow;
use crate::atomic::{write_error, write_file_by, write_file_if};
use crate::error::RecordError;

/// The place of a line in the file.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: u64,
    bytes: usize,
}

/// A log of samples that is open for writing. Each pair of task and sample stands in it once.
#[derive(Debug)]
pub struct SampleLog {
    path: PathBuf,
    file: File,
    end: u64,
    spans: HashMap<(String, u32), Span>,
}

impl SampleLog {
    /// Opens the log at `path`, or begins it. A last line without its end is what a kill leaves behind: it is cut off.
    ///
    /// # Errors
    /// The file cannot be read or written, or a whole line is no sample, or names one that stands there already.
    pub fn open(path: &Path) -> Result<Self, RecordError> {
        let fail = |error| write_error(path, error);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(fail)?;
        let mut log = Self { path: path.to_owned(), file, end: 0, spans: HashMap::new() };
        log.find_lines()?;
        log.file.set_len(log.end).and_then(|()| log.file.seek(SeekFrom::Start(log.end)).map(drop)).map_err(fail)?;
        Ok(log)
    }

    fn find_lines(&mut self) -> Result<(), RecordError> {
        let bad_line = |line: usize, reason: String| RecordError::BadLine { path: self.path.clone(), line, reason };
        let read_error = |error: io::Error| RecordError::Read { path: self.path.clone(), source: error.into() };
        let mut reader = BufReader::new(&self.file);
        let mut bytes = Vec::new();
        for line in 1.. {
            bytes.clear();
            reader.read_until(b'\n', &mut bytes).map_err(read_error)?;
            if bytes.last() != Some(&b'\n') {
                return Ok(());
            }
            let row: SampleRow =
                serde_json::from_slice(&bytes).map_err(|error| bad_line(line, format!("no sample: {error}")))?;
            let key = (row.task_id, row.sample_index);
            if self.spans.contains_key(&key) {
                let reason = format!("sample {} of task {} stands in the file twice", key.1, key.0);
                return Err(bad_line(line, reason));
            }
            self.spans.insert(key, Span { start: self.end, bytes: bytes.len() });
            self.end += bytes.len() as u64;
        }
        Ok(())
    }

    /// Number of samples in the log.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// True for a log without samples.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// True where the sample is in the log.
    pub fn contains(&self, task_id: &str, sample_index: u32) -> bool {
        self.spans.contains_key(&(task_id.to_owned(), sample_index))
    }

    /// Writes a sample and hands it to the system at once.
    ///
    /// # Errors
    /// The file cannot be written.
    ///
    /// # Panics
    /// The sample is in the log already.
    pub fn append(&mut self, row: &SampleRow) -> Result<(), RecordError> {
        let line = line_of(row, &self.path)?;
        let span = Span { start: self.end, bytes: line.len() };
        let earlier = self.spans.insert((row.task_id.clone(), row.sample_index), span);
        assert!(earlier.is_none(), "sample {} of task {} is in the log already", row.sample_index, row.task_id);
        self.end += line.len() as u64;
        self.file.write_all(&line).map_err(|error| write_error(&self.path, error))
    }

    /// The sample, where it is in the log.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn row(&self, task_id: &str, sample_index: u32) -> Result<Option<SampleRow>, RecordError> {
        let Some(span) = self.spans.get(&(task_id.to_owned(), sample_index)) else { return Ok(None) };
        let fail =
            |source: Box<dyn std::error::Error + Send + Sync>| RecordError::Read { path: self.path.clone(), source };
        let bytes = read_span(&self.path, *span).map_err(|error| fail(error.into()))?;
        serde_json::from_slice(&bytes).map(Some).map_err(|error| fail(error.into()))
    }

    /// Puts the lines into the order of `order`, and leaves out those that it does not name: the log's last state.
    ///
    /// # Errors
    /// The file cannot be read or written; the log is then as it was.
    pub fn finish<'a>(self, order: impl Iterator<Item = (&'a str, u32)>) -> Result<(), RecordError> {
        let read_error = |error: io::Error| RecordError::Read { path: self.path.clone(), source: error.into() };
        let mut source = File::open(&self.path).map_err(read_error)?;
        let mut line = Vec::new();
        write_file_by(&self.path, |file| {
            let mut target = BufWriter::new(file);
            for (task_id, sample_index) in order {
                let Some(span) = self.spans.get(&(task_id.to_owned(), sample_index)) else { continue };
                line.resize(span.bytes, 0);
                source.seek(SeekFrom::Start(span.start))?;
                source.read_exact(&mut line)?;
                target.write_all(&line)?;
            }
            target.flush()
        })
    }
}

fn read_span(path: &Path, span: Span) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(span.start))?;
    let mut bytes = vec![0; span.bytes];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Bytes of a sample's line beside its texts, about: room for them is taken at once.
const BESIDE_TEXTS: usize = 512;

/// The line of a sample, with its end.
fn line_of(row: &SampleRow, path: &Path) -> Result<Vec<u8>, RecordError> {
    let mut bytes = Vec::with_capacity(row.completion.len() + row.completion.len() / 8 + BESIDE_TEXTS);
    serde_json::to_writer(&mut bytes, row)
        .map_err(|error| RecordError::Encode { path: path.to_owned(), source: error.into() })?;
    bytes.push(b'\n');
    Ok(bytes)
}

impl SampleLog {
    /// Writes a log of these samples in the place of the one at `path`.
    ///
    /// # Errors
    /// A sample cannot be had, or the file cannot be written; the old one is then as it was.
    pub fn write(path: &Path, rows: impl Iterator<Item = Result<SampleRow, RecordError>>) -> Result<(), RecordError> {
        let written = write_file_if(path, |file| {
            let mut target = BufWriter::new(file);
            for row in rows {
                target.write_all(&line_of(&row?, path)?).map_err(|error| write_error(path, error))?;
            }
            target.flush().map(|()| true).map_err(|error| write_error(path, error))
        });
        written.map(drop)
    }

    /// The samples of a log, in the order of its lines; a last line without its end is left out.
    ///
    /// # Errors
    /// The file cannot be opened; what cannot be read of it comes with the samples.
    pub fn rows(path: &Path) -> Result<impl Iterator<Item = Result<SampleRow, RecordError>> + use<>, RecordError> {
        Ok(SampleLines::open(path, None)?.map(|line| line?.row()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{SampleVerdict, TurnRow};

    fn sample(task_id: &str, sample_index: u32) -> SampleRow {
        SampleRow {
            suite: "sums".into(),
            task_id: task_id.into(),
            sample_index,
            completion: format!("é{sample_index}\n"),
            completion_ids: Some(vec![1, 2]),
            verdict: SampleVerdict { kind: "passed".into(), score: Some(1.0), ..SampleVerdict::default() },
            ..SampleRow::default()
        }
    }

    const ORDER: [(&str, u32); 4] = [("b", 0), ("b", 1), ("a", 0), ("a", 1)];

    #[test]
    fn a_log_that_was_killed_anywhere_ends_with_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let whole = folder.path().join("whole.jsonl");
        let mut log = SampleLog::open(&whole).unwrap();
        for (task, index) in ORDER {
            log.append(&sample(task, index)).unwrap();
        }
        log.finish(ORDER.into_iter()).unwrap();
        let expected = std::fs::read(&whole).unwrap();

        for cut in 0..expected.len() {
            let path = folder.path().join(format!("{cut}.jsonl"));
            // Samples end in another order than that of the tasks.
            let mut log = SampleLog::open(&path).unwrap();
            for (task, index) in [ORDER[2], ORDER[0], ORDER[3], ORDER[1]] {
                log.append(&sample(task, index)).unwrap();
            }
            drop(log);
            let killed = std::fs::read(&path).unwrap();
            std::fs::write(&path, &killed[..cut]).unwrap();
            let mut log = SampleLog::open(&path).unwrap();
            for (task, index) in ORDER {
                if !log.contains(task, index) {
                    log.append(&sample(task, index)).unwrap();
                }
            }
            assert_eq!(log.row("a", 1).unwrap().unwrap(), sample("a", 1));
            log.finish(ORDER.into_iter()).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), expected, "cut at {cut}");
        }
    }

    #[test]
    fn a_line_without_turns_is_that_of_a_sample_of_one_turn() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("samples.jsonl");
        let turns = vec![TurnRow { role: "tool".into(), content: "2".into() }];
        let rows = [sample("a", 0), SampleRow { turns, ..sample("a", 1) }];
        let mut log = SampleLog::open(&path).unwrap();
        rows.iter().for_each(|row| log.append(row).unwrap());
        let text = std::fs::read_to_string(&path).unwrap();
        let is_written: Vec<bool> = text.lines().map(|line| line.contains("turns")).collect();
        assert_eq!(is_written, [false, true]);
        assert_eq!(SampleLog::rows(&path).unwrap().collect::<Result<Vec<_>, _>>().unwrap(), rows);
    }

    #[test]
    fn a_whole_line_that_is_no_sample_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("samples.jsonl");
        std::fs::write(&path, "{}\nnonsense\n").unwrap();
        let text = SampleLog::open(&path).unwrap_err().to_string();
        assert!(text.contains("samples.jsonl:2") && text.contains("no sample"), "{text}");
        std::fs::write(&path, "{}\n{}\n").unwrap();
        assert!(SampleLog::open(&path).unwrap_err().to_string().contains("twice"));
        let rows: Vec<_> = SampleLog::rows(&path).unwrap().collect();
        assert_eq!(rows.len(), 2);
    }
}
