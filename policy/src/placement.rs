//! Device and dtype of a model's tensors, which travel together through every constructor.

use tch::{Device, Kind};

/// Device and dtype of tensors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Placement {
    /// The device that holds the tensors and computes on them.
    pub device: Device,
    /// The dtype of weights and activations.
    pub kind: Kind,
}

impl Placement {
    /// float32 on the CPU, as tests and examples use it.
    pub const CPU: Self = Self { device: Device::Cpu, kind: Kind::Float };

    /// The pair that tch's constructors of tensors take.
    pub fn options(self) -> (Kind, Device) {
        (self.kind, self.device)
    }
}
