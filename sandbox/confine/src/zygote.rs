//! A process that copies are made of, for the server that asks for them.
//!
//! The copies' parent is the server, which watches them. Nothing that they are made for is read here: code, input and tests go
//! straight to the process that needs them, so nothing of one run is in the memory that the next one inherits.
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
use crate::{Options, Part, access, files, filter};

/// The most files of a request: where the copy's id is told, and what a candidate takes.
const MOST_FILES: usize = 7;

/// What copies go on with, behind their layers; neither comes back.
pub(crate) struct EntryPoints {
    pub candidate: extern "C" fn(),
    pub judge: extern "C" fn(),
}

/// What stays the same from copy to copy.
pub struct Zygote {
    control: BorrowedFd<'static>,
    /// The folder `/proc`.
    pub(crate) proc: BorrowedFd<'static>,
    pub(crate) options: Options,
    pub(crate) ids: IdMaps,
    /// Of which each copy uses up its own; none where the kernel has no Landlock.
    pub(crate) ruleset: Cell<Option<RulesetCreated>>,
    pub(crate) filters: Filters,
    /// How this process's own filter came out, which copies inherit and cannot put up.
    pub(crate) own_filter: nix::Result<()>,
    thread_id: Option<ThreadId>,
    /// No file that this process has between requests has a higher number.
    pub(crate) highest: RawFd,
}

/// One request.
struct Request {
    part: Part,
    /// Where the copy's id is told.
    birth: OwnedFd,
    files: Vec<OwnedFd>,
}

impl Zygote {
    /// Readies what can be made once, and puts this process under its own filter. It opens no file after this that stays open.
    ///
    /// # Errors
    /// Says what could not be made. With [`Options::is_strict`] that includes the filter.
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
        let highest = files::highest(proc).map_err(|error| format!("/proc: {}", error.desc()))?;
        let own_filter = filters.zygote.iter().try_for_each(filter::apply);
        if let (Err(error), true) = (own_filter, options.is_strict) {
            return Err(format!("seccomp: {}", error.desc()));
        }
        let ruleset = Cell::new(ruleset);
        Ok(Self { control, proc, options, ids, ruleset, filters, own_filter, thread_id, highest })
    }

    /// Makes one copy, as the server asks for it; whether there may be more to make.
    ///
    /// # Errors
    /// A signal came, or the socket broke.
    ///
    /// # Safety
    /// This process has one thread.
    pub(crate) unsafe fn serve(&self, entry_points: &EntryPoints) -> nix::Result<bool> {
        let Some(request) = self.receive()? else { return Ok(false) };
        // SAFETY: passed on to the caller.
        let made = unsafe { self.make(&request, entry_points) };
        let told = made.map_or_else(|errno| -(errno as i32), Pid::as_raw);
        // Whoever asked may have ended.
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
                // SAFETY: the kernel has just made these files for this process, and nobody else knows of them.
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

    /// Makes a copy; returns its id.
    unsafe fn make(&self, request: &Request, entry_points: &EntryPoints) -> nix::Result<Pid> {
        let handed: Vec<RawFd> = request.files.iter().map(AsRawFd::as_raw_fd).collect();
        let plain = CloneFlags::empty();
        match &request.part {
            // SAFETY: passed on to the caller.
            Part::Judge => unsafe { copy(plain, self.thread_id, || self.become_judge(&handed, entry_points)) },
            Part::Candidate(limits) => {
                let become_it = |refused| self.become_candidate(limits, &handed, refused, entry_points);
                // SAFETY: passed on to the caller.
                match unsafe { copy(flags(self.options.net_each_run), self.thread_id, || become_it(None)) } {
                    Err(errno) if !self.options.is_strict => {
                        // SAFETY: passed on to the caller.
                        unsafe { copy(plain, self.thread_id, || become_it(Some(errno))) }
                    }
                    made => made,
                }
            }
        }
    }
}
