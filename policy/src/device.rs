//! The device a run computes on, by name.
//!
//! One binary serves CPU and GPU: libtorch's CUDA half is loaded only when a GPU is asked for.

use tch::{Cuda, Device};

use crate::error::PolicyError;

/// Resolves `auto`, `cpu` or `cuda:N`.
///
/// `auto` takes the first GPU where libtorch's CUDA libraries load and one is there, else the CPU.
///
/// # Errors
/// The name is none of these, or a GPU was asked for that is not available.
pub fn resolve_device(asked: &str) -> Result<Device, PolicyError> {
    let refuse = |reason: String| PolicyError::Device { asked: asked.to_owned(), reason };
    match asked {
        "cpu" => Ok(Device::Cpu),
        "auto" => Ok(if load_cuda().is_ok() && Cuda::is_available() { Device::Cuda(0) } else { Device::Cpu }),
        _ => {
            let index = match asked.strip_prefix("cuda") {
                Some("") => Some(0),
                Some(rest) => rest.strip_prefix(':').and_then(|index| index.parse::<usize>().ok()),
                None => None,
            };
            let index = index.ok_or_else(|| refuse("is not one of auto, cpu, cuda:N".into()))?;
            load_cuda().map_err(|reason| refuse(format!("libtorch has no CUDA here ({reason}); use `cpu`")))?;
            let count = Cuda::device_count();
            if (index as i64) < count {
                Ok(Device::Cuda(index))
            } else {
                Err(refuse(format!("this machine shows {count} GPUs to libtorch")))
            }
        }
    }
}

/// Loads libtorch_cuda, which registers its kernels; it stays loaded.
fn load_cuda() -> Result<(), String> {
    if Cuda::is_available() {
        return Ok(());
    }
    if !std::path::Path::new("/dev/nvidiactl").exists() {
        return Err("no NVIDIA driver is loaded".into());
    }
    #[allow(unsafe_code)]
    // SAFETY: the library is libtorch's own CUDA half, of the version this binary is linked with; its static
    // initialisers only register operators. It is leaked, so no code of it is ever unmapped.
    let library = unsafe { libloading::Library::new("libtorch_cuda.so") };
    library.map(std::mem::forget).map_err(|error| error.to_string())
}
