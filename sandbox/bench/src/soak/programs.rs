//! The programs of a soak: correct, wrong, crashing, looping, flooding and forking ones, each with its verdict on each
//! engine.

use sandbox_api::{EngineKind, FunctionCase, GradeRequest, GradeVerdict, Limits, StdioCase, Tests};
use serde_json::json;

/// Part of the name of every file that the programs leave behind, by which such files are found outside afterwards.
pub(super) const MARKER: &str = "sandbox-soak-left-behind";

/// A program with its known verdicts.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub name: &'static str,
    /// Occurrences in a mix of a hundred programs.
    pub weight: usize,
    pub request: GradeRequest,
    pub wasm: GradeVerdict,
    pub process: GradeVerdict,
}

impl Known {
    /// The verdict that the program must get on `engine`.
    pub(super) fn verdict(&self, engine: EngineKind) -> GradeVerdict {
        match engine {
            EngineKind::Wasm => self.wasm,
            EngineKind::Process => self.process,
        }
    }
}

/// Every program.
pub(super) fn all() -> Vec<Known> {
    use GradeVerdict::{MemoryLimit, NoCode, OutputLimit, Passed, ProcessLimit, RuntimeError, TimeLimit, WrongAnswer};
    let leaves = [
        "import os\nfor folder in ('.', '/tmp', '/var/tmp', '/dev/shm', '/box'):\n",
        &format!("    try: open(f'{{folder}}/{MARKER}', 'w').write('x')\n    except OSError: pass\n"),
        "print(2)",
    ];
    let leaves = leaves.concat();
    let same = |name, weight, request, verdict| Known { name, weight, request, wasm: verdict, process: verdict };
    let only_process = |name, weight, code: &str, process| Known {
        name,
        weight,
        request: prints_two(code),
        wasm: RuntimeError,
        process,
    };
    vec![
        same("correct, standard input", 20, prints_two("print(int(input()) + 1)"), Passed),
        same("correct, function", 14, function("def f(x):\n    return [x, x * x]"), Passed),
        same("correct, asserts", 10, asserts("def f(x):\n    return [x, x * x]"), Passed),
        same("correct, with modules", 6, prints_two("import json, re, math\nprint(json.loads('2'))"), Passed),
        same("wrong, standard input", 10, prints_two("print(3)"), WrongAnswer),
        same("wrong, function", 6, function("def f(x):\n    return [x, x]"), WrongAnswer),
        same("wrong, asserts", 4, asserts("def f(x):\n    return x"), WrongAnswer),
        same("raising", 6, prints_two("print([][1])"), RuntimeError),
        same("leaving with a status", 3, prints_two("import sys\nprint(2)\nsys.exit(3)"), RuntimeError),
        same("broken syntax", 3, prints_two("def f(:"), RuntimeError),
        same("no program", 1, prints_two(" \n"), NoCode),
        same("crashing", 2, prints_two("import ctypes\nctypes.string_at(0)"), RuntimeError),
        same("recursing", 1, prints_two("def f(n): return f(n + 1)\nf(0)"), RuntimeError),
        same("looping", 1, hurried(prints_two("while True: pass")), TimeLimit),
        same("sleeping", 1, hurried(prints_two("import time\ntime.sleep(60)")), TimeLimit),
        same("flooding", 2, prints_two("while True: print('x' * 1000)"), OutputLimit),
        same(
            "flooding standard error",
            1,
            prints_two("import sys\nwhile True: sys.stderr.write('x' * 1000)"),
            OutputLimit,
        ),
        same("asking for memory", 2, prints_two("x = bytearray(1 << 30)"), MemoryLimit),
        same("leaving files", 2, prints_two(&leaves), Passed),
        only_process("forking", 2, FORKING, Passed),
        only_process("forking without end", 1, "import os\nwhile True: os.fork()", ProcessLimit),
        only_process("leaving a process", 2, LEAVING_A_PROCESS, Passed),
    ]
}

const FORKING: &str = "import os
for number in range(4):
    if os.fork() == 0:
        os._exit(number)
print(sum(os.waitstatus_to_exitcode(os.wait()[1]) for _ in range(4)) - 4)";

const LEAVING_A_PROCESS: &str = "import os, time
if os.fork() == 0:
    os.setsid()
    time.sleep(600)
print(2)";

/// The request with a time that it is to run out of.
fn hurried(mut request: GradeRequest) -> GradeRequest {
    (request.limits.wall_seconds, request.limits.cpu_seconds) = (1.0, 1.0);
    request
}

/// A request with more time than any program takes that ends, on a busy machine too.
fn request(code: &str, tests: Tests) -> GradeRequest {
    let limits = Limits {
        wall_seconds: 30.0,
        cpu_seconds: 30.0,
        memory_bytes: 128 << 20,
        output_bytes: 64 << 10,
        processes: 16,
        ..Limits::default()
    };
    GradeRequest {
        code: code.to_owned(),
        language: Default::default(),
        engine: None,
        tests,
        limits,
        stop_at_first_failure: true,
    }
}

fn prints_two(code: &str) -> GradeRequest {
    request(code, Tests::Stdio { cases: vec![StdioCase { input: "1".to_owned(), output: "2".to_owned() }] })
}

fn function(code: &str) -> GradeRequest {
    let case = |x: i64| FunctionCase { args: json!([x]), expected: json!([x, x * x]) };
    request(code, Tests::Function { entry_point: "f".to_owned(), cases: vec![case(1), case(3)] })
}

fn asserts(code: &str) -> GradeRequest {
    let tests = vec!["assert f(1) == [1, 1]".to_owned(), "assert f(3) == [3, 9]".to_owned()];
    request(code, Tests::Asserts { setup: String::new(), tests })
}

#[cfg(test)]
mod tests {
    use super::all;

    #[test]
    fn the_weights_make_a_hundred() {
        assert_eq!(all().iter().map(|known| known.weight).sum::<usize>(), 100);
    }
}
