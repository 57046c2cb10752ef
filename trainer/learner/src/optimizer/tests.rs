//! The optimizer against PyTorch's AdamW and transformers' schedules, and what must hold of a resumed run.

use policy::{NamedTensors, Parameter, ParameterPart};
use serde_json::Value;
use tch::{Device, Kind, Tensor};

use super::adamw::{AdamW, AdamWConfig};
use super::gradient_norm::{global_norm, scale_to_norm, weighted_squares};
use super::schedule::{Decay, Schedule, ScheduleConfig};
use super::state_place::{StatePlace, Way};
use crate::tests::golden::{Golden, assert_close, load_json};

const NAMES: [&str; 3] = ["weight", "bias", "norm"];

type Gradients = Vec<Option<Tensor>>;
type Change<'a> = &'a dyn Fn(&mut NamedTensors);

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
        ..AdamWConfig::default()
    }
}

fn initial(golden: &Golden, kind: Kind) -> Vec<Parameter> {
    NAMES.map(|name| Parameter::whole(name, &golden.get(&format!("initial.{name}")).to_kind(kind).copy())).into()
}

/// The stored gradients of a step, clipped, and their norm before.
fn gradients(golden: &Golden, step: usize, max_norm: f64) -> (Gradients, f64) {
    let mut gradients = NAMES.map(|name| golden.get(&format!("step{step}.gradient.{name}")).copy());
    let norm = clipped(&mut gradients, max_norm);
    (gradients.into_iter().map(Some).collect(), norm)
}

#[test]
fn five_steps_equal_pytorch() {
    let (golden, file) = (Golden::load("adamw"), load_json("adamw"));
    let config = golden_config(&file);
    let norms = numbers(&file["adamw"]["norms_before_clipping"]);
    let lr = file["adamw"]["lr"].as_f64().unwrap();
    let parameters = initial(&golden, Kind::Float);
    let mut optimizer = AdamW::new(config.clone(), &parameters).unwrap();
    for (step, expected) in norms.into_iter().enumerate() {
        let (gradients, norm) = gradients(&golden, step, config.max_gradient_norm);
        assert!((norm - expected).abs() <= 1e-6 + 1e-6 * expected, "norm {norm}");
        optimizer.step(&parameters, &gradients, lr).unwrap();
        for Parameter { name, tensor, .. } in &parameters {
            let what = format!("step{step}.parameter.{name}");
            assert_close(&what, tensor, golden.get(&what), 1e-6, 1e-6);
        }
    }
    assert_state(&golden, "final", &optimizer.state(&parameters));
}

#[test]
fn varying_rates_equal_pytorch() {
    let (golden, file) = (Golden::load("adamw"), load_json("adamw"));
    let config = golden_config(&file);
    let parameters = initial(&golden, Kind::Float);
    let mut optimizer = AdamW::new(config.clone(), &parameters).unwrap();
    for (step, lr) in numbers(&file["adamw"]["varying_lr"]).into_iter().enumerate() {
        let (gradients, _) = gradients(&golden, step, config.max_gradient_norm);
        optimizer.step(&parameters, &gradients, lr).unwrap();
    }
    for Parameter { name, tensor, .. } in &parameters {
        let what = format!("varying_lr.step4.parameter.{name}");
        assert_close(&what, tensor, golden.get(&what), 1e-6, 1e-6);
    }
    assert_state(&golden, "varying_lr.final", &optimizer.state(&parameters));
}

