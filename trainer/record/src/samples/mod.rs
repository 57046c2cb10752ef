//! Samples of an evaluation: a line each in a log while it runs, and a row each in Parquet when it has ended.
//!
//! A line is written and flushed as its sample ends, so that a kill loses at most the samples under way. Times stand in
//! none of the two: an evaluation that was killed and went on ends with the bytes of one that was not.

mod lines;
mod log;
mod read;
mod row;
mod write;

pub use self::lines::{SampleLine, SampleLines};
pub use self::log::SampleLog;
pub use self::read::{read_sample_texts, read_samples};
pub use self::row::{MeasureRow, SampleRow, SampleVerdict, SampleVerdicts, TurnRow};
pub use self::write::{write_samples, write_samples_under};
