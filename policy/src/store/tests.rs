//! Folders that ranks wrote with their pieces, read by other numbers of ranks; no process but this one.

use std::path::Path;

use tch::{Device, Kind, Tensor};

use super::flat_part::{FlatPart, part_parameters};
use super::{Part, WeightStore};
use crate::config::ModelConfig;
use crate::decoder::Decoder;
use crate::parameters::NamedTensors;
use crate::pieces::rank_file;
use crate::placement::Placement;
use crate::weights::{load_into, write_pieces_index, write_rank_file, write_tensors};

const BFLOAT16: Placement = Placement { device: Device::Cpu, kind: Kind::BFloat16 };

/// A config whose tensors no number of ranks divides.
fn config(tied: bool) -> ModelConfig {
    ModelConfig::from_json(&serde_json::json!({
        "model_type": "qwen2", "vocab_size": 23, "hidden_size": 12, "intermediate_size": 13, "num_hidden_layers": 2,
        "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 64, "tie_word_embeddings": tied,
    }))
    .unwrap()
}

/// A decoder in which no two weights are equal but by accident.
fn decoder(tied: bool, seed: u64, placement: Placement) -> Decoder {
    let decoder = Decoder::random(&config(tied), seed, placement);
    for (name, tensor) in decoder.state().into_iter().filter(|(_, tensor)| tensor.dim() == 1) {
        let values = Tensor::arange(tensor.numel() as i64, (Kind::Float, Device::Cpu)) + name.len() as f64;
        tch::no_grad(|| tensor.shallow_clone().copy_(&values.sin()));
    }
    decoder
}

/// What rank `rank` of `size` holds of a decoder: each part is cut.
fn held(decoder: &Decoder, rank: usize, size: usize) -> NamedTensors {
    let store: &dyn WeightStore = decoder.store();
    let parts = Part::all(decoder.num_blocks(), store.head_part() == Part::Head);
    let cut = |part| FlatPart::cut(part_parameters(decoder.config(), store, part), rank, size);
    let split = |part| cut(part).parameters(1).flat_map(|held| held.split(&held.tensor)).collect::<Vec<_>>();
    parts.flat_map(split).collect()
}

/// The folder that `size` ranks write, of `num_files` with those that hold nothing.
fn written(decoder: &Decoder, size: usize, num_files: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for rank in 0..num_files {
        let mine = if rank < size { held(decoder, rank, size) } else { Vec::new() };
        let name = write_rank_file(folder.path(), "model", rank, num_files, &mine).unwrap();
        assert_eq!(name, rank_file("model", rank, num_files));
    }
    let shapes = decoder.shapes().into_iter().map(|shape| (shape, decoder.kind())).collect();
    write_pieces_index(folder.path(), num_files, shapes).unwrap();
    folder
}

fn assert_same(what: &str, one: &NamedTensors, other: &NamedTensors) {
    assert_eq!(one.len(), other.len(), "{what}");
    for ((name, one), (other_name, other)) in one.iter().zip(other) {
        assert!(name == other_name && one.kind() == other.kind() && one.equal(other), "{what}: {name}");
    }
}

#[test]
fn any_number_of_ranks_reads_what_any_other_wrote() {
    for (tied, placement) in [(false, Placement::CPU), (true, Placement::CPU), (false, BFLOAT16), (true, BFLOAT16)] {
        let (saved, other) = (decoder(tied, 1, placement), decoder(tied, 2, placement));
        for (from, num_files) in [(1, 1), (2, 2), (3, 3), (4, 4), (7, 7), (3, 4), (300, 300)] {
            let what = format!("tied {tied}, {from} of {num_files} ranks");
            let folder = written(&saved, from, num_files);
            let mut whole = decoder(tied, 3, placement);
            whole.load_weights(folder.path()).unwrap();
            assert_same(&what, &saved.state(), &whole.state());
            for to in [1, 2, 3, 4, 7] {
                for rank in 0..to {
                    let mine = held(&other, rank, to);
                    load_into(folder.path(), &saved.shapes(), &mine, |_| false).unwrap();
                    assert_same(&format!("{what} to {to}"), &held(&saved, rank, to), &mine);
                }
            }
        }
    }
}

#[test]
fn pieces_are_read_from_whole_files_and_in_another_dtype() {
    let (saved, other) = (decoder(false, 1, Placement::CPU), decoder(false, 2, BFLOAT16));
    let folder = tempfile::tempdir().unwrap();
    write_tensors(&folder.path().join("model.safetensors"), &saved.state()).unwrap();
    for rank in 0..3 {
        let mine = held(&other, rank, 3);
        load_into(folder.path(), &saved.shapes(), &mine, |_| false).unwrap();
        let expected = held(&saved, rank, 3).into_iter().map(|(name, tensor)| (name, tensor.to_kind(Kind::BFloat16)));
        assert_same("whole", &expected.collect(), &mine);
    }
}

