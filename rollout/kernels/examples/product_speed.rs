//! Rate of products at the shapes of small models: of one row, of a decoding step's and of a prompt's.
//!
//! `cargo run --release --package kernels --example product_speed [THREADS]`

use std::time::Instant;

use kernels::{Output, PackedMatrix, Panels, PlainMatrix, Threads};

fn main() {
    let num_threads = std::env::args().nth(1).and_then(|argument| argument.parse().ok()).unwrap_or(2);
    let threads = Threads::new(num_threads);
    for (num_inputs, num_outputs) in [(256, 384), (256, 1408), (704, 256), (640, 896), (640, 3456), (1728, 640)] {
        let weight: Vec<f32> = (0..num_inputs * num_outputs).map(|at| (at as f32 * 0.37).sin()).collect();
        let plain = PlainMatrix { numbers: &weight, num_inputs, scales: None, bias: None };
        let matrix = PackedMatrix::new(plain, &threads);
        for num_rows in [1, 64, 512] {
            let (mut x, mut product) = (Panels::default(), Panels::default());
            x.fill(&vec![0.5; num_rows * num_inputs], num_inputs);
            let (mut fastest, begin) = (f64::INFINITY, Instant::now());
            while begin.elapsed().as_secs_f64() < 0.3 {
                let started = Instant::now();
                matrix.product(&x, Output::Panels(&mut product), &threads);
                fastest = fastest.min(started.elapsed().as_secs_f64());
            }
            let operations = 2.0 * (num_rows * num_inputs * num_outputs) as f64;
            println!(
                "{num_rows} x {num_inputs} to {num_outputs}: {:.3} ms, {:.0} GFLOP/s",
                fastest * 1e3,
                operations / fastest * 1e-9
            );
        }
    }
}
