//! AdamW: Adam with decoupled weight decay (Kingma and Ba, arXiv 1412.6980; Loshchilov and Hutter, arXiv 1711.05101).
//!
//! At a parameter's update `t` (from 1) with gradient `g` and rate `lr`, in float32:
//!
//! ```text
//! w *= 1 - lr * weight_decay                (matrices only: parameters of two dimensions or more)
//! m  = beta1 m + (1 - beta1) g
//! v  = beta2 v + (1 - beta2) g^2
//! w -= lr / (1 - beta1^t) * m / (sqrt(v / (1 - beta2^t)) + eps)
//! ```
//!
//! Departures: a parameter of lower precision than float32 has a float32 master copy here, which is what is updated and
//! then rounded into the parameter; at a rate of 1e-6 bfloat16 weights alone would not move. Biases and norms are not
//! decayed.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use policy::NamedTensors;
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
    /// Errors where a number is outside the range in which the update means something.
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

/// The optimizer: moments and master weights by parameter name.
pub struct AdamW {
    config: AdamWConfig,
    parameters: BTreeMap<String, Moments>,
}

/// State of one parameter; tensors are float32, flat, on the parameter's device.
struct Moments {
    num_updates: i64,
    exp_avg: Tensor,
    exp_avg_sq: Tensor,
    master: Option<Tensor>,
}

impl AdamW {
    /// An optimizer that has seen no parameter yet. Errors as [`AdamWConfig::validate`] does.
    pub fn new(config: AdamWConfig) -> Result<Self> {
        config.validate()?;
        Ok(Self { config, parameters: BTreeMap::new() })
    }

    /// One update in place with the gradients that `parameters` hold, at rate `lr`.
    ///
    /// A parameter without a gradient is left alone, and its update count with it. Names are unique and the same in
    /// every call. Clip first ([`super::gradient_norm`]). Errors where a parameter is not contiguous or its state has
    /// another size.
    pub fn step(&mut self, parameters: &mut [(String, Tensor)], lr: f64) -> Result<()> {
        for (name, parameter) in parameters {
            let gradient = parameter.grad();
            if gradient.defined() {
                self.step_parameter(name, parameter, &gradient, lr)?;
            }
        }
        Ok(())
    }

    /// One update of one parameter in place, with a gradient of its shape in any float type: for gradients that are
    /// accumulated in float32 beside a bfloat16 parameter. Errors as [`AdamW::step`] does.
    pub fn step_parameter(
        &mut self,
        name: &str,
        parameter: &mut Tensor,
        gradient: &Tensor,
        lr: f64,
    ) -> Result<()> {
        ensure!(parameter.is_contiguous(), "AdamW cannot update {name}: its memory is not contiguous");
        let decay = match parameter.dim() {
            0 | 1 => 1.0,
            _ => 1.0 - lr * self.config.weight_decay,
        };
        let weights = parameter.detach().view(-1); // [numel], the parameter's memory
        let moments = self.parameters.entry(name.to_owned()).or_insert_with(|| Moments::new(&weights));
        ensure!(
            moments.exp_avg.size() == weights.size() && gradient.size() == parameter.size(),
            "AdamW cannot update {name}: it has shape {:?}, its gradient {:?}, and its state {} elements",
            parameter.size(),
            gradient.size(),
            moments.exp_avg.numel()
        );
        let gradient = gradient.detach().reshape([-1]);
        no_grad(|| moments.update(&weights, &gradient, decay, lr, &self.config));
        Ok(())
    }

    /// The state for a checkpoint: `num_updates.NAME` (int64 scalar), `exp_avg.NAME`, `exp_avg_sq.NAME`, and
    /// `master.NAME` of low-precision parameters, in the shapes of `parameters`, sharing the optimizer's memory.
    ///
    /// Parameters that were never updated have none.
    pub fn state(&self, parameters: &[(String, Tensor)]) -> NamedTensors {
        let mut tensors = Vec::new();
        for (name, parameter) in parameters {
            let Some(moments) = self.parameters.get(name) else {
                continue;
            };
            let shape = parameter.size();
            let mut push = |what: &str, tensor: Tensor| tensors.push((format!("{what}.{name}"), tensor));
            push(NUM_UPDATES, Tensor::from(moments.num_updates));
            push(EXP_AVG, moments.exp_avg.view(shape.as_slice()));
            push(EXP_AVG_SQ, moments.exp_avg_sq.view(shape.as_slice()));
            if let Some(master) = &moments.master {
                push(MASTER, master.view(shape.as_slice()));
            }
        }
        tensors
    }

    /// Replaces the whole state by a saved one for `parameters`; the tensors are copied to the parameters' devices.
    ///
    /// Errors where a tensor belongs to no parameter, has another shape, or one of a parameter's is missing; the
    /// optimizer is then as it was.
    pub fn load_state(&mut self, state: NamedTensors, parameters: &[(String, Tensor)]) -> Result<()> {
        let mut saved: BTreeMap<String, Tensor> = state.into_iter().collect();
        let mut loaded = BTreeMap::new();
        for (name, parameter) in parameters {
            if let Some(moments) = Moments::take(&mut saved, name, parameter)? {
                loaded.insert(name.clone(), moments);
            }
        }
        if let Some(name) = saved.keys().next() {
            bail!(
                "the optimizer state has {name}, which belongs to no parameter of this model that has an update count; \
                 resume from the checkpoint of the same model"
            );
        }
        self.parameters = loaded;
        Ok(())
    }
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

    /// Takes the tensors of one parameter out of `saved`; `None` where there are none.
    fn take(saved: &mut BTreeMap<String, Tensor>, name: &str, parameter: &Tensor) -> Result<Option<Self>> {
        let Some(num_updates) = saved.remove(&format!("{NUM_UPDATES}.{name}")) else {
            return Ok(None);
        };
        ensure!(num_updates.numel() == 1, "the optimizer state's {NUM_UPDATES}.{name} is not one number");
        let mut flat = |what: &str| -> Result<Tensor> {
            let tensor = saved
                .remove(&format!("{what}.{name}"))
                .with_context(|| format!("the optimizer state lacks {what}.{name}"))?;
            ensure!(
                tensor.size() == parameter.size(),
                "the optimizer state's {what}.{name} has shape {:?}, the parameter {:?}; resume from the checkpoint of \
                 the same model",
                tensor.size(),
                parameter.size()
            );
            let tensor = tensor.to_device(parameter.device()).to_kind(Kind::Float);
            Ok(tensor.copy().reshape([-1]))
        };
        Ok(Some(Self {
            num_updates: num_updates.reshape([1]).int64_value(&[0]),
            exp_avg: flat(EXP_AVG)?,
            exp_avg_sq: flat(EXP_AVG_SQ)?,
            master: match parameter.kind() {
                Kind::Float => None,
                _ => Some(flat(MASTER)?),
            },
        }))
    }
}
