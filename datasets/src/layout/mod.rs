//! Layouts: what the columns of a data set mean, said in TOML.
//!
//! A [`Layout`] says where question, key, tests, tools and conversation stand in a row, and how they are encoded;
//! `configs/layouts` holds one for each public set that is known, and a team's own is a file of ten lines. A file's
//! layout is named ([`load`]) or told by its columns ([`recognise`]). `docs/data.md` lists the keys and the steps.
//!
//! This module turns rows into records; it opens no data files but those that a row names.

mod apply;
mod assignment;
mod definition;
mod encoding;
mod expression;
mod fault;
mod file;
mod item;
mod recognition;
mod records;
mod shipped;
mod step;
mod tree;

pub(crate) use self::apply::{Outcome, RowReader};
pub use self::definition::Layout;
pub(crate) use self::fault::Fault;
pub use self::recognition::recognise;
pub(crate) use self::recognition::{fits_rows, without_header};
pub use self::records::Records;
pub(crate) use self::shipped::{assembled, overridden};
pub use self::shipped::{load, shipped};
