//! Plug-ins in Python on trusted processes: every style as it is written for other trainers, whatever a plug-in does
//! instead of judging, and files that no run begins with. `sandbox/tests/plug_ins.rs` has the other isolations.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use datasets::{Message, Task, TaskKind, TaskVerifier};
use futures::future::join_all;
use serde_json::{Value, json};
use verifiers::{
    Judged, PythonConfig, PythonIsolation, PythonVerifier, ScoreRange, Verdict, VerdictKind, Verifier, VerifierError,
    Verifiers, VerifiersConfig,
};

use crate::granting_server::GrantingServer;

fn config(file: &str) -> PythonConfig {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plug_ins").join(file);
    PythonConfig { isolation: PythonIsolation::Trusted, workers: 2, ..PythonConfig::new(file) }
}

fn plug_in(config: PythonConfig) -> PythonVerifier {
    let nobody = sandbox_api::Client::new(vec!["http://127.0.0.1:9".to_owned()]).expect("an address");
    PythonVerifier::new("plug".into(), config, nobody)
}

fn task(ground_truth: &str, meta: Value) -> Task {
    let messages = vec![Message::user("What is 6 times 7?")];
    let mut task = Task::new("t-1", TaskKind::MATH, messages, TaskVerifier::new("plug", ground_truth));
    task.meta = Some(meta);
    task
}

async fn outcomes(config: PythonConfig, completions: &[&str]) -> Vec<Result<Verdict, VerifierError>> {
    let verifier = plug_in(config);
    let task = task("42", json!({"level": 3}));
    let judged: Vec<_> = completions.iter().map(|completion| Judged::new(task.clone(), *completion)).collect();
    join_all(judged.iter().map(|judged| verifier.verify(judged))).await
}

async fn scores(config: PythonConfig, completions: &[&str]) -> Vec<f32> {
    let outcomes = outcomes(config, completions).await;
    outcomes.into_iter().map(|outcome| outcome.expect("a verdict").score).collect()
}

fn kind(outcome: &Result<Verdict, VerifierError>) -> VerdictKind {
    outcome.as_ref().map_or_else(VerifierError::kind, |verdict| verdict.kind)
}

#[tokio::test]
async fn files_in_verls_style_run_unchanged() {
    let gsm8k = config("styles/gsm8k_verl.py");
    assert_eq!(scores(gsm8k, &["so #### 42", "so #### 41", "no idea"]).await, [1.0, 0.1, 0.0]);

    let range = ScoreRange { low: -1.0, high: 1.0 };
    let dapo = outcomes(PythonConfig { range, ..config("styles/dapo_verl.py") }, &["Answer: 42", "42"]).await;
    let [right, wrong] = dapo.try_into().map(|both: [_; 2]| both.map(Result::unwrap)).unwrap();
    assert!(right.passed() && right.reason.contains("pred='42'"), "{right:?}");
    assert_eq!((wrong.kind, wrong.score), (VerdictKind::Failed, -1.0));

    let extra = outcomes(config("styles/extra_info_verl.py"), &["it is 42"]).await.remove(0).unwrap();
    assert!(extra.passed() && extra.reason == "math", "{extra:?}");
}

#[tokio::test]
async fn files_in_trls_style_run_unchanged() {
    let format = config("styles/format_trl.py");
    assert_eq!(scores(format, &["<think>6 * 7</think>\n42", "42", "<think>6"]).await, [1.0, 0.0, 0.0]);
    assert_eq!(scores(config("styles/columns_trl.py"), &["it is 42", "it is 41"]).await, [1.0, 0.0]);
    assert_eq!(scores(config("styles/async_trl.py"), &["0123456789", ""]).await, [0.1, 0.0]);

    // What the file says of messages is not asked where the configuration says it.
    let text = PythonConfig { conversational: Some(false), ..config("styles/format_trl.py") };
    let words = outcomes(text, &["42"]).await.remove(0).unwrap_err().to_string();
    assert!(words.contains("format_trl.py, line 7") && words.contains("TypeError"), "{words}");
}

