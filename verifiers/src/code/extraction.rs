//! The program of an answer, found by named rules, as public evaluators find it.
//!
//! LiveCodeBench takes the last pair of fences, EvalPlus and PRIME the last block marked `python`. A block that is
//! never closed, as in a completion that was cut, is no program for LiveCodeBench, nor here. The thinking of a
//! completion is split off before (`split_thinking`). What a fence is stands in `fence.rs`.

use super::fence::Fence;

/// The rule by which a program was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExtractionRule {
    /// The last closed block marked `python`, `python3`, `py3` or `py`, whatever follows it.
    LastPythonBlock,
    /// The last closed block without a language, where none is marked as Python.
    LastPlainBlock,
    /// The last closed block, where all are marked with other languages.
    LastBlock,
}

impl ExtractionRule {
    /// Every rule, in the order in which they are tried.
    const ALL: [Self; 3] = [Self::LastPythonBlock, Self::LastPlainBlock, Self::LastBlock];

    /// The rule's name in snake case, as in `last_python_block`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LastPythonBlock => "last_python_block",
            Self::LastPlainBlock => "last_plain_block",
            Self::LastBlock => "last_block",
        }
    }

    /// The rule that a block falls under, by the language after its opening fence.
    fn of(language: &str) -> Self {
        match language.to_ascii_lowercase().as_str() {
            "python" | "python3" | "py" | "py3" => Self::LastPythonBlock,
            "" => Self::LastPlainBlock,
            _ => Self::LastBlock,
        }
    }
}

/// A program and the rule that found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extraction {
    /// The program's text, without the indentation of the list item that it stands in.
    pub code: String,
    /// The rule that found it.
    pub rule: ExtractionRule,
}

/// The program of an answer; `None` for an answer without a closed block. The rules are tried in [`ExtractionRule`]'s
/// order.
///
/// A block ends at the first fence that closes it by its character, length and indentation; see `fence.rs`. A fence
/// that could close it and names a language opens the next block, and the one before was left open. Blocks in a block
/// that is marked as Markdown are blocks of the answer.
pub fn extract_code(answer: &str) -> Option<Extraction> {
    let mut last = LastBlocks::default();
    last.read(answer.lines());
    ExtractionRule::ALL.into_iter().find_map(|rule| Some(Extraction { code: last.0[rule as usize].take()?, rule }))
}

/// The code of the last closed block under each rule.
#[derive(Default)]
struct LastBlocks([Option<String>; 3]);

impl LastBlocks {
    fn read<'a>(&mut self, lines: impl Iterator<Item = &'a str>) {
        let mut open: Option<(Fence<'_>, Vec<&str>)> = None;
        for line in lines {
            open = match open {
                None => Fence::opening(line).map(|fence| (fence, Vec::new())),
                Some((fence, code)) if fence.is_closed_by(line) => {
                    self.close(&fence, &code);
                    None
                }
                Some((fence, mut code)) => Some(match fence.reopening(line) {
                    Some(next) => (next, Vec::new()),
                    None => {
                        code.push(line);
                        (fence, code)
                    }
                }),
            };
        }
    }

    /// Keeps a closed block.
    fn close(&mut self, fence: &Fence<'_>, code: &[&str]) {
        let language = fence.language();
        if ["markdown", "md"].contains(&language.to_ascii_lowercase().as_str()) {
            // A block is shorter than the text that it stands in, so this ends.
            return self.read(code.iter().copied());
        }
        self.0[ExtractionRule::of(language) as usize] = Some(dedent(code, fence.indentation()));
    }
}

