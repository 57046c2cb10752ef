//! Requests to the hub: redirects, repeats, and what its refusals mean. The token goes to the hub's own address alone.

use std::io::{ErrorKind, Read};
use std::time::Duration;

use ureq::Agent;
use ureq::http::header::{AUTHORIZATION, LOCATION, RANGE, RETRY_AFTER};
use ureq::http::{HeaderMap, Uri};

use crate::error::HubError;
use crate::event::Event;
use crate::name::HubName;
use crate::settings::HubSettings;

/// Most redirects of one request.
const REDIRECTS: usize = 5;
/// Longest answer that is no file, in bytes.
const LONGEST_ANSWER: u64 = 256 << 20;
/// Header in which the hub says why it refuses.
const ERROR_CODE: &str = "x-error-code";
/// Errors of a connection that stood. Every other one, as where a name has no address or there is no network, says that
/// nothing was reached.
const BROKEN: [ErrorKind; 4] =
    [ErrorKind::TimedOut, ErrorKind::ConnectionReset, ErrorKind::UnexpectedEof, ErrorKind::BrokenPipe];
/// Headers of a file that the hub hands on to another host for.
const LINKED: [&str; 3] = ["x-linked-etag", "x-linked-size", "x-repo-commit"];

/// A way to the hub.
#[derive(Debug)]
pub(crate) struct Client {
    agent: Agent,
    settings: HubSettings,
}

/// Answer to a request, its body not yet read.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Headers of the last answer, with those that the hub gave before it redirected.
    pub(crate) headers: HeaderMap,
    pub(crate) body: Box<dyn Read>,
}

/// An attempt that brought nothing.
enum Failure {
    /// Another attempt may go better; with the pause that the hub wants.
    Again { problem: String, after: Option<Duration>, is_too_many: bool, is_unreachable: bool },
    /// It will not.
    Final(HubError),
}

/// Attempts in a row that brought nothing, and the pauses between them.
pub(crate) struct Attempts<'a> {
    client: &'a Client,
    name: &'a HubName,
    what: String,
    num_failed: u32,
    /// True where the hub has been reached before.
    has_answered: bool,
}

