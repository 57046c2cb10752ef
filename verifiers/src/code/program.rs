//! The program that is judged, made of the text that a task puts before it and the code of a completion. It must not
//! know how it is judged.
//!
//! A prompt of HumanEval's kind is imports, helpers and the head of a function. A completion holds the whole function,
//! and then the prompt's own unfinished one goes, or only its body, and then the prompt stays as it is. Imports that
//! stand within the unfinished function are kept in either case (HumanEval/115).

use std::fmt::Write;

/// Modules whose names all stand before a program of LiveCodeBench's, as on LeetCode; `builtins` last, so that none of
/// them is replaced.
const STARRED: [&str; 18] = [
    "string",
    "re",
    "datetime",
    "collections",
    "heapq",
    "bisect",
    "copy",
    "math",
    "random",
    "statistics",
    "itertools",
    "functools",
    "operator",
    "io",
    "sys",
    "json",
    "typing",
    "builtins",
];
/// Recursion that LiveCodeBench's judge allows.
const RECURSION_LIMIT: usize = 50_000;

/// Text that a task puts before the program, in its parts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Prelude {
    /// All of it.
    text: String,
    /// What stands before the function that it leaves open, and the imports within that function.
    head: String,
    /// The name of the function that it leaves open.
    open_function: Option<String>,
    /// True for LiveCodeBench's star imports before everything.
    pub(super) has_stars: bool,
}

impl Prelude {
    pub(super) fn new(text: &str) -> Self {
        let lines: Vec<&str> = text.lines().collect();
        let Some(at) = lines.iter().rposition(|line| function_name(line).is_some()) else {
            return Self { text: text.to_owned(), head: text.to_owned(), open_function: None, has_stars: false };
        };
        let decorators = lines[..at].iter().rev().take_while(|line| line.starts_with('@')).count();
        let is_import = |line: &&&str| line.starts_with("import ") || line.starts_with("from ");
        let inner: Vec<&str> = lines[at + 1..].iter().map(|line| line.trim_start()).collect();
        let mut head = String::new();
        for line in lines[..at - decorators].iter().chain(inner.iter().filter(is_import)) {
            let _ = writeln!(head, "{line}"); // writing to a string cannot fail
        }
        Self {
            text: text.to_owned(),
            head,
            open_function: function_name(lines[at]).map(str::to_owned),
            has_stars: false,
        }
    }

    /// The program of a completion's code.
    pub(super) fn program(&self, code: &str) -> String {
        if self.text.is_empty() && !self.has_stars {
            return code.to_owned();
        }
        let (futures, code) = split_futures(code);
        let stars = if self.has_stars { stars() } else { String::new() };
        let is_body = self.open_function.as_deref().is_some_and(|name| !defines(&code, name));
        if is_body {
            let text = self.text.trim_end();
            return format!("{futures}{stars}{text}\n{}", as_body(&code));
        }
        let head = self.head.trim_end();
        let gap = if head.is_empty() { "" } else { "\n\n" };
        format!("{futures}{stars}{head}{gap}{code}")
    }

    /// True for an answer without a fence that goes on where the prelude ends, as a model without a chat template
    /// writes it: an indented line, or the function itself.
    pub(super) fn is_continued_by(&self, answer: &str) -> bool {
        let Some(name) = &self.open_function else { return false };
        let first = answer.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let begins = first.starts_with([' ', '\t']) || first.starts_with("import ") || first.starts_with("from ");
        !answer.contains("```") && !answer.contains("~~~") && (begins || function_name(first) == Some(name))
    }
}

/// The name of the function whose definition begins on a line without indentation.
fn function_name(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("async ").unwrap_or(line).strip_prefix("def ")?.trim_start();
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    (end > 0).then_some(&rest[..end])
}

/// True where code defines `name` at its top: a function, a class or a value.
fn defines(code: &str, name: &str) -> bool {
    code.lines().any(|line| {
        let of_name = |rest: &str| {
            let behind = rest.trim_start().strip_prefix(name).map(str::trim_start);
            behind.is_some_and(|behind| behind.starts_with(['=', ':', '(']) && !behind.starts_with("=="))
        };
        function_name(line) == Some(name)
            || line.strip_prefix("class ").is_some_and(of_name)
            || line.starts_with(name) && !line[name.len()..].starts_with('(') && of_name(line)
    })
}

