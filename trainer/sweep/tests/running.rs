//! Running: once what is shared, on after a kill, around a failure, and the same table whatever the order.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sweep::collect::collect;
use sweep::dry_run::describe;
use sweep::folder::enter_folder;
use sweep::measured::CellState;
use sweep::runner::{Event, RunOptions, SweepEnd, run_plan};

use crate::fake::{Fake, figure, table};

const ARM: &str = "[[arm]]\nname = \"fast\"\nset = [\"rate=3\"]\n";

fn options(num_at_once: usize) -> RunOptions {
    RunOptions { num_at_once, ..RunOptions::default() }
}

#[test]
fn a_sweep_runs_what_is_shared_once_and_reads_its_figures() {
    let fake = Fake::new();
    let plan = fake.plan(ARM);
    let (end, said) = fake.run(&plan, options(2));
    assert_eq!((end, said.len()), (SweepEnd::Done, 4));
    assert!(said.last().unwrap().contains("Done 0"), "{said:?}");
    // Two cold starts and four stages of four steps.
    assert_eq!(fake.steps_done(), 6 * 4);
    // A cold start of rate 1, then rate 2 or 3, each times the seed.
    assert_eq!((figure(&plan, "base", 1), figure(&plan, "fast", 1)), (12.0, 16.0));
    assert_eq!((figure(&plan, "base", 2), figure(&plan, "fast", 2)), (24.0, 32.0));
    let cells = collect(&plan);
    let maths = &cells[0].figures["maths"];
    assert_eq!(maths.by_task.as_ref().unwrap()["b"], 0.5);
    assert_eq!(maths.curve, [(1, 6.0), (2, 8.0), (3, 10.0), (4, 12.0)]);
    assert_eq!((cells[0].budget.steps, cells[0].budget.seconds), (4, 2.0));
    // The same command again does nothing, and the table is the same.
    let before = table(&plan);
    assert_eq!(fake.run(&plan, options(1)).0, SweepEnd::Done);
    assert_eq!((fake.steps_done(), table(&plan)), (6 * 4, before));
}

#[test]
fn a_mean_of_the_last_evaluations_is_that_of_the_tasks_too() {
    let fake = Fake::new();
    let figure = "[[figure]]\nname = \"mean\"\nmetric = \"eval/maths/pass@1\"\nmean_of_last = 2\n";
    let plan = fake.plan(&format!("{figure}{ARM}"));
    fake.run(&plan, options(4));
    let mean = &collect(&plan)[0].figures["mean"];
    assert_eq!((mean.value, mean.by_task.as_ref().unwrap()["a"]), (11.0, 11.0));
}

#[test]
fn cells_in_any_order_make_the_same_table() {
    let (whole, parts) = (Fake::new(), Fake::new());
    let late = "[[arm]]\nname = \"late\"\nset = [\"rate=5\"]\nfrom_step = 2\n";
    let text = format!("{ARM}{late}");
    let plan = whole.plan(&text);
    whole.run(&plan, options(3));
    let plan_of_parts = parts.plan(&text);
    for cell in [4, 1, 5, 0, 3, 2] {
        let (end, said) = parts.run(&plan_of_parts, RunOptions { cell: Some(cell), ..options(1) });
        assert_eq!((end, said.len()), (SweepEnd::Done, 1));
    }
    assert_eq!(parts.steps_done(), whole.steps_done());
    let without_folder = |plan| {
        let mut cells = table(plan);
        cells.iter_mut().for_each(|cell| cell.folder.clear());
        cells
    };
    assert_eq!(without_folder(&plan), without_folder(&plan_of_parts));
    // The steps up to the second are the base's: 4, then 2 x 2, then 2 x 5.
    assert_eq!(figure(&plan, "late", 1), 18.0);
    let said = run_plan(&plan, &whole, RunOptions { cell: Some(6), ..options(1) }, &|| false, &mut |_| ());
    assert!(said.unwrap_err().to_string().contains("the cells 0 to 5"));
}

#[test]
fn two_arms_that_part_late_with_nothing_changed_are_equal() {
    let fake = Fake::new();
    let plan = fake.plan("[[arm]]\nname = \"same\"\nset = [\"note=1\"]\nfrom_step = 2\n");
    fake.run(&plan, options(2));
    for seed in [1, 2] {
        assert_eq!(figure(&plan, "base", seed) - figure(&plan, "same", seed), 0.0);
    }
}

