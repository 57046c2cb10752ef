//! What sampling and judging need.

use std::sync::Arc;

use policy::Texts;

use crate::interrupt::Interrupt;
use crate::judge::Judge;
use crate::patience::Patience;
use crate::worker::ModelWorker;

/// Samples groups from the policy and judges them.
#[derive(Clone)]
pub(crate) struct Collector {
    pub worker: ModelWorker,
    /// Tokenizer and chat template of the policy.
    pub texts: Arc<Texts>,
    /// Those of the reward model, where there is one.
    pub scorer_texts: Option<Arc<Texts>>,
    pub judge: Arc<Judge>,
    /// Waits for services that are away; none where their verdicts are missing then.
    pub patience: Option<Patience>,
    /// Ends the sampling.
    pub interrupt: Interrupt,
}

impl Collector {
    /// The same for an evaluation: without the reward model's scores, and without waiting for services.
    pub(crate) fn for_evaluation(&self) -> Self {
        Self { scorer_texts: None, patience: None, ..self.clone() }
    }
}
