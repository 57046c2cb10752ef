//! `sandbox-server`: the code execution server as a program of its own, for hosts that have no libtorch.
//!
//! The one argument is a JSON file with the settings of `[sandbox.server]`; those left out have their defaults.

use std::path::Path;
use std::process::ExitCode;

use sandbox::{SandboxError, ServerConfig, serve};
use sandbox_api::{Secret, TOKEN_VARIABLE};
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "usage: sandbox-server SETTINGS.json";

fn main() -> ExitCode {
    sandbox::run_worker_if_asked();
    let mut arguments = std::env::args_os().skip(1);
    let (Some(path), None) = (arguments.next(), arguments.next()) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let served = read(Path::new(&path)).and_then(|config| {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(broken)?;
        runtime.block_on(serve_until_told(config))
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Reads the settings from a file; where they name no token file, the token is the one in the environment.
fn read(path: &Path) -> Result<ServerConfig, SandboxError> {
    let bad = |error: String| SandboxError::BadConfig(format!("{}: {error}", path.display()));
    let text = std::fs::read(path).map_err(|error| bad(error.to_string()))?;
    let mut config = ServerConfig::from_json(&text).map_err(|error| match error {
        SandboxError::BadConfig(reason) => bad(reason),
        error => error,
    })?;
    if let (None, Ok(text)) = (&config.token_file, std::env::var(TOKEN_VARIABLE)) {
        config.token = Some(Secret::new(&text)?);
    }
    Ok(config)
}

/// Serves until SIGINT or SIGTERM; a second signal ends the wait for open requests.
async fn serve_until_told(config: ServerConfig) -> Result<(), SandboxError> {
    let mut int = signal(SignalKind::interrupt()).map_err(broken)?;
    let mut term = signal(SignalKind::terminate()).map_err(broken)?;
    let mut told = async || tokio::select! { _ = int.recv() => {}, _ = term.recv() => {} };
    let server = serve(config).await?;
    println!("{}", server.greeting());
    told().await;
    tokio::select! { () = server.shutdown() => {}, () = told() => {} }
    Ok(())
}

fn broken(error: std::io::Error) -> SandboxError {
    SandboxError::Start(error.to_string())
}
