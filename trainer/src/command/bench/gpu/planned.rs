//! The GPU's memory by part in an update, held against what `trainer config check` plans.

use std::fmt;

use anyhow::{Result, ensure};
use learner::optimizer::state_place::StatePlace;
use planner::{Axes, HeadWork, LIBRARIES, Work, memory};
use policy::dist::cuda::{Gpu, GpuMemory};
use policy::{Decoder, ModelConfig, Placement, Recompute};
use serde::Serialize;
use serde_json::json;
use tch::{Device, Kind};

use super::learning::{accumulate, trainable};
use crate::command::config::sizes;

/// Tokens of a micro-batch, in sequences of so many.
const TOKENS: u32 = 8192;
const LENGTH: u32 = 1024;
/// Targets whose logits are in memory at a time.
const CHUNK: i64 = 1024;
/// Largest difference of a part to what was planned, as a share of it.
const TOLERANCE: f64 = 0.15;

/// A part of the memory.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct PlannedPart {
    name: &'static str,
    planned_bytes: u64,
    measured_bytes: u64,
    /// False where the plan is an assumption that nothing is held against.
    is_exact: bool,
}

impl fmt::Display for PlannedPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        write!(f, "{:<24}{:>10.1}{:>10.1}", self.name, mib(self.planned_bytes), mib(self.measured_bytes))
    }
}

/// Measures an update of a model of some 200 million numbers.
///
/// # Errors
/// CUDA does not say, or has too little memory.
pub(super) fn parts(gpu: &Gpu) -> Result<Vec<PlannedPart>> {
    let config = ModelConfig::from_json(&json!({
        "model_type": "qwen2", "vocab_size": 32_000, "hidden_size": 1024, "intermediate_size": 2816,
        "num_hidden_layers": 12, "num_attention_heads": 16, "num_key_value_heads": 4,
        "max_position_embeddings": 4096, "tie_word_embeddings": false,
    }))?;
    let work = Work {
        sequences: u64::from(TOKENS / LENGTH),
        longest: u64::from(LENGTH),
        head: HeadWork::Language { chunk: CHUNK.unsigned_abs() },
        ..Work::update_of(u64::from(TOKENS))
    };
    let planned = memory(&sizes(&config), &Axes::ONE, &work);
    let used = |memory: &GpuMemory| memory.total - memory.free;

    let before = gpu.memory()?;
    let placement = Placement { device: Device::Cuda(gpu.index()), kind: Kind::BFloat16 };
    let decoder = Decoder::random(&config, 0, placement);
    let weights = gpu.memory()?.allocated - before.allocated;
    let mut model = trainable(decoder, StatePlace::Device)?;
    let optimizer = gpu.memory()?.allocated - before.allocated - weights;
    // Of the first, libraries keep workspaces; the second finds the gradients of the first.
    let micro_batch = |decoder: &mut Decoder| accumulate(decoder, TOKENS / LENGTH, LENGTH, CHUNK, Recompute::Blocks);
    micro_batch(&mut model.model);
    let resting = gpu.memory()?;
    gpu.reset_peaks()?;
    micro_batch(&mut model.model);
    let after = gpu.memory()?;
    let gradients = resting.allocated - before.allocated - weights - optimizer;
    let moving = after.peak_allocated - resting.allocated;
    model.apply(0, 1.0, None)?;

    let part =
        |name, planned_bytes, measured_bytes| PlannedPart { name, planned_bytes, measured_bytes, is_exact: true };
    let slack = after.peak_reserved.saturating_sub(after.peak_allocated) + used(&after) - after.reserved;
    Ok(vec![
        part("weights", planned.weights, weights),
        part("optimizer", planned.optimizer, optimizer),
        part("gradients", planned.gradients, gradients),
        part("activations and moved", planned.activations + planned.moved, moving),
        PlannedPart { is_exact: false, ..part("slack, libraries in it", planned.slack.max(LIBRARIES), slack) },
    ])
}

/// Whether every part that is planned exactly is as planned.
///
/// # Errors
/// One is not.
pub(super) fn verdict(parts: &[PlannedPart]) -> Result<String> {
    let error = |part: &PlannedPart| part.measured_bytes as f64 / part.planned_bytes as f64 - 1.0;
    let worst = parts.iter().filter(|part| part.is_exact).max_by(|a, b| error(a).abs().total_cmp(&error(b).abs()));
    let Some(worst) = worst else { return Ok("nothing was planned".into()) };
    let percent = 100.0 * error(worst);
    ensure!(error(worst).abs() <= TOLERANCE, "{} take {percent:+.0} % of what was planned", worst.name);
    Ok(format!("{percent:+.1} % at most, of {}", worst.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_that_is_furthest_from_the_plan_decides_and_assumptions_do_not() {
        let part = |name, planned_bytes, measured_bytes, is_exact| PlannedPart {
            name,
            planned_bytes,
            measured_bytes,
            is_exact,
        };
        let parts = [part("weights", 100, 101, true), part("gradients", 100, 90, true), part("slack", 100, 900, false)];
        assert_eq!(verdict(&parts).unwrap(), "-10.0 % at most, of gradients");
        let error = verdict(&[parts[0], part("optimizer", 100, 120, true)]).unwrap_err().to_string();
        assert_eq!(error, "optimizer take +20 % of what was planned");
    }
}
