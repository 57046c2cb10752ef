//! How verifiers are asked: each on the threads that suit it, within its deadline, and whatever it does, a panic or a
//! score outside its range, ends as a verdict or as a reason why there is none.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use datasets::Task;
use futures::FutureExt;
use futures::future::join_all;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::{Judged, Judgement, ScoreRange, Verdict, VerdictKind, Verifier, VerifierError, VerifierVerdict, Verifiers};

type Outcome = Result<Verdict, VerifierError>;

const WAITS: &str = "it waits for something, though `only_computes` says that it does not";

impl Verifiers {
    /// Judges a completion by all verifiers of its task at once, apart from those that compare completions: they judge
    /// in [`judge_group`](Self::judge_group). Must be called on a tokio runtime.
    pub async fn judge(&self, judged: &Judged) -> Judgement {
        let asked = (0..judged.task.verifiers.len()).filter(|index| !self.compares(judged, *index));
        let verdicts = asked.map(|index| self.ask(Judged { verifier_index: index, ..judged.clone() }));
        Judgement { verdicts: join_all(verdicts).await }
    }

    /// True where all verifiers of the task only compute and look at one completion alone, so that
    /// [`judge_here`](Self::judge_here) judges it.
    pub fn only_compute(&self, task: &Task) -> bool {
        let computes = |verifier: &Arc<dyn Verifier>| verifier.only_computes() && !verifier.compares();
        task.verifiers.iter().all(|asked| self.get(&asked.name).is_ok_and(computes))
    }

    /// Judges a completion on this very thread, where all verifiers of its task [only compute](Self::only_compute);
    /// `None` where one does not. For whoever spreads many completions over threads: nothing is handed over. A verdict
    /// that took longer than its deadline is none, as in [`judge`](Self::judge), but it is waited for.
    pub fn judge_here(&self, judged: &Judged) -> Option<Judgement> {
        if !self.only_compute(&judged.task) {
            return None;
        }
        let each = judged.task.verifiers.iter().enumerate();
        let verdicts = each.map(|(index, asked)| {
            let verifier = self.get(&asked.name).ok()?;
            if index == judged.verifier_index {
                return Some(self.ask_here(verifier.as_ref(), judged));
            }
            Some(self.ask_here(verifier.as_ref(), &Judged { verifier_index: index, ..judged.clone() }))
        });
        Some(Judgement { verdicts: verdicts.collect::<Option<_>>()? })
    }

    fn ask_here(&self, verifier: &dyn Verifier, judged: &Judged) -> VerifierVerdict {
        let asked = &judged.task.verifiers[judged.verifier_index];
        let (name, weight) = (asked.name.clone(), asked.weight);
        let (range, limit) = (verifier.range(), self.deadlines.of(&name));
        let started = Instant::now();
        let answer = AssertUnwindSafe(verifier.verify(judged)).catch_unwind().now_or_never();
        let elapsed = started.elapsed();
        let verdict = match answer {
            None => Err(VerifierError::crashed(&name, WAITS)),
            Some(Err(panic)) => Err(VerifierError::crashed(&name, panicked(panic))),
            Some(Ok(_)) if elapsed > limit => {
                Err(VerifierError::timed_out(&name, format!("after {} seconds", limit.as_secs_f64())))
            }
            Some(Ok(outcome)) => in_range(outcome, range, &name, &judged.task.id),
        };
        VerifierVerdict { verifier: name, weight, range, verdict, seconds: elapsed.as_secs_f64() }
    }

    /// Asks those verifiers of [`judge`](Self::judge) again whose services were away, for the same completion.
    pub async fn judge_again(&self, judged: &Judged, judgement: &mut Judgement) {
        let asked = (0..judged.task.verifiers.len()).filter(|index| !self.compares(judged, *index));
        let missing = asked.zip(&mut judgement.verdicts).filter(|(_, said)| said.kind() == VerdictKind::Unavailable);
        let again = missing.map(|(index, said)| async move {
            *said = self.ask(Judged { verifier_index: index, ..judged.clone() }).await;
        });
        join_all(again).await;
    }

