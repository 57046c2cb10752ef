//! The modules of the process engine's Python, and the names of some: what a program may ask of that engine alone.

use std::collections::{HashMap, HashSet};

use sandbox_api::{ProcessNeed, all_missing_in_wasm, is_missing_in_wasm};
use serde::Deserialize;

use crate::engine::Lack;

/// Modules whose import says what a program is about to do; any other is needed for itself.
const PURPOSES: [(&str, ProcessNeed); 7] = [
    ("threading", ProcessNeed::Thread),
    ("_thread", ProcessNeed::Thread),
    ("concurrent", ProcessNeed::Thread),
    ("subprocess", ProcessNeed::Process),
    ("multiprocessing", ProcessNeed::Process),
    ("pty", ProcessNeed::Process),
    ("signal", ProcessNeed::Signal),
];

/// Functions of `os`, or the beginnings of their names, by which programs start and end processes.
const PROCESS_FUNCTIONS: [&str; 10] =
    ["fork", "system", "popen", "exec", "spawn", "posix_spawn", "wait", "kill", "pidfd_open", "setsid"];
/// Other functions of `os` that the wasm engine lacks and programs use.
const SYSTEM_FUNCTIONS: [&str; 6] = ["pipe", "mkfifo", "getuid", "getgid", "umask", "nice"];

/// What the process engine's Python can import, and the names in those modules that a system may lack.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Catalog {
    modules: HashSet<String>,
    attributes: HashMap<String, HashSet<String>>,
    /// Modules of the standard library, and all that lie in folders of the interpreter's path.
    #[serde(default)]
    standard: Vec<String>,
    #[serde(default)]
    packages: Vec<String>,
}

impl Catalog {
    /// True for a top-level module that can be imported.
    pub(crate) fn has_module(&self, module: &str) -> bool {
        self.modules.contains(module)
    }

    /// Modules that are not of the standard library, but for those that are meant for others alone.
    pub(crate) fn packages(&self) -> Vec<String> {
        let is_other = |name: &&String| !self.standard.contains(name) && !name.starts_with('_');
        self.packages.iter().filter(is_other).cloned().collect()
    }

    /// Modules of the standard library that the wasm engine lacks, or has in name only.
    pub(crate) fn standard_beyond_wasm(&self) -> Vec<String> {
        let is_beyond = |name: &&String| is_missing_in_wasm(name) && self.has_module(name) && !name.starts_with('_');
        self.standard.iter().filter(is_beyond).cloned().collect()
    }

    /// The first need that a source shows before it is run: an import of a module that only this engine has, or a call
    /// of a function of `os` that only this engine has.
    pub(crate) fn need_seen_in(&self, source: &str) -> Option<ProcessNeed> {
        let module = all_missing_in_wasm(source).find(|module| self.has_module(module));
        module
            .map(need_of_module)
            .or_else(|| source.match_indices("os.").find_map(|found| need_of_call(source, found.0)))
    }

    /// The need behind what stopped a program on the wasm engine; `None` where this engine lacks it too.
    pub(crate) fn need_of(&self, lack: &Lack) -> Option<ProcessNeed> {
        match lack {
            Lack::Module(module) => self.has_module(module).then(|| need_of_module(module)),
            Lack::Attribute { module, name } => {
                let is_here = self.attributes.get(module).is_some_and(|names| names.contains(name));
                is_here.then(|| need_of_attribute(module, name))
            }
            Lack::Thread => Some(ProcessNeed::Thread),
            Lack::Process => Some(ProcessNeed::Process),
            Lack::Limit => Some(ProcessNeed::Limit),
        }
    }
}

fn need_of_module(module: &str) -> ProcessNeed {
    PURPOSES.iter().find(|(name, _)| *name == module).map_or(ProcessNeed::Module, |(_, need)| *need)
}

fn need_of_attribute(module: &str, name: &str) -> ProcessNeed {
    if module == "signal" {
        return ProcessNeed::Signal;
    }
    let is_process = module == "os" && PROCESS_FUNCTIONS.iter().any(|function| name.starts_with(function));
    if is_process { ProcessNeed::Process } else { ProcessNeed::System }
}

/// The need of a call such as `os.fork(…)` whose `os.` stands at `start`.
fn need_of_call(source: &str, start: usize) -> Option<ProcessNeed> {
    let is_name = |character: char| character.is_alphanumeric() || character == '_';
    // `pos.wait` and `self.os.wait` are other names.
    if source[..start].ends_with(|character| is_name(character) || character == '.') {
        return None;
    }
    let rest = &source[start + "os.".len()..];
    let name = &rest[..rest.find(|character| !is_name(character)).unwrap_or(rest.len())];
    if PROCESS_FUNCTIONS.iter().any(|function| name.starts_with(function)) {
        return Some(ProcessNeed::Process);
    }
    SYSTEM_FUNCTIONS.contains(&name).then_some(ProcessNeed::System)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog() -> Catalog {
        let set = |names: &str| names.split(' ').map(str::to_owned).collect();
        Catalog {
            modules: set("os sys threading subprocess signal numpy ctypes"),
            attributes: HashMap::from([("os".to_owned(), set("fork pipe")), ("signal".to_owned(), set("alarm"))]),
            standard: ["_signal", "ctypes", "sys"].map(str::to_owned).to_vec(),
            packages: ["_signal", "ctypes", "numpy"].map(str::to_owned).to_vec(),
        }
    }

    #[test]
    fn needs_are_seen_before_a_run() {
        for (source, need) in [
            ("import sys, threading\nthreading.Thread(target=print).start()", Some(ProcessNeed::Thread)),
            ("from subprocess import run", Some(ProcessNeed::Process)),
            ("import signal", Some(ProcessNeed::Signal)),
            ("try:\n    import numpy as np\nexcept ImportError:\n    pass", Some(ProcessNeed::Module)),
            ("import nowhere\nimport ctypes", Some(ProcessNeed::Module)),
            ("import os\nif os.fork() == 0:\n    os._exit(0)", Some(ProcessNeed::Process)),
            ("import os\nr, w = os.pipe()", Some(ProcessNeed::System)),
            ("import os\nprint(os.path.exists('x'), os.environ, os.getcwd())", None),
            ("pos.wait(1)\nself.os.kill(2)", None),
            ("import nowhere", None),
            ("import sys\nwhile True: pass", None),
            ("", None),
        ] {
            assert_eq!(catalog().need_seen_in(source), need, "{source}");
        }
    }

    #[test]
    fn packages_are_told_from_the_standard_library() {
        assert_eq!(catalog().packages(), ["numpy"]);
        assert_eq!(catalog().standard_beyond_wasm(), ["ctypes"]);
    }

    #[test]
    fn what_no_engine_has_is_no_need() {
        let attribute = |module: &str, name: &str| {
            catalog().need_of(&Lack::Attribute { module: module.to_owned(), name: name.to_owned() })
        };
        assert_eq!(attribute("os", "fork"), Some(ProcessNeed::Process));
        assert_eq!(attribute("os", "pipe"), Some(ProcessNeed::System));
        assert_eq!(attribute("signal", "alarm"), Some(ProcessNeed::Signal));
        assert_eq!(attribute("os", "forkk"), None);
        assert_eq!(attribute("helper", "fork"), None);
        assert_eq!(catalog().need_of(&Lack::Module("nowhere".to_owned())), None);
        assert_eq!(catalog().need_of(&Lack::Module("numpy".to_owned())), Some(ProcessNeed::Module));
    }
}
