//! Times the kernels of a decoding pass, layer by layer over a model's depth as a pass takes them, and prints rates:
//!
//! `cargo run --release -p kernels --example rates -- [THREADS]`
//!
//! Two threads unless told otherwise; each time is the fastest of 300 ms. GFLOP/s are of products and sums, GB/s of
//! keys, values or weights, those that several sequences share once.

use std::time::{Duration, Instant};

use kernels::{
    Attending, BLOCK_TOKENS, BlockStore, NewRows, Output, PackedMatrix, Panels, Place, PlainMatrix, Rows, Shape,
    Threads,
};

/// Sizes of a model, of which a part is timed.
struct Model {
    name: &'static str,
    shape: Shape,
    heads: usize,
    hidden: usize,
    intermediate: usize,
    vocab: usize,
}

const MODELS: [Model; 2] = [
    Model {
        name: "6 million",
        shape: Shape { num_layers: 8, num_kv_heads: 2, head_dim: 32 },
        heads: 8,
        hidden: 256,
        intermediate: 704,
        vocab: 2048,
    },
    Model {
        name: "98 million",
        shape: Shape { num_layers: 18, num_kv_heads: 2, head_dim: 64 },
        heads: 10,
        hidden: 640,
        intermediate: 1728,
        vocab: 32_768,
    },
];

fn main() {
    let num_threads = std::env::args().nth(1).map_or(2, |text| text.parse().expect("THREADS is a whole number"));
    let threads = Threads::new(num_threads);
    for model in &MODELS {
        println!("{}\n{:<44} {:>9} {:>9} {:>7}", model.name, "a pass's", "ms", "GFLOP/s", "GB/s");
        for (sequences, length, shared) in
            [(64, 64, 0), (64, 192, 0), (64, 320, 0), (64, 576, 0), (64, 576, 512), (8, 576, 512), (1, 192, 0)]
        {
            attention(model, sequences, length, shared, &threads);
        }
        for rows in [1, 3, 8, 64, 512] {
            products(model, rows, &threads);
        }
    }
}

/// Attention of one token of each sequence, eight of which share their first tokens where any do; and before it what
/// writes the token's keys and values.
fn attention(model: &Model, sequences: usize, length: usize, shared: usize, threads: &Threads) {
    let Model { shape, heads, .. } = *model;
    let (own, of_group) = ((length - shared).div_ceil(BLOCK_TOKENS), shared / BLOCK_TOKENS);
    let groups = if shared > 0 { sequences.div_ceil(8) } else { 0 };
    let mut store = BlockStore::new(shape);
    store.grow(groups * of_group + sequences * own).expect("memory");
    // Blocks of sequences that grow together alternate.
    let table = |sequence: usize| -> Vec<u32> {
        let prefix = (0..of_group).map(|at| (sequence / 8 * of_group + at) as u32);
        prefix.chain((0..own).map(|at| (groups * of_group + at * sequences + sequence) as u32)).collect()
    };
    let tables: Vec<Vec<u32>> = (0..sequences).map(table).collect();
    let width = heads * shape.head_dim;
    let qkv_width = width + 2 * shape.num_kv_heads * shape.head_dim;
    let mut qkv = Panels::default();
    qkv.fill(&numbers(1, sequences * qkv_width), qkv_width);
    let angles = numbers(2, sequences * shape.head_dim / 2);
    let mut query = numbers(3, sequences * width);
    let mut attended = vec![0.0; sequences * width];
    let last = length - 1;
    let places: Vec<Option<Place>> = tables
        .iter()
        .map(|table| Some(Place { block: table[last / BLOCK_TOKENS], offset: last % BLOCK_TOKENS }))
        .collect();
    let rows: Vec<Attending<'_>> = tables.iter().map(|table| Attending { table, start: last, num_rows: 1 }).collect();
    let written = fastest(|| {
        for layer in 0..shape.num_layers {
            let new = NewRows { qkv: &qkv, places: &places, rotation: [&angles, &angles], norms: None, eps: 1e-6 };
            store.take_in(layer, new, &mut query, threads);
        }
    });
    let seconds = fastest(|| {
        for layer in 0..shape.num_layers {
            let query = Rows { numbers: &query, stride: width };
            store.attend(layer, &rows, query, &mut attended, threads);
        }
    });
    let work = 4 * sequences * width * length * shape.num_layers;
    let tokens = groups * shared + sequences * (length - shared);
    let bytes = 4 * 2 * tokens * shape.num_kv_heads * shape.head_dim * shape.num_layers;
    let name = format!("attention, {sequences} x {length}, {shared} shared by 8");
    show(&name, seconds, work, bytes);
    show("  rotation and writing", written, 0, 0);
}

