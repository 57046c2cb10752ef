//! Whole tensors in one file, or in shards and the index that says which tensor lies where.
//!
//! Names and index are Hugging Face's (`huggingface_hub`, `serialization/_base.py`). This file must not know what a
//! tensor holds, only its name and its size.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;

use serde::Serialize;

use crate::error::PolicyError;

/// The one file of weights that are not sharded.
pub(crate) const SINGLE: &str = "model.safetensors";
pub(crate) const INDEX: &str = "model.safetensors.index.json";

/// Largest number of bytes of tensors in a shard that holds more than one: 5 GB, huggingface_hub's default.
pub(crate) const MAX_SHARD_BYTES: u64 = 5_000_000_000;

/// A tensor's name, with its number of values and its bytes.
#[derive(Clone, Debug)]
pub(crate) struct TensorSize {
    pub(crate) name: String,
    pub(crate) num_values: u64,
    pub(crate) bytes: u64,
}

/// File of each tensor, as the index says; each is there.
///
/// # Errors
/// The index is malformed, or a shard is not there.
pub(crate) fn read_weight_map(folder: &Path) -> Result<BTreeMap<String, String>, PolicyError> {
    let path = folder.join(INDEX);
    let malformed = |reason: String| PolicyError::malformed(&path, reason);
    let text = std::fs::read_to_string(&path).map_err(|source| PolicyError::io(&path, source))?;
    let json: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| malformed(format!("not JSON: {error}")))?;
    let map = json["weight_map"].as_object().ok_or_else(|| malformed("lacks `weight_map`".into()))?;
    let mut weight_map = BTreeMap::new();
    for (tensor, file) in map {
        let Some(file) = file.as_str().filter(|file| !file.contains('/')) else {
            return Err(malformed(format!("names {file} for tensor `{tensor}`, which is not a file beside it")));
        };
        weight_map.insert(tensor.clone(), file.to_owned());
    }
    let names: BTreeSet<&String> = weight_map.values().collect();
    for name in &names {
        if !folder.join(name).exists() {
            let held: Vec<_> = weight_map.iter().filter(|(_, file)| file == name).map(|(tensor, _)| tensor).collect();
            let reason = format!(
                "is missing: by {INDEX} it holds tensor `{}` and {} more; was the folder copied whole?",
                held[0],
                held.len() - 1
            );
            return Err(PolicyError::malformed(&folder.join(name), reason));
        }
    }
    if names.is_empty() {
        return Err(malformed("names no tensor".into()));
    }
    Ok(weight_map)
}

/// Files for tensors of these sizes, in their order: the name of each with its range of tensors. A file holds
/// `max_bytes` at most, or one tensor.
pub(crate) fn split(tensors: &[TensorSize], max_bytes: u64) -> Vec<(String, Range<usize>)> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let mut bytes = 0;
    for (at, tensor) in tensors.iter().enumerate() {
        match ranges.last_mut() {
            Some(range) if bytes + tensor.bytes <= max_bytes => range.end = at + 1,
            _ => {
                ranges.push(at..at + 1);
                bytes = 0;
            }
        }
        bytes += tensor.bytes;
    }
    let count = ranges.len();
    let name =
        |i: usize| if count == 1 { SINGLE.into() } else { format!("model-{:05}-of-{count:05}.safetensors", i + 1) };
    ranges.into_iter().enumerate().map(|(i, range)| (name(i), range)).collect()
}

/// Writes the index of the files that [`split`] named.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn write_index(
    folder: &Path,
    tensors: &[TensorSize],
    files: &[(String, Range<usize>)],
) -> Result<(), PolicyError> {
    let index = folder.join(INDEX);
    let places = files.iter().flat_map(|(file, range)| tensors[range.clone()].iter().map(move |t| (&t.name, file)));
    let text = serde_json::to_string_pretty(&Index {
        metadata: Metadata {
            total_parameters: tensors.iter().map(|tensor| tensor.num_values).sum(),
            total_size: tensors.iter().map(|tensor| tensor.bytes).sum(),
        },
        weight_map: places.map(|(tensor, file)| (tensor.as_str(), file.as_str())).collect(),
    });
    let text = text.expect("names and numbers serialise") + "\n";
    std::fs::write(&index, text).map_err(|source| PolicyError::io(&index, source))
}

#[derive(Serialize)]
struct Index<'a> {
    metadata: Metadata,
    weight_map: BTreeMap<&'a str, &'a str>,
}

#[derive(Serialize)]
struct Metadata {
    total_parameters: u64,
    total_size: u64,
}

/// True for `model-00001-of-00002.safetensors`, with any five digits.
pub(crate) fn is_shard(name: &str) -> bool {
    let numbers = name.strip_prefix("model-").and_then(|name| name.strip_suffix(".safetensors"));
    let parts = numbers.and_then(|numbers| numbers.split_once("-of-"));
    let is_number = |part: &str| part.len() == 5 && part.bytes().all(|byte| byte.is_ascii_digit());
    parts.is_some_and(|(number, count)| is_number(number) && is_number(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(bytes: &[u64]) -> Vec<TensorSize> {
        let tensor =
            |(i, bytes): (usize, &u64)| TensorSize { name: format!("t{i}"), num_values: bytes / 4, bytes: *bytes };
        bytes.iter().enumerate().map(tensor).collect()
    }

    #[test]
    fn a_shard_is_filled_but_never_past_its_limit() {
        let counts =
            |bytes: &[u64]| split(&sizes(bytes), 100).into_iter().map(|(_, range)| range.len()).collect::<Vec<_>>();
        assert_eq!(counts(&[40, 60]), [2]);
        assert_eq!(counts(&[40, 60, 4]), [2, 1]);
        assert_eq!(counts(&[40, 400, 4, 96]), [1, 1, 2]);
        let names: Vec<String> = split(&sizes(&[60, 60]), 100).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]);
        assert_eq!(split(&sizes(&[60, 40]), 100)[0].0, SINGLE);
    }

    #[test]
    fn the_index_says_where_each_tensor_lies() {
        let folder = tempfile::tempdir().unwrap();
        let tensors = sizes(&[60, 60, 60]);
        write_index(folder.path(), &tensors, &split(&tensors, 120)).unwrap();
        let index: serde_json::Value =
            serde_json::from_slice(&std::fs::read(folder.path().join(INDEX)).unwrap()).unwrap();
        assert_eq!(
            index,
            serde_json::json!({
                "metadata": {"total_parameters": 45, "total_size": 180},
                "weight_map": {
                    "t0": "model-00001-of-00002.safetensors",
                    "t1": "model-00001-of-00002.safetensors",
                    "t2": "model-00002-of-00002.safetensors",
                },
            })
        );
    }

    #[test]
    fn an_index_that_cannot_be_followed_is_refused() {
        let error_of = |index: &str| {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join(INDEX), index).unwrap();
            read_weight_map(folder.path()).unwrap_err().to_string()
        };
        for (index, reason) in [
            ("{", "not JSON"),
            ("{}", "lacks `weight_map`"),
            (r#"{"weight_map": {}}"#, "names no tensor"),
            (r#"{"weight_map": {"a": "../b"}}"#, "names \"../b\" for tensor `a`"),
            (r#"{"weight_map": {"a": 3}}"#, "names 3 for tensor `a`"),
        ] {
            let error = error_of(index);
            assert!(error.contains(INDEX) && error.contains(reason), "{error}");
        }
        let error = error_of(r#"{"weight_map": {"a": "x.safetensors", "b": "x.safetensors"}}"#);
        assert!(error.contains("x.safetensors: is missing") && error.contains("tensor `a` and 1 more"), "{error}");
    }
}
