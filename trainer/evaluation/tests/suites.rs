//! Every suite that ships: it parses, and its numbers have sources.

use std::path::Path;

use evaluation::{select, suite_names};

#[test]
fn every_number_of_every_suite_has_its_source() {
    for name in suite_names() {
        for suite in select(name).unwrap().suites {
            let numbers = ["num_rows", "prompt", "samples", "temperature", "top_p", "top_k", "max_new_tokens"];
            let optional = [
                ("shots", suite.protocol.shots.is_some()),
                ("continuation", suite.protocol.continuation.is_some()),
                ("overall", suite.overall.is_some() && suite.name.starts_with("reward")),
            ];
            let needed =
                numbers.iter().copied().chain(optional.iter().filter(|(_, is_there)| *is_there).map(|(name, _)| *name));
            for number in needed {
                let source = suite.sources.get(number).map(String::as_str).unwrap_or_default();
                assert!(source.len() > 10, "{name}: {number} has no source");
            }
            assert!(suite.errata.iter().all(|erratum| !erratum.source.is_empty() && !erratum.ids.is_empty()), "{name}");
            assert!(!suite.licence.is_empty() && !suite.layouts.is_empty(), "{name}");
        }
    }
}

#[test]
fn the_folder_holds_the_suites_that_ship_and_no_others() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/suites");
    let stems = |folder: &Path| {
        let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
        let files = files.filter(|path| path.extension().is_some_and(|end| end == "toml"));
        files.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect::<Vec<_>>()
    };
    let mut files = [stems(&folder), stems(&folder.join("groups"))].concat();
    let mut names: Vec<String> = suite_names().map(str::to_owned).collect();
    files.sort();
    names.sort();
    assert_eq!(files, names);
}

#[test]
fn row_counts_are_those_of_the_published_sets() {
    let counts = [
        ("aime24", 30),
        ("aime25", 30),
        ("amc23", 40),
        ("gsm8k", 1319),
        ("math500", 500),
        ("humaneval", 164),
        ("livecodebench@v1", 400),
        ("livecodebench@v2", 511),
        ("livecodebench@v3", 612),
        ("livecodebench@v4", 713),
        ("livecodebench@v5", 880),
        ("livecodebench@v6", 1055),
        ("ifeval", 541),
        ("rewardbench", 2985),
        ("gpqa", 198),
        ("gpqa@extended", 546),
        ("mbpp@sanitized", 257),
    ];
    for (name, count) in counts {
        assert_eq!(select(name).unwrap().suites[0].num_rows.0[0], count, "{name}");
    }
    assert_eq!(select("livecodebench@v3").unwrap().suites[0].versions["v3"].files, Some(3));
}

#[test]
fn every_layout_that_a_suite_names_is_one_that_ships() {
    let known: Vec<&str> = datasets::layout::shipped().iter().map(|layout| layout.name.as_str()).collect();
    for name in suite_names() {
        for suite in select(name).unwrap().suites {
            let versions = suite.versions.values().filter_map(|version| version.layouts.as_ref());
            for layout in suite.layouts.iter().chain(versions.flatten()) {
                assert!(known.contains(&layout.as_str()), "{name}: there is no layout {layout}");
            }
        }
    }
}
