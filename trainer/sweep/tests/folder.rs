//! The sweep's folder: another sweep's, and one whose file changed.

use std::fs;

use sweep::collect::collect;
use sweep::dry_run::describe;
use sweep::emit::{check_mark, mark_of};
use sweep::folder::{check_folder, check_program, design_changes, enter_folder};
use sweep::measured::CellState;
use sweep::plan::Plan;
use sweep::runner::{RunOptions, SweepEnd, run_plan};

use crate::fake::Fake;

const ARM: &str = "[[arm]]\nname = \"fast\"\nset = [\"rate=3\"]\n";

#[test]
fn arms_and_seeds_may_be_added_and_nothing_may_change() {
    let fake = Fake::new();
    let plan = fake.plan(ARM);
    check_folder(&plan).unwrap();
    enter_folder(&plan, false).unwrap();
    let link = fake.path("sweep/cells/fast/seed-2/stage-1");
    assert_eq!(fs::read_link(&link).unwrap().file_name().unwrap().to_str(), Some(plan.cells[3].units[1].as_str()));
    assert!(fs::read_link(&link).unwrap().is_relative());
    // A process that was killed between `sweep.json` and the links leaves none, and the next one makes them.
    let target = fs::read_link(&link).unwrap();
    fs::remove_dir_all(fs::canonicalize(fake.path("sweep/cells/fast")).unwrap()).unwrap();
    enter_folder(&plan, false).unwrap();
    assert_eq!(fs::read_link(&link).unwrap(), target);

    let more = fake.plan(&format!("{ARM}[[arm]]\nname = \"late\"\nset = [\"rate=4\"]\nfrom_step = 2\n"));
    check_folder(&more).unwrap();
    let mut file = fake.file(ARM);
    file.seeds.push(3);
    let longer = fake.plan_of(file.clone()).unwrap();
    check_folder(&longer).unwrap();
    // What was planned first keeps its index, wherever the file names the others.
    let first = |plan: &Plan| plan.cells[..4].iter().map(|cell| (cell.label(), cell.hash.clone())).collect::<Vec<_>>();
    assert!([&more, &longer].iter().all(|plan_of_more| first(plan_of_more) == first(&plan)));
    file.seeds.remove(0);
    let said = check_folder(&fake.plan_of(file).unwrap()).unwrap_err().to_string();
    assert!(said.contains("base seed 1: is no longer there") && said.contains("fast seed 1"), "{said}");

    // A unit that was begun says what it was; the cells of the base are as they were.
    for unit in plan.units.values() {
        let folder = fake.path("sweep/units").join(&unit.name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("identity.json"), serde_json::to_vec(&unit.identity).unwrap()).unwrap();
    }
    let said = check_folder(&fake.plan(&ARM.replace("rate=3", "rate=5"))).unwrap_err().to_string();
    assert!(said.contains("fast seed 1: stage-1: rate: 3 -> 5") && !said.contains("base seed"), "{said}");
    assert!(said.contains("may be added"), "{said}");
}

#[test]
fn a_folder_of_another_kind_is_refused() {
    let fake = Fake::new();
    let plan = fake.plan(ARM);
    fs::create_dir_all(fake.path("sweep/notes")).unwrap();
    let said = check_folder(&plan).unwrap_err().to_string();
    assert!(said.contains("holds files and no sweep"), "{said}");
    fs::remove_dir(fake.path("sweep/notes")).unwrap();
    enter_folder(&plan, false).unwrap();
    let mut file = fake.file(ARM);
    file.name = "other".into();
    let said = check_folder(&fake.plan_of(file).unwrap()).unwrap_err().to_string();
    assert!(said.contains("holds the sweep `fake`, not `other`"), "{said}");
    let path = fake.path("sweep/sweep.json");
    let newer = fs::read_to_string(&path).unwrap().replace("\"schema\": 2", "\"schema\": 3");
    fs::write(&path, newer).unwrap();
    assert!(check_folder(&plan).unwrap_err().to_string().contains("schema 3"));
}

