//! A figure of the sweep's file: the metric, and where in a run it is read. Never the best step: that choice favours
//! whichever arm is the noisier.

use record::names::EVAL_PASS_AT_1;
use serde::{Deserialize, Serialize};
use toml::Value;

use crate::error::SweepError;

/// Word for the last step that records the figure.
const LAST: &str = "last";

/// `[[figure]]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figure {
    /// Name in tables.
    pub name: String,
    /// Name in `metrics.jsonl`, as `eval/maths/pass@1`.
    pub metric: String,
    /// `"last"`, the run's last step, or a step; `"last"` where neither is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Value>,
    /// In the place of `at`: the mean of so many last values that are recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_of_last: Option<usize>,
    /// True for the one figure that decides; exactly one is.
    #[serde(default)]
    pub primary: bool,
}

/// Place in a run where a figure is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The run's last step.
    Last,
    /// One step.
    Step(u64),
    /// The mean of so many last values that are recorded.
    MeanOfLast(usize),
}

impl Figure {
    /// Where it is read.
    ///
    /// # Errors
    /// `at` is neither a step nor `"last"`, both keys are given, or a mean is of nothing.
    pub fn place(&self) -> Result<Place, SweepError> {
        let refuse = |reason: &str| Err(SweepError::invalid(format!("figure {}: {reason}", self.name)));
        match (&self.at, self.mean_of_last) {
            (Some(_), Some(_)) => refuse("`at` and `mean_of_last` say two places; keep one"),
            (None, Some(0)) => refuse("`mean_of_last` must be at least 1"),
            (None, Some(count)) => Ok(Place::MeanOfLast(count)),
            (None, None) => Ok(Place::Last),
            (Some(Value::String(word)), None) if word == LAST => Ok(Place::Last),
            (Some(Value::Integer(step)), None) => match u64::try_from(*step) {
                Ok(step) => Ok(Place::Step(step)),
                Err(_) => refuse("`at` is a step, counted from 0"),
            },
            (Some(other), None) => refuse(&format!(
                "`at` is {other}; write \"last\" or a step, or `mean_of_last = K` in its place (never the best step: \
                 the noisier arm would win)"
            )),
        }
    }

    /// Its metric, and where that is read.
    pub(crate) fn in_words(&self) -> String {
        let place = match (&self.at, self.mean_of_last) {
            (_, Some(count)) => format!("the mean of the last {count} values"),
            (Some(at), _) if at.as_str().is_none() => format!("step {at}"),
            _ => "the last step".to_owned(),
        };
        format!("{} at {place}", self.metric)
    }

    /// Name of the dataset or suite where the metric is an evaluation's, `eval/NAME/…`.
    pub fn dataset(&self) -> Option<&str> {
        let (dataset, _) = self.metric.strip_prefix("eval/")?.rsplit_once('/')?;
        Some(dataset).filter(|dataset| *dataset != "preferences")
    }

    /// True where evaluations alone record it.
    pub(crate) fn is_of_evaluations(&self) -> bool {
        self.metric.starts_with("eval/")
    }

    /// True where it is a mean over tasks whose values are recorded one by one.
    pub(crate) fn is_by_task(&self) -> bool {
        EVAL_PASS_AT_1.part_of(&self.metric).is_some()
    }
}

