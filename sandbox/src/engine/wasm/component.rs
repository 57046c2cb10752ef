//! Finds the interpreter's component, and compiles it for this machine at its first use.
//!
//! The component's name holds a hash of its inputs; a binary takes only the one with the inputs that it was built with.
//! The compiled code lies beside it. Its name holds a hash of the compiler's version and settings, so that no other
//! code is ever loaded, and of the component's time and size, which tell a changed component that a setting names.
#![allow(unsafe_code)]

use std::fs::{self, File};
use std::hash::{Hash, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use wasmtime::Engine;
use wasmtime::component::Component as Compiled;

use super::image::take_apart;

/// Inputs of the component, in the order in which the set-up reads them.
const INPUTS: [&str; 8] = [
    include_str!("guest/packages.txt"),
    include_str!("guest/world.wit"),
    include_str!("../python/wire.py"),
    include_str!("../python/shared.py"),
    include_str!("../python/candidate.py"),
    include_str!("../python/remote.py"),
    include_str!("../python/judge.py"),
    include_str!("guest/guest.py"),
];

/// The folder that the set-up fills, relative to the workspace's root.
const FOLDER: &str = "third_party/cpython-wasm";

/// The environment variable that names the component's folder, for a program that was moved.
const VARIABLE: &str = "PONDER_CPYTHON_WASM";

/// Part of the hash in the compiled code's name: the way in which components are taken apart before they are compiled.
const FORM: &str = "one module, code and image apart";

/// The file of an interpreter's component.
#[derive(Debug, Clone)]
pub(crate) struct Component {
    path: PathBuf,
}

impl Component {
    /// The component in `given`, or the one that the set-up made for this binary.
    ///
    /// # Errors
    /// The places that were searched, and what to do.
    pub(crate) fn find(given: Option<&Path>) -> Result<Self, String> {
        if let Some(path) = given {
            return Self::at(path).ok_or_else(|| format!("{} is no file", path.display()));
        }
        let name = format!("python-{}.wasm", inputs_hash());
        if let Some(folder) = std::env::var_os(VARIABLE).filter(|folder| !folder.is_empty()) {
            return Self::in_folder(Path::new(&folder), &name);
        }
        let program = std::env::current_exe().ok();
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
        let found = folders(program.as_deref(), workspace).map(|folder| folder.join(&name)).find(|path| path.is_file());
        found.and_then(|path| Self::at(&path)).ok_or_else(|| {
            format!(
                "{name} is neither in {FOLDER} nor beside the program; `cargo xtask setup` makes it, and {VARIABLE} \
                 names another folder"
            )
        })
    }

    /// The component in the folder that the environment names.
    fn in_folder(folder: &Path, name: &str) -> Result<Self, String> {
        let path = folder.join(name);
        Self::at(&path).ok_or_else(|| {
            format!(
                "{VARIABLE}: there is no {}; copy it from {FOLDER}, where `cargo xtask setup` makes it",
                path.display()
            )
        })
    }

    /// The component at `path`, if there is a file. Workers run in another folder, so the path is made absolute.
    fn at(path: &Path) -> Option<Self> {
        let path = std::path::absolute(path).ok()?;
        path.is_file().then_some(Self { path })
    }

    /// Path of the component's file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// True where compiled code lies beside the component: a worker will find it, unless it is of another version.
    pub(crate) fn is_compiled(&self) -> bool {
        let (Some(folder), Some(stem)) = (self.path.parent(), self.path.file_stem()) else { return false };
        let is_code = |name: &std::ffi::OsStr| {
            let name = name.to_string_lossy();
            name.starts_with(&*stem.to_string_lossy()) && name.ends_with(".cwasm")
        };
        fs::read_dir(folder).is_ok_and(|entries| entries.flatten().any(|entry| is_code(&entry.file_name())))
    }

    /// The compiled component, and the file of the bytes that its memory starts with. Compiles it if that was not done
    /// before; other processes wait meanwhile.
    ///
    /// # Errors
    /// The file that cannot be read, written, compiled or loaded, with the reason.
    pub(crate) fn load(&self, engine: &Engine) -> Result<(Compiled, File), String> {
        let problem = |what: &str, path: &Path, error: &dyn std::fmt::Display| {
            format!("{}: cannot {what}: {error}", path.display())
        };
        let metadata = fs::metadata(&self.path).map_err(|error| problem("be read", &self.path, &error))?;
        let mut state = Fnv::default();
        FORM.hash(&mut state);
        engine.precompile_compatibility_hash().hash(&mut state);
        (metadata.len(), metadata.modified().ok()).hash(&mut state);
        let compiled = self.path.with_extension(format!("{:016x}.cwasm", state.finish()));
        let image = compiled.with_extension("image");
        if let Ok(both) = open(engine, &compiled, &image) {
            return Ok(both);
        }
        let lock_path = compiled.with_extension("lock");
        let lock = File::create(&lock_path).map_err(|error| problem("be written", &lock_path, &error))?;
        lock.lock().map_err(|error| problem("be locked", &lock_path, &error))?;
        if let Ok(both) = open(engine, &compiled, &image) {
            return Ok(both);
        }
        let bytes = fs::read(&self.path).map_err(|error| problem("be read", &self.path, &error))?;
        let parts = take_apart(&bytes).map_err(|error| problem("be used", &self.path, &error))?;
        let code = engine
            .precompile_component(&parts.component)
            .map_err(|error| problem("be compiled", &self.path, &error))?;
        for (path, bytes) in [(&image, &parts.image), (&compiled, &code)] {
            put(path, bytes).map_err(|error| problem("be written", path, &error))?;
        }
        open(engine, &compiled, &image).map_err(|error| problem("be loaded", &compiled, &error))
    }
}

/// Folders that may hold the component: the program's own, `cpython-wasm` beside the program, and the set-up's in the
/// workspace that the program was built in.
fn folders(program: Option<&Path>, workspace: Option<&Path>) -> impl Iterator<Item = PathBuf> {
    let beside = program.and_then(Path::parent).map(|folder| [folder.to_owned(), folder.join("cpython-wasm")]);
    beside.into_iter().flatten().chain(workspace.map(|root| root.join(FOLDER)))
}

/// Writes a file whole or not at all, even if the machine loses power.
fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let fresh = path.with_extension("new");
    let mut file = File::create(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&fresh, path)
}

