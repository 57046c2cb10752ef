//! What launchers set, and what they set wrongly.

use std::collections::HashMap;

use dist::{Address, DistError, Environment};

const TORCHRUN: [(&str, &str); 6] = [
    ("RANK", "5"),
    ("WORLD_SIZE", "8"),
    ("LOCAL_RANK", "1"),
    ("LOCAL_WORLD_SIZE", "4"),
    ("MASTER_ADDR", "node-0"),
    ("MASTER_PORT", "29500"),
];
const SLURM: [(&str, &str); 8] = [
    ("SLURM_PROCID", "5"),
    ("SLURM_NTASKS", "7"),
    ("SLURM_LOCALID", "1"),
    ("SLURM_NODEID", "1"),
    ("SLURM_STEP_TASKS_PER_NODE", "4,3"),
    ("SLURM_JOB_ID", "77"),
    ("MASTER_ADDR", "node-0"),
    ("MASTER_PORT", "29500"),
];

/// Reads `base` with `changes`, in which an empty value takes a variable away.
fn read(base: &[(&str, &str)], changes: &[(&str, &str)]) -> Result<Option<Environment>, DistError> {
    let mut variables: HashMap<&str, &str> = base.iter().copied().collect();
    variables.extend(changes.iter().copied());
    variables.retain(|_, value| !value.is_empty());
    Environment::read(|name| variables.get(name).map(|value| (*value).to_owned()))
}

#[test]
fn no_variables_are_one_process() {
    assert_eq!(read(&[], &[]).unwrap(), None);
    assert_eq!(read(&[], &[("MASTER_ADDR", "node-0"), ("MASTER_PORT", "29500")]).unwrap(), None);
}

#[test]
fn torchrun_is_read() {
    let expected = Environment {
        rank: 5,
        world_size: 8,
        local_rank: 1,
        local_world_size: 4,
        store: Address { host: "node-0".into(), port: 29500 },
        agent_store: false,
        prefix: "ponder/none/0/".into(),
        store_socket: None,
        launcher: None,
    };
    assert_eq!(read(&TORCHRUN, &[]).unwrap(), Some(expected));
}

#[test]
fn a_restart_has_another_prefix_and_the_agents_store_is_used() {
    let restart = |count: &str| {
        let elastic = [
            ("TORCHELASTIC_USE_AGENT_STORE", "True"),
            ("TORCHELASTIC_RUN_ID", "abc"),
            ("TORCHELASTIC_RESTART_COUNT", count),
        ];
        read(&TORCHRUN, &elastic).unwrap().unwrap()
    };
    assert!(restart("0").agent_store);
    assert_eq!((restart("0").prefix.as_str(), restart("2").prefix.as_str()), ("ponder/abc/0/", "ponder/abc/2/"));
    assert!(!read(&TORCHRUN, &[("TORCHELASTIC_USE_AGENT_STORE", "False")]).unwrap().unwrap().agent_store);
}

#[test]
fn slurm_is_read_where_the_place_of_the_store_is_given() {
    let environment = read(&SLURM, &[]).unwrap().unwrap();
    let Environment { rank, world_size, local_rank, local_world_size, .. } = environment;
    assert_eq!((rank, world_size, local_rank, local_world_size), (5, 7, 1, 3));
    assert_eq!(environment.prefix, "ponder/slurm-77/0/");
    let even = [("SLURM_STEP_TASKS_PER_NODE", ""), ("SLURM_NTASKS_PER_NODE", "4")];
    assert_eq!(read(&SLURM, &even).unwrap().unwrap().local_world_size, 4);
    let even = [("SLURM_STEP_TASKS_PER_NODE", "4(x2)"), ("SLURM_NODEID", "")];
    assert_eq!(read(&SLURM, &even).unwrap().unwrap().local_world_size, 4);
}

#[test]
fn torchrun_comes_before_slurm() {
    assert_eq!(read(&SLURM, &TORCHRUN).unwrap().unwrap().world_size, 8);
}

