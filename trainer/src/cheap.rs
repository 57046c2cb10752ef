//! What a policy gets for nothing: the share of tasks that pass with completions that anyone could write without having
//! read the task, or by having read it alone. Seen before a step is paid for.
//!
//! A bounded sample of the tasks of each verifier and kind is judged, drawn by the tasks' ids.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result};
use datasets::{Task, TaskKind};
use progress::{Progress, Unit, say};
use random::KeyedRng;
use serde_json::Value;
use strum::{IntoStaticStr, VariantArray};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use verifiers::{Judged, VerifiersConfig};

use crate::interrupt::Interrupt;
use crate::judge::Judge;

/// Completions that are judged at a time.
const IN_FLIGHT: usize = 64;
/// The verifier of tasks that no rule judges.
const OPEN_ENDED: &str = "preference";
/// Number of repetitions of the loop's word.
const LOOP_LENGTH: usize = 300;

/// A completion that is worth nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum CheapWay {
    /// Nothing at all.
    Empty,
    /// The question, repeated.
    Question,
    /// The question's first formula, or else its first number, in a box.
    Formula,
    /// The word `ok`.
    Ok,
    /// One word, 300 times.
    Loop,
    /// The answer that most of the tasks have, in a box; where answers are texts.
    CommonestAnswer,
}

/// Shares of the tasks of a verifier and a kind that pass, by way.
#[derive(Clone, Debug)]
pub(crate) struct CheapShares {
    /// The verifiers' names, joined by `+`.
    pub verifier: String,
    pub kind: TaskKind,
    /// Number of tasks there are.
    pub num_tasks: usize,
    /// Number of tasks that were judged.
    pub num_judged: usize,
    /// Number of them that passed, by way.
    pub num_passed: BTreeMap<CheapWay, usize>,
}

impl CheapWay {
    /// The word in files and on the console.
    pub(crate) fn as_str(self) -> &'static str {
        self.into()
    }

    /// The completion for a task; `None` where the way does not apply.
    fn completion(self, task: &Task, commonest: Option<&str>) -> Option<String> {
        let question = || task.messages.iter().rfind(|message| message.role == "user").map(|m| m.content.as_str());
        match self {
            Self::Empty => Some(String::new()),
            Self::Question => question().map(str::to_owned),
            Self::Formula => Some(format!("\\boxed{{{}}}", first_formula(question()?)?)),
            Self::Ok => Some("ok".to_owned()),
            Self::Loop => Some("the ".repeat(LOOP_LENGTH)),
            Self::CommonestAnswer => commonest.map(|answer| format!("Answer: \\boxed{{{answer}}}")),
        }
    }
}

impl CheapShares {
    /// The share of the judged tasks that pass.
    pub(crate) fn share(&self, way: CheapWay) -> f64 {
        self.num_passed.get(&way).copied().unwrap_or(0) as f64 / self.num_judged.max(1) as f64
    }

    /// The shares as a line for people.
    pub(crate) fn line(&self, source: &str) -> String {
        let shares = CheapWay::VARIANTS.iter().map(|way| {
            let words = way.as_str().replace('_', " ");
            format!("{words} {:.0} %", 100.0 * self.share(*way))
        });
        let shares: Vec<String> = shares.collect();
        let Self { verifier, kind, num_tasks, num_judged, .. } = self;
        format!("for nothing: {source}, {verifier}, {kind} ({num_judged} of {num_tasks} tasks): {}", shares.join(", "))
    }
}

/// The shares of each verifier and kind, over at most `sample` tasks each; verifiers that `is_asked` leaves out are not
/// asked.
///
/// # Errors
/// The user interrupts.
pub(crate) async fn cheap_shares(
    tasks: &[Arc<Task>],
    judge: &Arc<Judge>,
    sample: usize,
    is_asked: impl Fn(&str) -> bool,
    interrupt: &Interrupt,
) -> Result<Vec<CheapShares>> {
    let mut groups: BTreeMap<(String, TaskKind), Vec<&Arc<Task>>> = BTreeMap::new();
    for task in tasks {
        let names: Vec<&str> = task.verifiers.iter().map(|verifier| verifier.name.as_str()).collect();
        if sample > 0 && names.iter().all(|name| is_asked(name)) && !judge.compares(task) {
            groups.entry((names.join("+"), task.kind.clone())).or_default().push(task);
        }
    }
    let turns = Arc::new(Semaphore::new(IN_FLIGHT));
    let mut judging = JoinSet::new();
    let mut shares = Vec::with_capacity(groups.len());
    for ((verifier, kind), mut tasks) in groups {
        let num_tasks = tasks.len();
        let commonest = commonest_answer(&tasks);
        let number = |task: &Arc<Task>| KeyedRng::new(&["cheap".into(), task.id.as_str().into()]).next_u64();
        tasks.sort_by_cached_key(|task| number(task));
        tasks.truncate(sample);
        for task in &tasks {
            for way in CheapWay::VARIANTS {
                let Some(text) = way.completion(task, commonest.as_deref()) else { continue };
                let judged = Judged::new((*task).clone(), text);
                let (judge, turns, group) = (judge.clone(), turns.clone(), shares.len());
                judging.spawn(async move {
                    let _turn = turns.acquire_owned().await;
                    let judgement = judge.judge(&judged).await;
                    let passed = judgement.error().is_none() && judgement.verdict().is_some_and(|it| it.passed());
                    (group, *way, passed)
                });
            }
        }
        shares.push(CheapShares { verifier, kind, num_tasks, num_judged: tasks.len(), num_passed: BTreeMap::new() });
    }
    let progress = Progress::aside("judging answers worth nothing", Unit::Parts, Some(judging.len() as u64));
    let counted = interrupt.race(async {
        while let Some(judged) = judging.join_next().await {
            let (group, way, passed) = judged.context("the verdict on a completion that is worth nothing")?;
            progress.advance(1);
            *shares[group].num_passed.entry(way).or_default() += usize::from(passed);
        }
        anyhow::Ok(())
    });
    counted.await??;
    Ok(shares)
}

