//! Rates of exact products beside libtorch's with packed and with plain weights, in GFLOP/s of the fastest time:
//!
//! `cargo run --release -p policy --example product_speed -- [THREADS]`
//!
//! The shapes are the products of a model of 256 and of one of 640 numbers, and the head of the second.

use std::time::{Duration, Instant};

use kernels::{Panels, Threads};
use operators::{PackedMatrix, floats, floats_mut};
use tch::{Device, Kind, Tensor};

const SHAPES: [(i64, i64); 9] =
    [(256, 384), (256, 256), (256, 1408), (704, 256), (640, 896), (640, 640), (640, 3456), (1728, 640), (640, 32_768)];
/// Time that each product is repeated for.
const LONG_ENOUGH: Duration = Duration::from_millis(300);

fn main() {
    let num_threads = std::env::args().nth(1).map_or(2, |text| text.parse().expect("THREADS is a whole number"));
    tch::set_num_threads(num_threads);
    let threads = Threads::new(num_threads as usize);
    let options = (Kind::Float, Device::Cpu);
    println!("{:>13} {:>5} {:>8} {:>8} {:>8}  packed in ms", "in x out", "rows", "exact", "packed", "plain");
    for (inputs, outputs) in SHAPES {
        let weight = Tensor::randn([outputs, inputs], options);
        let started = Instant::now();
        let panels = Panels::new(floats(&weight), inputs as usize, &threads);
        let (packing, started) = (started.elapsed(), Instant::now());
        let packed = PackedMatrix::new(&weight).expect("oneDNN");
        let packing = [packing, started.elapsed()].map(|time| time.as_secs_f64() * 1e3);
        for rows in [1, 16, 64, 512] {
            let x = Tensor::randn([rows, inputs], options);
            let mut products = Tensor::empty([rows, outputs], options);
            let operations = 2.0 * (rows * inputs * outputs) as f64;
            let exact = operations
                / fastest(|| panels.multiply(floats(&x), None, floats_mut(&mut products), &threads)).as_secs_f64();
            let by_packed = operations / fastest(|| drop(packed.product(&x, None))).as_secs_f64();
            let plain = operations / fastest(|| drop(x.linear(&weight, None::<&Tensor>))).as_secs_f64();
            let shape = format!("{inputs} x {outputs}");
            let [exact, by_packed, plain] = [exact, by_packed, plain].map(|rate| rate * 1e-9);
            println!("{shape:>13} {rows:>5} {exact:>8.1} {by_packed:>8.1} {plain:>8.1}  {packing:.1?}");
        }
    }
}

fn fastest(mut work: impl FnMut()) -> Duration {
    let (mut fastest, begin) = (Duration::MAX, Instant::now());
    while begin.elapsed() < LONG_ENOUGH {
        let started = Instant::now();
        work();
        fastest = fastest.min(started.elapsed());
    }
    fastest
}
