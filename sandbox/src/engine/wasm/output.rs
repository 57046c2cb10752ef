//! What a program prints: two buffers that share one limit. A byte too much ends the program.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

/// Bytes that a program may write at once.
const CHUNK: usize = 1 << 16;

/// What was printed so far.
#[derive(Debug, Default)]
pub(super) struct Printed {
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// Bytes that may still come.
    room: usize,
    /// Whether more came than may.
    pub is_exceeded: bool,
}

/// The buffers of one program.
#[derive(Debug, Clone, Default)]
pub(super) struct Output(Arc<Mutex<Printed>>);

impl Output {
    /// Empty buffers for `room` bytes together.
    pub fn with_room(room: u64) -> Self {
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        Self(Arc::new(Mutex::new(Printed { room, ..Printed::default() })))
    }

    /// What was printed so far.
    pub fn held(&self) -> MutexGuard<'_, Printed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Standard output.
    pub fn stdout(&self) -> Pipe {
        Pipe { output: self.clone(), is_stderr: false }
    }

    /// Standard error.
    pub fn stderr(&self) -> Pipe {
        Pipe { output: self.clone(), is_stderr: true }
    }
}

/// One end to write to.
#[derive(Debug, Clone)]
pub(super) struct Pipe {
    output: Output,
    is_stderr: bool,
}

impl IsTerminal for Pipe {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Pipe {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        // Only asked for by interfaces that are not linked.
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Pipe {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let mut printed = self.output.held();
        let kept = bytes.len().min(printed.room);
        printed.room -= kept;
        let file = if self.is_stderr { &mut printed.stderr } else { &mut printed.stdout };
        file.extend_from_slice(&bytes[..kept]);
        if kept < bytes.len() {
            printed.is_exceeded = true;
            return Err(StreamError::trap("the limit of output was reached"));
        }
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(CHUNK)
    }
}

impl Pollable for Pipe {
    fn ready<'a, 'b>(&'a mut self) -> Pin<Box<dyn Future<Output = ()> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(std::future::ready(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_files_share_one_limit() {
        let output = Output::with_room(5);
        output.stdout().write(Bytes::from_static(b"abc")).unwrap();
        assert!(output.stderr().write(Bytes::from_static(b"defg")).is_err());
        let printed = output.held();
        assert_eq!((printed.stdout.as_slice(), printed.stderr.as_slice()), (&b"abc"[..], &b"de"[..]));
        assert!(printed.is_exceeded);
    }
}
