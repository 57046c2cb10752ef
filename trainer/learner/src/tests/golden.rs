//! Reads golden files from `tests/golden` and compares tensors with them.

use std::collections::HashMap;
use std::path::PathBuf;

use serde_json::Value;
use tch::{Kind, Tensor};

use crate::masked_statistics::numbers;

/// Named tensors of one golden file.
pub struct Golden {
    tensors: HashMap<String, Tensor>,
}

impl Golden {
    /// `NAME.safetensors`.
    pub fn load(name: &str) -> Self {
        let path = folder().join(format!("{name}.safetensors"));
        let tensors = Tensor::read_safetensors(&path).unwrap();
        Self { tensors: tensors.into_iter().collect() }
    }

    /// The tensor of that name, where the file has one.
    pub fn find(&self, name: &str) -> Option<&Tensor> {
        self.tensors.get(name)
    }

    /// The tensor of that name.
    pub fn get(&self, name: &str) -> &Tensor {
        self.tensors.get(name).unwrap_or_else(|| panic!("the golden file has no {name}"))
    }
}

/// `NAME.json`.
pub fn load_json(name: &str) -> Value {
    let text = std::fs::read_to_string(folder().join(format!("{name}.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "..", "tests", "golden"].iter().collect()
}

/// Asserts `|actual - expected| <= atol + rtol |expected|` everywhere, and equal shapes.
#[track_caller]
pub fn assert_close(what: &str, actual: &Tensor, expected: &Tensor, atol: f64, rtol: f64) {
    assert_eq!(actual.size(), expected.size(), "{what}: shape");
    for (index, (a, b)) in numbers(actual).into_iter().zip(numbers(expected)).enumerate() {
        assert!((a - b).abs() <= atol + rtol * b.abs(), "{what}[{index}]: {a} is not {b} (atol {atol}, rtol {rtol})");
    }
}

/// A copy of `tensor` as a leaf that takes gradients.
pub fn leaf(tensor: &Tensor) -> Tensor {
    tensor.copy().to_kind(Kind::Float).set_requires_grad(true)
}
