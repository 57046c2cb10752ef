//! One process of a command: questions in, a line each, and answers out in the same order.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::CommandConfig;
use crate::VerifierError;
use crate::batching::{BatchWorker, Call};
use crate::line_process::{Broken, LineProcess, Step, with_words};
use crate::plugin_answer::PluginAnswer;

/// Grace for the first answer of a process, which has to start.
const START: Duration = Duration::from_secs(5);

/// A process, or the place for one.
pub(super) struct CommandWorker {
    pub name: String,
    pub config: Arc<CommandConfig>,
    pub process: Option<LineProcess>,
}

impl BatchWorker for CommandWorker {
    async fn judge(&mut self, mut batch: VecDeque<Call>) -> VecDeque<Call> {
        // The process is put back only after a whole exchange: after any other nobody knows which answer comes next.
        let kept = self.process.take().and_then(|mut process| process.is_running().then_some(process));
        let had_answered = kept.is_some();
        let mut process = match kept.map_or_else(|| LineProcess::start(&self.config.command), Ok) {
            Ok(process) => process,
            Err(problem) => {
                batch.drain(..).for_each(|call| call.end(Err(VerifierError::crashed(&self.name, &problem))));
                return batch;
            }
        };
        let lines: Vec<u8> = batch.iter().flat_map(|call| call.question.iter().copied().chain([b'\n'])).collect();
        let limit = Duration::try_from_secs_f64(self.config.timeout_seconds).unwrap_or(Duration::MAX);
        let first = if had_answered { limit } else { limit.saturating_add(START) };
        let asked = batch.len();
        let exchange = process.exchange(&lines, [first, limit], |line| {
            let verdict = PluginAnswer::read(line)?.verdict(&self.name, self.config.range);
            if let Some(call) = batch.pop_front() {
                call.end(verdict);
            }
            Ok(if batch.is_empty() { Step::Done } else { Step::Answered })
        });
        let error = match exchange.await {
            Ok(()) => {
                self.process = Some(process);
                return batch;
            }
            // It ended between two questions, as a command may that answers only so many.
            Err(Broken::Ended(_)) if had_answered || batch.len() < asked => return batch,
            Err(Broken::Ended(how)) => VerifierError::crashed(&self.name, how),
            Err(Broken::Malformed(how)) => VerifierError::crashed(&self.name, with_words(&how, &process.said())),
            Err(Broken::Silent) => {
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
