//! The text of a model card: a head of YAML by which the hub files the model, and what people read (Hugging Face,
//! "Model Cards"; the figures' layout is its `model-index`).

use std::fmt::Write;

use sweep::markdown::plain;

use super::figures::CardFigure;
use super::licence::Licence;
use super::lineage::{Lineage, TrainedRun};

/// Sections of a configuration that say how was trained; the others say where, or what was read.
const RECIPE: [&str; 12] = [
    "algorithm",
    "advantage",
    "critic",
    "dynamic_sampling",
    "loss",
    "optimizer",
    "preferences",
    "reward",
    "rollout",
    "schedule",
    "traces",
    "update",
];

/// A card to be written.
#[derive(Debug)]
pub(super) struct Card<'a> {
    pub(super) name: &'a str,
    /// Step of the checkpoint.
    pub(super) step: u64,
    pub(super) lineage: &'a Lineage,
    pub(super) figures: &'a [CardFigure],
    pub(super) licence: &'a Licence,
}

impl Card<'_> {
    /// The whole card.
    pub(super) fn text(&self) -> String {
        [self.head(), self.opening(), self.figures(), self.training(), self.terms()].concat()
    }

    fn head(&self) -> String {
        let mut text = "---\n".to_owned();
        let mut line = |key: &str, value: &str| text.push_str(&format!("{key}: {value}\n"));
        if let Some(origin) = self.lineage.base_origin() {
            line("base_model", &quoted(&origin.id));
            line("base_model_relation", "finetune");
        }
        self.licence.lines.iter().for_each(|(key, value)| line(key, value));
        line("library_name", "transformers");
        let is_reward_model = self.lineage.runs.last().is_some_and(|run| run.kind == "reward-model");
        line("pipeline_tag", if is_reward_model { "text-classification" } else { "text-generation" });
        let mut datasets: Vec<&str> = Vec::new();
        for origin in self.lineage.runs.iter().flat_map(|run| &run.data).filter_map(|data| data.origin.as_ref()) {
            if !datasets.contains(&origin.id.as_str()) {
                datasets.push(&origin.id);
            }
        }
        if !datasets.is_empty() {
            text.push_str("datasets:\n");
            datasets.iter().for_each(|id| text.push_str(&format!("- {}\n", quoted(id))));
        }
        text.push_str("tags:\n- ponder\n");
        if self.lineage.runs.iter().any(|run| run.kind.starts_with("stage")) {
            text.push_str("- reinforcement-learning\n");
        }
        self.index(&mut text);
        text + "---\n\n"
    }

    /// The figures as the hub reads them.
    fn index(&self, text: &mut String) {
        if self.figures.is_empty() {
            return;
        }
        *text += &format!("model-index:\n- name: {}\n  results:\n", quoted(self.name));
        for figure in self.figures {
            let kind = figure.origin.as_ref().map_or(figure.dataset.as_str(), |origin| origin.id.as_str());
            *text += "  - task:\n      type: text-generation\n    dataset:\n";
            *text += &format!("      name: {}\n      type: {}\n", quoted(&figure.dataset), quoted(kind));
            if let Some(origin) = &figure.origin {
                *text += &format!("      revision: {}\n", quoted(&origin.commit));
            }
            let [low, high] = figure.interval.map(percent);
            *text += "    metrics:\n    - type: \"pass@1\"\n";
            *text += &format!("      value: {}\n", percent(figure.value));
            *text += &format!("      name: {}\n", quoted(&format!("pass@1 in %, 95 % interval {low} to {high}")));
        }
    }

    fn opening(&self) -> String {
        let kinds: Vec<&str> = self.lineage.runs.iter().map(|run| run.kind.as_str()).collect();
        format!(
            "# {}\n\nTrained with ponder {} from {}, by {}. The weights are those after step {} of the last run.\n\n",
            self.name,
            env!("CARGO_PKG_VERSION"),
            self.lineage.base_words(),
            kinds.join(", then "),
            self.step
        )
    }

    fn figures(&self) -> String {
        if self.figures.is_empty() {
            return "## Figures\nNothing was measured on these weights.\n\n".to_owned();
        }
        let mut text = "## Figures\n".to_owned();
        text += "pass@1 in per cent: the mean over tasks of the share of completions that are right, with its 95 % ";
        text += "interval over tasks.\n\n";
        text += "| data | pass@1 | 95 % interval | tasks | completions of each | |\n";
        text += "| --- | ---: | --- | ---: | ---: | --- |\n";
        for figure in self.figures {
            let CardFigure { dataset, value, interval: [low, high], num_tasks, num_samples, marks, origin } = figure;
            let source = origin.as_ref().map_or_else(String::new, |origin| format!("`{origin}`"));
            let marks = plain(marks);
            let words: Vec<&str> =
                [source.as_str(), marks.as_str()].into_iter().filter(|words| !words.is_empty()).collect();
            let _ = writeln!(
                text,
                "| {} | {} | {} to {} | {num_tasks} | {num_samples} | {} |",
                plain(dataset),
                percent(*value),
                percent(*low),
                percent(*high),
                words.join("; ")
            );
        }
        text + "\n"
    }

    fn training(&self) -> String {
        let mut text = "## Training\n".to_owned();
        for (number, run) in self.lineage.runs.iter().enumerate() {
            let _ = writeln!(text, "### {}. {}: {} steps\n", number + 1, run.kind, run.step);
            data(&mut text, run);
            text += "```toml\n";
            for key in ["run.seed", "run.dtype"] {
                run.value(key).iter().for_each(|value| text.push_str(&format!("{key} = {}\n", toml_value(value))));
            }
            let is_recipe = |key: &str| RECIPE.contains(&key.split('.').next().unwrap_or_default());
            for (key, value) in run.config.iter().filter(|(key, _)| is_recipe(key)) {
                text += &format!("{key} = {}\n", toml_value(value));
            }
            text += "```\n\n";
        }
        text
    }

    fn terms(&self) -> String {
        let words = match (self.licence.word(), &self.licence.file) {
            (Some(word), Some(file)) => format!("The base's terms apply: {word} (`{file}`)."),
            (Some(word), None) => format!("The base's terms apply: {word}."),
            (None, _) if self.lineage.has_base() && !self.lineage.is_base_here() => {
                let words = "The base's folder was gone when this was written, so that its licence is not known here.";
                format!("{words} Whoever publishes this model must find its terms.")
            }
            (None, _) if self.lineage.has_base() => {
                "The base says no licence of its own. Whoever publishes this model must find its terms.".to_owned()
            }
            (None, _) => "The weights began at random: the terms are those of whoever trained them.".to_owned(),
        };
        format!("## Licence\n{words}\n")
    }
}

