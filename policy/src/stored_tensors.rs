//! Tensors that lie in several safetensors files: each whole in one of them, or in pieces over them.
//!
//! A piece is flat, and its name ends in the range of its elements in the whole: `NAME[128..640]`. How the files came
//! to be cut does not matter: any range of a tensor is copied out of whatever pieces hold it. Knows no model.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use safetensors::Dtype;
use tch::Tensor;

use crate::error::PolicyError;
use crate::mapped_file::{MappedFile, MappedTensor};
use crate::parameters::part_of_name;

/// Tensors of some files by their names. The files are mapped: what is copied is read, and nothing else but headers.
#[derive(Debug)]
pub struct StoredTensors {
    files: Vec<MappedFile>,
    /// By the name of the whole, in the order of their first elements.
    pieces: BTreeMap<String, Vec<StoredPiece>>,
}

/// Elements of a tensor that follow one another in a file; all of them where it is whole there.
#[derive(Debug)]
struct StoredPiece {
    /// Place of its file, and of the tensor in it.
    place: (usize, usize),
    /// Elements that it holds of the whole.
    elements: Range<i64>,
    is_cut: bool,
}

impl StoredTensors {
    /// Maps files and reads their headers.
    ///
    /// # Errors
    /// A file is missing, truncated or no safetensors, or a piece has not as many elements as its name says.
    pub fn open(paths: &[PathBuf]) -> Result<Self, PolicyError> {
        let files = paths.iter().map(|path| MappedFile::open(path)).collect::<Result<Vec<_>, _>>()?;
        let mut pieces: BTreeMap<String, Vec<StoredPiece>> = BTreeMap::new();
        for (at, file) in files.iter().enumerate() {
            for (of_file, tensor) in file.tensors().iter().enumerate() {
                let (name, range) = part_of_name(&tensor.name);
                let range = range.filter(|_| !tensor.shape.is_empty());
                let is_cut = range.is_some();
                let elements = range.unwrap_or(0..tensor.numel());
                let fits = elements.start >= 0 && elements.end.checked_sub(elements.start) == Some(tensor.numel());
                if is_cut && !(fits && tensor.shape.len() == 1) {
                    let reason =
                        format!("tensor `{}` has shape {:?}, which its name does not fit", tensor.name, tensor.shape);
                    return Err(PolicyError::malformed(file.path(), reason));
                }
                let piece = StoredPiece { place: (at, of_file), elements, is_cut };
                pieces.entry(name.to_owned()).or_default().push(piece);
            }
        }
        pieces.values_mut().for_each(|pieces| pieces.sort_by_key(|piece| (piece.elements.start, piece.place)));
        Ok(Self { files, pieces })
    }

