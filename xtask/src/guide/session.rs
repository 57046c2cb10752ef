//! A reader's shell: commands one after another in a folder of their own, with the trainer on the PATH.
//!
//! Each command is a shell of its own, which takes the folder and the variables from where the one before it left them.
//! What a command started ends with it.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::handover;

/// Time between two looks.
const LOOK: Duration = Duration::from_millis(10);
/// Runs `$1`, and leaves folder and variables for the next one in `$PAGE_STATE`.
const SHELL: &str = r#"
set -o pipefail
[ -e "$PAGE_STATE/variables" ] && . "$PAGE_STATE/variables"
[ -e "$PAGE_STATE/folder" ] && cd -- "$(cat "$PAGE_STATE/folder")"
trap 'code=$?; pwd > "$PAGE_STATE/folder"; export -p > "$PAGE_STATE/variables"; exit $code' EXIT
eval "$1"
"#;

/// The shell of one page.
pub(super) struct Session {
    root: PathBuf,
    /// Folder of the page's files, empty at its beginning.
    folder: PathBuf,
    /// Folder of what is kept between two commands, and of the trainer's link.
    state: PathBuf,
}

/// How a command ended.
pub(super) struct Ended {
    /// `None` where its time was over.
    pub exit_code: Option<i32>,
    /// Standard output and standard error, as a terminal would have them.
    pub printed: String,
    pub seconds: f64,
}

impl Session {
    /// A shell in `folder`, which is made anew.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub(super) fn start(root: &Path, folder: &Path, trainer: &Path) -> Result<Self> {
        let name = folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let state = folder.with_file_name(format!(".{name}"));
        for folder in [folder, &state] {
            if folder.exists() {
                fs::remove_dir_all(folder).with_context(|| folder.display().to_string())?;
            }
            fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        let programs = state.join("bin");
        fs::create_dir(&programs).with_context(|| programs.display().to_string())?;
        std::os::unix::fs::symlink(trainer, programs.join("trainer")).context("a link to the trainer")?;
        Ok(Self { root: root.to_owned(), folder: folder.to_owned(), state })
    }

    /// Writes a file of the page, from where the shell is now.
    ///
    /// # Errors
    /// It cannot be written; one that is to be added to is not there.
    pub(super) fn write(&self, path: &str, text: &str, appends: bool) -> Result<()> {
        let kept = fs::read_to_string(self.state.join("folder")).ok();
        let here = kept.map_or(self.folder.clone(), |kept| PathBuf::from(kept.trim_end_matches('\n')));
        let path = here.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
        }
        let mut options = OpenOptions::new();
        let options = if appends { options.append(true) } else { options.write(true).create(true).truncate(true) };
        let mut file = options.open(&path).with_context(|| path.display().to_string())?;
        file.write_all(text.as_bytes()).with_context(|| path.display().to_string())
    }

    /// Gives what lies at a path that commands will make another name, by the next number that is free; the new path
    /// where something lay there.
    ///
    /// # Errors
    /// It cannot be renamed.
    pub(super) fn move_aside(&self, path: &str, is_in_clone: bool) -> Result<Option<PathBuf>> {
        let path = if is_in_clone { self.root.join(path) } else { self.folder.join(path) };
        if path.symlink_metadata().is_err() {
            return Ok(None);
        }
        let numbered = (1..).map(|number| PathBuf::from(format!("{}.{number}", path.display())));
        let aside = numbered.into_iter().find(|aside| aside.symlink_metadata().is_err()).unwrap_or_default();
        fs::rename(&path, &aside).with_context(|| format!("{} to {}", path.display(), aside.display()))?;
        Ok(Some(aside))
    }

    /// Runs a command to its end, or to that of its time; in the clone it leaves the page's folder as it was.
    ///
    /// # Errors
    /// No shell can be started.
    pub(super) fn run(&self, text: &str, limit: Duration, is_in_clone: bool) -> Result<Ended> {
        let output = self.state.join("output");
        let file = File::create(&output).with_context(|| output.display().to_string())?;
        let mut shell = self.shell(is_in_clone)?;
        shell.args(["-c", SHELL, "bash", text]).process_group(0).stdin(Stdio::null());
        shell.stderr(file.try_clone().context("the output's file")?).stdout(file);
        let begun = Instant::now();
        let mut child = shell.spawn().context("cannot start bash")?;
        let group = i32::try_from(child.id()).map(Pid::from_raw).context("a process id out of range")?;
        let exit_code = loop {
            if let Some(status) = child.try_wait().context("cannot wait for bash")? {
                // 128 and the signal, as shells say it.
                break Some(status.code().unwrap_or_else(|| 128 + signal_of(status)));
            }
            if begun.elapsed() > limit {
                break None;
            }
            std::thread::sleep(LOOK);
        };
        let _ = killpg(group, Signal::SIGKILL); // all of it may have ended
        let _ = child.wait();
        let printed = fs::read(&output).with_context(|| output.display().to_string())?;
        let printed = String::from_utf8_lossy(&printed).into_owned();
        Ok(Ended { exit_code, printed, seconds: begun.elapsed().as_secs_f64() })
    }

    fn shell(&self, is_in_clone: bool) -> Result<Command> {
        let mut shell = handover::program("bash", if is_in_clone { &self.root } else { &self.folder });
        let state = match is_in_clone {
            // A state of its own: the page's stays where it is.
            true => self.state.join("clone"),
            false => self.state.clone(),
        };
        fs::create_dir_all(&state).with_context(|| state.display().to_string())?;
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(self.state.join("bin")).chain(std::env::split_paths(&path));
        shell.env("PATH", std::env::join_paths(folders).context("the PATH")?).env("PAGE_STATE", state);
        // What cargo sets for this program: a reader's shell has neither.
        shell.env_remove("OMP_WAIT_POLICY").env_remove("CARGO");
        Ok(shell)
    }
}

fn signal_of(status: ExitStatus) -> i32 {
    status.signal().unwrap_or(0)
}
