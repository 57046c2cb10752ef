//! A worker of the wasm engine as a program of its own, for servers in programs that cannot be their workers (tests).

fn main() -> std::process::ExitCode {
    sandbox::run_worker_if_asked();
    eprintln!("this program is started by a code execution server and does nothing by itself");
    std::process::ExitCode::FAILURE
}
