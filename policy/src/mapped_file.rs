//! One safetensors file, mapped into memory: the tensors that it holds, and copies of stretches of them.
//!
//! Knows the names in the file's header, and not what they stand for.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use safetensors::{Dtype, SafeTensors};
use tch::{Device, Kind, Tensor};

use crate::error::PolicyError;

/// A file that is mapped for as long as this lives.
#[derive(Debug)]
pub(crate) struct MappedFile {
    path: PathBuf,
    map: Mmap,
    tensors: Vec<MappedTensor>,
}

/// A tensor as the file's header describes it.
#[derive(Debug)]
pub(crate) struct MappedTensor {
    pub(crate) name: String,
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<i64>,
    /// Place of its bytes in the file.
    bytes: Range<usize>,
}

impl MappedTensor {
    /// Number of elements.
    pub(crate) fn numel(&self) -> i64 {
        self.shape.iter().product()
    }
}

impl MappedFile {
    /// # Errors
    /// The file is missing, truncated or no safetensors, or a tensor's dtype is not supported.
    pub(crate) fn open(path: &Path) -> Result<Self, PolicyError> {
        let file = File::open(path).map_err(|source| PolicyError::io(path, source))?;
        #[allow(unsafe_code)]
        // SAFETY: as with every reader of a mapped file, another process that truncates it would end this one;
        // checkpoints are renamed into place, never rewritten.
        let map = unsafe { Mmap::map(&file) }.map_err(|source| PolicyError::io(path, source))?;
        let malformed = |reason: String| PolicyError::malformed(path, reason);
        let (header, metadata) = SafeTensors::read_metadata(&map)
            .map_err(|error| malformed(format!("is no whole safetensors file ({error}); is it truncated?")))?;
        let data = header + size_of::<u64>(); // the header's length stands before it
        let mut tensors = Vec::new();
        for (name, info) in metadata.tensors() {
            kind_of(info.dtype).map_err(|reason| malformed(format!("tensor `{name}`: {reason}")))?;
            tensors.push(MappedTensor {
                dtype: info.dtype,
                shape: info.shape.iter().map(|size| *size as i64).collect(),
                bytes: data + info.data_offsets.0..data + info.data_offsets.1,
                name,
            });
        }
        tensors.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { path: path.to_owned(), map, tensors })
    }

    /// Path of the file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The file's tensors, in the order of their names.
    pub(crate) fn tensors(&self) -> &[MappedTensor] {
        &self.tensors
    }

    /// Bytes of some elements of a tensor of this file.
    pub(crate) fn bytes(&self, tensor: &MappedTensor, elements: Range<i64>) -> &[u8] {
        let size = tensor.bytes.len() / tensor.numel().max(1) as usize;
        let start = tensor.bytes.start;
        &self.map[start + elements.start as usize * size..start + elements.end as usize * size]
    }

    /// Copies elements of a tensor of this file, from `start` on, until `target` is full, converting their dtype.
    ///
    /// # Errors
    /// `target` has no contiguous memory, or libtorch refuses the copy.
    pub(crate) fn copy(&self, tensor: &MappedTensor, start: i64, target: &Tensor) -> Result<(), PolicyError> {
        let numel = target.numel() as i64;
        let kind = kind_of(tensor.dtype).map_err(|reason| PolicyError::malformed(&self.path, reason))?;
        let bytes = self.bytes(tensor, start..start + numel);
        let source = if bytes.as_ptr().addr().is_multiple_of(kind.elt_size_in_bytes()) {
            #[allow(unsafe_code)]
            // SAFETY: the bytes are `numel` elements of `kind` (safetensors has checked the lengths), aligned, and
            // outlive the tensor, which is read once below and dropped here; libtorch never writes to a copy's source.
            unsafe {
                Tensor::from_blob(bytes.as_ptr(), &[numel], &[1], kind, Device::Cpu)
            }
        } else {
            Tensor::from_data_size(bytes, &[numel], kind)
        };
        tch::no_grad(|| target.detach().f_view([-1])?.f_copy_(&source))?;
        Ok(())
    }
}

/// libtorch's word for a dtype.
///
/// # Errors
/// It has none, or this decoder has no use for it.
pub(crate) fn kind_of(dtype: Dtype) -> Result<Kind, String> {
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

/// The inverse of [`kind_of`].
///
/// # Errors
/// As [`kind_of`].
pub(crate) fn dtype_of(kind: Kind) -> Result<Dtype, String> {
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
