//! Stored samples judged again: many at a time, in their order, the verdict before beside the new one.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use anyhow::{Context, Result};
use evaluation::EvaluationError;
use record::samples::SampleRow;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::store::Stored;
use crate::held_out::HeldOut;
use crate::interrupt::Interrupt;
use crate::judge::Judge;

/// Rows that one task of the runtime judges, at least: those of a task of the suite stay together.
const CHUNK: usize = 64;
/// Chunks that are judged before more rows are read.
const CHUNKS: usize = 64;

/// What became of the verdicts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    num_samples: usize,
    num_gained: usize,
    num_lost: usize,
}

impl Changes {
    fn add(&mut self, row: &SampleRow) {
        let before = row.earlier.as_ref().is_some_and(|verdict| verdict.passed());
        self.num_samples += 1;
        self.num_gained += usize::from(row.verdict.passed() && !before);
        self.num_lost += usize::from(before && !row.verdict.passed());
    }

    /// The counts in words.
    pub(super) fn words(self) -> String {
        let Self { num_samples, num_gained, num_lost } = self;
        format!("{num_samples} samples judged again: {num_gained} pass now, {num_lost} pass no more")
    }
}

/// Judges the samples of a set again and puts them in the place of those that were stored.
///
/// # Errors
/// A sample is of no task of the set, a file cannot be read or written, or the user interrupts.
pub(super) fn rejudge(
    held_out: &HeldOut,
    stored: &Stored,
    judge: &Arc<Judge>,
    interrupt: &Interrupt,
) -> Result<Changes> {
    let Stored::Record(record) = stored else { return Ok(Changes::default()) };
    let tasks = held_out.tasks.tasks.iter().zip(0..).map(|(task, place)| (task.task.id.as_str(), place));
    let again = Again {
        held_out,
        places: tasks.collect(),
        judge,
        interrupt,
        rows: Box::new(record.rows()?.map(|row| Ok(row?))),
        judged: VecDeque::new(),
        pending: None,
    };
    let (mut changes, mut failure) = (Changes::default(), None);
    let rows = again.map(|row| match row {
        Ok(row) => {
            changes.add(&row);
            Ok(row)
        }
        Err(error) => {
            let problem = format!("{error:#}");
            failure = Some(error);
            Err(EvaluationError::Tasks { suite: held_out.name.clone(), problem })
        }
    });
    let replaced = tokio::task::block_in_place(|| record.replace(rows));
    match failure {
        Some(error) => Err(error),
        None => {
            replaced?;
            Ok(changes)
        }
    }
}

/// Rows that are judged as they are asked for.
struct Again<'a> {
    held_out: &'a HeldOut,
    places: HashMap<&'a str, usize>,
    judge: &'a Arc<Judge>,
    interrupt: &'a Interrupt,
    rows: Box<dyn Iterator<Item = Result<SampleRow>> + 'a>,
    judged: VecDeque<SampleRow>,
    /// The first row of the next chunk.
    pending: Option<(usize, SampleRow)>,
}

impl Again<'_> {
    /// Some rows with the places of their tasks; none where there are no more.
    fn chunk(&mut self) -> Result<Vec<(usize, SampleRow)>> {
        let mut chunk: Vec<(usize, SampleRow)> = self.pending.take().into_iter().collect();
        for row in self.rows.by_ref() {
            let row = row?;
            let place = self.places.get(row.task_id.as_str()).copied();
            let place = place.with_context(|| format!("there is a sample of task {}, which is not asked", row.task_id))?;
            if chunk.len() >= CHUNK && chunk.last().is_some_and(|(last, _)| *last != place) {
                self.pending = Some((place, row));
                break;
            }
            chunk.push((place, row));
        }
        Ok(chunk)
    }

    fn refill(&mut self) -> Result<()> {
        let mut judging: JoinSet<(usize, Vec<SampleRow>)> = JoinSet::new();
        let handle = Handle::current();
        for number in 0..CHUNKS {
            let chunk = self.chunk()?;
            if chunk.is_empty() {
                break;
            }
            let (held_out, judge) = (self.held_out.clone(), self.judge.clone());
            judging.spawn_on(async move { (number, held_out.judged_again(&judge, chunk).await) }, &handle);
        }
        let interrupt = self.interrupt;
        let mut chunks = handle.block_on(async {
            let mut chunks = Vec::new();
            while let Some(judged) = interrupt.race(judging.join_next()).await? {
                chunks.push(judged.context("the verdicts of stored samples")?);
            }
            anyhow::Ok(chunks)
        })?;
        chunks.sort_by_key(|(number, _)| *number);
        self.judged.extend(chunks.into_iter().flat_map(|(_, rows)| rows));
        Ok(())
    }
}

impl Iterator for Again<'_> {
    type Item = Result<SampleRow>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.judged.is_empty()
            && let Err(error) = self.refill()
        {
            return Some(Err(error));
        }
        self.judged.pop_front().map(Ok)
    }
}
