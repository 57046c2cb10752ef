//! Weights that are cut over ranks: real processes, whose gradients are held against those of one.

use std::convert::Infallible;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dist::{Axis, Backend, Environment, Fingerprint, Job, Layout, ProcessGroup};
use policy::{
    Decoder, HeadOptions, LanguageGradient, LanguageHead, LossScope, ModelConfig, Packed, ParameterPiece, Placement,
    Policy, PolicyError, Recompute, RewardModel, Sharded, Spread, accumulate_gradient, export_folder,
};
use tch::{Device, Tensor};

use crate::micro_folder::{config_text, golden, micro_folder};
use crate::ranks::succeed;

const TIMEOUT: Duration = Duration::from_secs(20);

#[test]
fn gradients_over_ranks_are_those_of_one_process() {
    for (layout, num_ranks) in [("2x1", 2), ("1x2", 2), ("1x3", 3), ("2x2", 4)] {
        succeed(&format!("sharded {layout}"), num_ranks);
    }
}

#[test]
fn the_error_of_a_rank_that_is_left_alone_names_the_operation() {
    succeed("a rank leaves", 2);
}

fn start() -> Job {
    let environment = Environment::of_process().unwrap().unwrap();
    Job::start(&environment, &Fingerprint::default().with("version", "1"), TIMEOUT).unwrap()
}

/// The groups of one store.
fn groups(job: &Job, replica: i64, shard: i64) -> (ProcessGroup, Option<ProcessGroup>) {
    let shape = Layout { replica, shard, context: 1, tensor: 1 }.resolve(job.world_size()).unwrap();
    let group = |axis: Axis| job.group(axis.name(), shape.peers(job.rank(), &[axis]), Backend::Gloo, TIMEOUT).unwrap();
    (group(Axis::Shard), (replica > 1).then(|| group(Axis::Replica)))
}

/// Twelve sequences, of which rank `rank` of `num_ranks` has every `num_ranks`-th; all walk equally often.
fn batches(rank: usize, num_ranks: usize) -> Vec<Packed> {
    let sequence = |index: u32| (0..5 + index % 4).map(|at| (at * at + 7 * index + 3) % 128).collect::<Vec<u32>>();
    let pack = |index: usize| {
        let ids = sequence(index as u32);
        Packed::new(&[(&ids, std::slice::from_ref(&(2..ids.len())))], Device::Cpu)
    };
    (0..12).filter(|index| index % num_ranks == rank).map(pack).collect()
}

fn accumulate(decoder: &mut Decoder, batches: &[Packed], recompute: Recompute) {
    let mut head = LanguageHead::new(decoder, HeadOptions { temperature: 0.7, chunk: 3 });
    for batch in batches {
        let loss = |_: Range<i64>, output: &policy::LanguageOutput| {
            let gradient = LanguageGradient { logprob: output.logprobs().exp().neg(), entropy: None };
            Ok::<_, Infallible>(gradient)
        };
        let Ok(_) = accumulate_gradient(decoder, &mut head, batch, recompute, LossScope::Token, loss);
    }
}

/// The elements of a whole parameter that a piece holds.
fn piece_of(whole: &Tensor, piece: &ParameterPiece, numel: usize) -> Tensor {
    assert_eq!(whole.size(), piece.shape);
    whole.reshape([-1]).narrow(0, piece.start, numel as i64)
}

pub(crate) fn play(layout: &str) {
    let (replica, shard) = layout.split_once('x').unwrap();
    let (replica, shard) = (replica.parse().unwrap(), shard.parse().unwrap());
    let job = start();
    use Recompute::{Blocks, Nothing};
    for (name, recompute) in [("qwen2", Nothing), ("qwen2_tied", Blocks), ("qwen3", Blocks)] {
        let folder = micro_folder(name, &config_text(name));
        let load = || Policy::load(folder.path(), Placement::CPU).unwrap().decoder;
        let config = ModelConfig::from_file(&golden(name).join("config.json")).unwrap();
        let mut whole = load();
        let (shards, replicas) = groups(&job, replica, shard);
        let seat = (shards.rank(), replicas.as_ref().map_or(0, ProcessGroup::rank));
        let store = match recompute {
            Nothing => Sharded::cut(&whole, shards, replicas),
            Blocks => Sharded::empty(&config, true, Placement::CPU, shards, replicas),
        };
        let mut decoder = Decoder::with_store(&config, Box::new(store));
        if recompute == Blocks {
            decoder.load_weights(folder.path()).unwrap();
        }
        let spread = Spread { shards: shard as usize, replicas: replica as usize };
        assert_eq!(decoder.store().spread(), spread);
        for ((name, gathered), (_, expected)) in decoder.state().iter().zip(load().state()) {
            assert!(gathered.equal(&expected), "{name}: the gathered weights are the whole ones");
        }
        whole.store_mut().clear_gradients();
        for rank in 0..job.world_size() {
            accumulate(&mut whole, &batches(rank, job.world_size()), recompute);
        }
        accumulate(&mut decoder, &batches(job.rank(), job.world_size()), recompute);
        decoder.store_mut().complete_gradients().unwrap();

        let expected: Vec<_> = whole.parameters().into_iter().zip(whole.store().gradients()).collect();
        let held = decoder.parameters().into_iter().zip(decoder.store().gradients());
        let mut num_held = 0;
        for (parameter, gradient) in held {
            let (of_whole, sum) = expected.iter().find(|(whole, _)| whole.name == parameter.name).unwrap();
            let (piece, numel) = (parameter.piece.as_ref().unwrap(), parameter.tensor.numel());
            assert!(piece_of(&of_whole.tensor, piece, numel).equal(&parameter.tensor), "{}", parameter.name);
            let sum = sum.as_ref().unwrap();
            let difference = (piece_of(sum, piece, numel) - gradient.unwrap()).norm().double_value(&[]);
            let size = sum.norm().double_value(&[]);
            assert!(size > 0.0 && difference <= 1e-6 * size, "{name} {}: {difference}", parameter.name);
            num_held += numel as i64;
        }
        let num_all: i64 = expected.iter().map(|(parameter, _)| parameter.tensor.numel() as i64).sum();
        let share = num_held as f64 * shard as f64 / num_all as f64;
        assert!((share - 1.0).abs() < 0.02, "{name}: {num_held} of {num_all} elements");
        decoder.store_mut().clear_gradients();
        assert!(decoder.store().gradients().iter().all(Option::is_none));
        check_folders(&job, seat, Policy { decoder, ..Policy::load(folder.path(), Placement::CPU).unwrap() });
    }
    job.finish(TIMEOUT);
}

