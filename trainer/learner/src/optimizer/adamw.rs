//! AdamW: Adam with decoupled weight decay (Kingma and Ba, arXiv 1412.6980; Loshchilov and Hutter, arXiv 1711.05101).
//!
//! At a parameter's update `t` (from 1) with gradient `g` and rate `lr`, in float32:
//!
//! ```text
//! w *= 1 - lr * weight_decay                (matrices only: whole parameters of two dimensions or more)
//! m  = beta1 m + (1 - beta1) g
//! v  = beta2 v + (1 - beta2) g^2
//! w -= lr / (1 - beta1^t) * m / (sqrt(v / (1 - beta2^t)) + eps)
//! ```
//!
//! Departures: a parameter of lower precision than float32 has a float32 master copy here, which is what is updated and
//! then rounded into the parameter; at a rate of 1e-6 bfloat16 weights alone would not move. Biases and norms are not
//! decayed.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};
use policy::{NamedTensors, Parameter};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor, no_grad};

use super::state_place::{Piece, StatePlace, Way};

/// First part of a name in a saved state, before a dot and the parameter's name.
const NUM_UPDATES: &str = "num_updates";
const EXP_AVG: &str = "exp_avg";
const EXP_AVG_SQ: &str = "exp_avg_sq";
const MASTER: &str = "master";

/// AdamW: Adam with decoupled weight decay (arXiv 1412.6980, 1711.05101).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdamWConfig {
    /// Decay of the gradient's running mean.
    pub beta1: f64,
    /// Decay of the squared gradient's running mean.
    pub beta2: f64,
    /// Number added to the root of the second moment, in units of gradient. 1e-15 in ScaleRL.
    pub eps: f64,
    /// Share of each matrix that is removed per unit of learning rate and update. 0.1 in DAPO, 0 in ORZ.
    pub weight_decay: f64,
    /// Norm over all parameters to which longer gradients are scaled down; `inf` never scales.
    pub max_gradient_norm: f64,
    /// Memory that holds moments and float32 masters. The numbers are the same.
    pub state: StatePlace,
}

impl Default for AdamWConfig {
    fn default() -> Self {
        let state = StatePlace::default();
        Self { beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.1, max_gradient_norm: 1.0, state }
    }
}

impl AdamWConfig {
    /// # Errors
    /// A number is outside the range in which the update means something; the message begins with its key.
    pub fn validate(&self) -> Result<()> {
        for (name, beta) in [("beta1", self.beta1), ("beta2", self.beta2)] {
            ensure!((0.0..1.0).contains(&beta), "{name}: is {beta}; set it to 0 or more and below 1");
        }
        for (name, value) in [("eps", self.eps), ("weight_decay", self.weight_decay)] {
            ensure!(value.is_finite() && value >= 0.0, "{name}: is {value}; set it to 0 or more");
        }
        ensure!(
            self.max_gradient_norm > 0.0,
            "max_gradient_norm: is {}; set it over 0 (inf never clips)",
            self.max_gradient_norm
        );
        Ok(())
    }
}

/// The optimizer: moments and master weights of some parameters.
#[derive(Debug)]
pub struct AdamW {
    config: AdamWConfig,
    /// In the order of the parameters.
    moments: Vec<Moments>,
    /// Of the state between where it lies and the parameters.
    way: Way,
}

/// State of one parameter; tensors are float32, flat, where [`AdamWConfig::state`] has them.
#[derive(Debug)]
struct Moments {
    num_updates: i64,
    exp_avg: Tensor,
    exp_avg_sq: Tensor,
    master: Option<Tensor>,
}

impl AdamW {
    /// An optimizer of these parameters, with all its memory.
    ///
    /// # Errors
    /// As [`AdamWConfig::validate`]; or the state is to lie on the host and there is no room, or CUDA cannot.
    pub fn new(config: AdamWConfig, parameters: &[Parameter]) -> Result<Self> {
        let device = parameters.first().map_or(Device::Cpu, |parameter| parameter.tensor.device());
        let way = Way::new(config.state, device)?;
        Self::on_way(config, parameters, way)
    }

    /// As [`AdamW::new`], of a state that goes this way.
    pub(super) fn on_way(config: AdamWConfig, parameters: &[Parameter], way: Way) -> Result<Self> {
        config.validate()?;
        let moments = parameters.iter().map(|parameter| Moments::new(&parameter.tensor.detach().reshape([-1]), &way));
        Ok(Self { moments: moments.collect::<Result<_>>()?, config, way })
    }

    /// The optimizer's settings.
    pub fn config(&self) -> &AdamWConfig {
        &self.config
    }

