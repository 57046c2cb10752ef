//! Says where the programs of this crate find libtorch's libraries: in a folder `libtorch` beside them, or in the one
//! that they were linked with. LD_LIBRARY_PATH comes before both.

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    println!("cargo:rustc-link-arg=-Wl,-rpath,$ORIGIN/libtorch/lib");
    if let Ok(libtorch) = std::env::var("LIBTORCH") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{libtorch}/lib");
    }
}
