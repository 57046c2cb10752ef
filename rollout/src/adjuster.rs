//! What a request's biases, penalties and bans do to the logits, as its completion grows.
//!
//! Kept beside the completion and changed with each of its tokens, so that a step costs what is adjusted, not what was
//! sampled. The formulas of one logit are `sampling`'s. This file must not know logits.

use std::collections::BTreeMap;

use sampling::Adjustment;

use crate::sampling_params::SamplingParams;
use crate::stop::StopRules;

/// The adjustments of a completion's next token.
#[derive(Debug, Default)]
pub(crate) struct Adjuster {
    /// Biases and penalties of tokens, with the number of times that each stands in the completion.
    standing: BTreeMap<u32, (Adjustment, u32)>,
    /// The last tokens of prompt and completion, as many as the longest bad word has before its last.
    last: Vec<u32>,
}

impl Adjuster {
    /// That of an empty completion.
    pub(crate) fn new(params: &SamplingParams, prompt_ids: &[u32]) -> Self {
        let mut adjuster = Self::default();
        for &(id, bias) in &params.logit_bias {
            adjuster.of(id).0.bias = bias as f32;
        }
        if params.repetition_penalty != 1.0 {
            for &id in prompt_ids {
                adjuster.of(id).0.repetition = params.repetition_penalty as f32;
            }
        }
        let longest = longest_prefix(params);
        adjuster.last = prompt_ids[prompt_ids.len().saturating_sub(longest)..].to_vec();
        adjuster
    }

    fn of(&mut self, id: u32) -> &mut (Adjustment, u32) {
        self.standing.entry(id).or_insert_with(|| (Adjustment::none(id), 0))
    }

    /// Takes a token of the completion.
    pub(crate) fn push(&mut self, id: u32, params: &SamplingParams) {
        if params.has_penalty() {
            let (adjustment, count) = self.of(id);
            *count += 1;
            adjustment.repetition = params.repetition_penalty as f32;
            adjustment.penalty = (params.presence_penalty + f64::from(*count) * params.frequency_penalty) as f32;
        }
        let longest = longest_prefix(params);
        if longest > 0 {
            self.last.push(id);
            let num_over = self.last.len().saturating_sub(longest);
            self.last.drain(..num_over);
        }
    }

    /// What is done to the logits of the token behind `num_tokens` of the completion: at most one adjustment a token,
    /// in the order of their ids.
    pub(crate) fn next(&self, params: &SamplingParams, rules: &StopRules, num_tokens: usize) -> Vec<Adjustment> {
        let mut adjustments: Vec<Adjustment> = self.standing.values().map(|(adjustment, _)| *adjustment).collect();
        let mut ban = |id: u32| match adjustments.binary_search_by_key(&id, |adjustment| adjustment.id) {
            Ok(at) => adjustments[at].is_banned = true,
            Err(at) => adjustments.insert(at, Adjustment { is_banned: true, ..Adjustment::none(id) }),
        };
        for word in &params.bad_words {
            if let Some((&last, before)) = word.split_last()
                && self.last.ends_with(before)
            {
                ban(last);
            }
        }
        if num_tokens < params.min_new_tokens {
            rules.stop_ids().for_each(ban);
        }
        adjustments
    }
}

/// Tokens of the longest bad word before its last.
fn longest_prefix(params: &SamplingParams) -> usize {
    params.bad_words.iter().map(|word| word.len().saturating_sub(1)).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use tch::{Kind, Tensor};

    use super::*;

    const PROMPT: [u32; 3] = [4, 5, 4];

    #[test]
    fn the_repetition_penalty_is_transformers() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/sampling/sampling.safetensors");
        let goldens: HashMap<String, Tensor> =
            Tensor::read_safetensors(path).expect("the golden file").into_iter().collect();
        let params = SamplingParams { repetition_penalty: 1.1, ..SamplingParams::default() };
        let rules = StopRules::new(&params, &[]);
        for row in 0..4 {
            let previous: Vec<i64> = Vec::try_from(goldens["previous_ids"].get(row)).expect("ids");
            let previous: Vec<u32> = previous.into_iter().map(|id| id as u32).collect();
            let mut logits: Vec<f32> = Vec::try_from(goldens["logits"].get(row)).expect("logits");
            // A part of what stands before is the prompt, the rest the completion.
            let mut adjuster = Adjuster::new(&params, &previous[..5]);
            previous[5..].iter().for_each(|&id| adjuster.push(id, &params));
            for adjustment in adjuster.next(&params, &rules, previous.len() - 5) {
                let logit = &mut logits[adjustment.id as usize];
                *logit = adjustment.of(*logit);
            }
            let probs = Tensor::from_slice(&logits).softmax(-1, Kind::Float);
            let distance = (probs - goldens["repetition_penalty"].get(row)).abs().max().double_value(&[]);
            assert!(distance <= 1e-6, "{row}: {distance}");
        }
    }

    /// The adjustments after a completion of these ids, from the text as it is.
    fn from_the_whole(params: &SamplingParams, rules: &StopRules, completion: &[u32]) -> Vec<Adjustment> {
        let text = [&PROMPT, completion].concat();
        let adjustment = |id: u32| Adjustment {
            id,
            bias: params.logit_bias.iter().find(|(biased, _)| *biased == id).map_or(0.0, |(_, bias)| *bias as f32),
            repetition: if text.contains(&id) { params.repetition_penalty as f32 } else { 1.0 },
            penalty: match completion.iter().filter(|&&other| other == id).count() {
                0 => 0.0,
                count => (params.presence_penalty + count as f64 * params.frequency_penalty) as f32,
            },
            is_banned: params.bad_words.iter().any(|word| [text.as_slice(), &[id]].concat().ends_with(word))
                || (completion.len() < params.min_new_tokens && rules.is_stop_id(id)),
        };
        (0..12).map(adjustment).filter(|adjustment| *adjustment != Adjustment::none(adjustment.id)).collect()
    }

    #[test]
    fn each_token_is_adjusted_as_the_whole_text_says() {
        let none = SamplingParams::default();
        let kinds = [
            none.clone(),
            SamplingParams { logit_bias: vec![(7, 1.5), (4, -2.0)], ..none.clone() },
            SamplingParams { repetition_penalty: 1.2, ..none.clone() },
            SamplingParams { presence_penalty: 0.5, frequency_penalty: -0.25, ..none.clone() },
            SamplingParams { bad_words: vec![vec![9], vec![4, 6], vec![5, 4, 6, 7], vec![6, 6, 6]], ..none.clone() },
            SamplingParams { min_new_tokens: 3, stop_ids: vec![11, 6], ..none.clone() },
            SamplingParams {
                logit_bias: vec![(6, 1.0)],
                repetition_penalty: 0.8,
                presence_penalty: 2.0,
                bad_words: vec![vec![4, 6], vec![6]],
                min_new_tokens: 2,
                ..none
            },
        ];
        for params in kinds {
            let rules = StopRules::new(&params, &[2]);
            let completion = [6, 7, 6, 6, 6, 8, 4];
            let mut adjuster = Adjuster::new(&params, &PROMPT);
            for end in 0..=completion.len() {
                let next = adjuster.next(&params, &rules, end);
                let is_changing = |adjustment: &Adjustment| *adjustment != Adjustment::none(adjustment.id);
                let changing: Vec<Adjustment> = next.into_iter().filter(is_changing).collect();
                assert_eq!(changing, from_the_whole(&params, &rules, &completion[..end]), "{end} {params:?}");
                completion.get(end).into_iter().for_each(|&id| adjuster.push(id, &params));
            }
        }
    }
}