    /// One update of the parameters in place, at rate `lr`, with a gradient for each in any float type. A parameter
    /// without a gradient is left alone, and its update count with it. Clip first ([`super::gradient_norm`]).
    ///
    /// # Errors
    /// These are not the parameters that the optimizer was made for; nothing is updated then.
    pub fn step(&mut self, parameters: &[Parameter], gradients: &[Option<Tensor>], lr: f64) -> Result<()> {
        ensure!(
            parameters.len() == self.moments.len() && gradients.len() == self.moments.len(),
            "AdamW has {} parameters and is given {} with {} gradients",
            self.moments.len(),
            parameters.len(),
            gradients.len()
        );
        for ((parameter, gradient), moments) in parameters.iter().zip(gradients).zip(&self.moments) {
            let Some(gradient) = gradient else { continue };
            let Parameter { name, tensor, .. } = parameter;
            ensure!(tensor.is_contiguous(), "AdamW cannot update {name}: its memory is not contiguous");
            ensure!(
                moments.exp_avg.numel() == tensor.numel() && gradient.size() == tensor.size(),
                "AdamW cannot update {name}: it has shape {:?}, its gradient {:?}, and its state {} elements",
                tensor.size(),
                gradient.size(),
                moments.exp_avg.numel()
            );
        }
        let mut updates = Vec::new();
        for ((parameter, gradient), moments) in parameters.iter().zip(gradients).zip(&mut self.moments) {
            let Some(gradient) = gradient else { continue };
            moments.num_updates += 1;
            let decay = match parameter.num_dimensions() {
                0 | 1 => 1.0,
                _ => 1.0 - lr * self.config.weight_decay,
            };
            let weights = parameter.tensor.detach().view(-1); // [numel], the parameter's memory
            let update = Update::new(&self.config, moments.num_updates, decay, lr);
            updates.push(Step { update, weights, gradient: gradient.detach().reshape([-1]), moments });
        }
        no_grad(|| self.way.walk(&updates))
    }

    /// The state for a checkpoint: of each part that a checkpoint names, `num_updates.NAME` (int64 scalar),
    /// `exp_avg.NAME`, `exp_avg_sq.NAME`, and `master.NAME` of low-precision parameters, in the part's shape. The
    /// tensors share the optimizer's memory, and do not depend on which parts are stored as one. Of a parameter that is
    /// cut over ranks there is this rank's piece, flat, under a name that ends in its range ([`Parameter::split`]).
    pub fn state(&self, parameters: &[Parameter]) -> NamedTensors {
        let mut tensors = Vec::new();
        for (parameter, moments) in parameters.iter().zip(&self.moments) {
            for (name, _) in parameter.split(&parameter.tensor) {
                tensors.push((format!("{NUM_UPDATES}.{name}"), Tensor::from(moments.num_updates)));
            }
            for (what, tensor) in moments.tensors() {
                let parts = parameter.split(&tensor.view(parameter.tensor.size().as_slice()));
                tensors.extend(parts.into_iter().map(|(name, tensor)| (format!("{what}.{name}"), tensor)));
            }
        }
        tensors
    }

    /// Replaces the whole state by a saved one, under the names of [`AdamW::state`]. It is copied into the memory that
    /// the optimizer has, and each saved tensor is dropped once it is copied.
    ///
    /// # Errors
    /// These are not the parameters that the optimizer was made for; a tensor belongs to no parameter, has another
    /// shape, or one of a parameter's is missing. The optimizer is then as it was.
    pub fn load_state(&mut self, state: NamedTensors, parameters: &[Parameter]) -> Result<()> {
        ensure!(
            parameters.len() == self.moments.len(),
            "AdamW has {} parameters and is given {}",
            self.moments.len(),
            parameters.len()
        );
        let targets = self.state(parameters);
        let mut saved: BTreeMap<String, Tensor> = state.into_iter().collect();
        check_state(&saved, &targets)?;
        for (parameter, moments) in parameters.iter().zip(&mut self.moments) {
            for (name, _) in parameter.split(&parameter.tensor) {
                let count = &saved[&format!("{NUM_UPDATES}.{name}")];
                moments.num_updates = count.reshape([1]).int64_value(&[0]);
            }
        }
        for (name, mut target) in targets {
            if let Some(source) = saved.remove(&name) {
                no_grad(|| target.copy_(&source));
            }
        }
        Ok(())
    }
}

