//! Decoders whose matrix products, or whose tokens, are cut over ranks: real processes, held against one.

use std::convert::Infallible;
use std::ops::Range;
use std::time::Duration;

use dist::{Axis, Backend, Environment, Fingerprint, GraphGroup, Job, Layout, ProcessGroup};
use policy::{
    ContextParallel, Decoder, HeadOptions, LanguageGradient, LanguageHead, LanguageOutput, LossScope, ModelConfig,
    Packed, Parameter, Placement, Policy, PolicyError, Recompute, ShardGroups, TensorCut, TensorParallel,
    accumulate_gradient, outputs,
};
use tch::{Device, Kind, Tensor};

use crate::micro_folder::{config_text, micro_folder};
use crate::ranks::succeed;

const TIMEOUT: Duration = Duration::from_secs(20);

#[test]
fn decoders_over_tensor_ranks_are_those_of_one_process() {
    for (layout, num_ranks) in [("1x1x1", 1), ("2x1x1", 2), ("4x1x1", 4), ("2x2x1", 4)] {
        succeed(&format!("tensor {layout}"), num_ranks);
    }
}

#[test]
fn decoders_over_context_ranks_are_those_of_one_process() {
    for (layout, num_ranks) in [("1x1x2", 2), ("1x1x4", 4), ("2x1x2", 4)] {
        succeed(&format!("tensor {layout}"), num_ranks);
    }
}

#[test]
fn the_error_of_a_tensor_rank_that_is_left_alone_names_the_operation() {
    succeed("a tensor rank leaves", 2);
    succeed("a context rank leaves", 2);
}

fn start() -> Job {
    let environment = Environment::of_process().unwrap().unwrap();
    Job::start(&environment, &Fingerprint::default().with("version", "1"), TIMEOUT).unwrap()
}

/// A process of a job with a layout.
struct Seat {
    job: Job,
    layout: Layout,
    /// Ranks that have the other stretches of the tokens.
    context: Option<ContextParallel>,
}

impl Seat {
    fn new(tensor: i64, shard: i64, context: i64) -> Self {
        let layout = Layout { replica: 1, shard, context, tensor };
        let mut seat = Self { job: start(), layout, context: None };
        seat.context = (context > 1).then(|| ContextParallel::new(&GraphGroup::new(seat.group(Axis::Context))));
        seat
    }

    fn group(&self, axis: Axis) -> ProcessGroup {
        let peers = self.layout.resolve(self.job.world_size()).unwrap().peers(self.job.rank(), &[axis]);
        self.job.group(axis.name(), peers, Backend::Gloo, TIMEOUT).unwrap()
    }

    /// Place among the ranks with other data.
    fn place(&self) -> usize {
        self.job.rank() / (self.layout.context * self.layout.tensor) as usize
    }

    fn shards(&self) -> Option<ShardGroups> {
        let replica = (self.layout.context > 1).then(|| self.group(Axis::Context));
        (self.layout.shard * self.layout.context > 1).then(|| ShardGroups { shard: self.group(Axis::Shard), replica })
    }
}

/// A configuration of four heads over two key-value heads, whose vocabulary and feed-forward do not divide.
fn config(model_type: &str, is_tied: bool) -> ModelConfig {
    ModelConfig::from_json(&serde_json::json!({
        "model_type": model_type, "vocab_size": 131, "hidden_size": 32, "intermediate_size": 46,
        "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
        "max_position_embeddings": 64, "initializer_range": 0.2, "tie_word_embeddings": is_tied,
    }))
    .unwrap()
}

/// A random decoder whose biases and norms are neither 0 nor 1.
fn random(config: &ModelConfig) -> Decoder {
    let decoder = Decoder::random(config, 5, Placement::CPU);
    for (place, (_, mut tensor)) in decoder.state().into_iter().enumerate().filter(|(_, (_, it))| it.dim() == 1) {
        let values = (Tensor::arange(tensor.numel() as i64, tch::kind::FLOAT_CPU) + place as f64).sin() * 0.3;
        tch::no_grad(|| tensor += values);
    }
    decoder
}

