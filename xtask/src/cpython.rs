//! `third_party/cpython-wasm/`: the Python that the sandbox's WebAssembly engine runs, made from the componentize-py
//! wheel of the Python package index and the sandbox's own sources.
//!
//! The component's name holds a hash of all it is made from, so one that is there is the right one, and the sandbox's
//! binary looks for no other. It is made in `incoming/` and renamed when it is whole. Knows nothing of what the sources
//! do; compiling the component for this machine is the binary's affair.

use std::ffi::OsStr;
use std::fs::{self, DirEntry};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use progress::{Progress, Unit};

use crate::pip::{self, Fetched};
use crate::{prerequisites, third_party, wheels};

/// Files that the component is made from, in the order in which the sandbox hashes them. The last six are one Python
/// module.
const INPUTS: [&str; 8] = [
    "wasm/guest/packages.txt",
    "wasm/guest/world.wit",
    "python/wire.py",
    "python/shared.py",
    "python/candidate.py",
    "python/remote.py",
    "python/judge.py",
    "wasm/guest/guest.py",
];

/// Folder of the inputs, seen from the workspace's root.
const SOURCES: &str = "sandbox/src/engine";

/// Folder of the component, seen from there too.
const FOLDER: &str = "third_party/cpython-wasm";

/// Runs the tool from the folder that is its first argument, without the user's packages.
const RUN_TOOL: &str = "import sys\nsys.path.insert(0, sys.argv.pop(1))\nimport componentize_py\n\
                        sys.argv[0] = 'componentize-py'\ncomponentize_py.script()";

/// First bytes of a WebAssembly component.
const MAGIC: [u8; 8] = [0, b'a', b's', b'm', 0x0d, 0, 1, 0];

/// Makes the component unless it is there.
///
/// # Errors
/// A source cannot be read, pip or the tool fails, or the folder cannot be written.
pub(crate) fn ensure(root: &Path) -> Result<()> {
    let inputs = read_inputs(&root.join(SOURCES))?;
    let component = component_of(root, &inputs);
    let folder = root.join(FOLDER);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let _lock = third_party::lock(&folder)?;
    if component.is_file() {
        eprintln!("setup: the sandbox's Python is in place (third_party/cpython-wasm)");
        return Ok(());
    }
    prerequisites::check_pip()?;
    let started = Instant::now();
    eprintln!("setup: making the sandbox's Python (CPython 3.14 for WebAssembly): 17 MB to download, 31 MB on disk");
    let incoming = folder.join("incoming");
    third_party::remove(&incoming)?;
    let made = make(&incoming, &inputs)?;
    fs::rename(&made, &component).with_context(|| format!("cannot write {}", component.display()))?;
    third_party::remove(&incoming)?;
    remove_older(&folder, &component)?;
    let seconds = started.elapsed().as_secs_f64();
    eprintln!(
        "setup: the sandbox's Python is in place, after {seconds:.0} s; the first server to use it compiles it for \
         this machine, once, in about 10 s (53 MB beside it)"
    );
    Ok(())
}

/// Place of the component that is made from the sources as they are.
///
/// # Errors
/// A source cannot be read.
pub(crate) fn component(root: &Path) -> Result<PathBuf> {
    Ok(component_of(root, &read_inputs(&root.join(SOURCES))?))
}

fn component_of(root: &Path, inputs: &[String]) -> PathBuf {
    root.join(FOLDER).join(format!("python-{:016x}.wasm", hash(inputs)))
}

