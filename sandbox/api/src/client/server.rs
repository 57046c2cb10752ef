//! One server as a client sees it: its address, its open calls and its breaker, and one attempt at a call.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};

use super::breaker::Breaker;
use super::{Attempt, ClientOptions, LastFailure, Response};
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

impl Server {
    /// A server that nobody has called yet.
    pub(super) fn new(url: &str, options: &ClientOptions) -> Self {
        let shortest = Duration::from_secs_f64(options.breaker_seconds);
        Self {
            url: url.to_owned(),
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

    /// Failures since the server last answered.
    pub(super) fn num_failures(&self) -> usize {
        self.breaker().num_failures()
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes one attempt, which ends at `until` at the latest: what `read` makes of the answer, and how the attempt
    /// failed if it did.
    pub(super) async fn attempt<T>(
        &self,
        http: &reqwest::Client,
        call: &Call<'_>,
        until: Instant,
        read: &impl Fn(Response<'_>) -> Attempt<T>,
    ) -> (Attempt<T>, LastFailure) {
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
        let (attempt, failure) = self.send(request, read).await;
        let mut breaker = self.breaker();
        match attempt {
            Attempt::Broken(_) => breaker.failed(Instant::now()),
            _ => breaker.succeeded(),
        }
        (attempt, failure)
    }

    async fn send<T>(
        &self,
        request: reqwest::RequestBuilder,
        read: &impl Fn(Response<'_>) -> Attempt<T>,
    ) -> (Attempt<T>, LastFailure) {
        let failed = |error: reqwest::Error| {
            let is_slow = error.is_timeout() && !error.is_connect();
            let failure = if is_slow { LastFailure::Slow } else { LastFailure::NoAnswer };
            (Attempt::Broken(format!("{}: {}", self.url, chain(&error))), failure)
        };
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return failed(error),
        };
        let (status, wait) = (response.status().as_u16(), retry_after(response.headers()));
        match response.bytes().await {
            Ok(body) => (read(Response { url: &self.url, status, wait, body: &body }), LastFailure::Status(status)),
            Err(error) => failed(error),
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
