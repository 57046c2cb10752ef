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

/// Writes the model of the folder `from` into the folder `to`, which is there: configuration and texts as they are, and
/// the weights in `model.safetensors`, or in shards of 5 GB at most with their index. One tensor is in memory at a time.
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
