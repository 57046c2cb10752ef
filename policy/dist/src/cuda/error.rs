//! Why CUDA is not to be had here.

/// What of CUDA is missing, or failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CudaError {
    /// libtorch's CUDA half is not there or does not load.
    #[error("libtorch has no CUDA here: {reason}")]
    Libtorch {
        /// The library, with what the dynamic linker says.
        reason: String,
    },
    /// The program does not carry the shim's CUDA half.
    #[error("this program was built without its CUDA half ({reason}); `cargo xtask setup` fetches what it needs")]
    NotBuilt {
        /// What the build lacked.
        reason: String,
    },
    /// The shim's CUDA half does not load beside this libtorch.
    #[error("the program's CUDA half does not load beside this libtorch: {reason}")]
    Shim {
        /// What the dynamic linker says.
        reason: String,
    },
    /// Everything loads, and there is no device.
    #[error("CUDA is there, but no device: {reason}")]
    NoDevice {
        /// CUDA's own words.
        reason: String,
    },
    /// A call failed.
    #[error("CUDA: {operation} failed: {reason}")]
    Call {
        /// What was asked.
        operation: &'static str,
        /// CUDA's words.
        reason: String,
    },
}
