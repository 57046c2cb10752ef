//! A trainer that was moved away from where it was built finds libtorch in the folder beside it.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The libtorch that the dynamic linker takes for `program`.
fn libtorch_of(program: &Path) -> PathBuf {
    // The dynamic linker then prints what it loads, and does not start the program (ld.so(8)).
    let listing = Command::new(program).env("LD_TRACE_LOADED_OBJECTS", "1").env_remove("LD_LIBRARY_PATH").output();
    let listing = String::from_utf8(listing.expect("the trainer is there").stdout).expect("paths are text");
    let line = listing.lines().find_map(|line| line.trim().strip_prefix("libtorch_cpu.so => "));
    let path = line.and_then(|line| line.split(" (").next()).unwrap_or_else(|| panic!("no libtorch in:\n{listing}"));
    Path::new(path).parent().expect("a library lies in a folder").to_owned()
}

#[test]
fn a_moved_trainer_takes_the_libtorch_beside_it() {
    let built = Path::new(env!("CARGO_BIN_EXE_trainer"));
    // In the build's own folder, where the program can be linked to instead of copied.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a temporary folder");
    let moved = folder.path().join("trainer");
    std::fs::hard_link(built, &moved).or_else(|_| std::fs::copy(built, &moved).map(|_| ())).expect("it can be copied");
    assert_eq!(libtorch_of(&moved), libtorch_of(built), "without a folder beside it, the one it was built with");
    let libraries = libtorch_of(built);
    let libtorch = folder.path().join("libtorch");
    std::os::unix::fs::symlink(libraries.parent().expect("lib is in libtorch"), &libtorch).expect("a link can be made");
    assert_eq!(libtorch_of(&moved), libtorch.join("lib"));
    let status = Command::new(&moved).arg("--version").status().expect("it starts");
    assert!(status.success());
}
