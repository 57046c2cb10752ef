//! The optimizer against PyTorch's AdamW and transformers' schedules, and what must hold of a resumed run.

use serde_json::Value;
use tch::{Device, Kind, Tensor};

use super::adamw::{AdamW, AdamWConfig};
use super::gradient_norm::{clip_by_global_norm, global_norm, gradients};
use super::schedule::{Decay, Schedule, ScheduleConfig};
use crate::tests::golden::{Golden, assert_close, leaf, load_json};

const NAMES: [&str; 3] = ["weight", "bias", "norm"];

type Parameters = Vec<(String, Tensor)>;
type Change<'a> = &'a dyn Fn(&mut Parameters);

fn numbers(value: &Value) -> Vec<f64> {
    let values = value.as_array().unwrap();
    values.iter().map(|number| number.as_f64().unwrap()).collect()
}

fn golden_config(file: &Value) -> AdamWConfig {
    let settings = &file["adamw"];
    let betas = numbers(&settings["betas"]);
    AdamWConfig {
        beta1: betas[0],
        beta2: betas[1],
        eps: settings["eps"].as_f64().unwrap(),
        weight_decay: settings["weight_decay"].as_f64().unwrap(),
        max_gradient_norm: settings["max_norm"].as_f64().unwrap(),
    }
}

fn initial(golden: &Golden, kind: Kind) -> Parameters {
    NAMES
        .map(|name| {
            let value = golden.get(&format!("initial.{name}")).to_kind(kind).copy();
            (name.to_owned(), value.set_requires_grad(true))
        })
        .into()
}

/// Gives the parameters the stored gradients of a step by a backward pass; returns the norm before clipping.
fn set_gradients(golden: &Golden, parameters: &mut Parameters, step: usize, max_norm: f64) -> f64 {
    for (name, parameter) in parameters.iter_mut() {
        parameter.zero_grad();
        let gradient = golden.get(&format!("step{step}.gradient.{name}"));
        (&*parameter * gradient.to_kind(parameter.kind())).sum(parameter.kind()).backward();
    }
    clip_by_global_norm(&mut gradients(parameters), max_norm)
}

#[test]
fn five_steps_equal_pytorch() {
    let (golden, file) = (Golden::load("adamw"), load_json("adamw"));
    let config = golden_config(&file);
    let norms = numbers(&file["adamw"]["norms_before_clipping"]);
    let lr = file["adamw"]["lr"].as_f64().unwrap();
    let mut parameters = initial(&golden, Kind::Float);
    let mut optimizer = AdamW::new(config.clone()).unwrap();
    for (step, expected) in norms.into_iter().enumerate() {
        let norm = set_gradients(&golden, &mut parameters, step, config.max_gradient_norm);
        assert!((norm - expected).abs() <= 1e-6 + 1e-6 * expected, "norm {norm}");
        optimizer.step(&mut parameters, lr).unwrap();
        for (name, parameter) in &parameters {
            let what = format!("step{step}.parameter.{name}");
            assert_close(&what, parameter, golden.get(&what), 1e-6, 1e-6);
        }
    }
    assert_state(&golden, "final", &optimizer.state(&parameters));
}

#[test]
fn varying_rates_equal_pytorch() {
    let (golden, file) = (Golden::load("adamw"), load_json("adamw"));
    let config = golden_config(&file);
    let mut parameters = initial(&golden, Kind::Float);
    let mut optimizer = AdamW::new(config.clone()).unwrap();
    for (step, lr) in numbers(&file["adamw"]["varying_lr"]).into_iter().enumerate() {
        set_gradients(&golden, &mut parameters, step, config.max_gradient_norm);
        optimizer.step(&mut parameters, lr).unwrap();
    }
    for (name, parameter) in &parameters {
        let what = format!("varying_lr.step4.parameter.{name}");
        assert_close(&what, parameter, golden.get(&what), 1e-6, 1e-6);
    }
    assert_state(&golden, "varying_lr.final", &optimizer.state(&parameters));
}

fn assert_state(golden: &Golden, prefix: &str, state: &Parameters) {
    for (name, tensor) in state {
        if name.starts_with("num_updates") {
            assert_eq!(tensor.int64_value(&[]), 5);
        } else {
            let expected = golden.get(&format!("{prefix}.{name}"));
            assert_close(name, tensor, expected, 1e-6, 1e-6);
        }
    }
    assert_eq!(state.len(), 3 * NAMES.len());
}

