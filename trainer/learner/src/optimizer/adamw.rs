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

/// First part of a name in a saved state, before a dot and the parameter's name.
const NUM_UPDATES: &str = "num_updates";
const EXP_AVG: &str = "exp_avg";
const EXP_AVG_SQ: &str = "exp_avg_sq";
const MASTER: &str = "master";

/// Section `adamw`.
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
    /// Norm over all parameters to which longer gradients are scaled down.
    pub max_gradient_norm: f64,
}

impl Default for AdamWConfig {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.1, max_gradient_norm: 1.0 }
    }
}

impl AdamWConfig {
    /// # Errors
    /// A number is outside the range in which the update means something.
    pub fn validate(&self) -> Result<()> {
        for (name, beta) in [("beta1", self.beta1), ("beta2", self.beta2)] {
            ensure!((0.0..1.0).contains(&beta), "adamw.{name} is {beta}; set it to 0 or more and below 1");
        }
        for (name, value) in [("eps", self.eps), ("weight_decay", self.weight_decay)] {
            ensure!(value.is_finite() && value >= 0.0, "adamw.{name} is {value}; set it to 0 or more");
        }
        ensure!(
            self.max_gradient_norm > 0.0,
            "adamw.max_gradient_norm is {}; set it over 0 (inf never clips)",
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
}

/// State of one parameter; tensors are float32, flat, on the parameter's device.
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
    /// As [`AdamWConfig::validate`].
    pub fn new(config: AdamWConfig, parameters: &[Parameter]) -> Result<Self> {
        config.validate()?;
        let moments = parameters.iter().map(|parameter| Moments::new(&parameter.tensor.detach().reshape([-1])));
        Ok(Self { moments: moments.collect(), config })
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
        for ((parameter, gradient), moments) in parameters.iter().zip(gradients).zip(&mut self.moments) {
            let Some(gradient) = gradient else { continue };
            let tensor = &parameter.tensor;
            let decay = match parameter.num_dimensions() {
                0 | 1 => 1.0,
                _ => 1.0 - lr * self.config.weight_decay,
            };
            let weights = tensor.detach().view(-1); // [numel], the parameter's memory
            let gradient = gradient.detach().reshape([-1]);
            no_grad(|| moments.update(&weights, &gradient, decay, lr, &self.config));
        }
        Ok(())
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
    fn new(weights: &Tensor) -> Self {
        let zeros = || weights.zeros_like().to_kind(Kind::Float);
        Self {
            num_updates: 0,
            exp_avg: zeros(),
            exp_avg_sq: zeros(),
            master: (weights.kind() != Kind::Float).then(|| weights.to_kind(Kind::Float)),
        }
    }

    /// The tensors with the first part of their names.
    fn tensors(&self) -> impl Iterator<Item = (&'static str, &Tensor)> {
        let moments = [(EXP_AVG, &self.exp_avg), (EXP_AVG_SQ, &self.exp_avg_sq)];
        moments.into_iter().chain(self.master.as_ref().map(|master| (MASTER, master)))
    }

    /// One update of flat tensors, in stretches: temporaries then stay in a CPU's cache, and small on a GPU.
    fn update(&mut self, weights: &Tensor, gradient: &Tensor, decay: f64, lr: f64, config: &AdamWConfig) {
        self.num_updates += 1;
        let correction1 = 1.0 - config.beta1.powi(self.num_updates as i32);
        let correction2 = 1.0 - config.beta2.powi(self.num_updates as i32);
        let stretch = match weights.device() {
            Device::Cpu => 1 << 17,
            _ => 1 << 24,
        };
        let numel = weights.size()[0];
        let mut start = 0;
        while start < numel {
            let length = stretch.min(numel - start);
            let part = |tensor: &Tensor| tensor.narrow(0, start, length);
            let gradient = part(gradient).to_kind(Kind::Float);
            let (mut mean, mut square) = (part(&self.exp_avg), part(&self.exp_avg_sq));
            let mut master = part(self.master.as_ref().unwrap_or(weights));

            let _ = mean.lerp_(&gradient, 1.0 - config.beta1);
            let _ = square.g_mul_scalar_(config.beta2);
            let _ = square.addcmul_(&(&gradient * (1.0 - config.beta2)), &gradient);
            let mut denominator = square.sqrt();
            let _ = denominator.g_mul_scalar_(1.0 / correction2.sqrt());
            let _ = denominator.g_add_scalar_(config.eps);
            if decay != 1.0 {
                let _ = master.g_mul_scalar_(decay);
            }
            let _ = master.addcdiv_(&(mean * (-lr / correction1)), &denominator);
            if self.master.is_some() {
                part(weights).copy_(&master);
            }
            start += length;
        }
    }
}
