//! Verifiers that are WebAssembly components: a completion as the records of their interface, and their answers as
//! verdicts. It must not know how a component is run (`sandbox`) or what its verdict is worth.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use datasets::Message;
use sandbox::{
    ComponentAnswer, ComponentError, ComponentKind, ComponentLimits, ComponentMessage, ComponentQuestion,
    VerifierComponent,
};
use serde::Serialize;
use verifiers::{
    ComponentConfig, Judged, ReadyFuture, ScoreRange, Verdict, VerdictFuture, VerdictKind, Verifier, VerifierError,
    Verifiers, VerifiersConfig,
};

/// A verifier that asks a component.
struct ComponentVerifier {
    name: String,
    range: ScoreRange,
    source: Arc<ComponentSource>,
}

/// The component, which `prepare` loads.
struct ComponentSource {
    config: ComponentConfig,
    loaded: OnceLock<Result<VerifierComponent, String>>,
}

/// Adds the configured components to the verifiers.
pub(crate) fn register(verifiers: &mut Verifiers, config: &VerifiersConfig) {
    for (name, config) in &config.component {
        let source = Arc::new(ComponentSource { config: config.clone(), loaded: OnceLock::new() });
        verifiers.register(Arc::new(ComponentVerifier { name: name.clone(), range: config.range, source }));
    }
}

impl ComponentSource {
    fn load(&self) -> Result<(), String> {
        let limits = ComponentLimits { fuel: self.config.fuel, memory_bytes: self.config.memory_mib << 20 };
        let load = |file: &Path| VerifierComponent::load(file, limits).map_err(|error| error.to_string());
        self.loaded.get_or_init(|| load(&self.config.file)).as_ref().map(drop).map_err(Clone::clone)
    }

    /// The component that was loaded. It is not compiled here: compiling spreads over rayon's threads, which are those
    /// that judge, and one of them would come back here while it waits.
    fn component(&self) -> Result<&VerifierComponent, String> {
        self.loaded.get().ok_or("it was not prepared")?.as_ref().map_err(Clone::clone)
    }
}

impl ComponentVerifier {
    fn judge(&self, judged: &Judged) -> Result<Verdict, VerifierError> {
        let broken = |problem: String| VerifierError::crashed(&self.name, problem);
        let component = self.source.component().map_err(broken)?;
        let [task, turns, metadata] = [json(judged.task.as_ref()), json(&judged.turns()), json(&judged.task.meta)]
            .map(|text| text.map_err(broken));
        let (task, turns, metadata) = (task?, turns?, metadata?);
        let conversation: Vec<_> = judged.conversation.iter().map(message).collect();
        let question = ComponentQuestion {
            task: &task,
            conversation: &conversation,
            completion: &judged.completion,
            thinking: judged.thinking(),
            answer: judged.answer(),
            thinking_open: judged.thinking_open,
            turns: &turns,
            finish_reason: &judged.finish_reason,
            num_prompt_tokens: judged.num_prompt_tokens as u64,
            num_completion_tokens: judged.num_completion_tokens as u64,
            ground_truth: &judged.ground_truth().to_string(),
            metadata: &metadata,
        };
        let answer = component.verify(&question).map_err(|error| self.failure(error))?;
        Ok(verdict(answer, self.range))
    }

    fn failure(&self, error: ComponentError) -> VerifierError {
        match error {
            ComponentError::OutOfFuel { .. } | ComponentError::OutOfMemory { .. } => {
                VerifierError::over_budget(&self.name, error.to_string())
            }
            _ => VerifierError::crashed(&self.name, error.to_string()),
        }
    }
}

impl Verifier for ComponentVerifier {
    fn name(&self) -> &str {
        &self.name
    }

    fn range(&self) -> ScoreRange {
        self.range
    }

    fn only_computes(&self) -> bool {
        true
    }

    fn prepare(&self) -> ReadyFuture<'_> {
        let source = self.source.clone();
        Box::pin(async move {
            // A large component is compiled for seconds.
            let loading = tokio::task::spawn_blocking(move || source.load());
            let loaded = loading.await.unwrap_or_else(|error| Err(error.to_string()));
            let key = format!("verifiers.component.{}.file", self.name);
            loaded.map_err(|problem| VerifierError::Config { key, problem })
        })
    }

    fn verify<'a>(&'a self, judged: &'a Judged) -> VerdictFuture<'a> {
        Box::pin(async move { self.judge(judged) })
    }
}

fn message(turn: &Message) -> ComponentMessage<'_> {
    ComponentMessage { role: &turn.role, content: &turn.content }
}

fn json(value: &impl Serialize) -> Result<String, String> {
    serde_json::to_string(value).map_err(|error| error.to_string())
}