impl Place {
    /// The steps that are read, in their order. `recorded` are those that record the figure, `due` those that were to
    /// record it where that is known, and `last_step` is the run's last: a step that is lost leaves no other in its
    /// place, for other cells are read at it.
    ///
    /// # Errors
    /// What is missing, in words.
    pub fn choose(self, recorded: &[u64], due: Option<&[u64]>, last_step: u64) -> Result<Vec<u64>, String> {
        let chosen = match self {
            Self::Last => vec![last_step],
            Self::Step(step) => vec![step],
            Self::MeanOfLast(count) => {
                let steps = due.unwrap_or(recorded);
                let Some(start) = steps.len().checked_sub(count) else {
                    return Err(format!(
                        "is recorded at {} steps, and the mean of the last {count} is asked for",
                        steps.len()
                    ));
                };
                // Where it is not known when the figure is due, the run's end alone must have it.
                let end = due.is_none().then_some(last_step).filter(|end| !steps.contains(end));
                steps[start..].iter().copied().chain(end).collect()
            }
        };
        match chosen.iter().find(|step| !recorded.contains(step)) {
            None => Ok(chosen),
            Some(step) => {
                let shown: Vec<String> = recorded.iter().map(u64::to_string).collect();
                let at = if shown.is_empty() { "no step".to_owned() } else { format!("steps {}", shown.join(", ")) };
                Err(format!("is not recorded at step {step}, but at {at}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(text: &str) -> Figure {
        toml::from_str(&format!("name = 'maths'\nmetric = 'eval/maths/pass@1'\n{text}")).unwrap()
    }

    #[test]
    fn a_place_is_the_last_a_step_or_a_mean_and_never_the_best() {
        assert_eq!(figure("").place().unwrap(), Place::Last);
        assert_eq!(figure("at = 'last'").place().unwrap(), Place::Last);
        assert_eq!(figure("at = 24").place().unwrap(), Place::Step(24));
        assert_eq!(figure("mean_of_last = 3").place().unwrap(), Place::MeanOfLast(3));
        for (text, words) in [
            ("at = 'best'", "never the best"),
            ("at = -1", "counted from 0"),
            ("mean_of_last = 0", "at least 1"),
            ("at = 3\nmean_of_last = 2", "keep one"),
        ] {
            let said = figure(text).place().unwrap_err().to_string();
            assert!(said.contains(words) && said.contains("maths"), "{said}");
        }
    }

    #[test]
    fn a_step_that_is_not_reached_is_named() {
        let recorded = [0, 8, 16];
        let choose = |place: Place, recorded: &[u64]| place.choose(recorded, None, 16);
        assert_eq!(choose(Place::Last, &recorded).unwrap(), [16]);
        assert_eq!(choose(Place::Step(8), &recorded).unwrap(), [8]);
        assert_eq!(choose(Place::MeanOfLast(2), &recorded).unwrap(), [8, 16]);
        let said = choose(Place::Step(24), &recorded).unwrap_err();
        assert!(said.contains("step 24") && said.contains("0, 8, 16"), "{said}");
        assert!(choose(Place::Last, &[]).unwrap_err().contains("at no step"));
        assert!(choose(Place::MeanOfLast(4), &recorded).unwrap_err().contains("at 3 steps"));
    }

    #[test]
    fn a_mean_takes_no_earlier_step_in_the_place_of_one_that_is_lost() {
        let due = [4, 8, 12, 16];
        let mean = |recorded: &[u64], due: Option<&[u64]>| Place::MeanOfLast(2).choose(recorded, due, 18);
        assert_eq!(mean(&due, Some(&due)).unwrap(), [12, 16]);
        let said = mean(&[4, 8, 12], Some(&due)).unwrap_err();
        assert_eq!(said, "is not recorded at step 16, but at steps 4, 8, 12");
        assert!(mean(&[4, 8, 16], Some(&due)).unwrap_err().contains("step 12"));
        // A figure of every step must be there at the run's end.
        assert!(mean(&[15, 16, 17], None).unwrap_err().contains("step 18"));
        assert_eq!(mean(&[15, 17, 18], None).unwrap(), [17, 18]);
    }

    #[test]
    fn the_dataset_stands_between_eval_and_the_last_part() {
        let of = |metric: &str| Figure { metric: metric.into(), ..figure("") }.dataset().map(str::to_owned);
        assert_eq!(of("eval/held/out/pass@1").as_deref(), Some("held/out"));
        assert_eq!(of("reward/mean"), None);
        assert_eq!(of("eval/preferences/accuracy"), None);
    }
}
