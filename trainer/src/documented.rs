//! Commands that documents show are commands of this program: the README and the guides, parsed by the command line
//! that readers will meet. What they print is looked at where they are run (`cargo xtask guide`).

use std::path::{Path, PathBuf};

use clap::Parser;
use clap::error::ErrorKind;
use guide::{Page, forms, programs};

use crate::cli::Cli;

/// The pages, by their paths.
fn pages() -> Vec<Page> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let guides = root.join("docs/guide").read_dir().unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = guides.filter(|path| path.extension().is_some_and(|ending| ending == "md")).collect();
    paths.push(root.join("README.md"));
    paths.sort();
    let read = |path: &PathBuf| {
        let name = path.strip_prefix(root).unwrap().display().to_string();
        Page::parse(&name, &std::fs::read_to_string(path).unwrap()).unwrap()
    };
    paths.iter().map(read).collect()
}

/// What is wrong with the commands of a page that start this program, with their lines; and how many there are.
fn wrong_commands(page: &Page) -> (Vec<String>, usize) {
    let (mut wrong, mut num_commands) = (Vec::new(), 0);
    for block in page.shell_blocks() {
        for command in &block.commands {
            let meant = if block.is_synopsis { forms(&command.text) } else { vec![command.text.clone()] };
            for words in meant.iter().flat_map(|text| programs(text)) {
                let of_us = words.iter().position(|word| word == "trainer");
                // A program before it may start it: `timeout 9 trainer …`.
                let Some(start) = of_us.filter(|start| *start == 0 || words[0] == "timeout") else { continue };
                num_commands += 1;
                if let Err(error) = Cli::try_parse_from(&words[start..]) {
                    // A form may leave out what a command needs.
                    if block.is_synopsis && error.kind() == ErrorKind::MissingRequiredArgument {
                        continue;
                    }
                    let first = error.to_string().lines().next().unwrap_or_default().to_owned();
                    wrong.push(format!("{}:{}: {}: {first}", page.path, command.line, words.join(" ")));
                }
            }
        }
    }
    (wrong, num_commands)
}

#[test]
fn every_command_in_the_documents_is_one_of_this_program() {
    let (mut wrong, mut num_commands) = (Vec::new(), 0);
    for page in pages() {
        let (of_page, num_of_page) = wrong_commands(&page);
        wrong.extend(of_page);
        num_commands += num_of_page;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(num_commands > 60, "{num_commands}");
}

#[test]
fn a_command_that_is_none_is_named_with_its_line() {
    let text = "```sh norun nobody\nls\ntrainer evil --data x\n```\n\
        ```console\n$ A=1 timeout 3 trainer eval --datum x | cat\n```\n\
        ```sh synopsis\ntrainer data show | chek FILE   # rows\n```\n";
    let (wrong, num_commands) = wrong_commands(&Page::parse("a.md", text).unwrap());
    let starts: Vec<&str> = wrong.iter().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!((starts, num_commands), (vec!["a.md:3", "a.md:6", "a.md:9"], 4), "{wrong:?}");
}
