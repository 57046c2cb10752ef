//! Calls one of several servers: which, how often, with what waits between and until when. It must not know what the
//! calls are about: whoever calls reads the answers.
//!
//! A call goes to the server with the fewest open calls. A call that fails is repeated after a random wait, at another
//! server if there is one; a server that keeps failing gets no call for a while. Each call has an id by which a server
//! recognises a repetition.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

use super::server::{Call, Server};
use super::{Attempt, ClientError, ClientOptions, LastFailure, Response};
use crate::CLIENT_ID;

/// The caller of some servers that are alike.
pub struct Caller {
    http: reqwest::Client,
    servers: Vec<Server>,
    options: ClientOptions,
    /// The first part of the calls' ids; a number follows.
    name: String,
    num_calls: AtomicU64,
}

impl Caller {
    /// A caller of the servers at `urls`, as they are written.
    ///
    /// # Errors
    /// [`ClientError::BadConfig`] without a usable address, or with options out of range.
    pub fn new(urls: &[String], options: ClientOptions) -> Result<Self, ClientError> {
        if urls.is_empty() {
            return Err(ClientError::BadConfig("no server is named: give one url or more".to_owned()));
        }
        for url in urls {
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
        Ok(Self { http, servers, options, name, num_calls: AtomicU64::new(0) })
    }

    /// Posts `body`, JSON, to `path` of a server, until `read` has made something of an answer.
    ///
    /// # Errors
    /// [`ClientError`]: what `read` refused with, or that no attempt came to an end.
    pub async fn post<T>(
        &self,
        path: &str,
        body: &[u8],
        read: impl Fn(Response<'_>) -> Attempt<T>,
    ) -> Result<T, ClientError> {
        let Self { http, servers, options, name, num_calls } = self;
        let began = Instant::now();
        let deadline = began + Duration::from_secs_f64(options.timeout_seconds);
        let id = format!("{name}-{}", num_calls.fetch_add(1, Relaxed));
        let call = Call { path, id: &id, body };
        let (mut attempts, mut failures, mut seen, mut previous) = (0, 0, 0, None);
        let mut last = "every server was left alone after failures".to_owned();
        let mut failure = LastFailure::NoAnswer;
        loop {
            let (index, ready_at) = self.least_loaded(previous);
            let mut wait = ready_at.saturating_duration_since(Instant::now());
            if !wait.is_zero() {
                // Another call tries the server meanwhile: this wait has failed if that call has, not if it is long.
                if self.num_failures() > seen {
                    failures += 1;
                }
            } else {
                attempts += 1;
                previous = Some(index);
                let until = deadline.min(Instant::now() + Duration::from_secs_f64(options.attempt_seconds));
                let (attempt, met) = servers[index].attempt(http, &call, until, &read).await;
                failure = met;
                match attempt {
                    Attempt::Done(answer) => return Ok(answer),
                    Attempt::Refused(error) => return Err(error),
                    Attempt::Busy { last: met, wait: asked } => {
                        last = met;
                        // With several servers the next one may have room now.
                        let most = Duration::from_secs_f64(options.most_backoff_seconds);
                        wait = if servers.len() == 1 { asked.min(most) } else { Duration::ZERO };
                    }
                    Attempt::Failed(met) | Attempt::Broken(met) => {
                        last = met;
                        failures += 1;
                    }
                }
                wait = wait.max(self.backoff(attempts));
            }
            seen = self.num_failures();
            if failures >= options.attempts || Instant::now() + wait >= deadline {
                let seconds = began.elapsed().as_secs_f64();
                return Err(ClientError::Unavailable { attempts, seconds, last, failure });
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// Failures of all servers since each last answered.
    fn num_failures(&self) -> usize {
        self.servers.iter().map(Server::num_failures).sum()
    }

    /// The server to call, and the time from which on it may be called: of those that may be called now the one with
    /// the fewest open calls, if possible not the previous one; else the one that may be called first.
    fn least_loaded(&self, previous: Option<usize>) -> (usize, Instant) {
        let (servers, now) = (&self.servers, Instant::now());
        let ready = (0..servers.len()).filter(|index| servers[*index].is_ready(now));
        // Equally loaded servers take turns.
        let first = self.num_calls.load(Relaxed) as usize;
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
        let options = &self.options;
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
