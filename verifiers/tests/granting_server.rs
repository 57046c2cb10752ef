//! A code execution server of the tests that runs nothing: it loads every plug-in in no time, and refuses what asks for
//! more seconds than it grants. Of runs that judge it refuses all, or answers no call of theirs.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What the server grants, and the seconds that it was asked for.
#[derive(Clone)]
pub(crate) struct GrantingServer {
    pub seconds: f64,
    /// True once it refuses every run that judges.
    pub refuses: bool,
    pub asked: Arc<Mutex<Vec<f64>>>,
}

impl GrantingServer {
    /// Listens; returns the address.
    pub(crate) async fn start(self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(self.clone().answer(stream));
            }
        });
        url
    }

    async fn answer(self, stream: TcpStream) {
        let mut stream = BufReader::new(stream);
        let (mut num_bytes, mut line) = (0, String::new());
        while stream.read_line(&mut line).await.unwrap() > 2 {
            if let Some(length) = line.to_lowercase().strip_prefix("content-length:") {
                num_bytes = length.trim().parse().unwrap();
            }
            line.clear();
        }
        let mut body = vec![0; num_bytes];
        stream.read_exact(&mut body).await.unwrap();
        let (status, answer) = self.report(&serde_json::from_slice(&body).unwrap());
        let answer = answer.to_string();
        let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", answer.len());
        stream.write_all(format!("{head}{answer}").as_bytes()).await.unwrap();
    }

    fn report(&self, request: &Value) -> (&'static str, Value) {
        let seconds = request["limits"]["wall_seconds"].as_f64().unwrap();
        self.asked.lock().unwrap().push(seconds);
        let mut lines = request["stdin"].as_str().unwrap().lines();
        let header: Value = serde_json::from_str(lines.next().unwrap()).unwrap();
        let (mark, batch) = (header["mark"].as_str().unwrap(), lines.next());
        if seconds > self.seconds || batch.is_some() && self.refuses {
            let most = self.seconds;
            let error = format!("limits.wall_seconds is {seconds}: give more than 0 and at most {most}");
            return ("422 Unprocessable Content", json!({"type": "bad_request", "error": error}));
        }
        let found = json!({"found": {
            "function": "verify", "style": "ours", "is_async": false, "names": null, "needed": [], "messages": false,
        }});
        let end = json!({"end": true});
        let said = if batch.is_some() { end } else { found };
        let report = json!({
            "status": "ok", "exit": 0, "stdout": format!("{mark}{said}\n"), "stderr": "", "seconds": 0.01,
            "peak_memory_bytes": 0,
        });
        ("200 OK", report)
    }
}
