//! The gradient of a minibatch in bfloat16: its sums are float32, however the minibatch is cut.

use policy::Recompute;
use tch::{Device, Kind, Tensor};

use super::bf16_model::{BFLOAT16, ROUNDING, actor, distance, groups_of, micro_folder, plan, trajectories};
use crate::micro_batch::Minibatch;
use crate::trainable::{Actor, Model, Trainable};
use crate::trajectory::Trajectory;
use crate::update::accumulate;
use crate::update_outcome::TargetTotals;
use crate::update_plan::UpdatePlan;

type Gradients = Vec<(String, Tensor)>;

/// Bound of float32's rounding in a sum of a few dozen terms, relative to the sum's norm.
const FLOAT_ROUNDING: f64 = 4e-6;

/// Gradients of a minibatch by the names of the parameters.
fn gradients(actor: &mut Trainable<Actor>, batch: &Minibatch, plan: &UpdatePlan) -> Gradients {
    accumulate(&mut actor.model, batch, plan, &mut TargetTotals::default()).unwrap();
    let gradients = actor.model.gradients().into_iter().map(Option::unwrap);
    actor.model.parameters().into_iter().map(|parameter| parameter.name).zip(gradients).collect()
}

fn minibatch<'a>(trajectories: impl IntoIterator<Item = &'a Trajectory>, max_tokens: usize) -> Minibatch {
    Minibatch::new(trajectories, max_tokens, Device::Cpu).unwrap()
}

/// A plan without a reference: the trajectories are not scored here.
fn plan_of(chunk: i64, recompute: Recompute) -> UpdatePlan {
    let mut plan = UpdatePlan { recompute, ..plan() };
    plan.loss.kl_coefficient = 0.0;
    plan.head.chunk = chunk;
    plan
}

#[test]
fn a_gradient_is_one_for_every_micro_batch_and_chunk() {
    let folder = micro_folder();
    let groups = groups_of(folder.path(), 0);
    let mut actor = actor(folder.path(), BFLOAT16);
    let all = minibatch(trajectories(&groups), 10_000);
    let whole = gradients(&mut actor, &all, &plan_of(10_000, Recompute::Nothing));
    for max_tokens in [1, 30, 100, 10_000] {
        let batch = minibatch(trajectories(&groups), max_tokens);
        for chunk in [1, 7, 10_000] {
            let full = gradients(&mut actor, &batch, &plan_of(chunk, Recompute::Nothing));
            let streamed = gradients(&mut actor, &batch, &plan_of(chunk, Recompute::Blocks));
            for (((name, whole), (_, full)), (_, streamed)) in whole.iter().zip(&full).zip(&streamed) {
                assert!(full.kind() == Kind::Float && full.equal(streamed), "{name}: streamed is not the full graph");
                let bound = match batch.micro_batches.len() {
                    1 if name == "lm_head.weight" => FLOAT_ROUNDING,
                    // The last bits of the hidden states' float32 gradient may turn a few of its roundings.
                    1 => ROUNDING,
                    // Kernels of other shapes round hidden states otherwise, and autograd rounds a block's gradient
                    // once in each micro-batch; a sum in which micro-batches cancel is smaller than what was rounded.
                    _ => 6.0 * ROUNDING,
                };
                let difference = distance(full, whole);
                assert!(difference <= bound, "{name}, {max_tokens} tokens, chunks of {chunk}: {difference}");
            }
        }
    }
}

#[test]
fn micro_batches_add_up_in_float32() {
    let folder = micro_folder();
    let groups = groups_of(folder.path(), 0);
    let (mut actor, plan) = (actor(folder.path(), BFLOAT16), plan_of(7, Recompute::Blocks));
    let batch = minibatch(trajectories(&groups), 1);
    assert_eq!(batch.micro_batches.len(), 12);
    let together = gradients(&mut actor, &batch, &plan);
    let Minibatch { micro_batches, divisor } = batch;
    let alone: Vec<Gradients> = micro_batches
        .into_iter()
        .map(|micro_batch| Minibatch { micro_batches: vec![micro_batch], divisor })
        .map(|batch| gradients(&mut actor, &batch, &plan))
        .collect();
    for (at, (name, together)) in together.iter().enumerate() {
        let add = |kind| {
            let terms = alone.iter().map(|gradients| gradients[at].1.to_kind(kind));
            terms.reduce(|sum, term| sum + term).unwrap()
        };
        let difference = distance(together, &add(Kind::Double));
        assert!(difference <= FLOAT_ROUNDING, "{name}: {difference}");
        let in_bfloat16 = distance(&add(Kind::BFloat16), &add(Kind::Double));
        assert!(in_bfloat16 > 100.0 * FLOAT_ROUNDING, "{name}: this test could not fail");
    }
}

#[test]
fn sixty_four_equal_micro_batches_are_sixty_four_times_one() {
    let folder = micro_folder();
    let mut actor = actor(folder.path(), BFLOAT16);
    let plan = plan_of(7, Recompute::Nothing);
    let trajectory = groups_of(folder.path(), 0)[1].trajectories[1].clone();
    let copies = vec![trajectory.clone(); 64];
    let batch = minibatch(&copies, trajectory.ids.len());
    assert_eq!(batch.micro_batches.len(), 64);
    let many = gradients(&mut actor, &batch, &plan);
    // The loss is a mean over tokens: each copy has 1/64 of one's gradient, a power of two that rounds nothing.
    let one = gradients(&mut actor, &minibatch([&trajectory], 100), &plan);
    for ((name, many), (_, one)) in many.iter().zip(&one) {
        let difference = distance(many, one);
        assert!(difference <= FLOAT_ROUNDING, "{name}: {difference}");
        let term = (one / 64.0).to_kind(Kind::BFloat16);
        let in_bfloat16 = (1..64).fold(term.copy(), |sum, _| sum + &term);
        assert!(distance(&in_bfloat16, one) > 0.01, "{name}: this test could not fail");
    }
}
