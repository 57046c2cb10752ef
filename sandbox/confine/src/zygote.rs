//! The process that copies are made of: it takes the server's requests and makes one copy for each.
//!
//! The copies' parent is the server, which watches them. Code, input and tests go straight to the copy that needs them
//! and are never read here, so the memory that the next copy inherits holds nothing of an earlier run.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::io::IoSliceMut;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use landlock::RulesetCreated;
use nix::cmsg_space;
use nix::errno::Errno;
use nix::sched::CloneFlags;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use nix::unistd::{Pid, write};

use crate::copy::{ThreadId, copy};
use crate::filter::Filters;
use crate::namespaces::{IdMaps, flags};
use crate::part::MOST_BYTES;
use crate::{Options, Part, access, files, filter, signals};

/// Files of a request, at most: the one that the copy's id is written to, and those that a candidate takes.
const MOST_FILES: usize = 7;

/// The functions with which copies go on behind their layers; neither returns.
pub(crate) struct EntryPoints {
    pub candidate: extern "C" fn(),
    pub judge: extern "C" fn(),
}

/// State that is the same for every copy.
pub(crate) struct Zygote {
    control: BorrowedFd<'static>,
    /// The folder `/proc`.
    pub(crate) proc: BorrowedFd<'static>,
    pub(crate) options: Options,
    pub(crate) ids: IdMaps,
    /// The Landlock rules; each copy uses up its own. `None` if the kernel has no Landlock.
    pub(crate) ruleset: Cell<Option<RulesetCreated>>,
    pub(crate) filters: Filters,
    /// Result of putting up this process's own filter, which copies inherit and report.
    pub(crate) own_filter: nix::Result<()>,
    thread_id: Option<ThreadId>,
    /// The highest number of a file that this process has between requests.
    pub(crate) highest: RawFd,
}

/// A request of the server.
struct Request {
    part: Part,
    /// The file that the copy's id is written to.
    birth: OwnedFd,
    files: Vec<OwnedFd>,
}

impl Zygote {
    /// Makes all that copies share, and puts this process under its own filter. After this no file may be opened that
    /// stays open.
    ///
    /// # Errors
    /// The part that could not be made. A filter that fails counts only with [`Options::is_strict`].
    pub(crate) fn prepare(
        control: BorrowedFd<'static>,
        proc: BorrowedFd<'static>,
        options: Options,
    ) -> Result<Self, String> {
        let ruleset = match access::landlock_abi() {
            0 => None,
            _ => Some(access::ruleset(options.has_root).map_err(|error| format!("landlock: {error}"))?),
        };
        let filters = Filters::compile().map_err(|error| format!("seccomp: {error}"))?;
        let (ids, thread_id) = (IdMaps::new(), ThreadId::find());
        signals::end_by_signals().map_err(|error| format!("sigaction: {}", error.desc()))?;
        let highest = files::highest(proc).map_err(|error| format!("/proc: {}", error.desc()))?;
        let own_filter = filters.zygote.iter().try_for_each(filter::apply);
        if let (Err(error), true) = (own_filter, options.is_strict) {
            return Err(format!("seccomp: {}", error.desc()));
        }
        let ruleset = Cell::new(ruleset);
        Ok(Self { control, proc, options, ids, ruleset, filters, own_filter, thread_id, highest })
    }

    /// Makes one copy as the server asks for it; false once the server has hung up.
    ///
    /// # Errors
    /// A signal came, or the socket broke.
    ///
    /// # Safety
    /// This process has one thread.
    pub(crate) unsafe fn serve(&self, entry_points: &EntryPoints) -> nix::Result<bool> {
        let Some(request) = self.receive()? else { return Ok(false) };
        // SAFETY: the caller has one thread.
        let made = unsafe { self.make(&request, entry_points) };
        let told = made.map_or_else(|errno| -(errno as i32), Pid::as_raw);
        // A server that has ended reads no answer, which does no harm here.
        let _ = write(&request.birth, &told.to_le_bytes());
        Ok(true)
    }

    /// The next request; `None` when the server has hung up.
    fn receive(&self) -> nix::Result<Option<Request>> {
        let (mut message, mut room) = ([0; MOST_BYTES], cmsg_space!([RawFd; MOST_FILES]));
        let mut parts = [IoSliceMut::new(&mut message)];
        let flags = MsgFlags::MSG_CMSG_CLOEXEC;
        let received = recvmsg::<()>(self.control.as_raw_fd(), &mut parts, Some(&mut room), flags)?;
        let mut files = Vec::with_capacity(MOST_FILES);
        for control in received.cmsgs()? {
            if let ControlMessageOwned::ScmRights(numbers) = control {
                // SAFETY: the kernel has just made these files for this process, and nobody else owns them.
                files.extend(numbers.into_iter().map(|number| unsafe { OwnedFd::from_raw_fd(number) }));
            }
        }
        let length = received.bytes;
        if length == 0 {
            return Ok(None);
        }
        let part = Part::from_bytes(&message[..length]).ok_or(Errno::EBADMSG)?;
        let birth = (!files.is_empty()).then(|| files.remove(0)).ok_or(Errno::EBADMSG)?;
        Ok(Some(Request { part, birth, files }))
    }

    /// Makes a copy and returns its id.
    ///
    /// # Safety
    /// This process has one thread.
    unsafe fn make(&self, request: &Request, entry_points: &EntryPoints) -> nix::Result<Pid> {
        let handed: Vec<RawFd> = request.files.iter().map(AsRawFd::as_raw_fd).collect();
        let plain = CloneFlags::empty();
        match &request.part {
            // SAFETY: the caller has one thread.
            Part::Judge => unsafe { copy(plain, self.thread_id, || self.become_judge(&handed, entry_points)) },
            Part::Candidate(limits) => {
                let become_it = |refused| self.become_candidate(limits, &handed, refused, entry_points);
                // SAFETY: the caller has one thread.
                match unsafe { copy(flags(self.options.net_each_run), self.thread_id, || become_it(None)) } {
                    Err(errno) if !self.options.is_strict => {
                        // SAFETY: the caller has one thread.
                        unsafe { copy(plain, self.thread_id, || become_it(Some(errno))) }
                    }
                    made => made,
                }
            }
        }
    }
}
