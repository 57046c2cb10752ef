//! Compiles the shim over libtorch's autograd against libtorch's headers, as torch-sys compiles its own.

use std::path::PathBuf;

fn main() {
    println!("cargo:rerun-if-changed=cpp");
    for variable in ["LIBTORCH", "LIBTORCH_INCLUDE", "LIBTORCH_LIB", "LIBTORCH_CXX11_ABI"] {
        println!("cargo:rerun-if-env-changed={variable}");
    }
    let folder = std::env::var("LIBTORCH").map_or_else(|_| PathBuf::from("/usr"), PathBuf::from);
    let part = |variable: &str| std::env::var(variable).map_or_else(|_| folder.clone(), PathBuf::from);
    let (include, lib) = (part("LIBTORCH_INCLUDE").join("include"), part("LIBTORCH_LIB").join("lib"));
    let abi = std::env::var("LIBTORCH_CXX11_ABI").unwrap_or_else(|_| "1".into());
    let mut build = cc::Build::new();
    build.cpp(true).pic(true).warnings(false).std("c++17").include(&include);
    build.include(include.join("torch/csrc/api/include"));
    build.flag(format!("-D_GLIBCXX_USE_CXX11_ABI={abi}")).define("GLOG_USE_GLOG_EXPORT", None);
    build.file("cpp/graph.cpp").compile("operators_shim");
    println!("cargo:rustc-link-search=native={}", lib.display());
    println!("cargo:rustc-link-lib=torch_cpu");
    println!("cargo:rustc-link-lib=c10");
    println!("cargo:rustc-link-arg=-Wl,-rpath,{}", lib.display());
}
