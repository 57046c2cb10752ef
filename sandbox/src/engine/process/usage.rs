//! Memory and threads of a process and all that it started together, read from `/proc`.

use std::{fs, io};

use nix::unistd::{SysconfVar, sysconf};
use sandbox_api::Limits;

use crate::engine::RunEnd;

/// Finds the limit that a process and its descendants are past together.
pub(super) fn excess(process: i32, limits: &Limits) -> Option<RunEnd> {
    let (processes, num_threads) = tree(process);
    if num_threads > limits.processes {
        return Some(RunEnd::ProcessLimit);
    }
    // In the rough measure, pages that a process shares with its parent since a fork count for both, and never too low.
    let is_past = |measure: fn(i32) -> io::Result<u64>| {
        processes.iter().filter_map(|process| measure(*process).ok()).sum::<u64>() > limits.memory_bytes
    };
    // Where this process may not read the exact measure, the rough one decides.
    let exact = |process| exact_bytes(process).or_else(|_| rough_bytes(process));
    (is_past(rough_bytes) && is_past(exact)).then_some(RunEnd::MemoryLimit)
}

/// A process with its descendants, and the number of their threads.
fn tree(process: i32) -> (Vec<i32>, u64) {
    let (mut found, mut waiting, mut num_threads) = (Vec::new(), vec![process], 0);
    while let Some(process) = waiting.pop() {
        found.push(process);
        let tasks: Vec<_> = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten().collect();
        // A thread that has ended before the others of its process is one of several.
        if tasks.len() > 1 || !has_ended(process) {
            num_threads += tasks.len() as u64;
        }
        for task in tasks {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            waiting.extend(children.split_whitespace().filter_map(|child| child.parse::<i32>().ok()));
        }
    }
    (found, num_threads)
}

/// True for a process that has ended and that nobody has waited for: state `Z` in proc_pid_stat(5).
fn has_ended(process: i32) -> bool {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name before the state may have any characters, a bracket too.
    text.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z'))
}

/// Resident bytes of a process, without pages of files and shared memory (`statm` in proc(5)).
fn rough_bytes(process: i32) -> io::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/statm"))?;
    let mut pages = text.split_whitespace().skip(1).map_while(|field| field.parse::<u64>().ok());
    let (resident, shared) = (pages.next().unwrap_or(0), pages.next().unwrap_or(0));
    let page_bytes = sysconf(SysconfVar::PAGE_SIZE).ok().flatten().and_then(|bytes| u64::try_from(bytes).ok());
    Ok(resident.saturating_sub(shared) * page_bytes.unwrap_or(4096))
}

/// Proportional set size of a process in bytes (`Pss` in proc(5)): pages that several hold are divided by their number.
/// Slow to read.
fn exact_bytes(process: i32) -> io::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.map(|kilobytes| kilobytes * 1024).ok_or_else(|| io::Error::other("no Pss"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_over_small_limits_and_under_large_ones() {
        let process = std::process::id() as i32;
        let large = Limits { processes: 10_000, memory_bytes: 1 << 40, ..Limits::default() };
        assert_eq!(excess(process, &large), None);
        assert_eq!(excess(process, &Limits { processes: 0, ..large.clone() }), Some(RunEnd::ProcessLimit));
        assert_eq!(excess(process, &Limits { memory_bytes: 1 << 10, ..large }), Some(RunEnd::MemoryLimit));
    }

    #[test]
    fn processes_that_have_ended_do_not_count() {
        let mut ended: Vec<_> = (0..5).map(|_| std::process::Command::new("true").spawn().unwrap()).collect();
        let ids: Vec<i32> = ended.iter().map(|child| child.id() as i32).collect();
        while !ids.iter().all(|id| has_ended(*id)) {
            std::thread::yield_now();
        }
        assert!(ids.iter().all(|id| tree(*id) == (vec![*id], 0)));
        ended.iter_mut().for_each(|child| drop(child.wait()));
    }
}
