//! The files that hold a model's weights, in whichever of three layouts: one file, shards with their index, or the
//! pieces of ranks with theirs.
//!
//! This file must not know what a tensor holds, only its name and its shape.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::error::PolicyError;
use crate::pieces::{PIECES_INDEX, PiecesIndex, is_rank_file};
use crate::shards::{INDEX, SINGLE, is_shard, read_weight_map};
use crate::stored_tensors::StoredTensors;

/// The files of a folder's weights, and what an index says of them.
#[derive(Debug)]
pub(crate) struct WeightFiles {
    folder: PathBuf,
    names: Vec<String>,
    layout: WeightLayout,
}

#[derive(Debug)]
enum WeightLayout {
    /// One file holds all.
    Single,
    /// File of each tensor.
    Shards(BTreeMap<String, String>),
    /// Pieces, whose files say by their names what they hold.
    Pieces(PiecesIndex),
}

impl WeightFiles {
    /// Finds `model.safetensors`, or else the shards that `model.safetensors.index.json` names (transformers looks in
    /// this order too), or else the ranks' files that `model.pieces.json` counts.
    ///
    /// # Errors
    /// There is none of them, an index is malformed, or a file is not there.
    pub(crate) fn find(folder: &Path) -> Result<Self, PolicyError> {
        let found = |names, layout| Ok(Self { folder: folder.to_owned(), names, layout });
        if folder.join(SINGLE).exists() {
            return found(vec![SINGLE.into()], WeightLayout::Single);
        }
        if folder.join(INDEX).exists() {
            let weight_map = read_weight_map(folder)?;
            let names: BTreeSet<String> = weight_map.values().cloned().collect();
            return found(names.into_iter().collect(), WeightLayout::Shards(weight_map));
        }
        if folder.join(PIECES_INDEX).exists() {
            let index = PiecesIndex::read(folder)?;
            return found(index.files().collect(), WeightLayout::Pieces(index));
        }
        let reason = format!("holds neither {SINGLE} nor {INDEX} nor {PIECES_INDEX}");
        Err(PolicyError::malformed(folder, reason))
    }

    /// Maps the files, and holds what they have against the index.
    ///
    /// # Errors
    /// A file is truncated or no safetensors, or it has a tensor that the index puts elsewhere or does not know, or
    /// lacks one that the index puts there.
    pub(crate) fn open(&self) -> Result<StoredTensors, PolicyError> {
        let paths: Vec<PathBuf> = self.names.iter().map(|name| self.folder.join(name)).collect();
        let stored = StoredTensors::open(&paths)?;
        for (tensor, dtype, path) in stored.places() {
            let reason = match &self.layout {
                WeightLayout::Single => continue,
                WeightLayout::Shards(weight_map) => match weight_map.get(tensor) {
                    Some(place) if self.folder.join(place) != path => {
                        format!("which {INDEX} puts into {place}; is it a shard of another model?")
                    }
                    _ => continue,
                },
                WeightLayout::Pieces(index) => match index.tensors.get(tensor) {
                    Some(record) if record.dtype == dtype => continue,
                    Some(record) => format!("as {dtype:?}, {PIECES_INDEX} says {:?}", record.dtype),
                    None => format!("which {PIECES_INDEX} does not name; is it of another model?"),
                },
            };
            let reason = format!("holds tensor `{tensor}`, {reason}");
            return Err(PolicyError::malformed(path, reason));
        }
        let promised: Vec<&String> = match &self.layout {
            WeightLayout::Single => Vec::new(),
            WeightLayout::Shards(weight_map) => weight_map.keys().collect(),
            WeightLayout::Pieces(index) => index.tensors.keys().collect(),
        };
        let lacking: Vec<&str> = promised.iter().map(|name| name.as_str()).filter(|name| !stored.holds(name)).collect();
        match lacking.first() {
            Some(name) => Err(self.missing(name, &format!("{} of {} are", lacking.len(), promised.len()))),
            None => Ok(stored),
        }
    }

    /// The index of pieces; none where every tensor is whole in a file.
    pub(crate) fn pieces_index(&self) -> Option<&PiecesIndex> {
        match &self.layout {
            WeightLayout::Pieces(index) => Some(index),
            WeightLayout::Single | WeightLayout::Shards(_) => None,
        }
    }

    /// The error for a tensor that the model asks for and no file holds; `count` says how many such there are.
    pub(crate) fn missing(&self, tensor: &str, count: &str) -> PolicyError {
        let nowhere = ", and so in every file; does config.json fit the weights?";
        let (file, said) = match &self.layout {
            WeightLayout::Single => (SINGLE, String::new()),
            WeightLayout::Shards(map) => match map.get(tensor) {
                Some(file) => {
                    (file.as_str(), format!(", though {INDEX} puts it there; is it a shard of another model?"))
                }
                None => (INDEX, nowhere.into()),
            },
            WeightLayout::Pieces(index) => match index.tensors.get(tensor) {
                Some(_) => (PIECES_INDEX, format!(" in all {} files that it counts", self.names.len())),
                None => (PIECES_INDEX, nowhere.into()),
            },
        };
        PolicyError::malformed(&self.folder.join(file), format!("tensor `{tensor}` is missing{said} ({count})"))
    }
}

/// Removes from a folder the weights that would be read beside those in the files `kept`, or instead of them.
///
/// # Errors
/// A file cannot be removed.
pub(crate) fn remove_other_weights(folder: &Path, kept: &[String]) -> Result<(), PolicyError> {
    let io = |source| PolicyError::io(folder, source);
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let entry = entry.map_err(io)?;
        let is_old = |name: &str| {
            let is_weights = [SINGLE, INDEX, PIECES_INDEX].contains(&name) || is_shard(name) || is_rank_file(name);
            is_weights && kept.iter().all(|kept| kept != name)
        };
        if entry.file_name().to_str().is_some_and(is_old) {
            std::fs::remove_file(entry.path()).map_err(|source| PolicyError::io(&entry.path(), source))?;
        }
    }
    Ok(())
}
