//! What is known of a run on a cluster, as tables for people and as JSON for programs.

use std::fmt;

use serde::Serialize;

use crate::axes::Axes;
use crate::bytes::{Unit, bytes_words};
use crate::memory::Memory;
use crate::rates::Rates;
use crate::seconds::Seconds;

/// Engines that sample.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct SamplingLayout {
    /// Number of engines.
    pub engines: u64,
    /// GPUs of each, over which its copy of the weights is cut.
    pub gpus: u64,
}

/// Layout, memory and seconds of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Lengths of the axes.
    pub layout: Axes,
    /// The engines, where something is sampled.
    pub sampling_layout: Option<SamplingLayout>,
    /// GPUs of each host.
    pub gpus_per_host: u64,
    /// Bytes of each GPU; none where it is not said.
    pub gpu_memory_bytes: Option<u64>,
    /// Bytes of one GPU by part.
    pub memory_bytes: Memory,
    /// Seconds of one step by part, where there is a cluster.
    pub seconds_per_step: Option<Seconds>,
    /// True where the memory is enough; none where nobody says how much there is.
    pub fits: Option<bool>,
    /// What would make it fit, where it does not.
    pub remedies: Vec<String>,
    /// Rates that the seconds follow from, and what is assumed of the run.
    pub assumptions: Rates,
}

impl SamplingLayout {
    /// The engines of a layout: every `tensor` ranks sample with one copy of the weights.
    pub fn of(axes: &Axes) -> Self {
        Self { engines: axes.num_engines(), gpus: axes.tensor }
    }
}

fn count(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// A row of the table of memory: a part, and its bytes in an update and while sampling.
fn rows(memory: &Memory) -> Vec<(&'static str, u64, u64)> {
    let both = |name, bytes| (name, bytes, bytes);
    let rows = vec![
        both("weights", memory.weights),
        both("optimizer", memory.optimizer),
        both("reference", memory.reference),
        both("critic with its optimizer", memory.critic),
        both("reward model", memory.reward_model),
        both("sampling weights", memory.sampling_weights),
        ("gradients", memory.gradients, 0),
        ("activations", memory.activations, memory.sampling_activations),
        ("moved: gathered, reduced", memory.moved, memory.sampling_moved),
        ("packed weights", 0, memory.packed_weights),
        ("cache", 0, memory.cache),
        both("slack", memory.slack),
    ];
    rows.into_iter().filter(|(_, update, sampling)| update + sampling > 0).collect()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ranks = self.layout.num_ranks();
        let hosts = count(ranks.div_ceil(self.gpus_per_host), "host");
        writeln!(f, "training layout  {} = {} on {hosts}", self.layout, count(ranks, "GPU"))?;
        if let Some(SamplingLayout { engines, gpus }) = self.sampling_layout {
            writeln!(f, "sampling layout  {} of {}", count(engines, "engine"), count(gpus, "GPU"))?;
        }
        writeln!(f)?;
        let samples = self.memory_bytes.sampling > 0;
        let unit = Unit::of(self.memory_bytes.largest);
        let cell = |bytes: u64| if bytes == 0 { "-".to_owned() } else { unit.number(bytes) };
        let second = |text: &str| if samples { format!("{text:>10}") } else { String::new() };
        writeln!(f, "{:<28}{:>10}{}", format!("{} of one GPU", unit.name()), "update", second("sampling"))?;
        for (name, update, sampling) in rows(&self.memory_bytes) {
            writeln!(f, "{name:<28}{:>10}{}", cell(update), second(&cell(sampling)))?;
        }
        let Memory { update, sampling, .. } = self.memory_bytes;
        writeln!(f, "{:<28}{:>10}{}", "in all", cell(update), second(&cell(sampling)))?;
        if self.memory_bytes.loading > update.max(sampling) {
            let loading = unit.number(self.memory_bytes.loading);
            writeln!(f, "{:<28}{loading:>10}", "while loading another model")?;
        }
        if self.memory_bytes.on_host > 0 {
            writeln!(f, "{:<28}{:>10}", "on the host for each GPU", unit.number(self.memory_bytes.on_host))?;
        }
        if let (Some(fits), Some(bytes)) = (self.fits, self.gpu_memory_bytes) {
            let verdict = if fits { "fits" } else { "does not fit" };
            writeln!(f, "{verdict} {}", bytes_words(bytes))?;
        }
        for remedy in &self.remedies {
            writeln!(f, "  would fit {remedy}")?;
        }
        let Some(Seconds { sampling, scoring, update, moving, total }) = self.seconds_per_step else { return Ok(()) };
        writeln!(f, "\nseconds of a step")?;
        for (name, seconds) in [
            ("sampling", sampling),
            ("scoring", scoring),
            ("update", update),
            ("moving weights", moving),
            ("in all", total),
        ] {
            writeln!(f, "{name:<28}{:>10}", seconds_words(seconds))?;
        }
        Ok(())
    }
}

fn seconds_words(seconds: f64) -> String {
    match seconds {
        0.0 => "-".into(),
        small if small < 9.95 => format!("{small:.2}"),
        large => format!("{large:.0}"),
    }
}
