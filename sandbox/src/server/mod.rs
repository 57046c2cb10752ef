//! The code execution server: HTTP/1.1 and HTTP/2 in front of the pool. A failing sandbox answers 5xx, never a verdict.

mod app;
mod body;
mod caller;
mod endpoint;
mod fusion;
mod program_request;
mod refusal;
mod repeats;
mod reply;
mod routes;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::ListenerExt;
use sandbox_api::{EngineKind, Secret};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use self::app::App;
use crate::engine::Engines;
use crate::engine::wasm::WasmEngine;
use crate::metrics::Metrics;
use crate::pool::Pool;
use crate::{LayerReport, SandboxError, ServerConfig};

/// Time that connections have to close once their requests are answered.
const CLOSE: Duration = Duration::from_secs(1);

/// A running server; dropping it ends its workers.
pub struct ServerHandle {
    address: SocketAddr,
    app: Arc<App>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl ServerHandle {
    /// URL that the server listens on, such as `http://127.0.0.1:40123`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The layers of isolation in force.
    pub fn layers(&self) -> &LayerReport {
        &self.app.layers
    }

    /// Lines to print at the start: the address, the level of isolation, and why layers are missing.
    pub fn greeting(&self) -> String {
        let layers = self.layers();
        let first = format!("listening on {}, isolation {}", self.url(), layers.level());
        let notes = layers.notes.iter().map(|note| format!("note: {note}"));
        std::iter::once(first).chain(notes).collect::<Vec<_>>().join("\n")
    }

    /// The process ids of the workers.
    pub fn worker_ids(&self) -> Vec<u32> {
        self.app.pool.worker_ids()
    }

    /// Turns new requests away with status 503, lets open ones finish for `drain_seconds`, and ends the workers.
    pub async fn shutdown(mut self) {
        self.app.drain(Duration::from_secs_f64(self.app.config.drain_seconds)).await;
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        let _ = tokio::time::timeout(CLOSE, &mut self.task).await;
        let app = self.app.clone();
        let _ = tokio::task::spawn_blocking(move || app.pool.close()).await;
    }
}

impl Drop for ServerHandle {
    fn drop(&mut self) {
        self.task.abort();
        self.app.pool.close();
    }
}

/// Starts a server in this process; call it inside a tokio runtime.
///
/// # Errors
/// Settings that cannot be used, no interpreter, isolation below the minimum, an address that is taken, or one that is
/// open to others without a token.
pub async fn serve(config: ServerConfig) -> Result<ServerHandle, SandboxError> {
    config.validate()?;
    let token = config.resolve_token()?;
    let listen = config.listen;
    let broken = |source| SandboxError::Listen { address: listen, source };
    let listener = TcpListener::bind(listen).await.map_err(broken)?;
    let address = listener.local_addr().map_err(broken)?;
    let prepared = tokio::task::spawn_blocking(move || start(config, token)).await;
    let app = Arc::new(prepared.map_err(|error| SandboxError::Start(error.to_string()))??);
    let (stop, stopped) = oneshot::channel::<()>();
    // Answers are short: waiting to fill a packet (Nagle's algorithm) would only delay them.
    let listener = listener.tap_io(|connection| drop(connection.set_nodelay(true)));
    let service = routes::router(app.clone()).into_make_service_with_connect_info::<SocketAddr>();
    let service = axum::serve(listener, service).with_graceful_shutdown(async {
        let _ = stopped.await;
    });
    let task = tokio::spawn(async move {
        if let Err(error) = service.await {
            tracing::error!(%error, "the code execution server ended");
        }
    });
    tracing::info!(%address, isolation = %app.layers.level(), "code execution server");
    Ok(ServerHandle { address, app, stop: Some(stop), task })
}

fn start(config: ServerConfig, token: Option<Secret>) -> Result<App, SandboxError> {
    let wasm = WasmEngine::prepare(&config);
    let (process, layers) = match crate::layers::engine(&config) {
        (Ok(process), layers) => (Ok(process), layers),
        (Err(error), mut layers) if can_do_without(&error, &config, wasm.is_ok()) => {
            layers.notes =
                vec![format!("the process engine cannot be used, so Python has the wasm engine alone: {error}")];
            (Err(error.to_string()), layers)
        }
        (Err(error), _) => return Err(error),
    };
    let metrics = Metrics::new().map_err(|error| SandboxError::Start(format!("metrics: {error}")))?;
    let metrics = Arc::new(metrics);
    let engines = Engines::new(&config, process, wasm)?;
    let pool = Pool::start(&engines, config.workers, config.queue, metrics.clone())?;
    Ok(App::new(pool, engines.chooser().clone(), metrics, config, token, layers))
}

/// True where the wasm engine can serve alone: the machine has no Python, or refuses the isolation that the process
/// engine needs, and no setting asks for that engine.
fn can_do_without(error: &SandboxError, config: &ServerConfig, has_wasm: bool) -> bool {
    let is_of_machine = match error {
        SandboxError::WeakIsolation { .. } => true,
        SandboxError::Interpreter { .. } => config.python.is_none(),
        _ => false,
    };
    is_of_machine && has_wasm && config.default_engine != Some(EngineKind::Process) && config.commands.is_empty()
}
