//! `guide`: the commands of the README and of `docs/guide/`, run from the texts themselves, with what they print held
//! against what is shown.
//!
//! Knows what a page's blocks mean from the crate `guide`, and of the trainer no more than where its program is.

#[cfg(test)]
mod error_words;
mod pages;
mod session;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use ::guide::{Block, Compared, Content, Page, Place, ShellBlock, ShownCommand, first_difference};
use anyhow::{Context, Result};
use serde_json::json;

use self::session::{Ended, Session};
use crate::kills::build;
use crate::options::Options;
use crate::test;

/// Time of a command where the page says none.
const LIMIT: Duration = Duration::from_secs(120);

/// Arguments of `cargo xtask guide`.
#[derive(Debug, PartialEq)]
pub(crate) struct Guide {
    /// Names of pages; without any, all are run.
    pages: Vec<String>,
    /// A trainer that is built already.
    trainer: Option<PathBuf>,
    /// Where the times go as JSON too.
    json: Option<PathBuf>,
}

/// What came of a page.
struct Outcome {
    page: String,
    num_commands: usize,
    seconds: f64,
    /// The first line that is not as shown, where there is one.
    failure: Option<String>,
}

impl Guide {
    /// Reads the arguments. `Err` says what is wrong with them.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut guide = Self { pages: Vec::new(), trainer: None, json: None };
        let mut options = Options::new(arguments);
        while let Some((argument, name)) = options.next() {
            match name {
                "--trainer" => guide.trainer = Some(options.value()?.into()),
                "--json" => guide.json = Some(options.value()?.into()),
                _ if name.starts_with('-') => return Err(format!("guide takes no {argument}")),
                _ => guide.pages.push(argument.to_owned()),
            }
        }
        Ok(guide)
    }

    /// Builds the trainer and runs the pages; 1 where a line of one is not as shown.
    ///
    /// # Errors
    /// A page cannot be read, there is none of that name, or the trainer does not build.
    pub(crate) fn run(self, root: &Path) -> Result<ExitCode> {
        let pages = pages::chosen(root, &self.pages)?;
        let trainer = match &self.trainer {
            Some(path) => root.join(path),
            None => build(root)?,
        };
        let trainer = trainer.canonicalize().with_context(|| trainer.display().to_string())?;
        let target = test::metadata(root)?["target_directory"].as_str().map_or(root.join("target"), PathBuf::from);
        let mut outcomes = Vec::new();
        for page in &pages {
            eprintln!("\n{}", page.path);
            let folder = target.join("guide").join(page.path.trim_end_matches(".md"));
            outcomes.push(run_page(page, Session::start(root, &folder, &trainer)?)?);
        }
        println!("\n{:<34} {:>8} {:>9}", "page", "commands", "seconds");
        for Outcome { page, num_commands, seconds, failure } in &outcomes {
            println!("{page:<34} {num_commands:>8} {seconds:>9.1}{}", if failure.is_some() { "  failed" } else { "" });
        }
        if let Some(path) = &self.json {
            let list: Vec<_> = outcomes.iter().map(Outcome::to_json).collect();
            std::fs::write(root.join(path), serde_json::to_string_pretty(&list)? + "\n")
                .with_context(|| path.display().to_string())?;
        }
        let mut code = ExitCode::SUCCESS;
        for failure in outcomes.iter().filter_map(|outcome| outcome.failure.as_ref()) {
            println!("{failure}");
            code = ExitCode::FAILURE;
        }
        Ok(code)
    }
}

impl Outcome {
    fn to_json(&self) -> serde_json::Value {
        json!({"page": self.page, "commands": self.num_commands, "seconds": self.seconds, "failure": self.failure})
    }
}

/// Goes through a page's blocks until one is not as shown: those behind it stand on what it left.
fn run_page(page: &Page, session: Session) -> Result<Outcome> {
    let begun = Instant::now();
    let mut outcome = Outcome { page: page.path.clone(), num_commands: 0, seconds: 0.0, failure: None };
    'page: for block in &page.blocks {
        let shell = match &block.content {
            Content::Illustration => continue,
            Content::File { path, text, appends } => {
                session.write(path, text, *appends).with_context(|| at(page, block.line))?;
                continue;
            }
            Content::Shell(shell) => shell,
        };
        if let Some(reason) = reason_not_to_run(shell) {
            eprintln!("  {:>4}  not run: {reason}", block.line);
            continue;
        }
        let is_in_clone = shell.place == Place::Clone;
        if let Some(made) = &shell.makes
            && let Some(aside) = session.move_aside(made, is_in_clone)?
        {
            eprintln!("  {:>4}  {made} was there: it is {} now", block.line, aside.display());
        }
        for command in &shell.commands {
            let ended = session.run(&command.text, shell.limit.unwrap_or(LIMIT), is_in_clone)?;
            outcome.num_commands += 1;
            eprintln!("  {:>4}  {:>6.1} s  {}", command.line, ended.seconds, first_line(&command.text));
            if let Some(what) = wrong_with(shell, block, command, &ended) {
                eprintln!("\n{what}\nIt printed:\n{}", ended.printed);
                outcome.failure = Some(format!("{}: {what}", page.path));
                break 'page;
            }
        }
    }
    outcome.seconds = begun.elapsed().as_secs_f64();
    Ok(outcome)
}