/// Has ranks read a folder that one process wrote and write one that one process reads: `seat` is this rank's place
/// among the shards and among the replicas.
fn check_folders(job: &Job, seat: (usize, usize), mut policy: Policy) {
    let all = job.group("all", (0..job.world_size()).collect(), Backend::Gloo, TIMEOUT).unwrap();
    let mine = tempfile::tempdir().unwrap();
    let paths = all.all_gather_bytes(mine.path().to_str().unwrap().as_bytes()).unwrap();
    let shared = PathBuf::from(String::from_utf8(paths[0].clone()).unwrap());
    let (whole, pieces, scorer) = (shared.join("whole"), shared.join("pieces"), shared.join("scorer"));
    let num_shards = policy.decoder.store().spread().shards;
    let config = policy.decoder.config().clone();
    let assert_same = |ours: &Decoder, other: &Decoder| {
        for ((name, ours), (_, other)) in ours.state().iter().zip(other.state()) {
            assert!(ours.equal(&other), "{name} is another");
        }
    };
    if job.rank() == 0 {
        let decoder = Decoder::random(&config, 5, Placement::CPU);
        Policy { decoder, texts: policy.texts.clone() }.save(&whole).unwrap();
    }
    all.barrier().unwrap();
    policy.decoder.load_weights(&whole).unwrap();
    let expected = Policy::load(&whole, Placement::CPU).unwrap();
    assert_same(&policy.decoder, &expected.decoder);

    // The folder of a scalar head over a cut trunk is that of the ranks, whose first writes the head.
    let mut model = RewardModel::load_any(&whole, Placement::CPU).unwrap();
    let _ = tch::no_grad(|| model.head.parameter().tensor.fill_(0.25));
    let (shards, replicas) = groups(job, (job.world_size() / num_shards) as i64, num_shards as i64);
    model.decoder = Decoder::with_store(&config, Box::new(Sharded::cut(&model.decoder, shards, replicas)));
    if seat.1 == 0 {
        policy.save_pieces(&pieces, seat.0, num_shards).unwrap();
        model.save_pieces(&scorer, seat.0, num_shards).unwrap();
    }
    all.barrier().unwrap();
    assert!(Policy::load(&pieces, Placement::CPU).is_err(), "without its index a folder is none");
    all.barrier().unwrap();
    if job.rank() == 0 {
        policy.save_pieces_index(&pieces, num_shards).unwrap();
        model.save_pieces_index(&scorer, num_shards).unwrap();
    }
    all.barrier().unwrap();
    assert_same(&Policy::load(&pieces, Placement::CPU).unwrap().decoder, &expected.decoder);
    let loaded = RewardModel::load_any(&scorer, Placement::CPU).unwrap();
    assert_same(&loaded.decoder, &RewardModel::load_any(&whole, Placement::CPU).unwrap().decoder);
    assert!(loaded.head.parameter().tensor.equal(&model.head.parameter().tensor));
    let _ = tch::no_grad(|| model.head.parameter().tensor.fill_(0.0));
    model.load_weights(&scorer).unwrap();
    assert!(loaded.head.parameter().tensor.equal(&model.head.parameter().tensor));
    assert_same(&model.decoder, &loaded.decoder);

    // Whole again, by way of files alone.
    if job.rank() == 0 {
        let export = shared.join("export");
        std::fs::create_dir(&export).unwrap();
        export_folder(&pieces, &export).unwrap();
        let read = |folder: &Path, name: &str| std::fs::read(folder.join(name)).unwrap();
        for name in ["config.json", "model.safetensors", "tokenizer.json", "chat_template.jinja"] {
            assert!(read(&export, name) == read(&whole, name), "{name} is another");
        }
    }
    all.barrier().unwrap();
}

pub(crate) fn play_departure() {
    let job = start();
    let whole = Policy::load(micro_folder("qwen2", &config_text("qwen2")).path(), Placement::CPU).unwrap().decoder;
    let (shards, replicas) = groups(&job, 1, 2);
    let mut decoder = Decoder::with_store(whole.config(), Box::new(Sharded::cut(&whole, shards, replicas)));
    if job.rank() == 0 {
        let embedding = decoder.store().embedding();
        assert_eq!(embedding.size(), whole.store().embedding().size());
        assert_eq!(embedding.abs().max().double_value(&[]), 0.0);
        accumulate(&mut decoder, &batches(0, 2), Recompute::Blocks);
        for error in [decoder.store_mut().complete_gradients(), decoder.store().verify()].map(Result::unwrap_err) {
            assert!(matches!(error, PolicyError::Ranks(_)), "{error:?}");
            let error = error.to_string();
            assert!(error.contains("`shard`") && error.contains("all_gather"), "{error}");
        }
    }
    drop(decoder);
    job.finish(TIMEOUT);
}
