//! The arithmetic of layouts, over every shape of up to 24 ranks.

use std::collections::BTreeSet;

use dist::{Axis, Layout, Shape};

fn layout(lengths: [i64; 4]) -> Layout {
    let [replica, shard, context, tensor] = lengths;
    Layout { replica, shard, context, tensor }
}

/// Every shape of `num_ranks` ranks.
fn shapes(num_ranks: usize) -> Vec<Shape> {
    let lengths = || 1..=num_ranks as i64;
    let mut shapes = Vec::new();
    for (replica, shard, context) in
        lengths().flat_map(|r| lengths().flat_map(move |s| lengths().map(move |c| (r, s, c))))
    {
        shapes.extend(layout([replica, shard, context, -1]).resolve(num_ranks).ok());
    }
    shapes
}

#[test]
fn coordinates_and_ranks_are_inverse_and_the_tensor_axis_is_the_fastest() {
    for num_ranks in 1..=24 {
        for shape in shapes(num_ranks) {
            assert_eq!(shape.num_ranks(), num_ranks);
            for rank in 0..num_ranks {
                assert_eq!(shape.rank(shape.coordinates(rank)), rank);
            }
            let steps = Axis::ALL.map(|axis| {
                let mut one = [0; 4];
                one[axis as usize] = 1;
                shape.rank(one)
            });
            let [_, shard, context, tensor] = Axis::ALL.map(|axis| shape.length(axis));
            assert_eq!(steps, [shard * context * tensor, context * tensor, tensor, 1]);
        }
    }
}

#[test]
fn the_groups_of_an_axis_share_the_ranks_out() {
    for num_ranks in [1, 6, 8, 24] {
        for shape in shapes(num_ranks) {
            for axes in [&[Axis::Tensor][..], &[Axis::Shard], &[Axis::Replica, Axis::Shard], &Axis::ALL] {
                let groups: BTreeSet<Vec<usize>> = (0..num_ranks).map(|rank| shape.peers(rank, axes)).collect();
                let length: usize = axes.iter().map(|&axis| shape.length(axis)).product();
                assert!(groups.iter().all(|group| group.len() == length));
                let members: BTreeSet<usize> = groups.iter().flatten().copied().collect();
                assert_eq!((groups.len() * length, members.len()), (num_ranks, num_ranks));
            }
        }
    }
}

#[test]
fn two_by_two_ranks_are_laid_out_as_drawn() {
    let shape = layout([1, 2, 1, 2]).resolve(4).unwrap();
    assert_eq!(shape.peers(0, &[Axis::Tensor]), [0, 1]);
    assert_eq!(shape.peers(3, &[Axis::Tensor]), [2, 3]);
    assert_eq!(shape.peers(0, &[Axis::Shard]), [0, 2]);
    assert_eq!(shape.peers(3, &[Axis::Shard]), [1, 3]);
    assert_eq!(shape.peers(2, &[Axis::Context]), [2]);
}

#[test]
fn a_layout_that_does_not_fit_is_refused_by_its_field() {
    let refusals = [
        ([1, 0, 1, 1], 1, "layout field `shard`: is 0; give a number from 1"),
        ([-2, 1, 1, 1], 1, "layout field `replica`: is -2; give a number from 1"),
        ([-1, 1, -1, 1], 4, "layout field `context`: is -1, and so is `replica`"),
        ([1, -1, 1, 3], 4, "layout field `shard`: takes what is left, but the others make 3"),
        ([1, 2, 1, 3], 4, "layout field `tensor`: replica 1 x shard 2 x context 1 x tensor 3 makes 6, but there are 4"),
        ([1, 8, 1, 1], 4, "layout field `shard`: replica 1 x shard 8"),
        ([i64::MAX, i64::MAX, 1, -1], 4, "layout field `tensor`: takes what is left"),
    ];
    for (lengths, num_ranks, words) in refusals {
        let error = layout(lengths).resolve(num_ranks).unwrap_err().to_string();
        assert!(error.starts_with(words), "{error}");
    }
    assert!(layout([1, -1, 1, 1]).resolve(0).is_err());
}
