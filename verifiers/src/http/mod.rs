//! Verifiers that are services: completions in, verdicts out, over HTTP. It must not know what a service judges by.
//!
//! Calls are gathered into batches. The code execution client's way of calling ([`Caller`]) chooses the server,
//! repeats what fails, leaves a broken server alone for a while, and gives up in time. A batch of several to which a
//! service gives no answers that can be used is asked again one by one, so that one completion takes no other with it.

mod config;
mod layout;

use std::collections::VecDeque;
use std::sync::Arc;

use sandbox_api::{Attempt, Caller, ClientError, ClientOptions, LastFailure, Response, Secret, shorten};

pub use self::config::{HttpConfig, HttpLayout};
use crate::batching::{BatchLimits, BatchWorker, Batching, Call};
use crate::plugin_answer::PluginAnswer;
use crate::{Judged, ReadyFuture, ScoreRange, VerdictFuture, VerdictKind, Verifier, VerifierError};

/// Characters of a body that an error shows.
const FIRST_WORDS: usize = 200;

/// A verifier that puts its questions to a service.
pub struct HttpVerifier {
    name: String,
    layout: HttpLayout,
    range: ScoreRange,
    /// The queue, or the key and the fault of the settings that do not allow one.
    batching: Result<Batching<Connection>, (&'static str, String)>,
}

impl HttpVerifier {
    /// A verifier called `name`. Nothing is sent before the first question.
    pub fn new(name: String, config: HttpConfig) -> Self {
        let (layout, range) = (config.layout, config.range);
        let batch = if layout == HttpLayout::Slime { 1 } else { config.batch };
        let limits = BatchLimits { workers: config.workers, batch };
        let batching = caller(&config).map(|caller| {
            let (service, caller) = (name.clone(), Arc::new(caller));
            let connection = move || Connection { name: service.clone(), layout, range, caller: caller.clone() };
            Batching::new(limits, connection)
        });
        Self { name, layout, range, batching }
    }
}

impl Verifier for HttpVerifier {
    fn name(&self) -> &str {
        &self.name
    }

    fn range(&self) -> ScoreRange {
        self.range
    }

    fn prepare(&self) -> ReadyFuture<'_> {
        Box::pin(async {
            let unusable = |(key, problem): &(&'static str, String)| {
                let key = format!("verifiers.http.{}.{key}", self.name);
                VerifierError::Config { key, problem: problem.clone() }
            };
            self.batching.as_ref().map(|_| ()).map_err(unusable)
        })
    }

    fn verify<'a>(&'a self, judged: &'a Judged) -> VerdictFuture<'a> {
        Box::pin(async move {
            let broken = |problem: &dyn ToString| VerifierError::crashed(&self.name, problem.to_string());
            let batching = self.batching.as_ref().map_err(|(key, problem)| broken(&format!("{key} {problem}")))?;
            let question = self.layout.question(judged).map_err(|error| broken(&error))?;
            batching.ask(&self.name, question).await
        })
    }
}

/// The caller of a service's servers; the error is a key and its fault.
fn caller(config: &HttpConfig) -> Result<Caller, (&'static str, String)> {
    let token = match &config.token_env {
        None => None,
        Some(variable) => {
            let value = std::env::var(variable)
                .map_err(|_| ("token_env", format!("names the environment variable `{variable}`, which is not set")))?;
            Some(Secret::new(&value).map_err(|error| ("token_env", format!("`{variable}`: {error}")))?)
        }
    };
    let defaults = ClientOptions::default();
    let options = ClientOptions {
        token,
        timeout_seconds: config.timeout_seconds,
        attempt_seconds: config.attempt_seconds.unwrap_or(config.timeout_seconds),
        connect_seconds: defaults.connect_seconds.min(config.timeout_seconds),
        attempts: config.attempts,
        ..defaults
    };
    Caller::new(&config.url, options).map_err(|error| ("url", error.to_string()))
}

/// One of the requests that may be open at a time.
struct Connection {
    name: String,
    layout: HttpLayout,
    range: ScoreRange,
    caller: Arc<Caller>,
}

/// Answers for a batch, or the reason why there are none.
type Answers = Result<Vec<Result<PluginAnswer, String>>, (VerdictKind, String)>;

impl Connection {
    async fn ask(&self, batch: &VecDeque<Call>) -> Answers {
        let body = self.layout.body(batch.iter().map(|call| call.question.as_slice()));
        let read = |response: Response<'_>| {
            let first_words = shorten(&String::from_utf8_lossy(response.body), FIRST_WORDS);
            let Response { url, status, wait, body } = response;
            let last = format!("{url}: status {status}: {first_words}");
            match status {
                200..=299 => {
                    let answers = self.layout.answers(body, batch.len());
                    Attempt::Done(answers.map_err(|problem| format!("{problem}: {first_words}")))
                }
                429 => Attempt::Busy { last, wait },
                408 | 500 => Attempt::Failed(last),
                501..=599 => Attempt::Broken(last),
                _ => {
                    let (url, kind) = (url.to_owned(), String::new());
                    Attempt::Refused(ClientError::Refused { url, status, kind, message: first_words })
                }
            }
        };
        match self.caller.post("", &body, read).await {
            Ok(answers) => answers.map_err(|problem| (VerdictKind::Crashed, problem)),
            Err(error) => Err(failure(error)),
        }
    }
}

/// The kind of a call's failure, and its words.
fn failure(error: ClientError) -> (VerdictKind, String) {
    let ClientError::Unavailable { attempts, seconds, last, failure } = error else {
        return (VerdictKind::Crashed, error.to_string());
    };
    let kind = match failure {
        LastFailure::Slow => VerdictKind::TimedOut,
        // The service is busy, or a proxy says that what stands behind it is away.
        LastFailure::NoAnswer | LastFailure::Status(429 | 502..=504) => VerdictKind::Unavailable,
        LastFailure::Status(_) => VerdictKind::Crashed,
    };
    (kind, format!("{attempts} attempts in {seconds:.1} s, the last: {last}"))
}

impl BatchWorker for Connection {
    async fn judge(&mut self, mut batch: VecDeque<Call>) -> VecDeque<Call> {
        match self.ask(&batch).await {
            Ok(answers) => {
                for (call, answer) in batch.into_iter().zip(answers) {
                    let answer = answer.map_err(|problem| VerifierError::crashed(&self.name, problem));
                    call.end(answer.and_then(|answer| answer.verdict(&self.name, self.range)));
                }
            }
            Err((VerdictKind::Crashed, _)) if batch.len() > 1 => {
                batch.iter_mut().for_each(|call| call.alone = true);
                return batch;
            }
            Err((kind, problem)) => {
                for call in batch {
                    let (name, problem) = (self.name.clone(), problem.clone());
                    call.end(Err(VerifierError::NoVerdict { name, kind, problem }));
                }
            }
        }
        VecDeque::new()
    }
}