#[tokio::test]
async fn a_file_of_our_own_style_says_what_it_likes() {
    let found = outcomes(config("styles/own.py"), &["<think>a</think> 42", "41", "<think>a</think>", "skip"]).await;
    use VerdictKind::{Failed, NoAnswer, NotApplicable, Passed};
    assert_eq!(found.iter().map(kind).collect::<Vec<_>>(), [Passed, Failed, NoAnswer, NotApplicable]);
    assert_eq!(found[0].as_ref().unwrap().reason, "42 in 3");
}

#[tokio::test]
async fn coroutines_of_a_batch_are_awaited_together() {
    let config = PythonConfig { timeout_seconds: 3.0, workers: 1, ..config("styles/own_async.py") };
    let mut completions = vec!["it is 42"; 60];
    completions[7] = "slow";
    let found = outcomes(config, &completions).await;
    for (index, outcome) in found.iter().enumerate() {
        let wanted = if index == 7 { VerdictKind::TimedOut } else { VerdictKind::Passed };
        assert_eq!(kind(outcome), wanted, "{index}: {outcome:?}");
    }
}

#[tokio::test]
async fn whatever_a_call_does_is_counted_as_its_own() {
    let config = PythonConfig { timeout_seconds: 2.0, ..config("misbehaving.py") };
    use VerdictKind::{Crashed, NotApplicable, Passed, TimedOut};
    let wanted = [
        ("fine", Passed, ""),
        ("raise", Crashed, "misbehaving.py, line 8: KeyError: 'no such rubric'"),
        ("exit", Crashed, "exit status: 7"),
        ("leave", Crashed, "SystemExit"),
        ("hang", TimedOut, "after 2 seconds"),
        ("sleep", TimedOut, "after 2 seconds"),
        ("nan", Crashed, "nan"),
        ("text", Crashed, "'0.5'"),
        ("list", Crashed, "[1.0]"),
        ("none", NotApplicable, ""),
        ("true", Passed, ""),
        ("fine", Passed, ""),
    ];
    let found = outcomes(config, &wanted.map(|(completion, ..)| completion)).await;
    for (outcome, (completion, wanted, words)) in found.iter().zip(wanted) {
        assert_eq!(kind(outcome), wanted, "{completion}: {outcome:?}");
        let said = outcome.as_ref().map_or_else(ToString::to_string, |verdict| verdict.reason.clone());
        assert!(said.contains(words), "{completion}: {said}");
    }
}

#[tokio::test]
async fn a_file_may_have_the_name_of_a_standard_module() {
    for file in ["named/re.py", "named/math.py", "named/tokenize.py", "named/json.py", "named/inspect.py"] {
        assert_eq!(scores(config(file), &["42", "42"]).await, [1.0, 1.0], "{file}");
    }
    let verdict = outcomes(config("named/re.py"), &["42"]).await.remove(0).unwrap();
    assert!(verdict.reason.ends_with("_ponder_plugin_re"), "{verdict:?}");
    let words = outcomes(config("named/json.py"), &["{"]).await.remove(0).unwrap_err().to_string();
    assert!(words.contains("json.py, line 6: JSONDecodeError"), "{words}");
}

#[tokio::test]
async fn a_group_is_one_call() {
    let config = PythonConfig { group: true, timeout_seconds: 1.0, ..config("styles/longest_trl.py") };
    let settings = VerifiersConfig { python: [("plug".into(), config)].into(), ..Default::default() };
    let nobody = sandbox_api::Client::new(vec!["http://127.0.0.1:9".to_owned()]).expect("an address");
    let verifiers = Verifiers::standard(&settings, nobody);
    verifiers.prepare(["plug"]).await.unwrap();
    let judged = async |completions: &[&str]| {
        let task = task("42", json!({}));
        let group: Vec<_> = completions.iter().map(|completion| Judged::new(task.clone(), *completion)).collect();
        let mut judgements: Vec<_> = join_all(group.iter().map(|one| verifiers.judge(one))).await;
        verifiers.judge_group(&group, &mut judgements).await;
        judgements
    };
    let (short, long, hangs, one) =
        tokio::join!(judged(&["a", "abc", "ab"]), judged(&["abcdef", "abcd"]), judged(&["a", "hang"]), judged(&["a"]));
    let kinds = |judgements: &[verifiers::Judgement]| -> Vec<_> {
        judgements.iter().map(|judgement| judgement.verdicts[0].kind()).collect()
    };
    use VerdictKind::{Crashed, Failed, Passed, TimedOut};
    assert_eq!(kinds(&short), [Failed, Passed, Failed]);
    assert_eq!(kinds(&long), [Passed, Failed]);
    assert_eq!((kinds(&hangs), kinds(&one)), (vec![TimedOut; 2], vec![Passed]));
    assert!(short[0].reason().contains("of 3") && long[0].reason().contains("of 2"));
    let raised = judged(&["a", "raise", "b"]).await;
    assert_eq!(kinds(&raised), [Crashed; 3]);
    assert!(raised[2].reason().contains("KeyError"), "{}", raised[2].reason());
}

