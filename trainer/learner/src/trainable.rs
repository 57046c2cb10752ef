//! One optimizer step, for whatever is trained: a policy, a critic, a reward model.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use policy::{Decoder, NamedTensors, Parameter, Policy, RewardModel, ScalarHead};
use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::optimizer::adamw::{AdamW, AdamWConfig};
use crate::optimizer::gradient_norm::{global_norm, scale_to_norm, weighted_squares};
use crate::optimizer::saved_state;
use crate::optimizer::schedule::Schedule;
use crate::ranks::Ranks;

/// Number of skipped updates in a row after which a run should end: what is not finite once may be a freak, what stays
/// so is lost.
pub const MAX_SKIPPED_IN_A_ROW: u32 = 3;

/// A model whose parameters gather gradients.
pub trait Model {
    /// The tensors that training updates, sharing the model's memory.
    fn parameters(&self) -> Vec<Parameter>;

    /// Float32 gradients gathered so far, one for each of [`Model::parameters`], sharing the model's memory.
    fn gradients(&self) -> Vec<Option<Tensor>>;

    /// Drops all gradients and their memory.
    fn clear_gradients(&mut self);

    /// Ends the gradients of an update: each is then summed over the ranks, whole or in the piece that is here.
    ///
    /// # Errors
    /// An operation between ranks failed, now or while the gradients were gathered; or the weights are on other ranks
    /// than the update.
    fn complete_gradients(&mut self, ranks: Option<&Ranks>) -> Result<()>;
}

impl Model for Decoder {
    fn parameters(&self) -> Vec<Parameter> {
        self.store().parameters()
    }

    fn gradients(&self) -> Vec<Option<Tensor>> {
        self.store().gradients()
    }

    fn clear_gradients(&mut self) {
        self.store_mut().clear_gradients();
    }

    fn complete_gradients(&mut self, ranks: Option<&Ranks>) -> Result<()> {
        let of_share = self.store().tensor().map_or(1, |tensor| tensor.group().size());
        let tensor_size = ranks.map_or(1, Ranks::tensor_size);
        ensure!(
            of_share == tensor_size,
            "the update counts with {tensor_size} shares of a model and the weights are one of {of_share}; give its \
             ranks the tensor group of the weights (Ranks::with_tensor)"
        );
        let of_weights = self.store().spread().num_ranks();
        let of_update = ranks.map_or(1, |ranks| ranks.size() * ranks.context_size());
        ensure!(
            of_weights == of_update,
            "the update is spread over {of_update} ranks and the weights over {of_weights}; cut the weights over the \
             ranks of the update (Sharded)"
        );
        Ok(self.store_mut().complete_gradients()?)
    }
}

impl Model for ScalarHead {
    fn parameters(&self) -> Vec<Parameter> {
        vec![self.parameter()]
    }

    fn gradients(&self) -> Vec<Option<Tensor>> {
        vec![self.gradient()]
    }

    fn clear_gradients(&mut self) {
        self.clear_gradient();
    }

    /// Every rank has the whole head.
    fn complete_gradients(&mut self, ranks: Option<&Ranks>) -> Result<()> {
        if let (Some(ranks), Some(mut gradient)) = (ranks, self.gradient()) {
            ranks.sum_gradient(&mut gradient)?;
        }
        Ok(())
    }
}

impl Model for RewardModel {
    fn parameters(&self) -> Vec<Parameter> {
        [self.decoder.parameters(), self.head.parameters()].into_iter().flatten().collect()
    }

    fn gradients(&self) -> Vec<Option<Tensor>> {
        [self.decoder.gradients(), self.head.gradients()].into_iter().flatten().collect()
    }

    fn clear_gradients(&mut self) {
        self.decoder.clear_gradients();
        self.head.clear_gradients();
    }

    fn complete_gradients(&mut self, ranks: Option<&Ranks>) -> Result<()> {
        self.decoder.complete_gradients(ranks)?;
        self.head.complete_gradients(ranks)
    }
}

/// A policy, with a critic's head on its own trunk where the two share one.
#[derive(Debug)]
pub struct Actor {
    /// The policy that is trained and sampled from.
    pub policy: Policy,
    /// Head of a critic that shares the policy's trunk.
    pub value_head: Option<ScalarHead>,
}

impl Model for Actor {
    fn parameters(&self) -> Vec<Parameter> {
        let mut parameters = self.policy.decoder.parameters();
        parameters.extend(self.value_head.iter().flat_map(Model::parameters));
        parameters
    }

