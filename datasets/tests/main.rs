//! Tasks in, from outside: files, the walk over a mixture, and the demo's data.

mod cursor;
mod files;
mod generate;
mod layouts;
mod overlap;
mod rows;
