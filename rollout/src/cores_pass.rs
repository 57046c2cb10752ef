//! A decoder's pass over packed weights by the kernels of cores: what `policy`'s blocks compute with tensors, in memory
//! that is kept from pass to pass.
//!
//! A block is four products with what they read between them; each is one call of the threads. This file must not know
//! requests or sampling.

use std::time::Instant;

use kernels::{BlockStore, NewRows, Output, Panels, Rows, Threads};
use policy::Rotary;
use tch::Tensor;

use crate::cache::CoresRows;
use crate::packed_weights::{PackedBlock, PackedWeights};
use crate::rows::row_values;
use crate::work::EngineWork;

/// The activations of a pass.
#[derive(Debug, Default)]
pub(crate) struct CoresPass {
    /// The residual stream, `[rows, hidden]`.
    hidden: Panels,
    /// `[rows, (heads + 2 kv_heads) head_dim]`
    qkv: Panels,
    /// `[rows, heads head_dim]`, before and after attention.
    query: Vec<f32>,
    attended: Vec<f32>,
    attended_panels: Panels,
    /// `[rows, intermediate]`
    gated: Panels,
    /// `[sequences, hidden]`
    last: Panels,
    /// `[sequences, vocab]`
    logits: Vec<f32>,
}

/// What a pass computes with.
#[derive(Debug)]
pub(crate) struct PassMeans<'a> {
    pub(crate) weights: &'a PackedWeights,
    pub(crate) store: &'a mut BlockStore,
    pub(crate) threads: &'a Threads,
    /// Added to the mean squares of norms.
    pub(crate) eps: f32,
}

impl CoresPass {
    /// Computes the hidden states of rows, whose embeddings `[rows, hidden]` and rotations are given, and keeps them.
    /// Times are added to `work`.
    pub(crate) fn compute(
        &mut self,
        means: PassMeans<'_>,
        rows: &CoresRows<'_>,
        embedded: &Tensor,
        rotary: &Rotary,
        work: &mut EngineWork,
    ) {
        let PassMeans { weights, store, threads, eps } = means;
        let Self { hidden, qkv, query, attended, attended_panels, gated, .. } = self;
        let numbers = |tensor| row_values(tensor).expect("numbers in float32 side by side");
        hidden.fill(numbers(embedded), embedded.size()[1] as usize);
        let rotation = rotary.cos_sin().map(numbers);
        for (layer, block) in weights.blocks.iter().enumerate() {
            let PackedBlock { qkv_proj, o_proj, gate_up_proj, down_proj, qk_norm } = block;
            let width = o_proj.num_inputs();
            query.resize(hidden.num_rows() * width, 0.0);
            attended.resize(query.len(), 0.0);
            hidden.normalise(eps);
            let started = Instant::now();
            qkv_proj.product(hidden, Output::Panels(qkv), threads);
            let projected = Instant::now();
            let norms = qk_norm.as_ref().map(|norms| norms.each_ref().map(Vec::as_slice));
            store.take_in(layer, NewRows { qkv, places: &rows.places, rotation, norms, eps }, query, threads);
            store.attend(layer, &rows.sequences, Rows { numbers: query, stride: width }, attended, threads);
            attended_panels.fill(attended, width);
            let all_attended = Instant::now();
            o_proj.product(attended_panels, Output::Sum(hidden), threads);
            hidden.normalise(eps);
            gate_up_proj.product(hidden, Output::Panels(gated), threads);
            down_proj.product(gated, Output::Sum(hidden), threads);
            work.products += projected - started + all_attended.elapsed();
            work.attention += all_attended - projected;
        }
        hidden.normalise(eps);
    }

    /// Logits of some rows of the pass, one after the other, `[rows, vocab]`.
    pub(crate) fn logits(&mut self, weights: &PackedWeights, rows: &[usize], threads: &Threads) -> &[f32] {
        self.last.select(&self.hidden, rows);
        self.logits.resize(rows.len() * weights.head.num_outputs(), 0.0);
        weights.head.product(&self.last, Output::Rows(&mut self.logits), threads);
        &self.logits
    }
}

#[cfg(test)]
mod tests {
    use kernels::Shape;
    use policy::{Decoder, ModelConfig, PackedAttention, Placement};
    use serde_json::{Value, json};
    use tch::{Device, Kind};

    use super::*;
    use crate::cache::CachedPiece;

    const LENGTH: i64 = 45;
    /// Blocks of the sequence, in its order.
    const TABLE: [u32; 3] = [4, 0, 2];

    /// A decoder whose sizes are no multiples of sixteen, with other fields in its configuration.
    fn decoder(others: &Value) -> Decoder {
        let mut json = json!({
            "model_type": "qwen2", "hidden_size": 72, "intermediate_size": 90, "num_hidden_layers": 3,
            "vocab_size": 130, "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 256,
            "rms_norm_eps": 1e-6, "rope_theta": 1e4, "initializer_range": 0.3, "tie_word_embeddings": true,
        });
        for (field, value) in others.as_object().expect("fields") {
            json[field] = value.clone();
        }
        let decoder = Decoder::random(&ModelConfig::from_json(&json).expect("a config"), 3, Placement::CPU);
        // Norms and biases are 1 and 0 at random; here they are numbers that show.
        for parameter in decoder.parameters() {
            let mut tensor = parameter.tensor;
            if tensor.dim() == 1 {
                let shift = Tensor::arange(tensor.numel() as i64, (Kind::Float, Device::Cpu)).sin() * 0.3;
                tch::no_grad(|| tensor += shift);
            }
        }
        decoder
    }