    fn gradients(&self) -> Vec<Option<Tensor>> {
        let mut gradients = self.policy.decoder.gradients();
        gradients.extend(self.value_head.iter().flat_map(Model::gradients));
        gradients
    }

    fn clear_gradients(&mut self) {
        self.policy.decoder.clear_gradients();
        self.value_head.iter_mut().for_each(Model::clear_gradients);
    }

    fn complete_gradients(&mut self, ranks: Option<&Ranks>) -> Result<()> {
        self.policy.decoder.complete_gradients(ranks)?;
        self.value_head.iter_mut().try_for_each(|head| head.complete_gradients(ranks))
    }
}

/// A model with its optimizer.
#[derive(Debug)]
pub struct Trainable<M> {
    /// The model.
    pub model: M,
    training: Option<Training>,
    /// Counts of its updates.
    pub counts: UpdateCounts,
}

/// What only a model in training has.
#[derive(Debug)]
struct Training {
    optimizer: AdamW,
    schedule: Schedule,
}

/// Counts of a model's updates, as a checkpoint keeps them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdateCounts {
    /// Number of updates that changed the model.
    pub applied: u64,
    /// Number of updates that were skipped since the last that was not.
    pub skipped_in_a_row: u32,
}

/// What an optimizer step did.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepOutcome {
    /// Loss of the minibatch, over all ranks.
    pub loss: f64,
    /// Norm of the gradient before clipping.
    pub gradient_norm: f64,
    /// Learning rate.
    pub lr: f64,
    /// False where loss or norm were not finite, and the model is as it was.
    pub applied: bool,
    /// Number of updates that were skipped since the last that was not, this one among them.
    pub skipped_in_a_row: u32,
}

impl<M: Model> Trainable<M> {
    /// A model to compute with, and not to train.
    pub fn frozen(model: M) -> Self {
        Self { model, training: None, counts: UpdateCounts::default() }
    }

    /// A model in training; the optimizer's memory is there from the start.
    ///
    /// # Errors
    /// The optimizer's configuration is out of range.
    pub fn new(model: M, config: &AdamWConfig, schedule: Schedule) -> Result<Self> {
        let optimizer = AdamW::new(config.clone(), &model.parameters())?;
        Ok(Self { training: Some(Training { optimizer, schedule }), ..Self::frozen(model) })
    }

    /// Updates the model by its gradients, which are clipped and then dropped. `place` is the update's in the learning
    /// rate's schedule; `loss` is the minibatch's share of this rank. Loss and norm are those of all `ranks`, so that
    /// all of them update or none.
    ///
    /// # Errors
    /// The model is frozen, its weights are on other ranks, or an operation between ranks failed.
    pub fn apply(&mut self, place: u64, loss: f64, ranks: Option<&Ranks>) -> Result<StepOutcome> {
        let training = self.training.as_mut().context("this model is not trainable")?;
        self.model.complete_gradients(ranks)?;
        ranks.map_or(Ok(()), Ranks::verify)?;
        let gradients = self.model.gradients();
        let mut defined: Vec<Tensor> = gradients.iter().flatten().map(Tensor::shallow_clone).collect();
        let (loss, gradient_norm) = match ranks {
            None => (loss, global_norm(&defined)),
            Some(ranks) => {
                let squares = share_of_squares(&self.model.parameters(), &gradients, ranks);
                let [loss, squares] = ranks.over_shares(ranks.sums([loss, squares])?)?;
                (loss, squares.sqrt())
            }
        };
        scale_to_norm(&mut defined, gradient_norm, training.optimizer.config().max_gradient_norm);
        let lr = training.schedule.rate(place);
        let applied = gradient_norm.is_finite() && loss.is_finite();
        if applied {
            training.optimizer.step(&self.model.parameters(), &gradients, lr)?;
            self.counts = UpdateCounts { applied: self.counts.applied + 1, skipped_in_a_row: 0 };
        } else {
            tracing::warn!(loss, gradient_norm, "loss or gradient are not finite: this update is skipped");
            self.counts.skipped_in_a_row += 1;
        }
        self.model.clear_gradients();
        Ok(StepOutcome { loss, gradient_norm, lr, applied, skipped_in_a_row: self.counts.skipped_in_a_row })
    }

    /// The optimizer's state for a checkpoint, under a checkpoint's names; empty of a frozen model.
    pub fn optimizer_state(&self) -> NamedTensors {
        let state = |training: &Training| training.optimizer.state(&self.model.parameters());
        self.training.as_ref().map_or(Vec::new(), state)
    }

