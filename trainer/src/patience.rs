//! Waiting for a service that is away: whoever needs its verdict asks again and again, the run says for whom it waits
//! and since when, and one that stays away for too long ends it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use verifiers::{Judged, Judgement, VerdictKind};

use crate::interrupt::Interrupt;
use crate::judge::Judge;

/// First wait before a verifier is asked again; each that follows is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// Longest wait before a verifier is asked again.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// Time from one word about a service that is away to the next.
const WORD_INTERVAL: Duration = Duration::from_secs(60);
/// Times that a completion's verdict is asked for while the service has verdicts for others: then it is missing.
const ATTEMPTS: u32 = 4;

/// The services that a run waits for; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Patience {
    /// Longest wait; none waits at all.
    limit: Option<Duration>,
    interrupt: Interrupt,
    services: Arc<Mutex<BTreeMap<String, Service>>>,
}

/// What is known of a verifier's service.
#[derive(Debug, Default)]
struct Service {
    /// When it gave its last verdict.
    answered: Option<Instant>,
    /// Since when it is away, and when that was said last.
    away: Option<(Instant, Instant)>,
}

/// A service that was away for as long as a run waits, or that it was waited for when the user asked it to stop.
#[derive(Debug)]
pub(crate) struct ServiceAway {
    verifier: String,
    waited: Duration,
    reason: String,
}

impl fmt::Display for ServiceAway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, Self { verifier, reason, .. }) = (self.waited.as_secs(), self);
        write!(f, "the service of verifier `{verifier}` is away for {seconds} s (verifiers.pause_minutes): {reason}")
    }
}

impl std::error::Error for ServiceAway {}

impl Patience {
    /// Waits for `minutes` at most; 0 does not wait.
    pub(crate) fn new(minutes: f64, interrupt: Interrupt) -> Self {
        let limit = Duration::try_from_secs_f64(minutes * 60.0).ok().filter(|limit| !limit.is_zero());
        Self { limit, interrupt, services: Arc::default() }
    }

    /// Judges a completion, and waits for the services of its verifiers.
    ///
    /// # Errors
    /// One is away for too long, or the user asks the run to stop meanwhile.
    pub(crate) async fn judge(&self, judge: &Judge, judged: &Judged) -> Result<Judgement, ServiceAway> {
        let begun = Instant::now();
        let mut judgement = judge.judge(judged).await;
        let (mut wait, mut num_asked) = (FIRST_WAIT, 1);
        while let Some(limit) = self.limit {
            let Some((verifier, reason)) = self.note(&judgement, begun, num_asked) else { break };
            let waited = begun.elapsed();
            if waited >= limit || self.interrupt.asked().is_some() {
                return Err(ServiceAway { verifier, waited, reason });
            }
            let until = Instant::now() + wait;
            while Instant::now() < until && self.interrupt.asked().is_none() {
                tokio::time::sleep(FIRST_WAIT.min(wait)).await;
            }
            (wait, num_asked) = ((wait * 2).min(LONGEST_WAIT), num_asked + 1);
            judge.judge_again(judged, &mut judgement).await;
        }
        Ok(judgement)
    }

    /// Takes note of verdicts, and says what is said of services; returns the verifier whose service is waited for.
    fn note(&self, judgement: &Judgement, begun: Instant, num_asked: u32) -> Option<(String, String)> {
        let mut services = self.services.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut missing, now) = (None, Instant::now());
        for said in &judgement.verdicts {
            let service = services.entry(said.verifier.clone()).or_default();
            if said.kind() != VerdictKind::Unavailable {
                service.answered = Some(now);
                if let Some((since, _)) = service.away.take() {
                    let seconds = since.elapsed().as_secs();
                    tracing::warn!("the service of verifier `{}` is back after {seconds} s", said.verifier);
                }
                continue;
            }
            let has_answered_others = service.answered.is_some_and(|answered| answered > begun);
            if num_asked >= ATTEMPTS && has_answered_others {
                continue; // it is there, and has no verdict on this one
            }
            let is_due = service.away.is_none_or(|(_, told)| told.elapsed() >= WORD_INTERVAL);
            if is_due {
                let since = service.away.map_or(now, |(since, _)| since);
                service.away = Some((since, now));
                let (verifier, seconds, reason) = (&said.verifier, since.elapsed().as_secs(), said.reason());
                tracing::warn!("waiting for the service of verifier `{verifier}`, away for {seconds} s: {reason}");
            }
            missing.get_or_insert_with(|| (said.verifier.clone(), said.reason()));
        }
        missing
    }
}

#[cfg(test)]
mod tests {
    use verifiers::{ScoreRange, Verdict, VerifierError, VerifierVerdict};

    use super::*;

    fn judgement(verdict: Result<Verdict, VerifierError>) -> Judgement {
        let range = ScoreRange::default();
        Judgement {
            verdicts: vec![VerifierVerdict { verifier: "code".into(), weight: 1.0, range, verdict, seconds: 0.0 }],
        }
    }

    #[test]
    fn a_service_is_waited_for_until_it_answers_others() {
        let patience = Patience::new(1.0, Interrupt::default());
        let away = || judgement(Err(VerifierError::unavailable("code", "connection refused")));
        let begun = Instant::now();
        for num_asked in 1..9 {
            let (verifier, reason) = patience.note(&away(), begun, num_asked).unwrap();
            assert!(verifier == "code" && reason.contains("connection refused"));
        }
        assert!(patience.note(&judgement(Ok(Verdict::fail(""))), begun, 1).is_none());
        // It has verdicts for others, and none for this one: which is missing after some attempts.
        assert!(patience.note(&away(), begun, ATTEMPTS - 1).is_some());
        assert!(patience.note(&away(), begun, ATTEMPTS).is_none());
        // What was begun later says nothing of that.
        assert!(patience.note(&away(), Instant::now(), ATTEMPTS).is_some());
    }
}
