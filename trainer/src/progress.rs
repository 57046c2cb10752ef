//! Progress on standard error: a bar on a terminal, plain lines some seconds apart where output is piped.
//! Must not know what is counted.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Least time between two plain lines; the first and the last line always come.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// Progress of one job. Shared references may be used from several threads.
pub(crate) struct Progress {
    title: String,
    total: u64,
    display: ProgressDisplay,
}

enum ProgressDisplay {
    Bar(ProgressBar),
    Lines(Mutex<Lines>),
}

struct Lines {
    sink: Box<dyn Write + Send>,
    interval: Duration,
    started: Instant,
    last_line: Option<Instant>,
    last_position: u64,
}

impl Progress {
    /// Starts a job of `total` parts; 0 where the number is not known.
    pub(crate) fn new(title: &str, total: u64) -> Self {
        let stderr = io::stderr();
        let display = if stderr.is_terminal() {
            ProgressDisplay::Bar(bar(title, total))
        } else {
            lines(Box::new(stderr), LINE_INTERVAL)
        };
        Self { title: title.to_owned(), total, display }
    }

    /// Shows that `position` parts are done, with a message such as `reward 0.41  812 tokens/s`.
    pub(crate) fn step(&self, position: u64, message: &str) {
        match &self.display {
            ProgressDisplay::Bar(bar) => {
                bar.set_position(position);
                bar.set_message(message.to_owned());
            }
            ProgressDisplay::Lines(lines) => {
                let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
                let is_last = self.total > 0 && position >= self.total;
                if position > lines.last_position || lines.last_line.is_none() {
                    lines.write(is_last, &format!("{} {}  {message}", self.title, self.place(position)));
                    lines.last_position = position;
                }
            }
        }
    }

    /// Ends the job with a last line.
    pub(crate) fn finish(&self, message: &str) {
        match &self.display {
            ProgressDisplay::Bar(bar) => bar.finish_with_message(message.to_owned()),
            ProgressDisplay::Lines(lines) => {
                let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
                let seconds = lines.started.elapsed().as_secs_f64();
                lines.write(true, &format!("{} done in {seconds:.1} s  {message}", self.title));
            }
        }
    }

    fn place(&self, position: u64) -> String {
        if self.total > 0 { format!("{position}/{}", self.total) } else { position.to_string() }
    }
}

impl Lines {
    fn write(&mut self, always: bool, line: &str) {
        let is_due = self.last_line.is_none_or(|last| last.elapsed() >= self.interval);
        if always || is_due {
            self.last_line = Some(Instant::now());
            // A reader that went away must not end the run.
            let _ = writeln!(self.sink, "{}", line.trim_end());
        }
    }
}

fn lines(sink: Box<dyn Write + Send>, interval: Duration) -> ProgressDisplay {
    ProgressDisplay::Lines(Mutex::new(Lines {
        sink,
        interval,
        started: Instant::now(),
        last_line: None,
        last_position: 0,
    }))
}

fn bar(title: &str, total: u64) -> ProgressBar {
    let bar = if total > 0 { ProgressBar::new(total) } else { ProgressBar::new_spinner() };
    bar.set_draw_target(ProgressDrawTarget::stderr());
    let template = if total > 0 {
        "{prefix:>14} {bar:28.cyan/dim} {pos:>5}/{len} {elapsed:>4} (eta {eta})  {wide_msg}"
    } else {
        "{prefix:>14} {spinner} {pos} {elapsed:>4}  {wide_msg}"
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar.set_prefix(title.to_owned());
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn lines_of(interval: Duration, use_it: impl FnOnce(&Progress)) -> Vec<String> {
        let sink = Sink::default();
        use_it(&Progress { title: "stage-1".into(), total: 4, display: lines(Box::new(sink.clone()), interval) });
        let bytes = sink.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn piped_lines_keep_their_distance() {
        let written = lines_of(Duration::from_secs(3600), |progress| {
            (1..=4).for_each(|step| progress.step(step, "reward 0.5"));
            progress.finish("saved");
        });
        assert_eq!(written[..2], ["stage-1 1/4  reward 0.5", "stage-1 4/4  reward 0.5"]);
        assert!(written.len() == 3 && written[2].ends_with("saved"), "{written:?}");
    }

    #[test]
    fn a_step_is_named_once() {
        let written = lines_of(Duration::ZERO, |progress| {
            progress.step(1, "rollout");
            progress.step(1, "verify");
            progress.step(2, "rollout");
        });
        assert_eq!(written, ["stage-1 1/4  rollout", "stage-1 2/4  rollout"]);
    }
}
