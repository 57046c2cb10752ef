//! safetensors files: memory-mapped for reading, each tensor copied once, straight to where it belongs.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::Path;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use tch::{Device, Kind, Tensor};

use crate::error::PolicyError;
use crate::shards::{TensorSize, WeightFiles, finish, split};

/// Tensors with their names, as a safetensors file holds them.
pub type NamedTensors = Vec<(String, Tensor)>;

/// Copies the tensors of a file, or of a sharded checkpoint's files, into `targets` by name, converting dtypes.
///
/// # Errors
/// A file is missing, truncated or no safetensors; a target is missing in the files, or has another shape there; the
/// files hold a tensor that is no target's (but for those that `ignore` accepts).
pub(crate) fn load_into(
    folder: &Path,
    targets: &[(String, Tensor)],
    ignore: impl Fn(&str) -> bool,
) -> Result<(), PolicyError> {
    let mut wanted: BTreeMap<&str, &Tensor> = targets.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
    let files = WeightFiles::find(folder)?;
    for file in files.names() {
        visit(&folder.join(file), |name, view| {
            files.check_place(name, file)?;
            match wanted.remove(name) {
                Some(target) => copy_into(target, view).map_err(|reason| format!("tensor `{name}`: {reason}")),
                None if ignore(name) => Ok(()),
                None => Err(format!("tensor `{name}` is not one of this model's; does config.json fit the weights?")),
            }
        })?;
    }
    match wanted.keys().next() {
        None => Ok(()),
        Some(name) => Err(files.missing(folder, name, &format!("{} of {} are", wanted.len(), targets.len()))),
    }
}

/// Writes a folder's weights to `model.safetensors`, or, past `max_shard_bytes`, to shards and their index; removes the
/// weights that the folder held before.
///
/// # Errors
/// A file cannot be written whole, or an old one cannot be removed.
pub(crate) fn write_weights(
    folder: &Path,
    tensors: &[(String, Tensor)],
    max_shard_bytes: u64,
) -> Result<(), PolicyError> {
    let size = |(name, tensor): &(String, Tensor)| {
        let num_values = tensor.numel() as u64;
        TensorSize { name: name.clone(), num_values, bytes: num_values * tensor.kind().elt_size_in_bytes() as u64 }
    };
    let sizes: Vec<TensorSize> = tensors.iter().map(size).collect();
    let files = split(&sizes, max_shard_bytes);
    for (name, range) in &files {
        write_tensors(&folder.join(name), &tensors[range.clone()])?;
    }
    finish(folder, &sizes, &files)
}

/// Reads a whole file into tensors on `device`, in the order of their names.
///
/// # Errors
/// The file is missing, truncated or no safetensors.
pub fn read_tensors(path: &Path, device: Device) -> Result<NamedTensors, PolicyError> {
    let mut tensors = NamedTensors::new();
    visit(path, |name, view| {
        let shape: Vec<i64> = view.shape().iter().map(|size| *size as i64).collect();
        let target = Tensor::zeros(shape, (kind_of(view.dtype())?, device));
        copy_into(&target, view)?;
        tensors.push((name.to_owned(), target));
        Ok(())
    })?;
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(tensors)
}

/// Writes tensors to a safetensors file with the metadata that transformers expects. One tensor's bytes are in memory
/// at a time beside the tensors themselves.
///
/// # Errors
/// The file cannot be written whole.
pub fn write_tensors(path: &Path, tensors: &[(String, Tensor)]) -> Result<(), PolicyError> {
    let mut stored = Vec::with_capacity(tensors.len());
    for (name, tensor) in tensors {
        let dtype = dtype_of(tensor.kind()).map_err(|reason| PolicyError::malformed(path, reason))?;
        let shape = tensor.size().iter().map(|size| *size as usize).collect();
        stored.push((name, Stored { tensor, dtype, shape }));
    }
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    safetensors::serialize_to_file(stored, Some(metadata), path)
        .map_err(|error| PolicyError::malformed(path, format!("could not be written (is the disk full?): {error}")))
}

/// A tensor as the safetensors writer takes it.
struct Stored<'a> {
    tensor: &'a Tensor,
    dtype: Dtype,
    shape: Vec<usize>,
}

impl safetensors::View for Stored<'_> {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let tensor = self.tensor.detach().to_device(Device::Cpu).contiguous();
        let mut bytes = vec![0; self.data_len()];
        tensor.copy_data_u8(&mut bytes, tensor.numel());
        Cow::Owned(bytes)
    }

    fn data_len(&self) -> usize {
        self.tensor.numel() * self.tensor.kind().elt_size_in_bytes()
    }
}

