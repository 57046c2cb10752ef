//! Binaries as `readelf` (binutils) shows them: the libraries that they need, the oldest system that has what they use,
//! and the folders in which they look for libraries.
//!
//! What a binary needs is followed through libtorch's libraries and no further: the rest is the system's.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

/// Libraries of glibc and of the compilers' run time, which every machine has.
pub(crate) const SYSTEM: [&str; 9] = [
    "ld-linux-x86-64.so.2",
    "libc.so.6",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libpthread.so.0",
    "librt.so.1",
    "libstdc++.so.6",
    "libutil.so.1",
];

/// What a program takes with it, and what it asks of a machine.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Requirements {
    /// Files of the libraries that come along.
    pub libraries: BTreeSet<PathBuf>,
    /// Oldest glibc, as numbers: `[2, 34]`.
    pub glibc: Vec<u32>,
    /// Oldest libstdc++ by its symbols: `[3, 4, 30]`.
    pub libstdcxx: Vec<u32>,
}

/// Requirements of `program`, whose libraries stand in one of `folders` or are the system's.
///
/// # Errors
/// `readelf` is missing, or a library is neither there nor one that every machine has.
pub(crate) fn needs(program: &Path, folders: &[PathBuf]) -> Result<Requirements> {
    follow(
        program,
        |file| readelf(file, &["--dynamic", "--version-info"]),
        |name| folders.iter().map(|folder| folder.join(name)).find(|file| file.is_file()),
    )
}

/// The same with what `readelf` says and where a library stands given.
fn follow(
    program: &Path,
    mut read: impl FnMut(&Path) -> Result<String>,
    find: impl Fn(&str) -> Option<PathBuf>,
) -> Result<Requirements> {
    let mut needs = Requirements::default();
    let mut open = vec![program.to_owned()];
    while let Some(file) = open.pop() {
        let text = read(&file)?;
        needs.glibc = needs.glibc.max(newest(&text, "GLIBC_"));
        needs.libstdcxx = needs.libstdcxx.max(newest(&text, "GLIBCXX_"));
        for name in bracketed(&text, "(NEEDED)") {
            match find(name) {
                _ if SYSTEM.contains(&name) => {}
                Some(library) if needs.libraries.contains(&library) => {}
                Some(library) => {
                    needs.libraries.insert(library.clone());
                    open.push(library);
                }
                None => bail!(
                    "{} needs {name}, which is neither beside libtorch nor on every machine: an archive with it would \
                     not start",
                    file.display()
                ),
            }
        }
    }
    Ok(needs)
}

/// Takes out of `program` the folders of this machine in which it would look for libraries; the folder beside itself
/// stays. The text keeps its length: what is cut is filled with zeros, which end it.
///
/// # Errors
/// The file cannot be read or written, or does not look beside itself.
pub(crate) fn keep_own_folder(program: &Path, own: &str) -> Result<()> {
    let text = readelf(program, &["--dynamic", "--section-headers"])?;
    let folders = bracketed(&text, "(RUNPATH)").chain(bracketed(&text, "(RPATH)")).next();
    let folders = folders.with_context(|| format!("{} looks for no library beside itself", program.display()))?;
    let mut bytes = fs::read(program).with_context(|| format!("cannot read {}", program.display()))?;
    let texts = section(&text, ".dynstr").and_then(|(at, length)| bytes.get_mut(at..at.checked_add(length)?));
    let texts = texts.with_context(|| format!("{} has no texts for its linker", program.display()))?;
    cut_folders(texts, folders, own).with_context(|| program.display().to_string())?;
    fs::write(program, bytes).with_context(|| format!("cannot write {}", program.display()))
}

/// Replaces the one text `folders` by `own` and zeros.
fn cut_folders(bytes: &mut [u8], folders: &str, own: &str) -> Result<()> {
    ensure!(folders.split(':').any(|folder| folder == own), "it looks for libraries in {folders}, not in {own}");
    let whole = [b"\0", folders.as_bytes(), b"\0"].concat();
    let places: Vec<usize> =
        bytes.windows(whole.len()).enumerate().filter(|(_, window)| *window == whole).map(|(at, _)| at + 1).collect();
    let [place] = places[..] else { bail!("the text {folders} stands in it {} times", places.len()) };
    bytes[place..place + folders.len()].fill(0);
    bytes[place..place + own.len()].copy_from_slice(own.as_bytes());
    Ok(())
}

/// What stands in brackets on each line with `tag`.
fn bracketed<'a>(text: &'a str, tag: &str) -> impl Iterator<Item = &'a str> {
    let tag = tag.to_owned();
    text.lines().filter(move |line| line.contains(&tag)).filter_map(|line| line.split_once('[')?.1.split(']').next())
}

