//! Modules and limits by which the wasm engine falls short of the host's Python.

/// The modules of CPython 3.14's standard library that programs use and that work in the wasm engine.
///
/// Left out are modules that the engine lacks (ctypes, ssl, bz2, lzma, …), and those that can be imported but then need
/// a thread, a process, a signal or a file.
const AVAILABLE: &str = include_str!("modules.txt");

/// The first module imported by a Python program that the wasm engine does not have, or has in name only.
///
/// Only statements that begin a line, or follow a semicolon, with `import` or `from` are seen.
pub fn missing_in_wasm(code: &str) -> Option<&str> {
    all_missing_in_wasm(code).next()
}

/// Every such module, in the order of the imports.
pub fn all_missing_in_wasm(code: &str) -> impl Iterator<Item = &str> {
    code.split(['\n', ';']).map(str::trim_start).flat_map(imported).filter(|module| is_missing_in_wasm(module))
}

/// True for a top-level module that the wasm engine does not have, or has in name only.
pub fn is_missing_in_wasm(module: &str) -> bool {
    !AVAILABLE.split_whitespace().any(|name| name == module)
}

/// The top-level modules that a statement imports.
fn imported(statement: &str) -> Vec<&str> {
    if let Some(module) = statement.strip_prefix("from ").map(str::trim_start) {
        // A relative import names no top-level module. A line of prose that begins with "from" has no `import`.
        let is_import = statement.contains(" import") && !module.starts_with('.');
        return if is_import { vec![first_word(module)] } else { Vec::new() };
    }
    let Some(modules) = statement.strip_prefix("import ") else { return Vec::new() };
    modules.split(',').map(|module| first_word(module.trim())).filter(|module| !module.is_empty()).collect()
}

fn first_word(text: &str) -> &str {
    let is_name = |character: char| character.is_alphanumeric() || character == '_';
    &text[..text.find(|character| !is_name(character)).unwrap_or(text.len())]
}

/// Words in a program's last error line at limits that only the wasm engine's interpreter has: a C stack of 1 MB, the
/// stack below that, and 32-bit integers for sizes.
const LIMITS: [&str; 5] = [
    "RecursionError: Stack overflow",
    "call stack exhausted",
    "to convert to C",
    "into an index-sized integer",
    "MemoryError: Parser stack overflowed",
];

/// True if a program that ended with this error on the wasm engine reached a limit that the process engine does not
/// have.
pub fn is_limit_of_wasm(error: &str) -> bool {
    LIMITS.iter().any(|words| error.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_found_wherever_it_is_imported() {
        assert_eq!(missing_in_wasm("import numpy as np\nprint(1)"), Some("numpy"));
        assert_eq!(missing_in_wasm("import sys, threading"), Some("threading"));
        assert_eq!(missing_in_wasm("def f():\n    from scipy.stats import norm"), Some("scipy"));
        assert_eq!(missing_in_wasm("import math; import sortedcontainers"), Some("sortedcontainers"));
        let code = "import nowhere\nimport numpy as np, ctypes";
        assert_eq!(all_missing_in_wasm(code).collect::<Vec<_>>(), ["nowhere", "numpy", "ctypes"]);
    }

    #[test]
    fn limits_of_the_engine_are_told_from_errors_of_programs() {
        assert!(is_limit_of_wasm("case 1 of 2: OverflowError: Python int too large to convert to C ssize_t"));
        assert!(!is_limit_of_wasm("case 1 of 2: RecursionError: maximum recursion depth exceeded"));
    }

    #[test]
    fn what_is_there_is_not() {
        let code = "import sys, math as m\nfrom collections import deque\nfrom . import x\nfrom os.path import join";
        assert_eq!(missing_in_wasm(code), None);
        assert_eq!(missing_in_wasm("important = 1\nimport re# x\ntext = \"\"\"\nfrom here to there\n\"\"\""), None);
    }
}
