//! What the hub's refusals mean, where its token goes, and what is had without the network.

use std::sync::{Arc, Mutex};

use hub::{Event, Hub, HubError, ModelFiles};

use crate::support::{COMMIT, Files, Reply, Server, User, is_of_terms, model};

fn refused(reply: Reply, token: Option<&str>) -> HubError {
    let server = Server::start(move |_, _| reply.clone());
    let user = User::of(&server);
    let user = match token {
        Some(token) => user.with_token(token),
        None => user,
    };
    let error = user.model().unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hf_secret"), "{error:?}");
    error
}

#[test]
fn gated_unknown_private_and_too_many_are_four_messages() {
    let token = Some("hf_secret");
    let gated = || Reply::new(403, "").with("X-Error-Code", "GatedRepo");
    let error = refused(gated(), None);
    let said = error.to_string();
    assert!(matches!(error, HubError::Gated { has_token: false, .. }), "{said}");
    assert!(
        said.contains("accept its conditions at http://") && said.contains("/org/name") && said.contains("HF_TOKEN")
    );
    let said = refused(gated(), token).to_string();
    assert!(said.contains("accept its conditions at") && said.contains("whose token is used"), "{said}");
    let said = refused(Reply::new(401, "").with("X-Error-Code", "GatedRepo"), None).to_string();
    assert!(said.contains("is gated"), "{said}");

    let error = refused(Reply::new(401, "").with("X-Error-Code", "RepoNotFound"), None);
    assert!(matches!(error, HubError::NoToken { .. }) && error.to_string().contains("without a token"), "{error}");
    for reply in [Reply::new(401, "").with("X-Error-Code", "RepoNotFound"), Reply::new(404, "")] {
        let error = refused(reply, token);
        assert!(matches!(error, HubError::Missing { .. }) && error.to_string().contains("private"), "{error}");
    }
    let error = refused(Reply::new(404, ""), None);
    assert!(error.to_string().contains("has no such model: check the name"), "{error}");
    let error = refused(Reply::new(401, ""), token);
    assert!(matches!(error, HubError::BadToken { .. }), "{error}");
    let error = refused(Reply::new(404, "").with("X-Error-Code", "RevisionNotFound"), None);
    assert!(error.to_string().contains("no revision `main`"), "{error}");

    let error = refused(Reply::new(429, "").with("Retry-After", "3600"), None);
    assert!(matches!(error, HubError::TooMany { .. }) && error.to_string().contains("in 3600 s"), "{error}");
}

#[test]
fn a_hub_that_wants_a_pause_gets_it() {
    let files = Files::model(100);
    let server = Server::start(move |request, number| match number {
        0 => Reply::new(429, "").with("Retry-After", "1"),
        _ => files.answer(request),
    });
    let mut pauses = Vec::new();
    let user = User::of(&server);
    user.model_with(&mut |event| {
        if let Event::Retry { pause, .. } = event {
            pauses.push(pause.as_millis());
        }
    })
    .unwrap();
    assert_eq!(pauses, [1000]);
}

#[test]
fn a_hub_that_is_away_is_asked_a_few_times() {
    let server = Server::start(|_, _| Reply::new(502, ""));
    let error = User::of(&server).model().unwrap_err();
    assert!(error.to_string().contains("status 502") && error.to_string().contains("HF_HUB_OFFLINE"), "{error}");
    assert!(!error.is_of_name());
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn a_hub_that_cannot_be_reached_is_said_at_once() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let mut user = User::of(&Server::of(Files::default()));
    user.settings.endpoint = endpoint.clone();
    let error = user.model_with(&mut |event| panic!("{event:?}")).unwrap_err().to_string();
    assert!(error.contains(&endpoint) && error.contains("HF_HUB_OFFLINE=1"), "{error}");
}

