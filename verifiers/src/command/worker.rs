//! One process of a command: questions in, a line each, and answers out in the same order.
//!
//! A line that nobody asked for would shift every answer behind it to another question. An answer that repeats its
//! question's number is certain. The verdicts of others are held until their batch is over, and count only where no
//! further line follows.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::CommandConfig;
use crate::VerifierError;
use crate::batching::{BatchWorker, Call, CallOutcome};
use crate::line_process::{Broken, LineProcess, Step, with_words};
use crate::plugin_answer::PluginAnswer;

/// Grace for the first answer of a process, which has to start.
const START: Duration = Duration::from_secs(5);

/// Waits for a line too many after a batch.
#[derive(Clone, Copy)]
pub(super) struct SurplusWaits {
    /// After the first batch of a process: one that always writes two lines is found here.
    pub(super) first: Duration,
    /// After each other batch of one question.
    pub(super) one: Duration,
    /// After each other batch of several.
    pub(super) several: Duration,
}

impl Default for SurplusWaits {
    fn default() -> Self {
        let [first, one, several] = [50, 1, 5].map(Duration::from_millis);
        Self { first, one, several }
    }
}

/// A process, or the place for one.
pub(super) struct CommandWorker {
    name: String,
    config: Arc<CommandConfig>,
    waits: SurplusWaits,
    process: Option<LineProcess>,
    /// Lines written so far, to all of its processes.
    num_asked: u64,
}

impl CommandWorker {
    /// A worker of the command called `name`, without a process.
    pub(super) fn new(name: String, config: Arc<CommandConfig>, waits: SurplusWaits) -> Self {
        Self { name, config, waits, process: None, num_asked: 0 }
    }

    /// Numbers the questions from `first` on.
    fn lines(batch: &VecDeque<Call>, first: u64) -> Vec<u8> {
        let mut lines = Vec::new();
        for (number, call) in (first..).zip(batch) {
            // A question is an object with several keys.
            lines.extend(format!("{{\"ask\":{number},").bytes());
            lines.extend(&call.question[1..]);
            lines.push(b'\n');
        }
        lines
    }

    /// Ends the calls whose answers may be another's, once no line too many came behind them. Returns the process
    /// where it can be asked again.
    async fn settle(
        &self,
        held: Vec<(Call, CallOutcome)>,
        mut process: LineProcess,
        had_answered: bool,
    ) -> Option<LineProcess> {
        let wait = match held.len() {
            0 => Duration::ZERO,
            _ if !had_answered => self.waits.first,
            1 => self.waits.one,
            _ => self.waits.several,
        };
        let surplus = process.says_more(wait).await;
        let problem = surplus.as_ref().map(|line| {
            format!(
                "it wrote more lines than it was asked, so that nobody knows which answers which; the next is: {line}"
            )
        });
        for (call, outcome) in held {
            call.end(match &problem {
                Some(problem) => Err(VerifierError::crashed(&self.name, problem)),
                None => outcome,
            });
        }
        problem.is_none().then_some(process)
    }
}

impl BatchWorker for CommandWorker {
    async fn judge(&mut self, mut batch: VecDeque<Call>) -> VecDeque<Call> {
        // The process is put back only after a whole exchange: after any other nobody knows which answer comes next.
        let kept = self.process.take().and_then(|mut process| process.is_ready().then_some(process));
        let had_answered = kept.is_some();
        let mut process = match kept.map_or_else(|| LineProcess::start(&self.config.command), Ok) {
            Ok(process) => process,
            Err(problem) => {
                batch.drain(..).for_each(|call| call.end(Err(VerifierError::crashed(&self.name, &problem))));
                return batch;
            }
        };
        let mut expected = self.num_asked;
        let lines = Self::lines(&batch, expected);
        let limit = Duration::try_from_secs_f64(self.config.timeout_seconds).unwrap_or(Duration::MAX);
        let first = if had_answered { limit } else { limit.saturating_add(START) };
        let asked = batch.len();
        self.num_asked += asked as u64;
        let mut held = Vec::new();
        let exchange = process.exchange(&lines, [first, limit], |line| {
            let answer = PluginAnswer::read(line)?;
            let repeated = answer.ask;
            if let Some(other) = repeated.filter(|number| *number != expected) {
                return Err(format!("its answer has \"ask\": {other} where that to {expected} was due"));
            }
            expected += 1;
            let verdict = answer.verdict(&self.name, self.config.range);
            match (batch.pop_front(), repeated) {
                (Some(call), Some(_)) => call.end(verdict),
                (Some(call), None) => held.push((call, verdict)),
                (None, _) => {}
            }
            Ok(if batch.is_empty() { Step::Done } else { Step::Answered })
        });
        let broken = match exchange.await {
            Ok(()) => {
                self.process = self.settle(held, process, had_answered).await;
                return batch;
            }
            Err(broken) => broken,
        };
        held.into_iter().for_each(|(call, outcome)| call.end(outcome));
        let error = match broken {
            // It ended between two questions, as a command may that answers only so many.
            Broken::Ended(_) if had_answered || batch.len() < asked => return batch,
            Broken::Ended(how) => VerifierError::crashed(&self.name, how),
            Broken::Malformed(how) => VerifierError::crashed(&self.name, with_words(&how, &process.said())),
            Broken::Silent => {
                let problem = format!("after {} seconds", self.config.timeout_seconds);
                VerifierError::timed_out(&self.name, with_words(&problem, &process.said()))
            }
        };
        // The answer that did not come was for the first of those that are left.
        if let Some(call) = batch.pop_front() {
            call.end(Err(error));
        }
        batch
    }
}