/// Removes what is left of earlier components and of code compiled from them, but for the last one before `component`:
/// a binary that was built with that one may still be in use.
fn remove_older(folder: &Path, component: &Path) -> Result<()> {
    let entries: std::io::Result<Vec<_>> = fs::read_dir(folder).and_then(Iterator::collect);
    let entries = entries.with_context(|| format!("cannot read {}", folder.display()))?;
    let paths: Vec<PathBuf> = entries.iter().map(DirEntry::path).collect();
    let is_component = |path: &&PathBuf| path.extension().is_some_and(|end| end == "wasm") && *path != component;
    let mut older: Vec<&PathBuf> = paths.iter().filter(is_component).collect();
    older.sort_by_key(|path| path.metadata().and_then(|metadata| metadata.modified()).ok());
    older.pop();
    for stem in older.iter().filter_map(|path| path.file_stem()?.to_str()) {
        let belongs = |path: &&PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(stem));
        for path in paths.iter().filter(belongs) {
            fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}

fn read_inputs(sources: &Path) -> Result<Vec<String>> {
    let read = |name: &&str| {
        let path = sources.join(name);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    INPUTS.iter().map(read).collect()
}

/// Fowler, Noll and Vo's hash 1a of 64 bits over the inputs, each followed by a zero, as the sandbox computes it.
fn hash(inputs: &[String]) -> u64 {
    let bytes = inputs.iter().flat_map(|input| input.bytes().chain([0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// Installs the tool and makes the component in `folder`; returns where it lies.
fn make(folder: &Path, inputs: &[String]) -> Result<PathBuf> {
    let [tool, module, nothing, scratch] = ["tool", "module", "nothing", "tmp"].map(|name| folder.join(name));
    for made in [&tool, &module, &scratch, &nothing.join("lib").join("site-packages")] {
        fs::create_dir_all(made).with_context(|| format!("cannot make {}", made.display()))?;
    }
    let packages: Vec<&str> = inputs[0].lines().filter(|line| !line.is_empty()).collect();
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--only-binary", ":all:", "--target"]);
    pip.arg(&tool).args(&packages).env("TMPDIR", &scratch);
    pip.env("PIP_USER", "0").env("PIP_REQUIRE_VIRTUALENV", "0");
    pip.env("PIP_DISABLE_PIP_VERSION_CHECK", "1").env("PIP_ROOT_USER_ACTION", "ignore");
    let fetched = Fetched { what: "componentize-py", scratch: &scratch, download: 17_000_000, unpacked: 50_000_000 };
    let status = pip::run(&mut pip, fetched)?;
    if !status.success() {
        bail!(
            "pip could not install {} ({status}); its message stands above. The sandbox's WebAssembly engine is made \
             with it: run the command again, or let pip's index be one that has it",
            packages.join(" ")
        );
    }
    wheels::verify_hashes(&tool)?;
    let world = folder.join("world.wit");
    fs::write(&world, &inputs[1]).context("cannot write world.wit")?;
    fs::write(module.join("guest.py"), inputs[2..].concat()).context("cannot write guest.py")?;
    let component = folder.join("python.wasm");
    let arguments: [&OsStr; 12] = [
        tool.as_os_str(),
        "--quiet".as_ref(),
        "--wit-path".as_ref(),
        world.as_os_str(),
        "--world".as_ref(),
        "python".as_ref(),
        "componentize".as_ref(),
        "--python-path".as_ref(),
        module.as_os_str(),
        "guest".as_ref(),
        "--output".as_ref(),
        component.as_os_str(),
    ];
    // An empty environment of its own: without one the tool would take in every package of this machine's Python.
    let progress = Progress::aside("making the sandbox's Python", Unit::Parts, None);
    let status = Command::new("python3")
        .args(["-I", "-c", RUN_TOOL])
        .args(arguments)
        .env("VIRTUAL_ENV", &nothing)
        .env("TMPDIR", &scratch)
        .status()
        .context("cannot run python3")?;
    drop(progress);
    if !status.success() {
        bail!("componentize-py could not make the sandbox's Python ({status}); its message stands above");
    }
    verify(&component)?;
    Ok(component)
}

/// Checks that the component is whole: its last section ends where the file ends.
fn verify(component: &Path) -> Result<()> {
    let bytes = fs::read(component).with_context(|| format!("cannot read {}", component.display()))?;
    if !bytes.starts_with(&MAGIC) {
        bail!("{} is no component of WebAssembly", component.display());
    }
    let mut rest = &bytes[MAGIC.len()..];
    while let Some((_, after)) = rest.split_first() {
        rest = section_end(after).with_context(|| format!("{} is cut short", component.display()))?;
    }
    Ok(())
}

/// The bytes after a section whose size, in LEB128, stands at the beginning of `bytes`.
fn section_end(bytes: &[u8]) -> Option<&[u8]> {
    let mut size = 0_usize;
    for (index, byte) in bytes.iter().take(5).enumerate() {
        size |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return bytes.get(index + 1 + size..);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_published_one() {
        assert_eq!(hash(&["foobar".to_owned()]), hash_of(b"foobar\0"));
        assert_eq!(hash_of(b"foobar"), 0x8594_4171_f739_67e8);
        assert_ne!(hash(&["ab".to_owned(), "c".to_owned()]), hash(&["a".to_owned(), "bc".to_owned()]));
    }

    fn hash_of(bytes: &[u8]) -> u64 {
        bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })
    }

    #[test]
    fn the_sources_are_there() {
        let inputs = read_inputs(&crate::workspace_root().join(SOURCES)).unwrap();
        assert!(inputs[0].contains("=="), "packages are pinned");
    }

    #[test]
    fn the_component_before_is_kept_and_older_ones_go() {
        let folder = tempfile::tempdir().unwrap();
        let name = |name: &str| folder.path().join(name);
        let files =
            ["python-1.wasm", "python-1.ab.cwasm", "python-1.ab.lock", "python-2.wasm", "python-2.ab.cwasm", "x"];
        for (age, file) in files.iter().rev().enumerate() {
            let time = std::time::SystemTime::now() - std::time::Duration::from_secs(age as u64);
            fs::File::create(name(file)).unwrap().set_modified(time).unwrap();
        }
        fs::write(name("python-3.wasm"), "").unwrap();
        remove_older(folder.path(), &name("python-3.wasm")).unwrap();
        let mut left: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, ["python-2.ab.cwasm", "python-2.wasm", "python-3.wasm", "x"]);
    }

    #[test]
    fn a_component_that_is_cut_short_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("python.wasm");
        let whole = [&MAGIC[..], &[0, 0x83, 0, 1, 2, 3]].concat();
        fs::write(&path, &whole).unwrap();
        verify(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert!(verify(&path).unwrap_err().to_string().contains("cut short"));
        fs::write(&path, "text").unwrap();
        assert!(verify(&path).is_err());
    }
}
