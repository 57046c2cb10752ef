//! The model that a first run starts from: one of the user's, or a small one.

use std::path::Path;

use anyhow::{Context, Result};
use hub::{HubName, Kind};

use crate::failure::Usage;

/// Folder of the small model, within that of `trainer init`.
const SMALL_MODEL: &str = "model";

/// The model that a first run starts from.
#[derive(Debug, PartialEq)]
pub(super) enum FirstModel {
    /// A small model with random weights, made in the folder.
    Small,
    /// A model's folder by its whole path, or a name of the hub.
    Given(String),
}

impl FirstModel {
    /// The model that `--model` names; the small one without it.
    ///
    /// # Errors
    /// A usage error: it is neither a model's folder nor a name of the hub.
    pub(super) fn of(model: Option<&str>) -> Result<Self> {
        let Some(model) = model else { return Ok(Self::Small) };
        let path = Path::new(model);
        if path.join("config.json").is_file() {
            let whole = path.canonicalize().with_context(|| model.to_owned())?;
            return Ok(Self::Given(whole.display().to_string()));
        }
        if path.exists() {
            return Err(Usage::error(format!("--model {model}: is no model's folder, for it has no config.json")));
        }
        if HubName::parse(model, Kind::Model).is_none() {
            let problem = "there is no such folder, and it is no name of the hub, as in org/name or org/name@revision";
            return Err(Usage::error(format!("--model {model}: {problem}")));
        }
        Ok(Self::Given(model.to_owned()))
    }

    /// The value of `model.path`.
    pub(super) fn path(&self) -> &str {
        match self {
            Self::Small => SMALL_MODEL,
            Self::Given(path) => path,
        }
    }

    /// The model for people.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Small => format!("a small model with random weights ({SMALL_MODEL}/)"),
            Self::Given(path) => format!("the model {path}"),
        }
    }
}
