//! What a download says, for people.

use hub::Event;
use progress::{Progress, Unit, say};

/// A download as it is shown.
#[derive(Default)]
pub(super) struct Shown {
    progress: Option<Progress>,
}

impl Shown {
    pub(super) fn show(&mut self, event: Event<'_>) {
        match event {
            Event::Begin { name, commit, num_files, total, received } => {
                say(&format!("{name}: {num_files} files of commit {commit}"));
                let progress = Progress::start(format!("downloading {name}"), Unit::Bytes, Some(total));
                progress.before(received);
                self.progress = Some(progress);
            }
            Event::Progress { file, received, .. } => {
                if let Some(progress) = &self.progress {
                    progress.reach(received, file);
                }
            }
            Event::Retry { what, problem, pause } => {
                tracing::warn!("{what}: {problem}; once more in {:.0} s", pause.as_secs_f64().max(1.0));
            }
            Event::Wait { file } => tracing::warn!("{file}: another process downloads it, and is waited for"),
            Event::End { .. } => {
                if let Some(progress) = self.progress.take() {
                    progress.finish("");
                }
            }
        }
    }
}
