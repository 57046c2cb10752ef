//! The code execution server: HTTP in front of the pool. A sandbox that fails answers 5xx, never a verdict.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::engine::Engines;
use crate::metrics::Metrics;
use crate::pool::{Pool, Ticket};
use crate::{EngineKind, GradeRequest, LayerReport, RunRequest, SandboxError, ServerConfig};

/// Seconds that open requests have to finish at shutdown.
const DRAIN_SECONDS: u64 = 5;

struct App {
    pool: Pool,
    metrics: Arc<Metrics>,
    config: ServerConfig,
}

/// A running server; dropping it ends its workers.
pub struct ServerHandle {
    address: SocketAddr,
    layers: LayerReport,
    app: Arc<App>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl ServerHandle {
    /// Where it listens, such as `http://127.0.0.1:40123`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The layers of isolation in force.
    pub fn layers(&self) -> &LayerReport {
        &self.layers
    }

    /// The process ids of the workers.
    pub fn worker_ids(&self) -> Vec<u32> {
        self.app.pool.worker_ids()
    }

    /// Takes no more requests, lets open ones finish for a few seconds, and ends the workers.
    pub async fn shutdown(mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        let _ = tokio::time::timeout(Duration::from_secs(DRAIN_SECONDS), &mut self.task).await;
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
/// Settings that cannot be used, no interpreter, isolation below the minimum, an address that is taken.
pub async fn serve(config: ServerConfig) -> Result<ServerHandle, SandboxError> {
    config.validate()?;
    let listen = config.listen;
    let broken = |source| SandboxError::Listen { address: listen, source };
    let listener = TcpListener::bind(listen).await.map_err(broken)?;
    let address = listener.local_addr().map_err(broken)?;
    let prepared = tokio::task::spawn_blocking(move || start_pool(config)).await;
    let (app, layers) = prepared.map_err(|error| SandboxError::Start(error.to_string()))??;
    let app = Arc::new(app);
    let (stop, stopped) = oneshot::channel::<()>();
    let service = axum::serve(listener, router(app.clone())).with_graceful_shutdown(async {
        let _ = stopped.await;
    });
    let task = tokio::spawn(async move {
        if let Err(error) = service.await {
            tracing::error!(%error, "the code execution server ended");
        }
    });
    tracing::info!(%address, landlock_abi = layers.landlock_abi, "code execution server");
    Ok(ServerHandle { address, layers, app, stop: Some(stop), task })
}

fn start_pool(config: ServerConfig) -> Result<(App, LayerReport), SandboxError> {
    let (process, layers) = crate::layers::engine(&config)?;
    if !layers.meets_minimum() {
        tracing::warn!(notes = ?layers.notes, "programs run with weak isolation, as the settings allow");
    }
    let metrics = Arc::new(Metrics::default());
    let pool = Pool::start(
        &Engines::new(process, config.default_engine.unwrap_or(EngineKind::Process)),
        config.workers,
        config.queue,
        metrics.clone(),
    )?;
    Ok((App { pool, metrics, config }, layers))
}

fn router(app: Arc<App>) -> Router {
    let limit = DefaultBodyLimit::max(app.config.body_bytes);
    Router::new()
        .route("/grade", post(grade))
        .route("/run", post(run))
        .route("/healthz", get(|| async { Json(json!({"status": "ok"})) }))
        .route("/metrics", get(metrics))
        .fallback(|| async { failure(StatusCode::NOT_FOUND, "there is /grade, /run, /healthz and /metrics") })
        .layer(limit)
        .with_state(app)
}

async fn grade(State(app): State<Arc<App>>, body: Result<Bytes, BytesRejection>) -> Response {
    let result = async {
        let request: GradeRequest = parse(body)?;
        request.limits.validate(&app.config.most)?;
        if request.tests.is_empty() {
            return Err(SandboxError::BadRequest("tests: there is no case to judge by".to_owned()).into());
        }
        let (reply, answer) = oneshot::channel();
        app.pool.submit(Ticket::Grade(Box::new(request), reply))?;
        let report = answer.await.map_err(|_| SandboxError::Closed)??;
        app.metrics.count(report.verdict, report.seconds);
        Ok(Json(report).into_response())
    };
    answer(&app, result.await)
}

async fn run(State(app): State<Arc<App>>, body: Result<Bytes, BytesRejection>) -> Response {
    let result = async {
        let request: RunRequest = parse(body)?;
        request.limits.validate(&app.config.most)?;
        let (reply, answer) = oneshot::channel();
        app.pool.submit(Ticket::Run(Box::new(request), reply))?;
        let report = answer.await.map_err(|_| SandboxError::Closed)??;
        app.metrics.runs.fetch_add(1, Relaxed);
        Ok(Json(report).into_response())
    };
    answer(&app, result.await)
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    let text = app.metrics.text(app.pool.depth(), app.pool.workers());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

/// What a handler fails with: the sandbox, or a body that could not be read.
enum Refusal {
    Sandbox(SandboxError),
    Body(StatusCode, String),
}

impl From<SandboxError> for Refusal {
    fn from(error: SandboxError) -> Self {
        Refusal::Sandbox(error)
    }
}

fn parse<T: DeserializeOwned>(body: Result<Bytes, BytesRejection>) -> Result<T, Refusal> {
    let body = body.map_err(|rejection| Refusal::Body(rejection.status(), rejection.body_text()))?;
    serde_json::from_slice(&body).map_err(|error| Refusal::Body(StatusCode::BAD_REQUEST, error.to_string()))
}

fn answer(app: &App, result: Result<Response, Refusal>) -> Response {
    let error = match result {
        Ok(response) => return response,
        Err(Refusal::Body(status, text)) => {
            app.metrics.bad_requests.fetch_add(1, Relaxed);
            return failure(status, &text);
        }
        Err(Refusal::Sandbox(error)) => error,
    };
    let (status, counter) = match error {
        SandboxError::BadRequest(_) => (StatusCode::UNPROCESSABLE_ENTITY, &app.metrics.bad_requests),
        SandboxError::Busy => (StatusCode::TOO_MANY_REQUESTS, &app.metrics.refused),
        SandboxError::Closed => (StatusCode::SERVICE_UNAVAILABLE, &app.metrics.refused),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, &app.metrics.sandbox_errors),
    };
    counter.fetch_add(1, Relaxed);
    let mut response = failure(status, &error.to_string());
    if matches!(error, SandboxError::Busy) {
        response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
    }
    response
}

fn failure(status: StatusCode, text: &str) -> Response {
    (status, Json(json!({ "error": text }))).into_response()
}
