//! Streams, in which a device does one thing after another, and events, by which one waits for another.

use std::fmt;

use tch::Tensor;

use super::error::CudaError;
use super::ffi::{RawEvent, RawStream};
use super::library::{Cuda, called};

/// A stream of a device.
pub struct Stream {
    cuda: Cuda,
    /// Number of the device.
    index: usize,
    raw: RawStream,
}

/// A point of a stream, which is there once the device has come to it.
pub struct Event(RawEvent);

impl Stream {
    /// Another of the device's streams, out of a pool.
    pub(super) fn take(cuda: Cuda, index: usize) -> Result<Self, CudaError> {
        let raw = cuda.0.take_stream(index).map_err(|failure| called("taking a stream", &failure))?;
        Ok(Self { cuda, index, raw })
    }

    /// The calling thread's stream of the device.
    pub(super) fn current(cuda: Cuda, index: usize) -> Result<Self, CudaError> {
        let raw = cuda.0.current_stream(index).map_err(|failure| called("naming the stream", &failure))?;
        Ok(Self { cuda, index, raw })
    }

    /// Gives the device what `work` asks of it in this stream, then goes back to the calling thread's own.
    ///
    /// Memory belongs to the stream that it was made in: of tensors made elsewhere say so first ([`Stream::uses`]).
    ///
    /// # Errors
    /// CUDA cannot.
    pub fn run<T>(&self, work: impl FnOnce() -> T) -> Result<T, CudaError> {
        /// Goes back at a panic too.
        struct Back(Stream);
        impl Drop for Back {
            fn drop(&mut self) {
                let _ = self.0.raw.enter();
            }
        }
        let back = Back(Self::current(self.cuda, self.index)?);
        self.raw.enter().map_err(|failure| called("changing the stream", &failure))?;
        let result = work();
        drop(back);
        Ok(result)
    }

    /// The point to which the stream has been given work.
    ///
    /// # Errors
    /// CUDA cannot.
    pub fn record(&self) -> Result<Event, CudaError> {
        self.raw.record(false).map(Event).map_err(|failure| called("recording an event", &failure))
    }

    /// The same point with its time, for [`Event::milliseconds_to`].
    ///
    /// # Errors
    /// CUDA cannot.
    pub fn record_time(&self) -> Result<Event, CudaError> {
        self.raw.record(true).map(Event).map_err(|failure| called("recording an event", &failure))
    }

    /// Has what is given to the stream from now on wait for an event; the caller does not.
    ///
    /// # Errors
    /// CUDA cannot.
    pub fn await_event(&self, event: &Event) -> Result<(), CudaError> {
        self.raw.await_event(&event.0).map_err(|failure| called("waiting for an event", &failure))
    }

    /// Keeps a tensor's memory, where it is dropped early, until what the stream has been given so far is done.
    ///
    /// # Errors
    /// CUDA cannot.
    pub fn uses(&self, tensor: &Tensor) -> Result<(), CudaError> {
        self.raw.uses(tensor).map_err(|failure| called("keeping a tensor for a stream", &failure))
    }
}

impl Event {
    /// Blocks until the device has come here.
    ///
    /// # Errors
    /// Something before it failed.
    pub fn wait(&self) -> Result<(), CudaError> {
        self.0.wait().map_err(|failure| called("waiting for an event", &failure))
    }

    /// Milliseconds that the device took from here to a later point; both have times, and it has come to both.
    ///
    /// # Errors
    /// It has not.
    pub fn milliseconds_to(&self, later: &Self) -> Result<f64, CudaError> {
        self.0.milliseconds_to(&later.0).map_err(|failure| called("reading the time between events", &failure))
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Stream").field("gpu", &self.index).finish_non_exhaustive()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Event")
    }
}
