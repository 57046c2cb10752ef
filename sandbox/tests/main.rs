//! The sandbox from outside, through its server: one binary, with a module for each thing that is looked at.

mod asserts;
mod cgroup;
mod component;
mod corpus;
mod engines;
mod functions;
mod judging;
mod languages;
mod leftovers;
mod parallel;
mod plug_ins;
mod service;
mod suites;
mod support;
mod verdicts;
mod wasm;