/// Runs steps `first..last` at rate 0.01.
fn run(golden: &Golden, optimizer: &mut AdamW, parameters: &mut Parameters, first: usize, last: usize) {
    for step in first..last {
        set_gradients(golden, parameters, step, 1.0);
        optimizer.step(parameters, 0.01).unwrap();
    }
}

fn copies(parameters: &Parameters) -> Parameters {
    let copy = |(name, parameter): &(String, Tensor)| {
        let value = parameter.detach().copy();
        (name.clone(), value.set_requires_grad(true))
    };
    parameters.iter().map(copy).collect()
}

#[test]
fn a_resumed_run_is_the_uninterrupted_run() {
    let golden = Golden::load("adamw");
    for kind in [Kind::Float, Kind::BFloat16] {
        let mut whole = initial(&golden, kind);
        let mut optimizer = AdamW::new(AdamWConfig::default()).unwrap();
        run(&golden, &mut optimizer, &mut whole, 0, 5);

        let mut parameters = initial(&golden, kind);
        let mut first = AdamW::new(AdamWConfig::default()).unwrap();
        run(&golden, &mut first, &mut parameters, 0, 2);
        let folder = std::env::temp_dir().join(format!("adamw-{}-{kind:?}", std::process::id()));
        let state = first.state(&parameters);
        Tensor::write_safetensors(&state, &folder).unwrap();
        let state = Tensor::read_safetensors(&folder).unwrap();
        std::fs::remove_file(&folder).unwrap();

        let mut resumed = copies(&parameters);
        let mut second = AdamW::new(AdamWConfig::default()).unwrap();
        second.load_state(state, &resumed).unwrap();
        run(&golden, &mut second, &mut resumed, 2, 5);
        for ((name, expected), (_, actual)) in whole.iter().zip(&resumed) {
            assert_close(name, actual, expected, 0.0, 0.0);
        }
    }
}

#[test]
fn a_state_of_another_model_is_refused_and_changes_nothing() {
    let golden = Golden::load("adamw");
    let mut parameters = initial(&golden, Kind::Float);
    let mut optimizer = AdamW::new(AdamWConfig::default()).unwrap();
    run(&golden, &mut optimizer, &mut parameters, 0, 1);
    let refused = |optimizer: &mut AdamW, change: Change| {
        let mut state = optimizer.state(&parameters);
        change(&mut state);
        let error = optimizer.load_state(state, &parameters).unwrap_err();
        assert_eq!(optimizer.state(&parameters).len(), 3 * NAMES.len());
        error.to_string()
    };
    let extra = refused(&mut optimizer, &|tensors| tensors.push(("exp_avg.other".into(), Tensor::from(0f32))));
    assert!(extra.contains("exp_avg.other"), "{extra}");
    let missing = refused(&mut optimizer, &|tensors| tensors.retain(|(name, _)| name != "exp_avg_sq.bias"));
    assert!(missing.contains("lacks exp_avg_sq.bias"), "{missing}");
    let misshapen = refused(&mut optimizer, &|tensors| {
        for (name, tensor) in tensors.iter_mut() {
            if name == "exp_avg.weight" {
                *tensor = tensor.reshape([5, 6]);
            }
        }
    });
    assert!(misshapen.contains("exp_avg.weight has shape [5, 6]"), "{misshapen}");
}

#[test]
fn bfloat16_weights_move_at_rates_that_bfloat16_cannot_add() {
    let weight = leaf(&Tensor::ones([64], (Kind::Float, Device::Cpu)));
    let weight = weight.detach().to_kind(Kind::BFloat16).set_requires_grad(true);
    let mut parameters = vec![("weight".to_owned(), weight)];
    let mut optimizer = AdamW::new(AdamWConfig::default()).unwrap();
    for _ in 0..100 {
        parameters[0].1.zero_grad();
        parameters[0].1.sum(Kind::BFloat16).backward();
        optimizer.step(&mut parameters, 1e-4).unwrap();
    }
    // A hundred steps of 1e-4 make 0.01; one alone is below bfloat16's resolution at 1.
    let moved = parameters[0].1.detach().to_kind(Kind::Float);
    assert_close("weight", &moved, &(moved.ones_like() * 0.99), 0.004, 0.0);
    assert_eq!(parameters[0].1.kind(), Kind::BFloat16);
}