/// Maps a file and calls `show` with each tensor in it; the text of its error becomes the file's.
fn visit(path: &Path, mut show: impl FnMut(&str, &TensorView<'_>) -> Result<(), String>) -> Result<(), PolicyError> {
    let file = File::open(path).map_err(|source| PolicyError::io(path, source))?;
    #[allow(unsafe_code)]
    // SAFETY: the map is read only while this function runs. As with every reader of a mapped file, another process
    // that truncates it meanwhile would end this one; checkpoints are renamed into place, never rewritten.
    let map = unsafe { memmap2::Mmap::map(&file) }.map_err(|source| PolicyError::io(path, source))?;
    let tensors = SafeTensors::deserialize(&map).map_err(|error| {
        PolicyError::malformed(path, format!("is no whole safetensors file ({error}); is it truncated?"))
    })?;
    for (name, view) in tensors.iter() {
        show(name, &view).map_err(|reason| PolicyError::malformed(path, reason))?;
    }
    Ok(())
}

/// Copies a tensor of a file, converting its dtype.
///
/// # Errors
/// The shapes differ, or the dtype is not supported.
fn copy_into(target: &Tensor, view: &TensorView<'_>) -> Result<(), String> {
    let shape: Vec<i64> = view.shape().iter().map(|size| *size as i64).collect();
    if shape != target.size() {
        return Err(format!("has shape {shape:?}, the config asks for {:?}", target.size()));
    }
    let kind = kind_of(view.dtype())?;
    let data = view.data();
    let source = if data.as_ptr().addr() % kind.elt_size_in_bytes() == 0 {
        #[allow(unsafe_code)]
        // SAFETY: the bytes are `shape` elements of `kind` (safetensors has checked the length), aligned, and outlive
        // the tensor, which is read once below and dropped here; libtorch never writes to a copy's source.
        unsafe {
            Tensor::from_blob(data.as_ptr(), &shape, &strides(&shape), kind, Device::Cpu)
        }
    } else {
        Tensor::from_data_size(data, &shape, kind)
    };
    tch::no_grad(|| target.shallow_clone().f_copy_(&source)).map_err(|error| error.to_string())
}

/// Strides of a contiguous tensor, in elements.
fn strides(shape: &[i64]) -> Vec<i64> {
    let mut strides = vec![1; shape.len()];
    for i in (1..shape.len()).rev() {
        strides[i - 1] = strides[i] * shape[i];
    }
    strides
}

fn kind_of(dtype: Dtype) -> Result<Kind, String> {
    Ok(match dtype {
        Dtype::F32 => Kind::Float,
        Dtype::F64 => Kind::Double,
        Dtype::F16 => Kind::Half,
        Dtype::BF16 => Kind::BFloat16,
        Dtype::I64 => Kind::Int64,
        Dtype::I32 => Kind::Int,
        other => return Err(format!("dtype {other:?} is not supported")),
    })
}

fn dtype_of(kind: Kind) -> Result<Dtype, String> {
    Ok(match kind {
        Kind::Float => Dtype::F32,
        Kind::Double => Dtype::F64,
        Kind::Half => Dtype::F16,
        Kind::BFloat16 => Dtype::BF16,
        Kind::Int64 => Dtype::I64,
        Kind::Int => Dtype::I32,
        other => return Err(format!("dtype {other:?} is not supported")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three tensors of 400 bytes in as many shards.
    fn shards() -> (tempfile::TempDir, NamedTensors) {
        let folder = tempfile::tempdir().unwrap();
        let tensors: NamedTensors = ["a", "b", "c"]
            .iter()
            .enumerate()
            .map(|(i, name)| ((*name).to_owned(), Tensor::full([10, 10], i as f64 + 1.0, (Kind::Float, Device::Cpu))))
            .collect();
        write_weights(folder.path(), &tensors, 500).unwrap();
        (folder, tensors)
    }

    fn zeros(names: &[&str]) -> NamedTensors {
        let zeros = || Tensor::zeros([10, 10], (Kind::Float, Device::Cpu));
        names.iter().map(|name| ((*name).to_owned(), zeros())).collect()
    }

    #[test]
    fn shards_load_like_one_file() {
        let (folder, tensors) = shards();
        assert!(folder.path().join("model-00003-of-00003.safetensors").exists());
        let targets = zeros(&["a", "b", "c"]);
        load_into(folder.path(), &targets, |_| false).unwrap();
        assert!(tensors.iter().zip(&targets).all(|((_, a), (_, b))| a.equal(b)));
        write_weights(folder.path(), &tensors[..2], 800).unwrap();
        assert!(folder.path().join("model.safetensors").exists());
        load_into(folder.path(), &zeros(&["a", "b"]), |_| false).unwrap();
    }

    #[test]
    fn a_shard_that_is_missing_or_of_another_model_is_named_with_a_tensor() {
        let error_after = |change: &dyn Fn(&Path)| {
            let (folder, _) = shards();
            change(folder.path());
            load_into(folder.path(), &zeros(&["a", "b", "c"]), |_| false).unwrap_err().to_string()
        };
        let shard = |folder: &Path, number: u8| folder.join(format!("model-0000{number}-of-00003.safetensors"));
        let assert_says = |error: &str, words: [&str; 2]| {
            assert!(words.iter().all(|word| error.contains(word)), "{error}");
        };
        let missing = error_after(&|folder| std::fs::remove_file(shard(folder, 2)).unwrap());
        assert_says(&missing, ["model-00002-of-00003.safetensors: is missing", "`b`"]);
        let other = error_after(&|folder| write_tensors(&shard(folder, 2), &zeros(&["c"])).unwrap());
        assert_says(&other, ["model-00002-of-00003.safetensors: holds tensor `c`", "model-00003-of-00003.safetensors"]);
        let lacking = error_after(&|folder| write_tensors(&shard(folder, 2), &zeros(&[])).unwrap());
        assert_says(&lacking, ["model-00002-of-00003.safetensors: tensor `b` is missing", "1 of 3"]);
        let more = error_after(&|folder| write_tensors(&shard(folder, 2), &zeros(&["b", "d"])).unwrap());
        assert_says(&more, ["model-00002-of-00003.safetensors: tensor `d`", "not one of this model's"]);
        let unnamed = error_after(&|folder| {
            let map = r#"{"weight_map": {"a": "model-00001-of-00003.safetensors"}}"#;
            std::fs::write(folder.join("model.safetensors.index.json"), map).unwrap();
        });
        assert_says(&unnamed, ["model.safetensors.index.json: tensor `b` is missing", "2 of 3"]);
    }
}
