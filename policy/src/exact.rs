//! The decoder's operators whose every number has one order of sums, whatever stands beside it: the loops of `kernels`
//! and `sampling` behind libtorch's tensors. Float32 on the CPU.
//!
//! What they compute is put into autograd's graph with libtorch's own gradients: of a product the two products, of the
//! others those of the operator that libtorch has for it, computed again. Sums of two tensors, products of their
//! elements and copies have one rounding each, and stay libtorch's.

use std::sync::Arc;

use kernels::{Attending, BLOCK_TOKENS, BlockStore, ChainMatrix, Norm, Place, Rows, Shape, Threads};
use operators::{floats, floats_mut, in_graph};
use sampling::{Targets, measure_targets};
use tch::{Device, Kind, Tensor};

/// Exact operators, with the threads that share their work.
#[derive(Debug)]
pub(crate) struct Exact {
    threads: Threads,
}

impl Exact {
    /// On as many threads as libtorch has.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { threads: Threads::new(usize::try_from(tch::get_num_threads()).unwrap_or(1)) })
    }

    /// Packs `weight` `[out, in]`.
    pub(crate) fn pack(&self, weight: &Tensor) -> ChainMatrix {
        let weight = weight.detach().contiguous();
        ChainMatrix::new(floats(&weight), weight.size()[1] as usize, &self.threads)
    }

    /// `x W^T + b` of packed weights: `[rows, in]` -> `[rows, out]`, without a gradient.
    pub(crate) fn multiply(&self, matrix: &ChainMatrix, x: &Tensor, bias: Option<&Tensor>) -> Tensor {
        let x = x.detach().contiguous();
        let bias = bias.map(|bias| bias.detach().contiguous());
        let mut products = empty(&[x.size()[0], matrix.size()[0] as i64]);
        matrix.multiply(floats(&x), bias.as_ref().map(floats), floats_mut(&mut products), &self.threads);
        products
    }

    /// `x W^T + b`: `[rows, in]` -> `[rows, out]`.
    pub(crate) fn product(&self, x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Tensor {
        let products = self.multiply(&self.pack(weight), x, bias);
        let mut inputs = vec![x, weight];
        inputs.extend(bias);
        in_graph(&inputs, products, || {
            let (x, weight, has_bias) = (x.detach(), weight.detach(), bias.is_some());
            Box::new(move |gradient: &Tensor| {
                let mut gradients = vec![Some(gradient.mm(&weight)), Some(gradient.tr().mm(&x))];
                gradients.extend(has_bias.then(|| Some(gradient.sum_dim_intlist(0, false, Kind::Float))));
                gradients
            })
        })
    }

    /// As [`rms_norm`](crate::linear::rms_norm).
    pub(crate) fn rms_norm(&self, x: &Tensor, weight: &Tensor, eps: f64) -> Tensor {
        let (rows, factors) = (x.detach().contiguous(), weight.detach().contiguous());
        let mut normed = empty(&x.size());
        let norm = Norm { weight: floats(&factors), eps: eps as f32 };
        kernels::rms_norm(floats(&rows), norm, floats_mut(&mut normed), &self.threads);
        computed_again(&[x, weight], normed, move |leaves| leaves[0].rms_norm(leaves[1].size(), Some(&leaves[1]), eps))
    }

    /// `silu(gate) · up` of rows that hold the two side by side: `[rows, 2 size]` -> `[rows, size]`.
    pub(crate) fn gate(&self, gate_up: &Tensor) -> Tensor {
        let rows = gate_up.detach().contiguous();
        let size = rows.size()[1] / 2;
        let mut gated = empty(&[rows.size()[0], size]);
        kernels::gate(floats(&rows), size as usize, floats_mut(&mut gated), &self.threads);
        computed_again(&[gate_up], gated, |leaves| {
            let parts = leaves[0].chunk(2, -1);
            parts[0].silu() * &parts[1]
        })
    }

    /// Causal attention of sequences of these lengths to themselves, packed one after the other: `query`
    /// `[tokens, heads, head_dim]`, `key` and `value` `[tokens, kv_heads, head_dim]` -> as `query`. `by_library` is the
    /// same by libtorch, for the gradient.
    pub(crate) fn attend(
        &self,
        lengths: &[usize],
        inputs: [&Tensor; 3],
        by_library: impl Fn(&[Tensor]) -> Tensor + Send + 'static,
    ) -> Tensor {
        let [query, key, value] = inputs.map(|tensor| tensor.detach().contiguous());
        let [kv_heads, head_dim] = [1, 2].map(|dimension| key.size()[dimension] as usize);
        let mut tables = Vec::with_capacity(lengths.len());
        let (mut places, mut num_blocks) = (Vec::new(), 0u32);
        for &length in lengths {
            let first = num_blocks;
            num_blocks += length.div_ceil(BLOCK_TOKENS) as u32;
            tables.push((first..num_blocks).collect::<Vec<u32>>());
            let place = |at: usize| Place { block: first + (at / BLOCK_TOKENS) as u32, offset: at % BLOCK_TOKENS };
            places.extend((0..length).map(|at| Some(place(at))));
        }
        let mut store = BlockStore::new(Shape { num_layers: 1, num_kv_heads: kv_heads, head_dim });
        store
            .grow(num_blocks as usize)
            .unwrap_or_else(|error| panic!("keys and values of {num_blocks} blocks: {error}"));
        let rows = |tensor| Rows { numbers: floats(tensor), stride: kv_heads * head_dim };
        store.write(0, &places, rows(&key), rows(&value));
        let sequences = tables.iter().zip(lengths);
        let sequences: Vec<Attending<'_>> =
            sequences.map(|(table, &num_rows)| Attending { table, start: 0, num_rows }).collect();
        let mut attended = empty(&query.size());
        let stride = query.size()[1] as usize * head_dim;
        let query = Rows { numbers: floats(&query), stride };
        store.attend(0, &sequences, query, floats_mut(&mut attended), &self.threads);
        computed_again(&inputs, attended, by_library)
    }

    /// Logprob, logit, log-sum-exp and entropy of targets `[targets]`, `[targets]` each and as in [`sampling`], of
    /// logits `[targets, vocab]`, which become probabilities.
    pub(crate) fn targets(&self, logits: &mut Tensor, targets: &Tensor, temperature: f64) -> [Tensor; 4] {
        let ids = Vec::<i64>::try_from(targets).expect("a flat int64 tensor");
        let asked = Targets { logits: floats_mut(logits), ids: &ids, temperature };
        let measured = measure_targets(asked, &self.threads);
        let numbers =
            |of: fn(&sampling::Target) -> f32| Tensor::from_slice(&measured.iter().map(of).collect::<Vec<_>>());
        [numbers(|it| it.logprob), numbers(|it| it.logit), numbers(|it| it.logsumexp), numbers(|it| it.entropy)]
    }
}

