//! Every collective against values that one process computes for all ranks.

use std::time::{Duration, Instant};

use dist::{Address, Backend, Environment, Fingerprint, Job, ProcessGroup, Reduction};
use tch::{Device, Kind, Tensor, no_grad};

use crate::ranks::succeed;
use crate::role::start;
use crate::store::free_port;

const TIMEOUT: Duration = Duration::from_secs(20);
const KINDS: [Kind; 5] = [Kind::Float, Kind::BFloat16, Kind::Int64, Kind::Uint8, Kind::Bool];

#[test]
fn collectives_of_two_ranks_give_what_one_process_computes() {
    succeed("collectives", 2);
}

#[test]
fn collectives_of_four_ranks_give_what_one_process_computes() {
    succeed("collectives", 4);
}

#[test]
fn bytes_of_any_length_arrive() {
    succeed("bytes", 2);
}

#[test]
fn a_job_of_one_rank_needs_no_peer() {
    let environment = Environment {
        rank: 0,
        world_size: 1,
        local_rank: 0,
        local_world_size: 1,
        store: Address { host: "127.0.0.1".into(), port: free_port() },
        agent_store: false,
        prefix: "ponder/test/0/".into(),
        store_socket: None,
        launcher: None,
    };
    collect(Job::start(&environment, &Fingerprint::default(), TIMEOUT).unwrap());
}

pub(crate) fn play() {
    collect(start(TIMEOUT));
}

/// Every collective, over all ranks of a job.
fn collect(job: Job) {
    let ranks: Vec<usize> = (0..job.world_size()).collect();
    let group = job.group("all", ranks, Backend::Gloo, TIMEOUT).unwrap();
    for kind in KINDS {
        broadcast(&group, kind);
        all_reduce(&group, kind);
        gather(&group, kind);
        reduce_scatter(&group, kind);
        all_to_all(&group, kind);
    }
    odd_tensors(&group);
    several_at_once(&group);
    same_bits(&group);
    let before = group.num_operations();
    group.barrier().unwrap();
    assert_eq!(group.num_operations(), before + 1);
    drop(group);
    job.finish(TIMEOUT);
}

/// The tensor of a rank, `[rows, 3]`: small whole numbers, so that sums are exact in every kind.
fn of_rank(rank: usize, rows: usize, kind: Kind) -> Tensor {
    let values: Vec<i64> = (0..rows * 3).map(|index| ((index * 7 + rank * 5) % 11) as i64).collect();
    let values = Tensor::from_slice(&values).view([rows as i64, 3]);
    if kind == Kind::Bool { values.fmod(3).gt(0) } else { values.to_kind(kind) }
}

/// The tensors of all ranks, `[ranks, rows, 3]`.
fn of_all(size: usize, rows: usize, kind: Kind) -> Tensor {
    Tensor::stack(&(0..size).map(|rank| of_rank(rank, rows, kind)).collect::<Vec<_>>(), 0)
}

fn assert_same(found: &Tensor, expected: &Tensor, what: &str) {
    assert_eq!(found.kind(), expected.kind(), "{what}");
    assert_eq!(found.size(), expected.size(), "{what}");
    assert!(found.equal(expected), "{what}: {found} is not {expected}");
}

fn reductions(kind: Kind) -> &'static [Reduction] {
    match kind {
        Kind::Float | Kind::BFloat16 => &[Reduction::Sum, Reduction::Max, Reduction::Min, Reduction::Avg],
        Kind::Bool => &[Reduction::Max, Reduction::Min],
        _ => &[Reduction::Sum, Reduction::Max, Reduction::Min],
    }
}

/// `[ranks, ...]` to `[...]`, computed in float64.
fn reference(all: &Tensor, reduction: Reduction) -> Tensor {
    let wide = all.to_kind(Kind::Double);
    let reduced = match reduction {
        Reduction::Sum => wide.sum_dim_intlist(0, false, Kind::Double),
        Reduction::Max => wide.amax(0, false),
        Reduction::Min => wide.amin(0, false),
        Reduction::Avg => wide.mean_dim(0, false, Kind::Double),
    };
    reduced.to_kind(all.kind())
}

fn broadcast(group: &ProcessGroup, kind: Kind) {
    for root in 0..group.size() {
        let mut tensor = of_rank(group.rank(), 2, kind);
        group.broadcast(&mut tensor, root).unwrap();
        assert_same(&tensor, &of_rank(root, 2, kind), &format!("broadcast {kind:?} from {root}"));
    }
}

