//! Lines of the work under way, which come the more rarely the longer it takes. Must not know the clock.

use std::io::Write;
use std::time::Duration;

use crate::job::Job;
use crate::view::View;

/// Time between two lines at first, and at most. Between the two it is this share of the time that the work has taken.
pub(crate) const FIRST_INTERVAL: Duration = Duration::from_secs(10);
const LAST_INTERVAL: Duration = Duration::from_secs(60);
const SHARE_OF_TIME: u32 = 12;

/// A place for lines.
pub(crate) struct Lines {
    sink: Box<dyn Write + Send>,
    /// When the work began that all other stands in.
    pub(crate) began: Duration,
    last: Option<Duration>,
    /// The last line but for its time.
    last_words: String,
}

impl Lines {
    pub(crate) fn to(sink: Box<dyn Write + Send>) -> Self {
        Self { sink, began: Duration::ZERO, last: None, last_words: String::new() }
    }

    /// True where the last line is long enough ago and there is something new to say, or it is very long ago.
    pub(crate) fn is_due(&self, now: Duration, job: &Job, view: &View) -> bool {
        let interval = (now.saturating_sub(self.began) / SHARE_OF_TIME).clamp(FIRST_INTERVAL, LAST_INTERVAL);
        let since = now.saturating_sub(self.last.unwrap_or(self.began).max(job.began));
        since >= interval && (self.last_words != view.words() || since >= LAST_INTERVAL)
    }

    pub(crate) fn write(&mut self, now: Duration, view: &View) {
        self.last_words = view.words();
        self.write_text(now, &view.line());
    }

    pub(crate) fn write_text(&mut self, now: Duration, line: &str) {
        self.last = Some(now);
        // A reader that went away must not end the work.
        let _ = writeln!(self.sink, "{line}").and_then(|()| self.sink.flush());
    }
}
