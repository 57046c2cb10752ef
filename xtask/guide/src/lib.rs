//! Documents in Markdown whose commands are run: a page in, its files, commands and shown output out.
//!
//! The convention is what a reader sees anyway. The words behind a fence's language say the rest:
//!
//! | fence | meaning |
//! | --- | --- |
//! | `console` | lines with `$ ` are commands, those below what they print; `> ` goes on with an open command |
//! | `sh` | each line is a command, and nothing is said of what it prints |
//! | `file=NAME`, `append=NAME` | the block, of any other language, is written to a file, or added to its end |
//! | no such word | an illustration |
//!
//! Words of the first two: `exit=N` (each command ends with this code), `limit=90s` or `limit=20m` (time of each),
//! `exact` (numbers are compared too), `clone` (runs in the clone and not in the page's folder), `synopsis` (forms of a
//! command and not commands), and `norun REASON`.
//!
//! This crate runs nothing, and has no dependencies: what brings libtorch builds on it.

mod block;
mod command_line;
mod output;
mod page;
mod synopsis;

pub use self::block::{Block, Content, Place, ShellBlock, ShownCommand};
pub use self::command_line::programs;
pub use self::output::{Compared, first_difference};
pub use self::page::{Broken, Page};
pub use self::synopsis::forms;
