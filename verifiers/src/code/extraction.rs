//! The program of an answer, found by named rules, as public evaluators find it.
//!
//! LiveCodeBench takes the last pair of fences, EvalPlus and PRIME the last block marked `python`. A block that is
//! never closed, as in a completion that was cut, is no program for LiveCodeBench, nor here. The thinking of a
//! completion is split off before (`split_thinking`).

/// A line that opens or closes a block.
const FENCE: &str = "```";

/// The rule by which a program was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExtractionRule {
    /// The last closed block marked `python`, `python3` or `py`, whatever follows it.
    LastPythonBlock,
    /// The last closed block without a language, where none is marked as Python.
    LastPlainBlock,
    /// The last closed block, where all are marked with other languages.
    LastBlock,
}

impl ExtractionRule {
    /// The rule's name in snake case, as in `last_python_block`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LastPythonBlock => "last_python_block",
            Self::LastPlainBlock => "last_plain_block",
            Self::LastBlock => "last_block",
        }
    }

    /// The rule that a block falls under, by the text after its opening fence.
    fn of(info: &str) -> Self {
        let info = info.trim_start_matches('`').trim();
        if is_python(info) {
            Self::LastPythonBlock
        } else if info.is_empty() {
            Self::LastPlainBlock
        } else {
            Self::LastBlock
        }
    }
}

/// A program and the rule that found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extraction {
    /// The program's text, without the indentation that all its lines share.
    pub code: String,
    /// The rule that found it.
    pub rule: ExtractionRule,
}

/// The program of an answer; `None` for an answer without a closed block. The rules are tried in [`ExtractionRule`]'s
/// order.
///
/// A fence is a line that starts with three backticks.
pub fn extract_code(answer: &str) -> Option<Extraction> {
    let mut last: [Option<Vec<&str>>; 3] = [None, None, None];
    let mut open: Option<(ExtractionRule, Vec<&str>)> = None;
    for line in answer.lines() {
        let info = line.trim_start().strip_prefix(FENCE);
        match (info, &mut open) {
            (None, None) => {}
            (None, Some((_, code))) => code.push(line),
            (Some(info), Some(_)) if info.trim_matches(['`', ' ', '\t']).is_empty() => {
                if let Some((rule, code)) = open.take() {
                    last[rule as usize] = Some(code);
                }
            }
            // A fence with a language opens a block, even where the one before was left open.
            (Some(info), _) => open = Some((ExtractionRule::of(info), Vec::new())),
        }
    }
    let rules = [ExtractionRule::LastPythonBlock, ExtractionRule::LastPlainBlock, ExtractionRule::LastBlock];
    let found = rules.into_iter().find_map(|rule| Some((rule, last[rule as usize].as_deref()?)));
    found.map(|(rule, lines)| Extraction { code: dedent(lines), rule })
}

fn is_python(info: &str) -> bool {
    let language = info.split(|c: char| c.is_whitespace() || c == '{').next().unwrap_or_default();
    ["python", "python3", "py"].contains(&language.to_ascii_lowercase().as_str())
}

/// The lines without the indentation that all of them share, as in a block within a list.
fn dedent(lines: &[&str]) -> String {
    let indentation = lines
        .iter()
        .filter(|line| !line.trim().is_empty())
        .map(|line| line.len() - line.trim_start_matches([' ', '\t']).len())
        .min()
        .unwrap_or(0);
    let first = lines.iter().find(|line| !line.trim().is_empty());
    let prefix = first.map_or("", |line| &line[..indentation]);
    let mut code = String::new();
    for line in lines {
        code.push_str(line.strip_prefix(prefix).unwrap_or(line));
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

    proptest! {
        #[test]
        fn never_panics(answer in "(```|python|\n| |\t|\\PC){0,60}") {
            extract_code(&answer);
        }
    }
}
