//! Times a step's sampling, row by row against with tensors, and prints milliseconds:
//!
//! `cargo run --release -p rollout --example sampling_rate -- [THREADS]`
//!
//! Logits are drawn from a normal distribution with a standard deviation of 3; two threads unless told otherwise. Each
//! time is the median of eleven.

use std::time::Instant;

use rollout::{Sampler, SamplingParams};
use sampling::{Distribution, Row, Threads, draw_rows};
use tch::{Device, Kind, Tensor};

fn main() {
    let num_threads = std::env::args().nth(1).map_or(2, |text| text.parse().expect("THREADS is a whole number"));
    tch::set_num_threads(num_threads);
    let threads = Threads::new(num_threads as usize);
    println!("{:>16}  {:<24} {:>10} {:>10} {:>6}", "rows x tokens", "sampling", "rows ms", "tensors ms", "ratio");
    for (rows, vocab) in [(64, 2048), (64, 32_768), (1, 32_768), (64, 151_936)] {
        tch::manual_seed(7);
        let logits = Tensor::randn([rows, vocab], (Kind::Float, Device::Cpu)) * 3.0;
        let values = Vec::<f32>::try_from(logits.view(-1)).expect("float32 numbers");
        let uniforms: Vec<f64> = (0..rows).map(|row| (row as f64 + 0.5) / rows as f64).collect();
        let uniform_tensor = Tensor::from_slice(&uniforms);
        let plain = SamplingParams::default();
        for (name, params) in [
            ("temperature 1", plain.clone()),
            ("temperature 0.7", SamplingParams { temperature: 0.7, ..plain.clone() }),
            ("greedy", SamplingParams { temperature: 0.0, ..plain.clone() }),
            ("top-k 20", SamplingParams { top_k: 20, ..plain.clone() }),
            ("top-p 0.95", SamplingParams { top_p: 0.95, ..plain.clone() }),
            ("top-k 20, top-p 0.95", SamplingParams { top_k: 20, top_p: 0.95, ..plain.clone() }),
        ] {
            let sampler = Sampler::new(&params);
            let SamplingParams { temperature, top_k, top_p, min_p, .. } = params;
            let distribution = Distribution { temperature, top_k, top_p, min_p };
            let rows_of = values.chunks_exact(vocab as usize).zip(&uniforms).map(|(logits, &uniform)| Row {
                logits,
                distribution,
                adjustments: &[],
                uniform,
                top_logprobs: 0,
                wants_kept: false,
            });
            let row_list: Vec<Row<'_>> = rows_of.collect();
            let by_row = median_milliseconds(|| drop(draw_rows(&row_list, &threads)));
            let by_tensor = median_milliseconds(|| drop(sampler.sample(&logits, &uniform_tensor)));
            let shape = format!("{rows} x {vocab}");
            println!("{shape:>16}  {name:<24} {by_row:>10.3} {by_tensor:>10.3} {:>6.1}", by_tensor / by_row);
        }
    }
}

fn median_milliseconds(mut work: impl FnMut()) -> f64 {
    work();
    let mut times: Vec<f64> = (0..11)
        .map(|_| {
            let started = Instant::now();
            work();
            started.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