#[test]
fn a_failed_cell_leaves_the_others_as_they_were() {
    let (sound, broken) = (Fake::new(), Fake::new());
    let plan = sound.plan(ARM);
    sound.run(&plan, options(2));
    let nan = "[[arm]]\nname = \"nan\"\nset = [\"fault=nan\"]\n";
    let kill = "[[arm]]\nname = \"kill\"\nset = [\"fault=kill\"]\n";
    let with_faults = broken.plan(&format!("{nan}{ARM}{kill}"));
    let (end, said) = broken.run(&with_faults, options(3));
    assert_eq!(end, SweepEnd::Failed);
    let failed: Vec<&String> = said.iter().filter(|line| line.contains("Failed")).collect();
    assert_eq!(failed.len(), 4, "{said:?}");
    assert!(failed.iter().any(|line| line.starts_with("nan seed 1") && line.contains("loss that is not finite")));
    assert!(failed.iter().any(|line| line.starts_with("kill seed 2") && line.contains("killed by SIGKILL, 4 times")));
    for (arm, seed) in [("base", 1), ("fast", 1), ("base", 2), ("fast", 2)] {
        assert_eq!(figure(&plan, arm, seed), figure(&with_faults, arm, seed));
    }
    let cells = collect(&with_faults);
    let nan = cells.iter().find(|cell| cell.arm == "nan").unwrap();
    assert!(
        nan.state == CellState::Failed
            && nan.failure.as_ref().unwrap().contains("not finite")
            && nan.figures.is_empty()
    );

    // Failed ones only when asked, and then with what is left of them.
    let steps = broken.steps_done();
    assert_eq!(broken.run(&with_faults, options(2)).0, SweepEnd::Failed);
    assert_eq!(broken.steps_done(), steps);
    let configs = fs::read_dir(broken.path("sweep/units")).unwrap();
    let num_starts = |name: &str| {
        let unit = with_faults.cells.iter().find(|cell| cell.arm == name).unwrap().units.last().unwrap().clone();
        fs::read_to_string(broken.path("sweep/units").join(unit).join("log.txt")).unwrap().matches("not finite").count()
    };
    assert!(configs.count() > 0 && num_starts("nan") == 1);
    let again = RunOptions { retries_failed: true, ..options(2) };
    assert_eq!(broken.run(&with_faults, again).0, SweepEnd::Failed);
    assert_eq!(num_starts("nan"), 2);
}

#[test]
fn a_run_that_is_killed_or_stopped_once_goes_on() {
    let fake = Fake::new();
    let killed = "[[arm]]\nname = \"killed\"\nset = [\"fault=once\"]\n";
    let stopped = "[[arm]]\nname = \"stopped\"\nset = [\"fault=stop\"]\n";
    let plan = fake.plan(&format!("{killed}{stopped}"));
    assert_eq!(fake.run(&plan, options(2)).0, SweepEnd::Done);
    assert_eq!(figure(&plan, "killed", 2), figure(&plan, "base", 2));
    assert_eq!(figure(&plan, "stopped", 2), figure(&plan, "base", 2));
    // No step was done twice: each start went on from its checkpoint.
    assert_eq!(fake.steps_done(), 8 * 4);
}

#[test]
fn the_first_failure_ends_a_sweep_that_fails_fast() {
    let fake = Fake::new();
    let plan = fake.plan("[[arm]]\nname = \"nan\"\nset = [\"fault=nan\"]\n");
    let (end, said) = fake.run(&plan, RunOptions { fails_fast: true, ..options(1) });
    assert_eq!(end, SweepEnd::Failed);
    // The base of seed 1, then the failure; nothing of seed 2.
    assert!(said.len() == 2 && said[1].starts_with("nan seed 1 Failed"), "{said:?}");
    assert_eq!(collect(&plan)[2].state, CellState::Waiting);
}

