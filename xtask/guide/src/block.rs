//! A fenced block of a page: what its fence says, and what stands in it.
//!
//! Knows no Markdown but the fence.

use std::time::Duration;

use crate::command_line::is_open;

/// A fenced block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Line of the opening fence, from 1.
    pub line: usize,
    /// What the block is to whoever runs the page.
    pub content: Content,
}

/// Content of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Text that is only looked at.
    Illustration,
    /// Text of a file, by its path from the page's folder.
    File {
        /// Path as the fence has it.
        path: String,
        /// Lines of the file, each with its end.
        text: String,
        /// True where the text goes to the end of a file that is there.
        appends: bool,
    },
    /// Commands of a shell.
    Shell(ShellBlock),
}

/// Commands of a block, and how they are run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShellBlock {
    /// The commands in their order.
    pub commands: Vec<ShownCommand>,
    /// Why they are not run, where they are not.
    pub reason_not_to_run: Option<String>,
    /// True of forms of commands, with brackets and alternatives.
    pub is_synopsis: bool,
    /// Exit code that each command must have.
    pub exit_code: i32,
    /// Time that each command may take, where the block says one.
    pub limit: Option<Duration>,
    /// True where measured numbers are compared too.
    pub is_exact: bool,
    /// Folder in which the commands begin.
    pub place: Place,
    /// Path that the commands make and that must not be there before.
    pub makes: Option<String>,
}

/// Folder in which commands run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The page's own, where the command before it left the shell.
    Page,
    /// The clone of this project.
    Clone,
}

/// A command with what the page shows of its output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownCommand {
    /// Its first line in the page, from 1.
    pub line: usize,
    /// The command as a shell reads it.
    pub text: String,
    /// Lines of output; without any, nothing is said of it.
    pub shown: Vec<String>,
}

/// Starts of lines that are commands, and so must not stand in a block without a language.
const COMMANDS: [&str; 4] = ["$ ", "cargo ", "trainer ", "./trainer "];

impl Block {
    /// A block by its fence's words and its lines, of which the first stands on `line + 1`.
    pub(crate) fn parse(line: usize, info: &str, lines: &[&str]) -> Result<Self, String> {
        let info = info.trim();
        let (language, words) = info.split_once(char::is_whitespace).unwrap_or((info, ""));
        let content = match language {
            "console" | "sh" => {
                let mut block = ShellBlock::parse(words)?;
                let numbered = lines.iter().enumerate().map(|(index, text)| (line + 1 + index, *text));
                block.commands = match language {
                    "console" => with_output(numbered)?,
                    _ => plain(numbered)?,
                };
                if block.commands.is_empty() {
                    return Err("a block of commands without one".to_owned());
                }
                Content::Shell(block)
            }
            "bash" | "shell" => return Err(format!("write `sh` or `console` for `{language}`")),
            "" if lines.iter().any(|text| COMMANDS.iter().any(|start| text.starts_with(start))) => {
                return Err(
                    "commands in a block without a language: write `sh`, `console`, or why it is not run".into()
                );
            }
            _ => Self::file_or_illustration(words, lines)?,
        };
        Ok(Self { line, content })
    }

    fn file_or_illustration(words: &str, lines: &[&str]) -> Result<Content, String> {
        let mut content = Content::Illustration;
        for word in words.split_whitespace() {
            let (path, appends) = match word.split_once('=') {
                Some(("file", path)) => (path, false),
                Some(("append", path)) => (path, true),
                _ => return Err(format!("`{word}` is no word of such a fence; there are file=NAME and append=NAME")),
            };
            if !is_inner(path) {
                return Err(format!("`{word}` names no file in the page's folder"));
            }
            let text: String = lines.iter().flat_map(|text| [text, "\n"]).collect();
            content = Content::File { path: path.to_owned(), text, appends };
        }
        Ok(content)
    }
}

