//! docs/configuration.md says what the doc comments of the configurations' structs say, and the program's defaults.

mod defaults;
mod form;
mod page;
mod place;
mod sources;
mod walk;

use std::path::Path;

use evaluation::Suite;
use planner::Rates;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sweep::file::SweepFile;

use self::defaults::{Complete, fill};
use self::page::page;
use self::sources::Sources;
use self::walk::{Section, Walk};
use super::{RecipeConfig, ReinforceRun, RewardModelRun, SupervisedRun};

/// Set to anything, this variable makes the test write the page anew.
const RENEW: &str = "RENEW_DOCS";

/// Lines before the list of files.
const INTRODUCTION: &str = include_str!("introduction.md");

/// Kinds of files: title, description, the struct that one is read into and the file of that, and its reader.
const KINDS: [(&str, &str, &str, &str, Complete); 7] = [
    (
        "Stage 1 or 2",
        "`trainer --stage 1 --config FILE` and `--stage 2`: reinforcement learning.",
        "ReinforceRun",
        "trainer/src/config/reinforce.rs",
        completed::<ReinforceRun>,
    ),
    (
        "Cold start",
        "`trainer cold-start --config FILE`: supervised fine-tuning on traces.",
        "SupervisedRun",
        "trainer/src/config/supervised.rs",
        completed::<SupervisedRun>,
    ),
    (
        "Reward model",
        "`trainer reward-model --config FILE`: a reward model from pairs.",
        "RewardModelRun",
        "trainer/src/config/preference.rs",
        completed::<RewardModelRun>,
    ),
    (
        "Recipe",
        "`trainer recipe --config FILE`: every stage in order. Each writes into a folder of the recipe's \
         (`cold-start`, `stage-1`, `reward-model`, `stage-2`) and starts from the stage before it.",
        "RecipeConfig",
        "trainer/src/config/recipe.rs",
        completed::<RecipeConfig>,
    ),
    (
        "Sweep",
        "`trainer sweep FILE`: arms over seeds ([sweeps.md](sweeps.md)).",
        "SweepFile",
        "trainer/sweep/src/file.rs",
        completed::<SweepFile>,
    ),
    (
        "Suite",
        "`trainer eval --suite FILE` and `[[eval.suites]]`: a suite of your own ([evaluation.md](evaluation.md)).",
        "Suite",
        "trainer/evaluation/src/suite.rs",
        completed::<Suite>,
    ),
    (
        "Rates",
        "`trainer config check FILE --rates FILE`: rates of your machines ([scaling.md](scaling.md)).",
        "Rates",
        "trainer/planner/src/rates.rs",
        completed::<Rates>,
    ),
];

/// Reads a file of the program, and writes what holds.
fn completed<C: DeserializeOwned + Serialize>(text: &str) -> String {
    let config: C = toml::from_str(text).unwrap_or_else(|error| panic!("{error}\nin\n{text}"));
    toml::to_string(&config).unwrap()
}

#[test]
fn the_page_says_what_the_sources_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let sources = Sources::read(root);
    let mut walk = Walk::new(&sources);
    for (root, (title, about, name, file, _)) in KINDS.into_iter().enumerate() {
        let top = Section { root, title: title.to_owned(), about: about.to_owned(), ..Section::default() };
        walk.add(top, sources.in_file(name, file));
    }
    let mut sections = walk.sections;
    fill(&mut sections, &KINDS.map(|(.., complete)| complete));
    let wanted = page(INTRODUCTION, &sections);
    let path = root.join("docs/configuration.md");
    if std::env::var_os(RENEW).is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == wanted,
        "docs/configuration.md differs from the doc comments and defaults of the configurations; renew it with\n\
         {RENEW}=1 cargo test -p trainer --bin trainer reference"
    );
}

/// Walks a struct `Config` with this field.
fn walk_config(field: &str) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("a/src")).unwrap();
    std::fs::write(folder.path().join("Cargo.toml"), "[workspace]\nmembers = [\"a\"]\n").unwrap();
    let text = format!("#[derive(Deserialize)]\npub struct Config {{\n{field}\n}}\n");
    std::fs::write(folder.path().join("a/src/lib.rs"), text).unwrap();
    let sources = Sources::read(folder.path());
    Walk::new(&sources).add(Section::default(), sources.in_file("Config", "a/src/lib.rs"));
}

#[test]
#[should_panic(expected = "a/src/lib.rs: Config.steps stands in configurations and has no doc comment")]
fn a_key_without_a_doc_comment_is_named() {
    walk_config("steps: u64,");
}

#[test]
#[should_panic(expected = "a/src/lib.rs: Config.steps: nothing is known of the type Steps")]
fn a_type_that_is_new_to_the_page_is_named() {
    walk_config("/// Number of steps.\nsteps: Option<Vec<Steps>>,");
}

#[test]
#[should_panic(expected = "a/src/lib.rs: Config.steps: nothing is known of serde's `with`")]
fn an_attribute_that_is_new_to_the_page_is_named() {
    walk_config("/// Number of steps.\n#[serde(with = \"steps\")]\nsteps: u64,");
}
