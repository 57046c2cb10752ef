//! Standard error for whoever writes to it while a bar may stand there: the bar makes room first. Must not know what is
//! written.

use std::io::{self, Write};

use crate::console::Console;

/// Standard error, beside the bar.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stderr;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Console::of_process().beside(|| io::stderr().lock().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Writes a line to standard error, beside the bar.
pub fn say(line: &str) {
    // A reader that went away must not end the work.
    let _ = Console::of_process().beside(|| writeln!(io::stderr().lock(), "{line}"));
}
