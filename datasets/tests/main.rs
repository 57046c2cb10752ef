//! Tasks in, from outside: files, the walk over a mixture, and the demo's data.

mod explore;
mod cursor;
mod files;
mod generate;
mod overlap;
mod rows;
