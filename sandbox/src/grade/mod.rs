//! From a request and a worker to a report. Answers are compared here, outside of the process that ran the program.
//!
//! Each case has a program started for it alone. Idle worker threads help with a submission's cases (`case_queue.rs`).
//! After a case that used up its time the remaining ones count as failed.

mod asserts;
mod attempt;
mod case;
mod case_helper;
mod case_queue;
mod checker;
mod failure;
mod outcome;
mod output_room;
mod program;
mod run;
mod submission;
mod tally;

pub(crate) use self::attempt::Attempt;
