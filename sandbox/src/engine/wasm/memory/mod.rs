//! Linear memories that start with the snapshot's bytes: each is a copy-on-write mapping of the snapshot, put back in
//! place when its instance is gone.
//!
//! An interpreter writes reference counts, so even the shortest run changes some hundred pages all over its heap.
//! Taking a page from the system costs several times what copying one costs. So a memory stays mapped, the pages that
//! are no longer the file's (the kernel tells which) get the file's bytes again, and the next instance finds all of
//! them present. Measured against handing memory back: twice as many short runs a second.
//!
//! The kernel does not tell which of those pages the last run wrote, so they become more with every program that
//! differs from those before. Now and then, and where they are too many, all of them go back to the system and the
//! count begins anew.

mod address_range;
mod memories;
mod region;
mod snapshot;

pub(super) use self::memories::Memories;
