//! Something that the wasm engine lacks and a Python program stopped for, read from the end of that program.
//!
//! The words are CPython's own. A program may print them too: then it is run once more, and judged by that run.

use sandbox_api::{GradeVerdict, is_limit_of_wasm};

/// Words of errors by which the wasm engine refuses a thread.
const NO_THREAD: [&str; 2] = ["can't start new thread", "unable to start watchdog thread"];
/// Words of errors by which the wasm engine refuses a child process.
const NO_PROCESS: [&str; 2] = ["wasi does not support processes", "lacks multiprocessing.synchronize"];

/// What stopped a program on the wasm engine, if it is no fault of the program's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Lack {
    /// A top-level module could not be imported; perhaps nobody has it.
    Module(String),
    /// A module of the standard library has no such name; perhaps on no system.
    Attribute {
        module: String,
        name: String,
    },
    Thread,
    Process,
    /// A limit that only the wasm engine's interpreter has.
    Limit,
}

impl Lack {
    /// Reads a failed program's verdict and its last line of error.
    pub(crate) fn of_failure(verdict: GradeVerdict, error: &str) -> Option<Self> {
        let says = |words: &[&str]| words.iter().any(|words| error.contains(words));
        match verdict {
            // Without threads and processes nothing but the refusal of the first one gives this verdict.
            GradeVerdict::ProcessLimit => Some(Self::Thread),
            GradeVerdict::RuntimeError if says(&NO_THREAD) => Some(Self::Thread),
            GradeVerdict::RuntimeError if says(&NO_PROCESS) => Some(Self::Process),
            GradeVerdict::RuntimeError if is_limit_of_wasm(error) => Some(Self::Limit),
            GradeVerdict::RuntimeError => Self::of_name(error),
            _ => None,
        }
    }

    /// Reads an error about a name that is not there.
    fn of_name(error: &str) -> Option<Self> {
        let after = |words: &str| Some(&error[error.find(words)? + words.len()..]);
        if let Some(module) = after("ModuleNotFoundError: No module named '").and_then(quoted) {
            let top = module.split('.').next().unwrap_or(module);
            return Some(Self::Module(top.to_owned()));
        }
        let (module, name) = if let Some(rest) = after("AttributeError: module '") {
            (quoted(rest)?, rest.split_once("' has no attribute '").and_then(|(_, name)| quoted(name))?)
        } else {
            let rest = after("ImportError: cannot import name '")?;
            (rest.split_once("' from '").and_then(|(_, module)| quoted(module))?, quoted(rest)?)
        };
        Some(Self::Attribute { module: module.to_owned(), name: name.to_owned() })
    }
}

/// The text before the next quotation mark.
fn quoted(text: &str) -> Option<&str> {
    text.split_once('\'').map(|(inside, _)| inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(error: &str) -> Option<Lack> {
        Lack::of_failure(GradeVerdict::RuntimeError, error)
    }

    #[test]
    fn errors_of_the_engine_are_told_by_their_words() {
        let module = |name: &str| Some(Lack::Module(name.to_owned()));
        let attribute =
            |name: &str, module: &str| Some(Lack::Attribute { module: module.to_owned(), name: name.to_owned() });
        assert_eq!(of("case 1 of 2: ModuleNotFoundError: No module named 'scipy.stats'"), module("scipy"));
        assert_eq!(
            of("AttributeError: module 'os' has no attribute 'pipe'. Did you mean: 'popen'?"),
            attribute("pipe", "os")
        );
        assert_eq!(
            of("ImportError: cannot import name 'alarm' from 'signal' (/python/signal.py)"),
            attribute("alarm", "signal")
        );
        assert_eq!(of("OSError: [Errno 58] wasi does not support processes."), Some(Lack::Process));
        assert_eq!(of("RuntimeError: can't start new thread"), Some(Lack::Thread));
        assert_eq!(of("RecursionError: Stack overflow (used 900 kB) in comparison"), Some(Lack::Limit));
        assert_eq!(Lack::of_failure(GradeVerdict::ProcessLimit, "anything"), Some(Lack::Thread));
    }

    #[test]
    fn a_programs_own_faults_are_no_lack() {
        for error in [
            "ZeroDivisionError: division by zero",
            "RecursionError: maximum recursion depth exceeded",
            "AttributeError: 'list' object has no attribute 'push'",
            "ImportError: no such thing",
            "AttributeError: module '",
            "",
        ] {
            assert_eq!(of(error), None, "{error}");
        }
        for verdict in [GradeVerdict::TimeLimit, GradeVerdict::MemoryLimit, GradeVerdict::WrongAnswer] {
            assert_eq!(Lack::of_failure(verdict, "RuntimeError: can't start new thread"), None);
        }
    }
}
