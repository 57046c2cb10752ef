//! `trainer sandbox serve`: the code execution server until it is told to stop.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use sandbox::{Isolation, SandboxError, ServerConfig};
use sandbox_api::{EngineChoice, Secret, TOKEN_VARIABLE};

use crate::code_server::serve;
use crate::failure::Usage;
use crate::interrupt::Interrupt;
use crate::stdout::print;

/// What `trainer sandbox serve` takes.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Where to listen. Beyond loopback a token is needed.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Programs that run at once; 0 takes one for each core.
    #[arg(long, value_name = "N", default_value_t = 0)]
    workers: usize,
    /// Requests that may wait; one more is answered with status 429.
    #[arg(long, value_name = "N", default_value_t = ServerConfig::default().queue)]
    queue: usize,
    /// A file with the bearer token that callers must send; SANDBOX_TOKEN in the environment serves as well.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Listens beyond loopback without a token: only behind a wall of your own.
    #[arg(long)]
    allow_no_token: bool,
    /// The isolation below which the server does not start: none, filtered, standard or strict.
    #[arg(long, value_name = "LEVEL", default_value_t = Isolation::default())]
    minimum_isolation: Isolation,
    /// The engine for requests that name none: wasm, process, or auto, which chooses by what a program needs.
    #[arg(long, value_name = "ENGINE", default_value_t = EngineChoice::Auto)]
    engine: EngineChoice,
    /// The Python interpreter of the process engine [default: python3].
    #[arg(long, value_name = "FILE")]
    python: Option<PathBuf>,
    /// The largest request, in bytes.
    #[arg(long, value_name = "BYTES", default_value_t = ServerConfig::default().body_bytes)]
    body_limit: usize,
    /// The longest program, in bytes.
    #[arg(long, value_name = "BYTES", default_value_t = ServerConfig::default().code_bytes)]
    code_limit: usize,
    /// Seconds that open requests have to finish once the server is told to stop; a second Ctrl-C ends it at once.
    #[arg(long, value_name = "SECONDS", default_value_t = 30.0)]
    drain_seconds: f64,
}

/// Interval at which the interrupt is looked at.
const POLL: Duration = Duration::from_millis(100);

/// Serves until Ctrl-C.
///
/// # Errors
/// The settings cannot be used (a usage error), or the server cannot start.
pub(super) async fn run(args: ServeArgs, interrupt: &Interrupt) -> Result<()> {
    let default = ServerConfig::default();
    let token = match (&args.token_file, std::env::var(TOKEN_VARIABLE)) {
        (None, Ok(text)) => {
            Some(Secret::new(&text).map_err(|error| Usage::error(format!("{TOKEN_VARIABLE}: {error}")))?)
        }
        _ => None,
    };
    let config = ServerConfig {
        listen: args.listen,
        workers: if args.workers > 0 { args.workers } else { default.workers },
        queue: args.queue,
        token,
        token_file: args.token_file,
        allow_no_token: args.allow_no_token,
        minimum_isolation: args.minimum_isolation,
        default_engine: args.engine.named(),
        python: args.python,
        body_bytes: args.body_limit,
        code_bytes: args.code_limit,
        drain_seconds: args.drain_seconds,
        ..default
    };
    let server = match serve(config).await {
        Err(error @ SandboxError::BadConfig(_)) => return Err(Usage::error(error.to_string())),
        started => started.context("the code execution server")?,
    };
    print(format_args!("{}\n", server.greeting()))?;
    while interrupt.check().is_ok() {
        tokio::time::sleep(POLL).await;
    }
    server.shutdown().await;
    Ok(())
}
