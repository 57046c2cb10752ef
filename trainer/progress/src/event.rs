//! What a library tells of its long work without knowing who shows it: a callback `&mut dyn FnMut(Event)`, for which
//! `|event| work.show(event)` stands.

/// A piece of news of long work.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// There is so much to do.
    Total(u64),
    /// So much was there before this work began: it is done, and says nothing of the pace.
    Before(u64),
    /// So much more is done.
    Advanced(u64),
    /// So much is done in all.
    Reached(u64),
    /// What is under way, such as the name of a file.
    Note(String),
}