/// cos and sin of `positions` `[tokens]` int64 times each of `frequencies` `[half]` float32: `[tokens, 1, half]` each.
/// The angle is rounded to float32, and its cos and sin once.
pub(crate) fn angles(positions: &Tensor, frequencies: &Tensor) -> [Tensor; 2] {
    let positions = Vec::<i64>::try_from(positions).expect("a flat int64 tensor");
    let frequencies = Vec::<f32>::try_from(frequencies).expect("a flat float32 tensor");
    let of_position = |&position: &i64| frequencies.iter().map(move |frequency| f64::from(position as f32 * frequency));
    let angles: Vec<f64> = positions.iter().flat_map(of_position).collect();
    [f64::cos, f64::sin].map(|of| {
        let numbers: Vec<f32> = angles.iter().map(|angle| of(*angle) as f32).collect();
        Tensor::from_slice(&numbers).view([positions.len() as i64, 1, frequencies.len() as i64])
    })
}

fn empty(size: &[i64]) -> Tensor {
    Tensor::empty(size, (Kind::Float, Device::Cpu))
}

/// `value` as a function of `inputs`, whose gradients are those of what `compute` makes of them.
fn computed_again(inputs: &[&Tensor], value: Tensor, compute: impl Fn(&[Tensor]) -> Tensor + Send + 'static) -> Tensor {
    in_graph(inputs, value, || {
        let inputs: Vec<Tensor> = inputs.iter().map(|input| input.detach()).collect();
        Box::new(move |gradient: &Tensor| {
            let leaves: Vec<Tensor> = inputs.iter().map(|input| input.detach().set_requires_grad(true)).collect();
            let gradients = tch::with_grad(|| {
                let sum = (compute(&leaves) * gradient).sum(Kind::Float);
                Tensor::run_backward(&[sum], &leaves, false, false)
            });
            gradients.into_iter().map(Some).collect()
        })
    })
}
