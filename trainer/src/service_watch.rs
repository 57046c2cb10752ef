//! Watch over the services that verifiers need: one that stays away ends the run, with its own words, before hours pass
//! in which nothing is learned.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use verifiers::{VerdictKind, VerifierVerdict};

/// How many steps in a row each verifier was asked and always found its service away.
#[derive(Debug)]
pub(crate) struct ServiceWatch {
    max_steps: u64,
    steps_away: BTreeMap<String, u64>,
}

impl ServiceWatch {
    /// A watch that lets a service be away for fewer steps than this in a row; 0 for any number.
    pub(crate) fn new(max_steps: u64) -> Self {
        Self { max_steps, steps_away: BTreeMap::new() }
    }

    /// Takes note of the verdicts of a step.
    ///
    /// # Errors
    /// A verifier's service was away in each of the last steps.
    pub(crate) fn note<'a>(&mut self, verdicts: impl Iterator<Item = &'a VerifierVerdict>) -> Result<()> {
        let mut asked: BTreeMap<&str, (bool, &VerifierVerdict)> = BTreeMap::new();
        for said in verdicts {
            let is_away = match said.kind() {
                VerdictKind::Unavailable | VerdictKind::TimedOut => true,
                // Found without the service, so that they say nothing about it.
                VerdictKind::NoAnswer
                | VerdictKind::Unparsed
                | VerdictKind::NotApplicable
                | VerdictKind::TaskUnusable => continue,
                _ => false,
            };
            asked.entry(&said.verifier).or_insert((true, said)).0 &= is_away;
        }
        for (name, (is_away, said)) in asked {
            if !is_away {
                self.steps_away.remove(name);
                continue;
            }
            let steps = self.steps_away.entry(name.to_owned()).or_default();
            *steps += 1;
            if self.max_steps > 0 && *steps >= self.max_steps {
                bail!(
                    "verifier `{name}` came to no verdict in {steps} steps in a row, which \
                     verifiers.max_steps_unavailable does not allow: {}",
                    said.reason()
                );
            }
            tracing::warn!(verifier = name, steps, reason = said.reason(), "no verdict in a whole step");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use verifiers::{ScoreRange, Verdict, VerifierError};

    use super::*;

    fn said(verdict: Result<Verdict, VerifierError>) -> VerifierVerdict {
        let range = ScoreRange::default();
        VerifierVerdict { verifier: "code_stdio".into(), weight: 1.0, range, verdict, seconds: 0.0 }
    }

    #[test]
    fn a_service_that_stays_away_ends_the_run_with_its_words() {
        let away = || said(Err(VerifierError::unavailable("code_stdio", "connection refused")));
        let mut watch = ServiceWatch::new(2);
        watch.note([away(), said(Ok(Verdict::no_answer("no block of code")))].iter()).unwrap();
        // Steps that do not ask do not count, and one verdict begins the count again.
        watch.note([said(Ok(Verdict::no_answer("no block of code")))].iter()).unwrap();
        watch.note([away(), said(Ok(Verdict::fail("")))].iter()).unwrap();
        watch.note([away()].iter()).unwrap();
        let error = watch.note([away()].iter()).unwrap_err().to_string();
        assert!(error.contains("code_stdio") && error.contains("connection refused"), "{error}");
        let mut patient = ServiceWatch::new(0);
        (0..9).for_each(|_| patient.note([away()].iter()).unwrap());
    }
}
