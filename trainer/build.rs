//! Says where the programs of this crate find libtorch's libraries: in a folder `libtorch` beside them, or in the one
//! that they were linked with; LD_LIBRARY_PATH comes before both. Says also which version they are built with.

use std::path::Path;

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    println!("cargo:rustc-link-arg=-Wl,-rpath,$ORIGIN/libtorch/lib");
    let libtorch = std::env::var("LIBTORCH").ok();
    if let Some(libtorch) = &libtorch {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{libtorch}/lib");
    }
    let version = libtorch.and_then(|folder| version(Path::new(&folder)));
    println!("cargo:rustc-env=LIBTORCH_VERSION={}", version.as_deref().unwrap_or("unknown"));
}

/// The version in libtorch's own header: `#define TORCH_VERSION_MAJOR 2`, and so on.
fn version(libtorch: &Path) -> Option<String> {
    let header = libtorch.join("include/torch/headeronly/version.h");
    println!("cargo:rerun-if-changed={}", header.display());
    let text = std::fs::read_to_string(header).ok()?;
    let part = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("#define TORCH_VERSION_{name} ")))?;
        Some(line.trim().to_owned())
    };
    Some([part("MAJOR")?, part("MINOR")?, part("PATCH")?].join("."))
}
