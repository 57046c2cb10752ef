//! What tests of both engines share.

use sandbox::{SandboxError, ServerConfig, ServerHandle, serve};
use sandbox_api::{Client, EngineKind};

/// A server whose programs run on `engine`, and a client of it; `None` where the wasm engine is not set up.
pub async fn server(engine: EngineKind, workers: usize) -> Option<(ServerHandle, Client)> {
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