/// Eight sequences, of which place `place` of `num_places` has every `num_places`-th, two in a batch. In every second
/// batch the targets are drawn among some ids.
fn batches(place: usize, num_places: usize, vocab_size: u32) -> Vec<Packed> {
    let sequence =
        |index: u32| (0..5 + index % 4).map(|at| (at * at + 17 * index + 3) % vocab_size).collect::<Vec<_>>();
    let own: Vec<Vec<u32>> = (0..8).filter(|index| *index as usize % num_places == place).map(sequence).collect();
    let pack = |two: &[Vec<u32>]| {
        let ranges: Vec<Range<usize>> = two.iter().map(|ids| 2..ids.len()).collect();
        let sequences: Vec<(&[u32], &[Range<usize>])> =
            two.iter().zip(&ranges).map(|(ids, range)| (ids.as_slice(), std::slice::from_ref(range))).collect();
        Packed::new(&sequences, Device::Cpu)
    };
    let among = |two: &[Vec<u32>]| {
        let set = |target: u32| [target, (target + 1) % vocab_size, (target + 66) % vocab_size];
        let sets: Vec<[u32; 3]> = two.iter().flat_map(|ids| &ids[2..]).map(|target| set(*target)).collect();
        let sets: Vec<&[u32]> = sets.iter().map(|set| &set[..1 + set[0] as usize % 3]).collect();
        pack(two).among(&sets)
    };
    own.chunks(2).enumerate().map(|(at, two)| if at % 2 == 0 { pack(two) } else { among(two) }).collect()
}

/// Gathers gradients of a loss of logprobs and entropies; returns its output of all batches.
fn accumulate(
    decoder: &mut Decoder,
    batches: &[Packed],
    recompute: Recompute,
    scope: LossScope,
) -> Vec<LanguageOutput> {
    let mut head = LanguageHead::new(decoder, HeadOptions { temperature: 0.7, chunk: 3 });
    let mut all = Vec::new();
    for batch in batches {
        let loss = |_: Range<i64>, output: &LanguageOutput| {
            let (logprob, entropy) = (output.logprobs().exp().neg(), Some(&output.entropy * 0.1));
            Ok::<_, Infallible>(LanguageGradient { logprob, entropy })
        };
        let Ok(output) = accumulate_gradient(decoder, &mut head, batch, recompute, scope, loss);
        all.push(output);
    }
    all
}

fn assert_close(what: &str, ours: &Tensor, expected: &Tensor, size: f64) {
    let difference = (ours - expected).norm().double_value(&[]);
    assert!(size > 0.0 && difference <= 1e-5 * size, "{what}: {difference} of {size}");
}

/// The elements in some ranges, end to end.
fn elements(whole: &Tensor, ranges: &[Range<i64>]) -> Tensor {
    let flat = whole.reshape([-1]);
    let ranges = ranges.iter().map(|range| flat.narrow(0, range.start, range.end - range.start));
    Tensor::cat(&ranges.collect::<Vec<_>>(), 0)
}

/// The elements that this rank holds of each part, held against whole tensors by name; returns how many there are.
fn compare(what: &str, parameters: &[Parameter], tensors: &[Tensor], whole: &[(String, Tensor)]) -> usize {
    let mut num_held = 0;
    for held in parameters.iter().zip(tensors).flat_map(|(parameter, tensor)| parameter.held(tensor)) {
        let (_, whole) = whole.iter().find(|(name, _)| *name == held.name).unwrap();
        let expected = elements(whole, &held.ranges);
        assert_close(&format!("{what} {}", held.name), &held.tensor, &expected, whole.norm().double_value(&[]));
        num_held += held.tensor.numel();
    }
    num_held
}

