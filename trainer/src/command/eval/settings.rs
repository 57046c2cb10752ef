//! What runs, for the record: every value in force, with the content of all that is read.

use std::path::Path;

use anyhow::Result;
use evaluation::{DataFile, FirstPrompt, ModelSettings, Settings};
use hub::Origin;
use policy::{Placement, Texts};
use record::checksum::Checksum;
use tch::{Device, Kind};
use verifiers::VerifiersConfig;

use super::EvalArgs;
use super::asked::RequestedSet;
use crate::held_out::usage;
use crate::prompt::Prompt;
use crate::run::inputs::{template_and_tokenizer, weights_content};

/// The settings of a set.
///
/// # Errors
/// A file cannot be read.
pub(super) fn settings_of(
    args: &EvalArgs,
    set: &RequestedSet,
    prompts: Option<&[Prompt]>,
    texts: Option<&Texts>,
    placement: Placement,
    verifiers: &VerifiersConfig,
) -> Result<Settings> {
    let held_out = &set.held_out;
    let tasks = &held_out.tasks;
    let mut settings = Settings {
        num_tasks: tasks.tasks.len(),
        tasks: tasks.checksum(),
        protocol: tasks.suite.protocol.clone(),
        ..held_out.settings.clone()
    };
    let answers = set.completions.as_ref().map(|(_, file)| file).or(args.scores.as_ref());
    settings.completions = answers.map(|file| DataFile::of(file)).transpose().map_err(usage)?;
    for file in &mut settings.data {
        file.origin = Origin::of_path(&file.path).map(|origin| origin.to_string());
    }
    settings.tools = set.tools.as_ref().map(serde_json::to_value).transpose()?;
    settings.verifiers = serde_json::to_value(verifiers)?;
    if let Some(prompts) = prompts {
        let mut checksum = Checksum::new();
        for prompt in prompts {
            prompt.ids.iter().for_each(|id| checksum.add(&id.to_le_bytes()));
            checksum.add(b"|");
        }
        settings.prompt_ids = Some(checksum.finish());
        let first = tasks.tasks.first().zip(prompts.first());
        settings.first_prompt = first.map(|(task, prompt)| FirstPrompt {
            task_id: task.task.id.clone(),
            text: prompt.text.clone(),
            ids: prompt.ids.clone(),
        });
    }
    if let (Some(folder), Some(texts), None) = (&args.model, texts, answers) {
        settings.stops = stops(texts);
        settings.model = Some(model(folder, placement, args.max_sequences)?);
    }
    Ok(settings)
}

/// The tokens that end a completion, as words.
fn stops(texts: &Texts) -> Vec<String> {
    let word = |id: &u32| {
        let text = texts.tokenizer.decode(&[*id], false).unwrap_or_default();
        format!("{text} ({id})")
    };
    texts.eos_ids.iter().map(word).collect()
}

fn model(folder: &Path, placement: Placement, max_sequences: usize) -> Result<ModelSettings> {
    let device = match placement.device {
        Device::Cuda(number) => format!("cuda:{number}"),
        _ => "cpu".to_owned(),
    };
    Ok(ModelSettings {
        path: folder.to_owned(),
        origin: Origin::of_path(folder).map(|origin| origin.to_string()),
        weights: weights_content(folder)?,
        template: template_and_tokenizer(folder)?,
        dtype: if placement.kind == Kind::BFloat16 { "bfloat16" } else { "float32" }.to_owned(),
        device,
        max_sequences,
    })
}
