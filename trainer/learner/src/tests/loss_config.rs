//! Section `loss`: each kind's own parameters, defaults and refusals.

use crate::aggregation::Aggregation;
use crate::kl::KlEstimator;
use crate::loss::cispo::Cispo;
use crate::loss::gspo::Gspo;
use crate::loss::ppo_clip::PpoClip;
use crate::loss::{PolicyLossConfig, PolicyLossKind};
use crate::rollout_correction::RolloutCorrection;

fn parse(text: &str) -> PolicyLossConfig {
    toml::from_str(text).unwrap()
}

fn refusal(text: &str) -> String {
    toml::from_str::<PolicyLossConfig>(text).unwrap_err().message().to_owned()
}

#[test]
fn a_kind_alone_is_its_paper() {
    let gspo = parse("kind = \"gspo\"");
    assert_eq!(gspo.kind, PolicyLossKind::Gspo(Gspo { clip_low: 3e-4, clip_high: 4e-4 }));
    assert_eq!(gspo.aggregation, Aggregation::SequenceMean);
    assert!(!gspo.is_token_wise());

    let dapo = PpoClip { clip_low: 0.2, clip_high: 0.28, dual_clip: None };
    for text in ["", "kind = \"ppo_clip\""] {
        assert_eq!(parse(text).kind, PolicyLossKind::PpoClip(dapo));
        assert_eq!(parse(text).aggregation, Aggregation::TokenMean);
        assert!(parse(text).is_token_wise());
    }
    assert_eq!(parse(""), PolicyLossConfig::default());
    assert_eq!(parse("kind = \"cispo\"").kind, PolicyLossKind::Cispo(Cispo { clip_high: 4.0 }));
    for kind in ["ppo_clip", "gspo", "cispo", "cispo_two_sided", "reinforce"] {
        let config = parse(&format!("kind = \"{kind}\""));
        config.validate().unwrap();
        assert_eq!((config.kind.name(), config.notes()), (kind, vec![]));
        assert_eq!(config, PolicyLossConfig::of_kind(config.kind.clone()));
    }
}

#[test]
fn what_is_written_wins_over_the_kind() {
    let config = parse(
        "kind = \"gspo\"\nclip_low = 1e-3\naggregation.constant.length = 32\nrollout_correction.icepop.low = 0.4\n\
         kl_estimator = \"k2\"\nkl_coefficient = 1",
    );
    assert_eq!(config.kind, PolicyLossKind::Gspo(Gspo { clip_low: 1e-3, clip_high: 4e-4 }));
    assert_eq!(config.aggregation, Aggregation::Constant { length: 32 });
    let icepop = RolloutCorrection::IcePop { low: 0.4, high: 5.0, mask_only: false };
    assert_eq!(config.rollout_correction, icepop);
    assert_eq!((config.kl_estimator, config.kl_coefficient), (KlEstimator::K2, 1.0));
    let dual = parse("dual_clip = 3");
    assert_eq!(dual.kind, PolicyLossKind::PpoClip(PpoClip { dual_clip: Some(3.0), ..PpoClip::default() }));
}

#[test]
fn a_resolved_section_prints_its_kinds_values_and_reads_back() {
    for text in [
        "",
        "dual_clip = 3.0",
        "kind = \"gspo\"\naggregation.constant.length = 32\nrollout_correction.tis.cap = 3.0",
        "kind = \"cispo\"\nclip_high = 0.5\nkl_coefficient = 0.1",
        "kind = \"cispo_two_sided\"",
        "kind = \"reinforce\"\nrollout_correction.icepop.mask_only = true",
    ] {
        let config = parse(text);
        assert_eq!(parse(&toml::to_string(&config).unwrap()), config, "{text}");
    }
    let printed = toml::to_string(&parse("kind = \"gspo\"")).unwrap();
    let expected = "kind = \"gspo\"\nclip_low = 0.0003\nclip_high = 0.0004\naggregation = \"sequence_mean\"\n\
                    rollout_correction = \"none\"\nkl_coefficient = 0.0\nkl_estimator = \"k3\"\n";
    assert_eq!(printed, expected);
    assert!(!toml::to_string(&parse("kind = \"reinforce\"")).unwrap().contains("clip"));
}

#[test]
fn a_key_of_another_kind_is_refused_by_name() {
    let error = refusal("kind = \"gspo\"\ndual_clip = 3.0");
    let expected =
        "loss.dual_clip: kind = \"gspo\" does not use it; leave it out, or choose a kind that does (\"ppo_clip\")";
    assert_eq!(error, expected);
    let error = refusal("kind = \"cispo\"\nclip_low = 0.2");
    assert!(error.contains("(\"ppo_clip\", \"gspo\", \"cispo_two_sided\")"), "{error}");
    assert!(refusal("clip_high = 0.2\nkind = \"reinforce\"").starts_with("loss.clip_high: kind = \"reinforce\""));
}

#[test]
fn unknown_keys_kinds_and_wrong_types_are_named() {
    let error = refusal("clip_hihg = 0.3");
    assert!(
        error.starts_with("loss.clip_hihg: no kind") && error.contains("`clip_high`, `dual_clip`, `aggregation`"),
        "{error}"
    );
    assert!(refusal("kind = \"reinforce\"\ncap = 1.0").contains("expected one of `aggregation`"));
    let error = refusal("kind = \"gsop\"");
    assert_eq!(
        error,
        "loss.kind: unknown variant `gsop`, expected one of `ppo_clip`, `gspo`, `cispo`, `cispo_two_sided`, `reinforce`"
    );
    let error = refusal("clip_low = \"wide\"");
    assert!(error.contains("expected f64") && error.contains("clip_low"), "{error}");
}

#[test]
fn numbers_out_of_range_are_refused() {
    for bad in [
        "clip_low = 1.5",
        "clip_high = -0.1",
        "dual_clip = 0.9",
        "kind = \"gspo\"\nclip_low = -1e-3",
        "kind = \"cispo\"\nclip_high = inf",
        "kind = \"cispo_two_sided\"\nclip_low = 2.0",
        "kl_coefficient = nan",
        "aggregation.constant.length = 0",
        "rollout_correction.tis.cap = 0.0",
        "rollout_correction.icepop.low = 9.0",
    ] {
        assert!(parse(bad).validate().is_err(), "{bad}");
    }
}

#[test]
fn combinations_outside_of_a_paper_are_noted() {
    let notes = |text: &str| parse(text).notes();
    let mixed = notes("kind = \"gspo\"\nrollout_correction.tis.cap = 2.0");
    assert!(mixed.len() == 1 && mixed[0].contains("loss.rollout_correction weighs single tokens"), "{mixed:?}");
    let wide = notes("kind = \"gspo\"\nclip_low = 0.2\naggregation = \"token_mean\"");
    assert!(wide.len() == 2 && wide[0].contains("loss.clip_low = 0.2") && wide[1].contains("loss.aggregation"));
    assert_eq!(notes("kl_coefficient = 0.1\nkl_estimator = \"k1\"").len(), 1);
    assert!(notes("kl_estimator = \"k1\"").is_empty());
    assert!(notes("rollout_correction.tis.cap = 2.0\naggregation = \"sequence_mean\"").is_empty());
}
