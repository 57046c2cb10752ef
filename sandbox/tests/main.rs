//! The sandbox from outside, through its server: one binary, with a module for each thing that is looked at.

mod cgroup;
mod component;
mod corpus;
mod judging;
mod languages;
mod leftovers;
mod parallel;
mod service;
mod support;
mod verdicts;
mod wasm;
