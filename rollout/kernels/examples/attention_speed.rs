//! Time of one decoding step's attention, and of a prompt's, at the shapes of a small model.
//!
//! `cargo run --release --package kernels --example attention_speed [THREADS]`

use std::time::Instant;

use kernels::{Attending, BLOCK_TOKENS, BlockStore, Place, Rows, Shape, Threads};

fn main() {
    let num_threads = std::env::args().nth(1).and_then(|argument| argument.parse().ok()).unwrap_or(2);
    let threads = Threads::new(num_threads);
    for (heads, kv_heads, head_dim) in [(8, 2, 32), (10, 2, 64)] {
        for (sequences, cached, rows) in [(64, 64, 1), (64, 192, 1), (64, 320, 1), (1, 320, 1), (8, 512, 512)] {
            let shape = Shape { num_layers: 8, num_kv_heads: kv_heads, head_dim };
            let tables: Vec<Vec<u32>> = (0..sequences)
                .map(|sequence| {
                    let blocks = cached_blocks(cached) as u32;
                    (sequence * blocks..(sequence + 1) * blocks).collect()
                })
                .collect();
            let mut store = BlockStore::new(shape);
            store.grow(sequences as usize * cached_blocks(cached)).expect("memory");
            let numbers: Vec<f32> = (0..heads * head_dim).map(|at| (at as f32 * 0.37).sin()).collect();
            let row = Rows { numbers: &numbers, stride: 0 };
            for layer in 0..shape.num_layers {
                for table in &tables {
                    for position in 0..cached {
                        let place = Place { block: table[position / BLOCK_TOKENS], offset: position % BLOCK_TOKENS };
                        store.write(layer, &[Some(place)], row, row);
                    }
                }
            }
            let mut attended = vec![0.0f32; sequences as usize * rows * heads * head_dim];
            let tokens: Vec<Attending<'_>> =
                tables.iter().map(|table| Attending { table, start: cached - rows, num_rows: rows }).collect();
            let (mut fastest, begin) = (f64::INFINITY, Instant::now());
            while begin.elapsed().as_secs_f64() < 0.5 {
                let started = Instant::now();
                for layer in 0..shape.num_layers {
                    store.attend(layer, &tokens, row, &mut attended, &threads);
                }
                fastest = fastest.min(started.elapsed().as_secs_f64());
            }
            let bytes = sequences as usize * cached * kv_heads * head_dim * 2 * 4 * shape.num_layers;
            println!(
                "{heads} heads of {head_dim}, {sequences} x {rows} tokens over {cached}: {:.2} ms, {:.1} GB/s",
                fastest * 1e3,
                bytes as f64 / fastest * 1e-9
            );
        }
    }
}

fn cached_blocks(tokens: usize) -> usize {
    tokens.div_ceil(BLOCK_TOKENS)
}
