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
        String::from_utf8(std::mem::take(&mut *self.sink.0.lock().unwrap()))
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect()
    }
}

#[test]
fn steps_say_how_far_they_are_and_how_long_it_still_takes() {
    let read = Read::new();
    let steps = Progress::start_on(&read.console, "stage 1", Unit::Parts, Some(8));
    for step in 1..=8 {
        read.pass(6);
        steps.reach(step, &format!("reward 0.{step}"));
    }
    steps.finish("");
    let expected = [
        "stage 1 1/8  reward 0.1",
        "stage 1 2/8  reward 0.2  32 s left",
        "stage 1 4/8  reward 0.4  20 s left",
        "stage 1 6/8  reward 0.6  8 s left",
        "stage 1 8/8  reward 0.8",
        "stage 1 done in 48.0 s",
    ];
    assert_eq!(read.lines(), expected);
}
