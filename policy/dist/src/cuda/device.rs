//! A GPU: what it is, how full it is, and memory of the host that it reads at full speed.

use std::fmt;

use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use super::error::CudaError;
use super::library::{Cuda, called};
use super::stream::Stream;

/// A device of this machine, for the thread that asks.
#[derive(Debug, Clone, Copy)]
pub struct Gpu {
    cuda: Cuda,
    index: usize,
}

/// A device as it is told apart from other kinds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GpuDescription {
    /// NVIDIA's name of it.
    pub name: String,
    /// All of its memory, in bytes.
    pub total_bytes: u64,
    /// Compute capability, such as (9, 0).
    pub capability: (i32, i32),
    /// Number of its multiprocessors.
    pub num_multiprocessors: i32,
}

impl fmt::Display for GpuDescription {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, total_bytes, capability: (major, minor), num_multiprocessors } = self;
        let gib = *total_bytes as f64 / f64::from(1 << 30);
        write!(formatter, "{name}, {gib:.0} GiB, capability {major}.{minor}, {num_multiprocessors} multiprocessors")
    }
}

/// Memory of a device in bytes, as libtorch's allocator and CUDA count it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GpuMemory {
    /// Bytes of this process's tensors.
    pub allocated: u64,
    /// Most of them since the peaks were reset.
    pub peak_allocated: u64,
    /// Bytes that the allocator holds, for tensors that are and that will be.
    pub reserved: u64,
    /// Most of them since the peaks were reset.
    pub peak_reserved: u64,
    /// Bytes of the device that no process has.
    pub free: u64,
    /// All bytes of the device.
    pub total: u64,
}

impl Gpu {
    /// The device `index` of those that this process sees.
    ///
    /// # Errors
    /// CUDA is not to be had, there is no device, or none of this number.
    pub fn new(index: usize) -> Result<Self, CudaError> {
        let cuda = Cuda::load()?;
        let count = cuda.num_devices()?;
        if index >= count {
            return Err(CudaError::NoDevice {
                reason: format!("this process sees {count}, and none is number {index}"),
            });
        }
        Ok(Self { cuda, index })
    }

    /// The device of a tensor's or a model's; `None` of the CPU, and where CUDA is not to be had.
    pub fn of(device: Device) -> Option<Self> {
        match device {
            Device::Cuda(index) => Self::new(index).ok(),
            _ => None,
        }
    }

    /// Number of the device, from 0.
    pub fn index(&self) -> usize {
        self.index
    }

    /// What it is.
    ///
    /// # Errors
    /// CUDA does not say.
    pub fn describe(&self) -> Result<GpuDescription, CudaError> {
        let raw = self.cuda.0.device(self.index).map_err(|failure| called("describing the device", &failure))?;
        let name = raw.name.iter().take_while(|&&byte| byte != 0).copied().collect::<Vec<u8>>();
        Ok(GpuDescription {
            name: String::from_utf8_lossy(&name).into_owned(),
            total_bytes: raw.total_bytes,
            capability: (raw.capability_major, raw.capability_minor),
            num_multiprocessors: raw.num_multiprocessors,
        })
    }

    /// Makes it the device of the calling thread.
    ///
    /// # Errors
    /// CUDA cannot.
    pub fn enter(&self) -> Result<(), CudaError> {
        self.cuda.0.set_device(self.index).map_err(|failure| called("choosing the device", &failure))
    }

    /// Blocks until all that was given to the device is done.
    ///
    /// # Errors
    /// Something of it failed.
    pub fn synchronize(&self) -> Result<(), CudaError> {
        self.cuda.0.synchronize(self.index).map_err(|failure| called("waiting for the device", &failure))
    }

    /// Memory as it is now.
    ///
    /// # Errors
    /// CUDA does not say.
    pub fn memory(&self) -> Result<GpuMemory, CudaError> {
        let raw = self.cuda.0.memory(self.index).map_err(|failure| called("reading the memory", &failure))?;
        Ok(GpuMemory {
            allocated: raw.allocated,
            peak_allocated: raw.peak_allocated,
            reserved: raw.reserved,
            peak_reserved: raw.peak_reserved,
            free: raw.free,
            total: raw.total,
        })
    }

    /// Has peaks counted from here.
    ///
    /// # Errors
    /// CUDA cannot.
    pub fn reset_peaks(&self) -> Result<(), CudaError> {
        self.cuda.0.reset_peaks(self.index).map_err(|failure| called("resetting the peaks", &failure))
    }

    /// A tensor of the shape and type of `like` in page-locked memory of the host, which the device copies from and to
    /// at full speed and beside other work; its elements are what was there.
    ///
    /// # Errors
    /// The host has not as much.
    pub fn pinned_like(&self, like: &Tensor) -> Result<Tensor, CudaError> {
        self.cuda.0.pinned_like(like).map_err(|failure| called("locking memory of the host", &failure))
    }

    /// Gives a copy to the calling thread's stream, and goes on: where the tensor of the host is page-locked, its
    /// elements are to be read or written only once an event behind the copy is there.
    ///
    /// # Errors
    /// The shapes differ, or CUDA cannot.
    pub fn copy(&self, to: &mut Tensor, from: &Tensor) -> Result<(), CudaError> {
        self.cuda.0.copy(to, from).map_err(|failure| called("copying a tensor", &failure))
    }

    /// Another stream of the device, out of a pool.
    ///
    /// # Errors
    /// CUDA cannot.
    pub fn stream(&self) -> Result<Stream, CudaError> {
        Stream::take(self.cuda, self.index)
    }

    /// The calling thread's stream of the device.
    ///
    /// # Errors
    /// CUDA cannot.
    pub fn current_stream(&self) -> Result<Stream, CudaError> {
        Stream::current(self.cuda, self.index)
    }
}