fn assert_state(golden: &Golden, prefix: &str, state: &NamedTensors) {
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

/// Clips gradients that are all there are; returns the norm they had.
fn clipped(gradients: &mut [Tensor], max_norm: f64) -> f64 {
    let norm = global_norm(gradients);
    scale_to_norm(gradients, norm, max_norm);
    norm
}

/// Runs steps `first..last` at rate 0.01.
fn run(golden: &Golden, optimizer: &mut AdamW, parameters: &[Parameter], first: usize, last: usize) {
    for step in first..last {
        optimizer.step(parameters, &gradients(golden, step, 1.0).0, 0.01).unwrap();
    }
}

fn adamw(parameters: &[Parameter]) -> AdamW {
    AdamW::new(AdamWConfig::default(), parameters).unwrap()
}

#[test]
fn a_state_on_the_host_takes_the_same_steps_bit_for_bit() {
    let golden = Golden::load("adamw");
    for kind in [Kind::Float, Kind::BFloat16] {
        let here = initial(&golden, kind);
        let mut optimizer = adamw(&here);
        run(&golden, &mut optimizer, &here, 0, 5);
        let state = optimizer.state(&here);

        // On a CPU the two are one memory; with copies, pieces go the way that they go to a GPU.
        let on_host = AdamWConfig { state: StatePlace::Host, ..AdamWConfig::default() };
        for is_copied in [false, true] {
            let parameters = initial(&golden, kind);
            let way = if is_copied { Way::Copied } else { Way::new(StatePlace::Host, Device::Cpu).unwrap() };
            let mut optimizer = AdamW::on_way(on_host.clone(), &parameters, way).unwrap();
            run(&golden, &mut optimizer, &parameters, 0, 5);
            for (expected, actual) in here.iter().zip(&parameters) {
                assert_eq!(actual.tensor, expected.tensor, "{} {kind:?}", actual.name);
            }
            for ((name, expected), (_, actual)) in state.iter().zip(optimizer.state(&parameters)) {
                assert_eq!(actual, *expected, "{name} {kind:?}");
            }
        }
    }
}

#[test]
fn a_parameter_of_several_pieces_is_updated_whole() {
    let numel = (1 << 17) * 2 + 3;
    let gradient = || vec![Some(Tensor::arange(numel, (Kind::Float, Device::Cpu)) / 1e4)];
    let updated = |way: Way| {
        let parameters = vec![Parameter::whole("weight", &Tensor::ones([numel], (Kind::BFloat16, Device::Cpu)))];
        let mut optimizer = AdamW::on_way(AdamWConfig::default(), &parameters, way).unwrap();
        for _ in 0..2 {
            optimizer.step(&parameters, &gradient(), 0.1).unwrap();
        }
        let master = optimizer.state(&parameters).pop().unwrap();
        (parameters[0].tensor.shallow_clone(), master.1)
    };
    let (here, copied) = (updated(Way::Here), updated(Way::Copied));
    assert_eq!(here, copied);
    assert!(here.0.ne(1.0).sum(Kind::Int64).int64_value(&[]) >= numel - 1); // the first gradient is 0
}

#[test]
fn a_resumed_run_is_the_uninterrupted_run() {
    let golden = Golden::load("adamw");
    for kind in [Kind::Float, Kind::BFloat16] {
        let whole = initial(&golden, kind);
        run(&golden, &mut adamw(&whole), &whole, 0, 5);

        let parameters = initial(&golden, kind);
        let mut first = adamw(&parameters);
        run(&golden, &mut first, &parameters, 0, 2);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("optimizer.safetensors");
        policy::write_tensors(&file, &first.state(&parameters)).unwrap();

        let mut second = adamw(&parameters);
        second.load_state(policy::read_tensors(&file, Device::Cpu).unwrap(), &parameters).unwrap();
        run(&golden, &mut second, &parameters, 2, 5);
        for (expected, actual) in whole.iter().zip(&parameters) {
            assert_close(&actual.name, &actual.tensor, &expected.tensor, 0.0, 0.0);
        }
    }
}

#[test]
fn a_state_goes_by_the_parts_that_a_checkpoint_names() {
    let tensor = Tensor::ones([5, 2], (Kind::BFloat16, Device::Cpu));
    let part = |name: &str, rows| ParameterPart { name: name.into(), rows, cut: None };
    let fused = vec![Parameter {
        name: "kv".into(),
        tensor: tensor.copy(),
        parts: vec![part("k", 2), part("v", 3)],
        piece: None,
    }];
    let gradient = Tensor::arange(10, (Kind::Float, Device::Cpu)).view([5, 2]);
    let mut one = adamw(&fused);
    one.step(&fused, &[Some(gradient.copy())], 0.1).unwrap();
    let apart = vec![
        Parameter::whole("k", &fused[0].tensor.narrow(0, 0, 2)),
        Parameter::whole("v", &fused[0].tensor.narrow(0, 2, 3)),
    ];
    let mut other = adamw(&apart);
    other.load_state(one.state(&fused), &apart).unwrap();
    let names = |state: NamedTensors| {
        let mut names: Vec<String> = state.into_iter().map(|(name, _)| name).collect();
        names.sort();
        names
    };
    assert_eq!(names(one.state(&fused)), names(other.state(&apart)));
    one.step(&fused, &[Some(gradient.copy())], 0.1).unwrap();
    let whole = fused[0].tensor.copy();
    one.load_state(other.state(&apart), &fused).unwrap();
    other.step(&apart, &[Some(gradient.narrow(0, 0, 2)), Some(gradient.narrow(0, 2, 3))], 0.1).unwrap();
    assert_close("kv", &fused[0].tensor, &whole, 0.0, 0.0);
    assert_eq!(other.state(&apart).len(), 8);
}

#[test]
fn a_state_of_another_model_is_refused_and_changes_nothing() {
    let golden = Golden::load("adamw");
    let parameters = initial(&golden, Kind::Float);
    let mut optimizer = adamw(&parameters);
    run(&golden, &mut optimizer, &parameters, 0, 1);
    let refused = |optimizer: &mut AdamW, change: Change| {
        let mut state = optimizer.state(&parameters);
        change(&mut state);
        let doubled = state.into_iter().map(|(name, tensor)| (name, tensor * 2)).collect();
        let before: Vec<Tensor> = optimizer.state(&parameters).iter().map(|(_, tensor)| tensor.copy()).collect();
        let error = optimizer.load_state(doubled, &parameters).unwrap_err();
        let after = optimizer.state(&parameters);
        assert!(before.len() == after.len() && before.iter().zip(&after).all(|(one, (_, other))| one.equal(other)));
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
fn a_state_is_loaded_into_the_memory_that_is_there() {
    let golden = Golden::load("adamw");
    let parameters = initial(&golden, Kind::BFloat16);
    let (mut optimizer, mut other) = (adamw(&parameters), adamw(&parameters));
    run(&golden, &mut optimizer, &parameters, 0, 2);
    let memory = other.state(&parameters);
    other.load_state(optimizer.state(&parameters), &parameters).unwrap();
    for ((name, loaded), (_, saved)) in memory.iter().zip(&optimizer.state(&parameters)) {
        // The number of updates is no tensor of the optimizer's.
        assert!(name.starts_with("num_updates") || loaded.equal(saved), "{name} lies elsewhere now");
    }
    let error = other.load_state(Vec::new(), &parameters[1..]).unwrap_err().to_string();
    assert!(error.contains("has 3 parameters and is given 2"), "{error}");
}

#[test]
fn a_gradient_of_another_shape_is_refused_before_any_parameter_changes() {
    let golden = Golden::load("adamw");
    let parameters = initial(&golden, Kind::Float);
    let mut optimizer = adamw(&parameters);
    let (mut gradients, _) = gradients(&golden, 0, 1.0);
    gradients[2] = Some(Tensor::ones([99], (Kind::Float, Device::Cpu)));
    let error = optimizer.step(&parameters, &gradients, 0.1).unwrap_err().to_string();
    assert!(error.contains("cannot update norm"), "{error}");
    for Parameter { name, tensor, .. } in &parameters {
        assert_close(name, tensor, golden.get(&format!("initial.{name}")), 0.0, 0.0);
    }
    for (name, tensor) in optimizer.state(&parameters) {
        assert_eq!(tensor.abs().max().double_value(&[]), 0.0, "{name}");
    }
}

#[test]
fn bfloat16_weights_move_at_rates_that_bfloat16_cannot_add() {
    let parameters = vec![Parameter::whole("weight", &Tensor::ones([64], (Kind::BFloat16, Device::Cpu)))];
    let mut optimizer = adamw(&parameters);
    for _ in 0..100 {
        let gradient = Tensor::ones([64], (Kind::Float, Device::Cpu));
        optimizer.step(&parameters, &[Some(gradient)], 1e-4).unwrap();
    }
    // A hundred steps of 1e-4 make 0.01; one alone is below bfloat16's resolution at 1.
    let moved = parameters[0].tensor.to_kind(Kind::Float);
    assert_close("weight", &moved, &(moved.ones_like() * 0.99), 0.004, 0.0);
    assert_eq!(parameters[0].tensor.kind(), Kind::BFloat16);
}

#[test]
fn long_parameters_are_updated_to_their_end() {
    let ones = Tensor::ones([(1 << 17) + 3], (Kind::Float, Device::Cpu));
    let parameters = vec![Parameter::whole("weight", &ones.copy())];
    adamw(&parameters).step(&parameters, &[Some(ones.copy())], 0.1).unwrap();
    assert_close("weight", &parameters[0].tensor, &(ones * 0.9), 1e-6, 0.0);
}

#[test]
fn a_parameter_without_a_gradient_is_left_alone() {
    let golden = Golden::load("adamw");
    let parameters = initial(&golden, Kind::Float);
    let mut optimizer = adamw(&parameters);
    let (mut gradients, _) = gradients(&golden, 0, 1.0);
    gradients[1] = None;
    optimizer.step(&parameters, &gradients, 0.1).unwrap();
    assert_close("bias", &parameters[1].tensor, golden.get("initial.bias"), 0.0, 0.0);
    let counts: Vec<i64> = optimizer
        .state(&parameters)
        .iter()
        .filter(|(name, _)| name.starts_with("num_updates"))
        .map(|(_, count)| count.int64_value(&[]))
        .collect();
    assert_eq!(counts, [1, 0, 1]);
}

#[test]
fn a_norm_that_is_not_finite_is_reported_and_touches_nothing() {
    let mut broken = [Tensor::from_slice(&[3.0f32, f32::NAN]), Tensor::from_slice(&[4.0f32])];
    assert!(!clipped(&mut broken, 1.0).is_finite());
    assert_eq!(broken[1].double_value(&[0]), 4.0);
    assert_eq!(global_norm(&[]), 0.0);

    let mut large = [Tensor::from_slice(&[3.0f32]), Tensor::from_slice(&[4.0f32])];
    assert_eq!(clipped(&mut large, 1.0), 5.0);
    assert!((global_norm(&large) - 1.0).abs() < 1e-6);
    assert_eq!(clipped(&mut large, f64::INFINITY), global_norm(&large));
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
        assert!(AdamW::new(config, &[]).is_err(), "{bad}");
    }
    assert!(AdamW::new(AdamWConfig::default(), &[]).is_ok());
}

#[test]
fn weighted_squares_are_those_of_each_tensor_times_its_weight() {
    let tensors = [3f32, 1e-3, 40.0].map(|value| Tensor::full([7], f64::from(value), tch::kind::FLOAT_CPU));
    let weights = [0.5, 1.0, 0.25];
    let each = tensors.iter().zip(weights).map(|(tensor, weight)| {
        let norm = global_norm(std::slice::from_ref(tensor));
        norm * norm * weight
    });
    let expected: f64 = each.sum();
    assert!((weighted_squares(&tensors, &weights) / expected - 1.0).abs() < 1e-12);
    assert_eq!(weighted_squares(&[], &[]), 0.0);
    let broken = Tensor::from_slice(&[f32::NAN]);
    assert!(weighted_squares(&[broken], &[1.0]).is_nan());
}