    /// A cache, the activations of passes over it, and the threads that compute them.
    struct Cores<'a> {
        decoder: &'a Decoder,
        weights: PackedWeights,
        store: BlockStore,
        pass: CoresPass,
        threads: Threads,
    }

    impl<'a> Cores<'a> {
        fn new(decoder: &'a Decoder, num_threads: usize) -> Self {
            let config = decoder.config();
            let [num_layers, num_kv_heads, head_dim] =
                [config.num_hidden_layers, config.num_key_value_heads, config.head_dim].map(|number| number as usize);
            let mut store = BlockStore::new(Shape { num_layers, num_kv_heads, head_dim });
            store.grow(9).expect("memory");
            let threads = Threads::new(num_threads);
            let weights = PackedWeights::of(decoder, &threads).expect("float32 on a CPU");
            Self { decoder, weights, store, pass: CoresPass::default(), threads }
        }

        /// Logits of the sequence's tokens in a range, behind which a token of another sequence stands where it has
        /// `company`.
        fn logits(&mut self, start: i64, end: i64, company: bool) -> Vec<f32> {
            let num_tokens = (end - start) as usize;
            let mut pieces =
                vec![CachedPiece { table: &TABLE, start: start as usize, num_tokens, num_cached: start as usize }];
            let mut positions: Vec<i64> = (start..end).collect();
            if company {
                pieces.push(CachedPiece { table: &[7], start: 0, num_tokens: 1, num_cached: 0 });
                positions.push(0);
            }
            let ids: Vec<i64> = positions.iter().map(|at| id(*at)).collect();
            let rotary = self.decoder.rotary(&Tensor::from_slice(&positions));
            let embedded = self.decoder.embed(&Tensor::from_slice(&ids));
            let means = PassMeans {
                weights: &self.weights,
                store: &mut self.store,
                threads: &self.threads,
                eps: self.decoder.config().rms_norm_eps as f32,
            };
            let mut work = EngineWork::default();
            self.pass.compute(means, &CoresRows::of(&pieces), &embedded, &rotary, &mut work);
            let rows: Vec<usize> = (0..num_tokens).collect();
            self.pass.logits(&self.weights, &rows, &self.threads).to_vec()
        }
    }

    fn id(position: i64) -> i64 {
        (position * 37 + 5) % 130
    }

    fn families() -> [Value; 5] {
        let yarn = json!({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64});
        let llama3 = json!({
            "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 64,
        });
        [
            json!({}),
            json!({"tie_word_embeddings": false, "num_key_value_heads": 4}),
            json!({"rope_scaling": yarn}),
            json!({"model_type": "qwen3", "head_dim": 20, "num_key_value_heads": 1}),
            json!({"model_type": "llama", "rope_scaling": llama3, "hidden_size": 64, "vocab_size": 256}),
        ]
    }

    #[test]
    fn cores_have_the_logits_of_the_decoder_in_pieces_and_whole() {
        let _guard = tch::no_grad_guard();
        for family in families() {
            let decoder = decoder(&family);
            let positions = Tensor::arange(LENGTH, (Kind::Int64, Device::Cpu));
            let ids: Vec<i64> = (0..LENGTH).map(id).collect();
            let mut attention = PackedAttention::new(&[LENGTH as usize], Device::Cpu);
            let hidden = decoder.hidden(&Tensor::from_slice(&ids), &positions, &mut attention);
            let expected = decoder.logits(&hidden);
            let spread = expected.std(true).double_value(&[]);
            assert!(spread > 0.1, "logits too flat to tell");
            let mut cores = Cores::new(&decoder, 2);
            for ends in [vec![0, LENGTH], vec![0, 7, 8, 30, 31, 32, LENGTH]] {
                let pieces = ends.windows(2).flat_map(|ends| cores.logits(ends[0], ends[1], true));
                let pieces: Vec<f32> = pieces.collect();
                let distance = (Tensor::from_slice(&pieces).view_as(&expected) - &expected).abs().max();
                let distance = distance.double_value(&[]);
                assert!(distance < 1e-4 * spread, "{family}: {distance} of {spread}");
            }
        }
    }

    #[test]
    fn a_token_has_the_same_logits_in_any_company_bit_for_bit() {
        let _guard = tch::no_grad_guard();
        let decoder = decoder(&json!({}));
        let bits = |numbers: &[f32]| numbers.iter().map(|number| number.to_bits()).collect::<Vec<u32>>();
        let whole = Cores::new(&decoder, 3).logits(0, LENGTH, true);
        let mut cores = Cores::new(&decoder, 1);
        for at in 0..LENGTH {
            let alone = cores.logits(at, at + 1, false);
            assert_eq!(bits(&alone), bits(&whole[at as usize * alone.len()..][..alone.len()]), "token {at}");
        }
    }
}
