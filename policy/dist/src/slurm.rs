//! A process's place in a job that `srun` started, from Slurm's variables.
//!
//! Slurm names no place for the store: `MASTER_ADDR` and `MASTER_PORT` say it, and without both of them the variables
//! mean nothing here, for a batch script sets them too. Source: `srun(1)`, "OUTPUT ENVIRONMENT VARIABLES".

use crate::error::DistError;
use crate::variables::{Address, Variables};

/// One of several tasks of a step.
pub(crate) struct SlurmTask {
    /// Number of the task in the step, from 0.
    pub(crate) rank: usize,
    /// Number of tasks in the step.
    pub(crate) num_tasks: usize,
    /// Number of the task on its node, from 0.
    pub(crate) local_rank: usize,
    /// Number of the step's tasks on this node.
    pub(crate) num_local_tasks: usize,
    /// Where the store is to be.
    pub(crate) store: Address,
    /// Prefix of the store's keys.
    pub(crate) prefix: String,
}

/// Reads Slurm's variables; `None` where they do not say that this is one of several processes.
pub(crate) fn read(variables: &Variables<'_>) -> Result<Option<SlurmTask>, DistError> {
    let Some(rank) = variables.number("SLURM_PROCID")? else { return Ok(None) };
    let is_given = |name| variables.text(name).is_some();
    if !is_given("MASTER_ADDR") && !is_given("MASTER_PORT") {
        let num_tasks = variables.number("SLURM_STEP_NUM_TASKS")?.unwrap_or(1usize);
        if num_tasks > 1 {
            let reason = format!(
                "Slurm started {num_tasks} tasks, and they need a place to meet: set MASTER_ADDR to the host of task 0 \
                 (`scontrol show hostnames` lists them) and MASTER_PORT to a free port, or start one task"
            );
            return Err(DistError::environment("MASTER_ADDR", None, reason));
        }
        return Ok(None);
    }
    let remedy = "SLURM_PROCID is set and one of MASTER_ADDR and MASTER_PORT is, so the job must set it too";
    let job = variables.text("SLURM_JOB_ID").unwrap_or_else(|| "none".into());
    let restart = variables.number("SLURM_RESTART_COUNT")?.unwrap_or(0usize);
    Ok(Some(SlurmTask {
        rank,
        num_tasks: variables.required("SLURM_NTASKS", remedy)?,
        local_rank: variables.required("SLURM_LOCALID", remedy)?,
        num_local_tasks: tasks_on_this_node(variables)?,
        store: variables.address(remedy)?,
        prefix: format!("ponder/slurm-{job}/{restart}/"),
    }))
}

/// Number of the step's tasks on this node.
fn tasks_on_this_node(variables: &Variables<'_>) -> Result<usize, DistError> {
    const BY_NODE: &str = "SLURM_STEP_TASKS_PER_NODE";
    if let Some(list) = variables.text(BY_NODE) {
        let malformed = || DistError::environment(BY_NODE, Some(&list), "is no list such as 4(x2),3");
        let counts = tasks_by_node(&list).ok_or_else(malformed)?;
        let node = variables.number::<usize>("SLURM_NODEID")?;
        return match (node, counts.as_slice()) {
            (Some(node), counts) => counts.get(node).copied().ok_or_else(|| {
                let reason = format!("{BY_NODE}={list} names {} nodes; the nodes count from 0", counts.len());
                DistError::environment("SLURM_NODEID", Some(&node.to_string()), reason)
            }),
            (None, [first, rest @ ..]) if rest.iter().all(|count| count == first) => Ok(*first),
            (None, _) => {
                let reason = format!("{BY_NODE}={list} differs by node, so this node's number is needed");
                Err(DistError::environment("SLURM_NODEID", None, reason))
            }
        };
    }
    variables.required(
        "SLURM_NTASKS_PER_NODE",
        "neither it nor SLURM_STEP_TASKS_PER_NODE says how many ranks this node has: start with srun --ntasks-per-node",
    )
}

/// Reads Slurm's short form of a list of counts: `4(x2),3` is 4, 4, 3.
fn tasks_by_node(list: &str) -> Option<Vec<usize>> {
    /// Nodes of the largest list that is read.
    const MOST: usize = 1 << 20;
    let mut counts = Vec::new();
    for part in list.split(',') {
        let (count, times) = match part.trim().split_once("(x") {
            Some((count, times)) => (count, times.strip_suffix(')')?.parse().ok()?),
            None => (part.trim(), 1),
        };
        if times == 0 || times > MOST - counts.len() {
            return None;
        }
        counts.extend(std::iter::repeat_n(count.parse::<usize>().ok()?, times));
    }
    Some(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_counts_are_read_and_others_are_not() {
        assert_eq!(tasks_by_node("4"), Some(vec![4]));
        assert_eq!(tasks_by_node("4(x2),3"), Some(vec![4, 4, 3]));
        for malformed in ["", "x", "4(x", "4(x0)", "4(x2", "4,,3", "4(x99999999999)", "-1"] {
            assert_eq!(tasks_by_node(malformed), None, "{malformed}");
        }
    }
}
