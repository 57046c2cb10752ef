//! What a person reads, line by line, by a clock that is handed in.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::{Console, Event, Phase, Progress, Unit};

/// A console of lines with its clock.
struct Read {
    console: Console,
    clock: Arc<Mutex<Duration>>,
    sink: Sink,
}

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read {
    fn new() -> Self {
        let clock = Arc::new(Mutex::new(Duration::from_secs(1000)));
        let (sink, now) = (Sink::default(), clock.clone());
        let console = Console::of_lines(Box::new(sink.clone()), Arc::new(move || *now.lock().unwrap()));
        Self { console, clock, sink }
    }

    /// Lets so many seconds go by, in which the console looks once a second.
    fn pass(&self, seconds: u64) {
        for _ in 0..seconds {
            *self.clock.lock().unwrap() += Duration::from_secs(1);
            self.console.look();
        }
    }

    fn lines(&self) -> Vec<String> {
        let bytes = std::mem::take(&mut *self.sink.0.lock().unwrap());
        String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect()
    }

    fn bar(&self) -> String {
        self.console.bar_text().unwrap_or_default()
    }

    fn main(&self, title: &str, total: u64) -> Progress {
        Progress::start_on(&self.console, title, Unit::Parts, Some(total))
    }

    fn aside(&self, title: &str, unit: Unit, total: Option<u64>) -> Progress {
        Progress::aside_on(&self.console, title, unit, total)
    }
}

#[test]
fn steps_say_how_far_they_are_and_how_long_it_still_takes() {
    let read = Read::new();
    let steps = read.main("stage 1", 8);
    for step in 1..=8 {
        read.pass(6);
        steps.reach(step, &format!("reward 0.{step}"));
    }
    steps.finish("saved");
    let expected = [
        "stage 1 1/8  reward 0.1",
        "stage 1 2/8  reward 0.2  30 s left",
        "stage 1 4/8  reward 0.4  20 s left",
        "stage 1 5/8  reward 0.5  12 s left",
        "stage 1 7/8  reward 0.7  2 s left",
        "stage 1 8/8  reward 0.8",
        "stage 1 done in 48.0 s  saved",
    ];
    assert_eq!(read.lines(), expected);
}

#[test]
fn lines_come_the_more_rarely_the_longer_the_work_takes() {
    let read = Read::new();
    let steps = read.main("stage 1", 4000);
    let mut num_lines = Vec::new();
    for minute in 1..=30 {
        for second in 1..=60 {
            read.pass(1);
            steps.reach(60 * (minute - 1) + second, "");
        }
        num_lines.push(read.lines().len());
    }
    assert_eq!(num_lines[0], 6, "one for the first step, and one each 10 s");
    assert_eq!(num_lines[20..], [1; 10], "one each minute: {num_lines:?}");
}

#[test]
fn a_recipe_says_its_phase_and_what_is_left_of_all() {
    let read = Read::new();
    let phase = |name: &str, kind, cost| Phase { name: name.to_owned(), kind, cost };
    let phases = [phase("cold-start", "supervised", 100.0), phase("stage-1", "stage", 200.0)];
    let recipe = Progress::phases_on(&read.console, "recipe", phases);
    recipe.begin_phase("cold-start", Duration::ZERO);
    let steps = read.main("cold start", 10);
    for step in 1..=10 {
        read.pass(5);
        steps.reach(step, "loss 2.10");
    }
    steps.finish("");
    recipe.begin_phase("stage-1", Duration::ZERO);
    let steps = read.main("stage 1", 4);
    read.pass(30);
    steps.reach(1, "reward 0.2");
    read.pass(30);
    steps.reach(2, "reward 0.3");
    assert_eq!(read.bar(), "phase 2 of 2, stage 1 2/4 ━━━━━━━━━━╸─────────  1 min left, about 1 min of all  reward 0.3");
    drop(steps);
    recipe.finish("");
    let expected = [
        "phase 1 of 2, cold start 1/10  loss 2.10",
        "phase 1 of 2, cold start 2/10  loss 2.10  35 s left, about 2 min of all",
        "phase 1 of 2, cold start 4/10  loss 2.10  25 s left, about 2 min of all",
        "phase 1 of 2, cold start 6/10  loss 2.10  15 s left, about 2 min of all",
        "phase 1 of 2, cold start 8/10  loss 2.10  5 s left, about 2 min of all",
        "phase 1 of 2, cold start 10/10  loss 2.10",
        "cold start done in 50.0 s",
    ];
    let lines = read.lines();
    assert_eq!(lines[..7], expected);
    assert!(lines.contains(&"phase 2 of 2, stage 1 1/4  reward 0.2  about 1 min left of all".to_owned()), "{lines:?}");
    assert_eq!(lines.last().unwrap(), "recipe done in 2 min");
}

#[test]
fn an_evaluation_inside_a_run_is_said_where_it_takes_long() {
    let read = Read::new();
    let steps = read.main("stage 1", 4);
    read.pass(1);
    steps.reach(1, "reward 0.1");
    let quick = read.aside("maths", Unit::Parts, Some(200));
    read.pass(4);
    quick.reach(150, "passed 31.0 %");
    quick.finish("");
    let long = read.aside("code", Unit::Parts, Some(200));
    for _ in 0..12 {
        read.pass(1);
        long.advance(10);
    }
    assert_eq!(read.bar(), "stage 1 1/4 ━━━━━╸──────────────  code 120/200 8 s left  reward 0.1");
    long.finish("");
    assert_eq!(read.lines(), ["stage 1 1/4  reward 0.1", "stage 1 1/4  code 90/200 10 s left"]);
}

#[test]
fn a_download_says_its_bytes_and_work_without_an_end_how_long_it_takes() {
    let read = Read::new();
    let download = read.aside("downloading model.safetensors", Unit::Bytes, None);
    download.show(Event::Total(4_000_000_000));
    download.show(Event::Before(1_000_000_000));
    for _ in 0..10 {
        read.pass(1);
        download.show(Event::Advanced(100_000_000));
    }
    read.pass(1);
    drop(download);
    let compiling = read.aside("compiling", Unit::Parts, None);
    read.pass(1);
    assert_eq!(read.bar(), "compiling");
    read.pass(12);
    compiling.finish("");
    let lines =
        ["downloading model.safetensors 1.9/4.0 GB  21 s left", "compiling  10 s so far", "compiling done in 13.0 s"];
    assert_eq!(read.lines()[1..], lines[1..]);
}

#[test]
fn work_that_stands_still_is_said_again_after_a_minute_and_failed_work_has_no_last_line() {
    let read = Read::new();
    let steps = read.main("stage 1", 4);
    steps.reach(1, "");
    read.pass(150);
    drop(steps);
    let lines = read.lines();
    assert_eq!(lines, ["stage 1 1/4", "stage 1 1/4", "stage 1 1/4"]);
}

#[test]
fn a_silent_console_says_nothing() {
    let read = Read::new();
    read.console.silence();
    let steps = read.main("stage 1", 4);
    steps.reach(4, "");
    steps.finish("");
    assert_eq!(read.lines(), [""; 0]);
}
