//! A batch of calls while its answers come in, and who is to blame where they stop coming. It must not know where the
//! plug-in runs.

use std::collections::VecDeque;

use super::config::PythonConfig;
use super::harness::{Found, Said};
use crate::batching::Call;
use crate::{ScoreRange, VerdictKind, VerifierError};

/// Calls with those answered taken out.
pub(super) struct OpenBatch<'a> {
    name: &'a str,
    range: ScoreRange,
    /// True where the calls are one: none is judged without the others.
    is_group: bool,
    calls: Vec<Option<Call>>,
    /// True once the harness said that the batch is over.
    pub is_over: bool,
}

impl<'a> OpenBatch<'a> {
    /// A batch of the plug-in called `name`.
    pub(super) fn new(name: &'a str, config: &PythonConfig, batch: VecDeque<Call>) -> Self {
        let PythonConfig { range, group, .. } = *config;
        Self { name, range, is_group: group, calls: batch.into_iter().map(Some).collect(), is_over: false }
    }

    /// Takes in a line of the harness.
    pub(super) fn take(&mut self, said: Said) {
        let (index, outcome) = match said {
            Said::Answer { index, answer } => (index, answer.verdict(self.name, self.range)),
            Said::Failed { index, error, kind } => {
                let kind = if kind.is_verdict() { VerdictKind::Crashed } else { kind };
                (index, Err(VerifierError::NoVerdict { name: self.name.to_owned(), kind, problem: error }))
            }
            Said::End => {
                self.is_over = true;
                return;
            }
            Said::Loaded | Said::Found(..) | Said::Refused(_) => return,
        };
        // A second answer to a call says nothing new.
        if let Some(call) = self.calls.get_mut(index).and_then(Option::take) {
            call.end(outcome);
        }
    }

    /// Ends all calls that are open with `error`.
    pub(super) fn fail(self, kind: VerdictKind, problem: &str) -> VecDeque<Call> {
        for call in self.calls.into_iter().flatten() {
            let name = self.name.to_owned();
            call.end(Err(VerifierError::NoVerdict { name, kind, problem: problem.to_owned() }));
        }
        VecDeque::new()
    }

    /// Those that are to be judged again, after the run ended in time: each by itself where none was answered. A call
    /// that had the run to itself ends: it would be no better answered the next time.
    pub(super) fn rest(self) -> VecDeque<Call> {
        let num_asked = self.calls.len();
        if num_asked == 1 || self.is_group {
            return self.fail(VerdictKind::Crashed, "it gave no answer");
        }
        match self.calls.iter().flatten().count() {
            num_open if num_open == num_asked => self.singly(),
            _ => self.calls.into_iter().flatten().collect(),
        }
    }

    /// Those that are open, to be judged again each by itself.
    fn singly(self) -> VecDeque<Call> {
        let mut open: VecDeque<Call> = self.calls.into_iter().flatten().collect();
        open.iter_mut().for_each(|call| call.alone = true);
        open
    }

    /// Those that are to be judged again after a run that judged none of them: each by itself, or where that is no
    /// other run, none.
    pub(super) fn singly_or_fail(self, kind: VerdictKind, problem: &str) -> VecDeque<Call> {
        if self.is_group || self.calls.len() == 1 { self.fail(kind, problem) } else { self.singly() }
    }

    /// Those that are to be judged again, after the run broke: the call that broke it ends with `kind` and `problem`
    /// where it is known, and else each has a run to itself.
    pub(super) fn blame(self, found: &Found, kind: VerdictKind, problem: &str) -> VecDeque<Call> {
        let name = self.name;
        if !found.is_sequential() {
            return self.singly_or_fail(kind, problem);
        }
        let mut open: VecDeque<Call> = self.calls.into_iter().flatten().collect();
        if let Some(call) = open.pop_front() {
            let name = name.to_owned();
            call.end(Err(VerifierError::NoVerdict { name, kind, problem: problem.to_owned() }));
        }
        open
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batching::CallOutcome;

    fn batch(num_calls: usize) -> (VecDeque<Call>, Vec<tokio::sync::oneshot::Receiver<CallOutcome>>) {
        (0..num_calls).map(|index| Call::new(vec![index as u8])).unzip()
    }

    #[test]
    fn a_call_that_was_asked_alone_is_not_asked_for_ever() {
        let (calls, mut waiting) = batch(1);
        let mut open = OpenBatch::new("plug", &PythonConfig::new("a.py"), calls);
        open.take(Said::End);
        assert!(open.rest().is_empty());
        let error = waiting[0].try_recv().unwrap().unwrap_err();
        assert_eq!(error.kind(), VerdictKind::Crashed);
        assert!(error.to_string().contains("it gave no answer"), "{error}");
    }

    #[test]
    fn a_batch_without_an_answer_comes_to_single_calls() {
        let (calls, mut waiting) = batch(3);
        let mut open = OpenBatch::new("plug", &PythonConfig::new("a.py"), calls);
        open.take(Said::End);
        let again = open.rest();
        assert!(again.len() == 3 && again.iter().all(|call| call.alone));
        assert!(waiting.iter_mut().all(|outcome| outcome.try_recv().is_err()));
    }
}
