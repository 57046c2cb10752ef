//! A model's weights between memory and the files of a folder: each tensor, or what this rank holds of it, is copied
//! once, straight to where it belongs.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use progress::{Progress, Unit};
use safetensors::{Dtype, View};
use tch::{Device, Kind, Tensor};

use crate::error::PolicyError;
use crate::mapped_file::{MappedFile, dtype_of, kind_of};
use crate::parameters::{NamedTensors, ParameterShape, part_of_name};
use crate::pieces::{PIECES_INDEX, PiecesIndex, TensorRecord, rank_file};
use crate::shards::{INDEX, TensorSize, split, write_index};
use crate::weight_files::{WeightFiles, remove_other_weights};

/// Copies weights of a folder into `targets` by name, converting dtypes. The files may hold tensors whole or in the
/// pieces of any number of ranks; a target whose name ends in a range takes these elements. `shapes` are all tensors of
/// the model, also those of which no target is here.
///
/// # Errors
/// A file is missing, truncated or no safetensors; the files lack something of one of `shapes`, or have another shape;
/// they hold a tensor that is none of them (but for those that `ignore` accepts). Nothing is copied then.
pub(crate) fn load_into(
    folder: &Path,
    shapes: &[ParameterShape],
    targets: &[(String, Tensor)],
    ignore: impl Fn(&str) -> bool,
) -> Result<(), PolicyError> {
    let files = WeightFiles::find(folder)?;
    let stored = files.open()?;
    let known: BTreeMap<&str, &[i64]> =
        shapes.iter().map(|whole| (whole.name.as_str(), whole.shape.as_slice())).collect();
    let unknown = |path: &Path, name: &str| {
        let reason = format!("tensor `{name}` is not one of this model's; does config.json fit the weights?");
        PolicyError::malformed(path, reason)
    };
    for (name, TensorRecord { shape, .. }) in files.pieces_index().into_iter().flat_map(|index| &index.tensors) {
        let path = folder.join(PIECES_INDEX);
        match known.get(name.as_str()) {
            Some(asked) if asked == shape => {}
            Some(asked) => {
                let reason = format!("tensor `{name}`: has shape {shape:?}, the model asks for {asked:?}");
                return Err(PolicyError::malformed(&path, reason));
            }
            None if ignore(name) => {}
            None => return Err(unknown(&path, name)),
        }
    }
    for (name, _, path) in stored.places() {
        if !known.contains_key(name) && !ignore(name) {
            return Err(unknown(path, name));
        }
    }
    let missing: Vec<&str> = known.keys().copied().filter(|name| !stored.holds(name)).collect();
    if let Some(name) = missing.first() {
        return Err(files.missing(name, &format!("{} of {} are", missing.len(), shapes.len())));
    }
    known.iter().try_for_each(|(name, shape)| stored.check(name, shape))?;
    let size = |target: &Tensor| (target.numel() * target.kind().elt_size_in_bytes()) as u64;
    let bytes = targets.iter().map(|(_, target)| size(target)).sum();
    let progress = Progress::aside(titled("reading weights of", folder), Unit::Bytes, Some(bytes));
    for (name, target) in targets {
        stored.copy(name, target)?;
        progress.advance(size(target));
    }
    Ok(())
}

/// What is done, with the last part of a path.
fn titled(work: &str, path: &Path) -> String {
    format!("{work} {}", path.file_name().unwrap_or(path.as_os_str()).to_string_lossy())
}

/// Writes a folder's weights to `model.safetensors`, or, past `max_shard_bytes`, to shards and their index; removes the
/// weights that the folder held before. One tensor's bytes are in memory at a time, beside what `tensors` hold.
///
/// # Errors
/// A file cannot be written whole, or an old one cannot be removed.
pub(crate) fn write_weights<V: View>(
    folder: &Path,
    tensors: Vec<(String, V)>,
    max_shard_bytes: u64,
) -> Result<(), PolicyError> {
    let size = |(name, tensor): &(String, V)| TensorSize {
        name: name.clone(),
        num_values: tensor.shape().iter().map(|size| *size as u64).product(),
        bytes: tensor.data_len() as u64,
    };
    let sizes: Vec<TensorSize> = tensors.iter().map(size).collect();
    let files = split(&sizes, max_shard_bytes);
    let mut tensors = tensors.into_iter();
    for (name, range) in &files {
        write_file(&folder.join(name), tensors.by_ref().take(range.len()))?;
    }
    let mut kept: Vec<String> = files.iter().map(|(name, _)| name.clone()).collect();
    if files.len() > 1 {
        write_index(folder, &sizes, &files)?;
        kept.push(INDEX.into());
    }
    remove_other_weights(folder, &kept)
}

