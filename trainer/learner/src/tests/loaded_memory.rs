//! What is in memory while a rank of several reads a reward model or a critic: what it holds, and never the whole.
//!
//! Measured as in `planned_memory.rs`, in a group whose other ranks do not exist. The pages of a file that were read
//! count too: of a matrix that is cut by its columns these are all.

use std::path::Path;

use policy::dist::{GraphGroup, ProcessGroup};
use policy::{
    Decoder, ModelConfig, Placement, Policy, PolicyError, RewardModel, ScalarHead, ShardGroups, Sharded, Storage,
    TensorCut, TensorParallel, WeightStore, parameter_shapes,
};
use tch::Device;

use super::bf16_model::micro_folder;
use super::planned_memory::{bytes, config, play_alone, status};

#[test]
fn a_rank_reads_what_it_holds_of_a_reward_model_and_no_more() {
    let parent = tempfile::tempdir().unwrap();
    let texts = Policy::load(micro_folder().path(), Placement::CPU).unwrap().texts;
    let decoder = Decoder::random(&config("qwen2", true), 0, Placement::CPU);
    let head = ScalarHead::zeros(decoder.config().hidden_size, Device::Cpu);
    RewardModel { decoder, head, texts }.save(parent.path()).unwrap();
    for layout in ["1x1", "8x1", "2x4"] {
        play_alone(&format!("loading {layout} {}", parent.path().display()));
    }
}

/// A middle rank of so many that have shares, and pieces of them.
struct Seat {
    tensor: usize,
    shard: usize,
}

impl Storage for Seat {
    type Error = PolicyError;

    fn store(&self, config: &ModelConfig, head: bool) -> Result<Box<dyn WeightStore>, PolicyError> {
        let group = |name: &str, size: usize| ProcessGroup::fake(name, size / 2, size).unwrap();
        let shard = (self.shard > 1).then(|| group("shard", self.shard));
        let shards = shard.map(|shard| ShardGroups { shard, replica: None });
        if self.tensor > 1 {
            let tensor = TensorParallel::new(config, &GraphGroup::new(group("tensor", self.tensor)))?;
            return Ok(Box::new(TensorCut::empty(head, Placement::CPU, tensor, shards)));
        }
        match shards {
            None => Placement::CPU.store(config, head),
            Some(ShardGroups { shard, .. }) => Ok(Box::new(Sharded::empty(config, head, Placement::CPU, shard, None))),
        }
    }
}

/// Plays the role in this process: `SHARDxTENSOR FOLDER`.
pub(super) fn play(role: &str) {
    let (layout, folder) = role.split_once(' ').unwrap();
    let (shard, tensor) = layout.split_once('x').unwrap();
    let seat = Seat { shard: shard.parse().unwrap(), tensor: tensor.parse().unwrap() };
    let num_pieces = seat.shard * seat.tensor;
    drop(Policy::load(micro_folder().path(), Placement::CPU).unwrap()); // libraries allocate at their first use
    let before = status("VmRSS:");
    std::fs::write("/proc/self/clear_refs", "5").unwrap(); // the peak begins anew (proc(5))
    let model = RewardModel::load(Path::new(folder), seat).unwrap();
    let peak = status("VmHWM:") - before;
    let held: Vec<_> = model.decoder.parameters().into_iter().map(|parameter| parameter.tensor).collect();
    let held = bytes(&held);
    let shapes = parameter_shapes(model.decoder.config());
    let whole = shapes.iter().map(|it| 4 * it.shape.iter().product::<i64>()).sum::<i64>() as f64;
    let share = held as f64 * num_pieces as f64 / whole;
    assert!((share - 1.0).abs() < 0.1, "{layout}: {held} bytes held of {whole}");
    let most = match (num_pieces, tensor) {
        (1, _) => 2.1, // the weights, and the file
        (_, "1") => 0.5,
        _ => 0.9,
    };
    println!("{layout}: {:.1} MB held, {:.1} MB at most", held as f64 / 1e6, peak as f64 / 1e6);
    assert!(peak >= held && peak as f64 <= most * whole, "{layout}: {peak} bytes at most, {whole} are the whole");
    assert!(num_pieces > 1 || peak as f64 > 1.9 * whole, "the whole would have been seen: {peak} bytes");
}
