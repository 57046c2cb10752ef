//! From how a program ended to a verdict, whatever it printed.

use std::ops::RangeInclusive;

use sandbox_api::{GradeVerdict, Limits};

use super::outcome::Failure;
use crate::engine::{Outcome, RunEnd};

/// A crashed program that held this part of its memory limit is taken to have run out of memory.
const NEAR_MEMORY_LIMIT: f64 = 0.95;
/// A program that a signal ended and that used this part of its processor time is taken to have used it up.
const NEAR_CPU_LIMIT: f64 = 0.9;
/// The same for SIGKILL, by which the kernel enforces the limit: it counts ticks, which on a busy machine may be many
/// more than the time that it reports in the end.
const NEAR_CPU_KILL: f64 = 0.5;
/// Number of SIGKILL.
const SIGKILL: i32 = 9;
/// Exit statuses of a process that a signal ended, as a shell gives them: 128 and the signal's number. A program's
/// first process has them where the kernel keeps the signal from it, or where it waited for the program that was meant.
const SIGNALED: RangeInclusive<i32> = 129..=192;

/// Last lines on standard error that say that memory ran out: Python's begins so; C++, Rust, V8 and numpy have these
/// words.
const MEMORY_ERROR: &str = "MemoryError";
const OUT_OF_MEMORY: [&str; 5] =
    ["std::bad_alloc", "memory allocation of", "heap out of memory", "Cannot allocate memory", "_ArrayMemoryError: "];
/// CPython's parser raises `MemoryError` for deep nesting too, with these words.
const TOO_NESTED: &str = "Parser stack overflowed";
/// Lines that say that a process or thread was refused. Several processes write them in any order, so all lines are
/// read.
const OUT_OF_PROCESSES: [&str; 3] =
    ["BlockingIOError: [Errno 11]", "RuntimeError: can't start new thread", "Resource temporarily unavailable"];

/// The verdict on how a program ended; `None` where it ended by itself with status 0.
pub(super) fn failure(outcome: &Outcome, limits: &Limits) -> Option<Failure> {
    let wall = limits.wall_seconds;
    let near_memory = outcome.peak_bytes as f64 >= limits.memory_bytes as f64 * NEAR_MEMORY_LIMIT;
    let signal = match outcome.end {
        RunEnd::Signaled => Some(outcome.code),
        RunEnd::Exited if SIGNALED.contains(&outcome.code) => Some(outcome.code - 128),
        _ => None,
    };
    let near_cpu = if signal == Some(SIGKILL) && !near_memory { NEAR_CPU_KILL } else { NEAR_CPU_LIMIT };
    let cpu_spent = outcome.cpu_seconds >= limits.cpu_seconds * near_cpu;
    Some(match outcome.end {
        RunEnd::Exited if outcome.code == 0 => return None,
        RunEnd::WallLimit => (GradeVerdict::TimeLimit, format!("still running after {wall} s")),
        RunEnd::Signaled | RunEnd::Exited if signal.is_some() && cpu_spent => {
            (GradeVerdict::TimeLimit, format!("used more than {} s of processor time", limits.cpu_seconds))
        }
        RunEnd::CpuLimit => {
            (GradeVerdict::TimeLimit, format!("used more than {} s of processor time", limits.cpu_seconds))
        }
        RunEnd::FuelLimit => {
            (GradeVerdict::TimeLimit, format!("used up its fuel of {}", limits.fuel.unwrap_or_default()))
        }
        RunEnd::OutputLimit => (GradeVerdict::OutputLimit, format!("printed more than {} bytes", limits.output_bytes)),
        RunEnd::MemoryLimit => (GradeVerdict::MemoryLimit, format!("held more than {} bytes", limits.memory_bytes)),
        RunEnd::ProcessLimit => {
            (GradeVerdict::ProcessLimit, format!("had more than {} processes and threads", limits.processes))
        }
        RunEnd::Signaled | RunEnd::Exited | RunEnd::SetupFailed => {
            let last = last_line(&outcome.stderr);
            let refused = OUT_OF_PROCESSES.iter().any(|words| contains(&outcome.stderr, words.as_bytes()));
            let is_memory_error = last.starts_with(MEMORY_ERROR) && !last.contains(TOO_NESTED);
            let is_out_of_memory = is_memory_error || OUT_OF_MEMORY.iter().any(|words| last.contains(words));
            let verdict = if is_out_of_memory {
                GradeVerdict::MemoryLimit
            } else if refused {
                GradeVerdict::ProcessLimit
            } else if signal.is_some() && near_memory {
                GradeVerdict::MemoryLimit
            } else {
                GradeVerdict::RuntimeError
            };
            let how = if outcome.end == RunEnd::Signaled { "ended by signal" } else { "ended with status" };
            (verdict, if last.is_empty() { format!("{how} {}", outcome.code) } else { last })
        }
    })
}

fn contains(text: &[u8], words: &[u8]) -> bool {
    text.windows(words.len()).any(|window| window == words)
}

/// The line with the error: the last one, but Node.js and Rust put notes and stacks below it.
fn last_line(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let mut lines = text.lines().rev().filter(|line| !line.trim().is_empty());
    let thrown = if text.contains("\nNode.js v") {
        lines.find(|line| !line.starts_with([' ', '}']) && line.contains("Error"))
    } else {
        lines.find(|line| !line.starts_with("note: "))
    };
    thrown.unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::last_line;

    #[test]
    fn the_line_with_the_error_is_found() {
        let python =
            "Traceback (most recent call last):\n  File \"main.py\", line 1\nZeroDivisionError: division by zero\n\n";
        assert_eq!(last_line(python.as_bytes()), "ZeroDivisionError: division by zero");
        let rust = "thread 'main' panicked at main.rs:1:2:\nindex out of bounds\nnote: run with `RUST_BACKTRACE=1`\n";
        assert_eq!(last_line(rust.as_bytes()), "index out of bounds");
        let node = "x\n^\n\nError: ENOENT: no file\n    at f (main.js:1:2) {\n  errno: -2\n}\n\nNode.js v20.1.0\n";
        assert_eq!(last_line(node.as_bytes()), "Error: ENOENT: no file");
        assert_eq!(last_line(b""), "");
    }
}