/// Writes the file of rank `rank` of `num_ranks`, all of which call this with what each of them holds: pieces, which
/// stand in the file of the rank that has them, and tensors that every rank has whole, which rank 0 writes. Of ranks
/// that hold the same pieces one calls this. Returns the file's name ([`rank_file`]).
///
/// # Errors
/// The file cannot be written whole.
pub fn write_rank_file(
    folder: &Path,
    stem: &str,
    rank: usize,
    num_ranks: usize,
    tensors: &[(String, Tensor)],
) -> Result<String, PolicyError> {
    let name = rank_file(stem, rank, num_ranks);
    let path = folder.join(&name);
    let mine = tensors.iter().filter(|(name, _)| rank == 0 || part_of_name(name).1.is_some());
    write_file(&path, stored(&path, mine)?)?;
    Ok(name)
}

/// Writes the index of a model's files of pieces, when all ranks have written theirs; `tensors` are the whole ones.
/// Removes the weights that the folder held before.
///
/// # Errors
/// The file cannot be written, or an old one cannot be removed.
pub(crate) fn write_pieces_index(
    folder: &Path,
    num_ranks: usize,
    tensors: Vec<(ParameterShape, Kind)>,
) -> Result<(), PolicyError> {
    let mut records = BTreeMap::new();
    for (ParameterShape { name, shape }, kind) in tensors {
        let dtype = dtype_of(kind).map_err(|reason| PolicyError::malformed(&folder.join(PIECES_INDEX), reason))?;
        records.insert(name, TensorRecord { dtype, shape });
    }
    let index = PiecesIndex { num_files: num_ranks, tensors: records };
    index.write(folder)?;
    let kept: Vec<String> = index.files().chain([PIECES_INDEX.into()]).collect();
    remove_other_weights(folder, &kept)
}

/// Reads a whole file into tensors on `device`, in the order of their names.
///
/// # Errors
/// The file is missing, truncated or no safetensors.
pub fn read_tensors(path: &Path, device: Device) -> Result<NamedTensors, PolicyError> {
    let file = MappedFile::open(path)?;
    let mut tensors = NamedTensors::new();
    for tensor in file.tensors() {
        let kind = kind_of(tensor.dtype).map_err(|reason| PolicyError::malformed(path, reason))?;
        let target = Tensor::zeros(tensor.shape.as_slice(), (kind, device));
        file.copy(tensor, 0, &target)?;
        tensors.push((tensor.name.clone(), target));
    }
    Ok(tensors)
}

/// Writes tensors to a safetensors file with the metadata that transformers expects. One tensor's bytes are in memory
/// at a time beside the tensors themselves.
///
/// # Errors
/// The file cannot be written whole.
pub fn write_tensors(path: &Path, tensors: &[(String, Tensor)]) -> Result<(), PolicyError> {
    write_file(path, stored(path, tensors)?)
}

fn write_file<V: View>(path: &Path, tensors: impl IntoIterator<Item = (String, V)>) -> Result<(), PolicyError> {
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let tensors: Vec<(String, V)> = tensors.into_iter().collect();
    let bytes = tensors.iter().map(|(_, tensor)| tensor.data_len() as u64).sum();
    let progress = Progress::aside(titled("writing", path), Unit::Bytes, Some(bytes));
    let told = tensors.into_iter().map(|(name, tensor)| (name, Told { tensor, progress: &progress }));
    safetensors::serialize_to_file(told, Some(metadata), path)
        .map_err(|error| PolicyError::malformed(path, format!("could not be written (is the disk full?): {error}")))
}

