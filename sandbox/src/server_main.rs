//! `sandbox-server`: the code execution server as a program of its own, for hosts that have no libtorch.
//!
//! Its one argument is a JSON file with the settings of `[sandbox.server]`; those that it leaves out have their defaults.

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

/// The settings in a file, with the token that the environment holds where they name no file with one.
fn read(path: &Path) -> Result<ServerConfig, SandboxError> {
    let bad = |error: &dyn std::error::Error| SandboxError::BadConfig(format!("{}: {error}", path.display()));
    let text = std::fs::read(path).map_err(|error| bad(&error))?;
    let mut config: ServerConfig = serde_json::from_slice(&text).map_err(|error| bad(&error))?;
    if let (None, Ok(text)) = (&config.token_file, std::env::var(TOKEN_VARIABLE)) {
        config.token = Some(Secret::new(&text)?);
    }
    Ok(config)
}

/// Serves until SIGINT or SIGTERM; a second one does not wait for open requests.
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
