//! Where progress is shown: one bar on a terminal, lines elsewhere, which come the more rarely the longer the work
//! takes. Must not know what is counted.
//!
//! A thread looks at the work under way some times a second: time that is left runs down between two advances, and work
//! that takes long is named though it does not advance.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;

#[cfg(test)]
use crate::bar::text;
use crate::bar::{LEAST_AGE_ON_BAR, new_bar, show};
use crate::job::{Job, Manner, place_shown, view};
use crate::lines::{FIRST_INTERVAL, Lines};

/// Time between two looks at the work under way.
const LOOK: Duration = Duration::from_millis(200);

/// The time of this process, from any one moment on.
pub(crate) type Clock = Arc<dyn Fn() -> Duration + Send + Sync>;

/// A place where progress is shown. Clones are the same place.
#[derive(Clone)]
pub struct Console(Arc<Shared>);

struct Shared {
    clock: Clock,
    /// True where a thread of its own looks at the work.
    has_ticker: bool,
    /// Held while something is drawn or written; taken before `state`, never the other way round.
    drawing: Mutex<()>,
    state: Mutex<State>,
}

struct State {
    jobs: Vec<Job>,
    next_id: u64,
    is_ticking: bool,
    display: Display,
}

enum Display {
    Bar(Option<ProgressBar>),
    Lines(Lines),
    Nothing,
}

impl fmt::Debug for Console {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Console")
    }
}

