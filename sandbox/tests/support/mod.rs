//! Shared by the tests: a server on a given engine, patient limits, and a process alone for a test that counts them.

use std::process::Command;

use sandbox::{SandboxError, ServerConfig, ServerHandle, serve};
use sandbox_api::{Client, EngineKind, Limits};

/// Limits with time to spare: a busy machine changes no verdict.
pub(crate) fn patient_limits() -> Limits {
    Limits { wall_seconds: 60.0, cpu_seconds: 60.0, ..Limits::default() }
}

/// A server whose programs run on `engine`, and a client of it; `None` where the wasm engine is not set up.
pub(crate) async fn server(engine: EngineKind, workers: usize) -> Option<(ServerHandle, Client)> {
    let config = ServerConfig {
        workers,
        worker: Some(env!("CARGO_BIN_EXE_sandbox-worker").into()),
        default_engine: Some(engine),
        ..ServerConfig::default()
    };
    match serve(config).await {
        Ok(handle) => {
            let client = Client::new(vec![handle.url()]).unwrap();
            Some((handle, client))
        }
        Err(error @ SandboxError::EngineMissing { .. }) => {
            eprintln!("LEFT OUT: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// The server's metrics as text.
pub(crate) async fn metrics(server: &ServerHandle) -> String {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    http.get(format!("{}/metrics", server.url())).send().await.unwrap().text().await.unwrap()
}

/// Set in the process that [`is_alone`] starts.
const ALONE: &str = "PONDER_TEST_IS_ALONE";

/// Runs the test called `name` once more in a process of its own, for tests that look at every child of their process.
/// True in that process. False in the one that started it, once the test has passed there.
pub(crate) fn is_alone(name: &str) -> bool {
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let tests = std::env::current_exe().expect("this program has a path");
    let output = Command::new(tests).args([name, "--exact", "--nocapture"]).env(ALONE, "1").output();
    let output = output.expect("this program starts once more");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{name} in a process of its own:\n{said}");
    eprint!("{said}");
    false
}
