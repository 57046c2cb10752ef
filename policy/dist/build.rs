//! Compiles the shim over c10d against libtorch's headers, as torch-sys compiles its own, and its CUDA half as a shared
//! library that the crate carries within itself, where the headers for it are at hand.
//!
//! Says also where the programs of this crate find libtorch's libraries: in a folder `libtorch` beside them, or in the
//! one that they were linked with.

use std::path::{Path, PathBuf};

/// Headers of CUDA that libtorch's own include, by the packages that have them.
const CUDA_HEADERS: [(&str, &str); 3] = [
    ("cuda_runtime.h", "nvidia-cuda-runtime"),
    ("crt/host_config.h", "nvidia-cuda-crt"),
    ("nv/target", "nvidia-cuda-cccl"),
];

/// The libtorch that is built against.
struct Libtorch {
    include: PathBuf,
    lib: PathBuf,
    abi: String,
}

fn main() {
    println!("cargo:rerun-if-changed=cpp");
    println!("cargo:rustc-check-cfg=cfg(cuda_shim)");
    for variable in ["LIBTORCH", "LIBTORCH_INCLUDE", "LIBTORCH_LIB", "LIBTORCH_CXX11_ABI", "CUDA_HOME"] {
        println!("cargo:rerun-if-env-changed={variable}");
    }
    let folder = std::env::var("LIBTORCH").map_or_else(|_| PathBuf::from("/usr"), PathBuf::from);
    let part = |variable: &str| std::env::var(variable).map_or_else(|_| folder.clone(), PathBuf::from);
    let libtorch = Libtorch {
        include: part("LIBTORCH_INCLUDE").join("include"),
        lib: part("LIBTORCH_LIB").join("lib"),
        abi: std::env::var("LIBTORCH_CXX11_ABI").unwrap_or_else(|_| "1".into()),
    };
    require(&libtorch.include.join("torch/csrc/distributed/c10d/ProcessGroupGloo.hpp"));
    libtorch.build().define("USE_C10D_GLOO", None).file("cpp/shim.cpp").compile("dist_shim");
    match libtorch.build_cuda() {
        Ok(()) => println!("cargo:rustc-cfg=cuda_shim"),
        Err(reason) => {
            println!("cargo:warning=built without GPUs of several ranks, NCCL and figures of GPU memory: {reason}");
            println!("cargo:rustc-env=DIST_NO_CUDA_SHIM={reason}");
        }
    }

    println!("cargo:rustc-link-search=native={}", libtorch.lib.display());
    println!("cargo:rustc-link-lib=torch_cpu");
    println!("cargo:rustc-link-lib=c10");
    println!("cargo:rustc-link-arg=-Wl,-rpath,$ORIGIN/libtorch/lib");
    println!("cargo:rustc-link-arg=-Wl,-rpath,{}", libtorch.lib.display());
}

impl Libtorch {
    /// What both halves are compiled with.
    fn build(&self) -> cc::Build {
        let mut build = cc::Build::new();
        build.cpp(true).pic(true).warnings(false).std("c++17").include("cpp").include(&self.include);
        build.include(self.include.join("torch/csrc/api/include"));
        build.flag(format!("-D_GLIBCXX_USE_CXX11_ABI={}", self.abi));
        build.define("GLOG_USE_GLOG_EXPORT", None).define("USE_DISTRIBUTED", None);
        build
    }

    /// Makes `libdist_cuda.so`, or says what is missing for it.
    fn build_cuda(&self) -> Result<(), String> {
        let libraries = ["libtorch_cuda.so", "libc10_cuda.so"].map(|name| self.lib.join(name));
        let header = self.include.join("torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp");
        if let Some(missing) = libraries.iter().chain([&header]).find(|file| !file.is_file()) {
            return Err(format!("this libtorch is for CPUs alone, {} is missing", missing.display()));
        }
        let packages = self.include.join("../../nvidia");
        let mut homes = vec![packages.join("cu13")];
        homes.extend(std::env::var_os("CUDA_HOME").map(PathBuf::from));
        let homes: Vec<PathBuf> = homes.into_iter().filter(|home| home.is_dir()).collect();
        for home in &homes {
            println!("cargo:rerun-if-changed={}", home.join("include").display());
        }
        let has = |home: &PathBuf, header: &str| home.join("include").join(header).is_file();
        let lacks = |(header, _): &&(&str, &str)| !homes.iter().any(|home| has(home, header));
        if let Some((header, package)) = CUDA_HEADERS.iter().find(lacks) {
            return Err(format!(
                "{header} is neither in {} nor in CUDA_HOME, the Python package {package} has it",
                packages.join("cu13/include").display()
            ));
        }
        let output =
            PathBuf::from(std::env::var("OUT_DIR").map_err(|error| error.to_string())?).join("libdist_cuda.so");
        let mut build = self.build();
        build.define("USE_C10D_NCCL", None).debug(false).opt_level(2);
        // Libraries' own headers come first; the declarations in their stead are for where there are none.
        for folder in homes.iter().map(|home| home.join("include")).chain([packages.join("nccl/include")]) {
            build.include(folder);
        }
        let compiler = build.try_get_compiler().map_err(|error| error.to_string())?;
        let mut command = compiler.to_command();
        command.args(["-idirafter", "cpp/cuda/headers", "-shared", "cpp/cuda/cuda_shim.cpp", "-o"]).arg(&output);
        command.arg("-L").arg(&self.lib).args(["-ltorch_cuda", "-lc10_cuda", "-ltorch_cpu", "-lc10"]);
        // What the linker can look at is whole; libtorch_cuda's own libraries need not be here.
        let runtime = homes.iter().find_map(|home| cuda_runtime(home));
        if let Some(runtime) = runtime {
            command.arg(runtime).arg("-Wl,-z,defs");
        }
        let compiled = command.output().map_err(|error| format!("the compiler does not start, {error}"))?;
        if compiled.status.success() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&compiled.stderr).into_owned();
        let first = text.lines().find(|line| line.contains("error") || line.contains("undefined"));
        Err(format!("it does not compile, {}", first.unwrap_or("without a word").trim()))
    }
}

/// The runtime library of a CUDA.
fn cuda_runtime(home: &Path) -> Option<PathBuf> {
    let of_folder = |folder: &str| {
        let files = std::fs::read_dir(home.join(folder)).ok()?;
        let mut paths = files.filter_map(|file| file.ok().map(|file| file.path()));
        paths.find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("libcudart.so")))
    };
    ["lib", "lib64"].into_iter().find_map(of_folder)
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
