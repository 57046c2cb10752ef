//! The groups of a job that is laid out on a mesh: one for each axis, one for the data, one for all.
//!
//! Makes groups of the numbers of `layout.rs`; what runs over them is not known here.

use std::time::Duration;

use crate::error::DistError;
use crate::group::{Backend, ProcessGroup};
use crate::job::Job;
use crate::layout::{Axis, Layout, Shape};

/// The groups that this rank belongs to.
#[derive(Debug)]
pub struct Mesh {
    shape: Shape,
    coordinates: [usize; 4],
    axes: [ProcessGroup; 4],
    data: ProcessGroup,
    world: ProcessGroup,
}

impl Mesh {
    /// Lays the job out and makes its groups, on all ranks at once; `backend` carries the axes and the data.
    ///
    /// # Errors
    /// The layout does not fit the number of ranks, or not all ranks came within the time-out.
    pub fn new(job: &Job, layout: Layout, backend: Backend, timeout: Duration) -> Result<Self, DistError> {
        let (rank, world_size) = (job.rank(), job.world_size());
        let shape = layout.resolve(world_size)?;
        let group = |name: &str, backend, axes: &[Axis]| job.group(name, shape.peers(rank, axes), backend, timeout);
        let axis = |axis: Axis| group(axis.name(), backend, &[axis]);
        let [replica, shard, context, tensor] = Axis::ALL;
        Ok(Self {
            shape,
            coordinates: shape.coordinates(rank),
            axes: [axis(replica)?, axis(shard)?, axis(context)?, axis(tensor)?],
            data: group("data", backend, &[replica, shard])?,
            world: group("world", Backend::Gloo, &Axis::ALL)?,
        })
    }

    /// Lengths of the axes.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Where this rank stands on an axis.
    pub fn coordinate(&self, axis: Axis) -> usize {
        self.coordinates[axis as usize]
    }

    /// The ranks that differ from this one on an axis alone; one rank where its length is 1.
    pub fn axis(&self, axis: Axis) -> &ProcessGroup {
        &self.axes[axis as usize]
    }

    /// The ranks that have other data: replica and shard together.
    pub fn data(&self) -> &ProcessGroup {
        &self.data
    }

    /// All ranks, over Gloo whatever carries the others: for bytes.
    pub fn world(&self) -> &ProcessGroup {
        &self.world
    }
}
