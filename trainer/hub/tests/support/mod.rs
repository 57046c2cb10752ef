//! A hub on this machine: one repository whose files, answers and faults a test sets. Every request is written down.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hub::{Certificates, Event, Hub, HubError, HubName, HubSettings, Kind, ModelFiles, Patience, Snapshot, Token};
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// The commit that the server's main branch has.
pub(crate) const COMMIT: &str = "1111111111111111111111111111111111111111";

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
}

/// What a request is answered with.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Bytes of the body after which the connection is closed.
    pub(crate) cut: Option<usize>,
    /// Pause after each of so many pieces of the body.
    pub(crate) slow: Option<(usize, Duration)>,
}

/// A server that answers by a function of the request and its number.
pub(crate) struct Server {
    pub(crate) endpoint: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

/// Files of a repository, each with what the list says of it.
#[derive(Clone, Default)]
pub(crate) struct Files(pub(crate) BTreeMap<String, Vec<u8>>);

impl Reply {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into(), cut: None, slow: None }
    }

    pub(crate) fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    fn write(&self, stream: &mut TcpStream) -> std::io::Result<()> {
        let Self { status, headers, body, .. } = self;
        let mut head = format!("HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
        headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
        stream.write_all(format!("{head}\r\n").as_bytes())?;
        let body = &body[..self.cut.unwrap_or(body.len()).min(body.len())];
        let (pieces, pause) = self.slow.unwrap_or((1, Duration::ZERO));
        for piece in body.chunks((body.len() / pieces).max(1)) {
            stream.write_all(piece)?;
            stream.flush()?;
            std::thread::sleep(pause);
        }
        Ok(())
    }
}

impl Request {
    /// The byte that a range begins with.
    pub(crate) fn from(&self) -> Option<usize> {
        self.headers.get("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }
}

impl Server {
    pub(crate) fn start(answer: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let requests: Arc<Mutex<Vec<Request>>> = Arc::default();
        let (known, answer) = (requests.clone(), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (known, answer) = (known.clone(), answer.clone());
                std::thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    let Some(request) = read(&stream) else { return };
                    let number = {
                        let mut known = known.lock().unwrap();
                        known.push(request.clone());
                        known.len() - 1
                    };
                    // A client that went away ends the connection alone.
                    let _ = answer(&request, number).write(&mut stream);
                });
            }
        });
        Self { endpoint, requests }
    }

    /// A server of these files and no faults.
    pub(crate) fn of(files: Files) -> Self {
        Self::start(move |request, _| files.answer(request))
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// Number of requests for a file.
    pub(crate) fn num_requests(&self, file: &str) -> usize {
        self.requests().iter().filter(|request| request.path.ends_with(file)).count()
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut lines = BufReader::new(stream).lines();
    let path = lines.next()?.ok()?.split(' ').nth(1)?.to_owned();
    let headers = lines.map_while(Result::ok).take_while(|line| !line.is_empty());
    let headers = headers.filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_lowercase(), value.trim().to_owned()))
    });
    Some(Request { path, headers: headers.collect() })
}

pub(crate) fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Files {
    /// A small model: weights in one file, of so many bytes.
    pub(crate) fn model(num_bytes: usize) -> Self {
        let weights: Vec<u8> = (0..num_bytes).map(|place| (place * 31 % 251) as u8).collect();
        let files = [("config.json", b"{}".to_vec()), ("model.safetensors", weights), ("model.bin", b"old".to_vec())];
        Self(files.into_iter().map(|(path, content)| (path.to_owned(), content)).collect())
    }

    /// Adds a file.
    pub(crate) fn with(mut self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.0.insert(path.to_owned(), content.into());
        self
    }

    /// What the list says of a file: large ones stand outside of Git.
    pub(crate) fn described(&self, path: &str) -> serde_json::Value {
        let content = &self.0[path];
        let git = hex(Sha1::new().chain_update(format!("blob {}\0", content.len())).chain_update(content).finalize());
        match path.ends_with(".safetensors") || path.ends_with(".parquet") {
            true => serde_json::json!({
                "rfilename": path, "size": content.len(), "blobId": git,
                "lfs": {"sha256": hex(Sha256::digest(content)), "size": content.len(), "pointerSize": 130},
            }),
            false => serde_json::json!({"rfilename": path, "size": content.len(), "blobId": git}),
        }
    }

    /// The list of the files.
    pub(crate) fn list(&self) -> serde_json::Value {
        let siblings: Vec<serde_json::Value> = self.0.keys().map(|path| self.described(path)).collect();
        serde_json::json!({"id": "org/name", "sha": COMMIT, "siblings": siblings})
    }

    /// The answer of a hub without faults.
    pub(crate) fn answer(&self, request: &Request) -> Reply {
        if request.path.starts_with("/api/") {
            return Reply::new(200, self.list().to_string());
        }
        let Some((_, path)) = request.path.split_once(&format!("/resolve/{COMMIT}/")) else {
            return Reply::new(404, "").with("X-Error-Code", "RevisionNotFound");
        };
        let Some(content) = self.0.get(path) else {
            return Reply::new(404, "").with("X-Error-Code", "EntryNotFound");
        };
        let reply = match request.from() {
            Some(from) => Reply::new(206, &content[from..])
                .with("Content-Range", format!("bytes {from}-{}/{}", content.len() - 1, content.len())),
            None => Reply::new(200, content.as_slice()),
        };
        reply.with("X-Repo-Commit", COMMIT)
    }
}

/// A user of a server, with a cache of its own.
pub(crate) struct User {
    _home: tempfile::TempDir,
    pub(crate) settings: HubSettings,
}

impl User {
    pub(crate) fn of(server: &Server) -> Self {
        let home = tempfile::tempdir().unwrap();
        let milliseconds = Duration::from_millis;
        let patience = Patience {
            attempts: 3,
            first_pause: milliseconds(1),
            longest_pause: milliseconds(1500),
            silence: milliseconds(2000),
        };
        let cache = home.path().join("hub");
        let endpoint = server.endpoint.clone();
        Self {
            _home: home,
            settings: HubSettings {
                endpoint,
                cache,
                token: None,
                certificates: Certificates::default(),
                is_offline: false,
                patience,
            },
        }
    }

    pub(crate) fn with_token(mut self, token: &str) -> Self {
        self.settings.token = Token::new(token);
        self
    }

    pub(crate) fn offline(&self) -> Hub {
        Hub::new(HubSettings { is_offline: true, ..self.settings.clone() }, is_of_terms)
    }

    pub(crate) fn model(&self) -> Result<Snapshot, HubError> {
        self.model_with(&mut |_| ())
    }

    pub(crate) fn model_with(&self, on_event: &mut dyn FnMut(Event<'_>)) -> Result<Snapshot, HubError> {
        Hub::new(self.settings.clone(), is_of_terms).model(&model("org/name"), ModelFiles::All, on_event)
    }

    /// Names of what lies in the folder of contents.
    pub(crate) fn blobs(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.settings.cache.join("models--org--name/blobs")) else {
            return Vec::new();
        };
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

/// The files of terms, as whoever knows the layout of models would say.
pub(crate) fn is_of_terms(name: &str) -> bool {
    name == "LICENSE"
}

pub(crate) fn model(name: &str) -> HubName {
    HubName::parse(name, Kind::Model).unwrap()
}