#[test]
fn the_token_goes_to_the_hub_and_to_no_other_host() {
    let files = Files::model(100);
    let elsewhere = {
        let files = files.clone();
        Server::start(move |request, _| Reply::new(200, files.0[request.path.trim_start_matches('/')].clone()))
    };
    let host = elsewhere.endpoint.clone();
    let server = Server::start(move |request, _| match request.path.rsplit('/').next().unwrap() {
        "model.safetensors" => {
            Reply::new(302, "").with("Location", format!("{host}/model.safetensors")).with("X-Repo-Commit", COMMIT)
        }
        // A renamed repository redirects on the same host.
        _ if request.path.starts_with("/api/models/org/name/") => Reply::new(307, "").with("Location", "/api/new?x=1"),
        _ => files.answer(request),
    });
    User::of(&server).with_token("hf_secret").model().unwrap();
    for request in server.requests() {
        assert_eq!(request.headers.get("authorization").map(String::as_str), Some("Bearer hf_secret"), "{request:?}");
    }
    assert_eq!(elsewhere.requests().len(), 1);
    assert!(!elsewhere.requests()[0].headers.contains_key("authorization"));
}

/// Writes down all that is logged, at the finest level.
struct Lines(Arc<Mutex<String>>);

impl log::Log for Lines {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let mut lines = self.0.lock().unwrap();
        lines.push_str(&format!("{} {}\n", record.target(), record.args()));
    }

    fn flush(&self) {}
}

#[test]
fn no_log_holds_the_token() {
    let lines: Arc<Mutex<String>> = Arc::default();
    log::set_boxed_logger(Box::new(Lines(lines.clone()))).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    let user = User::of(&Server::of(Files::model(100))).with_token("hf_token_of_the_log");
    user.model_with(&mut |event| lines.lock().unwrap().push_str(&format!("{event:?}"))).unwrap();
    assert!(
        !format!("{:?} {:?}", user.settings, Hub::new(user.settings.clone(), is_of_terms))
            .contains("hf_token_of_the_log")
    );
    let lines = lines.lock().unwrap();
    assert!(lines.contains("ureq") && !lines.contains("hf_token_of_the_log"), "{lines}");
}

#[test]
fn offline_the_cache_is_used_and_nothing_is_asked() {
    let server = Server::of(Files::model(100));
    let user = User::of(&server);
    let error = user.offline().model(&model("org/name"), ModelFiles::All, &mut |_| ()).unwrap_err();
    assert!(matches!(error, HubError::Offline { .. }) && error.to_string().contains("HF_HUB_OFFLINE"), "{error}");
    assert_eq!(server.requests().len(), 0);

    let snapshot = user.model().unwrap();
    let before = server.requests().len();
    let offline = |name: &str| user.offline().model(&model(name), ModelFiles::All, &mut |_| ());
    assert_eq!(offline("org/name").unwrap(), snapshot);
    assert_eq!(offline(&format!("org/name@{COMMIT}")).unwrap(), snapshot);
    assert!(offline("org/name@v1").unwrap_err().to_string().contains("no `v1`"));

    // A content that is gone is missed by its name.
    let weights = snapshot.folder.join("model.safetensors").canonicalize().unwrap();
    std::fs::remove_file(weights).unwrap();
    let error = offline("org/name").unwrap_err().to_string();
    assert!(error.contains("model.safetensors"), "{error}");
    assert_eq!(server.requests().len(), before);
}

#[test]
fn offline_a_missing_shard_is_named() {
    let shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    let index = serde_json::json!({"weight_map": {"a": shards[0], "b": shards[1]}}).to_string();
    let files = Files::default().with("config.json", "{}").with("model.safetensors.index.json", index);
    let server = Server::of(files.with(shards[0], "first").with(shards[1], "second"));
    let user = User::of(&server);
    let snapshot = user.model().unwrap();
    std::fs::remove_file(snapshot.folder.join(shards[1])).unwrap();
    let error = user.offline().model(&model("org/name"), ModelFiles::All, &mut |_| ()).unwrap_err().to_string();
    assert!(error.contains(shards[1]), "{error}");
}