fn reason_not_to_run(shell: &ShellBlock) -> Option<&str> {
    let synopsis = shell.is_synopsis.then_some("forms of commands");
    shell.reason_not_to_run.as_deref().or(synopsis)
}

/// The first thing in which a command's end is not the page's, with its line there.
fn wrong_with(shell: &ShellBlock, block: &Block, command: &ShownCommand, ended: &Ended) -> Option<String> {
    let line = command.line;
    match ended.exit_code {
        None => {
            return Some(format!("line {line}: not done in {:.0} s (limit= of line {})", ended.seconds, block.line));
        }
        Some(code) if code != shell.exit_code => {
            return Some(format!("line {line}: exit code {code}, and {} is expected", shell.exit_code));
        }
        Some(_) if command.shown.is_empty() => return None,
        Some(_) => {}
    }
    let compared = if shell.is_exact { Compared::Exactly } else { Compared::Shapes };
    let index = first_difference(&command.shown, &ended.printed, compared)?;
    // Continued lines of the command stand between it and what it prints.
    let line = line + command.text.lines().count() + index;
    Some(match command.shown.get(index) {
        Some(shown) => format!("line {line}: `{shown}` is shown and not printed there"),
        None => format!("line {line}: more is printed than is shown"),
    })
}

fn at(page: &Page, line: usize) -> String {
    format!("{}:{line}", page.path)
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(text: &str) -> Outcome {
        let folder = tempfile::tempdir().unwrap();
        let page = Page::parse("a.md", text).unwrap();
        let session = Session::start(folder.path(), &folder.path().join("page"), Path::new("/bin/true")).unwrap();
        run_page(&page, session).unwrap()
    }

    #[test]
    fn the_arguments_are_pages_and_two_files() {
        let parse = |text: &str| Guide::parse(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(parse("").unwrap(), Guide { pages: Vec::new(), trainer: None, json: None });
        let all = parse("README --trainer t your-data --json=j").unwrap();
        let pages = vec!["README".to_owned(), "your-data".to_owned()];
        assert_eq!(all, Guide { pages, trainer: Some("t".into()), json: Some("j".into()) });
        assert_eq!(parse("--seed 1").unwrap_err(), "guide takes no --seed");
    }

    #[test]
    fn a_page_runs_from_its_text() {
        let text = "```toml file=sub/a.toml\nx = 1\n```\n```toml append=sub/a.toml\ny = 2\n```\n\
            ```console\n$ cd sub && export NAME=7\n\
            $ cat a.toml; echo \"took 0.25 s of $NAME\" >&2\nx = 1\n…\ntook 9.5 s of 7\n```\n\
            ```sh norun nothing to see\nfalse\n```\n```console exit=3\n$ (exit 3)\n```\n```sh\ntrainer\n```\n";
        let outcome = outcome(text);
        assert_eq!((outcome.failure, outcome.num_commands), (None, 4));
    }

    #[test]
    fn what_a_block_makes_is_moved_aside_where_it_is_there_already() {
        let (root, text) =
            (tempfile::tempdir().unwrap(), "```sh clone makes=runs/a\nmkdir -p runs && mkdir runs/a\n```\n");
        let page = Page::parse("a.md", text).unwrap();
        for number in 0..3 {
            let session = Session::start(root.path(), &root.path().join("page"), Path::new("/bin/true")).unwrap();
            assert_eq!(run_page(&page, session).unwrap().failure, None, "{number}");
            std::fs::write(root.path().join("runs/a/number"), number.to_string()).unwrap();
        }
        let number = |name: &str| std::fs::read_to_string(root.path().join(name).join("number")).unwrap();
        assert_eq!(["runs/a.1", "runs/a.2", "runs/a"].map(number), ["0", "1", "2"]);
    }

    #[test]
    fn the_line_that_is_not_as_shown_is_named() {
        for (text, expected) in [
            ("x\n```console\n$ echo a; echo b\na\nc\n```\n", "a.md: line 5: `c` is shown and not printed there"),
            ("```console\n$ echo \\\n> a; echo b\na\n```\n", "a.md: line 5: more is printed than is shown"),
            ("```sh\ntrue\nfalse\ntrue\n```\n", "a.md: line 3: exit code 1, and 0 is expected"),
            ("```sh exit=2\ntrue\n```\n", "a.md: line 2: exit code 0, and 2 is expected"),
            ("```sh limit=1s\nsleep 20 & sleep 20\n```\n", "a.md: line 2: not done in 1 s (limit= of line 1)"),
            ("```sh\nfalse | cat\n```\n", "a.md: line 2: exit code 1, and 0 is expected"),
        ] {
            assert_eq!(outcome(text).failure.as_deref(), Some(expected));
        }
    }
}
