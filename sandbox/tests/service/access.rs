//! Who may call, where the server listens, and how well programs must be kept in.

use std::net::SocketAddr;

use sandbox::{Isolation, SandboxError, ServerConfig, serve};
use sandbox_api::{Client, ClientError, ClientOptions, GradeVerdict, Secret};

use super::{adds_one, http, post};

#[tokio::test]
async fn a_token_is_asked_for_where_there_is_one() {
    let file = std::env::temp_dir().join(format!("sandbox-token-{}", std::process::id()));
    std::fs::write(&file, "the-token\n").unwrap();
    let config = ServerConfig { workers: 1, token_file: Some(file.clone()), ..ServerConfig::default() };
    let server = serve(config).await.unwrap();
    std::fs::remove_file(file).unwrap();
    let url = format!("{}/grade", server.url());
    for headers in [
        &[][..],
        &[("authorization", "Bearer the-tokem")],
        &[("authorization", "Bearer the-token-and-more")],
        &[("authorization", "Basic the-token")],
        &[("authorization", "the-token")],
    ] {
        let (status, answer) = post(&url, &adds_one(), headers).await;
        assert_eq!((status, answer["type"].as_str()), (401, Some("unauthorized")), "{headers:?}");
    }
    assert_eq!(post(&url, &adds_one(), &[("authorization", "bearer the-token")]).await.0, 200);
    let status = async |path: &str| http().get(format!("{}{path}", server.url())).send().await.unwrap().status();
    assert_eq!(status("/metrics").await, 401);
    assert_eq!(status("/healthz").await, 200, "a probe has no token");
    let options = |token| ClientOptions { token: Some(Secret::new(token).unwrap()), ..ClientOptions::default() };
    let client = Client::with_options(vec![server.url()], options("the-token")).unwrap();
    assert_eq!(client.grade(&adds_one()).await.unwrap().verdict, GradeVerdict::Passed);
    let stranger = Client::with_options(vec![server.url()], options("another")).unwrap();
    let error = stranger.grade(&adds_one()).await.unwrap_err();
    assert!(matches!(error, ClientError::Refused { status: 401, .. }), "{error}");
    server.shutdown().await;
}

#[tokio::test]
async fn settings_are_saved_without_their_token() {
    let token = Some(Secret::new("hidden").unwrap());
    let config = ServerConfig { token: token.clone(), ..ServerConfig::default() };
    assert!(!serde_json::to_string(&config).unwrap().contains("hidden"));
    let options = ClientOptions { token, ..ClientOptions::default() };
    assert!(!serde_json::to_string(&options).unwrap().contains("hidden"));
    assert!(!format!("{config:?}{options:?}").contains("hidden"));
}

#[tokio::test]
async fn bad_settings_are_refused() {
    let refused = |config| async { serve(config).await.err().expect("refused") };
    let bad = [
        ServerConfig { workers: 0, ..ServerConfig::default() },
        ServerConfig { drain_seconds: f64::NAN, ..ServerConfig::default() },
        ServerConfig { token_file: Some("/nonexistent/token".into()), ..ServerConfig::default() },
        ServerConfig { listen: SocketAddr::from(([0, 0, 0, 0], 0)), ..ServerConfig::default() },
    ];
    for (config, word) in bad.into_iter().zip(["workers", "drain_seconds", "/nonexistent/token", "token"]) {
        let error = refused(config).await;
        assert!(matches!(error, SandboxError::BadConfig(_)) && error.to_string().contains(word), "{error}");
    }
    let error = refused(ServerConfig { python: Some("/nonexistent/python".into()), ..ServerConfig::default() }).await;
    assert!(error.to_string().contains("/nonexistent/python"), "{error}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap();
    let error = refused(ServerConfig { listen, ..ServerConfig::default() }).await;
    assert!(matches!(error, SandboxError::Listen { .. }), "{error}");
}

#[tokio::test]
async fn every_address_may_be_listened_on_by_who_says_so() {
    let listen = SocketAddr::from(([0, 0, 0, 0], 0));
    let config = ServerConfig { workers: 1, listen, allow_no_token: true, ..ServerConfig::default() };
    let server = serve(config).await.unwrap();
    let url = server.url().replace("0.0.0.0", "127.0.0.1");
    assert_eq!(post(&format!("{url}/grade"), &adds_one(), &[]).await.0, 200);
    server.shutdown().await;
}

#[tokio::test]
async fn the_server_does_not_start_below_the_isolation_asked_for() {
    let found = tokio::task::spawn_blocking(sandbox::doctor).await.unwrap().level();
    for minimum in Isolation::ALL.iter().copied() {
        let config = ServerConfig { workers: 1, minimum_isolation: minimum, ..ServerConfig::default() };
        match serve(config).await {
            Ok(server) => {
                assert!(server.layers().level() >= minimum);
                server.shutdown().await;
            }
            Err(SandboxError::WeakIsolation { minimum: asked, .. }) => assert!(asked == minimum && found < minimum),
            Err(error) => panic!("{error}"),
        }
    }
}
