//! What computed a run: `machines.json` in its folder, an entry for each machine that went on with it. Two runs of one
//! configuration are equal to the bit where these are equal. Must not know how a device is found.

use std::fmt;
use std::io;

use serde::{Deserialize, Serialize};

use crate::atomic::write_file;
use crate::error::RecordError;
use crate::run_folder::RunFolder;

/// What computes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// `cpu`, or the kind of GPU with what drives it.
    pub device: String,
    /// Kind of processor, as its maker calls it.
    pub processor: String,
    /// Type of weights and activations.
    pub dtype: String,
    /// Threads that each rank computes with.
    pub threads: usize,
    /// Number of ranks.
    pub ranks: usize,
    /// Version of libtorch.
    pub libtorch: String,
}

/// A machine with the steps that are its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineSpan {
    /// Step after which the machine went on.
    pub after_step: u64,
    /// The machine.
    #[serde(flatten)]
    pub machine: Machine,
}

impl Machine {
    /// What decides how numbers are rounded, each part with its name. Beside a GPU processor and threads do not.
    pub fn parts(&self) -> Vec<(&'static str, String)> {
        let mut parts = vec![("device", self.device.clone())];
        if self.device == "cpu" {
            parts.push(("processor", self.processor.clone()));
            parts.push(("threads", self.threads.to_string()));
        }
        parts.push(("dtype", self.dtype.clone()));
        parts.push(("ranks", self.ranks.to_string()));
        parts.push(("libtorch", self.libtorch.clone()));
        parts
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = |number: usize, word: &str| format!("{number} {word}{}", if number == 1 { "" } else { "s" });
        let Self { device, processor, dtype, threads, ranks, .. } = self;
        write!(f, "{device}, {processor}, {dtype}, {}, {}", plural(*threads, "thread"), plural(*ranks, "rank"))
    }
}

/// Machines of a run, in the order of their steps; none where nothing is recorded.
///
/// # Errors
/// The file is there and cannot be read.
pub fn read_machines(folder: &RunFolder) -> Result<Vec<MachineSpan>, RecordError> {
    let path = folder.machines();
    match std::fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(source) => Err(RecordError::Read { path, source: source.into() }),
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|source| RecordError::Read { path, source: source.into() }),
    }
}

/// Records that a machine goes on with a run after a step. Machines whose steps are all cut are forgotten.
///
/// # Errors
/// The file cannot be read or written.
pub fn add_machine(folder: &RunFolder, after_step: u64, machine: Machine) -> Result<(), RecordError> {
    let before = read_machines(folder)?;
    let mut spans: Vec<MachineSpan> = before.iter().filter(|span| span.after_step < after_step).cloned().collect();
    if spans.last().is_none_or(|last| last.machine != machine) {
        spans.push(MachineSpan { after_step, machine });
    }
    if spans == before {
        return Ok(());
    }
    let path = folder.machines();
    let bytes = serde_json::to_vec_pretty(&spans)
        .map_err(|source| RecordError::Encode { path: path.clone(), source: source.into() })?;
    write_file(&path, &bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(processor: &str) -> Machine {
        Machine {
            device: "cpu".into(),
            processor: processor.into(),
            dtype: "float32".into(),
            threads: 1,
            ranks: 2,
            libtorch: "2.11.0".into(),
        }
    }

    #[test]
    fn a_machine_is_recorded_once_and_those_whose_steps_are_cut_are_forgotten() {
        let parent = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(&parent.path().join("run")).unwrap();
        assert_eq!(read_machines(&folder).unwrap(), []);
        for (step, name) in [(0, "a"), (4, "a"), (6, "b"), (8, "c")] {
            add_machine(&folder, step, machine(name)).unwrap();
        }
        let spans = || -> Vec<(u64, String)> {
            let spans = read_machines(&folder).unwrap().into_iter();
            spans.map(|span| (span.after_step, span.machine.processor)).collect()
        };
        assert_eq!(spans(), [(0, "a".into()), (6, "b".into()), (8, "c".into())]);
        // The run goes on from its sixth step: what `b` and `c` did is cut.
        add_machine(&folder, 6, machine("a")).unwrap();
        assert_eq!(spans(), [(0, "a".into())]);
        assert_eq!(machine("a").to_string(), "cpu, a, float32, 1 thread, 2 ranks");
        let gpu = Machine { device: "NVIDIA H200".into(), ..machine("a") };
        assert_eq!((machine("a").parts().len(), gpu.parts().len()), (6, 4));
    }

    #[test]
    fn a_torn_file_is_named() {
        let parent = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(&parent.path().join("run")).unwrap();
        std::fs::write(folder.machines(), "[{").unwrap();
        assert!(read_machines(&folder).unwrap_err().to_string().contains("machines.json"));
    }
}
