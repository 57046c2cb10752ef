//! Tensors that lie in several safetensors files: each whole in one of them, or in pieces over them.
//!
//! A piece is flat, and its name ends in the range of its elements in the whole: `NAME[128..640]`. How the files came to
//! be cut does not matter: any range of a tensor is copied out of whatever pieces hold it. Knows no model.

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

    /// Holds a tensor, given by its name and the shape of the whole, to be here with every element, of one dtype, and of
    /// one value where several files have it.
    ///
    /// # Errors
    /// It is not.
    pub fn check(&self, name: &str, shape: &[i64]) -> Result<(), PolicyError> {
        let pieces = self.pieces.get(name).map_or(&[][..], Vec::as_slice);
        let Some(first) = pieces.first() else { return Err(self.lacking(name)) };
        let numel: i64 = shape.iter().product();
        let mut covered = 0;
        for (at, piece) in pieces.iter().enumerate() {
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
            for other in pieces[..at].iter().filter(|other| other.elements.end > start) {
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
        for piece in pieces.iter().filter(|piece| piece.elements.end > wanted.start) {
            let end = piece.elements.end.min(wanted.end);
            if piece.elements.start <= at && at < end {
                let part = flat.f_narrow(0, at - wanted.start, end - at)?;
                self.file(piece).copy(self.tensor(piece), at - piece.elements.start, &part)?;
                at = end;
            }
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