fn all_reduce(group: &ProcessGroup, kind: Kind) {
    for &reduction in reductions(kind) {
        let mut tensor = of_rank(group.rank(), 5, kind);
        group.all_reduce(&mut tensor, reduction).unwrap();
        let expected = reference(&of_all(group.size(), 5, kind), reduction);
        assert_same(&tensor, &expected, &format!("all_reduce {reduction:?} {kind:?}"));
    }
}

fn gather(group: &ProcessGroup, kind: Kind) {
    let all = of_all(group.size(), 3, kind);
    let own = of_rank(group.rank(), 3, kind);
    assert_same(&group.all_gather(&own).unwrap(), &all.view([-1, 3]), &format!("all_gather {kind:?}"));
    let list = group.all_gather_list(&own).unwrap();
    assert_eq!(list.len(), group.size());
    for (rank, tensor) in list.iter().enumerate() {
        assert_same(tensor, &of_rank(rank, 3, kind), &format!("all_gather_list {kind:?}"));
    }
}

fn reduce_scatter(group: &ProcessGroup, kind: Kind) {
    let (size, part) = (group.size(), 2);
    for &reduction in reductions(kind) {
        let own = of_rank(group.rank(), size * part, kind);
        let found = group.reduce_scatter(&own, reduction).unwrap();
        let whole = reference(&of_all(size, size * part, kind), reduction);
        let expected = whole.narrow(0, (group.rank() * part) as i64, part as i64);
        assert_same(&found, &expected, &format!("reduce_scatter {reduction:?} {kind:?}"));
    }
}

/// Rank r sends (r + 2 s) mod 3 rows to rank s, none at all among them.
fn all_to_all(group: &ProcessGroup, kind: Kind) {
    let (size, own) = (group.size(), group.rank());
    let num_rows = |from: usize, to: usize| ((from + 2 * to) % 3) as i64;
    let sent = |from: usize| (0..size).map(|to| num_rows(from, to)).collect::<Vec<_>>();
    let received: Vec<i64> = (0..size).map(|from| num_rows(from, own)).collect();
    let tensor = |from: usize| of_rank(from, sent(from).iter().sum::<i64>() as usize, kind);
    let found = group.all_to_all(&tensor(own), &sent(own), &received).unwrap();
    let parts: Vec<Tensor> =
        (0..size).map(|from| tensor(from).narrow(0, sent(from)[..own].iter().sum(), num_rows(from, own))).collect();
    assert_same(&found, &Tensor::cat(&parts, 0), &format!("all_to_all {kind:?}"));
}

/// Tensors without dimensions, without elements, not contiguous, and with a gradient to come.
fn odd_tensors(group: &ProcessGroup) {
    let size = group.size() as i64;
    let mut scalar = Tensor::from(1.5f32);
    group.all_reduce(&mut scalar, Reduction::Sum).unwrap();
    assert_eq!((scalar.dim(), scalar.double_value(&[])), (0, 1.5 * size as f64));
    assert_eq!(group.all_gather(&Tensor::from(2i64)).unwrap().size(), [size]);

    let mut empty = Tensor::zeros([0, 3], (Kind::Float, Device::Cpu));
    group.all_reduce(&mut empty, Reduction::Sum).unwrap();
    assert_eq!(group.all_gather(&empty).unwrap().size(), [0, 3]);
    assert_eq!(group.reduce_scatter(&empty, Reduction::Sum).unwrap().size(), [0, 3]);
    let none = vec![0; group.size()];
    assert_eq!(group.all_to_all(&empty, &none, &none).unwrap().size(), [0, 3]);

    for kind in KINDS {
        let expected = of_rank(0, 4, kind).transpose(0, 1);
        let mut transposed = of_rank(group.rank(), 4, kind).transpose(0, 1);
        group.broadcast(&mut transposed, 0).unwrap();
        assert_same(&transposed, &expected, "a broadcast of a transposed tensor");
        let all = group.all_gather(&of_rank(group.rank(), 4, kind).transpose(0, 1)).unwrap();
        assert_same(&all.narrow(0, 0, 3), &expected, "an all_gather of a transposed tensor");
    }
    let mut sum = of_rank(group.rank(), 4, Kind::Float).transpose(0, 1);
    group.all_reduce(&mut sum, Reduction::Sum).unwrap();
    let expected = reference(&of_all(group.size(), 4, Kind::Float), Reduction::Sum);
    assert_same(&sum, &expected.transpose(0, 1), "an all_reduce of a transposed tensor");

    let mut leaf = of_rank(group.rank(), 2, Kind::Float).set_requires_grad(true);
    group.broadcast(&mut leaf, 0).unwrap();
    assert!(leaf.requires_grad());
    assert_same(&leaf.detach(), &of_rank(0, 2, Kind::Float), "a broadcast of a leaf");
}