    /// Adds the verdicts of the verifiers that compare completions, if the task names any. `group` are all completions
    /// of the task, `judgements` what the other verifiers said, in the same order.
    pub async fn judge_group(&self, group: &[Judged], judgements: &mut [Judgement]) {
        let Some(first) = group.first() else { return };
        for index in (0..first.task.verifiers.len()).filter(|index| self.compares(first, *index)) {
            let asked = group.iter().map(|judged| Judged { verifier_index: index, ..judged.clone() }).collect();
            for (judgement, verdict) in judgements.iter_mut().zip(self.ask_group(asked).await) {
                // Those before it in the task are there, of those behind it only some that do not compare.
                judgement.verdicts.insert(index.min(judgement.verdicts.len()), verdict);
            }
        }
    }

    fn compares(&self, judged: &Judged, index: usize) -> bool {
        self.get(&judged.task.verifiers[index].name).is_ok_and(|verifier| verifier.compares())
    }

    async fn ask(&self, judged: Judged) -> VerifierVerdict {
        let asked = &judged.task.verifiers[judged.verifier_index];
        let (name, weight) = (asked.name.clone(), asked.weight);
        let verifier = match self.get(&name) {
            Ok(verifier) => verifier.clone(),
            Err(error) => return VerifierVerdict::none(name, weight, error),
        };
        let (range, limit) = (verifier.range(), self.deadlines.of(&name));
        let task = judged.task.clone();
        let started = Instant::now();
        let outcome = within(&verifier.clone(), limit, async move { verifier.verify(&judged).await }).await;
        let verdict = outcome.and_then(|outcome| in_range(outcome, range, &name, &task.id));
        VerifierVerdict { verifier: name, weight, range, verdict, seconds: started.elapsed().as_secs_f64() }
    }

    async fn ask_group(&self, group: Vec<Judged>) -> Vec<VerifierVerdict> {
        let Some(first) = group.first() else { return Vec::new() };
        let (task, num_asked) = (first.task.clone(), group.len());
        let asked = &task.verifiers[first.verifier_index];
        let (name, weight) = (asked.name.as_str(), asked.weight);
        let verifier = match self.get(name) {
            Ok(verifier) => verifier.clone(),
            Err(_) => return Vec::new(), // one that is unknown compares nothing
        };
        let (range, limit) = (verifier.range(), self.deadlines.of(name));
        let started = Instant::now();
        let outcomes = within(&verifier.clone(), limit, async move { verifier.verify_group(&group).await }).await;
        let seconds = started.elapsed().as_secs_f64();
        let verdicts: Vec<Outcome> = match outcomes {
            Ok(outcomes) if outcomes.len() == num_asked => {
                outcomes.into_iter().map(|outcome| in_range(outcome, range, name, &task.id)).collect()
            }
            Ok(outcomes) => {
                let problem = format!("it gave {} verdicts for {num_asked} completions", outcomes.len());
                (0..num_asked).map(|_| Err(VerifierError::crashed(name, &problem))).collect()
            }
            Err(VerifierError::NoVerdict { kind, problem, .. }) => {
                let error = || VerifierError::NoVerdict { name: name.to_owned(), kind, problem: problem.clone() };
                (0..num_asked).map(|_| Err(error())).collect()
            }
            Err(error) => {
                let problem = error.to_string();
                (0..num_asked).map(|_| Err(VerifierError::crashed(name, &problem))).collect()
            }
        };
        let said = |verdict| VerifierVerdict { verifier: name.to_owned(), weight, range, verdict, seconds };
        verdicts.into_iter().map(said).collect()
    }
}

impl VerifierVerdict {
    fn none(verifier: String, weight: f32, error: VerifierError) -> Self {
        Self { verifier, weight, range: ScoreRange::default(), verdict: Err(error), seconds: 0.0 }
    }
}

/// Runs `asking` on rayon's threads where the verifier only computes, and as a task of tokio's where it waits.
///
/// A computation that passes its deadline is given up, and holds its thread until it ends.
async fn within<T: Send + 'static>(
    verifier: &Arc<dyn Verifier>,
    limit: Duration,
    asking: impl Future<Output = T> + Send + 'static,
) -> Result<T, VerifierError> {
    let answered = if verifier.only_computes() {
        let (sender, receiver) = oneshot::channel();
        rayon::spawn(move || {
            // Asked once and not waited for. A verifier that computes on rayon's threads has this thread take up
            // another verdict meanwhile, and one wait within another is a panic that ends the process.
            let answer = AssertUnwindSafe(asking).catch_unwind().now_or_never();
            let answer = answer.map_or_else(|| Err(WAITS.to_owned()), |answer| answer.map_err(panicked));
            let _ = sender.send(answer); // nobody is there any more after the deadline or an interrupt
        });
        timeout(limit, async { receiver.await.unwrap_or_else(|_| Err("its thread ended".to_owned())) }).await
    } else {
        // A task of its own, so that one that blocks its thread holds up no deadline; it is aborted with the set.
        let mut task = JoinSet::new();
        task.spawn(asking);
        timeout(limit, async {
            match task.join_next().await {
                Some(Ok(answer)) => Ok(answer),
                Some(Err(error)) if error.is_panic() => Err(panicked(error.into_panic())),
                _ => Err("its task was ended".to_owned()),
            }
        })
        .await
    };
    let name = verifier.name();
    answered
        .map_err(|_| VerifierError::timed_out(name, format!("after {} seconds", limit.as_secs_f64())))?
        .map_err(|problem| VerifierError::crashed(name, problem))
}