#[test]
fn an_index_of_emitted_jobs_stays_or_is_refused() {
    let fake = Fake::new();
    let plan = fake.plan(ARM);
    let mark = mark_of(&plan);
    let first = format!("[[arm]]\nname = \"first\"\nset = [\"rate=4\"]\n{ARM}");
    // Nothing has run yet, so nothing says in which order cells were planned.
    let said = check_mark(&fake.plan(&first), &mark).unwrap_err().to_string();
    assert!(said.contains(&format!("--of {mark}")) && said.contains("--emit"), "{said}");
    enter_folder(&plan, false).unwrap();
    let more = fake.plan(&first);
    check_mark(&more, &mark).unwrap();
    enter_folder(&more, false).unwrap();
    let labels: Vec<String> = fake.plan(&first).cells.iter().map(|cell| cell.label()).collect();
    let expected = ["base seed 1", "fast seed 1", "base seed 2", "fast seed 2", "first seed 1", "first seed 2"];
    assert_eq!(labels, expected);
    for given in ["", "9-3f2a", "4-000000000000", "x"] {
        assert!(check_mark(&plan, given).is_err(), "{given}");
    }
}

#[test]
fn what_is_compared_is_written_down_and_a_change_after_cells_have_run_is_kept() {
    let fake = Fake::new();
    let with = |claims: &str| fake.plan(&format!("{ARM}[claims]\n{claims}\n"));
    enter_folder(&with("alpha = 0.1"), false).unwrap();
    let plan = with("alpha = 0.05");
    enter_folder(&plan, false).unwrap();
    assert!(design_changes(&plan).unwrap().is_empty(), "no cell has run");
    fake.run(&plan, RunOptions { cell: Some(0), ..RunOptions::default() });
    enter_folder(&plan, false).unwrap();
    let plan = with("alpha = 0.2");
    for _ in 0..2 {
        enter_folder(&plan, false).unwrap();
        let said: Vec<String> = design_changes(&plan).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(said, ["claims.alpha from 0.05 to 0.2, when 1 of 4 cells were done"]);
    }
    let mut file = fake.file(&format!("{ARM}[claims]\nalpha = 0.2\n"));
    file.seeds.push(3);
    let plan = fake.plan_of(file).unwrap();
    enter_folder(&plan, false).unwrap();
    let last = design_changes(&plan).unwrap().pop().unwrap().to_string();
    assert_eq!(last, "seeds from 1, 2 to 1, 2, 3, when 1 of 4 cells were done");
}

#[test]
fn cells_of_another_program_are_refused_until_it_is_accepted() {
    let fake = Fake::new();
    let plan = fake.plan(ARM);
    fake.run(&plan, RunOptions { cell: Some(0), ..RunOptions::default() });
    fake.rebuild("fake 2");
    let again = fake.plan(ARM);
    assert_eq!((&again.cells, again.version.as_str(), again.program.as_str()), (&plan.cells, "fake 1", "fake 2"));
    let steps = fake.steps_done();
    let refused = run_plan(&again, &fake, RunOptions::default(), &|| false, &mut |_| ()).unwrap_err();
    let said = refused.to_string();
    assert!(refused.is_usage() && fake.steps_done() == steps, "{said}");
    for words in ["fake 1\nand this one is\n  fake 2", "base seed 1: done", "another folder", "--accept-program"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(!said.contains("base seed 2"), "{said}");
    assert!(describe(&again, 1).unwrap().contains("its cells are of another program"));
    // Reading what is there asks nothing.
    assert_eq!(collect(&again)[0].state, CellState::Done);

    let accepting = RunOptions { accepts_program: true, ..RunOptions::default() };
    assert_eq!(fake.run(&again, accepting).0, SweepEnd::Done);
    // The base of seed 1 and its cold start stay the old program's.
    assert_eq!(fake.steps_done(), 6 * 4);
    let cells = collect(&again);
    let programs = |index: usize| cells[index].computed_by["stage-1"].programs.clone();
    assert_eq!(
        (programs(0), programs(1), programs(2)),
        (vec!["fake 1".to_owned()], vec!["fake 2".to_owned()], vec!["fake 2".to_owned()])
    );
    // Once accepted, both go on unasked, and a third does not.
    assert_eq!(fake.run(&fake.plan(ARM), RunOptions::default()).0, SweepEnd::Done);
    fake.rebuild("fake 1");
    assert_eq!(fake.run(&fake.plan(ARM), RunOptions::default()).0, SweepEnd::Done);
    fake.rebuild("fake 3");
    assert!(check_program(&fake.plan(ARM)).unwrap_err().to_string().contains("fake 1\n  fake 2\nand this one"));
    // In a folder of its own it names units otherwise.
    let elsewhere = Fake::new();
    elsewhere.rebuild("fake 3");
    assert_ne!(elsewhere.plan(ARM).cells[0].units, plan.cells[0].units);
}