/// Says on the console what a policy gets for nothing on each source of tasks. Verifiers of a user's own are not asked:
/// they may be slow, or cost money.
///
/// # Errors
/// The user interrupts.
pub(crate) async fn say_cheap_shares(
    sources: Vec<(&str, Vec<Arc<Task>>)>,
    judge: &Arc<Judge>,
    verifiers: &VerifiersConfig,
    sample: usize,
    interrupt: &Interrupt,
) -> Result<()> {
    let is_asked = |name: &str| is_built_in(verifiers, name);
    for (source, tasks) in sources {
        for shares in cheap_shares(&tasks, judge, sample, is_asked, interrupt).await? {
            say(&shares.line(source));
        }
    }
    Ok(())
}

/// True for a verifier that is neither a user's own nor one that has no rule.
fn is_built_in(config: &VerifiersConfig, name: &str) -> bool {
    let VerifiersConfig { command, python, component, http, .. } = config;
    let is_own = command.contains_key(name)
        || python.contains_key(name)
        || component.contains_key(name)
        || http.contains_key(name);
    !is_own && name != OPEN_ENDED
}

/// The answer that most of the tasks have; the first of equals. `None` where keys are no texts or numbers.
fn commonest_answer(tasks: &[&Arc<Task>]) -> Option<String> {
    let mut counts: Vec<(String, usize)> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for task in tasks {
        let truth = task.verifiers.first().map(|verifier| &verifier.ground_truth)?;
        let answer = truth.get("answer").unwrap_or(truth);
        let answer = match answer {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => continue,
        };
        let place = *places.entry(answer.clone()).or_insert_with(|| {
            counts.push((answer, 0));
            counts.len() - 1
        });
        counts[place].1 += 1;
    }
    let most = counts.iter().map(|(_, count)| *count).max()?;
    counts.into_iter().find(|(_, count)| *count == most).map(|(answer, _)| answer)
}

/// What stands between the question's first marks of mathematics, or else its first number.
fn first_formula(question: &str) -> Option<&str> {
    let between = |open: &str, close: &str| {
        let start = question.find(open)? + open.len();
        let length = question[start..].find(close)?;
        Some((start, question[start..start + length].trim())).filter(|(_, text)| !text.is_empty())
    };
    let found = [("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]")];
    let formula = found.iter().filter_map(|(open, close)| between(open, close)).min_by_key(|(start, _)| *start);
    formula.map(|(_, text)| text).or_else(|| {
        let start = question.find(|letter: char| letter.is_ascii_digit())?;
        let rest = &question[start..];
        let end = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.' && letter != ',');
        Some(rest[..end.unwrap_or(rest.len())].trim_end_matches(['.', ',']))
    })
}

#[cfg(test)]
mod tests {
    use datasets::{Message, TaskVerifier};
    use verifiers::RewardConfig;

    use super::*;
    use crate::config::SandboxSection;

    #[test]
    fn the_first_formula_is_found() {
        for (question, formula) in [
            ("Solve $x + 1 = 2$ for $x$.", Some("x + 1 = 2")),
            ("What is \\(3\\)? Or $4$?", Some("3")),
            ("Display: $$5$$", Some("5")),
            ("Ann has 1,200 apples.", Some("1,200")),
            ("Costs $5.", Some("5")),
            ("No number.", None),
        ] {
            assert_eq!(first_formula(question), formula, "{question}");
        }
    }

    #[tokio::test]
    async fn shares_are_those_of_the_real_verifiers() {
        let config = (VerifiersConfig::default(), RewardConfig::default(), SandboxSection::default());
        let judge = Judge::start_for(&["math".to_owned()].into(), &config.0, &config.1, &config.2).await.unwrap();
        let task = |i: usize, question: &str, answer: &str| {
            let verifier = TaskVerifier::new("math", answer);
            Arc::new(Task::new(format!("t{i}"), TaskKind::MATH, vec![Message::user(question)], verifier))
        };
        let tasks =
            [task(0, "What is $7$?", "7"), task(1, "1 + 1?", "2"), task(2, "3 - 1?", "2"), task(3, "9 + 9?", "18")];
        let judge = Arc::new(judge);
        let interrupt = Interrupt::default();
        let shares = cheap_shares(&tasks, &judge, 16, |_| true, &interrupt).await.unwrap();
        let [only] = shares.as_slice() else { panic!("{shares:?}") };
        assert_eq!((only.num_tasks, only.num_judged), (4, 4));
        assert_eq!((only.share(CheapWay::Formula), only.share(CheapWay::CommonestAnswer)), (0.25, 0.5));
        assert_eq!((only.share(CheapWay::Empty), only.share(CheapWay::Loop)), (0.0, 0.0));
        assert!(only.line("sums").contains("commonest answer 50 %"), "{}", only.line("sums"));
        let bounded = cheap_shares(&tasks, &judge, 2, |_| true, &interrupt).await.unwrap();
        assert_eq!(bounded[0].num_judged, 2);
        assert!(cheap_shares(&tasks, &judge, 16, |name| name != "math", &interrupt).await.unwrap().is_empty());
        assert!(cheap_shares(&tasks, &judge, 0, |_| true, &interrupt).await.unwrap().is_empty());
    }
}