impl Client {
    pub(crate) fn new(settings: HubSettings) -> Self {
        let silence = Some(settings.patience.silence);
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("ponder/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            .tls_config(settings.certificates.tls())
            .timeout_resolve(silence)
            .timeout_connect(silence)
            .timeout_recv_response(silence)
            .timeout_per_read(silence)
            .build();
        Self { agent: config.new_agent(), settings }
    }

    pub(crate) fn settings(&self) -> &HubSettings {
        &self.settings
    }

    /// The whole text of an answer.
    ///
    /// # Errors
    /// The hub refuses, or does not answer however often it is asked.
    pub(crate) fn text(
        &self,
        name: &HubName,
        path: &str,
        on_event: &mut dyn FnMut(Event<'_>),
    ) -> Result<Vec<u8>, HubError> {
        let mut attempts = Attempts { has_answered: false, ..self.attempts(name, path) };
        loop {
            let failure = match self.get(name, path, 0) {
                Ok(mut answer) => {
                    let mut text = Vec::new();
                    match answer.body.by_ref().take(LONGEST_ANSWER).read_to_end(&mut text) {
                        Ok(_) => return Ok(text),
                        Err(error) => Failure::again(error.to_string()),
                    }
                }
                Err(failure) => failure,
            };
            attempts.pause(failure, on_event)?;
        }
    }

    pub(crate) fn attempts<'a>(&'a self, name: &'a HubName, what: &str) -> Attempts<'a> {
        Attempts { client: self, name, what: what.to_owned(), num_failed: 0, has_answered: true }
    }

    /// Asks once for what is at a path of the hub, from a byte on.
    fn get(&self, name: &HubName, path: &str, from: u64) -> Result<Answer, Failure> {
        let endpoint = &self.settings.endpoint;
        let mut url = format!("{endpoint}/{path}");
        let mut linked = HeaderMap::new();
        for _ in 0..=REDIRECTS {
            let mut request = self.agent.get(&url);
            if from > 0 {
                request = request.header(RANGE, format!("bytes={from}-"));
            }
            let token = self.settings.token.as_ref().filter(|_| is_same_host(&url, endpoint));
            if let Some(header) = token.and_then(|token| token.header()) {
                request = request.header(AUTHORIZATION, header);
            }
            let response = request.call().map_err(Failure::of)?;
            let (parts, body) = response.into_parts();
            let mut headers = parts.headers;
            for header in LINKED {
                if let Some(value) = headers.get(header).filter(|_| is_same_host(&url, endpoint)) {
                    linked.insert(header, value.clone());
                }
            }
            let status = parts.status.as_u16();
            match headers.get(LOCATION).filter(|_| parts.status.is_redirection()) {
                Some(location) => {
                    url = text(location)
                        .and_then(|location| joined(&url, location))
                        .ok_or_else(|| Failure::again("it is redirected to an address that is none".to_owned()))?;
                }
                None => {
                    headers.extend(linked);
                    let answer = Answer { status, headers, body: Box::new(body.into_reader()) };
                    return self.judged(name, answer, from);
                }
            }
        }
        Err(Failure::again(format!("it is redirected more than {REDIRECTS} times")))
    }

    /// The answer, or what its refusal means.
    fn judged(&self, name: &HubName, answer: Answer, from: u64) -> Result<Answer, Failure> {
        if answer.status == 200 || (answer.status == 206 && from > 0) || (answer.status == 416 && from > 0) {
            return Ok(answer);
        }
        let (name, endpoint) = (Box::new(name.clone()), self.settings.endpoint.clone());
        let has_token = self.settings.token.is_some();
        let code = answer.headers.get(ERROR_CODE).and_then(text).unwrap_or_default();
        let error = match (answer.status, code) {
            (401 | 403, "GatedRepo") => {
                let url = format!("{endpoint}/{}", repository_path(&name));
                HubError::Gated { name, url, has_token }
            }
            (404, "RevisionNotFound") => HubError::NoRevision { name },
            (401, _) if !has_token => HubError::NoToken { name, endpoint },
            (401, "") => HubError::BadToken { name, endpoint },
            (401 | 403 | 404, _) => HubError::Missing { name, endpoint, has_token },
            (status @ (408 | 429 | 500..=599), _) => {
                let after = answer.headers.get(RETRY_AFTER).and_then(text).and_then(|seconds| seconds.parse().ok());
                let after = after.map(Duration::from_secs);
                let problem = format!("answers with status {status}");
                return Err(Failure::Again { problem, after, is_too_many: status == 429, is_unreachable: false });
            }
            (status, _) => {
                let (what, problem) = ("the page".to_owned(), format!("answers with status {status}"));
                HubError::Away { name, endpoint, what, problem }
            }
        };
        Err(Failure::Final(error))
    }
}

impl Failure {
    fn of(error: ureq::Error) -> Self {
        let is_unreachable = match &error {
            ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => true,
            ureq::Error::Timeout(during) => matches!(during, ureq::Timeout::Resolve | ureq::Timeout::Connect),
            ureq::Error::Io(error) => !BROKEN.contains(&error.kind()),
            _ => false,
        };
        Self::Again { problem: error.to_string(), after: None, is_too_many: false, is_unreachable }
    }

    fn again(problem: String) -> Self {
        Self::Again { problem, after: None, is_too_many: false, is_unreachable: false }
    }
}

impl Attempts<'_> {
    /// The file at a path of the hub, from a byte on, asked for until an answer begins.
    ///
    /// # Errors
    /// The hub refuses, or does not answer however often it is asked.
    pub(crate) fn open(
        &mut self,
        path: &str,
        from: u64,
        on_event: &mut dyn FnMut(Event<'_>),
    ) -> Result<Answer, HubError> {
        loop {
            match self.client.get(self.name, path, from) {
                Ok(answer) => return Ok(answer),
                Err(failure) => self.pause(failure, on_event)?,
            }
        }
    }

    /// Notes that something has come: the count of attempts begins again.
    pub(crate) fn has_come_on(&mut self) {
        self.num_failed = 0;
    }

    /// Notes that an answer broke off, and waits before the next attempt.
    ///
    /// # Errors
    /// There were as many attempts in a row as there may be.
    pub(crate) fn broke_off(&mut self, problem: String, on_event: &mut dyn FnMut(Event<'_>)) -> Result<(), HubError> {
        self.pause(Failure::again(problem), on_event)
    }

    fn pause(&mut self, failure: Failure, on_event: &mut dyn FnMut(Event<'_>)) -> Result<(), HubError> {
        let (problem, after, is_too_many, is_unreachable) = match failure {
            Failure::Final(error) => return Err(error),
            Failure::Again { problem, after, is_too_many, is_unreachable } => {
                (problem, after, is_too_many, is_unreachable)
            }
        };
        self.num_failed += 1;
        let HubSettings { endpoint, token, patience, .. } = &self.client.settings;
        let (name, endpoint) = (Box::new(self.name.clone()), endpoint.clone());
        // A hub that wants to be left alone for longer is not asked before.
        let is_too_long = after.is_some_and(|after| after > patience.longest_pause);
        // Nor is a hub waited for that was not to be reached at all: there may be no network.
        let is_hopeless = is_unreachable && !self.has_answered;
        if self.num_failed >= patience.attempts || is_too_long || is_hopeless {
            return Err(match is_too_many {
                true => HubError::TooMany { name, endpoint, after, has_token: token.is_some() },
                false => HubError::Away { name, endpoint, what: self.what.clone(), problem },
            });
        }
        let doubled = patience.first_pause * 2_u32.pow((self.num_failed - 1).min(16));
        let pause = after.unwrap_or(doubled).min(patience.longest_pause);
        on_event(Event::Retry { what: &self.what, problem: &problem, pause });
        std::thread::sleep(pause);
        Ok(())
    }
}

/// The path of a repository's page.
pub(crate) fn repository_path(name: &HubName) -> String {
    hf_hub::Repo::new(name.id.clone(), name.kind.repo_type()).url()
}

pub(crate) fn text(value: &ureq::http::HeaderValue) -> Option<&str> {
    value.to_str().ok()
}

/// True for two addresses of one scheme, host and port.
fn is_same_host(one: &str, other: &str) -> bool {
    let of = |url: &str| {
        let uri: Uri = url.parse().ok()?;
        let scheme = uri.scheme_str()?.to_owned();
        let port = uri.port_u16().unwrap_or(if scheme == "https" { 443 } else { 80 });
        Some((scheme, uri.host()?.to_lowercase(), port))
    };
    of(one).is_some() && of(one) == of(other)
}

/// The address that `location` means, seen from `url`.
fn joined(url: &str, location: &str) -> Option<String> {
    if location.starts_with("http://") || location.starts_with("https://") {
        return Some(location.to_owned());
    }
    let uri: Uri = url.parse().ok()?;
    let authority = uri.authority()?;
    location.starts_with('/').then(|| format!("{}://{authority}{location}", uri.scheme_str().unwrap_or("https")))
}

/// A path with what an address cannot hold as it is written in `%`.
pub(crate) fn escaped(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => text.push(char::from(byte)),
            other => text.push_str(&format!("%{other:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_the_same_by_scheme_name_and_port() {
        assert!(is_same_host("https://Hub.test/a", "https://hub.test:443/b"));
        for other in ["http://hub.test/a", "https://hub.test:444/a", "https://hub.test.evil.test/a", "hub.test", ""] {
            assert!(!is_same_host("https://hub.test/a", other), "{other}");
        }
    }

    #[test]
    fn a_host_that_cannot_be_found_is_not_waited_for_and_a_broken_connection_is() {
        let is_hopeless = |kind: ErrorKind| match Failure::of(ureq::Error::Io(kind.into())) {
            Failure::Again { is_unreachable, .. } => is_unreachable,
            Failure::Final(error) => panic!("{error}"),
        };
        // What a resolver that finds nothing gives has no kind of its own.
        for kind in [ErrorKind::Other, ErrorKind::NetworkUnreachable, ErrorKind::ConnectionRefused] {
            assert!(is_hopeless(kind), "{kind:?}");
        }
        assert!(BROKEN.into_iter().all(|kind| !is_hopeless(kind)));
    }

    #[test]
    fn a_location_is_whole_or_of_the_same_host() {
        let from = "http://hub.test:81/api/a?x=1";
        assert_eq!(joined(from, "/b?y=2").as_deref(), Some("http://hub.test:81/b?y=2"));
        assert_eq!(joined(from, "https://other.test/c").as_deref(), Some("https://other.test/c"));
        assert_eq!(joined(from, "file:///etc/passwd"), None);
    }

    #[test]
    fn an_address_escapes_what_it_cannot_hold() {
        assert_eq!(escaped("data/a b#1?.json"), "data/a%20b%231%3F.json");
    }
}
