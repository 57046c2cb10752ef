//! Processes by what stands in their environment: proc(5).

use std::fs;

use nix::unistd::Pid;

/// All processes of this machine.
pub(crate) fn all() -> Vec<Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok().map(Pid::from_raw)).collect()
}

/// Processes that a thread of the process `parent` started.
pub(crate) fn children(parent: u32) -> Vec<Pid> {
    let tasks = fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
    let of_task = |task: fs::DirEntry| fs::read_to_string(task.path().join("children")).unwrap_or_default();
    let children: String = tasks.map(of_task).collect();
    children.split_whitespace().filter_map(|number| number.parse().ok().map(Pid::from_raw)).collect()
}

/// The first of some processes in whose environment all of `variables` (`NAME=value`) stand.
pub(crate) fn with_variables(processes: Vec<Pid>, variables: &[String]) -> Option<Pid> {
    processes.into_iter().find(|process| {
        let environment = fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
        let is_there = |variable: &String| environment.split(|byte| *byte == 0).any(|it| it == variable.as_bytes());
        variables.iter().all(is_there)
    })
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_process_is_found_by_its_environment_among_all_and_among_children() {
        let start = |number: &str| {
            let mut command = Command::new("cat");
            command.env("PONDER_SEARCHED", number).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap()
        };
        let mut started = [start("one"), start("two")];
        let wanted = Pid::from_raw(started[1].id() as i32);
        let variables = |value: &str| vec![format!("PONDER_SEARCHED={value}")];
        assert_eq!(with_variables(all(), &variables("two")), Some(wanted));
        assert_eq!(with_variables(children(std::process::id()), &variables("two")), Some(wanted));
        let more = [variables("two"), vec!["PONDER_SEARCHED_TOO=1".to_owned()]].concat();
        assert_eq!(with_variables(all(), &more), None);
        for child in &mut started {
            drop(child.stdin.take()); // its end
            assert!(child.wait().unwrap().success());
        }
    }
}
