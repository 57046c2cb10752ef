//! Copies between host and GPU, and operations over NCCL in a group of one rank.

use std::net::TcpListener;
use std::os::fd::IntoRawFd;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use policy::dist::cuda::{Cuda, Gpu};
use policy::dist::{Address, Backend, Environment, Fingerprint, Job, ProcessGroup, Reduction};
use tch::{Device, Kind, Tensor};

/// Longest wait for anything.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Time-out of the operation that is to be late, and what the rest of its end may take.
const LATE: Duration = Duration::from_millis(100);
const END: Duration = Duration::from_secs(20);
/// Numbers of a tensor that is copied.
const COPIED: i64 = 1 << 26;
/// Side of products that take the GPU longer than an operation is given, and how many of them do.
const SIDE: i64 = 8192;
const PRODUCTS: usize = 400;

/// A job of this process alone.
///
/// # Errors
/// No port of this host can be had.
pub(super) fn job() -> Result<Job> {
    let listener = TcpListener::bind("127.0.0.1:0").context("a port for the store")?;
    let port = listener.local_addr()?.port();
    let environment = Environment {
        rank: 0,
        world_size: 1,
        local_rank: 0,
        local_world_size: 1,
        store: Address { host: "127.0.0.1".into(), port },
        agent_store: false,
        prefix: "bench/".into(),
        store_socket: Some(listener.into_raw_fd()),
        launcher: None,
    };
    Ok(Job::start(&environment, &Fingerprint::default(), TIMEOUT)?)
}

/// A group of this rank alone whose operations go over NCCL.
///
/// # Errors
/// NCCL does not start.
pub(super) fn group(job: &Job, gpu: &Gpu, name: &str) -> Result<ProcessGroup> {
    Ok(job.group_of_one(name, Backend::Nccl { device: gpu.index() }, TIMEOUT)?)
}

/// Numbers go to the GPU and back in a stream of their own, and are timed by events.
pub(super) fn copies(gpu: &Gpu) -> Result<String> {
    let device = Device::Cuda(gpu.index());
    let numbers = Tensor::arange(COPIED, (Kind::Float, Device::Cpu));
    let (mut sent, mut received) = (gpu.pinned_like(&numbers)?, gpu.pinned_like(&numbers)?);
    ensure!(sent.is_pinned(device), "page-locked memory is not known as such");
    sent.copy_(&numbers);
    let (stream, here) = (gpu.stream()?, gpu.current_stream()?);
    let mut on_gpu = stream.run(|| Tensor::empty([COPIED], (Kind::Float, device)))?;
    let begun = stream.record_time()?;
    stream.run(|| gpu.copy(&mut on_gpu, &sent))??;
    let arrived = stream.record_time()?;
    here.await_event(&arrived)?;
    here.uses(&on_gpu)?;
    let doubled = &on_gpu + &on_gpu;
    stream.await_event(&here.record()?)?;
    stream.uses(&doubled)?;
    let returning = stream.record_time()?;
    stream.run(|| gpu.copy(&mut received, &doubled))??;
    let returned = stream.record_time()?;
    returned.wait()?;
    ensure!(received.equal(&(numbers * 2.0)), "other numbers came back than 2 x what was sent");
    let rate = |milliseconds: f64| 4.0 * COPIED as f64 / milliseconds / 1e6;
    let (to, from) = (rate(begun.milliseconds_to(&arrived)?), rate(returning.milliseconds_to(&returned)?));
    Ok(format!("{to:.1} GB/s to the GPU, {from:.1} GB/s back"))
}

/// Every operation of a group, in the kinds of numbers that runs use.
pub(super) fn operations(job: &Job, gpu: &Gpu) -> Result<String> {
    let group = group(job, gpu, "operations")?;
    let device = Device::Cuda(gpu.index());
    let length = 1 << 10;
    for kind in [Kind::Float, Kind::BFloat16, Kind::Int64, Kind::Uint8] {
        let own = Tensor::arange(length, (Kind::Int64, device)).remainder(100).to_kind(kind);
        let same = |operation: &str, tensor: &Tensor| {
            ensure!(tensor.equal(&own), "{operation} of {kind:?} gives other numbers than one rank has");
            Ok(())
        };
        let mut shared = own.copy();
        group.broadcast(&mut shared, 0)?;
        same("broadcast", &shared)?;
        for reduction in [Reduction::Sum, Reduction::Max, Reduction::Min] {
            group.all_reduce(&mut shared, reduction)?;
            same("all_reduce", &shared)?;
            same("reduce_scatter", &group.reduce_scatter(&own, reduction)?)?;
        }
        let gathering = group.start_all_gather(&own)?;
        let beside = &own + &own; // the device computes meanwhile
        same("all_gather", &gathering.wait()?)?;
        drop(beside);
        same("all_to_all", &group.all_to_all(&own, &[length], &[length])?)?;
    }
    ensure!(group.all_gather_bytes(b"beside")? == [b"beside".to_vec()], "bytes do not go over Gloo beside NCCL");
    group.barrier()?;
    group.settle()?;
    Ok(format!("{} operations", group.num_operations()))
}

/// An operation behind work that takes longer than its time-out: it is given up, and c10d's record of it is written.
pub(super) fn deadline(job: &Job, gpu: &Gpu, cuda: Cuda) -> Result<String> {
    let folder = std::env::temp_dir().join(format!("flight-record-{}", std::process::id()));
    job.keep_flight_record(cuda, folder.clone());
    let mut group = group(job, gpu, "late")?;
    group.set_timeout(LATE);
    let device = Device::Cuda(gpu.index());
    let square = Tensor::ones([SIDE, SIDE], (Kind::Float, device));
    let mut product = square.shallow_clone();
    for _ in 0..PRODUCTS {
        product = product.mm(&square);
    }
    let begun = Instant::now();
    group.all_reduce(&mut product, Reduction::Sum)?;
    let settled = group.settle();
    let waited = begun.elapsed();
    let Err(error) = settled else { anyhow::bail!("it was done in {:.1} s", waited.as_secs_f64()) };
    ensure!(waited < END, "it was given up after {:.1} s", waited.as_secs_f64());
    ensure!(error.to_string().contains("no answer within"), "it failed otherwise: {error}");
    let size = |name: &str| std::fs::metadata(folder.join(name)).map_or(0, |metadata| metadata.len());
    let (pickled, readable) = (size("rank_0"), size("readable_0.json"));
    ensure!(pickled > 0 && readable > 0, "the flight record has {pickled} and {readable} bytes");
    let _ = std::fs::remove_dir_all(&folder); // in the folder of temporary files it may stay as well
    gpu.synchronize()?;
    Ok(format!("after {:.1} s; its flight record has {readable} bytes", waited.as_secs_f64()))
}
