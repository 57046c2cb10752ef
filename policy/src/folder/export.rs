//! A model's folder in any layout, written anew as Hugging Face's: weights whole, in one file or in shards.
//!
//! Bytes go from files to files: no decoder is made, and nothing is converted.

use std::borrow::Cow;
use std::path::Path;

use safetensors::{Dtype, View};

use super::{TextFiles, write_file};
use crate::config::ModelConfig;
use crate::error::PolicyError;
use crate::parameters::parameter_shapes;
use crate::pieces::PiecesIndex;
use crate::shards::MAX_SHARD_BYTES;
use crate::stored_tensors::StoredTensors;
use crate::weight_files::WeightFiles;
use crate::weights::write_weights;

/// Writes the model of the folder `from` into the folder `to`, which is there: configuration and texts as they are,
/// and the weights in `model.safetensors`, or in shards of 5 GB at most with their index. One tensor is in memory at a
/// time.
///
/// # Errors
/// `from` is no model's folder, something of its weights is missing or contradicts itself, or a file cannot be written.
pub fn export_folder(from: &Path, to: &Path) -> Result<(), PolicyError> {
    export(from, to, MAX_SHARD_BYTES)
}

fn export(from: &Path, to: &Path, max_shard_bytes: u64) -> Result<(), PolicyError> {
    let config_path = from.join("config.json");
    let config = ModelConfig::from_file(&config_path)?;
    let files = WeightFiles::find(from)?;
    let stored = files.open()?;
    let all: Vec<(&str, Dtype, &[i64])> = match files.pieces_index() {
        Some(PiecesIndex { tensors, .. }) => {
            tensors.iter().map(|(name, whole)| (name.as_str(), whole.dtype, whole.shape.as_slice())).collect()
        }
        None => stored.whole().collect(),
    };
    let mut tensors: Vec<(String, WholeTensor<'_>)> = Vec::new();
    for (name, dtype, shape) in all {
        stored.check(name, shape)?;
        let shape = shape.iter().map(|size| *size as usize).collect();
        tensors.push((name.to_owned(), WholeTensor { stored: &stored, name: name.to_owned(), dtype, shape }));
    }
    let order: Vec<String> = parameter_shapes(&config).into_iter().map(|parameter| parameter.name).collect();
    tensors.sort_by_key(|(name, _)| order.iter().position(|known| known == name).unwrap_or(order.len()));
    let config = std::fs::read(&config_path).map_err(|source| PolicyError::io(&config_path, source))?;
    write_file(&to.join("config.json"), &config)?;
    TextFiles::read(from)?.write(to)?;
    write_weights(to, tensors, max_shard_bytes)
}

/// A tensor that is read when it is written.
struct WholeTensor<'a> {
    stored: &'a StoredTensors,
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
}

impl View for WholeTensor<'_> {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        self.stored.all_bytes(&self.name)
    }

    fn data_len(&self) -> usize {
        self.shape.iter().product::<usize>() * self.dtype.bitsize() / 8
    }
}

#[cfg(test)]
mod tests {
    use tch::{Kind, Tensor};

    use super::*;
    use crate::decoder::Decoder;
    use crate::parameters::NamedTensors;
    use crate::pieces::MODEL;
    use crate::placement::Placement;
    use crate::weights::{load_into, write_pieces_index, write_rank_file};

    fn read(folder: &Path, name: &str) -> Vec<u8> {
        std::fs::read(folder.join(name)).unwrap()
    }

    #[test]
    fn shards_of_pieces_hold_the_weights_in_the_order_of_the_layers() {
        let text = r#"{"model_type": "qwen2", "vocab_size": 64, "hidden_size": 16, "intermediate_size": 32,
            "num_hidden_layers": 11, "num_attention_heads": 4, "num_key_value_heads": 2, "hidden_act": "silu",
            "max_position_embeddings": 64, "tie_word_embeddings": false, "architectures": ["Qwen2ForCausalLM"]}"#;
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for (name, content) in [("config.json", text), ("LICENSE", "terms"), ("README.md", "figures")] {
            std::fs::write(from.path().join(name), content).unwrap();
        }
        let config = ModelConfig::from_file(&from.path().join("config.json")).unwrap();
        let decoder = Decoder::random(&config, 3, Placement::CPU);
        // Halves of every tensor, in two files.
        for rank in 0..2 {
            let half = |(name, tensor): (String, Tensor)| {
                let length = tensor.numel() as i64 / 2;
                let name = format!("{name}[{}..{}]", rank * length, (rank + 1) * length);
                (name, tensor.reshape([-1]).narrow(0, rank * length, length))
            };
            let pieces: NamedTensors = decoder.state().into_iter().map(half).collect();
            write_rank_file(from.path(), MODEL, rank as usize, 2, &pieces).unwrap();
        }
        let shapes = || decoder.shapes().into_iter().map(|shape| (shape, Kind::Float)).collect();
        write_pieces_index(from.path(), 2, shapes()).unwrap();

        export(from.path(), to.path(), 12_000).unwrap();
        let index: serde_json::Value =
            serde_json::from_slice(&read(to.path(), "model.safetensors.index.json")).unwrap();
        let shard_of = |layer: i32| {
            let name = format!("model.layers.{layer}.mlp.down_proj.weight");
            index["weight_map"][name].as_str().unwrap().to_owned()
        };
        assert!(shard_of(2) < shard_of(10), "{index}");
        assert_eq!(read(to.path(), "config.json"), text.as_bytes());
        assert_eq!(read(to.path(), "LICENSE"), b"terms");
        assert!(!to.path().join("README.md").exists() && !to.path().join("model.pieces.json").exists());
        let other = Decoder::random(&config, 4, Placement::CPU);
        load_into(to.path(), &other.shapes(), &other.held(), |_| false).unwrap();
        for ((name, ours), (_, expected)) in other.state().iter().zip(decoder.state()) {
            assert!(ours.equal(&expected), "{name}");
        }

        // Of whole files the same comes out.
        let again = tempfile::tempdir().unwrap();
        export(to.path(), again.path(), 12_000).unwrap();
        for entry in std::fs::read_dir(to.path()).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(read(again.path(), &name) == read(to.path(), &name), "{name}");
        }
        std::fs::remove_file(from.path().join("model-rank-00001-of-00002.safetensors")).unwrap();
        let error = export_folder(from.path(), again.path()).unwrap_err().to_string();
        assert!(error.contains("model-rank-00001-of-00002.safetensors: is missing"), "{error}");
    }
}