impl Console {
    /// The process's standard error: a bar where it is a terminal, lines elsewhere.
    pub fn of_process() -> &'static Self {
        static CONSOLE: OnceLock<Console> = OnceLock::new();
        CONSOLE.get_or_init(|| {
            let is_terminal = io::stderr().is_terminal();
            let display =
                if is_terminal { Display::Bar(None) } else { Display::Lines(Lines::to(Box::new(io::stderr()))) };
            let start = Instant::now();
            Self::new(display, Arc::new(move || start.elapsed()), true)
        })
    }

    /// Lines to `sink` by a clock that is handed in; nothing comes unasked.
    #[cfg(test)]
    pub(crate) fn of_lines(sink: Box<dyn Write + Send>, clock: Clock) -> Self {
        Self::new(Display::Lines(Lines::to(sink)), clock, false)
    }

    /// What a bar would show.
    #[cfg(test)]
    pub(crate) fn bar_text(&self) -> Option<String> {
        let view = view(&self.state().jobs, self.now(), LEAST_AGE_ON_BAR)?;
        Some(text(&view, false))
    }

    fn new(display: Display, clock: Clock, has_ticker: bool) -> Self {
        let state = State { jobs: Vec::new(), next_id: 0, is_ticking: false, display };
        Self(Arc::new(Shared { clock, has_ticker, drawing: Mutex::new(()), state: Mutex::new(state) }))
    }

    /// Shows nothing from now on: of several processes that do the same work one alone tells of it.
    pub fn silence(&self) {
        self.state().display = Display::Nothing;
    }

    /// Calls `write`, which writes to the same place; a bar makes room and comes back.
    pub fn beside<T>(&self, write: impl FnOnce() -> T) -> T {
        let _drawing = locked(&self.0.drawing);
        let bar = self.state().bar();
        match bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Starts a piece of work inside all that is under way, and returns its number.
    pub(crate) fn start(&self, job: impl FnOnce(u64, Duration) -> Job) -> u64 {
        let now = self.now();
        let id = {
            let mut state = self.state();
            let id = state.next_id;
            state.next_id += 1;
            if let (true, Display::Lines(lines)) = (state.jobs.is_empty(), &mut state.display) {
                lines.began = now;
            }
            let job = job(id, now);
            state.jobs.push(job);
            if self.0.has_ticker && !state.is_ticking && !matches!(state.display, Display::Nothing) {
                state.is_ticking = true;
                let console = self.clone();
                std::thread::spawn(move || console.keep_looking());
            }
            id
        };
        self.draw();
        id
    }

    fn keep_looking(&self) {
        loop {
            std::thread::sleep(LOOK);
            {
                let mut state = self.state();
                if state.jobs.is_empty() {
                    state.is_ticking = false;
                    return;
                }
            }
            self.look();
        }
    }

    /// Shows the work as it is now.
    pub(crate) fn look(&self) {
        self.draw();
        self.write_line(None);
    }

    /// Changes a piece of work, and says so where it must be said.
    pub(crate) fn update(&self, id: u64, change: impl FnOnce(&mut Job, Duration)) {
        let now = self.now();
        let mut state = self.state();
        let Some(job) = state.jobs.iter_mut().find(|job| job.id == id) else { return };
        let was_whole = job.is_whole();
        change(job, now);
        let is_first = !job.is_written && job.has_advanced();
        let must_be_said = job.manner == Manner::Main && (is_first || (job.is_whole() && !was_whole));
        drop(state);
        if must_be_said {
            self.write_line(Some(id));
        }
    }

    /// Writes a line where there is no bar, and one is due or `must` names the work that is shown.
    fn write_line(&self, must: Option<u64>) {
        let now = self.now();
        let mut state = self.state();
        let State { jobs, display: Display::Lines(lines), .. } = &mut *state else { return };
        let Some(view) = view(jobs, now, FIRST_INTERVAL) else { return };
        let Some(job) = place_shown(jobs).and_then(|place| jobs.get_mut(place)) else { return };
        if must == Some(job.id) || lines.is_due(now, job, &view) {
            lines.write(now, &view);
            job.is_written = true;
        }
    }

    /// Draws the bar, makes it where there is none, and clears it where no work is left.
    fn draw(&self) {
        let _drawing = locked(&self.0.drawing);
        let now = self.now();
        let (bar, view) = {
            let mut state = self.state();
            let view = view(&state.jobs, now, LEAST_AGE_ON_BAR);
            let is_worth_a_bar = state.jobs.iter().any(|job| job.is_worth_a_bar(now));
            let Display::Bar(shown) = &mut state.display else { return };
            let bar = match &view {
                Some(_) if shown.is_none() && !is_worth_a_bar => None,
                Some(_) => Some(shown.get_or_insert_with(new_bar).clone()),
                None => shown.take(),
            };
            (bar, view)
        };
        match (bar, view) {
            (Some(bar), Some(view)) => show(&bar, &view),
            (Some(bar), None) => bar.finish_and_clear(),
            (None, _) => {}
        }
    }

    /// Ends a piece of work, with a last line where it wants one.
    pub(crate) fn end(&self, id: u64, last_words: Option<&str>) {
        let now = self.now();
        let line = {
            let mut state = self.state();
            let Some(place) = state.jobs.iter().position(|job| job.id == id) else { return };
            let mut job = state.jobs.remove(place);
            // Within a run its steps have lines, and what a step is made of has none.
            let is_alone = !state.jobs.iter().any(Job::has_own_line);
            let is_said = job.has_own_line() || job.phases().is_some() || (job.is_written && is_alone);
            let line = last_words.filter(|_| is_said).map(|words| job.last_line(now, words));
            match (line, &mut state.display) {
                (Some(line), Display::Lines(lines)) => {
                    lines.write_text(now, &line);
                    None
                }
                (line, Display::Bar(_)) => line,
                _ => None,
            }
        };
        self.draw();
        if let Some(line) = line {
            // A reader that went away must not end the work.
            let _ = self.beside(|| writeln!(io::stderr().lock(), "{line}"));
        }
    }

    fn now(&self) -> Duration {
        (self.0.clock)()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.0.state)
    }
}

impl State {
    fn bar(&self) -> Option<ProgressBar> {
        match &self.display {
            Display::Bar(bar) => bar.clone(),
            _ => None,
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
