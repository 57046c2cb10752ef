//! What a download says, for people.

use hub::Event;

use crate::progress::Progress;

/// Bytes of a part of the bar.
const MEGABYTE: u64 = 1_000_000;

/// A download as it is shown.
pub(super) struct Shown {
    is_shown: bool,
    progress: Option<Progress>,
}

impl Shown {
    /// Shows downloads, or nothing.
    pub(super) fn new(is_shown: bool) -> Self {
        Self { is_shown, progress: None }
    }

    pub(super) fn show(&mut self, event: Event<'_>) {
        if !self.is_shown {
            return;
        }
        match event {
            Event::Begin { name, commit, num_files, total, received } => {
                eprintln!("{name}: {num_files} files of commit {commit}, {} MB", megabytes(total));
                let progress = Progress::new("download, MB", megabytes(total));
                progress.step(received / MEGABYTE, "");
                self.progress = Some(progress);
            }
            Event::Progress { file, received, .. } => {
                if let Some(progress) = &self.progress {
                    progress.step(received / MEGABYTE, file);
                }
            }
            Event::Retry { what, problem, pause } => {
                tracing::warn!("{what}: {problem}; once more in {:.0} s", pause.as_secs_f64().max(1.0));
            }
            Event::Wait { file } => tracing::warn!("{file}: another process downloads it, and is waited for"),
            Event::End { total } => {
                if let Some(progress) = self.progress.take() {
                    progress.finish(&format!("{} MB", megabytes(total)));
                }
            }
        }
    }
}

/// Bytes in megabytes, at least one.
fn megabytes(bytes: u64) -> u64 {
    bytes.div_ceil(MEGABYTE).max(1)
}
