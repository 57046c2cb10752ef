//! Starts a warm interpreter in its jail and has it make copies of itself. Knows no job, no test and no verdict.
#![allow(unsafe_code)]

use std::fs::File;
use std::io::{self, IoSlice, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use confine::{Options, Part};
use nix::libc;
use nix::sys::signal::{Signal, killpg};
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;
use serde::Serialize;
use serde::de::IgnoredAny;

use super::candidate::RESERVE_BYTES;
use super::cgroup::{Group, Groups};
use super::forked::Newborn;
use super::interpreter::Interpreter;
use super::jail::Jail;
use crate::SandboxError;
use crate::engine::wire::{read_frame, write_body, write_frame};

/// Reads the code that it runs from its control socket.
const BOOTSTRAP: &str = "import marshal, sys
with open(int(sys.argv[1]), 'rb', 0, closefd=False) as control:
    size, code = int.from_bytes(control.read(4), 'little'), b''
    while len(code) < size:
        code += control.read(size - len(code)) or sys.exit('the server has ended')
code = marshal.loads(code)
exec(code)";
const START_SECONDS: u64 = 30;

/// How a zygote is started.
#[derive(Debug, Clone)]
pub(crate) struct ZygoteOptions {
    pub interpreter: Interpreter,
    /// Files and folders to show to everything that runs, none inside another.
    pub needs: Vec<PathBuf>,
    /// The library that confines copies.
    pub library: Arc<File>,
    /// Whether a layer that cannot be put up is an error.
    pub is_strict: bool,
    /// Whether to make the outer namespaces and root.
    pub confined: bool,
    /// Whether each run has a network namespace of its own.
    pub net_each_run: bool,
    /// Where its control group is made; none without.
    pub groups: Option<Arc<Groups>>,
}

/// What the interpreter is told before it begins.
#[derive(Serialize)]
struct Settings {
    /// What it hands on to the library.
    options: u32,
    reserve_bytes: u64,
}

/// A warm interpreter; ends when dropped.
pub(crate) struct Zygote {
    child: Child,
    control: UnixStream,
    /// Its control group, where it has one.
    pub group: Option<Group>,
    /// Whether its copies end where a layer cannot be put up.
    pub is_strict: bool,
}

impl Zygote {
    /// Starts one. It dies with the calling thread.
    pub fn start(options: &ZygoteOptions) -> Result<Self, SandboxError> {
        let failed = |reason: String| SandboxError::Start(reason);
        let broken = |error: io::Error| SandboxError::Start(error.to_string());
        let (ours, theirs) = UnixStream::pair().map_err(broken)?;
        let proc =
            File::options().read(true).custom_flags(libc::O_PATH | libc::O_DIRECTORY).open("/proc").map_err(broken)?;
        let (mut complaint, complaint_end) = io::pipe().map_err(broken)?;
        let kept = [theirs.as_raw_fd(), proc.as_raw_fd(), options.library.as_raw_fd()];
        let jail = Jail {
            needs: options.needs.clone(),
            kept: kept.to_vec(),
            complaint: complaint_end.as_raw_fd(),
            confined: options.confined,
            drop_root: Jail::can_drop_root(),
        };
        let numbers = kept.map(|number: RawFd| number.to_string());
        let mut command = Command::new(&options.interpreter.executable);
        command.args(["-I", "-B", "-X", "utf8", "-c", BOOTSTRAP]).args(numbers).env_clear();
        // A function that is looked up at its first call would be looked up in every copy anew.
        command.env("LD_BIND_NOW", "1");
        // A signal to its process group, such as a terminal's, is not for the server, nor the other way round.
        command.process_group(0);
        // What Python finds of its files at its start it takes for granted later: a program's output is a pipe.
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if !options.confined {
            command.current_dir("/");
        }
        // SAFETY: runs between fork and exec; see the module `jail` for what it touches.
        unsafe { command.pre_exec(move || jail.enter()) };
        let spawned = command.spawn();
        drop((theirs, complaint_end));
        let child = spawned.map_err(|error| {
            let mut step = String::new();
            let _ = complaint.read_to_string(&mut step);
            failed(if step.is_empty() { error.to_string() } else { step })
        })?;
        let mut zygote = Self { child, control: ours, group: None, is_strict: options.is_strict };
        // It waits for its settings before it starts anything.
        if let Some(groups) = &options.groups {
            let group = groups.make().and_then(|group| group.enter(zygote.id()).map(|()| group));
            zygote.group = Some(group.map_err(|error| failed(format!("its control group: {error}")))?);
        }
        let copies = Options {
            is_strict: options.is_strict,
            has_root: options.confined,
            net_each_run: options.net_each_run,
            goes_first: zygote.group.is_some(),
        };
        let settings = Settings { options: copies.bits(), reserve_bytes: RESERVE_BYTES };
        let deadline = Instant::now() + Duration::from_secs(START_SECONDS);
        let ready: io::Result<IgnoredAny> = write_body(&mut zygote.control, &options.interpreter.code)
            .and_then(|()| write_frame(&mut zygote.control, &settings))
            .and_then(|()| read_frame(&mut zygote.control, deadline));
        if let Err(error) = ready {
            let _ = zygote.child.kill();
            let mut text = String::new();
            if let Some(mut stderr) = zygote.child.stderr.take() {
                let _ = stderr.read_to_string(&mut text);
            }
            let last = text.trim().lines().last().unwrap_or("it said nothing");
            return Err(failed(format!("the interpreter ended at its start ({error}): {last}")));
        }
        Ok(zygote)
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Hangs up when the process has ended.
    pub fn control(&self) -> BorrowedFd<'_> {
        self.control.as_fd()
    }

    /// Asks for a copy of the process, with the files that it takes.
    pub fn ask(&self, part: &Part, files: &[BorrowedFd<'_>]) -> io::Result<Newborn> {
        let (birth, birth_end) = UnixStream::pair()?;
        let files: Vec<BorrowedFd<'_>> = std::iter::once(birth_end.as_fd()).chain(files.iter().copied()).collect();
        hand_over(&self.control, &part.to_bytes(), &files)?;
        Ok(Newborn::new(birth))
    }
}

/// Sends a short message, and files with it.
pub(super) fn hand_over(socket: &UnixStream, message: &[u8], files: &[BorrowedFd<'_>]) -> io::Result<()> {
    let numbers: Vec<RawFd> = files.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&numbers)];
    sendmsg::<()>(socket.as_raw_fd(), &[IoSlice::new(message)], &rights, MsgFlags::MSG_NOSIGNAL, None)?;
    Ok(())
}

impl Drop for Zygote {
    fn drop(&mut self) {
        // What it made and nobody came to know of is in its process group still, and a child of this process. The group's
        // number is nobody else's before the zygote is waited for.
        let group = Pid::from_raw(self.id() as i32);
        let _ = killpg(group, Signal::SIGKILL);
        let _ = self.child.kill();
        while waitpid(Pid::from_raw(-group.as_raw()), None).is_ok() {}
        let _ = self.child.wait();
    }
}
