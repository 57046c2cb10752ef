//! Rotary position embeddings (RoFormer, arXiv 2104.09864), with Llama 3's and YaRN's frequency scaling.
//!
//! Frequencies `theta^(-2i/d)` for i in 0..d/2; a head's first half pairs with its second half, as Hugging Face lays
//! it out. Angles, cos and sin are computed in float32.

use std::f64::consts::PI;

use tch::{Device, Kind, Tensor};

use crate::config::{ModelConfig, RopeScaling};
use crate::exact::angles;

/// cos and sin of some tokens' positions, to rotate queries and keys with.
#[derive(Debug)]
pub struct Rotary {
    /// `[tokens, 1, head_dim / 2]`
    cos: Tensor,
    /// `[tokens, 1, head_dim / 2]`
    sin: Tensor,
}

impl Rotary {
    /// cos and sin, `[tokens, 1, head_dim / 2]` each.
    pub fn cos_sin(&self) -> [&Tensor; 2] {
        [&self.cos, &self.sin]
    }

    /// Rotates `x` `[tokens, heads, head_dim]` by its tokens' positions; the shape stays.
    pub fn rotate(&self, x: &Tensor) -> Tensor {
        let halves = x.chunk(2, -1);
        let (first, second) = (&halves[0], &halves[1]);
        Tensor::cat(&[first * &self.cos - second * &self.sin, second * &self.cos + first * &self.sin], -1)
    }
}

/// The frequencies of one model, scaled as its configuration asks.
#[derive(Debug)]
pub(crate) struct RotaryFrequencies {
    /// `[head_dim / 2]`, float32
    frequencies: Tensor,
    /// Factor of cos and sin: 1 but for YaRN.
    scale: f64,
}

impl RotaryFrequencies {
    pub(crate) fn new(config: &ModelConfig, device: Device) -> Self {
        let half = config.head_dim / 2;
        let plain: Vec<f64> =
            (0..half).map(|i| config.rope_theta.powf(-(2 * i) as f64 / config.head_dim as f64)).collect();
        let (frequencies, scale) = match &config.rope_scaling {
            None => (plain, 1.0),
            Some(RopeScaling::Llama3 {
                factor,
                low_freq_factor,
                high_freq_factor,
                original_max_position_embeddings: original,
            }) => {
                let scaled = |f: f64| {
                    let wavelength = 2.0 * PI / f;
                    if wavelength < original / high_freq_factor {
                        f
                    } else if wavelength > original / low_freq_factor {
                        f / factor
                    } else {
                        let smooth = (original / wavelength - low_freq_factor) / (high_freq_factor - low_freq_factor);
                        (1.0 - smooth) * f / factor + smooth * f
                    }
                };
                (plain.into_iter().map(scaled).collect(), 1.0)
            }
            Some(RopeScaling::Yarn {
                factor,
                original_max_position_embeddings: original,
                attention_factor,
                beta_fast,
                beta_slow,
            }) => {
                // The dimension whose frequency makes `rotations` turns over the original context.
                let dimension = |rotations: f64| {
                    config.head_dim as f64 * (original / (rotations * 2.0 * PI)).ln() / (2.0 * config.rope_theta.ln())
                };
                let low = dimension(*beta_fast).floor().max(0.0);
                let high = dimension(*beta_slow).ceil().min((config.head_dim - 1) as f64);
                let width = if high == low { 0.001 } else { high - low };
                let scaled = |(i, f): (usize, f64)| {
                    let interpolated = ((i as f64 - low) / width).clamp(0.0, 1.0);
                    f / factor * interpolated + f * (1.0 - interpolated)
                };
                (plain.into_iter().enumerate().map(scaled).collect(), *attention_factor)
            }
        };
        let frequencies = Tensor::from_slice(&frequencies).to_kind(Kind::Float).to_device(device);
        Self { frequencies, scale }
    }

    /// cos and sin for `positions` `[tokens]`, in `kind`.
    pub(crate) fn at(&self, positions: &Tensor, kind: Kind) -> Rotary {
        let angles = positions.to_kind(Kind::Float).outer(&self.frequencies).unsqueeze(1); // [tokens, 1, head_dim / 2]
        self.scaled([angles.cos(), angles.sin()], kind)
    }

    /// The same in float32, exactly: those of a position do not depend on the positions beside it.
    pub(crate) fn exactly_at(&self, positions: &Tensor) -> Rotary {
        self.scaled(angles(positions, &self.frequencies), Kind::Float)
    }

    fn scaled(&self, cos_and_sin: [Tensor; 2], kind: Kind) -> Rotary {
        let scaled = |x: Tensor| if self.scale == 1.0 { x } else { x * self.scale };
        let [cos, sin] = cos_and_sin.map(|x| scaled(x).to_kind(kind));
        Rotary { cos, sin }
    }
}
