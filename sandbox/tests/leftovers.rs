//! What the process engine makes ahead of its jobs is gone with its worker, zombies included. One test, for it counts the
//! children of this process.

use std::collections::BTreeSet;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sandbox::{Client, EngineKind, Limits, RunRequest, RunStatus, ServerConfig, serve};

fn children() -> BTreeSet<u32> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let lists = tasks.flatten().filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().map(|id| id.parse().unwrap()).collect::<Vec<u32>>()).collect()
}

fn has_ended(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_none_or(|rest| rest.is_empty() || rest.starts_with(" Z"))
}

#[tokio::test]
async fn nothing_that_stood_by_is_left() {
    let config = ServerConfig { workers: 1, default_engine: Some(EngineKind::Process), ..ServerConfig::default() };
    let server = serve(config).await.unwrap();
    let client = Client::new(vec![server.url()]).unwrap();
    // Each finds a process that was made for the limits of the one before.
    for megabytes in [64, 128, 64, 96, 96, 64] {
        let limits = Limits { memory_bytes: megabytes << 20, ..Limits::default() };
        let code = "import resource; print(resource.getrlimit(resource.RLIMIT_AS)[0] >> 20)".to_owned();
        let report = client.run(&RunRequest { code, limits, ..RunRequest::default() }).await.unwrap();
        assert_eq!((report.status, report.stdout), (RunStatus::Ok, format!("{}\n", megabytes + 4)));
        assert!(children().len() <= 2, "a worker and what stands by: {:?}", children());
    }
    // One that is killed takes with it what stands by, and what stands by may be killed too.
    for victim in 0..2 {
        let worker = server.worker_ids()[0];
        let mut others = children().into_iter().filter(|child| *child != worker);
        let process = if victim == 0 { worker } else { others.next().unwrap() };
        kill(Pid::from_raw(process as i32), Signal::SIGKILL).unwrap();
        while !has_ended(process) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let report = client.run(&RunRequest { code: "print(1)".to_owned(), ..RunRequest::default() }).await.unwrap();
        assert_eq!(report.status, RunStatus::Ok);
        assert!(children().len() <= 2, "{:?}", children());
    }
    server.shutdown().await;
    assert_eq!(children(), BTreeSet::new());
}