/// Errors where a saved state has other tensors than the optimizer's own, `targets`.
fn check_state(saved: &BTreeMap<String, Tensor>, targets: &NamedTensors) -> Result<()> {
    for (name, target) in targets {
        let source = saved.get(name).with_context(|| format!("the optimizer state lacks {name}"))?;
        if target.dim() == 0 {
            ensure!(source.numel() == 1, "the optimizer state's {name} is not one number");
            continue;
        }
        ensure!(
            source.size() == target.size(),
            "the optimizer state's {name} has shape {:?}, the parameter {:?}; resume from the checkpoint of the same \
             model",
            source.size(),
            target.size()
        );
    }
    let known: BTreeSet<&str> = targets.iter().map(|(name, _)| name.as_str()).collect();
    if let Some(name) = saved.keys().find(|name| !known.contains(name.as_str())) {
        bail!(
            "the optimizer state has {name}, which belongs to no parameter of this model; resume from the checkpoint \
             of the same model, written by this version"
        );
    }
    Ok(())
}

impl Moments {
    fn new(weights: &Tensor, way: &Way) -> Result<Self> {
        Ok(Self {
            num_updates: 0,
            exp_avg: way.place(weights, true)?,
            exp_avg_sq: way.place(weights, true)?,
            master: (weights.kind() != Kind::Float).then(|| way.place(weights, false)).transpose()?,
        })
    }

    /// The tensors with the first part of their names.
    fn tensors(&self) -> impl Iterator<Item = (&'static str, &Tensor)> {
        let moments = [(EXP_AVG, &self.exp_avg), (EXP_AVG_SQ, &self.exp_avg_sq)];
        moments.into_iter().chain(self.master.as_ref().map(|master| (MASTER, master)))
    }
}

/// Numbers of one update of one parameter.
#[derive(Clone, Copy)]
struct Update {
    beta1: f64,
    beta2: f64,
    eps: f64,
    decay: f64,
    rate: f64,
    root_of_correction2: f64,
}

impl Update {
    fn new(config: &AdamWConfig, num_updates: i64, decay: f64, lr: f64) -> Self {
        let correction = |beta: f64| 1.0 - beta.powi(num_updates as i32);
        let AdamWConfig { beta1, beta2, eps, .. } = *config;
        let (rate, root_of_correction2) = (-lr / correction(beta1), correction(beta2).sqrt());
        Self { beta1, beta2, eps, decay, rate, root_of_correction2 }
    }

    /// Updates a stretch of a parameter: `state` has its mean, its square, and its master where it has one.
    fn apply(&self, state: &mut [Tensor], weights: &mut Tensor, gradient: &Tensor) {
        let gradient = gradient.to_kind(Kind::Float);
        let [mean, square, master @ ..] = state else { return };
        let _ = mean.lerp_(&gradient, 1.0 - self.beta1);
        let _ = square.g_mul_scalar_(self.beta2);
        let _ = square.addcmul_(&(&gradient * (1.0 - self.beta2)), &gradient);
        let mut denominator = square.sqrt();
        let _ = denominator.g_mul_scalar_(1.0 / self.root_of_correction2);
        let _ = denominator.g_add_scalar_(self.eps);
        let step = &*mean * self.rate;
        let updated = master.first_mut();
        let is_rounded = updated.is_some();
        let target = updated.unwrap_or(weights);
        if self.decay != 1.0 {
            let _ = target.g_mul_scalar_(self.decay);
        }
        let _ = target.addcdiv_(&step, &denominator);
        if is_rounded {
            weights.copy_(&master[0]);
        }
    }
}

/// A parameter's update, its weights and gradient, flat, and the state that goes with them.
struct Step<'a> {
    update: Update,
    weights: Tensor,
    gradient: Tensor,
    moments: &'a Moments,
}

impl Way {
    /// Does some parameters' updates, stretch by stretch; the state of the next stretch is brought before one is
    /// computed.
    fn walk(&self, steps: &[Step<'_>]) -> Result<()> {
        let stretches = steps.iter().flat_map(|step| {
            let (numel, length) = (step.weights.size()[0], self.piece_length(step.weights.device()));
            let starts = (0..numel).step_by(length as usize);
            starts.map(move |start| (step, start, length.min(numel - start)))
        });
        let mut brought: Option<(Piece, &Step<'_>, i64, i64)> = None;
        for stretch in stretches.map(Some).chain([None]) {
            let next = stretch.map(|(step, start, length)| {
                let home = step.moments.tensors().map(|(_, tensor)| tensor.narrow(0, start, length)).collect();
                self.bring(home, step.weights.device()).map(|piece| (piece, step, start, length))
            });
            let next = next.transpose()?;
            if let Some((piece, step, start, length)) = brought.take() {
                let (mut weights, gradient) = (step.weights.narrow(0, start, length), &step.gradient);
                let gradient = gradient.narrow(0, start, length);
                self.compute(piece, |state| step.update.apply(state, &mut weights, &gradient))?;
            }
            brought = next;
        }
        self.settle()
    }
}
