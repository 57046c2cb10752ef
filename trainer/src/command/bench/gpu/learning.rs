//! Updates of a small model on the GPU, held against the same on the CPU.

use std::convert::Infallible;
use std::ops::Range;

use anyhow::{Result, ensure};
use learner::optimizer::adamw::AdamWConfig;
use learner::optimizer::schedule::{Schedule, ScheduleConfig};
use learner::optimizer::state_place::StatePlace;
use learner::trainable::Trainable;
use policy::dist::Job;
use policy::dist::cuda::Gpu;
use policy::{
    Decoder, HeadOptions, LanguageGradient, LanguageHead, LanguageOutput, LossScope, ModelConfig, NamedTensors, Packed,
    Placement, Recompute, Sharded, accumulate_gradient,
};
use serde_json::json;
use tch::{Device, Kind, Tensor, no_grad};

use super::exchange;

/// Updates of a model.
const UPDATES: u64 = 3;
/// Largest difference of a parameter to the CPU's, as a share of how far it has gone from where it began. Products of a
/// GPU add in another order, and AdamW's first steps go by a gradient's sign, however small it is.
const TOLERANCE: f64 = 0.02;
/// The same between two ways on one GPU, which add alike.
const SAME_GPU: f64 = 1e-3;

fn config() -> Result<ModelConfig> {
    Ok(ModelConfig::from_json(&json!({
        "model_type": "qwen2", "vocab_size": 1024, "hidden_size": 128, "intermediate_size": 352,
        "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 256,
        "tie_word_embeddings": false,
    }))?)
}

/// A model that has the same weights on every device.
fn model(device: Device, kind: Kind) -> Result<Decoder> {
    let config = config()?;
    let drawn = Decoder::random(&config, 1, Placement::CPU);
    let decoder = Decoder::random(&config, 1, Placement { device, kind });
    no_grad(|| {
        for ((_, mut tensor), (_, drawn)) in decoder.state().into_iter().zip(drawn.state()) {
            tensor.copy_(&drawn);
        }
    });
    Ok(decoder)
}

/// The gradient of the mean negative logprob of some sequences, added to a decoder's.
pub(super) fn accumulate(decoder: &mut Decoder, num_sequences: u32, tokens: u32, chunk: i64, recompute: Recompute) {
    let vocab = decoder.config().vocab_size as u32;
    let ids: Vec<Vec<u32>> =
        (0..num_sequences).map(|at| (0..tokens).map(|place| (place * place + 31 * at) % vocab).collect()).collect();
    let targets = [Range { start: 1, end: tokens as usize }];
    let sequences: Vec<(&[u32], &[Range<usize>])> =
        ids.iter().map(|ids| (ids.as_slice(), targets.as_slice())).collect();
    let packed = Packed::new(&sequences, decoder.device());
    let share = 1.0 / f64::from(num_sequences * (tokens - 1));
    let gradient = |_, output: &LanguageOutput| {
        let logprob = output.target_logit.full_like(-share);
        Ok::<_, Infallible>(LanguageGradient { logprob, entropy: None })
    };
    let mut head = LanguageHead::new(decoder, HeadOptions { temperature: 1.0, chunk });
    let Ok(_) = accumulate_gradient(decoder, &mut head, &packed, recompute, LossScope::Token, gradient);
}

/// An optimizer for a decoder.
pub(super) fn trainable(decoder: Decoder, state: StatePlace) -> Result<Trainable<Decoder>> {
    let schedule = ScheduleConfig { lr: 1e-3, warmup_updates: 0, ..ScheduleConfig::default() };
    Trainable::new(decoder, &AdamWConfig { state, eps: 1e-5, ..AdamWConfig::default() }, Schedule::new(schedule, 10)?)
}

/// The weights, float32 on the CPU, after some updates.
fn updated(decoder: Decoder, state: StatePlace) -> Result<NamedTensors> {
    let mut model = trainable(decoder, state)?;
    for place in 0..UPDATES {
        accumulate(&mut model.model, 4, 64, 100, Recompute::Blocks);
        ensure!(model.apply(place, 1.0, None)?.applied, "the gradient of update {place} is not finite");
    }
    let mut whole = model.model.blank();
    whole.copy_weights(&model.model)?;
    let on_cpu = |tensor: Tensor| tensor.detach().to(Device::Cpu).to_kind(Kind::Float).copy();
    Ok(whole.state().into_iter().map(|(name, tensor)| (name, on_cpu(tensor))).collect())
}

/// The largest difference of a parameter, as a share of its way from where it began.
fn difference(ours: &NamedTensors, theirs: &NamedTensors) -> Result<f64> {
    let begun = model(Device::Cpu, Kind::Float)?.state();
    let norm = |tensor: &Tensor| tensor.norm().double_value(&[]);
    let mut most = 0.0;
    for (((_, ours), (_, theirs)), (_, begun)) in ours.iter().zip(theirs).zip(&begun) {
        most = f64::max(most, norm(&(ours - theirs)) / norm(&(theirs - begun)).max(1e-12));
    }
    Ok(most)
}

fn within(difference: f64, tolerance: f64) -> Result<String> {
    ensure!(difference <= tolerance, "a parameter differs by {difference:.2e} of its way, more than {tolerance}");
    Ok(format!("parameters differ by {difference:.1e} of their way at most"))
}

pub(super) fn as_on_the_cpu(gpu: &Gpu) -> Result<String> {
    let there = updated(model(Device::Cuda(gpu.index()), Kind::Float)?, StatePlace::Device)?;
    let here = updated(model(Device::Cpu, Kind::Float)?, StatePlace::Device)?;
    within(difference(&there, &here)?, TOLERANCE)
}

/// Weights that one rank gathers from itself and gradients that it reduces with itself, over NCCL.
pub(super) fn gathered(job: &Job, gpu: &Gpu) -> Result<String> {
    let device = Device::Cuda(gpu.index());
    let whole = model(device, Kind::Float)?;
    let store = Sharded::cut(&whole, exchange::group(job, gpu, "shard")?, None);
    let cut = updated(Decoder::with_store(whole.config(), Box::new(store)), StatePlace::Device)?;
    let resident = updated(model(device, Kind::Float)?, StatePlace::Device)?;
    within(difference(&cut, &resident)?, SAME_GPU)
}

/// State that comes to the GPU piece by piece, which changes no bit: in bfloat16, with float32 masters.
pub(super) fn state_on_the_host(gpu: &Gpu) -> Result<String> {
    let model = || model(Device::Cuda(gpu.index()), Kind::BFloat16);
    let (away, here) = (updated(model()?, StatePlace::Host)?, updated(model()?, StatePlace::Device)?);
    within(difference(&away, &here)?, SAME_GPU)
}
