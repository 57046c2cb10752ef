//! A piece of long work, as whoever does it tells of it. Must not know where it is shown.

use std::time::Duration;

use crate::console::Console;
use crate::event::Event;
use crate::job::{Job, Manner};
use crate::phases::{Phase, Phases};
use crate::unit::Unit;

/// A piece of long work, shown until it is finished or dropped. Shared references may be used from several threads.
#[derive(Debug)]
pub struct Progress {
    console: Console,
    id: u64,
}

impl Progress {
    /// Starts work of `total` parts of a unit, `None` where the number is not known.
    pub fn start(title: impl Into<String>, unit: Unit, total: Option<u64>) -> Self {
        Self::start_on(Console::of_process(), title, unit, total)
    }

    /// The same on a console.
    pub fn start_on(console: &Console, title: impl Into<String>, unit: Unit, total: Option<u64>) -> Self {
        Self::of(console, |id, now| Job::new(id, title.into(), Manner::Main, now).counting(unit, total))
    }

    /// Starts work that is often quick: where there is no bar, nothing is said of it unless it takes long.
    pub fn aside(title: impl Into<String>, unit: Unit, total: Option<u64>) -> Self {
        Self::aside_on(Console::of_process(), title, unit, total)
    }

    /// The same on a console.
    pub fn aside_on(console: &Console, title: impl Into<String>, unit: Unit, total: Option<u64>) -> Self {
        Self::of(console, |id, now| Job::new(id, title.into(), Manner::Aside, now).counting(unit, total))
    }

    /// Starts work of several phases in a row, each of which brings its own progress.
    pub fn phases(title: impl Into<String>, phases: impl IntoIterator<Item = Phase>) -> Self {
        Self::phases_on(Console::of_process(), title, phases)
    }

    /// The same on a console.
    pub fn phases_on(console: &Console, title: impl Into<String>, phases: impl IntoIterator<Item = Phase>) -> Self {
        let phases = Phases::new(phases);
        Self::of(console, |id, now| Job::new(id, title.into(), Manner::Main, now).phased(phases))
    }

    fn of(console: &Console, job: impl FnOnce(u64, Duration) -> Job) -> Self {
        Self { id: console.start(job), console: console.clone() }
    }

    /// Takes a piece of news.
    pub fn show(&self, event: Event) {
        self.console.update(self.id, |job, now| job.take(event, now));
    }

    /// Notes that so many parts more are done.
    pub fn advance(&self, parts: u64) {
        self.show(Event::Advanced(parts));
    }

    /// Notes that so many parts are done in all, and what they came to, such as `reward 0.41  812 tokens/s`.
    pub fn reach(&self, done: u64, note: &str) {
        self.console.update(self.id, |job, now| {
            job.take(Event::Note(note.to_owned()), now);
            job.take(Event::Reached(done), now);
        });
    }

    /// Notes what was done before this process: the pace begins now.
    pub fn before(&self, done: u64) {
        self.show(Event::Before(done));
    }

    /// Says what is under way.
    pub fn note(&self, note: &str) {
        self.show(Event::Note(note.to_owned()));
    }

    /// Begins the phase of a name; it ran for `before` in an earlier process. The one that ran is done.
    pub fn begin_phase(&self, name: &str, before: Duration) {
        self.of_phases(|phases, now| phases.begin(name, now, before));
    }

    /// Notes that the phase of a name was done before, in `took`, where that is known.
    pub fn phase_done(&self, name: &str, took: Option<Duration>) {
        self.of_phases(|phases, _| phases.done(name, took));
    }

    fn of_phases(&self, change: impl FnOnce(&mut Phases, Duration)) {
        self.console.update(self.id, |job, now| {
            if let Some(phases) = job.phases() {
                change(phases, now);
            }
        });
    }

    /// Ends the work with a last line: how long it took, and `note`.
    pub fn finish(self, note: &str) {
        self.console.end(self.id, Some(note));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.console.end(self.id, None);
    }
}