fn verdict(answer: ComponentAnswer, range: ScoreRange) -> Verdict {
    let ComponentAnswer { score, kind, reason } = answer;
    let kind = match kind {
        None => return Verdict::of_score(score, range, reason),
        Some(ComponentKind::NotApplicable) => return Verdict::not_applicable(reason),
        Some(ComponentKind::Passed) => VerdictKind::Passed,
        Some(ComponentKind::Failed) => VerdictKind::Failed,
        Some(ComponentKind::Partial) => VerdictKind::Partial,
        Some(ComponentKind::NoAnswer) => VerdictKind::NoAnswer,
        Some(ComponentKind::Unparsed) => VerdictKind::Unparsed,
    };
    Verdict { kind, ..Verdict::of_score(score, range, reason) }
}

#[cfg(test)]
mod tests {
    use datasets::{Task, TaskKind, TaskVerifier};

    use super::*;

    /// `verify` of the interface by hand: it scores 1, and its reason is the answer.
    const GUEST: &str = r#"(module
        (memory (export "memory") 1)
        (global $next (mut i32) (i32.const 1024))
        (func (export "cabi_realloc") (param i32 i32 i32) (param $size i32) (result i32)
            (global.get $next)
            (global.set $next (i32.and
                (i32.add (global.get $next) (i32.add (local.get $size) (i32.const 7)))
                (i32.const -8))))
        (func (export "verify") (param $judged i32) (result i32)
            (f32.store (i32.const 20) (f32.const 1))
            (i32.store (i32.const 28) (i32.load offset=36 (local.get $judged)))
            (i32.store (i32.const 32) (i32.load offset=40 (local.get $judged)))
            (i32.const 16)))"#;

    fn verifiers(file: &Path, memory_mib: u64, range: ScoreRange) -> Verifiers {
        let component = ComponentConfig { memory_mib, range, ..ComponentConfig::new(file.to_owned()) };
        let component = [("judge".to_owned(), component)].into();
        let mut verifiers = Verifiers::default();
        register(&mut verifiers, &VerifiersConfig { component, ..VerifiersConfig::default() });
        verifiers
    }

    fn guest() -> (tempfile::TempDir, std::path::PathBuf) {
        let mut resolve = wit_parser::Resolve::default();
        let text = include_str!("../../verifiers/wit/verifier.wit");
        let package = resolve.push_str("verifier.wit", text).unwrap();
        let world = resolve.select_world(&[package], None).unwrap();
        let mut bytes = wat::parse_str(GUEST).unwrap();
        let encoding = wit_component::StringEncoding::UTF8;
        wit_component::embed_component_metadata(&mut bytes, &resolve, world, encoding).unwrap();
        let bytes = wit_component::ComponentEncoder::default().module(&bytes).unwrap().encode().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("judge.wasm");
        std::fs::write(&path, bytes).unwrap();
        (folder, path)
    }

    fn judged(completion: &str) -> Judged {
        Judged::new(Task::new("t", TaskKind::MATH, Vec::new(), TaskVerifier::new("judge", "4")), completion)
    }

    #[tokio::test]
    async fn a_component_judges_as_any_verifier_does() {
        let (_folder, path) = guest();
        let verifiers = verifiers(&path, 1, ScoreRange::default());
        verifiers.prepare(["judge"]).await.unwrap();
        let judgement = verifiers.judge(&judged("<think>two and two</think>four")).await;
        let verdict = judgement.verdict().unwrap();
        assert!(verdict.passed() && verdict.reason == "four", "{verdict:?}");
    }

    #[tokio::test]
    async fn a_range_of_its_own_a_trap_and_a_missing_file_are_told() {
        let (_folder, path) = guest();
        let half = ScoreRange { low: 0.0, high: 0.5 };
        let crash = async |range, completion: &str| {
            let verifiers = verifiers(&path, 1, range);
            verifiers.prepare(["judge"]).await.unwrap();
            let judgement = verifiers.judge(&judged(completion)).await;
            judgement.verdicts[0].verdict.as_ref().unwrap_err().to_string()
        };
        let said = crash(half, "4").await;
        assert!(said.contains("between 0 and 0.5"), "1 lies outside of the range: {said}");
        // The guest does not ask for memory, and writes past its end.
        let said = crash(ScoreRange::default(), &"4".repeat(70_000)).await;
        assert!(said.contains("memory"), "{said}");
        let unprepared = verifiers(&path, 1, half).judge(&judged("4")).await;
        assert_eq!(unprepared.verdicts[0].kind(), VerdictKind::Crashed);
        let missing = verifiers(Path::new("/no/such.wasm"), 1, half);
        let error = missing.prepare(["judge"]).await.unwrap_err().to_string();
        assert!(error.contains("verifiers.component.judge.file") && error.contains("/no/such.wasm"), "{error}");
    }

    #[test]
    fn every_kind_has_its_verdict() {
        let of = |kind| verdict(ComponentAnswer { score: 0.0, kind, reason: String::new() }, ScoreRange::default());
        assert_eq!(of(None).kind, VerdictKind::Failed);
        assert_eq!(of(Some(ComponentKind::NotApplicable)).kind, VerdictKind::NotApplicable);
        assert_eq!(of(Some(ComponentKind::NoAnswer)).kind, VerdictKind::NoAnswer);
        assert_eq!(of(Some(ComponentKind::Unparsed)).kind, VerdictKind::Unparsed);
    }
}
