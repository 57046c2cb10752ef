//! CUDA as far as it goes on a machine without a GPU: what loads, and what is said where something does not.

use std::time::Duration;

use dist::cuda::{Cuda, CudaError, Gpu};
use dist::{Backend, Environment, Fingerprint, Job, Reduction};
use tch::Tensor;

use crate::ranks::succeed;
use crate::role::start;

const TIMEOUT: Duration = Duration::from_secs(20);

/// CUDA without a device, or the reason to leave a test out, which is printed.
fn cuda_without_a_device() -> Option<Cuda> {
    match Cuda::load() {
        Err(error @ (CudaError::Libtorch { .. } | CudaError::NotBuilt { .. })) => {
            println!("left out: {error}");
            None
        }
        Err(error) => panic!("{error}"),
        Ok(cuda) if cuda.num_devices().is_ok() => {
            println!("left out: a GPU is here");
            None
        }
        Ok(cuda) => Some(cuda),
    }
}

#[test]
fn what_is_missing_is_named() {
    match Cuda::load() {
        Err(CudaError::Libtorch { reason }) => assert!(reason.contains(".so"), "{reason}"),
        Err(CudaError::NotBuilt { reason }) => {
            assert!(reason.contains("missing") || reason.contains("has it"), "{reason}")
        }
        Err(error) => panic!("{error}"),
        Ok(_) => println!("nothing is missing: libtorch's CUDA half and the shim's are loaded with all their symbols"),
    }
}

#[test]
fn without_a_device_cuda_says_so_and_nothing_ends_the_process() {
    let Some(cuda) = cuda_without_a_device() else { return };
    let error = cuda.num_devices().unwrap_err().to_string();
    assert!(error.starts_with("CUDA is there, but no device: "), "{error}");
    assert_eq!(Gpu::new(0).unwrap_err().to_string(), error);
    let versions = cuda.versions().unwrap();
    assert_eq!((versions.runtime.0, versions.nccl.0), (13, 2));
    println!("{versions:?}");
}

#[test]
fn a_group_over_nccl_is_refused_without_a_device_and_the_others_go_on() {
    succeed("no device", 2);
}

pub(crate) fn play_no_device() {
    let job = start(TIMEOUT);
    let words = match Cuda::load() {
        Ok(cuda) => match cuda.num_devices() {
            Ok(_) => return println!("left out: a GPU is here"),
            Err(error) => error.to_string(),
        },
        Err(error) => error.to_string(),
    };
    let error = job.group("all", vec![0, 1], Backend::Nccl { device: 0 }, TIMEOUT).unwrap_err().to_string();
    assert!(error.contains("group `all` (ranks 0, 1): the meeting of its ranks failed"), "{error}");
    assert!(error.contains(&words), "{error}");
    let mut sum = Tensor::from_slice(&[1.0f32]);
    let group = job.group("all", vec![0, 1], Backend::Gloo, TIMEOUT).unwrap();
    group.all_reduce(&mut sum, Reduction::Sum).unwrap();
    group.settle().unwrap();
    assert_eq!(sum.double_value(&[0]), 2.0);
    job.finish(TIMEOUT);
}

#[test]
fn a_group_of_one_is_carried_where_that_is_asked_for() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let variables = [
        ("RANK", "0"),
        ("WORLD_SIZE", "1"),
        ("LOCAL_RANK", "0"),
        ("LOCAL_WORLD_SIZE", "1"),
        ("MASTER_ADDR", "127.0.0.1"),
        ("MASTER_PORT", &port),
    ];
    let value = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    let environment = Environment::read(value);
    let job = Job::start(&environment.unwrap().unwrap(), &Fingerprint::default(), TIMEOUT).unwrap();
    let alone = job.group("alone", vec![0], Backend::Nccl { device: 0 }, TIMEOUT).unwrap();
    let carried = job.group_of_one("carried", Backend::Gloo, TIMEOUT).unwrap();
    let own = Tensor::from_slice(&[1.0f32, 2.0]);
    for group in [&alone, &carried] {
        assert_eq!(group.all_gather(&own).unwrap(), own);
        assert_eq!(group.reduce_scatter(&own, Reduction::Avg).unwrap(), own);
        group.barrier().unwrap();
    }
    // What is carried is another tensor; where nothing is, it may be the same.
    let gathered = carried.all_gather(&own).unwrap();
    assert_ne!(gathered.data_ptr(), own.data_ptr());
    assert_eq!(alone.all_gather(&own).unwrap().data_ptr(), own.data_ptr());
    job.finish(TIMEOUT);
}
