//! Names of the hub among what a run reads: they become folders once, when the run starts. A run that goes on keeps to
//! the commits that it began with, wherever a branch has moved meanwhile.

use std::collections::BTreeMap;

use anyhow::Result;
use hub::{HubName, Kind, ModelFiles, Origin};
use progress::say;

use super::inputs::{InputKind, TrainingRun};
use crate::failure::Interrupted;
use crate::named_files::{NamedFiles, name_of};

/// Commits of names that may come to have others, by the configuration's key and the name.
pub(crate) type HeldCommits = BTreeMap<String, String>;

/// Puts folders in the place of the names of the hub, with all files that the run reads of them. A name of `held` is
/// taken at the commit that stands there. Gives the commits of the names that name none.
///
/// # Errors
/// Something is neither here nor at the hub, the hub refuses or is away, or the user interrupts.
pub(crate) async fn fetch_names<C: TrainingRun>(
    config: &mut C,
    named: &NamedFiles,
    held: &HeldCommits,
) -> Result<HeldCommits> {
    let mut commits = HeldCommits::new();
    for input in config.inputs() {
        let kind = match input.source {
            InputKind::Model => Kind::Model,
            InputKind::Data => Kind::Data,
            InputKind::PlugIn | InputKind::Layout => continue,
        };
        for path in input.paths {
            let open_name = name_of(path, kind).filter(|name| !name.is_pinned());
            let asked = open_name.as_ref().map(|name| format!("{} {name}", input.key));
            if let Some((name, commit)) = open_name.zip(asked.as_ref().and_then(|asked| held.get(asked))) {
                say(&format!(
                    "{}: {name} at commit {commit}, with which the run began (--accept-changes takes today's)",
                    input.key
                ));
                *path = HubName { revision: Some(commit.clone()), ..name }.to_string().into();
            }
            match kind {
                Kind::Model => named.model(&input.key, path, ModelFiles::All).await?,
                Kind::Data => named.data(&input.key, path, &input.splits).await?,
            }
            if let Some((asked, origin)) = asked.zip(Origin::of_path(path)) {
                commits.insert(asked, origin.commit);
            }
        }
    }
    Ok(commits)
}

/// The same for the texts of models alone: no weights and no data. A model beside the one that is trained may be
/// missing, for whatever reason: its sizes are taken for those of that one.
///
/// # Errors
/// As for [`fetch_names`].
pub(crate) async fn fetch_texts<C: TrainingRun>(config: &mut C, named: &NamedFiles) -> Result<()> {
    for input in config.inputs().into_iter().filter(|input| input.source == InputKind::Model) {
        for path in input.paths {
            let fetched = named.model(&input.key, path, ModelFiles::Texts).await;
            match fetched {
                Err(error) if input.key != "model.path" && !error.is::<Interrupted>() => tracing::warn!("{error}"),
                fetched => fetched?,
            }
        }
    }
    Ok(())
}
