//! The commands of the trainer as its own help names them, and their examples.

use super::run;

/// A command with its help.
pub(crate) struct CommandHelp {
    /// Names of the command within `trainer`; empty for the program itself.
    pub names: Vec<String>,
    help: String,
}

/// The program and every command below it.
pub(crate) fn commands() -> Vec<CommandHelp> {
    let mut found = Vec::new();
    let mut left = vec![Vec::new()];
    while let Some(names) = left.pop() {
        let arguments: Vec<&str> = names.iter().map(String::as_str).chain(["--help"]).collect();
        let help = String::from_utf8(run(&arguments, 0).stdout).expect("help is text");
        let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
        // A name stands behind two spaces; the lines of its description are indented further.
        let of_a_name = listed.filter_map(|line| line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')));
        let children = of_a_name.filter_map(|rest| rest.split_whitespace().next()).filter(|name| *name != "help");
        left.extend(children.map(|name| names.iter().cloned().chain([name.to_owned()]).collect::<Vec<_>>()));
        found.push(CommandHelp { names, help });
    }
    found
}

impl CommandHelp {
    /// The command as it is typed.
    pub(crate) fn typed(&self) -> String {
        ["trainer"].into_iter().chain(self.names.iter().map(String::as_str)).collect::<Vec<_>>().join(" ")
    }

    /// The lines of the example that ends the help.
    pub(crate) fn example(&self) -> Vec<&str> {
        let lines = self.help.lines().skip_while(|line| !line.starts_with("Example")).skip(1);
        lines.map(str::trim).filter(|line| !line.is_empty()).collect()
    }
}