impl ShellBlock {
    /// The fence's words, without commands.
    fn parse(words: &str) -> Result<Self, String> {
        let mut block = Self {
            commands: Vec::new(),
            reason_not_to_run: None,
            is_synopsis: false,
            exit_code: 0,
            limit: None,
            is_exact: false,
            place: Place::Page,
            makes: None,
        };
        let mut rest = words.trim();
        while !rest.is_empty() {
            let (word, behind) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            rest = behind.trim_start();
            match word.split_once('=').unwrap_or((word, "")) {
                ("norun", "") if rest.is_empty() => return Err("`norun` says why: norun REASON".to_owned()),
                ("norun", "") => block.reason_not_to_run = Some(std::mem::take(&mut rest).to_owned()),
                ("synopsis", "") => block.is_synopsis = true,
                ("exact", "") => block.is_exact = true,
                ("clone", "") => block.place = Place::Clone,
                ("makes", path) if is_inner(path) => block.makes = Some(path.to_owned()),
                ("exit", code) => {
                    block.exit_code = code.parse().map_err(|_| format!("`{word}` is no exit code: exit=2"))?;
                }
                ("limit", time) => {
                    block.limit = Some(duration(time).ok_or(format!("`{word}` is no time: limit=90s, limit=20m"))?);
                }
                _ => {
                    return Err(format!(
                        "`{word}` is no word of a block of commands; there are exit=N, limit=TIME, makes=PATH, exact, \
                         clone, synopsis and norun REASON"
                    ));
                }
            }
        }
        Ok(block)
    }

    /// True where the commands are to be run.
    #[must_use]
    pub fn is_run(&self) -> bool {
        self.reason_not_to_run.is_none() && !self.is_synopsis
    }
}

/// True for a path that stays within the folder it is joined to.
fn is_inner(path: &str) -> bool {
    !path.is_empty() && !path.starts_with('/') && path.split('/').all(|part| part != "..")
}

/// `90s` or `20m`.
fn duration(text: &str) -> Option<Duration> {
    let seconds = match text.strip_suffix('m') {
        Some(minutes) => minutes.parse::<u64>().ok()?.checked_mul(60)?,
        None => text.strip_suffix('s')?.parse().ok()?,
    };
    (seconds > 0).then_some(Duration::from_secs(seconds))
}

/// Commands of a `sh` block: its lines, without those that are empty or a comment alone.
fn plain<'a>(lines: impl Iterator<Item = (usize, &'a str)>) -> Result<Vec<ShownCommand>, String> {
    let mut commands: Vec<ShownCommand> = Vec::new();
    let mut goes_on = false;
    for (line, text) in lines {
        match commands.last_mut() {
            Some(command) if goes_on => {
                command.text.push('\n');
                command.text.push_str(text);
            }
            _ if text.trim().is_empty() || text.trim_start().starts_with('#') => continue,
            _ => commands.push(ShownCommand { line, text: text.to_owned(), shown: Vec::new() }),
        }
        goes_on = text.ends_with('\\');
    }
    if goes_on { Err("the last line goes on behind the block's end".to_owned()) } else { Ok(commands) }
}