/// The error of loading the pieces of two ranks after a change of their folder.
fn error_after(change: impl Fn(&Path)) -> String {
    let folder = written(&decoder(false, 1, Placement::CPU), 2, 2);
    change(folder.path());
    let mut other = decoder(false, 2, Placement::CPU);
    let before: NamedTensors = other.state().iter().map(|(name, tensor)| (name.clone(), tensor.copy())).collect();
    let error = other.load_weights(folder.path()).unwrap_err().to_string();
    assert_same("nothing is loaded", &before, &other.state());
    error
}

/// Writes the file of rank 1 anew, with what `change` makes of its tensors.
fn rewrite(folder: &Path, change: impl Fn(&mut NamedTensors)) {
    let mut mine = held(&decoder(false, 1, Placement::CPU), 1, 2);
    change(&mut mine);
    write_rank_file(folder, "model", 1, 2, &mine).unwrap();
}

#[test]
fn what_is_wrong_with_pieces_is_said_with_file_and_tensor() {
    const SECOND: &str = "model-rank-00001-of-00002.safetensors";
    let assert_says = |error: String, words: &[&str]| {
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
    };
    let missing = error_after(|folder| std::fs::remove_file(folder.join(SECOND)).unwrap());
    assert_says(missing, &[SECOND, "is missing", "2 files"]);
    let lacking = error_after(|folder| rewrite(folder, |mine| mine.retain(|(name, _)| !name.contains("norm.weight["))));
    assert_says(lacking, &["model-rank-00000-of-00002.safetensors", "_layernorm.weight", "are in no file beside it"]);
    let absent = error_after(|folder| rewrite(folder, |mine| mine.retain(|(name, _)| !name.contains("1.mlp.down"))));
    assert_says(absent, &["model.pieces.json: tensor `model.layers.1.mlp.down_proj.weight` is missing", "2 files"]);
    let double = |folder: &Path, by: f64| {
        let name = "lm_head.weight";
        let whole = decoder(false, 1, Placement::CPU).state().into_iter().find(|(it, _)| it == name).unwrap().1;
        let again = (format!("{name}[100..140]"), whole.reshape([-1]).narrow(0, 100, 40) * by);
        rewrite(folder, |mine| mine.push((again.0.clone(), again.1.copy())));
    };
    assert_says(
        error_after(|folder| double(folder, 1.5)),
        &[SECOND, "`lm_head.weight`", "other values than in", "00000"],
    );
    let agreeing = written(&decoder(false, 1, Placement::CPU), 2, 2);
    double(agreeing.path(), 1.0);
    decoder(false, 2, Placement::CPU).load_weights(agreeing.path()).unwrap();
    let foreign = error_after(|folder| {
        rewrite(folder, |mine| mine.push(("b[0..2]".into(), Tensor::zeros([2], (Kind::Float, Device::Cpu)))));
    });
    assert_says(foreign, &[SECOND, "tensor `b`, which model.pieces.json does not name"]);
    let long = error_after(|folder| {
        let more = || ("lm_head.weight[270..280]".into(), Tensor::zeros([10], (Kind::Float, Device::Cpu)));
        rewrite(folder, |mine| mine.push(more()));
    });
    assert_says(long, &[SECOND, "`lm_head.weight`", "up to element 280", "[23, 12] has 276"]);
    let misnamed = error_after(|folder| {
        let short = || ("lm_head.weight[200..210]".into(), Tensor::zeros([9], (Kind::Float, Device::Cpu)));
        rewrite(folder, |mine| mine.push(short()));
    });
    assert_says(misnamed, &[SECOND, "lm_head.weight[200..210]", "[9]"]);
    let rounded = error_after(|folder| {
        rewrite(folder, |mine| mine.iter_mut().for_each(|(_, tensor)| *tensor = tensor.to_kind(Kind::Half)));
    });
    assert_says(rounded, &[SECOND, "as F16, model.pieces.json says F32"]);
    let edit = |from: &'static str, to: &'static str| {
        error_after(move |folder| {
            let path = folder.join("model.pieces.json");
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(text.contains(from), "{text}");
            std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
        })
    };
    assert_says(edit("{", "["), &["model.pieces.json: is no index of pieces"]);
    assert_says(edit("\"num_files\": 2", "\"num_files\": 0"), &["model.pieces.json: names no file"]);
    assert_says(edit("\"num_files\": 2", "\"num_files\": 3"), &["model-rank-00000-of-00003.safetensors: is missing"]);
    assert_says(edit("23", "-23"), &["model.pieces.json", "lm_head.weight", "[-23, 12]"]);
    assert_says(edit("23", "46"), &["model.pieces.json", "`lm_head.weight`: has shape [46, 12]", "[23, 12]"]);
    assert_says(edit("lm_head", "other"), &["00000", "tensor `lm_head.weight`, which model.pieces.json does not name"]);
    let folder = written(&decoder(false, 1, Placement::CPU), 2, 2);
    let error = decoder(true, 2, Placement::CPU).load_weights(folder.path());
    assert!(error.is_ok(), "a tied head is left out");
    let error = load_into(folder.path(), &decoder(true, 2, Placement::CPU).shapes(), &[], |_| false).unwrap_err();
    assert_says(error.to_string(), &["model.pieces.json: tensor `lm_head.weight` is not one of this model's"]);
}