#[tokio::test]
async fn a_group_is_for_trls_functions() {
    let error = plug_in(PythonConfig { group: true, ..config("styles/own.py") }).prepare().await.unwrap_err();
    assert!(error.to_string().contains("config verifiers.python.plug.group: "), "{error}");
}

#[tokio::test]
async fn half_a_character_in_an_answer_is_no_fault() {
    let asked = [r#""half \ud83d""#, r#""raise""#, r#""whole \ud83d\ude00 \u00e9\u2028\n.""#];
    let found = outcomes(config("half_characters.py"), &asked).await;
    assert_eq!(found[0].as_ref().unwrap().reason, "half ?");
    assert!(found[1].as_ref().unwrap_err().to_string().contains("line 8: ValueError: ?"), "{found:?}");
    assert_eq!(found[2].as_ref().unwrap().reason, "whole \u{1f600} \u{e9}\u{2028}\n.");
}

#[tokio::test]
async fn a_batch_of_trls_loses_only_the_call_that_breaks_it() {
    let config = PythonConfig { timeout_seconds: 2.0, ..config("misbehaving_trl.py") };
    use VerdictKind::{Crashed, Passed, TimedOut};
    let wanted = [
        ("fine", Passed),
        ("raise", Crashed),
        ("fine", Passed),
        ("exit", Crashed),
        ("hang", TimedOut),
        ("fine", Passed),
        ("count", Crashed),
    ];
    let found = outcomes(config, &wanted.map(|(completion, _)| completion)).await;
    assert_eq!(found.iter().map(kind).collect::<Vec<_>>(), wanted.map(|(_, kind)| kind), "{found:?}");
}

#[tokio::test]
async fn a_score_outside_the_range_is_no_verdict() {
    let settings = VerifiersConfig { python: [("plug".into(), config("misbehaving.py"))].into(), ..Default::default() };
    let nobody = sandbox_api::Client::new(vec!["http://127.0.0.1:9".to_owned()]).expect("an address");
    let verifiers = Verifiers::standard(&settings, nobody);
    verifiers.prepare(["plug"]).await.unwrap();
    let judgement = verifiers.judge(&Judged::new(task("", json!({})), "far")).await;
    assert_eq!(judgement.verdicts[0].kind(), VerdictKind::Crashed);
    assert!(judgement.reason().contains("returned the score 3"), "{}", judgement.reason());
}

#[tokio::test]
async fn a_file_that_does_not_load_is_named_before_the_first_step() {
    for (file, words) in [
        ("bad/none.py", "`score`: it takes text"),
        ("bad/two.py", "2 functions fit: `format_reward` (trl) and `length_reward` (trl); choose one with the key"),
        ("bad/syntax.py", "syntax.py, line 2: invalid syntax"),
        ("bad/raises.py", "raises.py, line 1: ModuleNotFoundError"),
        ("bad/needs.py", "`verify`: it needs rubric, which it is not given"),
        ("bad/absent.py", "No such file"),
    ] {
        let error = plug_in(config(file)).prepare().await.unwrap_err().to_string();
        assert!(error.contains("config verifiers.python.plug: ") && error.contains(file), "{error}");
        assert!(error.contains(words), "{file}: {error}");
    }
    let chosen = |name: &str| PythonConfig { function: Some(name.to_owned()), ..config("bad/two.py") };
    assert_eq!(scores(chosen("length_reward"), &["a"]).await, [0.5]);
    let error = plug_in(chosen("no_such")).prepare().await.unwrap_err().to_string();
    assert!(error.contains("no function `no_such`") && error.contains("`format_reward`"), "{error}");
    let absent = PythonConfig { python: "/no/such/python".into(), ..config("styles/own.py") };
    assert!(plug_in(absent).prepare().await.is_err());
}

fn on(url: &str, timeout_seconds: f64) -> PythonVerifier {
    let isolation = PythonIsolation::Wasm;
    let client = sandbox_api::Client::new(vec![url.to_owned()]).expect("an address");
    let config = PythonConfig { isolation, timeout_seconds, ..config("styles/own.py") };
    PythonVerifier::new("plug".into(), config, client)
}

#[tokio::test]
async fn a_time_out_that_the_server_does_not_grant_is_named_before_the_first_step() {
    let server = GrantingServer { seconds: 60.0, refuses: false, asked: Arc::default() };
    let (asked, url) = (server.asked.clone(), server.start().await);
    on(&url, 47.0).prepare().await.unwrap();
    let error = on(&url, 48.0).prepare().await.unwrap_err().to_string();
    assert!(error.contains("config verifiers.python.plug.timeout_seconds: 48"), "{error}");
    assert!(error.contains("limits.wall_seconds is 60.2") && error.contains("max_limits"), "{error}");
    on(&url, 1.0).prepare().await.unwrap();
    assert_eq!(asked.lock().unwrap().last(), Some(&30.0));
}

#[tokio::test]
async fn calls_that_the_server_refuses_or_leaves_unanswered_end_as_crashed() {
    let task = task("42", json!({}));
    let judged: Vec<_> = ["a", "b", "c"].map(|completion| Judged::new(task.clone(), completion)).into();
    for (refuses, words) in [(true, "refused the request with status 422"), (false, "it gave no answer")] {
        let server = GrantingServer { seconds: 60.0, refuses, asked: Arc::default() };
        let (asked, url) = (server.asked.clone(), server.start().await);
        let verifier = on(&url, 1.0);
        let asking = join_all(judged.iter().map(|judged| verifier.verify(judged)));
        let found = tokio::time::timeout(Duration::from_secs(60), asking).await.expect("an end");
        for outcome in found {
            let error = outcome.unwrap_err();
            assert_eq!(error.kind(), VerdictKind::Crashed, "{error}");
            assert!(error.to_string().contains(words), "{error}");
        }
        assert!(asked.lock().unwrap().len() <= 1 + 2 * judged.len());
    }
}

#[tokio::test]
async fn a_column_that_a_task_lacks_is_named() {
    let verifier = plug_in(config("styles/columns_trl.py"));
    verifier.prepare().await.unwrap();
    let whole = task("42", json!({"level": null}));
    verifier.check(&whole, &json!("42")).unwrap();
    let error = verifier.check(&task("42", json!({})), &json!("42")).unwrap_err().to_string();
    assert!(error.contains("task `t-1`") && error.contains("`level`"), "{error}");
    let judged = Judged::new(whole, "42");
    assert_eq!(kind(&verifier.verify(&judged).await), VerdictKind::NotApplicable);
}

#[test]
fn settings_out_of_range_are_named() {
    let refused = |section: &str| {
        let config: VerifiersConfig = toml::from_str(&format!("[python.plug]\nfile = 'a.py'\n{section}")).unwrap();
        config.validate().map_err(|error| error.to_string())
    };
    assert_eq!(refused("isolation = 'jail'\nrange = [-1, 1]\nconversational = true"), Ok(()));
    for (section, key) in [
        ("workers = 0", "verifiers.python.plug.workers"),
        ("batch = 0", "verifiers.python.plug.batch"),
        ("timeout_seconds = 0.0", "verifiers.python.plug.timeout_seconds"),
        ("range = [1, 1]", "verifiers.python.plug.range"),
        ("memory_bytes = 1", "verifiers.python.plug.memory_bytes"),
        ("function = ''", "verifiers.python.plug.function"),
        ("[command.plug]\ncommand = ['true']", "verifiers.python.plug"),
    ] {
        let error = refused(section).unwrap_err();
        assert!(error.contains(key), "{section}: {error}");
    }
    let unknown = toml::from_str::<VerifiersConfig>("[python.plug]\nfile = 'a.py'\nfunktion = 'f'");
    assert!(unknown.unwrap_err().to_string().contains("funktion"));
}
