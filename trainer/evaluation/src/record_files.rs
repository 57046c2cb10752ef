//! Names of the files of an evaluation's folder.

pub(crate) const SETTINGS: &str = "settings.json";
pub(crate) const SAMPLES: &str = "samples.jsonl";
pub(crate) const VERDICTS: &str = "verdicts.jsonl";
pub(crate) const TIMES: &str = "times.jsonl";
pub(crate) const TABLE: &str = "samples.parquet";
