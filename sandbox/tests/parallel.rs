//! The cases of one submission at once: all workers take part, and the verdict is the same as one after another.

use std::time::{Duration, Instant};

use sandbox::{ServerConfig, ServerHandle, serve};
use sandbox_api::{Client, EngineKind, GradeReport, GradeRequest, GradeVerdict, Language, Limits, StdioCase, Tests};

use crate::service::until;

/// Sleeps for as long as its input says and fails where that is told.
const SLEEPS: &str = "import time
seconds, word = input().split()
time.sleep(float(seconds))
if word == 'raise':
    raise KeyError('told to')
print(word)";

/// A server of four workers for each engine that is set up.
async fn servers() -> Vec<(EngineKind, ServerHandle, Client)> {
    let mut servers = Vec::new();
    for engine in EngineKind::ALL.iter().copied() {
        let config = ServerConfig {
            workers: 4,
            worker: Some(env!("CARGO_BIN_EXE_sandbox-worker").into()),
            default_engine: Some(engine),
            ..ServerConfig::default()
        };
        match serve(config).await {
            Ok(server) => {
                let client = Client::new(vec![server.url()]).expect("the server's address is good");
                servers.push((engine, server, client));
            }
            Err(error) if engine == EngineKind::Wasm => eprintln!("left out: {error}"),
            Err(error) => panic!("{error}"),
        }
    }
    servers
}

fn submission(engine: EngineKind, cases: &[&str]) -> GradeRequest {
    let case = |input: &&str| StdioCase { input: (*input).to_owned(), output: "yes".to_owned() };
    GradeRequest {
        code: SLEEPS.to_owned(),
        language: Language::Python,
        engine: Some(engine),
        tests: Tests::Stdio { cases: cases.iter().map(case).collect() },
        limits: Limits::default(),
        stop_at_first_failure: true,
    }
}

async fn grade(client: &Client, request: &GradeRequest) -> GradeReport {
    client.grade(request).await.expect("the sandbox answers")
}

#[tokio::test]
async fn idle_workers_help_with_the_cases_of_a_submission() {
    for (engine, server, client) in servers().await {
        let request = submission(engine, &["1 yes"; 8]);
        let began = Instant::now();
        let grading = tokio::spawn(async move { grade(&client, &request).await });
        until(&server, "sandbox_workers_busy", 4.0).await;
        let report = grading.await.unwrap();
        let took = began.elapsed().as_secs_f64();
        // Not a time but a part of the work: a busy machine makes both longer.
        assert!(took < report.seconds, "{engine}: {took} s for programs of {} s", report.seconds);
        assert_eq!((report.verdict, report.num_passed), (GradeVerdict::Passed, 8), "{report:?}");
        assert!(report.seconds > 7.9, "{engine}: the programs' own seconds are added up: {report:?}");
        server.shutdown().await;
    }
}

#[tokio::test]
async fn the_first_failing_case_decides_though_a_later_one_fails_sooner() {
    for (engine, server, client) in servers().await {
        let cases = ["0 yes", "0.6 no", "0 raise", "0.1 yes"];
        let report = grade(&client, &submission(engine, &cases)).await;
        assert_eq!((report.verdict, report.num_passed), (GradeVerdict::WrongAnswer, 1), "{report:?}");
        assert!(report.reason.starts_with("case 2 of 4"), "{report:?}");
        let all = GradeRequest { stop_at_first_failure: false, ..submission(engine, &cases) };
        let report = grade(&client, &all).await;
        assert_eq!((report.verdict, report.num_passed), (GradeVerdict::WrongAnswer, 2), "{report:?}");
        server.shutdown().await;
    }
}

#[tokio::test]
async fn the_time_of_a_submission_is_that_of_its_cases_one_after_another() {
    for (engine, server, client) in servers().await {
        let mut request = submission(engine, &["2 yes", "2 yes", "2 yes", "0 raise"]);
        request.limits.submission_seconds = 3.8;
        let report = grade(&client, &request).await;
        // On a busy machine the first alone may take longer.
        assert!(report.verdict == GradeVerdict::TimeLimit && report.num_passed <= 1, "{report:?}");
        assert!(report.reason.starts_with(&format!("case {} of 4", report.num_passed + 1)), "{report:?}");
        server.shutdown().await;
    }
}

#[tokio::test]
async fn asserts_prepare_for_later_ones_wherever_those_run() {
    for (engine, server, client) in servers().await {
        let tests = ["total = 40", "assert add(total, 2) == 42", "total += 1", "assert add(total, 2) == 43"];
        let mut request = submission(engine, &[]);
        request.code = "import time\ndef add(a, b):\n    time.sleep(0.2)\n    return a + b".to_owned();
        request.tests =
            Tests::Asserts { setup: String::new(), tests: tests.iter().map(|test| (*test).to_owned()).collect() };
        let report = grade(&client, &request).await;
        assert_eq!((report.verdict, report.num_passed), (GradeVerdict::Passed, 4), "{report:?}");
        server.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_is_lost_while_it_helps_costs_no_case() {
    for (engine, server, client) in servers().await {
        let request = submission(engine, &["1.5 yes"; 4]);
        let grading = tokio::spawn({
            let client = client.clone();
            async move { grade(&client, &request).await }
        });
        tokio::time::sleep(Duration::from_millis(700)).await;
        let victims = server.worker_ids();
        for id in &victims[..2] {
            let process = nix::unistd::Pid::from_raw(i32::try_from(*id).unwrap());
            nix::sys::signal::kill(process, nix::sys::signal::Signal::SIGKILL).expect("a worker of this server");
        }
        let report = grading.await.unwrap();
        assert_eq!((report.verdict, report.num_passed), (GradeVerdict::Passed, 4), "{engine}: {report:?}");
        server.shutdown().await;
    }
}
