//! Calls one or several code execution servers. A sandbox that fails is an error here, never a verdict.
//!
//! A call goes to the server with the fewest open calls. A call that fails is repeated after a random wait, at another
//! server if there is one; a server that keeps failing gets no call for a while. Each call has an id by which a server
//! recognises a repetition, so that a program does not run twice because its answer was lost on the way.

mod breaker;
mod error;
mod options;
mod server;

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use self::error::ClientError;
pub use self::options::ClientOptions;
use self::server::{Attempt, Call, Server};
use crate::{CLIENT_ID, GradeReport, GradeRequest, RunReport, RunRequest};

struct Inner {
    http: reqwest::Client,
    servers: Vec<Server>,
    options: ClientOptions,
    /// The first part of the calls' ids; a number follows.
    name: String,
    num_calls: AtomicU64,
}

/// A client; clones share their connections and their view of each server's load.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

impl Client {
    /// A client for the servers at `urls`, with the default options.
    ///
    /// # Errors
    /// [`ClientError::BadConfig`] without a usable address.
    pub fn new(urls: Vec<String>) -> Result<Self, ClientError> {
        Self::with_options(urls, ClientOptions::default())
    }

    /// A client with options of its own.
    ///
    /// # Errors
    /// [`ClientError::BadConfig`] without a usable address, or with options out of range.
    pub fn with_options(urls: Vec<String>, options: ClientOptions) -> Result<Self, ClientError> {
        if urls.is_empty() {
            return Err(ClientError::BadConfig("no server is named: give one url or more".to_owned()));
        }
        for url in &urls {
            match reqwest::Url::parse(url) {
                Ok(parsed) if parsed.scheme() == "http" => {}
                Ok(_) => return Err(ClientError::BadConfig(format!("{url:?} does not begin with http://"))),
                Err(error) => return Err(ClientError::BadConfig(format!("{url:?} is no url: {error}"))),
            }
        }
        options.validate()?;
        let name = format!("{:016x}", random(0));
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs_f64(options.connect_seconds))
            .default_headers(introduction(&options, &name)?)
            .no_proxy()
            .build()
            .map_err(|error| ClientError::BadConfig(error.to_string()))?;
        let servers = urls.iter().map(|url| Server::new(url, &options)).collect();
        Ok(Self { inner: Arc::new(Inner { http, servers, options, name, num_calls: AtomicU64::new(0) }) })
    }

    /// Grades a submission.
    ///
    /// # Errors
    /// [`ClientError`]: the submission was not graded and has no verdict.
    pub async fn grade(&self, request: &GradeRequest) -> Result<GradeReport, ClientError> {
        self.call("/grade", request).await
    }

    /// Runs a program once.
    ///
    /// # Errors
    /// [`ClientError`]: the program may not have run.
    pub async fn run(&self, request: &RunRequest) -> Result<RunReport, ClientError> {
        self.call("/run", request).await
    }

    async fn call<T: DeserializeOwned>(&self, path: &str, request: &impl Serialize) -> Result<T, ClientError> {
        let Inner { http, servers, options, name, num_calls } = &*self.inner;
        let began = Instant::now();
        let deadline = began + Duration::from_secs_f64(options.timeout_seconds);
        let body = serde_json::to_vec(request)
            .map_err(|error| ClientError::BadConfig(format!("the request cannot be written: {error}")))?;
        let id = format!("{name}-{}", num_calls.fetch_add(1, Relaxed));
        let call = Call { path, id: &id, body: &body };
        let (mut attempts, mut failures, mut previous) = (0, 0, None);
        let mut last = "every server was left alone after failures".to_owned();
        loop {
            let (index, ready_at) = self.least_loaded(previous);
            let mut wait = ready_at.saturating_duration_since(Instant::now());
            if !wait.is_zero() {
                failures += 1;
            } else {
                attempts += 1;
                previous = Some(index);
                let until = deadline.min(Instant::now() + Duration::from_secs_f64(options.attempt_seconds));
                match servers[index].attempt(http, &call, until).await? {
                    Attempt::Done(answer) => return Ok(answer),
                    Attempt::Busy { last: met, wait: asked } => {
                        last = met;
                        // With several servers the next one may have room now.
                        let most = Duration::from_secs_f64(options.most_backoff_seconds);
                        wait = if servers.len() == 1 { asked.min(most) } else { Duration::ZERO };
                    }
                    Attempt::Failed(met) => {
                        last = met;
                        failures += 1;
                    }
                }
                wait = wait.max(self.backoff(attempts));
            }
            if failures >= options.attempts || Instant::now() + wait >= deadline {
                return Err(ClientError::Unavailable { attempts, seconds: began.elapsed().as_secs_f64(), last });
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// The server to call, and the time from which on it may be called: of those that may be called now the one with
    /// the fewest open calls, if possible not the previous one; else the one that may be called first.
    fn least_loaded(&self, previous: Option<usize>) -> (usize, Instant) {
        let (servers, now) = (&self.inner.servers, Instant::now());
        let ready = (0..servers.len()).filter(|index| servers[*index].is_ready(now));
        // Equally loaded servers take turns.
        let first = self.inner.num_calls.load(Relaxed) as usize;
        let key = |index: &usize| {
            let turn = (index + servers.len() - first % servers.len()) % servers.len();
            (Some(*index) == previous, servers[*index].num_open(), turn)
        };
        if let Some(index) = ready.min_by_key(key) {
            return (index, now);
        }
        let waits = servers.iter().map(|server| server.ready_at().unwrap_or(now)).enumerate();
        waits.min_by_key(|(_, ready)| *ready).unwrap_or((0, now))
    }

    fn backoff(&self, attempts: usize) -> Duration {
        let options = &self.inner.options;
        let doubled = options.backoff_seconds * 2f64.powi(attempts.min(30) as i32 - 1);
        let jitter = random(attempts) as f64 / u64::MAX as f64;
        Duration::from_secs_f64(doubled.min(options.most_backoff_seconds) * (0.5 + 0.5 * jitter))
    }
}

/// A number from the standard library's random state: good enough for waits and names, not for secrets.
fn random(input: usize) -> u64 {
    RandomState::new().hash_one(input)
}

/// The headers of every request: the client's name and the token.
fn introduction(options: &ClientOptions, name: &str) -> Result<HeaderMap, ClientError> {
    let mut headers = HeaderMap::new();
    let client_id = options.client_id.as_deref().unwrap_or(name);
    let client_id = HeaderValue::from_str(client_id)
        .map_err(|_| ClientError::BadConfig(format!("client_id {client_id:?} cannot stand in a header")))?;
    headers.insert(HeaderName::from_static(CLIENT_ID), client_id);
    if let Some(token) = &options.token {
        let mut token = HeaderValue::from_str(&format!("Bearer {}", token.expose()))
            .map_err(|_| ClientError::BadConfig("the token cannot stand in a header".to_owned()))?;
        token.set_sensitive(true);
        headers.insert(AUTHORIZATION, token);
    }
    Ok(headers)
}
