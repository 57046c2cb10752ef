//! The routes, and the steps of a request that runs programs: token, head, body, then its endpoint.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;

use super::app::App;
use super::body;
use super::caller::{Caller, authorize};
use super::endpoint::{Endpoint, refused};
use super::refusal::Refusal;
use super::repeats::Found;
use super::reply::Reply;
use crate::SandboxError;
use crate::metrics::Repeat;

/// The description of the endpoints for people and programs.
const OPENAPI: &str = include_str!("openapi.json");
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Routes of everything that is served.
pub(crate) fn router(app: Arc<App>) -> Router {
    let mut router = Router::new()
        .route("/healthz", get(health))
        .route("/metrics", get(metrics))
        .route("/openapi.json", get(|| async { ([(header::CONTENT_TYPE, "application/json")], OPENAPI) }));
    for endpoint in Endpoint::ALL {
        let handler = move |State(app): State<Arc<App>>, request: Request| timed(app, endpoint, request);
        router = router.route(endpoint.path(), post(handler));
    }
    router
        .fallback(|State(app): State<Arc<App>>| async move {
            let paths = Endpoint::ALL.map(Endpoint::path).join(", ");
            let sentence = format!("there is {paths}, /healthz, /metrics and /openapi.json");
            refused(&app, &Refusal::new(StatusCode::NOT_FOUND, "not_found", sentence))
        })
        .method_not_allowed_fallback(|State(app): State<Arc<App>>| async move {
            let sentence = "POST programs; GET /healthz, /metrics and /openapi.json";
            refused(&app, &Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", sentence))
        })
        .with_state(app)
}

async fn timed(app: Arc<App>, endpoint: Endpoint, request: Request) -> Reply {
    let began = Instant::now();
    let reply = answer(&app, endpoint, request).await.unwrap_or_else(|refusal| refused(&app, &refusal));
    app.metrics.answered(endpoint.path(), reply.status.as_u16(), began.elapsed());
    reply
}

async fn answer(app: &Arc<App>, endpoint: Endpoint, request: Request) -> Result<Reply, Refusal> {
    let (head, body) = request.into_parts();
    authorize(&head.headers, app.token.as_ref())?;
    let caller = Caller::of(&head)?;
    let _open = app.open()?;
    let body = body::read(body, app.config.body_bytes, app.config.read_seconds).await?;
    let Some(id) = caller.request_id.clone() else {
        return Ok(endpoint.answer(app.clone(), caller, body).await);
    };
    let (key, deadline) = ((caller.client.clone(), endpoint.path(), id), caller.deadline);
    // The lookup needs the body too. A repeat's work is never polled, so it costs nothing.
    let work = endpoint.answer(app.clone(), caller, body.clone());
    let running = match app.repeats.find_or_start(key, &body, work) {
        Found::Remembered(reply) => {
            app.metrics.repeated(Repeat::Remembered);
            return Ok(reply);
        }
        Found::OtherBody => {
            let sentence = "this request id stood for another body: give each request an id of its own";
            return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "request_id_reused", sentence));
        }
        Found::Waits(running, repeat) => {
            if let Some(repeat) = repeat {
                app.metrics.repeated(repeat);
            }
            running
        }
    };
    match deadline {
        // The request that this one joins may have a later deadline.
        Some(deadline) => match tokio::time::timeout_at(deadline.into(), running).await {
            Ok(reply) => Ok(reply),
            Err(_) => Err(SandboxError::DeadlinePassed.into()),
        },
        None => Ok(running.await),
    }
}

async fn health(State(app): State<Arc<App>>) -> Response {
    let (status, word) = match app.is_draining() {
        false => (StatusCode::OK, "ok"),
        true => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
    };
    let load = app.load();
    let body = json!({
        "status": word, "workers": load.workers, "busy": load.busy, "queue_depth": load.depth,
        "default_engine": app.chooser.usual(), "isolation": app.layers.level(),
    });
    (status, Json(body)).into_response()
}

async fn metrics(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    if let Err(refusal) = authorize(&headers, app.token.as_ref()) {
        return refused(&app, &refusal).into_response();
    }
    match app.metrics.text(app.load()) {
        Ok(text) => ([(header::CONTENT_TYPE, METRICS_TYPE)], text).into_response(),
        Err(error) => {
            let sentence = format!("the metrics cannot be written: {error}");
            refused(&app, &Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "sandbox_error", sentence)).into_response()
        }
    }
}
