//! What computes a run: the GPU, libtorch, the processor. Must not know what a run is.

use std::path::Path;

use policy::dist::cuda::{Cuda, Gpu, Versions};
use tch::Device;

/// The kind of a GPU, the driver's and NCCL's versions; all ranks have the same, for others round otherwise.
pub(super) fn gpu(device: Device) -> String {
    let Some(gpu) = Gpu::of(device) else { return "of no known kind".into() };
    let described = gpu.describe().map_or_else(|error| error.to_string(), |described| described.to_string());
    let Ok(Versions { driver, nccl, .. }) = Cuda::load().and_then(Cuda::versions) else { return described };
    format!("{described}, driver for CUDA {}.{}, NCCL {}.{}.{}", driver.0, driver.1, nccl.0, nccl.1, nccl.2)
}

/// Version of the libtorch that this program was built with, and the size of the library that it found at run time.
pub(super) fn libtorch() -> String {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let library = maps
        .lines()
        .filter_map(|line| line.split_whitespace().nth(5))
        .find(|path| Path::new(path).file_name().is_some_and(|name| name == "libtorch_cpu.so"));
    let bytes = library.and_then(|path| std::fs::metadata(path).ok()).map_or(0, |metadata| metadata.len());
    format!("{} (libtorch_cpu.so of {bytes} bytes)", env!("LIBTORCH_VERSION"))
}

/// Kind of processor, as the kernel says it; the architecture where it says none.
pub(super) fn processor() -> String {
    named(&std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default())
        .unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}

/// The name in `/proc/cpuinfo`: a name in words, or the numbers that ARM's processors have in its place.
fn named(text: &str) -> Option<String> {
    let value = |key: &str| {
        let values = text.lines().filter_map(|line| line.split_once(':')).filter(|(name, _)| name.trim() == key);
        values.map(|(_, value)| value.trim().to_owned()).find(|value| !value.is_empty())
    };
    value("model name")
        .or_else(|| Some(format!("implementer {}, part {}", value("CPU implementer")?, value("CPU part")?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_processor_has_a_name_or_numbers() {
        let x86 = "processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel name\t: AMD EPYC 9654 96-Core Processor\n";
        assert_eq!(named(x86).as_deref(), Some("AMD EPYC 9654 96-Core Processor"));
        let arm = "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd4f\n";
        assert_eq!(named(arm).as_deref(), Some("implementer 0x41, part 0xd4f"));
        assert_eq!(named("processor : 0\nmodel name :\n"), None);
        assert!(!processor().is_empty());
    }
}