    /// Names of the tensors, without the ranges of pieces, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.pieces.keys().map(String::as_str)
    }

    /// True where something of a tensor is here.
    pub(crate) fn holds(&self, name: &str) -> bool {
        self.pieces.contains_key(name)
    }

    /// What the files hold: of each piece the name of the whole, its dtype, and its file.
    pub(crate) fn places(&self) -> impl Iterator<Item = (&str, Dtype, &Path)> {
        self.pieces.iter().flat_map(move |(name, pieces)| {
            pieces.iter().map(move |piece| (name.as_str(), self.tensor(piece).dtype, self.file(piece).path()))
        })
    }

    /// Tensors that a file holds whole, with their dtypes and shapes.
    pub(crate) fn whole(&self) -> impl Iterator<Item = (&str, Dtype, &[i64])> {
        self.pieces.iter().filter_map(|(name, pieces)| {
            let tensor = self.tensor(pieces.iter().find(|piece| !piece.is_cut)?);
            Some((name.as_str(), tensor.dtype, tensor.shape.as_slice()))
        })
    }

    /// Holds a tensor, given by its name and the shape of the whole, to be here with every element, of one dtype, and
    /// of one value where several files have it.
    ///
    /// # Errors
    /// It is not.
    pub fn check(&self, name: &str, shape: &[i64]) -> Result<(), PolicyError> {
        let pieces = self.pieces.get(name).map_or(&[][..], Vec::as_slice);
        let Some(first) = pieces.first() else { return Err(self.lacking(name)) };
        let numel: i64 = shape.iter().product();
        let mut covered = 0;
        let mut open: Vec<&StoredPiece> = Vec::new(); // that hold elements from the next piece on
        for piece in pieces {
            let fault = |reason: String| Err(self.fault(piece, name, reason));
            let (tensor, Range { start, end }) = (self.tensor(piece), piece.elements.clone());
            if !piece.is_cut && tensor.shape != shape {
                return fault(format!("has shape {:?}, the model asks for {shape:?}", tensor.shape));
            }
            if end > numel {
                return fault(format!("goes up to element {end}, shape {shape:?} has {numel}"));
            }
            if start > covered {
                return fault(format!("begins with element {start}, and {covered}..{start} are in no file beside it"));
            }
            if tensor.dtype != self.tensor(first).dtype {
                let (other, dtype) = (self.file(first).path().display(), self.tensor(first).dtype);
                return fault(format!("is {:?}, and {dtype:?} in {other}", tensor.dtype));
            }
            open.retain(|other| other.elements.end > start);
            for other in &open {
                let shared = start..end.min(other.elements.end);
                if self.bytes(piece, &shared) != self.bytes(other, &shared) {
                    return fault(format!(
                        "has other values than in {} (elements {}..{}); are these files of one checkpoint?",
                        self.file(other).path().display(),
                        shared.start,
                        shared.end
                    ));
                }
            }
            covered = covered.max(end);
            open.push(piece);
        }
        if covered < numel {
            let last = pieces.iter().max_by_key(|piece| piece.elements.end).unwrap_or(first);
            let reason = format!("ends with element {covered}, and {covered}..{numel} are in no file beside it");
            return Err(self.fault(last, name, reason));
        }
        Ok(())
    }

    /// Copies a tensor into `target`, converting its dtype: all of it, or the elements of the range that `name` ends
    /// in, in their order. Check the tensor first ([`StoredTensors::check`]).
    ///
    /// # Errors
    /// An element is not here, `target` has another number of them, or its memory is not contiguous.
    pub fn copy(&self, name: &str, target: &Tensor) -> Result<(), PolicyError> {
        let (name, range) = part_of_name(name);
        let pieces = self.pieces.get(name).map_or(&[][..], Vec::as_slice);
        let wanted = range.filter(|_| target.dim() > 0).unwrap_or(0..target.numel() as i64);
        let flat = target.f_view([-1])?;
        let mut at = wanted.start;
        while at < wanted.end {
            let behind = pieces.partition_point(|piece| piece.elements.start <= at);
            let Some(piece) = pieces[..behind].iter().rev().find(|piece| at < piece.elements.end) else { break };
            let end = piece.elements.end.min(wanted.end);
            let part = flat.f_narrow(0, at - wanted.start, end - at)?;
            self.file(piece).copy(self.tensor(piece), at - piece.elements.start, &part)?;
            at = end;
        }
        match pieces.first() {
            _ if at == wanted.end => Ok(()),
            Some(piece) => Err(self.fault(piece, name, format!("element {at} is in no file beside it"))),
            None => Err(self.lacking(name)),
        }
    }

    /// The bytes of a tensor that [`StoredTensors::check`] has found whole.
    pub(crate) fn all_bytes(&self, name: &str) -> Cow<'_, [u8]> {
        let pieces = self.pieces.get(name).map_or(&[][..], Vec::as_slice);
        if let Some(whole) = pieces.iter().find(|piece| !piece.is_cut) {
            return Cow::Borrowed(self.bytes(whole, &whole.elements));
        }
        let (mut bytes, mut at) = (Vec::new(), 0);
        for piece in pieces.iter().filter(|piece| piece.elements.end > 0) {
            if piece.elements.end > at {
                bytes.extend_from_slice(self.bytes(piece, &(at..piece.elements.end)));
                at = piece.elements.end;
            }
        }
        Cow::Owned(bytes)
    }

    fn file(&self, piece: &StoredPiece) -> &MappedFile {
        &self.files[piece.place.0]
    }

    fn tensor(&self, piece: &StoredPiece) -> &MappedTensor {
        &self.file(piece).tensors()[piece.place.1]
    }

    /// Bytes of elements of the whole, which the piece holds.
    fn bytes(&self, piece: &StoredPiece, elements: &Range<i64>) -> &[u8] {
        let start = piece.elements.start;
        self.file(piece).bytes(self.tensor(piece), elements.start - start..elements.end - start)
    }

    fn fault(&self, piece: &StoredPiece, name: &str, reason: String) -> PolicyError {
        PolicyError::malformed(self.file(piece).path(), format!("tensor `{name}`: {reason}"))
    }

    /// The error for a tensor of which nothing is here.
    fn lacking(&self, name: &str) -> PolicyError {
        let others = match self.files.len() {
            0 | 1 => String::new(),
            count => format!(", here and in {} files beside it", count - 1),
        };
        let path = self.files.first().map_or(Path::new(""), MappedFile::path);
        PolicyError::malformed(path, format!("tensor `{name}` is missing{others}"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tch::{Device, Kind};

    use super::*;
    use crate::weights::write_tensors;

    const SHAPE: [i64; 2] = [6, 5];

    /// The values of a tensor of [`SHAPE`].
    fn values() -> Tensor {
        Tensor::arange(30, (Kind::Float, Device::Cpu)).sin()
    }

    /// A file of pieces of the tensor `a`, given by their ranges.
    fn file(folder: &Path, number: usize, ranges: &[Range<i64>]) -> PathBuf {
        let path = folder.join(format!("{number}.safetensors"));
        let piece = |range: &Range<i64>| {
            let tensor = values().narrow(0, range.start, range.end - range.start);
            (format!("a[{}..{}]", range.start, range.end), tensor)
        };
        write_tensors(&path, &ranges.iter().map(piece).collect::<Vec<_>>()).unwrap();
        path
    }

    proptest! {
        #[test]
        fn any_range_comes_out_of_any_pieces(
            cuts in prop::collection::btree_set(1i64..30, 0..8),
            owners in prop::collection::vec(0usize..3, 9),
            again in prop::collection::vec((0i64..30, 1i64..30), 0..3),
            wanted in (0i64..30, 1i64..31),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let bounds: Vec<i64> = [0].into_iter().chain(cuts).chain([30]).collect();
            let mut ranges = [const { Vec::new() }; 4];
            for (pair, owner) in bounds.windows(2).zip(owners) {
                ranges[owner].push(pair[0]..pair[1]);
            }
            // What is in a file twice over must not matter, as long as it is the same.
            ranges[3].extend(again.iter().map(|(start, length)| *start..(start + length).min(30)));
            ranges[3].sort_by_key(|range| (range.start, range.end));
            ranges[3].dedup();
            let paths: Vec<PathBuf> = (0..4).map(|number| file(folder.path(), number, &ranges[number])).collect();
            let stored = StoredTensors::open(&paths).unwrap();
            stored.check("a", &SHAPE).unwrap();
            let start = wanted.0.min(wanted.1 - 1);
            let target = Tensor::zeros([wanted.1 - start], (Kind::Float, Device::Cpu));
            stored.copy(&format!("a[{start}..{}]", wanted.1), &target).unwrap();
            prop_assert!(target.equal(&values().narrow(0, start, wanted.1 - start)));
            let whole = Tensor::zeros(SHAPE, (Kind::Float, Device::Cpu));
            stored.copy("a", &whole).unwrap();
            prop_assert!(whole.equal(&values().view(SHAPE)));
            let floats = Vec::<f32>::try_from(values()).unwrap();
            let bytes: Vec<u8> = floats.iter().flat_map(|value| value.to_le_bytes()).collect();
            prop_assert_eq!(stored.all_bytes("a").into_owned(), bytes);
        }

        #[test]
        fn a_piece_that_is_lacking_is_told(cuts in prop::collection::btree_set(1i64..30, 1..8), lost in 0usize..8) {
            let folder = tempfile::tempdir().unwrap();
            let bounds: Vec<i64> = [0].into_iter().chain(cuts).chain([30]).collect();
            let mut ranges: Vec<Range<i64>> = bounds.windows(2).map(|pair| pair[0]..pair[1]).collect();
            let lost = ranges.remove(lost % ranges.len());
            let stored = StoredTensors::open(&[file(folder.path(), 0, &ranges)]).unwrap();
            let error = stored.check("a", &SHAPE).unwrap_err().to_string();
            let said = format!("{}..{} are in no file", lost.start, lost.end);
            prop_assert!(error.contains("0.safetensors: tensor `a`") && error.contains(&said), "{}", error);
            let target = Tensor::zeros([lost.end - lost.start], (Kind::Float, Device::Cpu));
            let error = stored.copy(&format!("a[{}..{}]", lost.start, lost.end), &target).unwrap_err().to_string();
            prop_assert!(error.contains(&format!("element {}", lost.start)), "{}", error);
        }
    }

    #[test]
    fn a_number_of_pieces_is_one_number() {
        let folder = tempfile::tempdir().unwrap();
        let count = |number: usize, name: &str, value: i64| {
            let path = folder.path().join(format!("{number}.safetensors"));
            write_tensors(&path, &[(name.to_owned(), Tensor::from(value))]).unwrap();
            path
        };
        let stored = StoredTensors::open(&[count(0, "n.a[0..4]", 7), count(1, "n.a[4..9]", 7)]).unwrap();
        stored.check("n.a", &[]).unwrap();
        let target = Tensor::from(0i64);
        stored.copy("n.a[2..6]", &target).unwrap();
        assert_eq!(target.int64_value(&[]), 7);
        let stored = StoredTensors::open(&[count(0, "n.a[0..4]", 7), count(1, "n.a[4..9]", 8)]).unwrap();
        let error = stored.check("n.a", &[]).unwrap_err().to_string();
        assert!(error.contains("1.safetensors: tensor `n.a`: has other values than in"), "{error}");
    }

    #[test]
    fn a_tensor_of_another_shape_or_name_is_told_with_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("whole.safetensors");
        write_tensors(&path, &[("a".to_owned(), values().view([5, 6]))]).unwrap();
        let stored = StoredTensors::open(&[path]).unwrap();
        let error = stored.check("a", &SHAPE).unwrap_err().to_string();
        assert!(error.contains("whole.safetensors: tensor `a`: has shape [5, 6]"), "{error}");
        let error = stored.check("b", &SHAPE).unwrap_err().to_string();
        assert!(error.contains("whole.safetensors: tensor `b` is missing"), "{error}");
        assert_eq!(stored.names().collect::<Vec<_>>(), ["a"]);
    }
}
