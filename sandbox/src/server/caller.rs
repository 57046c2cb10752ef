//! A request's head: who calls, by when an answer is wanted, and whether the call is allowed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use sandbox_api::{CLIENT_ID, DEADLINE_MS, REQUEST_ID, Secret};

use super::refusal::Refusal;

/// Most characters of an id.
const ID_CHARS: usize = 128;
/// Longest deadline, in milliseconds: a day.
const MOST_DEADLINE_MS: u64 = 86_400_000;

/// Caller of a request, as the head names it.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub client: Arc<str>,
    pub request_id: Option<String>,
    pub deadline: Option<Instant>,
}

impl Caller {
    /// Reads the head; a caller that names no client is known by its address.
    pub(super) fn of(head: &Parts) -> Result<Self, Refusal> {
        let address = || match head.extensions.get::<ConnectInfo<SocketAddr>>() {
            Some(ConnectInfo(address)) => address.ip().to_string(),
            None => "unknown".to_owned(),
        };
        // The prefix keeps a name from passing for another caller's address.
        let client = id(&head.headers, CLIENT_ID)?.map_or_else(address, |name| format!("client {name}"));
        let deadline = match text(&head.headers, DEADLINE_MS)? {
            Some(text) => match text.parse::<u64>() {
                Ok(left) if left <= MOST_DEADLINE_MS => Some(Instant::now() + Duration::from_millis(left)),
                _ => return Err(bad(DEADLINE_MS, &format!("give whole milliseconds, 0 to {MOST_DEADLINE_MS}"))),
            },
            None => None,
        };
        Ok(Self { client: client.into(), request_id: id(&head.headers, REQUEST_ID)?, deadline })
    }
}

/// Refuses a request without the server's token.
pub(crate) fn authorize(headers: &HeaderMap, token: Option<&Secret>) -> Result<(), Refusal> {
    let Some(token) = token else { return Ok(()) };
    let sent = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_known = match sent.split_once(' ') {
        Some((scheme, sent)) => scheme.eq_ignore_ascii_case("bearer") && token.matches(sent.trim()),
        None => false,
    };
    if is_known {
        return Ok(());
    }
    let sentence = "send the server's token as `Authorization: Bearer TOKEN`";
    Err(Refusal::new(StatusCode::UNAUTHORIZED, "unauthorized", sentence))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Refusal> {
    headers.get(name).map(|value| value.to_str().map(str::trim).map_err(|_| bad(name, "it is no text"))).transpose()
}

fn id(headers: &HeaderMap, name: &str) -> Result<Option<String>, Refusal> {
    match text(headers, name)? {
        Some(text) if text.is_empty() || text.len() > ID_CHARS => {
            Err(bad(name, &format!("give 1 to {ID_CHARS} characters")))
        }
        found => Ok(found.map(str::to_owned)),
    }
}

fn bad(name: &str, advice: &str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "bad_header", format!("header {name}: {advice}"))
}
