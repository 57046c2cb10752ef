//! What ranks of one layout saved, loaded by those of another: the next gradient is the same.

use std::path::{Path, PathBuf};

use policy::dist::Layout;
use policy::{NamedTensors, Recompute, StoredTensors, component_files, write_rank_file};
use tch::Tensor;

use super::bf16_model::micro_folder;
use super::over_ranks::{Critic, dealt, gather_gradient, groups, learner, plan_of, save};
use super::ranks::succeed;
use super::role::Seat;
use crate::dealing::SequenceCost;
use crate::learner::Learner;
use crate::trainable::{Actor, Model, Trainable};
use crate::trajectory::TrajectoryGroup;
use crate::update::update;
use crate::update_plan::UpdatePlan;

/// Largest difference of a rank's part of a gradient, as a share of its norm.
const TOLERANCE: f64 = 1e-6;

/// Component of a checkpoint that the gradient is written as here.
const GRADIENT: &str = "gradient";

const fn layout(shard: i64, tensor: i64) -> Layout {
    Layout { replica: 1, shard, context: 1, tensor }
}

const SAVED: [(&str, Layout); 4] =
    [("one", layout(1, 1)), ("two shards", layout(2, 1)), ("four shards", layout(4, 1)), ("two shares", layout(1, 2))];

/// One to four ranks.
const LOADED: [(&str, Layout); 4] =
    [("one", layout(1, 1)), ("two", layout(2, 1)), ("three", layout(3, 1)), ("four, of two shares", layout(2, 2))];

#[test]
fn the_next_gradient_of_a_checkpoint_is_that_of_the_layout_which_saved_it() {
    succeed("layouts 1x4x1x1", 4);
}

/// A learner of the seat's ranks; `start` has the model that it begins with.
fn learner_on(seat: &Seat, start: &Path) -> Learner {
    let mut many = learner(start, Critic::None, |decoder| seat.cut(&decoder));
    many.ranks = Some(seat.ranks());
    many
}

/// Of a batch what falls to this rank.
fn own(seat: &Seat, batch: &[TrajectoryGroup], many: &Learner) -> Vec<TrajectoryGroup> {
    dealt(seat, batch.to_vec(), &plan(), SequenceCost::of(many.policy.model.policy.decoder.config()))
}

fn plan() -> UpdatePlan {
    plan_of(Critic::None, Recompute::Blocks)
}

/// What this rank has of the gradient of a batch, under a checkpoint's names.
fn next_gradient(seat: &Seat, batch: &[TrajectoryGroup], many: &mut Learner) -> NamedTensors {
    let own = own(seat, batch, many);
    gather_gradient(many, &own, &plan());
    let actor = &mut many.policy.model;
    actor.complete_gradients(many.ranks.as_ref()).unwrap();
    let held = |(parameter, gradient): (policy::Parameter, Option<Tensor>)| parameter.split(&gradient.unwrap());
    actor.parameters().into_iter().zip(actor.gradients()).flat_map(held).collect()
}

/// The policy of a checkpoint on the ranks of a seat.
fn load(actor: &mut Trainable<Actor>, folder: &Path) {
    actor.model.policy.decoder.load_weights(folder).unwrap();
    actor.load_optimizer(folder, "optimizer").unwrap();
}

pub(super) fn play(seat: &Seat) {
    let start = micro_folder();
    let start = start.path();
    let everyone = seat.everyone();
    let mine = tempfile::tempdir().unwrap();
    let paths = everyone.all_gather_bytes(mine.path().to_str().unwrap().as_bytes()).unwrap();
    let parent = PathBuf::from(String::from_utf8(paths[0].clone()).unwrap());
    let [first, second] = [0, 4].map(|salt| groups(start, salt));
    for (name, layout) in SAVED {
        let folder = parent.join(name);
        std::fs::create_dir_all(&folder).unwrap();
        if let Some(seat) = seat.within(name, layout) {
            let mut many = learner_on(&seat, start);
            let own = own(&seat, &first, &many);
            let _ = update(&mut many, own, &plan(), 0).unwrap();
            save(&seat, &seat.everyone(), &folder, &many.policy);
            let gradient = next_gradient(&seat, &second, &mut many);
            let (rank, num_ranks) = seat.writes().expect("there are no replicas");
            write_rank_file(&folder, GRADIENT, rank, num_ranks, &gradient).unwrap();
        }
        everyone.barrier().unwrap();
        for (other, layout) in LOADED {
            let what = format!("{name} on {other}");
            let Some(seat) = seat.within(&what, layout) else { continue };
            let mut many = learner_on(&seat, start);
            load(&mut many.policy, &folder);
            let files = component_files(&folder, GRADIENT).unwrap();
            let saved = StoredTensors::open(&files).unwrap();
            let [mut difference, mut size] = [0.0; 2];
            for (name, gradient) in next_gradient(&seat, &second, &mut many) {
                let expected = gradient.zeros_like();
                saved.copy(&name, &expected).unwrap();
                difference += (gradient - &expected).square().sum(tch::Kind::Double).double_value(&[]);
                size += expected.square().sum(tch::Kind::Double).double_value(&[]);
            }
            let (difference, size) = (difference.sqrt(), size.sqrt());
            assert!(size > 0.0 && difference <= TOLERANCE * size, "{what}: {difference} of {size}");
        }
        everyone.barrier().unwrap();
    }
}
