//! Compiles the shim over c10d against libtorch's headers, as torch-sys compiles its own.
//!
//! Says also where the programs of this crate find libtorch's libraries: in a folder `libtorch` beside them, or in the
//! one that they were linked with.

use std::path::{Path, PathBuf};

fn main() {
    println!("cargo:rerun-if-changed=cpp");
    for variable in ["LIBTORCH", "LIBTORCH_INCLUDE", "LIBTORCH_LIB", "LIBTORCH_CXX11_ABI"] {
        println!("cargo:rerun-if-env-changed={variable}");
    }
    let libtorch = std::env::var("LIBTORCH").map_or_else(|_| PathBuf::from("/usr"), PathBuf::from);
    let folder = |variable: &str| std::env::var(variable).map_or_else(|_| libtorch.clone(), PathBuf::from);
    let (include, lib) = (folder("LIBTORCH_INCLUDE").join("include"), folder("LIBTORCH_LIB").join("lib"));
    require(&include.join("torch/csrc/distributed/c10d/ProcessGroupGloo.hpp"));

    let abi = std::env::var("LIBTORCH_CXX11_ABI").unwrap_or_else(|_| "1".into());
    cc::Build::new()
        .cpp(true)
        .pic(true)
        .warnings(false)
        .std("c++17")
        .include("cpp")
        .include(&include)
        .include(include.join("torch/csrc/api/include"))
        .flag(format!("-D_GLIBCXX_USE_CXX11_ABI={abi}"))
        .define("GLOG_USE_GLOG_EXPORT", None)
        .define("USE_DISTRIBUTED", None)
        .define("USE_C10D_GLOO", None)
        .file("cpp/shim.cpp")
        .compile("dist_shim");

    println!("cargo:rustc-link-search=native={}", lib.display());
    println!("cargo:rustc-link-lib=torch_cpu");
    println!("cargo:rustc-link-lib=c10");
    println!("cargo:rustc-link-arg=-Wl,-rpath,$ORIGIN/libtorch/lib");
    println!("cargo:rustc-link-arg=-Wl,-rpath,{}", lib.display());
}

/// Ends the build with what to do where a header is missing, instead of with the compiler's words.
fn require(header: &Path) {
    assert!(
        header.is_file(),
        "{} is missing: let LIBTORCH name the folder of a libtorch 2.11.0 with its headers, as `cargo xtask setup` \
         brings it",
        header.display()
    );
}
