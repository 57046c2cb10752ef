//! The log of samples: a JSON line each, written as the sample ends, and found again after a kill.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

use super::row::SampleRow;
use crate::atomic::{write_error, write_file_by};
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
    path: Arc<Path>,
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
        let mut log = Self { path: path.into(), file, end: 0, spans: HashMap::new() };
        log.find_lines()?;
        log.file.set_len(log.end).and_then(|()| log.file.seek(SeekFrom::Start(log.end)).map(drop)).map_err(fail)?;
        Ok(log)
    }

    fn find_lines(&mut self) -> Result<(), RecordError> {
        let bad_line =
            |line: usize, reason: String| RecordError::BadLine { path: self.path.to_path_buf(), line, reason };
        let read_error = |error: io::Error| RecordError::Read { path: self.path.to_path_buf(), source: error.into() };
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
        let line = SampleLine::of(row, &self.path)?;
        let span = Span { start: self.end, bytes: line.bytes.len() };
        let earlier = self.spans.insert((row.task_id.clone(), row.sample_index), span);
        assert!(earlier.is_none(), "sample {} of task {} is in the log already", row.sample_index, row.task_id);
        self.end += line.bytes.len() as u64;
        self.file.write_all(&line.bytes).map_err(|error| write_error(&self.path, error))
    }

    /// The sample, where it is in the log.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn row(&self, task_id: &str, sample_index: u32) -> Result<Option<SampleRow>, RecordError> {
        let Some(span) = self.spans.get(&(task_id.to_owned(), sample_index)) else { return Ok(None) };
        let fail = |source: Box<dyn std::error::Error + Send + Sync>| RecordError::Read {
            path: self.path.to_path_buf(),
            source,
        };
        let bytes = read_span(&self.path, *span).map_err(|error| fail(error.into()))?;
        serde_json::from_slice(&bytes).map(Some).map_err(|error| fail(error.into()))
    }

    /// Puts the lines into the order of `order`, and leaves out those that it does not name: the log's last state.
    ///
    /// # Errors
    /// The file cannot be read or written; the log is then as it was.
    pub fn finish<'a>(self, order: impl Iterator<Item = (&'a str, u32)>) -> Result<(), RecordError> {
        let read_error = |error: io::Error| RecordError::Read { path: self.path.to_path_buf(), source: error.into() };
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

/// First and last field before a line's verdicts, and the first verdict: as this program writes them.
const FIRST: &[u8] = b"{\"suite\":";
const LAST: &[u8] = b",\"num_completion_tokens\":";
const VERDICT: &[u8] = b",\"verdict\":";

/// A line of a log: a sample that is not read yet, or no more.
#[derive(Debug)]
pub struct SampleLine {
    path: Arc<Path>,
    number: usize,
    bytes: Vec<u8>,
}

impl SampleLine {
    /// The line of a sample, for the log at `path`.
    ///
    /// # Errors
    /// The sample is no JSON.
    pub fn of(row: &SampleRow, path: &Arc<Path>) -> Result<Self, RecordError> {
        let mut bytes = Vec::with_capacity(row.completion.len() + row.completion.len() / 8 + BESIDE_TEXTS);
        serde_json::to_writer(&mut bytes, row)
            .map_err(|error| RecordError::Encode { path: path.to_path_buf(), source: error.into() })?;
        bytes.push(b'\n');
        Ok(Self { path: path.clone(), number: 0, bytes })
    }

    /// The line of the same sample under other verdicts, those of `row`: what stands before a verdict is kept as it is.
    ///
    /// # Errors
    /// The sample is no JSON.
    pub fn with_verdicts(&self, row: &SampleRow) -> Result<Self, RecordError> {
        let Some(kept) = self.before_verdicts() else { return Self::of(row, &self.path) };
        let mut bytes = Vec::with_capacity(self.bytes.len() + BESIDE_TEXTS);
        bytes.extend_from_slice(kept);
        let verdicts = [
            (VERDICT, Some(&row.verdict)),
            (b",\"corrected\":", row.corrected.as_ref()),
            (b",\"earlier\":", row.earlier.as_ref()),
        ];
        for (name, verdict) in verdicts {
            let Some(verdict) = verdict else { continue };
            bytes.extend_from_slice(name);
            serde_json::to_writer(&mut bytes, verdict)
                .map_err(|error| RecordError::Encode { path: self.path.to_path_buf(), source: error.into() })?;
        }
        bytes.extend_from_slice(b"}\n");
        Ok(Self { path: self.path.clone(), number: self.number, bytes })
    }

    /// What stands before the verdicts, in a line with all else before them. A text holds no bare quotes, so that the
    /// names found are those of fields.
    fn before_verdicts(&self) -> Option<&[u8]> {
        let at = self.bytes.windows(VERDICT.len()).rposition(|found| found == VERDICT)?;
        let kept = &self.bytes[..at];
        let number = kept.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        (kept.starts_with(FIRST) && kept[..at - number].ends_with(LAST)).then_some(kept)
    }

    /// Its bytes, the end of the line among them.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The sample that it says.
    ///
    /// # Errors
    /// It is none.
    pub fn row(&self) -> Result<SampleRow, RecordError> {
        serde_json::from_slice(&self.bytes).map_err(|error| RecordError::BadLine {
            path: self.path.to_path_buf(),
            line: self.number,
            reason: format!("no sample: {error}"),
        })
    }
}

impl SampleLog {
    /// The lines of a log; a last one without its end is left out.
    ///
    /// # Errors
    /// The file cannot be opened; what cannot be read of it comes with the lines.
    pub fn lines(path: &Path) -> Result<impl Iterator<Item = Result<SampleLine, RecordError>> + use<>, RecordError> {
        let fail = |error: io::Error| RecordError::Read { path: path.to_owned(), source: error.into() };
        let mut reader = BufReader::with_capacity(1 << 20, File::open(path).map_err(fail)?);
        let path: Arc<Path> = path.into();
        let mut number = 0;
        Ok(std::iter::from_fn(move || {
            number += 1;
            let mut bytes = Vec::new();
            if let Err(error) = reader.read_until(b'\n', &mut bytes) {
                return Some(Err(RecordError::Read { path: path.to_path_buf(), source: error.into() }));
            }
            (bytes.last() == Some(&b'\n')).then(|| Ok(SampleLine { path: path.clone(), number, bytes }))
        }))
    }

    /// The samples of a log, in the order of its lines; a last line without its end is left out.
    ///
    /// # Errors
    /// As for [`lines`](Self::lines); errors of its lines come with them.
    pub fn rows(path: &Path) -> Result<impl Iterator<Item = Result<SampleRow, RecordError>> + use<>, RecordError> {
        Ok(Self::lines(path)?.map(|line| line?.row()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::SampleVerdict;

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
    fn a_line_under_other_verdicts_is_that_of_the_sample_with_them() {
        let path: Arc<Path> = Path::new("log").into();
        let verdict = |answer: &str| SampleVerdict {
            kind: "failed".into(),
            score: Some(0.1),
            answer: Some(answer.into()),
            measures: vec![crate::samples::MeasureRow { name: "x".into(), value: 1.0, of: 2.0 }],
            ..SampleVerdict::default()
        };
        let before = SampleRow {
            completion: ",\"verdict\":{}\n\\,\"earlier\":".into(),
            verdict: verdict(",\"verdict\":"),
            earlier: Some(verdict("older")),
            ..sample("a", 3)
        };
        let after = SampleRow { verdict: verdict("new"), earlier: Some(before.verdict.clone()), ..before.clone() };
        let corrected = SampleRow { corrected: Some(verdict("key")), ..after.clone() };
        let line = SampleLine::of(&before, &path).unwrap();
        assert!(line.before_verdicts().is_some());
        for row in [&after, &corrected, &before] {
            assert_eq!(line.with_verdicts(row).unwrap().bytes, SampleLine::of(row, &path).unwrap().bytes);
        }

        // Where others stand behind the verdicts nothing is lost either.
        let bytes = br#"{"suite":"s","verdict":{"kind":"failed"},"task_id":"a"}"#.to_vec();
        let line = SampleLine { path: path.clone(), number: 1, bytes };
        let row = SampleRow { verdict: verdict("new"), ..line.row().unwrap() };
        assert_eq!((row.task_id.as_str(), row.suite.as_str()), ("a", "s"));
        assert_eq!(line.with_verdicts(&row).unwrap().bytes, SampleLine::of(&row, &path).unwrap().bytes);
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
