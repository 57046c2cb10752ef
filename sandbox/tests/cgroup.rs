//! Control groups, where this process may make them; elsewhere these tests say so and check nothing.

use std::path::{Path, PathBuf};

use sandbox::{ServerConfig, doctor, serve};
use sandbox_api::{Client, EngineKind, GradeRequest, GradeVerdict, Language, Limits, StdioCase, Tests};

use crate::support::is_alone;

fn request(code: &str, output: &str) -> GradeRequest {
    GradeRequest {
        code: code.to_owned(),
        language: Language::Python,
        engine: Some(EngineKind::Process),
        tests: Tests::Stdio { cases: vec![StdioCase { input: String::new(), output: output.to_owned() }] },
        limits: Limits { memory_bytes: 64 << 20, file_bytes: 1 << 20, processes: 32, ..Limits::default() },
        stop_at_first_failure: true,
    }
}

/// The groups of this process's workers below `folder`.
fn groups(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && !path.is_symlink() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with(&format!("ponder-worker-{}-", std::process::id())) {
                found.push(path.clone());
            }
            found.append(&mut groups(&path));
        }
    }
    found
}

/// Children that take more memory together than one program may have.
const BURST: &str = "import os, time
for child in range(24):
    if os.fork() == 0:
        held = b'x' * (12 << 20)
        time.sleep(1)
        os._exit(0)
assert all(os.wait()[1] == 0 for child in range(24))
print('all were there')";

/// Children whose memory is in the buffers of sockets, which no look at a process sees.
const HIDDEN: &str = "import os, socket
for child in range(24):
    if os.fork() == 0:
        pairs = [socket.socketpair() for _ in range(100)]
        for pair in pairs:
            for end in pair:
                end.setblocking(False)
                try:
                    while True:
                        end.send(b'x' * 65536)
                except BlockingIOError:
                    pass
        os._exit(0)
for child in range(24):
    os.wait()
print('right')";

#[tokio::test]
async fn the_kernel_ends_what_takes_too_much_and_the_worker_stays() {
    // It counts the control groups of its process's workers.
    if !is_alone("cgroup::the_kernel_ends_what_takes_too_much_and_the_worker_stays") {
        return;
    }
    let layers = doctor();
    if !layers.cgroup {
        eprintln!("left out: {}", layers.notes.join("; "));
        return;
    }
    let config = ServerConfig { workers: 1, default_engine: Some(EngineKind::Process), ..ServerConfig::default() };
    let server = serve(config).await.unwrap();
    let client = Client::new(vec![server.url()]).unwrap();
    let (workers, made) = (server.worker_ids(), groups(Path::new("/sys/fs/cgroup")));
    assert_eq!(made.len(), 1, "{made:?}");
    let inside = std::fs::read_to_string(made[0].join("cgroup.procs")).unwrap();
    assert!(inside.lines().any(|id| id == workers[0].to_string()), "the worker's process is in its group: {inside}");
    for _ in 0..3 {
        let report = client.grade(&request(BURST, "all were there")).await.unwrap();
        assert_eq!(report.verdict, GradeVerdict::MemoryLimit, "{report:?}");
        // Children that are killed while their parent prints the right answer, before the server has looked.
        let report = client.grade(&request(HIDDEN, "right")).await.unwrap();
        assert_eq!(report.verdict, GradeVerdict::MemoryLimit, "{report:?}");
        let report = client.grade(&request("print(1)", "1")).await.unwrap();
        assert_eq!(report.verdict, GradeVerdict::Passed, "{report:?}");
    }
    let [peak, most] = ["memory.peak", "memory.max"].map(|name| std::fs::read_to_string(made[0].join(name)).unwrap());
    assert!(peak.trim().parse::<u64>().unwrap() <= most.trim().parse().unwrap(), "{peak} of {most}");
    let most = std::fs::read_to_string(made[0].join("pids.max")).unwrap();
    assert!((32..64).contains(&most.trim().parse::<u64>().unwrap()), "{most}");
    assert_eq!(server.worker_ids(), workers);
    server.shutdown().await;
    assert_eq!(groups(Path::new("/sys/fs/cgroup")), Vec::<PathBuf>::new(), "no group is left behind");
}
