//! Sweeps of a program that is a shell script: planned, run, killed, failed, gone on with, and read.

mod fake;
mod folder;
mod planning;
mod running;
