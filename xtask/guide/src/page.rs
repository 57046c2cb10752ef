//! A page: the fenced blocks of a Markdown document.
//!
//! Fences are those of CommonMark (three or more backticks, a closing fence at least as long), also indented in a list.

use std::fmt;

use crate::block::{Block, Content, ShellBlock};

/// A document with its blocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Path by which errors call it.
    pub path: String,
    /// Its blocks in their order.
    pub blocks: Vec<Block>,
}

/// What is wrong with a page, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The page's path.
    pub path: String,
    /// A line of it, from 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

impl std::error::Error for Broken {}

impl Page {
    /// Reads a document.
    ///
    /// # Errors
    /// The first fence that says what none can, or that is not closed.
    pub fn parse(path: &str, text: &str) -> Result<Self, Broken> {
        let broken = |line, what| Broken { path: path.to_owned(), line, what };
        let mut blocks = Vec::new();
        let mut lines = text.lines().enumerate();
        while let Some((index, opening)) = lines.next() {
            let Some((indent, ticks, info)) = fence(opening) else { continue };
            let mut content = Vec::new();
            loop {
                let Some((_, line)) = lines.next() else {
                    return Err(broken(index + 1, "this block is not closed".to_owned()));
                };
                if fence(line).is_some_and(|(_, closing, info)| closing >= ticks && info.trim().is_empty()) {
                    break;
                }
                let blanks = line.len() - line.trim_start_matches(' ').len();
                content.push(&line[blanks.min(indent)..]);
            }
            blocks.push(Block::parse(index + 1, info, &content).map_err(|what| broken(index + 1, what))?);
        }
        Ok(Self { path: path.to_owned(), blocks })
    }

    /// Blocks of commands, with those that are not run.
    pub fn shell_blocks(&self) -> impl Iterator<Item = &ShellBlock> {
        self.blocks.iter().filter_map(|block| match &block.content {
            Content::Shell(block) => Some(block),
            _ => None,
        })
    }
}

/// Indent, number of backticks and the rest of a line that is a fence.
fn fence(line: &str) -> Option<(usize, usize, &str)> {
    let content = line.trim_start_matches(' ');
    let rest = content.trim_start_matches('`');
    let ticks = content.len() - rest.len();
    (ticks >= 3 && !rest.contains('`')).then_some((line.len() - content.len(), ticks, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_in_lists_and_in_longer_fences() {
        let text =
            "# A page\n\n- a list\n  ```console\n  $ ls\n    indented\n  ```\n````toml file=a.md\n```\nx\n```\n````\n";
        let page = Page::parse("a.md", text).unwrap();
        let lines: Vec<usize> = page.blocks.iter().map(|block| block.line).collect();
        assert_eq!(lines, [4, 8]);
        let shell: Vec<&ShellBlock> = page.shell_blocks().collect();
        assert_eq!((shell[0].commands[0].line, shell[0].commands[0].shown.join("")), (5, "  indented".to_owned()));
        let Content::File { text, .. } = &page.blocks[1].content else { panic!("{:?}", page.blocks[1]) };
        assert_eq!(text, "```\nx\n```\n");
    }

    #[test]
    fn what_is_broken_has_its_line() {
        let error = |text: &str| Page::parse("a.md", text).unwrap_err().to_string();
        assert_eq!(error("x\n```sh\nls\n"), "a.md:2: this block is not closed");
        assert!(error("x\n\n```sh norun\nls\n```\n").starts_with("a.md:3: `norun` says why"));
    }
}