/// The compiled component and its image, if both are there.
fn open(engine: &Engine, compiled: &Path, image: &Path) -> Result<(Compiled, File), String> {
    let file = File::open(image).map_err(|error| format!("{}: {error}", image.display()))?;
    if file.metadata().is_ok_and(|metadata| metadata.len() == 0) {
        return Err(format!("{} is empty", image.display()));
    }
    Ok((deserialize(engine, compiled).map_err(|error| error.to_string())?, file))
}

fn deserialize(engine: &Engine, path: &Path) -> wasmtime::Result<Compiled> {
    // SAFETY: `load` wrote the file, from a component in the same folder. Whoever can write to that folder can run code
    // here, so it must be as trusted as this program. The runtime refuses code of another version or with other
    // settings.
    unsafe { Compiled::deserialize_file(engine, path) }
}

/// The hash of the component's inputs, as its name has it.
fn inputs_hash() -> String {
    let mut state = Fnv::default();
    for input in INPUTS {
        state.write(input.as_bytes());
        state.write(&[0]);
    }
    format!("{:016x}", state.finish())
}

/// The 64-bit hash FNV-1a of Fowler, Noll and Vo: the same in every version of Rust.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_component_says_what_to_do() {
        let error = Component::find(Some(Path::new("/nonexistent/python.wasm"))).unwrap_err();
        assert!(error.contains("/nonexistent/python.wasm"), "{error}");
    }

    #[test]
    fn the_component_s_path_is_absolute_and_a_folder_without_it_is_named() {
        let folder = tempfile::tempdir_in(".").unwrap();
        let relative = Path::new(folder.path().file_name().unwrap());
        let error = Component::in_folder(relative, "python.wasm").unwrap_err();
        assert!(error.contains(VARIABLE) && error.contains("python.wasm"), "{error}");
        fs::write(folder.path().join("python.wasm"), "").unwrap();
        assert!(Component::in_folder(relative, "python.wasm").unwrap().path().is_absolute());
        assert!(Component::find(Some(&relative.join("python.wasm"))).unwrap().path().is_absolute());
    }

    #[test]
    fn compiled_code_of_the_component_is_found_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("python-1.wasm");
        for other in ["python-1.wasm", "python-2.0a.cwasm", "python-1.0a.lock"] {
            fs::write(folder.path().join(other), "").unwrap();
        }
        let component = Component::find(Some(&path)).unwrap();
        assert!(!component.is_compiled());
        fs::write(folder.path().join("python-1.0a.cwasm"), "").unwrap();
        assert!(component.is_compiled());
    }

    #[test]
    fn a_program_that_was_moved_looks_beside_itself_first() {
        let folders: Vec<_> = folders(Some(Path::new("/opt/ponder/trainer")), Some(Path::new("/src"))).collect();
        let expected = ["/opt/ponder", "/opt/ponder/cpython-wasm", "/src/third_party/cpython-wasm"];
        assert_eq!(folders, expected.map(PathBuf::from));
    }

    #[test]
    fn the_hash_is_the_published_one() {
        let mut state = Fnv::default();
        state.write(b"foobar");
        assert_eq!(state.finish(), 0x8594_4171_f739_67e8);
    }
}