#[test]
fn long_parameters_are_updated_to_their_end() {
    let length = (1 << 17) + 3;
    let weight = leaf(&Tensor::ones([length], (Kind::Float, Device::Cpu)));
    let mut parameters = vec![("weight".to_owned(), weight)];
    parameters[0].1.sum(Kind::Float).backward();
    let mut optimizer = AdamW::new(AdamWConfig::default()).unwrap();
    optimizer.step(&mut parameters, 0.1).unwrap();
    let expected = Tensor::full([length], 0.9, (Kind::Float, Device::Cpu));
    assert_close("weight", &parameters[0].1, &expected, 1e-6, 0.0);
}

#[test]
fn a_parameter_without_a_gradient_is_left_alone() {
    let golden = Golden::load("adamw");
    let mut parameters = initial(&golden, Kind::Float);
    let mut optimizer = AdamW::new(AdamWConfig::default()).unwrap();
    parameters[0].1.sum(Kind::Float).backward();
    optimizer.step(&mut parameters, 0.1).unwrap();
    assert_close("bias", &parameters[1].1, golden.get("initial.bias"), 0.0, 0.0);
    let names: Vec<String> = optimizer.state(&parameters).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["num_updates.weight", "exp_avg.weight", "exp_avg_sq.weight"]);
}

#[test]
fn a_norm_that_is_not_finite_is_reported_and_touches_nothing() {
    let mut broken = [Tensor::from_slice(&[3.0f32, f32::NAN]), Tensor::from_slice(&[4.0f32])];
    assert!(!clip_by_global_norm(&mut broken, 1.0).is_finite());
    assert_eq!(broken[1].double_value(&[0]), 4.0);
    assert_eq!(global_norm(&[]), 0.0);

    let mut large = [Tensor::from_slice(&[3.0f32]), Tensor::from_slice(&[4.0f32])];
    assert_eq!(clip_by_global_norm(&mut large, 1.0), 5.0);
    assert!((global_norm(&large) - 1.0).abs() < 1e-6);
    assert_eq!(clip_by_global_norm(&mut large, f64::INFINITY), global_norm(&large));
}

#[test]
fn schedules_equal_transformers() {
    let file = load_json("adamw");
    let settings = &file["schedules"];
    let number = |key: &str| settings[key].as_f64().unwrap();
    let config = |decay, min_lr| ScheduleConfig {
        lr: number("peak_lr"),
        decay,
        warmup_updates: number("warmup_steps") as u64,
        min_lr,
        warmup_from_zero: true,
    };
    for (name, config) in [
        ("constant_with_warmup", config(Decay::Constant, 0.0)),
        ("cosine", config(Decay::Cosine, 0.0)),
        ("cosine_with_min_lr", config(Decay::Cosine, number("min_lr"))),
    ] {
        let schedule = Schedule::new(config, number("total_steps") as u64).unwrap();
        for (index, expected) in (0..).zip(numbers(&settings[name])) {
            let rate = schedule.rate(index);
            assert!((rate - expected).abs() <= 1e-6 * expected, "{name}[{index}]: {rate}");
        }
    }
}

#[test]
fn the_first_update_of_our_warm_up_counts_and_decays_end_at_their_floor() {
    let config =
        ScheduleConfig { lr: 1.0, decay: Decay::Linear, warmup_updates: 4, min_lr: 0.2, warmup_from_zero: false };
    let schedule = Schedule::new(config.clone(), 12).unwrap();
    let rates: Vec<f64> = (0..5).map(|index| schedule.rate(index)).collect();
    assert_eq!(rates, [0.25, 0.5, 0.75, 1.0, 1.0]);
    assert!((schedule.rate(8) - 0.6).abs() < 1e-12);
    assert!((schedule.rate(12) - 0.2).abs() < 1e-12);
    assert_eq!(schedule.rate(12), schedule.rate(500));

    let short = Schedule::new(config.clone(), 2).unwrap();
    assert!((0..9).all(|index| (0.2..=1.0).contains(&short.rate(index))));
    let upside_down = ScheduleConfig { min_lr: 2.0, ..config };
    assert!(Schedule::new(upside_down, 12).is_err());
}

#[test]
fn configs_refuse_what_they_do_not_know_and_what_makes_no_sense() {
    assert!(toml::from_str::<AdamWConfig>("beta_1 = 0.9").is_err());
    assert!(toml::from_str::<ScheduleConfig>("decay = \"sawtooth\"").is_err());
    for bad in ["beta1 = 1.0", "eps = -1.0", "weight_decay = nan", "max_gradient_norm = 0.0"] {
        let config: AdamWConfig = toml::from_str(bad).unwrap();
        assert!(AdamW::new(config).is_err(), "{bad}");
    }
    assert!(AdamW::new(AdamWConfig::default()).is_ok());
}
