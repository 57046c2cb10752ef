//! One rank of a group whose others do not exist: sizes are those of the whole group, and nothing waits.

use dist::{ProcessGroup, Reduction};
use tch::{Kind, Tensor};

fn values(tensor: &Tensor) -> Vec<f32> {
    Vec::try_from(tensor.to_kind(Kind::Float)).unwrap()
}

#[test]
fn what_would_come_from_others_is_this_ranks_own() {
    let group = ProcessGroup::fake("shard", 2, 4).unwrap();
    assert_eq!((group.rank(), group.size(), group.ranks()), (2, 4, [0, 1, 2, 3].as_slice()));
    let own = Tensor::from_slice(&[1.0f32, 2.0]);
    assert_eq!(values(&group.all_gather(&own).unwrap()), [1.0, 2.0].repeat(4));
    // Each of the four sends this rank what it keeps for itself of its own: part 2.
    let parts = Tensor::from_slice(&[1.0f32, 2.0, 3.0, 4.0]);
    assert_eq!(values(&group.reduce_scatter(&parts, Reduction::Sum).unwrap()), [12.0]);
    assert_eq!(values(&group.all_to_all(&parts, &[1; 4], &[1; 4]).unwrap()), [3.0; 4]);
    // Of another length than its own there is nothing to repeat.
    let uneven = group.all_to_all(&parts, &[2, 1, 1, 0], &[0, 2, 1, 3]).unwrap();
    assert_eq!(values(&uneven), [0.0, 0.0, 4.0, 0.0, 0.0, 0.0]);
    let mut sum = own.copy();
    group.all_reduce(&mut sum, Reduction::Sum).unwrap();
    group.broadcast(&mut sum, 0).unwrap();
    group.barrier().unwrap();
    assert_eq!(values(&sum), [1.0, 2.0]);
    assert_eq!(group.all_gather_bytes(b"abc").unwrap(), vec![b"abc".to_vec(); 4]);
}

#[test]
fn a_rank_that_the_group_has_not_is_refused() {
    let error = ProcessGroup::fake("shard", 4, 4).unwrap_err().to_string();
    assert!(error.contains("this rank is none of them"), "{error}");
    assert!(ProcessGroup::fake("shard", 0, 0).is_err());
}
