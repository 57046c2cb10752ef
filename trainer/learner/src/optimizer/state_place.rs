//! Where an optimizer's state lies, and the way of its pieces to the device that computes and back.
//!
//! On the host it takes no memory of a GPU but for the pieces under way: while one is computed with, the next comes and
//! the one before goes, in a stream of their own (ZeRO-Offload, arXiv 2101.06840, computes on the CPU instead). Knows
//! tensors, and not what is computed with them. On a CPU host and device are one memory, and nothing moves.

use anyhow::Result;
use policy::dist::cuda::{Event, Gpu, Stream};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor, no_grad};

/// Memory that holds an optimizer's moments and float32 masters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatePlace {
    /// The weights' device.
    #[default]
    Device,
    /// The host, in page-locked memory, to spare a GPU's.
    Host,
}

/// Numbers of a piece under way: 16 MiB of each tensor, so that a copy takes far longer than its beginning.
const PIECE: i64 = 1 << 22;

/// The way of an optimizer's state.
#[derive(Debug)]
pub(super) enum Way {
    /// The state lies where it is computed with.
    Here,
    /// It lies on the host and is copied, each piece when it is its turn.
    Copied,
    /// It lies in page-locked memory, and pieces move beside the computation.
    Streamed {
        /// The device that computes.
        gpu: Gpu,
        /// Where pieces move.
        moves: Stream,
    },
}

/// A piece of the state of one parameter on the device that computes.
pub(super) struct Piece {
    /// The tensors of the state, flat.
    pub(super) tensors: Vec<Tensor>,
    /// Where they lie, where that is not here.
    home: Vec<Tensor>,
    arrived: Option<Event>,
}

impl Way {
    /// The way of a state that is to lie at `place`, of weights on `device`.
    ///
    /// # Errors
    /// CUDA cannot.
    pub(super) fn new(place: StatePlace, device: Device) -> Result<Self> {
        match (place, Gpu::of(device)) {
            (StatePlace::Device, _) => Ok(Self::Here),
            (StatePlace::Host, _) if device == Device::Cpu => Ok(Self::Here),
            (StatePlace::Host, None) => Ok(Self::Copied),
            (StatePlace::Host, Some(gpu)) => Ok(Self::Streamed { gpu, moves: gpu.stream()? }),
        }
    }

    /// `like` in float32 with a memory of its own where the state lies: its numbers, or zeros.
    ///
    /// # Errors
    /// The host has not as much memory.
    pub(super) fn place(&self, like: &Tensor, is_zero: bool) -> Result<Tensor> {
        let mut placed = match self {
            Self::Here => Tensor::empty(like.size(), (Kind::Float, like.device())),
            Self::Copied => Tensor::empty(like.size(), (Kind::Float, Device::Cpu)),
            Self::Streamed { gpu, .. } => {
                let shape = Tensor::zeros([1], (Kind::Float, Device::Cpu)).expand(like.size(), false);
                gpu.pinned_like(&shape)?
            }
        };
        no_grad(|| match is_zero {
            true => drop(placed.zero_()),
            false => placed.copy_(like),
        });
        Ok(placed)
    }

    /// Numbers of a piece on `device`: temporaries stay in a CPU's cache, and small on a GPU.
    pub(super) fn piece_length(&self, device: Device) -> i64 {
        match (self, device) {
            (Self::Streamed { .. }, _) => PIECE,
            (_, Device::Cpu) => 1 << 17,
            _ => 1 << 24,
        }
    }

    /// Begins to bring a piece to `device`.
    ///
    /// # Errors
    /// CUDA cannot.
    pub(super) fn bring(&self, home: Vec<Tensor>, device: Device) -> Result<Piece> {
        match self {
            Self::Here => Ok(Piece { tensors: home, home: Vec::new(), arrived: None }),
            Self::Copied => {
                let copied = |tensor: &Tensor| if device == Device::Cpu { tensor.copy() } else { tensor.to(device) };
                Ok(Piece { tensors: home.iter().map(copied).collect(), home, arrived: None })
            }
            Self::Streamed { gpu, moves } => {
                let tensors = moves.run(|| {
                    let brought = home.iter().map(|tensor| {
                        let mut brought = Tensor::empty(tensor.size(), (tensor.kind(), device));
                        gpu.copy(&mut brought, tensor).map(|()| brought)
                    });
                    brought.collect::<Result<Vec<_>, _>>()
                })??;
                Ok(Piece { tensors, home, arrived: Some(moves.record()?) })
            }
        }
    }

    /// Computes with a piece, once it has arrived, and sends it back.
    ///
    /// # Errors
    /// CUDA cannot.
    pub(super) fn compute(&self, mut piece: Piece, compute: impl FnOnce(&mut [Tensor])) -> Result<()> {
        let Self::Streamed { gpu, moves } = self else {
            compute(&mut piece.tensors);
            piece.home.iter_mut().zip(&piece.tensors).for_each(|(home, tensor)| home.copy_(tensor));
            return Ok(());
        };
        let here = gpu.current_stream()?;
        if let Some(arrived) = &piece.arrived {
            here.await_event(arrived)?;
        }
        compute(&mut piece.tensors);
        // The tensors are memory of the stream `moves`, which hands it on once it has come to the end of these copies.
        moves.await_event(&here.record()?)?;
        moves.run(|| {
            let mut pairs = piece.home.iter_mut().zip(&piece.tensors);
            pairs.try_for_each(|(home, tensor)| gpu.copy(home, tensor))
        })??;
        Ok(())
    }

    /// Blocks until all pieces are home.
    ///
    /// # Errors
    /// Something on the device failed.
    pub(super) fn settle(&self) -> Result<()> {
        match self {
            Self::Streamed { moves, .. } => Ok(moves.record()?.wait()?),
            _ => Ok(()),
        }
    }
}
