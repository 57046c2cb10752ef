//! Standard output of a command. A reader that goes away, as `head` does, ends neither the command nor what it still
//! writes elsewhere; `println!` would panic.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

use anyhow::{Context, Result};

/// Writes a text to standard output.
///
/// # Errors
/// It cannot be written, as on a full disk.
pub(crate) fn print(text: impl Display) -> Result<()> {
    write_to(&mut io::stdout().lock(), text)
}

fn write_to(output: &mut impl Write, text: impl Display) -> Result<()> {
    let written = output.write_all(text.to_string().as_bytes()).and_then(|()| output.flush());
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other.context("standard output"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Refusing(ErrorKind);

    impl Write for Refusing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_has_gone_is_no_error_and_a_full_disk_is_one() {
        write_to(&mut Refusing(ErrorKind::BrokenPipe), "a line\n").unwrap();
        let error = write_to(&mut Refusing(ErrorKind::StorageFull), "a line\n").unwrap_err();
        assert!(error.to_string().contains("standard output"), "{error}");
    }
}
