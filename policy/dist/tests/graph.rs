//! Operations between ranks in a graph: each rank's gradient is held against that of the same function in one process.

use std::time::Duration;

use dist::{Backend, GraphGroup};
use tch::{Kind, Tensor};

use crate::ranks::succeed;
use crate::role::start;

const TIMEOUT: Duration = Duration::from_secs(20);

#[test]
fn gradients_go_back_the_way_that_values_came() {
    succeed("graph", 3);
}

/// What rank `rank` begins with, `[6, 2]`.
fn input(rank: usize) -> Tensor {
    (Tensor::arange(12, tch::kind::FLOAT_CPU) + 5.0 * rank as f64).sin().view([6, 2]).set_requires_grad(true)
}

/// What a rank makes of an operation's result.
fn loss(result: &Tensor, rank: usize) -> Tensor {
    let weights = (Tensor::arange(12, tch::kind::FLOAT_CPU) * (rank + 1) as f64).cos().view([6, 2]);
    (result * result * weights).sum(Kind::Float)
}

pub(crate) fn play() {
    let job = start(TIMEOUT);
    let (rank, size) = (job.rank(), job.world_size());
    let group = GraphGroup::new(job.group("graph", (0..size).collect(), Backend::Gloo, TIMEOUT).unwrap());
    let inputs: Vec<Tensor> = (0..size).map(input).collect();
    let stacked = |tensors: &[Tensor]| Tensor::stack(tensors, 0);
    let assert_gradient = |what: &str, own: &Tensor, whole: Tensor, of: &Tensor| {
        whole.backward();
        let difference = (own.grad() - of.grad()).abs().max().double_value(&[]);
        assert!(difference < 1e-5, "{what}: {difference}");
        let _ = of.grad().zero_();
    };

    // A sum, of which each rank makes the same.
    let own = input(rank);
    let sum = group.sum(&own);
    loss(&sum, 0).backward();
    assert_gradient("sum", &own, loss(&stacked(&inputs).sum_dim_intlist(0, false, Kind::Float), 0), &inputs[rank]);

    // The same tensor, of which each rank makes something else.
    let (own, whole) = (input(0), input(0));
    let spread = group.spread(&own);
    assert!(spread.equal(&own));
    loss(&spread, rank).backward();
    let all = (0..size).map(|rank| loss(&whole, rank)).reduce(|sum, loss| sum + loss).unwrap();
    assert_gradient("spread", &own, all, &whole);

    // Rows sent and received, behind another operation.
    let inputs: Vec<Tensor> = (0..size).map(input).collect();
    let own = input(rank);
    loss(&group.exchange(&(&own * 3.0)), rank).backward();
    let received = |to: usize| {
        let rows: Vec<Tensor> = inputs.iter().map(|input| (input * 3.0).narrow(0, 2 * to as i64, 2)).collect();
        Tensor::cat(&rows, 0)
    };
    let all = (0..size).map(|to| loss(&received(to), to)).reduce(|sum, loss| sum + loss).unwrap();
    assert_gradient("exchange", &own, all, &inputs[rank]);

    assert_eq!(group.sums([1.0, rank as f64]).unwrap(), [3.0, 3.0]);
    let numbers = Tensor::from_slice(&[rank as i64]);
    assert_eq!(Vec::<i64>::try_from(group.gathered(&numbers).view(-1)).unwrap(), [0, 1, 2]);
    assert_eq!(group.broadcast(&numbers, 2).int64_value(&[0]), 2);
    group.verify().unwrap();
    drop(group);
    job.finish(TIMEOUT);
}
