//! Stored samples judged again, without a model: the old verdict stays beside the new one. Rows are streamed: while all
//! cores judge some, the next are read, and those before are counted and written, each on a thread of its own.

use std::sync::mpsc::{Receiver, sync_channel};

use futures::stream::{self, StreamExt};
use progress::{Progress, Unit};
use rayon::prelude::*;
use record::RecordError;
use record::samples::{SampleLine, SampleRow, SampleVerdict, SampleVerdicts};
use verifiers::Verifiers;

use crate::error::EvaluationError;
use crate::evaluation_record::FinishedRecord;
use crate::judge::{judge_again, judge_again_here};
use crate::second_record::SecondRecord;
use crate::settings::Settings;
use crate::suite_tasks::{SuiteTasks, TaskPlaces};
use crate::tally::{Counted, Tally};

/// Bytes of lines that are read before they are judged, at least.
const CHUNK_BYTES: usize = 4 << 20;
/// Samples that a core takes at once: where it is wanted elsewhere meanwhile, the other cores wait no longer than for
/// these.
const AT_ONCE: usize = 32;
/// Chunks that may wait to be judged: the reading goes on meanwhile, and memory stays bounded.
const READ_AHEAD: usize = 1;
/// Verdicts under way: enough for every core while rows are read and written.
const UNDER_WAY: usize = 256;

/// What came of judging again.
#[derive(Debug)]
pub struct JudgedAgain<'a> {
    /// The samples under their new verdicts.
    pub tally: Tally<'a>,
    /// The settings of the record from now on.
    pub settings: Settings,
    /// Which verdicts are others than before.
    pub changes: VerdictChanges,
}

/// How many verdicts are others than before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VerdictChanges {
    /// Samples that were judged again.
    pub num_samples: usize,
    /// Samples that pass now and did not before.
    pub num_gained: usize,
    /// Samples that passed before and do no more.
    pub num_lost: usize,
}

impl VerdictChanges {
    fn count(&mut self, verdicts: &SampleVerdicts) {
        let (now, before) = (verdicts.verdict.passed(), verdicts.earlier.as_ref().is_some_and(SampleVerdict::passed));
        self.num_samples += 1;
        self.num_gained += usize::from(now && !before);
        self.num_lost += usize::from(before && !now);
    }
}

impl FinishedRecord {
    /// Judges every stored sample again by the suite's tasks as they are now, and counts the new verdicts. Until all of
    /// them are there the record is as it was; then its settings say what judged it. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// The samples were drawn for another suite, under another protocol, or are of a task that is not asked; or a file
    /// cannot be read or written.
    pub async fn judge_again<'a>(
        &self,
        verifiers: &Verifiers,
        tasks: &'a SuiteTasks,
        settings: &Settings,
    ) -> Result<JudgedAgain<'a>, EvaluationError> {
        let settings = self.settings_judged_again(settings)?;
        let (mut tally, mut changes) = (Tally::new(tasks), VerdictChanges::default());
        let again = SecondRecord::begin(self.folder())?;
        let chunks = read_ahead(self.lines()?);
        let progress = Progress::start(tasks.suite.name.as_str(), Unit::Parts, Some(tasks.num_samples() as u64));
        let judging = Judging { verifiers, tasks, places: tasks.places() };
        let (mut chunks, mut judged) = (chunks.into_iter(), Vec::new());
        loop {
            let settled = judging.settled(judged).await?;
            let chunk = chunks.next().transpose()?;
            let is_last = chunk.is_none();
            // The next samples are judged while these are counted.
            let mut next = Vec::new();
            let goes_on = rayon::in_place_scope(|scope| {
                scope.spawn(|_| next = judging.judge(chunk.unwrap_or_default()));
                progress.advance(settled.len() as u64);
                let mut written = Vec::with_capacity(settled.len());
                for sample in settled {
                    let (counted, new) = *sample;
                    changes.count(&new);
                    tally.insert(counted)?;
                    written.push(new);
                }
                Ok::<_, EvaluationError>(again.push(written))
            })?;
            if is_last || !goes_on {
                break;
            }
            judged = next;
        }
        progress.finish("");
        self.end_again(again, &settings)?;
        Ok(JudgedAgain { tally, settings, changes })
    }
}

/// Lines in chunks as a thread of its own reads them, which ends with them or with whoever takes them.
fn read_ahead(
    mut lines: impl Iterator<Item = Result<SampleLine, RecordError>> + Send + 'static,
) -> Receiver<Result<Vec<SampleLine>, RecordError>> {
    let (sender, chunks) = sync_channel(READ_AHEAD);
    std::thread::spawn(move || {
        loop {
            let mut num_bytes = 0;
            let chunk: Result<Vec<SampleLine>, _> = std::iter::from_fn(|| {
                let line = if num_bytes < CHUNK_BYTES { lines.next()? } else { return None };
                num_bytes += line.as_ref().map_or(0, SampleLine::num_bytes);
                Some(line)
            })
            .collect();
            let goes_on = chunk.is_ok() && num_bytes >= CHUNK_BYTES;
            if sender.send(chunk).is_err() || !goes_on {
                return;
            }
        }
    });
    chunks
}

/// What all samples are judged by.
struct Judging<'a> {
    verifiers: &'a Verifiers,
    tasks: &'a SuiteTasks,
    places: TaskPlaces<'a>,
}

/// What is counted of a sample that has its verdict, and its verdicts.
type Settled = (Counted, SampleVerdicts);

/// A sample on its way.
enum Under {
    /// It has its verdict.
    Judged(Box<Settled>),
    /// A verifier of its task, which stands at this place, waits for something.
    Waits(usize, Box<SampleRow>),
}

impl Judging<'_> {
    /// Judges some samples again, in their order and on all cores, where their verifiers only compute.
    fn judge(&self, chunk: Vec<SampleLine>) -> Vec<Result<Under, EvaluationError>> {
        // Where they lie one after the other: a collection of results would move each several times.
        chunk.into_par_iter().with_max_len(AT_ONCE).map(|line| self.judge_here(&line)).collect()
    }

    fn judge_here(&self, line: &SampleLine) -> Result<Under, EvaluationError> {
        let row = line.row()?;
        let place = self.places.of(&row)?;
        Ok(match judge_again_here(self.verifiers, &self.tasks.tasks[place], row) {
            Ok(row) => Under::Judged(Box::new((Counted::of(self.tasks, place, &row), row.into()))),
            Err(row) => Under::Waits(place, row),
        })
    }

    /// The samples once all have their verdicts, in their order; of those that wait as many at once as may be under
    /// way.
    async fn settled(&self, judged: Vec<Result<Under, EvaluationError>>) -> Result<Vec<Box<Settled>>, EvaluationError> {
        let (mut settled, mut waiting) = (Vec::with_capacity(judged.len()), Vec::new());
        for under in judged {
            match under? {
                Under::Judged(sample) => settled.push(Some(sample)),
                Under::Waits(place, row) => {
                    waiting.push((settled.len(), place, row));
                    settled.push(None);
                }
            }
        }
        let verdicts = waiting.into_iter().map(|(at, place, row)| async move {
            let row = judge_again(self.verifiers, &self.tasks.tasks[place], *row).await;
            (at, Box::new((Counted::of(self.tasks, place, &row), row.into())))
        });
        let mut verdicts = stream::iter(verdicts).buffer_unordered(UNDER_WAY);
        while let Some((at, sample)) = verdicts.next().await {
            settled[at] = Some(sample);
        }
        Ok(settled.into_iter().flatten().collect())
    }
}
