//! A mixture: several datasets, each with the share of tasks it gives.

use std::collections::HashSet;
use std::sync::Arc;

use crate::error::DatasetError;
use crate::task::Task;

/// A dataset in a mixture.
#[derive(Clone, Debug)]
pub struct Source {
    /// The name in saved positions, and a part of the key of the source's order; unique in a mixture.
    pub name: String,
    /// The source's tasks; a mixture refuses an empty source.
    pub tasks: Arc<[Arc<Task>]>,
    /// The share of tasks taken from the source, relative to the other sources' weights; finite, at least 0.
    pub weight: f64,
}

impl Source {
    /// A source of these tasks.
    pub fn new(name: impl Into<String>, tasks: Vec<Task>, weight: f64) -> Self {
        Self { name: name.into(), tasks: tasks.into_iter().map(Arc::new).collect(), weight }
    }
}

/// Several datasets with their weights, checked.
#[derive(Clone, Debug)]
pub struct Mixture {
    sources: Vec<Source>,
}

impl Mixture {
    /// A mixture of these sources, once they are checked.
    ///
    /// # Errors
    /// No source, a source without tasks, a name used twice, a weight that is negative or not
    /// finite, or no weight above 0.
    pub fn new(sources: Vec<Source>) -> Result<Self, DatasetError> {
        let wrong = |problem: String| Err(DatasetError::Mixture { problem });
        let mut names = HashSet::new();
        for Source { name, tasks, weight } in &sources {
            if !names.insert(name.as_str()) {
                return wrong(format!("source \"{name}\" is named twice"));
            }
            if tasks.is_empty() {
                return wrong(format!("source \"{name}\" has no tasks"));
            }
            if !weight.is_finite() || *weight < 0.0 {
                return wrong(format!(
                    "source \"{name}\" has weight {weight}; a weight is a finite number, at least 0"
                ));
            }
        }
        let total: f64 = sources.iter().map(|source| source.weight).sum();
        if !(total.is_finite() && total > 0.0) {
            return wrong("no source has a weight above 0".to_owned());
        }
        Ok(Self { sources })
    }

    /// The sources, in the order given.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// The sources' shares in their order; they sum to 1.
    pub fn shares(&self) -> Vec<f64> {
        let total: f64 = self.sources.iter().map(|source| source.weight).sum();
        self.sources.iter().map(|source| source.weight / total).collect()
    }
}
