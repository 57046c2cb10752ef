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

use super::cgroup::{Group, Groups};
use super::forked_process::PendingFork;
use super::interpreter::Interpreter;
use super::jail::Jail;
use super::limits::RESERVE_BYTES;
use crate::SandboxError;
use crate::engine::wire::{read_frame, write_body, write_frame};

/// First code of the interpreter: reads the rest from the control socket and runs it.
const BOOTSTRAP: &str = "import marshal, sys
with open(int(sys.argv[1]), 'rb', 0, closefd=False) as control:
    size, code = int.from_bytes(control.read(4), 'little'), b''
    while len(code) < size:
        code += control.read(size - len(code)) or sys.exit('the server has ended')
code = marshal.loads(code)
exec(code)";
const START_SECONDS: u64 = 30;

/// Options of a zygote.
#[derive(Debug, Clone)]
pub(super) struct ZygoteOptions {
    pub interpreter: Interpreter,
    /// Files and folders to show to everything that runs, none inside another.
    pub needs: Vec<PathBuf>,
    /// The library that confines copies.
    pub library: Arc<File>,
    /// True where a layer that cannot be put up is an error.
    pub is_strict: bool,
    /// True where the outer namespaces and root are made.
    pub confined: bool,
    /// True where each run has a network namespace of its own.
    pub net_each_run: bool,
    /// Folder of the control groups; `None` where the zygote gets none.
    pub groups: Option<Arc<Groups>>,
}

/// Settings that the interpreter reads before it begins.
#[derive(Serialize)]
struct ZygoteSettings {
    /// Bits of [`Options`], which the interpreter hands on to the library.
    options: u32,
    reserve_bytes: u64,
    /// Folder of packages, at the end of the interpreter's path.
    packages: Option<PathBuf>,
}

/// A warm interpreter; ends when dropped.
pub(super) struct Zygote {
    child: Child,
    control: UnixStream,
    /// Control group of the process, where it has one.
    pub group: Option<Group>,
    /// True where copies end if a layer cannot be put up.
    pub is_strict: bool,
}

impl Zygote {
    /// Starts a zygote, which dies with the calling thread.
    pub(super) fn start(options: &ZygoteOptions) -> Result<Self, SandboxError> {
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
        // Lazy binding (ld.so(8)) would look a function up at its first call, and so in every copy anew.
        command.env("LD_BIND_NOW", "1");
        // Each arena of the C library's allocator (mallopt(3)) would take 64 MiB of a program's address space, one for
        // each thread.
        command.env("MALLOC_ARENA_MAX", "1");
        // A group of its own: signals to the server's group, such as a terminal's, must not reach it, nor the reverse.
        command.process_group(0);
        // CPython looks at its standard files once, at its start: give the zygote pipes, as programs will have.
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
        // The interpreter waits for its settings before it starts a process, so all of them will be in the group.
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
        let settings = ZygoteSettings {
            options: copies.bits(),
            reserve_bytes: RESERVE_BYTES,
            packages: options.interpreter.packages.clone(),
        };
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

    /// Process id of the zygote.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Control socket, which hangs up when the process has ended.
    pub(super) fn control(&self) -> BorrowedFd<'_> {
        self.control.as_fd()
    }

    /// Asks for a copy of the process, which takes `files`.
    pub(super) fn ask(&self, part: &Part, files: &[BorrowedFd<'_>]) -> io::Result<PendingFork> {
        let (birth, birth_end) = UnixStream::pair()?;
        let files: Vec<BorrowedFd<'_>> = std::iter::once(birth_end.as_fd()).chain(files.iter().copied()).collect();
        hand_over(&self.control, &part.to_bytes(), &files)?;
        Ok(PendingFork::new(birth))
    }
}

/// Sends a short message together with files (`SCM_RIGHTS` in unix(7)).
pub(super) fn hand_over(socket: &UnixStream, message: &[u8], files: &[BorrowedFd<'_>]) -> io::Result<()> {
    let numbers: Vec<RawFd> = files.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&numbers)];
    sendmsg::<()>(socket.as_raw_fd(), &[IoSlice::new(message)], &rights, MsgFlags::MSG_NOSIGNAL, None)?;
    Ok(())
}

impl Drop for Zygote {
    fn drop(&mut self) {
        // Copies that nobody has adopted are still in the zygote's process group, and children of this process. No
        // other group can have its number before the zygote is reaped.
        let group = Pid::from_raw(self.id() as i32);
        let _ = killpg(group, Signal::SIGKILL);
        let _ = self.child.kill();
        while waitpid(Pid::from_raw(-group.as_raw()), None).is_ok() {}
        let _ = self.child.wait();
    }
}