fn check(what: &str, seat: &Seat, mut whole: Decoder, mut decoder: Decoder, recompute: Recompute, scope: LossScope) {
    let vocab_size = whole.config().vocab_size as u32;
    for ((name, gathered), (other, expected)) in decoder.state().iter().zip(whole.state()) {
        assert!(*name == other && gathered.equal(&expected), "{what}: {name} as it is gathered");
    }
    let mut expected = Vec::new();
    let num_places = seat.layout.shard as usize;
    for place in 0..num_places {
        let outputs = accumulate(&mut whole, &batches(place, num_places, vocab_size), recompute, scope);
        if place == seat.place() {
            expected = outputs;
        }
    }
    let mut own = batches(seat.place(), num_places, vocab_size);
    if let Some(context) = &seat.context {
        context.fits(decoder.local_config()).unwrap();
        own = own.iter().map(|batch| batch.on(context)).collect();
    }
    let output = accumulate(&mut decoder, &own, recompute, scope);
    let head = LanguageHead::new(&decoder, HeadOptions { temperature: 0.7, chunk: 100 });
    for ((batch, output), expected) in own.iter().zip(&output).zip(&expected) {
        for output in [output, &outputs(&decoder, &head, batch)] {
            assert_close(what, &output.logprobs(), &expected.logprobs(), expected.logprobs().norm().double_value(&[]));
            assert_close(what, &output.entropy, &expected.entropy, expected.entropy.norm().double_value(&[]));
        }
    }
    decoder.store_mut().complete_gradients().unwrap();
    seat.context.iter().for_each(|context| context.verify().unwrap());
    let of_whole = |tensors: Vec<Tensor>| -> Vec<(String, Tensor)> {
        whole.parameters().iter().zip(tensors).flat_map(|(parameter, tensor)| parameter.split(&tensor)).collect()
    };
    let gradients = |decoder: &Decoder| decoder.store().gradients().into_iter().map(Option::unwrap).collect::<Vec<_>>();
    let parameters = decoder.parameters();
    let weights: Vec<Tensor> = parameters.iter().map(|parameter| parameter.tensor.shallow_clone()).collect();
    let num_held = compare(what, &parameters, &weights, &whole.state());
    assert_eq!(compare(what, &parameters, &gradients(&decoder), &of_whole(gradients(&whole))), num_held);
    let num_all: usize = whole.parameters().iter().map(|parameter| parameter.tensor.numel()).sum();
    let share = (num_held as i64 * seat.layout.tensor * seat.layout.shard) as f64 / num_all as f64;
    assert!((share - 1.0).abs() < 0.2, "{what}: {num_held} of {num_all} elements");
}

pub(crate) fn play(layout: &str) {
    let lengths: Vec<i64> = layout.split('x').map(|length| length.parse().unwrap()).collect();
    let seat = Seat::new(lengths[0], lengths[1], lengths[2]);
    let group = GraphGroup::new(seat.group(Axis::Tensor));
    use LossScope::{Batch, Token};
    use Recompute::{Blocks, Nothing};
    for (model_type, is_tied, recompute, scope) in [
        ("qwen2", false, Blocks, Token),
        ("qwen2", true, Nothing, Batch),
        ("qwen3", false, Nothing, Token),
        ("qwen3", true, Blocks, Batch),
    ] {
        let what = format!("{model_type} {is_tied} rank {}", seat.job.rank());
        let whole = random(&config(model_type, is_tied));
        let share = TensorParallel::new(whole.config(), &group).unwrap();
        let store = TensorCut::cut(&whole, share, seat.shards());
        let decoder = Decoder::with_store(whole.config(), Box::new(store));
        check(&what, &seat, whole, decoder, recompute, scope);
    }
    for name in ["qwen2_tied", "qwen3"] {
        let folder = micro_folder(name, &config_text(name));
        let whole = Policy::load(folder.path(), Placement::CPU).unwrap().decoder;
        let config = whole.config().clone();
        let share = TensorParallel::new(&config, &group).unwrap();
        let store = TensorCut::empty(true, Placement::CPU, share, seat.shards());
        let mut decoder = Decoder::with_store(&config, Box::new(store));
        decoder.load_weights(folder.path()).unwrap();
        check(name, &seat, whole, decoder, Blocks, Token);
    }
    check_bfloat16(&seat, &group);
    if let Some(context) = &seat.context {
        let json = serde_json::json!({
            "model_type": "qwen2", "vocab_size": 64, "hidden_size": 12, "intermediate_size": 8, "num_hidden_layers": 1,
            "num_attention_heads": 3, "num_key_value_heads": 3, "max_position_embeddings": 64,
        });
        let error = context.fits(&ModelConfig::from_json(&json).unwrap()).unwrap_err().to_string();
        assert!(error.contains("`parallel.context` is") && error.contains("choose one of 1, 3"), "{error}");
    }
    seat.job.finish(TIMEOUT);
}

