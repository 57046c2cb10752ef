//! Sources of data: files of any format, read by a layout into records.

mod account;
mod data_source;
mod files;
mod limit;
mod telling;

pub use self::data_source::DataSource;
