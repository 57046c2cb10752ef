//! Ranks that train together: their environment, store, process groups, mesh, heartbeat and launch.
//!
//! Process groups are PyTorch's c10d behind a small C++ shim (`cpp/`), the project's only C++: TCPStore, Gloo for
//! tensors on the CPU, and NCCL for those on a GPU, in a half of its own that is loaded where CUDA is ([`cuda`]). Every
//! call returns within a time-out, with a [`DistError`] that names group, operation, its number, rank and the time
//! waited; no C++ exception and no panic comes out of one. The crate knows tensors and bytes, not models, data or
//! configurations.
//!
//! - [`Environment`]: what torchrun or Slurm tells a process.
//! - [`Job`]: the ranks have met, agree on a [`Fingerprint`], and tell each other where they stand ([`Board`],
//!   [`Watch`]).
//! - [`Mesh`] and [`Layout`]: the groups of the axes replica, shard, context and tensor.
//! - [`ProcessGroup`]: broadcast, all-reduce, all-gather, reduce-scatter, all-to-all, barrier, and bytes of any length.
//! - [`GraphGroup`]: some of these as functions with gradients, part of an autograd graph.
//! - [`Launch`]: several ranks on one host.
//!
//! # Example
//! ```no_run
//! use std::time::Duration;
//!
//! use dist::{Axis, Backend, Environment, Fingerprint, Job, Layout, Mesh, Reduction};
//! use tch::Tensor;
//!
//! let Some(environment) = Environment::of_process()? else { return Ok(()) }; // one process, nobody to meet
//! let timeout = Duration::from_secs(60);
//! let job = Job::start(&environment, &Fingerprint::default().with("version", "1"), timeout)?;
//! let layout = Layout { replica: 1, shard: -1, context: 1, tensor: 1 };
//! let mesh = Mesh::new(&job, layout, Backend::Gloo, timeout)?;
//!
//! let mut gradient = Tensor::ones([4], tch::kind::FLOAT_CPU); // [4]
//! if let Err(error) = mesh.axis(Axis::Shard).all_reduce(&mut gradient, Reduction::Avg) {
//!     eprintln!("{error}\n{}", job.survey()); // who is behind, elsewhere, not heard of
//!     return Err(error);
//! }
//! drop(mesh);
//! job.finish(timeout);
//! # Ok::<(), dist::DistError>(())
//! ```

mod board;
mod bytes;
mod call;
mod collective;
mod connections;
pub mod cuda;
mod environment;
mod error;
mod ffi;
mod fingerprint;
mod graph_group;
mod graph_node;
mod group;
mod handle;
mod handshake;
mod heartbeat;
mod job;
mod launch;
mod layout;
mod mesh;
mod meter;
mod reduction;
mod slurm;
mod standing;
mod store;
mod variables;

pub use self::board::{Board, IssuedOperation, Place};
pub use self::environment::Environment;
pub use self::error::DistError;
pub use self::fingerprint::Fingerprint;
pub use self::graph_group::GraphGroup;
pub use self::group::{Backend, ProcessGroup};
pub use self::handle::{Handle, Timing};
pub use self::heartbeat::{BEAT_INTERVAL, Watch};
pub use self::job::Job;
pub use self::launch::{Launch, Outcome};
pub use self::layout::{Axis, Layout, Shape};
pub use self::mesh::Mesh;
pub use self::meter::{Meter, Traffic};
pub use self::reduction::Reduction;
pub use self::standing::{Beat, Sighting, standing_table};
pub use self::store::Store;
pub use self::variables::Address;