    /// Writes the optimizer's state as the component `name` of a checkpoint, into `NAME.safetensors`; where the model's
    /// parameters are cut over `num_ranks` ranks, each writes what it holds into a file of its own,
    /// `NAME-rank-00000-of-00004.safetensors`, and of replicas, which hold the same, one does. Returns the file's name.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save_optimizer(&self, folder: &Path, name: &str, rank: usize, num_ranks: usize) -> Result<String> {
        saved_state::write(folder, name, rank, num_ranks, &self.optimizer_state())
    }

    /// Replaces the optimizer's state by that of the component `name` of a checkpoint, which any number of ranks may
    /// have written; each rank reads what it holds, bit for bit.
    ///
    /// # Errors
    /// The model is frozen, a file is missing, or the state is not this model's or not whole. The optimizer is then as
    /// it was.
    pub fn load_optimizer(&mut self, folder: &Path, name: &str) -> Result<()> {
        ensure!(self.training.is_some(), "this model is not trainable");
        self.load_optimizer_state(saved_state::read(folder, name, &self.optimizer_state(), &self.model.parameters())?)
    }

    /// Replaces the optimizer's state by one under the names of [`Trainable::optimizer_state`].
    ///
    /// # Errors
    /// The model is frozen, or the state is not this model's.
    pub fn load_optimizer_state(&mut self, state: NamedTensors) -> Result<()> {
        let parameters = self.model.parameters();
        let training = self.training.as_mut().context("this model is not trainable")?;
        training.optimizer.load_state(state, &parameters)
    }
}

/// This rank's share of the squares of all gradients: what several ranks hold counts once for all.
fn share_of_squares(parameters: &[Parameter], gradients: &[Option<Tensor>], ranks: &Ranks) -> f64 {
    let (mut tensors, mut shares) = (Vec::new(), Vec::new());
    for (parameter, gradient) in parameters.iter().zip(gradients) {
        let Some(gradient) = gradient else { continue };
        // The squares are summed over ranks with different trajectories alone.
        let of_piece = parameter.piece.as_ref().map(|piece| piece.copies / ranks.context_size());
        let copies = of_piece.unwrap_or_else(|| ranks.size());
        if ranks.tensor_size() == 1 {
            tensors.push(gradient.shallow_clone());
            shares.push(1.0 / copies as f64);
            continue;
        }
        for part in parameter.held(gradient) {
            let of_tensor_group = part.copies.unwrap_or_else(|| ranks.tensor_size());
            tensors.push(part.tensor);
            shares.push(1.0 / (copies * of_tensor_group) as f64);
        }
    }
    weighted_squares(&tensors, &shares)
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;
    use crate::optimizer::schedule::ScheduleConfig;

    fn gradient(head: &mut ScalarHead, value: f64) {
        let hidden = Tensor::ones([1, 4], (Kind::Float, Device::Cpu));
        let gradient = Tensor::full([1], value, (Kind::Float, Device::Cpu));
        let _ = policy::Head::backward(head, (), &hidden, &hidden, &gradient);
    }

    #[test]
    fn what_is_not_finite_is_skipped_counted_and_forgotten() {
        let schedule = Schedule::new(ScheduleConfig { lr: 0.1, warmup_updates: 0, ..Default::default() }, 10).unwrap();
        let head = ScalarHead::zeros(4, Device::Cpu);
        let mut head = Trainable::new(head, &AdamWConfig::default(), schedule).unwrap();
        for (value, loss) in [(f64::NAN, 1.0), (1.0, f64::INFINITY)] {
            gradient(&mut head.model, value);
            assert!(!head.apply(0, loss, None).unwrap().applied);
            assert_eq!(head.model.parameter().tensor.abs().max().double_value(&[]), 0.0);
            assert!(head.model.gradient().is_none());
        }
        assert_eq!(head.counts, UpdateCounts { applied: 0, skipped_in_a_row: 2 });
        gradient(&mut head.model, 1.0);
        let outcome = head.apply(2, 1.0, None).unwrap();
        assert!(outcome.applied && (outcome.gradient_norm - 2.0).abs() < 1e-6 && outcome.lr == 0.1);
        assert_eq!(head.counts, UpdateCounts { applied: 1, skipped_in_a_row: 0 });
        assert!(head.model.parameter().tensor.max().double_value(&[]) < 0.0);
    }

    #[test]
    fn a_frozen_model_refuses_updates() {
        let mut head = Trainable::frozen(ScalarHead::zeros(4, Device::Cpu));
        assert!(head.apply(0, 1.0, None).is_err() && head.load_optimizer_state(Vec::new()).is_err());
        assert!(head.optimizer_state().is_empty());
    }
}