/// Operations that are under way together, waited for in another order than they were issued.
fn several_at_once(group: &ProcessGroup) {
    let (size, own, begun) = (group.size(), group.rank(), Instant::now());
    let sum = group.start_all_reduce(of_rank(own, 3, Kind::BFloat16), Reduction::Avg).unwrap();
    let all = group.start_all_gather(&of_rank(own, 3, Kind::Int64)).unwrap();
    let part = group.start_reduce_scatter(&of_rank(own, size, Kind::Float), Reduction::Sum).unwrap();
    let first = group.start_broadcast(of_rank(own, 3, Kind::Bool), size - 1).unwrap();
    let barrier = group.start_barrier().unwrap();
    barrier.wait().unwrap();
    assert_same(&first.wait().unwrap(), &of_rank(size - 1, 3, Kind::Bool), "broadcast");
    let expected = reference(&of_all(size, size, Kind::Float), Reduction::Sum).narrow(0, own as i64, 1);
    assert_same(&part.wait().unwrap(), &expected, "reduce_scatter");
    let (all, timing) = all.wait_timed().unwrap();
    assert_same(&all, &of_all(size, 3, Kind::Int64).view([-1, 3]), "all_gather");
    assert_eq!(timing.took.is_some(), size > 1, "gathers alone are timed");
    assert!(timing.took.is_none_or(|took| took < begun.elapsed()) && timing.waited < begun.elapsed(), "{timing:?}");
    let expected = reference(&of_all(size, 3, Kind::BFloat16), Reduction::Avg);
    let (sum, timing) = sum.wait_timed().unwrap();
    assert_same(&sum, &expected, "all_reduce");
    assert_eq!(timing.took, None);
}

/// Sums of numbers that are not exact: the same bits on every rank, near to what float64 gives.
fn same_bits(group: &ProcessGroup) {
    let length = 1000 * group.size() as i64;
    let of_rank = |rank: usize| {
        let index = Tensor::arange(length, (Kind::Float, Device::Cpu));
        no_grad(|| ((index + 1.0) * (rank as f64 + 0.7)).sin())
    };
    let mut sum = of_rank(group.rank());
    group.all_reduce(&mut sum, Reduction::Sum).unwrap();
    for other in group.all_gather_list(&sum).unwrap() {
        assert!(other.equal(&sum), "ranks have different sums");
    }
    let all: Vec<Tensor> = (0..group.size()).map(of_rank).collect();
    let expected = reference(&Tensor::stack(&all, 0), Reduction::Sum);
    assert!(sum.allclose(&expected, 1e-5, 1e-6, false));
    let part = group.reduce_scatter(&of_rank(group.rank()), Reduction::Sum).unwrap();
    assert!(part.allclose(&expected.narrow(0, 1000 * group.rank() as i64, 1000), 1e-5, 1e-6, false));
}

pub(crate) fn play_bytes() {
    let job = start(TIMEOUT);
    let group = job.group("all", vec![0, 1], Backend::Gloo, TIMEOUT).unwrap();
    let content = |rank: usize, length: usize| -> Vec<u8> {
        let period: Vec<u8> = (0..997).map(|index| (index * 31 + rank * 7) as u8).collect();
        let mut content = period.repeat(length / period.len() + 1);
        content.truncate(length);
        content
    };
    for length in [0, 1, 10_000_000] {
        for root in 0..2 {
            let own = if group.rank() == root { content(root, length) } else { b"not looked at".to_vec() };
            assert!(group.broadcast_bytes(&own, root).unwrap() == content(root, length), "{length} from {root}");
        }
        let uneven = |rank: usize| content(rank, if rank == 0 { length } else { length / 3 });
        let all = group.all_gather_bytes(&uneven(group.rank())).unwrap();
        assert!(all == [uneven(0), uneven(1)], "{length} from all");
        for root in 0..2 {
            let parts = if group.rank() == root { vec![uneven(0), uneven(1)] } else { Vec::new() };
            assert!(group.scatter_bytes(&parts, root).unwrap() == uneven(group.rank()), "{length} cut by {root}");
            let all = group.gather_bytes(&uneven(group.rank()), root).unwrap();
            let expected = if group.rank() == root { vec![uneven(0), uneven(1)] } else { Vec::new() };
            assert!(all == expected, "{length} on {root}");
        }
    }
    drop(group);
    job.finish(TIMEOUT);
}
