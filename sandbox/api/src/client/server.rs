//! One server as a client sees it: its address, its open calls and its breaker, and one attempt at a call.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::breaker::Breaker;
use super::{ClientError, ClientOptions};
use crate::{DEADLINE_MS, REQUEST_ID};

/// A server.
pub(crate) struct Server {
    pub url: String,
    num_open: AtomicUsize,
    breaker: Mutex<Breaker>,
}

/// A call as each attempt sends it.
pub(crate) struct Call<'a> {
    pub path: &'a str,
    pub id: &'a str,
    pub body: &'a [u8],
}

/// The result of an attempt.
pub(crate) enum Attempt<T> {
    Done(T),
    /// The queue is full; the server asks to wait this long.
    Busy {
        last: String,
        wait: Duration,
    },
    Failed(String),
}

/// An attempt's result as the breaker counts it.
enum Health {
    Answers,
    Fails,
}

impl Server {
    /// A server that nobody has called yet.
    pub(super) fn new(url: &str, options: &ClientOptions) -> Self {
        let shortest = Duration::from_secs_f64(options.breaker_seconds);
        Self {
            url: url.trim_end_matches('/').to_owned(),
            num_open: AtomicUsize::new(0),
            breaker: Mutex::new(Breaker::new(options.breaker_failures, shortest)),
        }
    }

    /// Calls without an answer yet.
    pub(super) fn num_open(&self) -> usize {
        self.num_open.load(Relaxed)
    }

    /// The time from which on the server may be called; `None` if it always may.
    pub(super) fn ready_at(&self) -> Option<Instant> {
        self.breaker().ready_at()
    }

    /// True if the server may be called now.
    pub(super) fn is_ready(&self, now: Instant) -> bool {
        self.breaker().allows(now)
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes one attempt, which ends at `until` at the latest.
    ///
    /// # Errors
    /// [`ClientError::Refused`].
    pub(super) async fn attempt<T: DeserializeOwned>(
        &self,
        http: &reqwest::Client,
        call: &Call<'_>,
        until: Instant,
    ) -> Result<Attempt<T>, ClientError> {
        let _open = Open::count(&self.num_open);
        self.breaker().called(Instant::now());
        let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        let request = http
            .post(format!("{}{}", self.url, call.path))
            .header(CONTENT_TYPE, "application/json")
            .header(REQUEST_ID, call.id)
            .header(DEADLINE_MS, left.as_millis().to_string())
            .body(call.body.to_vec())
            .timeout(left);
        let (health, result) = self.send(request).await;
        let mut breaker = self.breaker();
        match health {
            Health::Answers => breaker.succeeded(),
            Health::Fails => breaker.failed(Instant::now()),
        }
        result
    }

    async fn send<T: DeserializeOwned>(
        &self,
        request: reqwest::RequestBuilder,
    ) -> (Health, Result<Attempt<T>, ClientError>) {
        let failed =
            |error: reqwest::Error| (Health::Fails, Ok(Attempt::Failed(format!("{}: {}", self.url, chain(&error)))));
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return failed(error),
        };
        let (status, wait) = (response.status(), retry_after(response.headers()));
        let bytes = match response.bytes().await {
            Ok(bytes) => bytes,
            Err(error) => return failed(error),
        };
        if status.is_success() {
            return match serde_json::from_slice(&bytes) {
                Ok(answer) => (Health::Answers, Ok(Attempt::Done(answer))),
                Err(error) => {
                    let last = format!("{}: its answer cannot be read: {error}", self.url);
                    (Health::Fails, Ok(Attempt::Failed(last)))
                }
            };
        }
        let Failure { kind, error: message } = Failure::read(&bytes);
        let last = format!("{}: status {status}: {message}", self.url);
        match status {
            StatusCode::TOO_MANY_REQUESTS => (Health::Answers, Ok(Attempt::Busy { last, wait })),
            StatusCode::REQUEST_TIMEOUT | StatusCode::INTERNAL_SERVER_ERROR => {
                (Health::Answers, Ok(Attempt::Failed(last)))
            }
            StatusCode::GATEWAY_TIMEOUT if kind == "deadline_passed" => (Health::Answers, Ok(Attempt::Failed(last))),
            status if status.is_server_error() => (Health::Fails, Ok(Attempt::Failed(last))),
            status => {
                let url = self.url.clone();
                (Health::Answers, Err(ClientError::Refused { url, status: status.as_u16(), kind, message }))
            }
        }
    }
}

/// Counts a call as open until dropped, also when the call is cancelled.
struct Open<'a>(&'a AtomicUsize);

impl<'a> Open<'a> {
    fn count(counter: &'a AtomicUsize) -> Self {
        counter.fetch_add(1, Relaxed);
        Self(counter)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// A refusal in the form in which servers write it.
#[derive(Deserialize)]
struct Failure {
    #[serde(default, rename = "type")]
    kind: String,
    error: String,
}

impl Failure {
    fn read(bytes: &[u8]) -> Self {
        let foreign = || {
            let error = crate::report::cut(&String::from_utf8_lossy(bytes));
            Self { kind: String::new(), error }
        };
        serde_json::from_slice(bytes).unwrap_or_else(|_| foreign())
    }
}

fn retry_after(headers: &HeaderMap<HeaderValue>) -> Duration {
    let seconds = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse::<u32>().ok());
    Duration::from_secs(seconds.unwrap_or(0).into())
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
