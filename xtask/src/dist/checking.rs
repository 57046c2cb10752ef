//! Is an archive what `dist` makes? Its hash beside it, the order, times, owners and rights of what is in it, and every
//! file against the sums that it carries.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use super::archive::{self, Listed};
use super::sums;
use crate::third_party;

/// Rights that a file or folder of an archive may have.
const MODES: [&str; 3] = ["drwxr-xr-x", "-rw-r--r--", "-rwxr-xr-x"];
/// Files without which no archive is one.
const NEEDED: [&str; 5] = ["trainer", "README.md", "LICENSE", "licences/NOTICE.txt", "licences/crates.txt"];

/// Checks an archive and returns how many files it holds.
///
/// # Errors
/// The first thing that is not as `dist` makes it.
pub(crate) fn check(archive: &Path) -> Result<usize> {
    ensure!(archive.is_file(), "{} is not there", archive.display());
    let name = archive::folder_name(archive).context("an archive ends in .tar.zst or .tar.gz")?;
    eprintln!("dist: checking {}", archive.display());
    check_hash(archive)?;
    let listed = archive::list(archive)?;
    let outer = archive.with_file_name(format!(".check-{name}"));
    third_party::remove(&outer)?;
    let checked = archive::unpack(archive, &outer).and_then(|()| {
        let folder = outer.join(name);
        let text = fs::read_to_string(folder.join(sums::FILE)).with_context(|| format!("it has no {}", sums::FILE))?;
        let broken = broken_rules(name, &listed, &text)?;
        ensure!(broken.is_empty(), "{}", broken.join("; "));
        sums::check(&folder)
    });
    third_party::remove(&outer)?;
    checked.with_context(|| archive.display().to_string())?;
    Ok(listed.iter().filter(|line| !line.is_folder()).count())
}

/// Writes an archive's line into the sums beside it.
///
/// # Errors
/// The file cannot be read or written.
pub(crate) fn note(archive: &Path) -> Result<()> {
    let (folder, name) = place(archive)?;
    let line = sums::of(folder, [name].into_iter())?;
    let [(hash, _)] = sums::lines(&line)?[..] else { bail!("sha256sum printed {line:?}") };
    let file = folder.join(sums::FILE);
    let before = fs::read_to_string(&file).unwrap_or_default();
    let text = sums::with_line(&before, hash, name).with_context(|| file.display().to_string())?;
    fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))
}

/// Compares an archive with its line in the sums beside it.
fn check_hash(archive: &Path) -> Result<()> {
    let (folder, name) = place(archive)?;
    let file = folder.join(sums::FILE);
    let text = fs::read_to_string(&file)
        .with_context(|| format!("cannot read {}, which has the archive's hash", file.display()))?;
    let lines = sums::lines(&text).with_context(|| file.display().to_string())?;
    let wanted = lines.iter().find(|(_, path)| *path == name);
    let (wanted, _) = wanted.with_context(|| format!("{} has no line of {name}", file.display()))?;
    let found = sums::of(folder, [name].into_iter())?;
    ensure!(
        found.starts_with(wanted),
        "{} is not the archive that {} has the hash of: fetch it again",
        archive.display(),
        file.display()
    );
    Ok(())
}

/// Folder and name of a file.
fn place(archive: &Path) -> Result<(&Path, &str)> {
    let name = archive.file_name().and_then(|name| name.to_str()).context("an archive has a name")?;
    let folder = archive.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok((folder, name))
}

/// What is not as it is made, a sentence each.
fn broken_rules(name: &str, listed: &[Listed], sums: &str) -> Result<Vec<String>> {
    let mut broken = Vec::new();
    let paths: Vec<&str> = listed.iter().map(|line| line.path.as_str()).collect();
    if let Some(pair) = paths.windows(2).find(|pair| pair[0] >= pair[1]) {
        broken.push(format!("{} comes before {}", pair[0], pair[1]));
    }
    let start = format!("{name}/");
    if let Some(path) = paths.iter().find(|path| **path != name && !path.starts_with(&start)) {
        broken.push(format!("{path} is not in {name}"));
    }
    let odd = listed.iter().find(|line| line.owner != "0/0" || !MODES.contains(&line.mode.as_str()));
    if let Some(line) = odd {
        broken.push(format!("{} has the owner {} and the rights {}", line.path, line.owner, line.mode));
    }
    if let Some(line) = listed.iter().find(|line| line.time != listed[0].time) {
        broken.push(format!("{} has the time {} and not {}", line.path, line.time, listed[0].time));
    }
    let inner = |line: &'_ Listed| line.path.strip_prefix(&start).map(str::to_owned);
    let mut files: BTreeSet<String> = listed.iter().filter(|line| !line.is_folder()).filter_map(inner).collect();
    broken.extend(NEEDED.iter().filter(|file| !files.contains(**file)).map(|file| format!("{file} is missing")));
    files.remove(sums::FILE);
    let summed: BTreeSet<String> = sums::lines(sums)?.into_iter().map(|(_, path)| path.to_owned()).collect();
    broken.extend(files.difference(&summed).map(|path| format!("{path} has no sum")));
    broken.extend(summed.difference(&files).map(|path| format!("{path} has a sum and is not there")));
    Ok(broken)
}

