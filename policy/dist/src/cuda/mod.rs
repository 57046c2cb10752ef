//! CUDA by dlopen: libtorch's CUDA half and the shim's, loaded where they are, in the program that runs without them
//! too.
//!
//! The program links neither. [`load_libtorch`] opens the libtorch_cuda that lies beside the libtorch_cpu in use, which
//! registers its kernels; [`Cuda::load`] adds the shim's second half, which the program carries within itself, for what
//! tch has no call for: devices and their memory, page-locked memory, streams and events, NCCL and its flight recorder.

mod device;
mod error;
mod ffi;
mod flight_record;
mod library;
mod stream;

pub use self::device::{Gpu, GpuDescription, GpuMemory};
pub use self::error::CudaError;
pub(crate) use self::ffi::NcclPlace;
pub(crate) use self::flight_record::FlightRecord;
pub use self::library::{Cuda, Versions, has_driver, load_libtorch};
pub use self::stream::{Event, Stream};
