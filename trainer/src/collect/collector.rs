//! What sampling and judging need.

use std::sync::Arc;

use policy::Texts;

use crate::interrupt::Interrupt;
use crate::judge::Judge;
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
    /// Ends the sampling.
    pub interrupt: Interrupt,
}

impl Collector {
    /// The same without the reward model's scores, for verdicts alone.
    pub(crate) fn unscored(&self) -> Self {
        Self { scorer_texts: None, ..self.clone() }
    }
}