/// The table of what a run learned from.
fn data(text: &mut String, run: &TrainedRun) {
    if run.data.is_empty() {
        return;
    }
    text.push_str("| data | weight | commit or checksum |\n| --- | ---: | --- |\n");
    for data in &run.data {
        let source = data.origin.as_ref().map_or_else(|| data.content.clone(), ToString::to_string);
        let _ = writeln!(text, "| {} | {} | `{source}` |", plain(&data.name), data.weight.as_deref().unwrap_or("1.0"));
    }
    text.push('\n');
}

/// A text as YAML and JSON both write it.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A value of a configuration as TOML: numbers and truths as they are, texts between quotes.
fn toml_value(value: &str) -> String {
    let is_plain = format!("x = {value}").parse::<toml::Table>().is_ok();
    if is_plain { value.to_owned() } else { toml::Value::from(value).to_string() }
}

/// A share in per cent, to a tenth.
fn percent(share: f64) -> String {
    format!("{:.1}", 100.0 * share)
}

#[cfg(test)]
mod tests {
    use record::manifest::CheckpointManifest;
    use serde_json::json;

    use super::*;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    fn card(figures: &[CardFigure], licence: &Licence) -> String {
        let inputs = json!({
            "model.path weights": {"path": format!("/me/models--org--base/snapshots/{COMMIT}"), "content": "a"},
            "data.source.0.path": {"path": format!("/me/datasets--org--sums/snapshots/{COMMIT}"), "content": "b"},
        });
        let config = json!({"schedule.lr": "0.001", "loss.kind": "dapo", "run.seed": "7", "run.dir": "/me/secret",
            "sandbox.token_file": "/me/token", "data.source.0.name": "sums | <b>", "data.source.0.weight": "2.0"});
        let run = json!({"kind": "stage-1", "config": config, "inputs": inputs, "machine": {}});
        let manifest = CheckpointManifest { schema: 1, step: 40, components: Default::default(), run };
        let lineage = Lineage::of(&manifest).unwrap();
        Card { name: "sums-\"1\"", step: 40, lineage: &lineage, figures, licence }.text()
    }

    #[test]
    fn a_card_says_base_data_recipe_figures_and_licence() {
        let figure = CardFigure {
            dataset: "gsm8k|de".into(),
            origin: None,
            value: 0.512,
            interval: [0.45, 0.57],
            num_tasks: 100,
            num_samples: 4,
            marks: "100 of 1319 tasks".into(),
        };
        let licence = Licence { lines: vec![("license".into(), "apache-2.0".into())], file: None };
        let text = card(&[figure], &licence);
        for words in [
            "base_model: \"org/base\"",
            "license: apache-2.0",
            "- \"org/sums\"",
            "value: 51.2",
            "name: \"sums-\\\"1\\\"\"",
            &format!("`org/base` at commit `{COMMIT}`"),
            "name: \"gsm8k|de\"",
            "| gsm8k\\|de | 51.2 | 45.0 to 57.0 | 100 | 4 | 100 of 1319 tasks |",
            &format!("| sums \\| \\<b> | 2.0 | `org/sums@{COMMIT}` |"),
            "schedule.lr = 0.001",
            "loss.kind = \"dapo\"",
            "The base's terms apply: apache-2.0.",
        ] {
            assert!(text.contains(words), "{words} is not in\n{text}");
        }
        assert!(!text.contains("/me/") && !text.contains("sandbox"), "{text}");
    }

    #[test]
    fn what_is_not_known_is_said() {
        let text = card(&[], &Licence::default());
        assert!(text.contains("Nothing was measured") && text.contains("must find its terms"), "{text}");
        assert!(text.contains("its licence is not known") && !text.contains("no licence of its own"), "{text}");
        assert!(!text.contains("\nlicense:") && !text.contains("model-index"), "{text}");
    }
}
