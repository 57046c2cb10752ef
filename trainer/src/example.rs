//! The examples that end the help of every command. Each line runs as it is written, in the place that is named.

/// The end of a command's help: lines for a shell, and where they run.
macro_rules! example {
    (in $place:literal: $($line:literal),+ $(,)?) => {
        concat!("Example, in ", $place, ":", $("\n  ", $line),+)
    };
    ($($line:literal),+ $(,)?) => {
        concat!("Example:", $("\n  ", $line),+)
    };
}

pub(crate) use example;

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory, Parser};

    use crate::cli::Cli;

    /// The words of a line as a shell takes them, up to where its output goes; only whole words are quoted.
    fn words(line: &str) -> Vec<String> {
        let mut words = Vec::new();
        let mut rest = line.split(" > ").next().unwrap_or_default();
        while !rest.is_empty() {
            let (word, after) = match rest.strip_prefix('\'') {
                Some(quoted) => quoted.split_once('\'').unwrap(),
                None => rest.split_once(' ').unwrap_or((rest, "")),
            };
            words.push(word.to_owned());
            rest = after.trim_start();
        }
        words
    }

    fn walk(command: &Command, path: &str, problems: &mut Vec<String>) {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let lines: Vec<&str> = help.lines().skip(1).map(str::trim).collect();
        if !help.starts_with("Example") || !lines.iter().any(|line| line.starts_with(path)) {
            problems.push(format!("{path}: its help ends with no example of it"));
        }
        for line in lines.iter().flat_map(|line| line.split(" && ")).filter(|line| line.starts_with("trainer ")) {
            if let Err(error) = Cli::try_parse_from(words(line)) {
                problems.push(format!("{path}: {line}: {error}"));
            }
        }
        for subcommand in command.get_subcommands() {
            walk(subcommand, &format!("{path} {}", subcommand.get_name()), problems);
        }
    }

    #[test]
    fn the_help_of_every_command_ends_with_an_example_that_can_be_parsed() {
        let mut problems = Vec::new();
        walk(&Cli::command(), "trainer", &mut problems);
        assert!(problems.is_empty(), "{}", problems.join("\n"));

        let bare = Command::new("trainer").subcommand(Command::new("bare")).after_help("Example:\n  trainer --what");
        walk(&bare, "trainer", &mut problems);
        assert_eq!(problems.len(), 2, "one that has none, and one that is wrong: {problems:?}");
    }
}
