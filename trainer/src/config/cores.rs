//! The cores of one rank of several on a host: its share of those that there are, or those to which its launcher has
//! bound it alone.
//!
//! Sources: proc_pid_status(5), `Cpus_allowed_list`; srun(1), `SLURM_CPU_BIND_TYPE`.

/// Number of cores for one of `local_ranks` ranks of this host.
pub(super) fn cores_of_rank(local_ranks: usize) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    // Under torchrun, what Slurm has bound is the agent.
    let slurm = std::env::var("SLURM_CPU_BIND_TYPE").ok().filter(|_| std::env::var_os("RANK").is_none());
    let allowed =
        |process: &str| std::fs::read_to_string(format!("/proc/{process}/status")).ok().as_deref().map(num_allowed);
    let parent = std::os::unix::process::parent_id().to_string();
    let is_bound = is_bound(slurm.as_deref(), allowed("self"), allowed(&parent));
    if is_bound { cores } else { (cores / local_ranks).max(1) }
}

/// True where a process may use other cores than the ranks beside it: Slurm says that it has bound it, or the process
/// has fewer than its parent, which started all of them.
fn is_bound(slurm: Option<&str>, own: Option<usize>, parents: Option<usize>) -> bool {
    match slurm.filter(|kind| !kind.is_empty()) {
        Some(kind) => !kind.contains("none"),
        None => own.zip(parents).is_some_and(|(own, parents)| 0 < own && own < parents),
    }
}

/// Number of cores in the list of a process's status, `0-3,8`; 0 where there is none.
fn num_allowed(status: &str) -> usize {
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap_or_default();
    let num_of = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(last.trim().parse::<usize>().ok()? + 1 - first.trim().parse::<usize>().ok()?)
    };
    list.split(',').filter_map(num_of).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rank_that_is_bound_has_all_its_cores_and_any_other_a_share() {
        assert!(is_bound(None, Some(4), Some(16)) && !is_bound(None, Some(16), Some(16)));
        assert!(!is_bound(None, Some(4), None) && !is_bound(None, Some(0), Some(4)));
        // Slurm's word counts more: its own daemon may use cores that the job may not.
        assert!(!is_bound(Some("none"), Some(4), Some(16)) && is_bound(Some("mask_cpu:0xf"), Some(4), Some(4)));
        assert!(is_bound(Some(""), Some(4), Some(16)));
    }

    #[test]
    fn cores_are_counted_in_lists() {
        let status =
            |list: &str| format!("Name:\ttrainer\nCpus_allowed:\tff\nCpus_allowed_list:\t{list}\nMems_allowed:\t1\n");
        assert_eq!(["0-3,8", "5", "0-1,4-5,7", ""].map(|list| num_allowed(&status(list))), [5, 1, 5, 0]);
        assert_eq!(num_allowed("Name:\ttrainer\n"), 0);
    }

    #[test]
    fn ranks_that_nobody_has_bound_share_the_cores() {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        assert!([1, cores].contains(&cores_of_rank(cores))); // a test may be bound
        assert!(cores_of_rank(4 * cores) >= 1);
    }
}
