//! The files of tensors that are cut over ranks: one a rank, `STEM-rank-00000-of-00004.safetensors`, and for a model's
//! weights the index that says how many there are and what they hold together.
//!
//! Every rank writes its file, also one that holds nothing, so that a file that is not there is always missed. The
//! index is written last. This file must not know what a tensor is for.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use safetensors::Dtype;
use serde::{Deserialize, Serialize};

use crate::error::PolicyError;

/// What the names of a model's files begin with.
pub(crate) const MODEL: &str = "model";
/// Index of a model's files.
pub(crate) const PIECES_INDEX: &str = "model.pieces.json";

/// Name of the file of rank `rank`, from 0, of `num_ranks` that have cut some tensors: of a model's weights `stem` is
/// `model`, of a component of a checkpoint the component's name.
pub fn rank_file(stem: &str, rank: usize, num_ranks: usize) -> String {
    format!("{stem}-rank-{rank:05}-of-{num_ranks:05}.safetensors")
}

/// Rank and number of ranks in a name that [`rank_file`] made for this stem.
fn ranks_of_name(stem: &str, name: &str) -> Option<(usize, usize)> {
    let numbers = name.strip_prefix(stem)?.strip_prefix("-rank-")?.strip_suffix(".safetensors")?;
    let (rank, num_ranks) = numbers.split_once("-of-")?;
    let ranks = (rank.parse().ok()?, num_ranks.parse().ok()?);
    (rank_file(stem, ranks.0, ranks.1) == name).then_some(ranks)
}

/// True for the name of one rank's file of a model.
pub(crate) fn is_rank_file(name: &str) -> bool {
    ranks_of_name(MODEL, name).is_some()
}

/// The files of a component of a checkpoint: `STEM.safetensors`, or else the files of all ranks, of as many as there
/// were when it was written.
///
/// # Errors
/// There is neither, or a rank's file is missing.
pub fn component_files(folder: &Path, stem: &str) -> Result<Vec<PathBuf>, PolicyError> {
    let single = folder.join(format!("{stem}.safetensors"));
    if single.exists() {
        return Ok(vec![single]);
    }
    let io = |source| PolicyError::io(folder, source);
    let mut counts: Vec<usize> = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let name = entry.map_err(io)?.file_name();
        counts.extend(name.to_str().and_then(|name| ranks_of_name(stem, name)).map(|(_, num_ranks)| num_ranks));
    }
    counts.sort_unstable();
    counts.dedup();
    match counts.as_slice() {
        [num_ranks] => all_rank_files(folder, stem, *num_ranks),
        [] => {
            let reason = format!("holds neither {stem}.safetensors nor files as {}", rank_file(stem, 0, 1));
            Err(PolicyError::malformed(folder, reason))
        }
        several => {
            let reason = format!("holds files of {stem} of several numbers of ranks, {several:?}; keep those of one");
            Err(PolicyError::malformed(folder, reason))
        }
    }
}

/// The files of all ranks.
fn all_rank_files(folder: &Path, stem: &str, num_ranks: usize) -> Result<Vec<PathBuf>, PolicyError> {
    let path = |rank| {
        let path = folder.join(rank_file(stem, rank, num_ranks));
        if path.exists() {
            return Ok(path);
        }
        let reason = format!("is missing: {stem} is in {num_ranks} files, one a rank; was the folder copied whole?");
        Err(PolicyError::malformed(&path, reason))
    };
    (0..num_ranks).map(path).collect()
}

/// What `model.pieces.json` says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PiecesIndex {
    /// Number of ranks' files, at least 1.
    pub(crate) num_files: usize,
    /// Whole tensors by their names.
    pub(crate) tensors: BTreeMap<String, TensorRecord>,
}

/// A whole tensor of the index, in the words of a safetensors header.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TensorRecord {
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<i64>,
}

impl PiecesIndex {
    /// # Errors
    /// The index is malformed, or a file that it counts is not there.
    pub(crate) fn read(folder: &Path) -> Result<Self, PolicyError> {
        let path = folder.join(PIECES_INDEX);
        let malformed = |reason: String| PolicyError::malformed(&path, reason);
        let bytes = std::fs::read(&path).map_err(|source| PolicyError::io(&path, source))?;
        let index: Self =
            serde_json::from_slice(&bytes).map_err(|error| malformed(format!("is no index of pieces: {error}")))?;
        if index.num_files == 0 || index.tensors.is_empty() {
            return Err(malformed("names no file or no tensor".into()));
        }
        for (name, TensorRecord { shape, .. }) in &index.tensors {
            let numel = shape.iter().try_fold(1i64, |numel, size| numel.checked_mul(*size).filter(|_| *size >= 0));
            if numel.is_none() {
                return Err(malformed(format!("tensor `{name}` has the impossible shape {shape:?}")));
            }
        }
        all_rank_files(folder, MODEL, index.num_files)?;
        Ok(index)
    }

    /// # Errors
    /// The file cannot be written.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), PolicyError> {
        let path = folder.join(PIECES_INDEX);
        let text = serde_json::to_string_pretty(self).expect("names and numbers serialise") + "\n";
        std::fs::write(&path, text).map_err(|source| PolicyError::io(&path, source))
    }

    /// Names of the files in the folder.
    pub(crate) fn files(&self) -> impl Iterator<Item = String> {
        let ranks: Range<usize> = 0..self.num_files;
        ranks.map(|rank| rank_file(MODEL, rank, self.num_files))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_is_one_file_or_one_of_each_rank() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let write = |name: &str| std::fs::write(folder.join(name), "").unwrap();
        let names = || -> Result<Vec<String>, String> {
            let files = component_files(folder, "optimizer").map_err(|error| error.to_string())?;
            Ok(files.iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect())
        };
        write("critic_optimizer-rank-00000-of-00001.safetensors");
        write("optimizer-rank-0-of-1.safetensors");
        let error = names().unwrap_err();
        assert!(error.contains("neither optimizer.safetensors nor files as optimizer-rank-00000-of-"), "{error}");
        let two = [rank_file("optimizer", 0, 2), rank_file("optimizer", 1, 2)];
        write(&two[1]);
        let error = names().unwrap_err();
        assert!(error.contains("optimizer-rank-00000-of-00002.safetensors: is missing"), "{error}");
        write(&two[0]);
        assert_eq!(names().unwrap(), two);
        write(&rank_file("optimizer", 0, 3));
        let error = names().unwrap_err();
        assert!(error.contains("several numbers of ranks, [2, 3]"), "{error}");
        write("optimizer.safetensors");
        assert_eq!(names().unwrap(), ["optimizer.safetensors"]);
    }
}
