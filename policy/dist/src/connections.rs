//! What carries a group's operations: connections of the host, and beside them those of a device.
//!
//! Knows which tensor goes where, and that what is under way on a device is watched; not what the operations are.

use std::collections::VecDeque;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tch::Device;

use crate::cuda::Cuda;
use crate::ffi::{Cause, Failure, RawGroup, RawWork};

/// Time between two looks at what is under way on a device.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// Connections to the other ranks of a group.
#[derive(Debug)]
pub(crate) struct Connections {
    /// For tensors on the CPU; where there is no device and `carries_all`, for all.
    host: RawGroup,
    carries_all: bool,
    device: Option<DeviceConnections>,
}

/// Connections of a device, whose operations go on while the host does something else.
#[derive(Debug)]
struct DeviceConnections {
    raw: RawGroup,
    index: usize,
    watched: Sender<Watched>,
    /// The operation that was issued last: a device does those of a group one after the other.
    last: Mutex<Option<Arc<RawWork>>>,
}

/// What is to be done when an operation has ended, or is given up.
type Ended = Box<dyn FnOnce(Result<(), Failure>) + Send>;

/// An operation under way on a device.
struct Watched {
    work: Arc<RawWork>,
    timeout: Duration,
    ended: Ended,
}

impl Connections {
    /// Of the host alone.
    pub(crate) fn of_host(host: RawGroup) -> Self {
        Self { host, carries_all: false, device: None }
    }

    /// Of a group whose other ranks do not exist, which takes tensors wherever they are.
    pub(crate) fn of_nobody(host: RawGroup) -> Self {
        Self { host, carries_all: true, device: None }
    }

    /// With those of the device `index`, whose operations are watched from now on.
    ///
    /// # Errors
    /// No thread could be started.
    pub(crate) fn with_device(self, raw: RawGroup, cuda: Cuda, index: usize) -> std::io::Result<Self> {
        let (watched, operations) = mpsc::channel();
        thread::Builder::new().name("device watch".into()).spawn(move || {
            // Another device than the group's would be woken up otherwise.
            let _ = cuda.enter(index);
            watch(&operations);
        })?;
        Ok(Self { device: Some(DeviceConnections { raw, index, watched, last: Mutex::default() }), ..self })
    }

    /// What carries tensors of `device`.
    pub(crate) fn of(&self, device: Device) -> Option<&RawGroup> {
        match (device, &self.device) {
            (Device::Cpu, _) => Some(&self.host),
            (Device::Cuda(index), Some(own)) if index == own.index => Some(&own.raw),
            _ => self.carries_all.then_some(&self.host),
        }
    }

    /// True of a device whose operations end by themselves, after the call that issues them.
    pub(crate) fn is_beside(&self, device: Device) -> bool {
        self.device.is_some() && device != Device::Cpu
    }

    /// The devices whose tensors are carried, in words.
    pub(crate) fn carried(&self) -> String {
        match &self.device {
            Some(device) => format!("NCCL carries those of Cuda({}) and Gloo those of the CPU", device.index),
            None => "Gloo carries those of the CPU".into(),
        }
    }

    /// Has an operation on the device end within its time-out; `ended` is told how.
    pub(crate) fn watch(
        &self,
        timeout: Duration,
        work: &Arc<RawWork>,
        ended: impl FnOnce(Result<(), Failure>) + Send + 'static,
    ) {
        let Some(device) = &self.device else { return };
        *device.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(work.clone());
        // The watch has ended where the group is broken.
        let _ = device.watched.send(Watched { work: work.clone(), timeout, ended: Box::new(ended) });
    }

    /// The operation that was issued last on the device.
    pub(crate) fn last(&self) -> Option<Arc<RawWork>> {
        self.device.as_ref().and_then(|device| device.last.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// Ends what is under way on the device, which else would be for ever.
    pub(crate) fn abort(&self) {
        if let Some(device) = &self.device {
            let _ = device.raw.abort();
        }
    }
}

/// Holds operations on a device to their time-outs, until the group ends. An operation's time begins when the one
/// before it is done: the host issues them long before the device comes to them.
fn watch(operations: &Receiver<Watched>) {
    let mut under_way = VecDeque::<Watched>::new();
    let mut first_since = Instant::now();
    loop {
        let next = match under_way.is_empty() {
            true => operations.recv().map_err(|_| RecvTimeoutError::Disconnected),
            false => operations.recv_timeout(LOOK_INTERVAL),
        };
        match next {
            Ok(operation) => {
                if under_way.is_empty() {
                    first_since = Instant::now();
                }
                under_way.push_back(operation);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) if under_way.is_empty() => return,
            Err(RecvTimeoutError::Disconnected) => thread::sleep(LOOK_INTERVAL),
        }
        while let Some(first) = under_way.front() {
            let outcome = match first.work.poll() {
                Ok(true) => Ok(()),
                Ok(false) if first_since.elapsed() < first.timeout => break,
                Ok(false) => Err(Failure {
                    cause: Cause::Other,
                    message: "the device has not come to the operation's end".into(),
                }),
                Err(failure) => Err(failure),
            };
            let has_failed = outcome.is_err();
            if let Some(first) = under_way.pop_front() {
                (first.ended)(outcome);
            }
            if has_failed {
                return;
            }
            first_since = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use tch::Tensor;

    use super::*;

    #[test]
    fn the_first_operation_that_does_not_end_is_given_up_at_its_time_out_and_no_other_is_waited_for() {
        // Its works are done when they are waited for, and say nothing before.
        let raw = RawGroup::fake(0, 2).unwrap();
        let work = Arc::new(raw.broadcast(&Tensor::from_slice(&[1.0f32]), 0, Duration::from_secs(1)).unwrap());
        assert!(!work.poll().unwrap());
        let (watched, operations) = mpsc::channel();
        let (told, heard) = mpsc::channel();
        let (begun, timeout) = (Instant::now(), Duration::from_millis(200));
        for number in [7, 8] {
            let told = told.clone();
            let ended: Ended = Box::new(move |outcome| told.send((number, outcome)).unwrap());
            watched.send(Watched { work: work.clone(), timeout, ended }).unwrap();
        }
        drop(told);
        watch(&operations);
        assert!(begun.elapsed() >= timeout);
        drop(operations);
        let all: Vec<_> = heard.iter().map(|(number, outcome)| (number, outcome.unwrap_err().message)).collect();
        assert_eq!(all, [(7, "the device has not come to the operation's end".to_owned())]);
    }
}
