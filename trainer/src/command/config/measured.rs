//! The rates of this machine, measured in seconds: products, copies in memory, bytes over loopback.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result};
use planner::Measured;
use policy::Placement;
use tch::Tensor;

use crate::command::bench::operations::{matrix_rate, wait};

/// Numbers of a tensor that is copied: more than caches hold.
const COPIED: i64 = 1 << 25;
/// Bytes that are sent over loopback.
const SENT: usize = 1 << 27;
/// Rounds of which the fastest counts.
const ROUNDS: usize = 5;
/// Small operations or messages that are timed together.
const SMALL: usize = 200;

/// Measures this machine.
///
/// # Errors
/// No loopback connection can be made.
pub(super) fn measure(placement: Placement) -> Result<Measured> {
    let loopback = Loopback::open().context("loopback")?;
    let (exchanged_bytes_per_second, exchange_seconds) = loopback.measure().context("loopback")?;
    Ok(Measured {
        operations_per_second: matrix_rate(placement),
        copied_bytes_per_second: copy_rate(placement),
        exchanged_bytes_per_second,
        exchange_seconds,
        launch_seconds: launch_seconds(placement),
    })
}

/// Bytes a second of a copy, read and written.
fn copy_rate(placement: Placement) -> f64 {
    let from = Tensor::ones([COPIED], placement.options());
    let mut to = Tensor::zeros([COPIED], placement.options());
    let mut copy = || {
        let start = Instant::now();
        to.copy_(&from);
        wait(placement.device);
        start.elapsed().as_secs_f64()
    };
    let fastest = (0..ROUNDS).map(|_| copy()).fold(f64::INFINITY, f64::min);
    (2 * COPIED * placement.kind.elt_size_in_bytes() as i64) as f64 / fastest
}

/// Seconds of a tensor operation on one number.
fn launch_seconds(placement: Placement) -> f64 {
    let mut one = Tensor::ones([1], placement.options());
    let start = Instant::now();
    for _ in 0..SMALL {
        let _ = one.g_add_scalar_(1.0);
    }
    wait(placement.device);
    start.elapsed().as_secs_f64() / SMALL as f64
}

/// Two ends of a connection of this machine with itself.
struct Loopback {
    near: TcpStream,
    far: TcpStream,
}

impl Loopback {
    fn open() -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let near = TcpStream::connect(listener.local_addr()?)?;
        let (far, _) = listener.accept()?;
        near.set_nodelay(true)?;
        far.set_nodelay(true)?;
        Ok(Self { near, far })
    }

    /// Bytes a second one way, and seconds of a small message one way.
    fn measure(mut self) -> std::io::Result<(f64, f64)> {
        let far = thread::spawn(move || -> std::io::Result<()> {
            let mut small = [0; 8];
            for _ in 0..SMALL {
                self.far.read_exact(&mut small)?;
                self.far.write_all(&small)?;
            }
            let mut left = SENT;
            let mut buffer = vec![0; 1 << 20];
            while left > 0 {
                let read = self.far.read(&mut buffer)?;
                if read == 0 {
                    return Err(std::io::ErrorKind::UnexpectedEof.into());
                }
                left -= read.min(left);
            }
            self.far.write_all(&small)
        });
        let mut small = [0; 8];
        let start = Instant::now();
        for _ in 0..SMALL {
            self.near.write_all(&small)?;
            self.near.read_exact(&mut small)?;
        }
        let one_way = start.elapsed().as_secs_f64() / (2 * SMALL) as f64;
        let start = Instant::now();
        self.near.write_all(&vec![0; SENT])?;
        self.near.read_exact(&mut small)?;
        let seconds = start.elapsed().as_secs_f64();
        far.join().map_err(|_| std::io::Error::other("the other end ended"))??;
        Ok((SENT as f64 / seconds, one_way))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_has_rates() {
        let (rate, seconds) = Loopback::open().unwrap().measure().unwrap();
        assert!(rate > 1e6 && seconds > 0.0 && seconds < 1.0, "{rate} {seconds}");
        assert!(launch_seconds(Placement::CPU) > 0.0);
    }
}
