//! What a run would read and nobody has put there yet: for whoever plans runs before any of them begins.

use std::path::PathBuf;

use hub::{HubName, Kind};

use super::inputs::{Input, InputKind, TrainingRun};
use crate::named_files::name_of;

/// A path of an input where nothing lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AbsentPath {
    /// The configuration's key.
    pub key: String,
    /// The path.
    pub path: PathBuf,
    /// The path as a name of the hub, where it can be one.
    pub name: Option<HubName>,
}

/// The paths of a configuration's inputs where nothing lies. A layout may be one that is shipped.
pub(crate) fn absent_paths<C: TrainingRun>(config: &C) -> Vec<AbsentPath> {
    let mut config = config.clone();
    let mut absent = Vec::new();
    for Input { key, paths, source, .. } in config.inputs() {
        let kind = match source {
            InputKind::Layout => continue,
            InputKind::PlugIn => None,
            InputKind::Data => Some(Kind::Data),
            InputKind::Model => Some(Kind::Model),
        };
        for path in paths.iter().filter(|path| !path.exists()) {
            let name = kind.and_then(|kind| name_of(path, kind));
            absent.push(AbsentPath { key: key.clone(), path: path.clone(), name });
        }
    }
    absent
}