/// The lines without the indentation that all of them share, as in a block within a list.
///
/// Where a line of a text in quotes has less, and the first line is indented as the fence is, lines lose as much as the
/// fence has.
fn dedent(lines: &[&str], of_fence: usize) -> String {
    let indented = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let mut filled = lines.iter().copied().filter(|line| !line.trim().is_empty());
    let of_first = filled.clone().next().map_or(0, indented);
    let shared = filled.clone().map(indented).min().unwrap_or(0);
    let most = if shared == 0 && of_first >= of_fence { of_fence } else { shared };
    let prefix = filled.next().map_or("", |line| &line[..most]);
    let mut code = String::new();
    for line in lines {
        let kept = match line.strip_prefix(prefix) {
            Some(rest) => rest,
            None if shared == 0 => line.trim_start_matches([' ', '\t']),
            None => line,
        };
        code.push_str(kept);
        code.push('\n');
    }
    code
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(answer: &str) -> Option<(String, &'static str)> {
        extract_code(answer).map(|extraction| (extraction.code, extraction.rule.as_str()))
    }

    fn by(code: &str, rule: &'static str) -> Option<(String, &'static str)> {
        Some((code.to_owned(), rule))
    }

    #[test]
    fn the_last_python_block_is_the_program() {
        let answer = "First:\n```python\na = 1\n```\nbetter:\n```python\na = 2\n```\nprints\n```\n2\n```\n";
        assert_eq!(found(answer), by("a = 2\n", "last_python_block"));
        assert_eq!(found("```Python3\na = 1\n```"), by("a = 1\n", "last_python_block"));
    }

    #[test]
    fn a_block_without_a_language_or_with_another_will_do() {
        assert_eq!(found("```\na = 1\n```"), by("a = 1\n", "last_plain_block"));
        assert_eq!(found("```\na = 1\n```\n```bash\npython a.py\n```"), by("a = 1\n", "last_plain_block"));
        assert_eq!(found("```sage\na = 1\n```\n```sage\na = 2\n```"), by("a = 2\n", "last_block"));
    }

    #[test]
    fn prose_and_open_blocks_are_no_program() {
        assert_eq!(found("print(1)"), None);
        assert_eq!(found("```python\nprint(1)"), None);
        let reopened = "```python\nprint(1)\n```python\nprint(2)\n```";
        assert_eq!(found(reopened), by("print(2)\n", "last_python_block"));
    }

    #[test]
    fn a_block_in_a_list_loses_its_shared_indentation_only() {
        let answer = "1. So:\n   ```python\n   def f():\n       return 1\n\n   ```\n";
        assert_eq!(found(answer), by("def f():\n    return 1\n\n", "last_python_block"));
    }

    #[test]
    fn a_fence_in_a_docstring_closes_nothing() {
        let code = "def g():\n    \"\"\"\n    ```\n    g() -> 1\n    ```\n    \"\"\"\n    return 1\n";
        assert_eq!(found(&format!("So:\n```python\n{code}```\nDone.")), by(code, "last_python_block"));
        assert_eq!(found(&format!("~~~python\n{code}~~~\n")), by(code, "last_python_block"));
        let named = code.replacen("```", "```python", 1);
        assert_eq!(found(&format!("```python\n{named}```")), by(&named, "last_python_block"));
        let tabs = code.replace("    ", "\t");
        assert_eq!(found(&format!("```python\n{tabs}```")), by(&tabs, "last_python_block"));
        let in_list: String = code.lines().map(|line| format!("   {line}\n")).collect();
        let answer = format!("1. So:\n\n   ```python\n{in_list}   ```\n");
        assert_eq!(found(&answer), by(code, "last_python_block"));
        let deep: String = code.lines().map(|line| format!("      {line}\n")).collect();
        let answer = format!("- One:\n    - two:\n      ```python\n{deep}      ```\n");
        assert_eq!(found(&answer), by(code, "last_python_block"));
    }

    #[test]
    fn a_fence_is_closed_by_one_of_its_character_and_length() {
        let text = "s = '''\n```\n~~~\n'''\n";
        assert_eq!(found(&format!("````python\n{text}````")), by(text, "last_python_block"));
        assert_eq!(found(&format!("~~~~ py\n{text}~~~~~\n")), by(text, "last_python_block"));
        assert_eq!(found("````python\na = 1\n```"), None);
        assert_eq!(found("```python\na = 1\n~~~"), None);
        assert_eq!(found("```python\na = 1\n   `````  "), by("a = 1\n", "last_python_block"));
        assert_eq!(found("```python\na = 1\n    ```"), None);
        assert_eq!(found("``` a = 1 ```\n```python\na = 2\n```"), by("a = 2\n", "last_python_block"));
        assert_eq!(found("``\na = 1\n``"), None);
        assert_eq!(found("```python\r\na = 1\r\n```\r\n"), by("a = 1\n", "last_python_block"));
    }

    #[test]
    fn blocks_in_markdown_are_the_answers() {
        let answer = "````markdown\nUse it so:\n```python\na = 1\n```\n````\n";
        assert_eq!(found(answer), by("a = 1\n", "last_python_block"));
        assert_eq!(found("~~~md\n```\na = 1\n```\n~~~"), by("a = 1\n", "last_plain_block"));
    }

    #[test]
    fn a_fence_may_stand_behind_the_marker_of_a_list_item() {
        assert_eq!(found("- ```python\n  a = 1\n  ```"), by("a = 1\n", "last_python_block"));
        assert_eq!(found("12. ```py\n    a = 1\n    ```"), by("a = 1\n", "last_python_block"));
        assert_eq!(found("```yaml\na:\n- ```\n- b\n```\n"), by("a:\n- ```\n- b\n", "last_block"));
    }

    #[test]
    fn languages_are_read_off_info_strings() {
        for info in ["Python", "python3.12", "py title=\"a.py\"", "{python}", "{.python .numberLines}", "python:a.py"] {
            assert_eq!(found(&format!("``` {info}\na = 1\n```")), by("a = 1\n", "last_python_block"), "{info}");
        }
        for info in ["cython", "python-repl", "pycon", "pyx"] {
            assert_eq!(found(&format!("```{info}\na = 1\n```")), by("a = 1\n", "last_block"), "{info}");
        }
    }

    #[test]
    fn a_line_with_less_indentation_does_not_keep_a_list_items() {
        let answer = "1. So:\n   ```python\n   s = '''\nx'''\n   if s:\n       print(s)\n   ```\n";
        assert_eq!(found(answer), by("s = '''\nx'''\nif s:\n    print(s)\n", "last_python_block"));
        let code = "def f():\n    return 1\n";
        assert_eq!(found(&format!("    ```python\n{code}    ```")), by(code, "last_python_block"));
    }

    proptest! {
        #[test]
        fn never_panics(answer in "(```|````|~~~|python|markdown|\n|- | |\t|\\PC){0,60}") {
            extract_code(&answer);
        }
    }
}
