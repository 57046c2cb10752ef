//! Buffers for standard output and standard error, which share one limit. A byte too much ends the program.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

use crate::lock::lock;

/// Bytes that one write may have.
const CHUNK: usize = 1 << 16;

/// The bytes that were printed so far.
#[derive(Debug, Default)]
pub(super) struct Printed {
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
    /// Bytes that may still be printed.
    room: usize,
    /// True once the program printed more than the limit.
    pub(super) is_exceeded: bool,
}

/// The buffers of one program; clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct OutputBuffers(Arc<Mutex<Printed>>);

impl OutputBuffers {
    /// Empty buffers for `room` bytes together.
    pub(super) fn with_room(room: u64) -> Self {
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        Self(Arc::new(Mutex::new(Printed { room, ..Printed::default() })))
    }

    /// Locks the buffers.
    pub(super) fn lock(&self) -> MutexGuard<'_, Printed> {
        lock(&self.0)
    }

    /// The end that standard output writes to.
    pub(super) fn stdout(&self) -> Pipe {
        Pipe { output: self.clone(), is_stderr: false }
    }

    /// The end that standard error writes to.
    pub(super) fn stderr(&self) -> Pipe {
        Pipe { output: self.clone(), is_stderr: true }
    }
}

/// The writing end of one of the two files.
#[derive(Debug, Clone)]
pub(super) struct Pipe {
    output: OutputBuffers,
    is_stderr: bool,
}

impl IsTerminal for Pipe {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Pipe {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        // Only interfaces that are not linked ask for this one.
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Pipe {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let mut printed = self.output.lock();
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
        let output = OutputBuffers::with_room(5);
        output.stdout().write(Bytes::from_static(b"abc")).unwrap();
        assert!(output.stderr().write(Bytes::from_static(b"defg")).is_err());
        let printed = output.lock();
        assert_eq!((printed.stdout.as_slice(), printed.stderr.as_slice()), (&b"abc"[..], &b"de"[..]));
        assert!(printed.is_exceeded);
    }
}
