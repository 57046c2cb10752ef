//! Makes the shared library that the process engine's interpreter loads (see the crate `confine`), for the sandbox to
//! hold.
//!
//! Cargo gives no package the library of another, so this calls cargo: on the same workspace and lock file, for the
//! same target, into a folder of its own.

use std::env;
use std::error::Error;
use std::path::PathBuf;
use std::process::Command;

/// Name of the library's package, and of the profile that it is built with.
const PACKAGE: &str = "confine";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=confine");
    println!("cargo::rerun-if-changed=../Cargo.toml");
    println!("cargo::rerun-if-changed=../Cargo.lock");
    let target = env::var("TARGET")?;
    let folder = PathBuf::from(env::var("OUT_DIR")?).join(PACKAGE);
    let status = Command::new(env::var("CARGO")?)
        .args(["rustc", "--locked", "--package", PACKAGE, "--profile", PACKAGE, "--crate-type", "cdylib"])
        .args(["--target", &target, "--target-dir"])
        .arg(&folder)
        .current_dir(env::var("CARGO_MANIFEST_DIR")?)
        // Lints, coverage and sanitizers are for the workspace's own build of it, not for a library in another program.
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .status()?;
    if !status.success() {
        return Err(
            format!("cargo could not build the library of {PACKAGE} ({status}); its message stands above").into()
        );
    }
    let library = folder.join(target).join(PACKAGE).join(format!("lib{PACKAGE}.so"));
    println!("cargo::rustc-env=CONFINE_LIBRARY={}", library.display());
    Ok(())
}