#[test]
fn a_sweep_that_is_asked_to_stop_goes_on_to_the_same_table() {
    let fake = Fake::new();
    let plan = fake.plan("[[arm]]\nname = \"slow\"\nset = [\"fault=wait\"]\n");
    let asked = AtomicBool::new(false);
    let slow = fake.path("sweep/units").join(plan.cells[1].units.last().unwrap()).join("run/waits");
    let end = run_plan(&plan, &fake, options(1), &|| asked.load(Ordering::SeqCst), &mut |_| {
        if slow.exists() {
            asked.store(true, Ordering::SeqCst);
        }
    });
    assert_eq!(end.unwrap(), SweepEnd::Interrupted);
    assert_eq!(collect(&plan)[1].state, CellState::Started);
    let done = fake.steps_done();
    fake.write("counts.go", "");
    assert_eq!(fake.run(&plan, options(2)).0, SweepEnd::Done);
    assert_eq!(fake.steps_done(), 6 * 4);
    assert!(done < 6 * 4);
    assert_eq!(figure(&plan, "slow", 1), figure(&plan, "base", 1));
}

#[test]
fn one_sweep_runs_a_shared_unit_and_the_other_waits() {
    let fake = Fake::new();
    fake.write("cold.toml", "rate = 1\nupdate.steps = 4\nfault = wait\n");
    let plan = fake.plan(ARM);
    std::thread::scope(|scope| {
        let run = |cell| fake.run(&plan, RunOptions { cell: Some(cell), ..options(1) }).0;
        let (first, second) = (scope.spawn(move || run(0)), scope.spawn(move || run(1)));
        std::thread::sleep(Duration::from_millis(300));
        fake.write("counts.go", "");
        assert_eq!((first.join().unwrap(), second.join().unwrap()), (SweepEnd::Done, SweepEnd::Done));
    });
    // One cold start and two stages.
    assert_eq!(fake.steps_done(), 3 * 4);
}

#[test]
fn a_figure_that_nobody_records_is_named_after_the_run() {
    let fake = Fake::new();
    let figure = "[[figure]]\nname = \"length\"\nmetric = \"completion/tokens_mean\"\n";
    let plan = fake.plan(&format!("{figure}{ARM}"));
    fake.run(&plan, options(2));
    let cell = &collect(&plan)[0];
    let words = cell.failure.as_ref().unwrap();
    assert!(cell.state == CellState::Failed && words.contains("figure length (completion/tokens_mean)"), "{words}");
    assert!(words.contains("nobody records it; the last step records reward/mean"), "{words}");
    assert!(cell.figures.contains_key("maths"));
}

#[test]
fn a_unit_that_cannot_be_written_is_a_failed_cell() {
    let fake = Fake::new();
    let plan = fake.plan(ARM);
    enter_folder(&plan, false).unwrap();
    // A folder stands where the unit's configuration is to be.
    let unit = plan.cells[1].units.last().unwrap();
    fs::create_dir_all(fake.path("sweep/units").join(unit).join("config.toml/x")).unwrap();
    let (end, said) = fake.run(&plan, options(1));
    assert_eq!((end, said.len()), (SweepEnd::Failed, 4));
    assert!(said[1].starts_with("fast seed 1 Failed") && said[1].contains("config.toml"), "{said:?}");
    let cells = collect(&plan);
    assert!(cells[1].failure.as_ref().unwrap().contains("config.toml"), "{:?}", cells[1]);
    assert!([0, 2, 3].iter().all(|index| cells[*index].state == CellState::Done));
}

#[test]
fn a_cell_without_its_figure_has_failed_and_begins_again_when_asked() {
    let fake = Fake::new();
    let plan = fake.plan("[[arm]]\nname = \"short\"\nset = [\"fault=forget\"]\n");
    let cell = |retries_failed| RunOptions { cell: Some(1), retries_failed, ..options(1) };
    // The run ends well after two of its four steps.
    let words = "maths (eval/maths/pass@1): is not recorded at step 4, but at steps 1, 2";
    for _ in 0..2 {
        let (end, said) = fake.run(&plan, cell(false));
        assert!(end == SweepEnd::Failed && said.len() == 1 && said[0].contains(words), "{said:?}");
    }
    assert_eq!(fake.steps_done(), 4 + 2);
    let read = collect(&plan)[1].clone();
    assert!(read.state == CellState::Failed && read.failure.unwrap().contains(words));
    assert_eq!(fake.run(&plan, cell(true)).0, SweepEnd::Done);
    assert_eq!(fake.steps_done(), 4 + 2 + 4);
    assert_eq!(collect(&plan)[1].figures["maths"].curve.len(), 4);
    let unit = fake.path("sweep/units").join(plan.cells[1].units.last().unwrap());
    assert!(unit.join("run-without-figures/metrics.jsonl").is_file());
    // A run that is gone lacks all of them, and takes the place of none that was kept.
    fs::remove_dir_all(unit.join("run")).unwrap();
    assert!(collect(&plan)[1].failure.as_ref().unwrap().contains("its run is not there"));
    assert_eq!(fake.run(&plan, cell(true)).0, SweepEnd::Done);
    assert!(unit.join("run-without-figures/metrics.jsonl").is_file());
    assert_eq!(fake.steps_done(), 4 + 2 + 4 + 4);
    // What is whole is not run again.
    assert_eq!(fake.run(&plan, cell(true)).0, SweepEnd::Done);
    assert_eq!(fake.steps_done(), 4 + 2 + 4 + 4);
}

