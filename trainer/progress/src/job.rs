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

/// Time in which work that is often quick is done where it is.
const MOMENT: Duration = Duration::from_millis(400);

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

    /// True of work whose progress is a person's concern, whatever is under way within it.
    pub(crate) fn has_own_line(&self) -> bool {
        self.manner == Manner::Main && self.phases.is_none()
    }

    /// True of work that people wait for; of other work once it has taken a moment.
    pub(crate) fn is_worth_a_bar(&self, now: Duration) -> bool {
        self.manner == Manner::Main || now.saturating_sub(self.began) >= MOMENT
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

    fn share(&self) -> Option<f64> {
        let total = self.total.filter(|total| *total > 0)?;
        Some((self.done as f64 / total as f64).min(1.0))
    }

    /// Its title and its place, as a part of a path.
    fn around(&self) -> String {
        match &self.phases {
            Some(phases) => format!("phase {} of {}", phases.number().max(1), phases.len()),
            None => format!("{} {}", self.title, self.place()).trim_end().to_owned(),
        }
    }

    /// All of it in a few words, for work inside other work.
    fn under_way(&self, now: Duration) -> String {
        let left = self.left(now, None).map(|left| format!("{} left", time_words(left)));
        let time = left.or_else(|| self.so_far(now)).unwrap_or_default();
        let parts = [self.around(), self.note.clone(), time];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// How long it has taken, where that is all there is to say.
    fn so_far(&self, now: Duration) -> Option<String> {
        let ran = now.saturating_sub(self.began);
        let is_long = ran >= LONG_WITHOUT_END && self.done == 0 && self.phases.is_none();
        is_long.then(|| format!("{} so far", time_words(ran)))
    }

    fn left(&self, now: Duration, inner: Option<Duration>) -> Option<Duration> {
        match &self.phases {
            Some(phases) => phases.left(now, inner),
            None => self.pace.left(now, self.total?.saturating_sub(self.done)),
        }
    }
}

/// Place of the work that is shown: the innermost that is a person's concern, or else the innermost.
pub(crate) fn place_shown(jobs: &[Job]) -> Option<usize> {
    jobs.iter().rposition(Job::has_own_line).or(jobs.len().checked_sub(1))
}

/// What is to be seen of `jobs` at `now`: the work that is shown, what it stands in, and what of it has been under way
/// for `least_age`.
pub(crate) fn view(jobs: &[Job], now: Duration, least_age: Duration) -> Option<View> {
    let place = place_shown(jobs)?;
    let (around, shown) = (&jobs[..place], &jobs[place]);
    let inside = jobs[place + 1..].iter().filter(|job| now.saturating_sub(job.began) >= least_age);
    let own_left = shown.left(now, None);
    let mut left_inside = own_left;
    let mut of_all = None;
    for (depth, job) in around.iter().enumerate().rev() {
        left_inside = job.left(now, left_inside);
        if let Some(left) = left_inside {
            of_all = Some((left, if depth == 0 { "all" } else { job.title.as_str() }));
        }
    }
    let path: Vec<String> = around.iter().chain([shown]).map(Job::around).collect();
    let under_way: Vec<String> = inside.map(|job| job.under_way(now)).collect();
    let mut time = left_words(own_left, of_all);
    if under_way.is_empty()
        && let Some(so_far) = shown.so_far(now)
    {
        time = if time.is_empty() { so_far } else { format!("{so_far}, {time}") };
    }
    let note = shown.note.clone();
    Some(View { path: path.join(", "), share: shown.share(), time, under_way: under_way.join(", "), note })
}
