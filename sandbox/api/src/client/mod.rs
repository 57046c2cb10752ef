//! Calls one or several code execution servers. A sandbox that fails is an error here, never a verdict.
//!
//! [`Caller`] chooses the server, repeats what fails and gives up in time; the rest is this service's own. Each call
//! has an id by which a server recognises a repetition, so that a program does not run twice because its answer was
//! lost on the way.

mod attempt;
mod breaker;
mod caller;
mod error;
mod last_failure;
mod options;
mod server;

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use self::attempt::{Attempt, Response};
pub use self::caller::Caller;
pub use self::error::ClientError;
pub use self::last_failure::LastFailure;
pub use self::options::ClientOptions;
use crate::{GradeReport, GradeRequest, RunReport, RunRequest};

/// A client; clones share their connections and their view of each server's load.
#[derive(Clone)]
pub struct Client {
    caller: Arc<Caller>,
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
        let roots: Vec<_> = urls.iter().map(|url| url.trim_end_matches('/').to_owned()).collect();
        Ok(Self { caller: Arc::new(Caller::new(&roots, options)?) })
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
        let body = serde_json::to_vec(request)
            .map_err(|error| ClientError::BadConfig(format!("the request cannot be written: {error}")))?;
        self.caller.post(path, &body, read).await
    }
}

/// What a code execution server's answer comes to.
fn read<T: DeserializeOwned>(response: Response<'_>) -> Attempt<T> {
    let Response { url, status, wait, body } = response;
    if (200..300).contains(&status) {
        return match serde_json::from_slice(body) {
            Ok(answer) => Attempt::Done(answer),
            Err(error) => Attempt::Broken(format!("{url}: its answer cannot be read: {error}")),
        };
    }
    let Failure { kind, error: message } = Failure::read(body);
    let last = format!("{url}: status {}: {message}", words(status));
    match status {
        429 => Attempt::Busy { last, wait },
        408 | 500 => Attempt::Failed(last),
        504 if kind == "deadline_passed" => Attempt::Failed(last),
        500..=599 => Attempt::Broken(last),
        _ => Attempt::Refused(ClientError::Refused { url: url.to_owned(), status, kind, message }),
    }
}

/// The status with its name.
fn words(status: u16) -> String {
    reqwest::StatusCode::from_u16(status).map_or_else(|_| status.to_string(), |status| status.to_string())
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
