//! The libraries: libtorch's CUDA half beside the libtorch in use, and the shim's out of the program itself.
//!
//! Both stay loaded until the process ends. Knows where they are and not what they do.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use super::error::CudaError;
use super::ffi::{Functions, NcclPlace, RawVersions, open};
use crate::ffi::{Failure, RawGroup, RawStore};

/// The shim's CUDA half, a shared library, as the build made it.
#[cfg(cuda_shim)]
const SHIM: Result<&[u8], &str> = Ok(include_bytes!(concat!(env!("OUT_DIR"), "/libdist_cuda.so")));
#[cfg(not(cuda_shim))]
const SHIM: Result<&[u8], &str> = Err(env!("DIST_NO_CUDA_SHIM"));

/// CUDA, loaded.
#[derive(Clone, Copy)]
pub struct Cuda(pub(super) &'static Functions);

/// Versions of what CUDA is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versions {
    /// CUDA's runtime, such as (13, 0).
    pub runtime: (i32, i32),
    /// The newest CUDA that the driver knows; (0, 0) where there is no driver.
    pub driver: (i32, i32),
    /// NCCL, such as (2, 28, 9).
    pub nccl: (i32, i32, i32),
}

impl Cuda {
    /// Loads CUDA, once for the process.
    ///
    /// # Errors
    /// A library is not there or does not load, or the program was built without its half.
    pub fn load() -> Result<Self, CudaError> {
        static LOADED: OnceLock<Result<Functions, CudaError>> = OnceLock::new();
        let loaded = LOADED.get_or_init(|| {
            load_libtorch()?;
            let shim = SHIM.map_err(|reason| CudaError::NotBuilt { reason: reason.to_owned() })?;
            let failed = |reason: String| CudaError::Shim { reason };
            let file = in_memory(shim).map_err(|reason| failed(format!("it cannot be put into memory: {reason}")))?;
            Functions::resolve(open(&file.path()).map_err(failed)?).map_err(failed)
        });
        loaded.as_ref().map(Self).map_err(Clone::clone)
    }

    /// Number of devices, of which there is one at least.
    ///
    /// # Errors
    /// [`CudaError::NoDevice`], with CUDA's reason.
    pub fn num_devices(self) -> Result<usize, CudaError> {
        match self.0.device_count().map_err(|failure| first_words(&failure)) {
            Ok(0) => Err(CudaError::NoDevice { reason: "it counts none (CUDA_VISIBLE_DEVICES hides them?)".into() }),
            Ok(count) => Ok(count),
            // CUDA says of a driver that is not there that it is too old.
            Err(reason) if !has_driver() => {
                Err(CudaError::NoDevice { reason: format!("no NVIDIA driver is loaded ({reason})") })
            }
            Err(reason) => Err(CudaError::NoDevice { reason }),
        }
    }

    /// Makes `index` the calling thread's device.
    pub(crate) fn enter(self, index: usize) -> Result<(), Failure> {
        self.0.set_device(index)
    }

    /// Meets the other ranks of a group at `store` and connects this one's device to theirs; blocks until all have
    /// come.
    pub(crate) fn nccl(self, store: &RawStore, place: &NcclPlace, watchdog: Duration) -> Result<RawGroup, Failure> {
        self.0.nccl(store, place, watchdog)
    }

    /// Versions of what was loaded.
    ///
    /// # Errors
    /// A library does not say.
    pub fn versions(self) -> Result<Versions, CudaError> {
        let RawVersions { runtime, driver, nccl } =
            self.0.versions().map_err(|failure| called("reading its versions", &failure))?;
        let of_cuda = |number: i32| (number / 1000, number % 1000 / 10);
        let nccl = (nccl / 10_000, nccl % 10_000 / 100, nccl % 100);
        Ok(Versions { runtime: of_cuda(runtime), driver: of_cuda(driver), nccl })
    }
}

impl fmt::Debug for Cuda {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Cuda")
    }
}

/// Loads libtorch's CUDA half, once for the process, which registers its kernels: what a run on one device needs.
///
/// # Errors
/// It is not there, or does not load.
pub fn load_libtorch() -> Result<(), CudaError> {
    static LOADED: OnceLock<Result<(), CudaError>> = OnceLock::new();
    let load = || {
        let failed = |reason: String| CudaError::Libtorch { reason };
        let folder = libtorch_folder().ok_or_else(|| failed("the libtorch_cpu.so in use is not found".into()))?;
        let library = folder.join("libtorch_cuda.so");
        if !library.is_file() {
            let reason =
                format!("there is no libtorch_cuda.so in {}; this libtorch is for CPUs alone", folder.display());
            return Err(failed(reason));
        }
        open(&library).map(drop).map_err(failed)
    };
    LOADED.get_or_init(load).clone()
}

/// True where an NVIDIA driver is loaded; without one there is no device.
pub fn has_driver() -> bool {
    // The second is the driver of Windows Subsystem for Linux.
    ["/dev/nvidiactl", "/dev/dxg"].iter().any(|path| Path::new(path).exists())
}

/// The folder of the libtorch that this process runs with.
fn libtorch_folder() -> Option<PathBuf> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    let paths = maps.lines().filter_map(|line| line.find('/').map(|start| Path::new(&line[start..])));
    let is_it = |path: &&Path| path.file_name().is_some_and(|name| name == "libtorch_cpu.so");
    paths.filter(|path| is_it(path)).find_map(Path::parent).map(Path::to_owned)
}

/// A file that is in memory alone, open until it is dropped.
struct MemoryFile(std::fs::File);

impl MemoryFile {
    fn path(&self) -> PathBuf {
        use std::os::fd::AsRawFd;
        PathBuf::from(format!("/proc/self/fd/{}", self.0.as_raw_fd()))
    }
}

fn in_memory(content: &[u8]) -> std::io::Result<MemoryFile> {
    use std::io::Write;
    let file = nix::sys::memfd::memfd_create(c"libdist_cuda.so", nix::sys::memfd::MFdFlags::MFD_CLOEXEC)?;
    let mut file = std::fs::File::from(file);
    file.write_all(content)?;
    Ok(MemoryFile(file))
}

/// The error of a call.
pub(super) fn called(operation: &'static str, failure: &Failure) -> CudaError {
    CudaError::Call { operation, reason: first_words(failure) }
}

/// A failure's first line; the others are traces of libtorch's code.
fn first_words(failure: &Failure) -> String {
    failure.message.lines().next().unwrap_or_default().trim().to_owned()
}
