//! Finds the host's Python and the files that it needs, by asking it; the answer also holds a worker's compiled code.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use serde::Deserialize;

use super::catalog::Catalog;
use crate::SandboxError;

/// Source of the code that a worker's interpreter runs.
const SOURCE: &str = concat!(
    include_str!("../python/wire.py"),
    include_str!("../python/shared.py"),
    include_str!("../python/candidate.py"),
    include_str!("../python/remote.py"),
    include_str!("../python/judge.py"),
    include_str!("python/command.py"),
    include_str!("python/zygote.py"),
);

/// Program that compiles its standard input and says what the interpreter needs. Python finds a virtual environment by
/// the path that it is started with (PEP 405), so that path is kept, with every link on the way to the file itself.
const QUESTION: &str = "import json, marshal, os, pkgutil, sys, sysconfig
code = marshal.dumps(compile(sys.stdin.buffer.read(), 'sandbox', 'exec', dont_inherit=True))
links = [sys.executable]
while os.path.islink(links[-1]) and len(links) < 40:
    links.append(os.path.normpath(os.path.join(os.path.dirname(links[-1]), os.readlink(links[-1]))))
real = os.path.realpath(sys.executable)
packages = sys.argv[1] and os.path.join(sys.argv[1], 'cp%d%d' % sys.version_info[:2])
packages = packages if os.path.isdir(packages) else None
entries = {e for p in sys.path + [packages] if p and os.path.isdir(p) for e in os.listdir(p)}
modules = {e.split('.')[0] for e in entries} | set(sys.builtin_module_names)
attributes = {m: dir(__import__(m)) for m in 'os posix select signal socket sys threading time'.split()}
print(json.dumps({'code': code.hex(), 'packages': packages,
 'catalog': {'modules': sorted(modules), 'attributes': attributes,
  'standard': sorted(getattr(sys, 'stdlib_module_names', ())),
  'packages': sorted(m.name for m in pkgutil.iter_modules([p for p in sys.path + [packages] if p]))},
 'executable': real if sys.prefix == sys.base_prefix else sys.executable,
 'version': list(sys.version_info[:2]),
 'prefixes': [sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix],
 'files': [p for p in sys.path if p] + links + [real] + list(sysconfig.get_paths().values())}))";

/// Folders and files of the system that a dynamically linked interpreter needs. Libraries of Debian may be links by way
/// of `/etc/alternatives`, such as numpy's BLAS.
const SYSTEM: [&str; 8] = [
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/usr/share/zoneinfo",
];

#[derive(Deserialize)]
struct Discovery {
    code: String,
    executable: PathBuf,
    version: (u32, u32),
    prefixes: Vec<PathBuf>,
    files: Vec<PathBuf>,
    packages: Option<PathBuf>,
    catalog: Catalog,
}

/// A Python interpreter and what it needs to run.
#[derive(Debug, Clone)]
pub(crate) struct Interpreter {
    /// Path of the executable, without symbolic links unless it is a virtual environment's.
    pub executable: PathBuf,
    /// Files and folders to show to the interpreter, none inside another.
    pub needs: Vec<PathBuf>,
    /// Compiled code that a worker runs: the memory of compiling would stay with the worker, and each copy would pay.
    pub code: Arc<[u8]>,
    /// Folder of packages that the set-up brought for this version of Python.
    pub packages: Option<PathBuf>,
    /// Modules and names that programs may ask of this interpreter alone.
    pub catalog: Arc<Catalog>,
}

impl Interpreter {
    /// Asks `python` (default: `python3` from the path) what it needs, and which folder of `packages` is its own.
    pub(super) fn discover(python: Option<&Path>, packages: Option<&Path>) -> Result<Self, SandboxError> {
        let path = python.unwrap_or(Path::new("python3"));
        let unusable = |reason: String| SandboxError::Interpreter { path: path.to_owned(), reason };
        let output = ask(path, packages).map_err(|error| unusable(error.to_string()))?;
        if !output.status.success() {
            return Err(unusable(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
        }
        let answer: Discovery =
            serde_json::from_slice(&output.stdout).map_err(|error| unusable(format!("it answered: {error}")))?;
        if answer.version < (3, 9) {
            return Err(unusable(format!("it is version {}.{}", answer.version.0, answer.version.1)));
        }
        if let Some(taken) = answer.prefixes.iter().find(|prefix| is_taken(prefix)) {
            let taken = taken.display();
            return Err(unusable(format!(
                "it lies in {taken}, where a program's own files are: take one of another folder"
            )));
        }
        let system = SYSTEM.iter().map(PathBuf::from);
        let prefixes = answer.prefixes.into_iter().filter(|prefix| !is_system(prefix));
        let files = answer.files.into_iter().filter(|file| !is_system(file) && !is_taken(file));
        let packages = answer.packages.filter(|folder| !is_taken(folder));
        let wanted = system.chain(prefixes).chain(files).chain([answer.executable.clone()]).chain(packages.clone());
        let needs = outermost(wanted.filter(|path| path.exists()));
        let code = from_hex(&answer.code).ok_or_else(|| unusable("it answered with code that is no hex".to_owned()))?;
        Ok(Self { executable: answer.executable, needs, code: code.into(), packages, catalog: answer.catalog.into() })
    }
}

fn ask(python: &Path, packages: Option<&Path>) -> io::Result<Output> {
    let mut command = Command::new(python);
    command.args(["-I", "-B", "-X", "utf8", "-c", QUESTION]).arg(packages.unwrap_or(Path::new("")));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    // An interpreter that does not read it all says why on its standard error.
    let _ = child.stdin.take().map(|mut stdin| stdin.write_all(SOURCE.as_bytes()));
    child.wait_with_output()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let byte = |at: usize| text.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    (0..text.len()).step_by(2).map(byte).collect()
}

/// True for folders too wide to show: the interpreter's own files in them are named one by one.
fn is_system(path: &Path) -> bool {
    ["/", "/usr", "/usr/local", "/usr/bin", "/usr/local/bin", "/bin", "/root", "/home"]
        .iter()
        .any(|wide| path == Path::new(wide))
}

/// True for paths where programs have something of their own.
fn is_taken(path: &Path) -> bool {
    ["/tmp", "/box", "/dev", "/proc"].iter().any(|taken| path.starts_with(taken))
}

/// Those of the paths that lie in no other one.
pub(super) fn outermost(paths: impl Iterator<Item = PathBuf>) -> Vec<PathBuf> {
    let all: BTreeSet<PathBuf> = paths.collect();
    let inside = |path: &Path| path.ancestors().skip(1).any(|parent| all.contains(parent));
    all.iter().filter(|path| !inside(path)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_outermost_paths_are_bound() {
        let paths = ["/usr/lib", "/usr/lib/python3", "/opt/py", "/opt/py/lib/x", "/opt/python"];
        let kept = outermost(paths.iter().map(PathBuf::from));
        assert_eq!(kept, ["/opt/py", "/opt/python", "/usr/lib"].map(PathBuf::from));
    }

    #[test]
    fn a_missing_interpreter_is_named() {
        let error = Interpreter::discover(Some(Path::new("/nonexistent/python3")), None).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/python3"), "{error}");
    }
}
