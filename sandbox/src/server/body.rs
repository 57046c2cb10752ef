//! Reads a request's body, up to a limit and in time.

use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use futures::StreamExt;

use super::refusal::Refusal;

/// Bytes past the limit that are still read and thrown away: a caller writes its whole body before it reads the answer.
const THROWN_AWAY: usize = 64 << 20;

/// Reads at most `limit` bytes within `seconds`.
pub(crate) async fn read(body: Body, limit: usize, seconds: f64) -> Result<Vec<u8>, Refusal> {
    match tokio::time::timeout(Duration::from_secs_f64(seconds), read_all(body, limit)).await {
        Ok(bytes) => bytes,
        Err(_) => {
            let sentence = format!("the body did not arrive within {seconds} s");
            Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", sentence))
        }
    }
}

async fn read_all(body: Body, limit: usize) -> Result<Vec<u8>, Refusal> {
    let mut chunks = body.into_data_stream();
    let (mut bytes, mut num_bytes) = (Vec::new(), 0);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, "body_broken", error.to_string()))?;
        num_bytes += chunk.len();
        if num_bytes <= limit {
            bytes.extend_from_slice(&chunk);
        } else if num_bytes > limit + THROWN_AWAY {
            break;
        } else {
            bytes = Vec::new();
        }
    }
    if num_bytes <= limit {
        return Ok(bytes);
    }
    let sentence = format!("the body has more than {limit} bytes, the server's limit");
    Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", sentence))
}
