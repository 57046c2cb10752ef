//! Whether a completion has a reward, given what its verifiers said.

use crate::{Judgement, RewardConfig, Verdict, VerdictKind, VerifierVerdict, Worth};

/// What is done with a completion.
#[derive(Debug, Clone, PartialEq)]
pub enum Settlement {
    /// It is paid by this verdict.
    Pay(Verdict),
    /// It is left out of its group.
    Mask,
    /// Its group is left out.
    DropGroup,
    /// The run ends, for this reason.
    Abort(String),
}

impl RewardConfig {
    /// Settles a judgement. The worst worth among the verifiers decides (`abort`, `drop_group`, `mask`, `wrong`); one
    /// that is `wrong` counts with a score of 0 in the mean by weight. A completion to which no verifier applies is
    /// masked.
    pub fn settle(&self, judgement: &Judgement) -> Settlement {
        let worths = judgement.verdicts.iter().filter_map(|verdict| Some((self.worth_of_verdict(verdict)?, verdict)));
        match worths.max_by_key(|(worth, _)| *worth) {
            Some((Worth::Abort, verdict)) => {
                let word = verdict.detail().unwrap_or(verdict.kind().as_str());
                let (name, reason) = (&verdict.verifier, verdict.reason());
                let key = self.key_of_worth(verdict);
                Settlement::Abort(format!("{name}: {word}: {reason}; the run ends here because {key} is \"abort\""))
            }
            Some((Worth::DropGroup, _)) => Settlement::DropGroup,
            Some((Worth::Mask, _)) => Settlement::Mask,
            Some((Worth::Wrong, _)) | None => {
                let verdict = judgement.verdict_but(|said| self.is_wrong(said));
                verdict.map_or(Settlement::Mask, Settlement::Pay)
            }
        }
    }

    /// True for a verdict that counts as a wrong answer, whatever its score.
    pub(super) fn is_wrong(&self, verdict: &VerifierVerdict) -> bool {
        self.worth_of_verdict(verdict) == Some(Worth::Wrong)
    }

    /// The worth of one verdict; `None` where its score stands.
    fn worth_of_verdict(&self, verdict: &VerifierVerdict) -> Option<Worth> {
        let (kind, detail) = (verdict.kind(), verdict.detail());
        if kind == VerdictKind::Passed {
            return None;
        }
        let own = self.worth_of.get(&verdict.verifier);
        let own = own.and_then(|worths| detail.and_then(|word| worths.get(word)).or(worths.get(kind.as_str())));
        own.copied().or_else(|| self.math_worth(verdict)).or_else(|| self.worth.of(kind))
    }

    fn math_worth(&self, verdict: &VerifierVerdict) -> Option<Worth> {
        (verdict.verifier == "math").then(|| self.math.worth_of_word(verdict.detail()?))?
    }

    /// The key that set the worth of a verdict.
    fn key_of_worth(&self, verdict: &VerifierVerdict) -> String {
        let (name, kind, detail) = (&verdict.verifier, verdict.kind().as_str(), verdict.detail());
        let own = self.worth_of.get(name);
        match detail {
            Some(word) if own.is_some_and(|own| own.contains_key(word)) => format!("reward.worth_of.{name}.{word}"),
            _ if own.is_some_and(|own| own.contains_key(kind)) => format!("reward.worth_of.{name}.{kind}"),
            Some(word) if self.math_worth(verdict).is_some() => format!("reward.math.{word}"),
            _ => format!("reward.worth.{kind}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ScoreRange, VerifierError};

    fn said(verifier: &str, verdict: Result<Verdict, VerifierError>) -> VerifierVerdict {
        let (weight, range) = (1.0, ScoreRange::default());
        VerifierVerdict { verifier: verifier.into(), weight, range, verdict, seconds: 0.0 }
    }

    /// Of three verifiers one passes, one crashed and one timed out.
    fn three() -> Judgement {
        let crashed = Err(VerifierError::crashed("lint", "exit status 3"));
        let timed_out = Err(VerifierError::timed_out("style", "after 1 seconds"));
        let verdicts = vec![said("math", Ok(Verdict::pass("4"))), said("lint", crashed), said("style", timed_out)];
        Judgement { verdicts }
    }

    fn settled(config: &str) -> Settlement {
        toml::from_str::<RewardConfig>(config).unwrap().settle(&three())
    }

    #[test]
    fn the_worst_worth_decides() {
        assert_eq!(settled(""), Settlement::DropGroup);
        assert_eq!(settled("worth = {crashed = \"mask\", timed_out = \"wrong\"}"), Settlement::Mask);
        let Settlement::Pay(verdict) = settled("worth = {crashed = \"wrong\", timed_out = \"wrong\"}") else {
            panic!()
        };
        assert_eq!((verdict.kind, verdict.score), (VerdictKind::Partial, 1.0 / 3.0));
        let Settlement::Abort(words) = settled("worth_of = {lint = {crashed = \"abort\"}}") else { panic!() };
        assert!(words.contains("exit status 3") && words.contains("reward.worth_of.lint.crashed"), "{words}");
    }

    #[test]
    fn a_verifiers_own_word_goes_before_the_kind() {
        let verdict = || Ok(Verdict::fail("it repeats").with_detail("repeated"));
        let judgement = Judgement { verdicts: vec![said("mine", verdict())] };
        let config: RewardConfig = toml::from_str("worth_of = {mine = {repeated = \"mask\"}}").unwrap();
        assert_eq!(config.settle(&judgement), Settlement::Mask);
        assert!(matches!(RewardConfig::default().settle(&judgement), Settlement::Pay(_)));
    }

    #[test]
    fn what_is_wrong_is_paid_nothing_whatever_its_score() {
        let unparsed = || Ok(Verdict { score: 1.0, ..Verdict::unparsed("half a line") });
        let judgement = Judgement { verdicts: vec![said("mine", unparsed())] };
        let Settlement::Pay(verdict) = RewardConfig::default().settle(&judgement) else { panic!() };
        assert_eq!((verdict.kind, verdict.score), (VerdictKind::Unparsed, 0.0));
        let partial = Judgement { verdicts: vec![said("mine", Ok(Verdict::of_checks(1, 2, true, "")))] };
        let config: RewardConfig = toml::from_str("worth_of = {mine = {partial = \"wrong\"}}").unwrap();
        let Settlement::Pay(verdict) = config.settle(&partial) else { panic!() };
        assert_eq!(verdict.score, 0.0);
    }

    #[test]
    fn the_gold_answer_that_cannot_be_read_is_worth_what_the_maths_section_says() {
        let error = || VerifierError::GoldUnparsed { task: "t".into(), problem: "?".into() };
        let judgement = Judgement { verdicts: vec![said("math", Err(error()))] };
        assert_eq!(RewardConfig::default().settle(&judgement), Settlement::Mask);
        let config: RewardConfig = toml::from_str("math = {gold_unparsed = \"abort\"}").unwrap();
        let Settlement::Abort(words) = config.settle(&judgement) else { panic!() };
        assert!(words.contains("reward.math.gold_unparsed is \"abort\""), "{words}");
    }
}