#[cfg(test)]
mod tests {
    use super::super::archive::{Compression, Packing};
    use super::super::contents::{Contents, Source};
    use super::*;

    /// An archive of what `NEEDED` names, with its sums, and the folder that it is in.
    fn archive_of(change: impl Fn(&Path)) -> (tempfile::TempDir, std::path::PathBuf) {
        let out = tempfile::tempdir().unwrap();
        let folder = out.path().join("ponder-1");
        let mut contents = Contents::default();
        for path in NEEDED {
            contents.add(path, Source::Text(path.to_owned())).unwrap();
        }
        fs::create_dir(&folder).unwrap();
        contents.write_all(&folder).unwrap();
        let text = sums::of(&folder, contents.files()).unwrap();
        contents.add(sums::FILE, Source::Text(text)).unwrap();
        contents.write(sums::FILE, &folder).unwrap();
        change(&folder);
        let paths: Vec<&str> = contents.paths().collect();
        let packing = Packing { folder: &folder, paths: &paths, time: 0, compression: Compression::Gzip };
        let place = archive::place(out.path(), "ponder-1", Compression::Gzip);
        archive::pack(&packing, &place).unwrap();
        note(&place).unwrap();
        (out, place)
    }

    #[test]
    fn an_archive_as_it_was_made_passes_and_leaves_nothing() {
        let (out, archive) = archive_of(|_| {});
        assert_eq!(check(&archive).unwrap(), NEEDED.len() + 1);
        let mut left: Vec<_> = fs::read_dir(out.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["SHA256SUMS", "ponder-1", "ponder-1.tar.gz"]);
    }

    #[test]
    fn another_file_than_the_sums_say_is_named() {
        let (_out, archive) = archive_of(|folder| fs::write(folder.join("README.md"), "other").unwrap());
        let error = format!("{:#}", check(&archive).unwrap_err());
        assert!(error.contains("README.md: FAILED"), "{error}");
    }

    #[test]
    fn an_archive_that_was_changed_is_not_the_one_of_the_sums_beside_it() {
        let (out, archive) = archive_of(|_| {});
        let mut bytes = fs::read(&archive).unwrap();
        bytes.push(0);
        fs::write(&archive, bytes).unwrap();
        assert!(check(&archive).unwrap_err().to_string().contains("fetch it again"));
        fs::write(out.path().join(sums::FILE), "").unwrap();
        assert!(check(&archive).unwrap_err().to_string().contains("no line of ponder-1.tar.gz"));
    }

    #[test]
    fn order_place_owner_rights_time_and_missing_files_are_rules() {
        let line = |mode: &str, owner: &str, time: &str, path: &str| Listed {
            mode: mode.to_owned(),
            owner: owner.to_owned(),
            time: time.to_owned(),
            path: path.to_owned(),
        };
        let listed = [
            line("drwxr-xr-x", "0/0", "noon", "p"),
            line("-rw-r--r--", "1/0", "noon", "p/b"),
            line("-rwsr-xr-x", "0/0", "later", "p/a"),
            line("-rw-r--r--", "0/0", "noon", "q"),
        ];
        let sums = format!("{}  a\n{}  c\n", "0".repeat(64), "1".repeat(64));
        let broken = broken_rules("p", &listed, &sums).unwrap().join("\n");
        for words in [
            "p/b comes before p/a",
            "q is not in p",
            "p/b has the owner 1/0",
            "p/a has the time later",
            "trainer is missing",
            "b has no sum",
            "c has a sum and is not there",
        ] {
            assert!(broken.contains(words), "{words} is missing:\n{broken}");
        }
    }
}