#[test]
fn a_run_that_cannot_begin_again_stays_where_it_is() {
    let fake = Fake::new();
    let plan = fake.plan("[[arm]]\nname = \"short\"\nset = [\"fault=forget\"]\n");
    let cell = |retries_failed| RunOptions { cell: Some(1), retries_failed, ..options(1) };
    fake.run(&plan, cell(false));
    let unit = fake.path("sweep/units").join(plan.cells[1].units.last().unwrap());
    // The program is replaced before the run is begun again.
    fake.rebuild("fake 2");
    assert_eq!(fake.run(&plan, cell(true)).0, SweepEnd::Failed);
    assert!(unit.join("run/metrics.jsonl").is_file() && !unit.join("run-without-figures").exists());
    fake.rebuild("fake 1");
    // Killed before it was set aside, an ended run is gone on with, and lacks what it lacked.
    let state = fs::read_to_string(unit.join("state.json")).unwrap();
    fs::write(unit.join("state.json"), state.replace("\"done\"", "\"started\"")).unwrap();
    fs::remove_file(fake.path("counts.forgot")).unwrap();
    let (end, said) = fake.run(&plan, cell(false));
    assert!(end == SweepEnd::Failed && said[0].contains("is not recorded at step 4"), "{said:?}");
    assert_eq!(fake.run(&plan, cell(true)).0, SweepEnd::Done);
}

#[test]
fn a_run_that_is_killed_and_gets_on_is_not_given_up() {
    let fake = Fake::new();
    let plan = fake.plan("[[arm]]\nname = \"often\"\nset = [\"fault=often\", \"update.steps=7\"]\n");
    // Seven kills, with four attempts.
    assert_eq!(fake.run(&plan, RunOptions { cell: Some(1), ..options(1) }).0, SweepEnd::Done);
    assert_eq!(fake.steps_done(), 4 + 7);
}

#[test]
fn a_base_that_is_done_waits_for_no_beginning_of_an_arm_that_comes_later() {
    let fake = Fake::new();
    fake.run(&fake.plan(ARM), options(2));
    let steps = fake.steps_done();
    let late = "[[arm]]\nname = \"late\"\nset = [\"rate=5\"]\nfrom_step = 2\n";
    let plan = fake.plan(&format!("{ARM}{late}"));
    assert!(collect(&plan)[..4].iter().all(|cell| cell.state == CellState::Done));
    let text = describe(&plan, 1).unwrap();
    assert!(text.contains("0: base seed 1 ") && text.contains(": done") && text.contains(": runs stage-1-"), "{text}");
    assert_eq!(text.matches(": done\n").count(), 4, "{text}");
    let (end, said) = fake.run(&plan, RunOptions { cell: Some(0), ..options(1) });
    assert_eq!((end, said.len(), fake.steps_done()), (SweepEnd::Done, 1, steps));
    // Two steps that are the base's, and two of its own, under either seed.
    assert_eq!(fake.run(&plan, options(1)).0, SweepEnd::Done);
    assert_eq!((fake.steps_done(), figure(&plan, "late", 1)), (steps + 2 * 4, 18.0));
}

#[test]
fn a_program_that_is_replaced_meanwhile_runs_no_further_cell() {
    let fake = Fake::new();
    let plan = fake.plan(ARM);
    let mut said = Vec::new();
    let end = run_plan(&plan, &fake, options(1), &|| false, &mut |event| {
        if let Event::CellEnded { failure, .. } = event {
            fake.rebuild("fake 2");
            said.extend(failure.clone());
        }
    });
    assert_eq!(end.unwrap(), SweepEnd::Failed);
    assert!(said.len() == 3 && said.iter().all(|words| words.contains("fake 1 -> fake 2")), "{said:?}");
    // Nothing of that is left once the program is the old one.
    fake.rebuild("fake 1");
    assert_eq!(fake.run(&fake.plan(ARM), options(1)).0, SweepEnd::Done);
    assert!(collect(&plan).iter().all(|cell| cell.computed_by["stage-1"].programs == ["fake 1"]));
}

