//! Processes that the process engine makes ahead of its jobs are gone with their worker, zombies included.

use std::collections::BTreeSet;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sandbox::{ServerConfig, serve};
use sandbox_api::{Client, EngineKind, GradeRequest, GradeVerdict, Language, Limits, RunRequest, RunStatus, Tests};

use crate::support::is_alone;

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
    // It counts the children of its process.
    if !is_alone("leftovers::nothing_that_stood_by_is_left") {
        return;
    }
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
        // What stands by is made beside the answer to the last program.
        let stands_by = loop {
            match children().into_iter().find(|child| *child != worker) {
                Some(child) => break child,
                None => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        };
        let process = if victim == 0 { worker } else { stands_by };
        kill(Pid::from_raw(process as i32), Signal::SIGKILL).unwrap();
        while !has_ended(process) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let report = client.run(&RunRequest { code: "print(1)".to_owned(), ..RunRequest::default() }).await.unwrap();
        assert_eq!(report.status, RunStatus::Ok);
        assert!(children().len() <= 2, "{:?}", children());
    }
    // A judge that stands by does not hide that its worker has ended.
    let tests = Tests::Asserts { setup: String::new(), tests: vec!["assert f(1) == 2".to_owned()] };
    let code = "def f(x): return x + 1".to_owned();
    let (language, limits) = (Language::Python, Limits::default());
    let asserts = GradeRequest { code, language, engine: None, tests, limits, stop_at_first_failure: true };
    assert_eq!(client.grade(&asserts).await.unwrap().verdict, GradeVerdict::Passed);
    let worker = server.worker_ids()[0];
    let limits = Limits { wall_seconds: 100.0, ..Limits::default() };
    let endless = RunRequest { code: "import time; time.sleep(99)".to_owned(), limits, ..RunRequest::default() };
    let caller = tokio::spawn(async move { client.run(&endless).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    kill(Pid::from_raw(worker as i32), Signal::SIGKILL).unwrap();
    let is_replaced = async {
        while server.worker_ids().first().is_none_or(|id| *id == worker) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), is_replaced)
        .await
        .expect("it is replaced long before its program's time is up");
    caller.abort();
    server.shutdown().await;
    assert_eq!(children(), BTreeSet::new());
}