/// What a panic says.
fn panicked(panic: Box<dyn Any + Send>) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    format!("it panicked: {}", text.unwrap_or("see the message above"))
}

/// The outcome, apart from a score that the verifier may not give.
fn in_range(outcome: Outcome, range: ScoreRange, name: &str, task: &str) -> Outcome {
    match outcome {
        // One that judged no answer has the lowest score, which 0 is not in every range.
        Ok(verdict) if matches!(verdict.kind, VerdictKind::NoAnswer | VerdictKind::Unparsed) => {
            Ok(Verdict { score: range.low, ..verdict })
        }
        Ok(verdict) if verdict.kind.is_verdict() && !range.contains(verdict.score) => {
            let (name, task) = (name.to_owned(), task.to_owned());
            Err(VerifierError::ScoreOutOfRange { name, task, score: verdict.score, range })
        }
        outcome => outcome,
    }
}

#[cfg(test)]
mod tests {
    use datasets::{Task, TaskKind, TaskVerifier};
    use rayon::prelude::*;

    use super::*;
    use crate::{GroupFuture, VerdictFuture, VerifiersConfig};

    /// What a verifier of the tests does when it is asked.
    #[derive(Clone, Copy)]
    enum Deed {
        Score(f32),
        Panic,
        Hang,
        Spin,
    }

    struct Doing {
        name: &'static str,
        deed: Deed,
        computes: bool,
    }

    impl Verifier for Doing {
        fn name(&self) -> &str {
            self.name
        }

        fn only_computes(&self) -> bool {
            self.computes
        }

        fn verify<'a>(&'a self, _: &'a Judged) -> VerdictFuture<'a> {
            Box::pin(async move {
                match self.deed {
                    Deed::Score(score) => Ok(Verdict::of_score(score, ScoreRange::default(), "")),
                    Deed::Panic => panic!("out of cheese"),
                    Deed::Hang => std::future::pending().await,
                    Deed::Spin => {
                        std::thread::sleep(Duration::from_secs(3));
                        Ok(Verdict::pass("late"))
                    }
                }
            })
        }
    }

    fn judged(names: &[&str]) -> Judged {
        let mut task = Task::new("t", TaskKind::MATH, Vec::new(), TaskVerifier::new("", ""));
        task.verifiers = names.iter().map(|name| TaskVerifier::new(*name, "")).collect();
        Judged::new(task, "")
    }

    /// Kinds of the verdicts within a deadline: a short one only where it is to pass, for tests that run at the same
    /// time share rayon's threads.
    async fn kinds(verifiers: Vec<Doing>, deadline_seconds: f64) -> Vec<VerdictKind> {
        let config = VerifiersConfig { deadline_seconds, ..VerifiersConfig::default() };
        let mut registry = Verifiers::default();
        registry.deadlines = config.deadlines();
        let names: Vec<_> = verifiers.iter().map(|verifier| verifier.name).collect();
        for verifier in verifiers {
            registry.register(Arc::new(verifier));
        }
        registry.judge(&judged(&names)).await.verdicts.iter().map(VerifierVerdict::kind).collect()
    }

    #[tokio::test]
    async fn whatever_a_verifier_does_ends_as_a_kind() {
        for computes in [false, true] {
            let doing = |name, deed| Doing { name, deed, computes };
            let verifiers = vec![
                doing("right", Deed::Score(1.0)),
                doing("partly", Deed::Score(0.5)),
                doing("panics", Deed::Panic),
                doing("too much", Deed::Score(1.5)),
                doing("no number", Deed::Score(f32::NAN)),
            ];
            let found = kinds(verifiers, 60.0).await;
            use VerdictKind::{Crashed, Partial, Passed};
            assert_eq!(found, [Passed, Partial, Crashed, Crashed, Crashed], "computes: {computes}");
        }
    }