#[test]
fn an_evaluation_that_is_lost_is_no_figure_of_earlier_ones() {
    let fake = Fake::new();
    let figure = "[[figure]]\nname = \"mean\"\nmetric = \"eval/maths/pass@1\"\nmean_of_last = 2\n";
    let plan = fake.plan(&format!("{figure}[[arm]]\nname = \"lost\"\nset = [\"fault=away\"]\n"));
    fake.run(&plan, RunOptions { cell: Some(1), ..options(1) });
    let cell = &collect(&plan)[1];
    let words = cell.failure.as_ref().unwrap();
    assert!(cell.state == CellState::Failed && !cell.figures.contains_key("mean"), "{cell:?}");
    assert!(
        words.contains("figure mean (eval/maths/pass@1): is not recorded at step 4, but at steps 1, 2, 3"),
        "{words}"
    );
}

#[test]
fn what_cells_read_may_not_change_while_they_run() {
    let fake = Fake::new();
    fake.write("stage.toml", "rate = 2\nupdate.steps = 4\ntasks = tasks\n");
    fake.write("tasks", "one");
    let plan = fake.plan(ARM);
    let mut said = Vec::new();
    let end = run_plan(&plan, &fake, options(1), &|| false, &mut |event| {
        if let Event::CellEnded { failure, .. } = event {
            fake.write("tasks", "two");
            said.extend(failure.clone());
        }
    });
    assert_eq!(end.unwrap(), SweepEnd::Failed);
    let words = "what the cell reads was changed while the sweep ran: tasks: one -> two; put it back";
    assert!(said.len() == 3 && said.iter().all(|failure| failure.contains(words)), "{said:?}");
    // Nothing of that is left once they are back.
    fake.write("tasks", "one");
    assert_eq!(fake.run(&fake.plan(ARM), options(1)).0, SweepEnd::Done);
}

#[test]
fn a_cell_has_the_programs_of_the_run_that_it_went_on_from_and_no_others() {
    let fake = Fake::new();
    let late = format!("{ARM}[[arm]]\nname = \"late\"\nset = [\"rate=5\"]\nfrom_step = 2\n");
    let one = |cell| RunOptions { cell: Some(cell), ..options(1) };
    fake.run(&fake.plan(ARM), one(0));
    // The beginning under seed 2 is run before the base, and by the first program.
    fake.run(&fake.plan(&late), one(5));
    fake.rebuild("fake 2");
    let plan = fake.plan(&late);
    let labels: Vec<String> = plan.cells.iter().map(|cell| cell.label()).collect();
    assert_eq!(fake.run(&plan, RunOptions { accepts_program: true, ..options(1) }).0, SweepEnd::Done);
    let cells = collect(&plan);
    let programs = |label: &str| {
        let index = labels.iter().position(|known| known == label).unwrap();
        cells[index].computed_by["stage-1"].programs.join(", ")
    };
    assert_eq!(programs("base seed 1"), "fake 1");
    assert_eq!(programs("late seed 1"), "fake 2");
    assert_eq!(programs("base seed 2"), "fake 1, fake 2");
    assert_eq!(programs("late seed 2"), "fake 1");
}

#[test]
fn a_record_that_cannot_be_read_loses_its_cell_alone() {
    let fake = Fake::new();
    let plan = fake.plan(ARM);
    fake.run(&plan, options(2));
    let unit = fake.path("sweep/units").join(plan.cells[1].units.last().unwrap());
    let metrics = unit.join("run/metrics.jsonl");
    let torn = fs::read_to_string(&metrics).unwrap().replacen("{", "", 1);
    fs::write(&metrics, torn).unwrap();
    let cells = collect(&plan);
    let words = cells[1].failure.as_ref().unwrap();
    assert!(cells[1].state == CellState::Failed && words.contains("metrics.jsonl"), "{words}");
    assert!([0, 2, 3].iter().all(|index| cells[*index].state == CellState::Done && !cells[*index].figures.is_empty()));
}