/// In bfloat16 sums of other parts round otherwise: gradients differ by a rounding's size, and not by a part's.
fn check_bfloat16(seat: &Seat, group: &std::sync::Arc<GraphGroup>) {
    let placement = Placement { kind: Kind::BFloat16, ..Placement::CPU };
    let folder = micro_folder("qwen3", &config_text("qwen3"));
    let mut whole = Policy::load(folder.path(), placement).unwrap().decoder;
    let config = whole.config().clone();
    let share = TensorParallel::new(&config, group).unwrap();
    let mut decoder = Decoder::with_store(&config, Box::new(TensorCut::empty(true, placement, share, None)));
    decoder.load_weights(folder.path()).unwrap();
    let batches = batches(0, 1, 128);
    let expected = accumulate(&mut whole, &batches, Recompute::Blocks, LossScope::Token);
    let output = accumulate(&mut decoder, &batches, Recompute::Blocks, LossScope::Token);
    for (output, expected) in output.iter().zip(&expected) {
        let difference = (output.logprobs() - expected.logprobs()).abs().max().double_value(&[]);
        assert!(difference < 0.1, "rank {}: {difference} nats", seat.job.rank());
    }
    decoder.store_mut().complete_gradients().unwrap();
    let (sums, of_whole) = (decoder.store().gradients(), whole.store().gradients());
    let expected: Vec<(String, Tensor)> = whole
        .parameters()
        .iter()
        .zip(of_whole)
        .flat_map(|(parameter, gradient)| parameter.split(&gradient.unwrap()))
        .collect();
    for (parameter, gradient) in decoder.parameters().iter().zip(sums) {
        for held in parameter.held(&gradient.unwrap()) {
            let (_, whole) = expected.iter().find(|(name, _)| *name == held.name).unwrap();
            let difference = (&held.tensor - elements(whole, &held.ranges)).norm().double_value(&[]);
            let size = whole.norm().double_value(&[]);
            assert_eq!(held.tensor.kind(), Kind::Float);
            assert!(difference <= 0.05 * size, "rank {} {}: {difference} of {size}", seat.job.rank(), held.name);
        }
    }
}

/// A rank that is left with its stretch of the tokens ends its pass, and says why it is of no use.
pub(crate) fn play_departure_of_a_stretch() {
    let seat = Seat::new(1, 1, 2);
    let context = seat.context.as_ref().unwrap();
    let mut decoder = random(&config("qwen2", false));
    let own: Vec<Packed> = batches(0, 1, 131).iter().map(|batch| batch.on(context)).collect();
    if seat.job.rank() == 0 {
        let output = accumulate(&mut decoder, &own[..1], Recompute::Blocks, LossScope::Token);
        assert_eq!(output[0].logprobs().size(), [7]);
        let error = context.verify().unwrap_err();
        assert!(matches!(error, PolicyError::Ranks(_)), "{error:?}");
        assert!(error.to_string().contains("`context`") && error.to_string().contains("all_to_all"), "{error}");
    }
    let Seat { job, context, .. } = seat;
    drop((context, own));
    job.finish(TIMEOUT);
}

pub(crate) fn play_departure() {
    let seat = Seat::new(2, 1, 1);
    let group = GraphGroup::new(seat.group(Axis::Tensor));
    let whole = random(&config("qwen3", true));
    let store = TensorCut::cut(&whole, TensorParallel::new(whole.config(), &group).unwrap(), None);
    let mut decoder = Decoder::with_store(whole.config(), Box::new(store));
    drop(group);
    if seat.job.rank() == 0 {
        let logits = tch::no_grad(|| decoder.logits(&Tensor::ones([1, 32], (Kind::Float, Device::Cpu))));
        assert_eq!(logits.size(), [1, 65]);
        let _ = accumulate(&mut decoder, &batches(0, 1, 131), Recompute::Nothing, LossScope::Token);
        for error in [decoder.store_mut().complete_gradients(), decoder.store().verify()].map(Result::unwrap_err) {
            assert!(matches!(error, PolicyError::Ranks(_)), "{error:?}");
            let error = error.to_string();
            assert!(error.contains("`tensor`") && error.contains("all_reduce"), "{error}");
        }
    }
    drop(decoder);
    seat.job.finish(TIMEOUT);
}