/// The four products of all blocks, and the head's.
fn products(model: &Model, rows: usize, threads: &Threads) {
    let Model { shape, heads, hidden, intermediate, vocab, .. } = *model;
    let width = heads * shape.head_dim;
    let qkv_width = width + 2 * shape.num_kv_heads * shape.head_dim;
    let matrix = |inputs: usize, outputs: usize| {
        let numbers = numbers(4, inputs * outputs);
        PackedMatrix::new(PlainMatrix { numbers: &numbers, num_inputs: inputs, scales: None, bias: None }, threads)
    };
    let gated = |inputs: usize, outputs: usize| {
        let numbers = numbers(5, inputs * outputs);
        PackedMatrix::gated(PlainMatrix { numbers: &numbers, num_inputs: inputs, scales: None, bias: None }, threads)
    };
    let blocks: Vec<[PackedMatrix; 4]> = (0..shape.num_layers)
        .map(|_| {
            [
                matrix(hidden, qkv_width),
                matrix(width, hidden),
                gated(hidden, 2 * intermediate),
                matrix(intermediate, hidden),
            ]
        })
        .collect();
    let head = matrix(hidden, vocab);
    let fill = |width: usize| {
        let mut panels = Panels::default();
        panels.fill(&numbers(6, rows * width), width);
        panels
    };
    let (mut x, attended, mut qkv, mut gated) = (fill(hidden), fill(width), fill(qkv_width), fill(intermediate));
    let seconds = fastest(|| {
        for [qkv_proj, o_proj, gate_up_proj, down_proj] in &blocks {
            qkv_proj.product(&x, Output::Panels(&mut qkv), threads);
            o_proj.product(&attended, Output::Sum(&mut x), threads);
            gate_up_proj.product(&x, Output::Panels(&mut gated), threads);
            down_proj.product(&gated, Output::Sum(&mut x), threads);
        }
    });
    let of_block = hidden * qkv_width + width * hidden + 3 * hidden * intermediate;
    let num_weights = of_block * shape.num_layers;
    show(&format!("blocks' products, {rows} rows"), seconds, 2 * rows * num_weights, 4 * num_weights);
    let mut logits = vec![0.0; rows * vocab];
    let seconds = fastest(|| head.product(&x, Output::Rows(&mut logits), threads));
    show(&format!("head, {rows} rows"), seconds, 2 * rows * hidden * vocab, 4 * hidden * vocab);
}

fn show(name: &str, seconds: f64, work: usize, bytes: usize) {
    let rate = |count: usize| count as f64 / seconds / 1e9;
    println!("{name:<44} {:>9.3} {:>9.1} {:>7.1}", seconds * 1e3, rate(work), rate(bytes));
}

fn fastest(mut work: impl FnMut()) -> f64 {
    work();
    let (begin, mut fastest) = (Instant::now(), f64::INFINITY);
    while begin.elapsed() < Duration::from_millis(300) {
        let started = Instant::now();
        work();
        fastest = fastest.min(started.elapsed().as_secs_f64());
    }
    fastest
}

/// Small numbers, the same for the same place.
fn numbers(salt: usize, len: usize) -> Vec<f32> {
    (0..len).map(|at| ((at * 7919 + salt * 104_729) % 2003) as f32 / 20_000.0 - 0.05).collect()
}