/// Place and length of a section in its file.
fn section(text: &str, name: &str) -> Option<(usize, usize)> {
    let mut words = text.lines().find_map(|line| {
        let mut words = line.split_once(']')?.1.split_whitespace();
        (words.next() == Some(name)).then_some(words)
    })?;
    let mut number = |skipped: usize| usize::from_str_radix(words.nth(skipped)?, 16).ok();
    Some((number(2)?, number(0)?)) // type and address stand before
}

/// The newest version of symbols with this prefix; empty where there is none.
fn newest(text: &str, prefix: &str) -> Vec<u32> {
    let names = text.split_whitespace().filter_map(|word| word.strip_prefix(prefix));
    let versions = names.map(|name| name.split('.').map_while(|number| number.parse().ok()).collect());
    versions.max().unwrap_or_default()
}

fn readelf(file: &Path, options: &[&str]) -> Result<String> {
    let output = Command::new("readelf").arg("--wide").args(options).arg(file).env("LC_ALL", "C").output();
    let output = output.context("cannot run readelf: apt-get install binutils")?;
    ensure!(output.status.success(), "readelf {}: {}", file.display(), String::from_utf8_lossy(&output.stderr).trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROGRAM: &str = "
 0x0001 (NEEDED)             Shared library: [libtorch_cpu.so]
 0x0001 (NEEDED)             Shared library: [libc.so.6]
 0x001d (RUNPATH)            Library runpath: [$ORIGIN/libtorch/lib:/build/lib]
  0x0010:   Name: GLIBC_2.9   Flags: none  Version: 4
  0x0020:   Name: GLIBC_2.34  Flags: none  Version: 2
  0x0030:   Name: GLIBCXX_3.4.30  Flags: none  Version: 3
  0x0040:   Name: GLIBC_PRIVATE  Flags: none  Version: 5";
    const TORCH: &str = "
 0x0001 (NEEDED)             Shared library: [libgomp.so.1]
  0x0020:   Name: GLIBC_2.17  Flags: none  Version: 2";

    fn read(file: &Path) -> Result<String> {
        Ok(match file.to_str() {
            Some("trainer") => PROGRAM.to_owned(),
            Some("lib/libtorch_cpu.so") => TORCH.to_owned(),
            _ => String::new(),
        })
    }

    #[test]
    fn libraries_are_followed_and_the_systems_stay_where_they_are() {
        let needs = follow(Path::new("trainer"), read, |name| Some(Path::new("lib").join(name))).unwrap();
        let libraries = ["lib/libgomp.so.1", "lib/libtorch_cpu.so"].map(PathBuf::from);
        assert_eq!(needs.libraries, BTreeSet::from(libraries));
        assert_eq!((needs.glibc, needs.libstdcxx), (vec![2, 34], vec![3, 4, 30]));
    }

    #[test]
    fn a_library_that_nobody_has_is_named_with_who_needs_it() {
        let find = |name: &str| (name != "libgomp.so.1").then(|| Path::new("lib").join(name));
        let error = follow(Path::new("trainer"), read, find).unwrap_err().to_string();
        assert!(error.starts_with("lib/libtorch_cpu.so needs libgomp.so.1"), "{error}");
    }

    #[test]
    fn the_builders_folders_are_cut_and_the_length_stays() {
        let folders = bracketed(PROGRAM, "(RUNPATH)").next().unwrap();
        let mut bytes = format!("x\0{folders}\0y").into_bytes();
        let length = bytes.len();
        cut_folders(&mut bytes, folders, "$ORIGIN/libtorch/lib").unwrap();
        assert_eq!(bytes.len(), length);
        assert!(bytes.starts_with(b"x\0$ORIGIN/libtorch/lib\0\0") && bytes.ends_with(b"\0y"));
        assert!(!String::from_utf8(bytes).unwrap().contains("build"));
    }

    #[test]
    fn a_section_is_found_by_its_name() {
        let text = "  [ 9] .dynsym  DYNSYM  0000000000000548 000548 001398 18   A 10   1  8\n  \
                    [10] .dynstr  STRTAB  00000000000018e0 0018e0 000ea7 00   A  0   0  1";
        assert_eq!(section(text, ".dynstr"), Some((0x18e0, 0xea7)));
        assert_eq!(section(text, ".text"), None);
    }

    #[test]
    fn a_text_that_is_not_there_once_changes_nothing() {
        let mut bytes = b"\0$ORIGIN/l:/b\0\0$ORIGIN/l:/b\0".to_vec();
        assert!(cut_folders(&mut bytes, "$ORIGIN/l:/b", "$ORIGIN/l").is_err());
        assert!(cut_folders(&mut bytes, "/b", "$ORIGIN/l").is_err());
        assert_eq!(bytes, b"\0$ORIGIN/l:/b\0\0$ORIGIN/l:/b\0");
    }
}