/// The code as the body of a function.
fn as_body(code: &str) -> String {
    let first = code.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    if first.starts_with([' ', '\t']) {
        return code.to_owned();
    }
    code.lines().map(|line| if line.trim().is_empty() { "\n".to_owned() } else { format!("    {line}\n") }).collect()
}

/// Splits off the lines that must stand before everything else, `from __future__ import …`.
fn split_futures(code: &str) -> (String, String) {
    let (mut futures, mut rest) = (String::new(), String::new());
    for line in code.lines() {
        let is_future = line.starts_with("from __future__ ");
        let _ = writeln!(if is_future { &mut futures } else { &mut rest }, "{line}"); // as above
    }
    (futures, rest)
}

fn stars() -> String {
    let mut text: String = STARRED.iter().map(|module| format!("from {module} import *\n")).collect();
    let modules = &STARRED[..STARRED.len() - 1];
    let _ = writeln!(text, "import {}\nsys.setrecursionlimit({RECURSION_LIMIT})", modules.join(", ")); // as above
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROMPT: &str = "import math\n\ndef helper(x):\n    return x\n\n\
                          @cached\ndef f(x: int) -> int:\n    import re\n    \"\"\"Doc.\"\"\"\n";

    #[test]
    fn a_whole_function_takes_the_place_of_the_open_one() {
        let program = Prelude::new(PROMPT).program("def f(x):\n    return math.floor(helper(x))\n");
        let expected = "import math\n\ndef helper(x):\n    return x\n\nimport re\n\n\
                        def f(x):\n    return math.floor(helper(x))\n";
        assert_eq!(program, expected);
        let as_value = Prelude::new(PROMPT).program("f = lambda x: x\n");
        assert!(as_value.ends_with("import re\n\nf = lambda x: x\n"), "{as_value}");
    }

    #[test]
    fn a_body_goes_on_where_the_prelude_ends() {
        for body in ["    return x\n", "return x\n"] {
            let program = Prelude::new(PROMPT).program(body);
            assert!(program.starts_with(PROMPT) && program.ends_with("\"\"\"Doc.\"\"\"\n    return x\n"), "{program}");
        }
        let program = Prelude::new(PROMPT).program("y = f(x)\nif y:\n    return y\n");
        assert!(program.ends_with("    y = f(x)\n    if y:\n        return y\n"), "{program}");
    }

    #[test]
    fn imports_of_the_future_stay_at_the_top() {
        let code = "from __future__ import annotations\ndef f(x):\n    return 1\n";
        let program = Prelude::new("import math\n").program(code);
        assert_eq!(program, "from __future__ import annotations\nimport math\n\ndef f(x):\n    return 1\n");
    }

    #[test]
    fn stars_come_first_and_replace_no_builtin() {
        let prelude = Prelude { has_stars: true, ..Prelude::default() };
        let program = prelude.program("print(1)\n");
        assert!(program.starts_with("from string import *\n") && program.ends_with("\nprint(1)\n"), "{program}");
        assert!(program.contains("from builtins import *\nimport string, re, "), "{program}");
        assert_eq!(Prelude::default().program("print(1)\n"), "print(1)\n");
    }

    #[test]
    fn a_continuation_without_a_fence_is_told_from_prose() {
        let prelude = Prelude::new(PROMPT);
        for (answer, is_one) in [
            ("    return x\n", true),
            ("\n    return x\n", true),
            ("def f(x):\n    return x\n", true),
            ("import os\ndef f(x): pass", true),
            ("I would return x.", false),
            ("    ```\n    return x\n    ```", false),
            ("def g(x):\n    return x\n", false),
        ] {
            assert_eq!(prelude.is_continued_by(answer), is_one, "{answer}");
        }
        assert!(!Prelude::new("import math\n").is_continued_by("    x = 1"));
    }
}