/// Tensors as the safetensors writer takes them; `path` is for the error.
///
/// # Errors
/// A dtype is not supported.
pub(crate) fn stored<'a>(
    path: &Path,
    tensors: impl IntoIterator<Item = &'a (String, Tensor)>,
) -> Result<Vec<(String, Stored<'a>)>, PolicyError> {
    let store = |(name, tensor): &'a (String, Tensor)| {
        let dtype = dtype_of(tensor.kind()).map_err(|reason| PolicyError::malformed(path, reason))?;
        let shape = tensor.size().iter().map(|size| *size as usize).collect();
        Ok((name.clone(), Stored { tensor, dtype, shape }))
    };
    tensors.into_iter().map(store).collect()
}

/// A tensor whose writing is told.
struct Told<'a, V> {
    tensor: V,
    progress: &'a Progress,
}

impl<V: View> View for Told<'_, V> {
    fn dtype(&self) -> Dtype {
        self.tensor.dtype()
    }

    fn shape(&self) -> &[usize] {
        self.tensor.shape()
    }

    fn data(&self) -> Cow<'_, [u8]> {
        self.progress.advance(self.tensor.data_len() as u64);
        self.tensor.data()
    }

    fn data_len(&self) -> usize {
        self.tensor.data_len()
    }
}

/// A tensor as the safetensors writer takes it.
pub(crate) struct Stored<'a> {
    tensor: &'a Tensor,
    dtype: Dtype,
    shape: Vec<usize>,
}

impl View for Stored<'_> {
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
        write(folder.path(), &tensors, 500);
        (folder, tensors)
    }

    fn write(folder: &Path, tensors: &[(String, Tensor)], max_shard_bytes: u64) {
        write_weights(folder, stored(folder, tensors).unwrap(), max_shard_bytes).unwrap();
    }

    fn shapes(tensors: &[(String, Tensor)]) -> Vec<ParameterShape> {
        tensors.iter().map(|(name, tensor)| ParameterShape { name: name.clone(), shape: tensor.size() }).collect()
    }

    fn load(folder: &Path, targets: &NamedTensors) -> Result<(), PolicyError> {
        load_into(folder, &shapes(targets), targets, |_| false)
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
        load(folder.path(), &targets).unwrap();
        assert!(tensors.iter().zip(&targets).all(|((_, a), (_, b))| a.equal(b)));
        write(folder.path(), &tensors[..2], 800);
        assert!(folder.path().join("model.safetensors").exists());
        load(folder.path(), &zeros(&["a", "b"])).unwrap();
    }

    #[test]
    fn a_shard_that_is_missing_or_of_another_model_is_named_with_a_tensor() {
        let error_after = |change: &dyn Fn(&Path)| {
            let (folder, _) = shards();
            change(folder.path());
            load(folder.path(), &zeros(&["a", "b", "c"])).unwrap_err().to_string()
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

    #[test]
    fn weights_of_the_past_leave_the_folder_and_other_files_stay() {
        let (folder, tensors) = shards();
        let folder = folder.path();
        std::fs::write(folder.join("model-of-safetensors.txt"), "{}").unwrap();
        let names = || {
            let entries = std::fs::read_dir(folder).unwrap();
            let mut names: Vec<String> = entries.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        };
        let pieces_of = |num_ranks: usize| {
            for rank in 0..num_ranks {
                write_rank_file(folder, "model", rank, num_ranks, &tensors).unwrap();
            }
            let whole = shapes(&tensors).into_iter().map(|shape| (shape, Kind::Float)).collect();
            write_pieces_index(folder, num_ranks, whole).unwrap();
        };
        write(folder, &tensors, 800);
        let two = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model-of-safetensors.txt"];
        assert_eq!(names(), [&two[..], &["model.safetensors.index.json"]].concat());
        write(folder, &tensors, 1200);
        assert_eq!(names(), ["model-of-safetensors.txt", "model.safetensors"]);
        pieces_of(3);
        pieces_of(2);
        let ranks = ["model-rank-00000-of-00002.safetensors", "model-rank-00001-of-00002.safetensors"];
        assert_eq!(names(), [&["model-of-safetensors.txt"], &ranks[..1], &ranks[1..], &["model.pieces.json"]].concat());
        load(folder, &zeros(&["a", "b", "c"])).unwrap();
        write(folder, &tensors, 800);
        assert_eq!(names(), [&two[..], &["model.safetensors.index.json"]].concat());
    }
}
