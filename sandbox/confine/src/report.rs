//! A candidate's report on its layers, sent once, before it is given its job.

use std::io;

/// A layer that a candidate puts up, in the order in which they go up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// New user, pid, mount, ipc, net and uts namespaces.
    Namespaces,
    /// A tmpfs of the candidate's own.
    Scratch,
    /// No capability left.
    Capabilities,
    /// Landlock on files, network and signals.
    Landlock,
    /// Resource limits.
    Rlimits,
    /// The system call filter.
    Seccomp,
}

impl Layer {
    /// Every layer, in the order in which they go up.
    pub const ALL: [Self; 6] =
        [Self::Namespaces, Self::Scratch, Self::Capabilities, Self::Landlock, Self::Rlimits, Self::Seccomp];

    /// The name that people read.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Namespaces => "namespaces",
            Self::Scratch => "scratch",
            Self::Capabilities => "capabilities",
            Self::Landlock => "landlock",
            Self::Rlimits => "rlimits",
            Self::Seccomp => "seccomp",
        }
    }
}

/// Stands for a layer that nobody tried to put up.
const NOT_TRIED: i32 = -1;

/// Result for each layer: the number of an error, or 0 if the layer is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report([i32; Layer::ALL.len()]);

impl Default for Report {
    fn default() -> Self {
        Self([NOT_TRIED; Layer::ALL.len()])
    }
}

impl Report {
    /// Bytes that [`Self::to_bytes`] gives.
    pub const BYTES: usize = 4 * Layer::ALL.len();

    /// Records a layer's result.
    pub(crate) fn put(&mut self, layer: Layer, result: nix::Result<()>) {
        self.0[layer as usize] = result.map_or_else(|errno| errno as i32, |()| 0);
    }

    /// True if the layer is up.
    #[must_use]
    pub fn is_up(&self, layer: Layer) -> bool {
        self.0[layer as usize] == 0
    }

    /// The layers that could not be put up, each with its error.
    pub fn failed(&self) -> impl Iterator<Item = (Layer, io::Error)> {
        let failed = Layer::ALL.into_iter().zip(self.0).filter(|(_, errno)| *errno > 0);
        failed.map(|(layer, errno)| (layer, io::Error::from_raw_os_error(errno)))
    }

    /// The report as it passes between the processes: a little-endian number for each layer.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        for (place, errno) in bytes.as_chunks_mut().0.iter_mut().zip(self.0) {
            *place = errno.to_le_bytes();
        }
        bytes
    }

    /// The report that [`Self::to_bytes`] wrote.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        let mut report = Self::default();
        for (errno, place) in report.0.iter_mut().zip(bytes.as_chunks().0) {
            *errno = i32::from_le_bytes(*place);
        }
        report
    }
}

#[cfg(test)]
mod tests {
    use nix::errno::Errno;

    use super::*;

    #[test]
    fn a_report_comes_through_as_it_was() {
        let mut report = Report::default();
        report.put(Layer::Seccomp, Ok(()));
        report.put(Layer::Scratch, Err(Errno::EPERM));
        let report = Report::from_bytes(&report.to_bytes());
        assert!(report.is_up(Layer::Seccomp) && !report.is_up(Layer::Scratch) && !report.is_up(Layer::Landlock));
        let failed: Vec<_> = report.failed().map(|(layer, error)| (layer.name(), error.raw_os_error())).collect();
        assert_eq!(failed, [("scratch", Some(1))]);
    }

    #[test]
    fn layers_stand_at_their_own_numbers() {
        assert!(Layer::ALL.iter().enumerate().all(|(number, layer)| *layer as usize == number));
    }
}
