//! The groups of a mesh, over real processes.

use std::time::Duration;

use dist::{Axis, Backend, Layout, Mesh, Reduction};
use tch::Tensor;

use crate::ranks::succeed;
use crate::role::start;

const TIMEOUT: Duration = Duration::from_secs(20);

#[test]
fn groups_of_two_by_two_ranks_reach_whom_they_should() {
    succeed("mesh", 4);
}

pub(crate) fn play() {
    let job = start(TIMEOUT);
    let layout = Layout { replica: 1, shard: -1, context: 1, tensor: 2 };
    let mesh = Mesh::new(&job, layout, Backend::Gloo, TIMEOUT).unwrap();
    let rank = job.rank();
    assert_eq!((mesh.coordinate(Axis::Shard), mesh.coordinate(Axis::Tensor)), (rank / 2, rank % 2));
    let sum = |group: &dist::ProcessGroup| {
        let mut own = Tensor::from_slice(&[1i64 << rank]);
        group.all_reduce(&mut own, Reduction::Sum).unwrap();
        own.int64_value(&[0])
    };
    // Each rank adds its own bit, so that a sum is the set of its members.
    assert_eq!(sum(mesh.axis(Axis::Tensor)), [0b0011, 0b0011, 0b1100, 0b1100][rank]);
    assert_eq!(sum(mesh.axis(Axis::Shard)), [0b0101, 0b1010, 0b0101, 0b1010][rank]);
    assert_eq!(sum(mesh.data()), [0b0101, 0b1010, 0b0101, 0b1010][rank]);
    assert_eq!(sum(mesh.axis(Axis::Replica)), 1 << rank);
    assert_eq!(sum(mesh.axis(Axis::Context)), 1 << rank);
    assert_eq!(sum(mesh.world()), 0b1111);
    let names = mesh.world().all_gather_bytes(format!("rank {rank}").as_bytes()).unwrap();
    assert_eq!(names, ["rank 0", "rank 1", "rank 2", "rank 3"].map(|name| name.as_bytes().to_vec()));
    assert_eq!((mesh.axis(Axis::Context).size(), mesh.axis(Axis::Context).num_operations()), (1, 1));
    drop(mesh);
    job.finish(TIMEOUT);
}
