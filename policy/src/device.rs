//! The device a run computes on, by name.
//!
//! One binary serves CPU and GPU: libtorch's CUDA half is loaded only where a GPU is asked for.

use dist::cuda::{Cuda, CudaError, Gpu, has_driver, load_libtorch};
use tch::Device;

use crate::error::PolicyError;

/// Resolves `auto`, `cpu`, `cuda` or `cuda:N` for a process by itself.
///
/// `auto` takes the first GPU where there is one and libtorch's CUDA half loads, else the CPU.
///
/// # Errors
/// The name is none of these, or a GPU was asked for that is not available.
pub fn resolve_device(asked: &str) -> Result<Device, PolicyError> {
    let refuse = |reason: String| PolicyError::Device { asked: asked.to_owned(), reason };
    match Asked::parse(asked).map_err(refuse)? {
        Asked::Cpu => Ok(Device::Cpu),
        Asked::Auto => Ok(if is_gpu_here() { Device::Cuda(0) } else { Device::Cpu }),
        Asked::Cuda(index) => {
            let count = num_devices().map_err(|error| refuse(format!("{error}; use `cpu`")))?;
            let index = index.unwrap_or(0);
            if index >= count {
                return Err(refuse(format!("this process sees {count} GPUs, from 0")));
            }
            Ok(Device::Cuda(index))
        }
    }
}

/// The same for one of `local_world_size` ranks of this host: each takes a GPU of its own, that of its `local_rank`; or
/// the first where the launcher shows each rank one alone. The shim's CUDA half is loaded, for ranks need NCCL.
///
/// # Errors
/// As [`resolve_device`]; a number is given where there are several ranks, there are fewer GPUs than ranks, or the
/// program was built without its CUDA half.
pub fn resolve_rank_device(asked: &str, local_rank: usize, local_world_size: usize) -> Result<Device, PolicyError> {
    let refuse = |reason: String| PolicyError::Device { asked: asked.to_owned(), reason };
    match Asked::parse(asked).map_err(refuse)? {
        Asked::Cpu => return Ok(Device::Cpu),
        Asked::Auto if !is_gpu_here() => return Ok(Device::Cpu),
        Asked::Cuda(Some(_)) if local_world_size > 1 => {
            return Err(refuse(format!(
                "{local_world_size} ranks of this host would share one GPU; say `cuda`, and each takes that of its \
                 LOCAL_RANK"
            )));
        }
        Asked::Auto | Asked::Cuda(_) => {}
    }
    let count = Cuda::load().and_then(Cuda::num_devices).map_err(|error| refuse(format!("{error}; use `cpu`")))?;
    let index = match Asked::parse(asked) {
        Ok(Asked::Cuda(Some(index))) => index,
        _ => of_rank(local_rank, local_world_size, count).map_err(refuse)?,
    };
    Gpu::new(index).and_then(|gpu| gpu.enter()).map_err(|error| refuse(error.to_string()))?;
    Ok(Device::Cuda(index))
}

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Asked {
    Auto,
    Cpu,
    Cuda(Option<usize>),
}

impl Asked {
    fn parse(asked: &str) -> Result<Self, String> {
        match asked {
            "auto" => return Ok(Self::Auto),
            "cpu" => return Ok(Self::Cpu),
            "cuda" => return Ok(Self::Cuda(None)),
            _ => {}
        }
        let index = asked.strip_prefix("cuda:").and_then(|index| index.parse().ok());
        index.map(|index| Self::Cuda(Some(index))).ok_or_else(|| "is not one of auto, cpu, cuda, cuda:N".into())
    }
}

/// The GPU of a rank among `count`.
fn of_rank(local_rank: usize, local_world_size: usize, count: usize) -> Result<usize, String> {
    match count {
        count if local_rank < count => Ok(local_rank),
        1 => Ok(0), // a launcher that shows each rank its own: two ranks on one are refused by NCCL
        _ => Err(format!(
            "{local_world_size} ranks of this host have {count} GPUs; start as many ranks on a host as it has GPUs"
        )),
    }
}

/// True where a GPU can be used. Where no driver is loaded there is none, and nothing is looked for.
fn is_gpu_here() -> bool {
    has_driver() && num_devices().is_ok()
}

/// Number of GPUs, one at least. Without the shim's CUDA half libtorch is asked alone: one process needs no more.
fn num_devices() -> Result<usize, CudaError> {
    match Cuda::load() {
        Ok(cuda) => cuda.num_devices(),
        Err(CudaError::NotBuilt { .. }) => {
            load_libtorch()?;
            match usize::try_from(tch::Cuda::device_count()).unwrap_or(0) {
                0 => Err(CudaError::NoDevice { reason: "libtorch counts none".into() }),
                count => Ok(count),
            }
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_parsed_and_others_refused() {
        assert_eq!(Asked::parse("cuda"), Ok(Asked::Cuda(None)));
        assert_eq!(Asked::parse("cuda:3"), Ok(Asked::Cuda(Some(3))));
        for unknown in ["tpu", "cuda3", "cuda:", "cuda:-1", "Cpu", ""] {
            assert!(Asked::parse(unknown).is_err(), "{unknown}");
        }
    }

    #[test]
    fn ranks_take_the_gpu_of_their_number_or_the_one_that_they_are_shown() {
        assert_eq!((0..4).map(|rank| of_rank(rank, 4, 8).unwrap()).collect::<Vec<_>>(), [0, 1, 2, 3]);
        assert_eq!(of_rank(3, 4, 1), Ok(0));
        assert!(of_rank(2, 4, 2).unwrap_err().contains("4 ranks of this host have 2 GPUs"));
    }

    #[test]
    fn several_ranks_of_a_host_do_not_name_one_gpu() {
        let error = resolve_rank_device("cuda:1", 0, 2).unwrap_err().to_string();
        assert!(error.contains("would share one GPU"), "{error}");
        assert_eq!(resolve_rank_device("cpu", 1, 2).unwrap(), Device::Cpu);
    }

    #[test]
    fn a_gpu_that_is_not_there_is_refused_with_the_reason() {
        if is_gpu_here() {
            println!("left out: a GPU is here");
            return;
        }
        assert_eq!(resolve_device("auto").unwrap(), Device::Cpu);
        assert_eq!(resolve_rank_device("auto", 0, 2).unwrap(), Device::Cpu);
        for error in [resolve_device("cuda:0").unwrap_err(), resolve_rank_device("cuda", 0, 1).unwrap_err()] {
            let error = error.to_string();
            let words = ["libtorch has no CUDA here", "CUDA is there, but no device", "without its CUDA half"];
            assert!(words.iter().any(|words| error.contains(words)) && error.contains("use `cpu`"), "{error}");
        }
    }
}
