//! The pieces of work under way, the innermost last, and what is to be seen of them at a moment. Must not know where
//! they are shown.

use std::time::Duration;

use crate::event::Event;
use crate::pace::Pace;
use crate::phases::Phases;
use crate::unit::Unit;
use crate::view::{View, left_words};
use crate::words::time_words;

/// Time after which work whose end is not in sight says how long it has taken.
const LONG_WITHOUT_END: Duration = Duration::from_secs(2);

/// Time below which the last line gives tenths of seconds.
const EXACT: Duration = Duration::from_secs(100);

/// How much is said of a piece of work where there is no bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Its first advance and its end always have a line.
    Main,
    /// It has lines only where it takes long.
    Aside,
}

/// A piece of work.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) id: u64,
    pub(crate) title: String,
    pub(crate) manner: Manner,
    pub(crate) began: Duration,
    /// True once a line was written of it.
    pub(crate) is_written: bool,
    unit: Unit,
    total: Option<u64>,
    done: u64,
    has_advanced: bool,
    note: String,
    pace: Pace,
    phases: Option<Phases>,
}

impl Job {
    pub(crate) fn new(id: u64, title: String, manner: Manner, now: Duration) -> Self {
        Self {
            id,
            title,
            manner,
            began: now,
            is_written: false,
            unit: Unit::Parts,
            total: None,
            done: 0,
            has_advanced: false,
            note: String::new(),
            pace: Pace::new(now),
            phases: None,
        }
    }

    pub(crate) fn counting(self, unit: Unit, total: Option<u64>) -> Self {
        Self { unit, total, ..self }
    }

    pub(crate) fn phased(self, phases: Phases) -> Self {
        Self { phases: Some(phases), ..self }
    }

    pub(crate) fn phases(&mut self) -> Option<&mut Phases> {
        self.phases.as_mut()
    }

    /// True where all is done.
    pub(crate) fn is_whole(&self) -> bool {
        self.total.is_some_and(|total| total > 0 && self.done >= total)
    }

    pub(crate) fn take(&mut self, event: Event, now: Duration) {
        self.has_advanced |= matches!(event, Event::Advanced(_) | Event::Reached(_));
        match event {
            Event::Total(total) => self.total = Some(total),
            Event::Before(done) => {
                self.done = done;
                self.pace = Pace::new(now);
            }
            Event::Advanced(parts) => {
                self.done += parts;
                self.pace.advance(now, parts);
            }
            Event::Reached(done) => {
                self.pace.advance(now, done.saturating_sub(self.done));
                self.done = self.done.max(done);
            }
            Event::Note(note) => self.note = note,
        }
    }

    /// True where something is done of it here.
    pub(crate) fn has_advanced(&self) -> bool {
        self.has_advanced
    }

    /// The last line of work that is done.
    pub(crate) fn last_line(&self, now: Duration, words: &str) -> String {
        let took = now.saturating_sub(self.began);
        let took = if took < EXACT { format!("{:.1} s", took.as_secs_f64()) } else { time_words(took) };
        format!("{} done in {took}  {words}", self.title).trim_end().to_owned()
    }

    fn place(&self) -> String {
        let is_counted = self.total.is_some_and(|total| total > 0) || self.done > 0;
        if is_counted { self.unit.place(self.done, self.total.filter(|total| *total > 0)) } else { String::new() }
    }

    /// The part of a path that this work is where other work stands in it.
    fn around(&self) -> String {
        match &self.phases {
            Some(phases) => format!("phase {} of {}", phases.number().max(1), phases.len()),
            None => format!("{} {}", self.title, self.place()).trim_end().to_owned(),
        }
    }

    fn left(&self, now: Duration, inner: Option<Duration>) -> Option<Duration> {
        match &self.phases {
            Some(phases) => phases.left(now, inner),
            None => self.pace.left(now, self.total?.saturating_sub(self.done)),
        }
    }
}

/// What is to be seen of the innermost of `jobs` at `now`.
pub(crate) fn view(jobs: &[Job], now: Duration) -> Option<View> {
    let (inner, around) = jobs.split_last()?;
    let own_left = inner.left(now, None);
    let mut left_inside = own_left;
    let mut of_all = None;
    for (depth, job) in around.iter().enumerate().rev() {
        left_inside = job.left(now, left_inside);
        if let Some(left) = left_inside {
            of_all = Some((left, if depth == 0 { "all" } else { job.title.as_str() }));
        }
    }
    let mut path: Vec<String> = around.iter().map(Job::around).collect();
    if inner.phases.is_some() {
        path.push(inner.around());
    }
    path.push(inner.title.clone());
    let mut time = left_words(own_left, of_all);
    let ran = now.saturating_sub(inner.began);
    if own_left.is_none() && !inner.is_whole() && inner.done == 0 && ran >= LONG_WITHOUT_END {
        let so_far = format!("{} so far", time_words(ran));
        time = if time.is_empty() { so_far } else { format!("{so_far}, {time}") };
    }
    let share = inner.total.filter(|total| *total > 0).map(|total| (inner.done as f64 / total as f64).min(1.0));
    Some(View { path: path.join(", "), place: inner.place(), share, time, note: inner.note.clone() })
}