#[test]
fn a_single_task_of_slurm_without_a_store_is_one_process() {
    let nowhere = [("MASTER_ADDR", ""), ("MASTER_PORT", "")];
    assert_eq!(read(&SLURM, &nowhere).unwrap(), None);
    let several = [("MASTER_ADDR", ""), ("MASTER_PORT", ""), ("SLURM_STEP_NUM_TASKS", "7")];
    assert!(
        read(&SLURM, &several).unwrap_err().to_string().starts_with("MASTER_ADDR is not set: Slurm started 7 tasks")
    );
}

#[test]
fn what_is_wrong_is_named_with_its_value() {
    let torchrun = [
        (&[("WORLD_SIZE", "")][..], "WORLD_SIZE is not set: RANK is set"),
        (&[("RANK", "")], "RANK is not set: WORLD_SIZE is set"),
        (&[("LOCAL_RANK", "")], "LOCAL_RANK is not set"),
        (&[("LOCAL_WORLD_SIZE", "")], "LOCAL_WORLD_SIZE is not set"),
        (&[("MASTER_ADDR", "")], "MASTER_ADDR is not set"),
        (&[("MASTER_PORT", "")], "MASTER_PORT is not set"),
        (&[("RANK", "five")], "RANK=five: is no whole number from 0"),
        (&[("RANK", "-1")], "RANK=-1: is no whole number from 0"),
        (&[("WORLD_SIZE", "99999999999999999999999")], "WORLD_SIZE=99999999999999999999999: is no whole number"),
        (&[("RANK", "8")], "RANK=8: ranks go from 0 to 7"),
        (&[("WORLD_SIZE", "0")], "WORLD_SIZE=0: a job has one rank at least"),
        (&[("LOCAL_WORLD_SIZE", "9")], "LOCAL_WORLD_SIZE=9: a host has from 1 to 8"),
        (&[("LOCAL_WORLD_SIZE", "0")], "LOCAL_WORLD_SIZE=0: a host has from 1 to 8"),
        (&[("LOCAL_RANK", "4")], "LOCAL_RANK=4: ranks of this host go from 0 to 3"),
        (&[("RANK", "0")], "LOCAL_RANK=1: the rank in the job is 0"),
        (&[("MASTER_PORT", "0")], "MASTER_PORT=0: a TCP port is from 1 to 65535"),
        (&[("MASTER_PORT", "70000")], "MASTER_PORT=70000: a TCP port"),
        (&[("TORCHELASTIC_USE_AGENT_STORE", "yes")], "TORCHELASTIC_USE_AGENT_STORE=yes: is neither True nor False"),
        (&[("TORCHELASTIC_RESTART_COUNT", "x")], "TORCHELASTIC_RESTART_COUNT=x: is no whole number"),
    ];
    let slurm = [
        (&[("MASTER_PORT", "")][..], "MASTER_PORT is not set: SLURM_PROCID is set"),
        (&[("SLURM_NTASKS", "")], "SLURM_NTASKS is not set"),
        (&[("SLURM_NTASKS", "5")], "SLURM_PROCID=5: ranks go from 0 to 4"),
        (&[("SLURM_STEP_TASKS_PER_NODE", "4(x")], "SLURM_STEP_TASKS_PER_NODE=4(x: is no list"),
        (&[("SLURM_NODEID", "2")], "SLURM_NODEID=2: SLURM_STEP_TASKS_PER_NODE=4,3 names 2 nodes"),
        (&[("SLURM_NODEID", "")], "SLURM_NODEID is not set: SLURM_STEP_TASKS_PER_NODE=4,3 differs by node"),
        (&[("SLURM_STEP_TASKS_PER_NODE", "")], "SLURM_NTASKS_PER_NODE is not set"),
    ];
    let of = |base: &'static [(&str, &str)], cases: &[(&'static [(&'static str, &'static str)], &'static str)]| {
        for (changes, words) in cases {
            let error = read(base, changes).unwrap_err().to_string();
            assert!(error.starts_with(words), "{changes:?}: {error}");
        }
    };
    of(&TORCHRUN, &torchrun);
    of(&SLURM, &slurm);
}