/// Commands of a `console` block, each with the lines below it.
fn with_output<'a>(lines: impl Iterator<Item = (usize, &'a str)>) -> Result<Vec<ShownCommand>, String> {
    let mut commands: Vec<ShownCommand> = Vec::new();
    let mut goes_on = false;
    for (line, text) in lines {
        if let Some(start) = text.strip_prefix("$ ") {
            commands.push(ShownCommand { line, text: start.to_owned(), shown: Vec::new() });
            goes_on = is_open(start);
            continue;
        }
        let Some(command) = commands.last_mut() else {
            return Err(format!("line {line} stands before the first command; commands begin with `$ `"));
        };
        match text.strip_prefix("> ") {
            Some(next) if goes_on => {
                command.text.push('\n');
                command.text.push_str(next);
                goes_on = is_open(&command.text);
            }
            None if goes_on => return Err(format!("line {line} goes on with a command and must begin with `> `")),
            _ => command.shown.push(text.to_owned()),
        }
    }
    if goes_on { Err("the last line goes on behind the block's end".to_owned()) } else { Ok(commands) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(info: &str, text: &str) -> ShellBlock {
        let lines: Vec<&str> = text.lines().collect();
        match Block::parse(10, info, &lines).unwrap().content {
            Content::Shell(block) => block,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn commands_have_their_lines_and_what_stands_below_them() {
        let block = shell("console", "$ ls \\\n> -l '\n> '\ntotal 0\n> quoted\n\n$ pwd");
        let of = |command: &ShownCommand| (command.line, command.text.clone(), command.shown.join("|"));
        assert_eq!(of(&block.commands[0]), (11, "ls \\\n-l '\n'".to_owned(), "total 0|> quoted|".to_owned()));
        assert_eq!(of(&block.commands[1]), (17, "pwd".to_owned(), String::new()));
        assert!(block.is_run() && !block.is_exact && block.exit_code == 0 && block.place == Place::Page);
        let plain = shell("sh", "# first\nls \\\n  -l\n\npwd   # where");
        assert_eq!(plain.commands.iter().map(|command| command.line).collect::<Vec<_>>(), [12, 15]);
        assert_eq!(plain.commands[0].text, "ls \\\n  -l");
    }

    #[test]
    fn a_fence_says_how_its_commands_run() {
        let block = shell("sh exit=2 limit=20m exact clone makes=runs/demo", "ls");
        assert_eq!(block.makes.as_deref(), Some("runs/demo"));
        assert_eq!((block.exit_code, block.limit), (2, Some(Duration::from_secs(1200))));
        assert!(block.is_exact && block.place == Place::Clone);
        let block = shell("sh clone norun needs a GPU, and exit=3 is its code", "ls");
        assert_eq!(block.reason_not_to_run.as_deref(), Some("needs a GPU, and exit=3 is its code"));
        assert!(!block.is_run() && block.exit_code == 0);
        assert!(!shell("sh synopsis", "trainer eval FILE").is_run());
    }

    #[test]
    fn a_file_is_its_lines() {
        let parse = |info: &str| Block::parse(1, info, &["a = 1", ""]).map(|block| block.content);
        let file = |appends| Content::File { path: "x/run.toml".to_owned(), text: "a = 1\n\n".to_owned(), appends };
        assert_eq!(parse("toml file=x/run.toml").unwrap(), file(false));
        assert_eq!(parse("toml append=x/run.toml").unwrap(), file(true));
        assert_eq!(parse("toml").unwrap(), Content::Illustration);
        assert_eq!(parse("").unwrap(), Content::Illustration);
    }

    #[test]
    fn what_is_wrong_with_a_fence_is_said() {
        for (info, text, expected) in [
            ("sh norun", "ls", "says why"),
            ("sh limit=3h", "ls", "no time"),
            ("sh limit=0s", "ls", "no time"),
            ("sh exit=x", "ls", "no exit code"),
            ("sh makes=../demo", "ls", "no word of a block of commands"),
            ("sh timeout=3", "ls", "no word of a block of commands"),
            ("sh", "# nothing", "without one"),
            ("sh", "ls \\", "goes on behind"),
            ("console", "total 0", "before the first command"),
            ("console", "$ ls \\\n-l", "must begin with `> `"),
            ("bash", "ls", "`sh` or `console`"),
            ("", "trainer eval", "without a language"),
            ("toml file=/etc/passwd", "a", "no file in the page's folder"),
            ("toml file=../a", "a", "no file in the page's folder"),
            ("toml norun why", "a", "no word of such a fence"),
        ] {
            let error = Block::parse(1, info, &text.lines().collect::<Vec<_>>()).unwrap_err();
            assert!(error.contains(expected), "{info}: {error}");
        }
    }
}
