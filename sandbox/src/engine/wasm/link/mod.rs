//! From a component of many core modules to one module: reads how they are wired, renumbers their items, and joins
//! them.

mod core_module;
mod host_functions;
mod module_linker;
mod numbering;
mod wiring;

pub(super) use self::module_linker::link;
pub(super) use self::wiring::{broken, read_wiring};