    #[test]
    fn one_that_only_computes_judges_where_it_is_asked_and_ends_as_a_kind_too() {
        let kind = |deed, computes| {
            let mut registry = Verifiers::default();
            registry.register(Arc::new(Doing { name: "one", deed, computes }));
            let judgement = registry.judge_here(&judged(&["one"]))?;
            Some(judgement.verdicts[0].kind())
        };
        assert_eq!(kind(Deed::Score(1.0), true), Some(VerdictKind::Passed));
        for deed in [Deed::Panic, Deed::Hang, Deed::Score(1.5)] {
            assert_eq!(kind(deed, true), Some(VerdictKind::Crashed));
        }
        assert_eq!(kind(Deed::Score(1.0), false), None);
    }

    #[tokio::test]
    async fn one_that_waits_where_it_only_computes_has_no_verdict() {
        let found = kinds(vec![Doing { name: "hangs", deed: Deed::Hang, computes: true }], 60.0).await;
        assert_eq!(found, [VerdictKind::Crashed]);
    }

    /// Spreads its work over rayon's threads, so that the thread that judges takes up other verdicts while it waits.
    struct Spreading;

    impl Verifier for Spreading {
        fn name(&self) -> &str {
            "spreading"
        }

        fn only_computes(&self) -> bool {
            true
        }

        fn verify<'a>(&'a self, _: &'a Judged) -> VerdictFuture<'a> {
            let slowly = |_| std::thread::sleep(Duration::from_millis(1));
            Box::pin(async move {
                (0..16).into_par_iter().for_each(slowly);
                Ok(Verdict::pass(""))
            })
        }
    }

    #[tokio::test]
    async fn verdicts_within_verdicts_are_verdicts() {
        let mut registry = Verifiers::default();
        registry.register(Arc::new(Spreading));
        let judged = judged(&["spreading"]);
        let judgements = join_all((0..32).map(|_| registry.judge(&judged))).await;
        assert!(judgements.iter().all(|judgement| judgement.verdicts[0].kind() == VerdictKind::Passed));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 3)]
    async fn a_verdict_has_a_deadline() {
        let verifiers = vec![
            Doing { name: "blocks", deed: Deed::Spin, computes: false },
            Doing { name: "hangs", deed: Deed::Hang, computes: false },
            Doing { name: "spins", deed: Deed::Spin, computes: true },
        ];
        let found = kinds(verifiers, 0.2).await;
        assert_eq!(found, [VerdictKind::TimedOut; 3]);
    }

    #[tokio::test]
    async fn an_unknown_verifier_is_no_score() {
        let judgement = Verifiers::default().judge(&judged(&["nobody"])).await;
        assert_eq!(judgement.verdicts[0].kind(), VerdictKind::TaskUnusable);
    }

    /// Passes the longest completion of a group.
    struct Longest;

    impl Verifier for Longest {
        fn name(&self) -> &str {
            "longest"
        }

        fn compares(&self) -> bool {
            true
        }

        fn verify<'a>(&'a self, _: &'a Judged) -> VerdictFuture<'a> {
            Box::pin(async { Ok(Verdict::pass("alone")) })
        }

        fn verify_group<'a>(&'a self, group: &'a [Judged]) -> GroupFuture<'a> {
            let most = group.iter().map(|judged| judged.completion.len()).max();
            let verdict = move |judged: &Judged| match Some(judged.completion.len()) == most {
                true => Ok(Verdict::pass("the longest")),
                false => Ok(Verdict::fail("shorter")),
            };
            Box::pin(async move { group.iter().map(verdict).collect() })
        }
    }

    #[tokio::test]
    async fn a_group_is_compared_as_a_whole() {
        let mut registry = Verifiers::default();
        registry.register(Arc::new(Longest));
        let group = ["a", "abc"].map(|text| Judged { completion: text.into(), ..judged(&["longest"]) });
        let mut judgements = Vec::new();
        for one in &group {
            judgements.push(registry.judge(one).await);
        }
        assert!(judgements.iter().all(|judgement| judgement.verdicts.is_empty()));
        registry.judge_group(&group, &mut judgements).await;
        let passed: Vec<_> = judgements.iter().map(|judgement| judgement.verdict().unwrap().passed()).collect();
        assert_eq!(passed, [false, true]);
    }
}
