//! One file of a folder, and back: tar in a fixed order with fixed times and owners, compressed.
//!
//! The same folder and the same tools give the same bytes: nothing of the machine, of the clock or of the user goes
//! in. tar, zstd and gzip are the machine's own.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

/// How an archive is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    Zstd,
    Gzip,
}

impl Compression {
    /// End of an archive's name.
    pub(crate) fn end(self) -> &'static str {
        match self {
            Self::Zstd => ".tar.zst",
            Self::Gzip => ".tar.gz",
        }
    }

    /// That of an archive, by its name.
    pub(crate) fn of(archive: &Path) -> Option<Self> {
        let name = archive.file_name()?.to_str()?;
        [Self::Zstd, Self::Gzip].into_iter().find(|compression| name.ends_with(compression.end()))
    }

    /// The program that tar hands its bytes to. zstd's threads change its speed and no byte; gzip writes no name.
    fn program(self) -> &'static str {
        match self {
            Self::Zstd => "zstd -T0 -12",
            Self::Gzip => "gzip -n -9",
        }
    }

    /// Finds out before minutes of work that the program is missing.
    ///
    /// # Errors
    /// What installs it.
    pub(crate) fn check(self) -> Result<()> {
        let name = self.program().split(' ').next().unwrap_or_default();
        let found = Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        ensure!(
            found.is_ok_and(|status| status.success()),
            "{name} is missing: apt-get install {name}{}",
            if self == Self::Zstd { ", or pass --gzip" } else { "" }
        );
        Ok(())
    }
}

/// What an archive is made of.
#[derive(Debug)]
pub(crate) struct Packing<'a> {
    /// The folder that is in the archive, by its name.
    pub folder: &'a Path,
    /// Its paths, in the order in which they come.
    pub paths: &'a [&'a str],
    /// Time of every file, in seconds since 1970.
    pub time: u64,
    pub compression: Compression,
}

/// Writes the archive to `to`.
///
/// # Errors
/// tar fails, or the file cannot be written.
pub(crate) fn pack(packing: &Packing<'_>, to: &Path) -> Result<()> {
    let (Some(parent), Some(name)) = (packing.folder.parent(), packing.folder.file_name().and_then(|it| it.to_str()))
    else {
        bail!("{} has no name", packing.folder.display());
    };
    let mut command = Command::new("tar");
    command.args(["--create", "--format=gnu", "--no-recursion", "--owner=0", "--group=0", "--numeric-owner"]);
    command.arg(format!("--mtime=@{}", packing.time));
    command.args(["--use-compress-program", packing.compression.program(), "--file"]).arg(to);
    command.arg("--directory").arg(parent).args(["--verbatim-files-from", "--files-from=-"]);
    // What a user has set for these programs would change the bytes.
    command.env_remove("TAR_OPTIONS").env_remove("GZIP").env_remove("ZSTD_CLEVEL").env_remove("ZSTD_NBTHREADS");
    let mut tar = command.stdin(Stdio::piped()).spawn().context("cannot run tar")?;
    if let Some(mut list) = tar.stdin.take() {
        let lines: String = packing.paths.iter().map(|path| format!("{name}/{path}\n")).collect();
        // Where tar has ended already, its exit says why.
        let _ = list.write_all(format!("{name}\n{lines}").as_bytes());
    }
    let status = tar.wait().context("cannot wait for tar")?;
    ensure!(status.success(), "tar could not write {} ({status}); its message stands above", to.display());
    File::open(to).and_then(|file| file.sync_all()).with_context(|| format!("cannot write {}", to.display()))
}

/// Unpacks an archive into `folder`, which is made.
///
/// # Errors
/// tar fails, or the folder cannot be made.
pub(crate) fn unpack(archive: &Path, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut command = Command::new("tar");
    command.args(["--extract", "--no-same-owner", "--file"]).arg(archive).arg("--directory").arg(folder);
    let status = command.env_remove("TAR_OPTIONS").status().context("cannot run tar")?;
    ensure!(status.success(), "tar could not unpack {} ({status}); its message stands above", archive.display());
    Ok(())
}

/// One line of an archive's list.
#[derive(Debug, PartialEq)]
pub(crate) struct Listed {
    /// Kind and rights: `-rw-r--r--`.
    pub mode: String,
    /// Numbers of owner and group: `0/0`.
    pub owner: String,
    /// Date and time.
    pub time: String,
    pub path: String,
}

impl Listed {
    pub(crate) fn is_folder(&self) -> bool {
        self.mode.starts_with('d')
    }

    /// Reads a line such as `-rw-r--r-- 0/0 12 2026-01-31 12:00:00 ponder/README.md`.
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let (mode, owner, _size) = (words.next()?, words.next()?, words.next()?);
        let time = format!("{} {}", words.next()?, words.next()?);
        let path = words.next()?.trim_end_matches('/').to_owned();
        words.next().is_none().then(|| Self { mode: mode.to_owned(), owner: owner.to_owned(), time, path })
    }
}

/// Everything that an archive holds, in its order.
///
/// # Errors
/// tar fails: the archive is cut short or none. A line that cannot be read, which is that of a link among others.
pub(crate) fn list(archive: &Path) -> Result<Vec<Listed>> {
    let mut command = Command::new("tar");
    command.args(["--list", "--verbose", "--numeric-owner", "--full-time", "--utc", "--quoting-style=escape"]);
    let output = command.arg("--file").arg(archive).env("LC_ALL", "C").env_remove("TAR_OPTIONS").output();
    let output = output.context("cannot run tar")?;
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{} is no whole archive: {}", archive.display(), complaint.trim());
    let text = String::from_utf8_lossy(&output.stdout);
    let parse = |line: &str| {
        Listed::parse(line).with_context(|| format!("{}: {line:?} is neither a file nor a folder", archive.display()))
    };
    text.lines().map(parse).collect()
}

/// Name of an archive without its end: that of the folder in it.
pub(crate) fn folder_name(archive: &Path) -> Option<&str> {
    let name = archive.file_name()?.to_str()?;
    name.strip_suffix(Compression::of(archive)?.end())
}

/// Place of an archive of the folder `name` in `out`.
pub(crate) fn place(out: &Path, name: &str, compression: Compression) -> PathBuf {
    out.join(format!("{name}{}", compression.end()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::time::{Duration, SystemTime};

    use super::*;

    /// A folder whose files were written in this order, long ago or now.
    fn folder(order: [&str; 3], age: u64) -> tempfile::TempDir {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("ponder-1");
        fs::create_dir_all(folder.join("a")).unwrap();
        for path in order {
            let time = SystemTime::now() - Duration::from_secs(age);
            let mut file = File::create(folder.join(path)).unwrap();
            file.write_all(path.as_bytes()).unwrap();
            file.set_modified(time).unwrap();
            fs::set_permissions(folder.join(path), fs::Permissions::from_mode(0o644)).unwrap();
        }
        fs::set_permissions(folder.join("a"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        outer
    }

    fn packed(outer: &Path, name: &str) -> PathBuf {
        let folder = outer.join("ponder-1");
        let paths = ["a", "a/x", "a/y", "b"];
        let packing = Packing { folder: &folder, paths: &paths, time: 1_700_000_000, compression: Compression::Gzip };
        let to = outer.join(name);
        pack(&packing, &to).unwrap();
        to
    }

    #[test]
    fn the_same_files_are_the_same_bytes_whenever_they_were_written() {
        let (first, second) = (folder(["a/x", "a/y", "b"], 0), folder(["b", "a/y", "a/x"], 1_000_000));
        let bytes = fs::read(packed(first.path(), "one.tar.gz")).unwrap();
        assert_eq!(bytes, fs::read(packed(second.path(), "other.tar.gz")).unwrap());
        assert_eq!(bytes, fs::read(packed(first.path(), "again.tar.gz")).unwrap());
        fs::write(second.path().join("ponder-1/b"), "c").unwrap();
        assert_ne!(bytes, fs::read(packed(second.path(), "changed.tar.gz")).unwrap());
    }

    #[test]
    fn an_archive_lists_what_was_packed_in_its_order_and_gives_it_back() {
        let outer = folder(["b", "a/y", "a/x"], 0);
        let archive = packed(outer.path(), "ponder-1.tar.gz");
        let listed = list(&archive).unwrap();
        let paths: Vec<_> = listed.iter().map(|line| line.path.as_str()).collect();
        assert_eq!(paths, ["ponder-1", "ponder-1/a", "ponder-1/a/x", "ponder-1/a/y", "ponder-1/b"]);
        assert!(listed.iter().all(|line| line.owner == "0/0" && line.time == "2023-11-14 22:13:20"), "{listed:?}");
        assert_eq!((listed[1].mode.as_str(), listed[4].mode.as_str()), ("drwxr-xr-x", "-rw-r--r--"));
        unpack(&archive, &outer.path().join("back")).unwrap();
        assert_eq!(fs::read(outer.path().join("back/ponder-1/a/x")).unwrap(), b"a/x");
    }

    #[test]
    fn an_archive_that_is_cut_short_and_a_link_are_found() {
        let outer = folder(["b", "a/y", "a/x"], 0);
        let archive = packed(outer.path(), "ponder-1.tar.gz");
        let bytes = fs::read(&archive).unwrap();
        fs::write(&archive, &bytes[..bytes.len() / 2]).unwrap();
        assert!(list(&archive).unwrap_err().to_string().contains("no whole archive"));
        let link = outer.path().join("ponder-1/b");
        fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink("a", &link).unwrap();
        let error = list(&packed(outer.path(), "ponder-1.tar.gz")).unwrap_err().to_string();
        assert!(error.contains("neither a file nor a folder"), "{error}");
    }

    #[test]
    fn names_carry_the_compression() {
        let archive = place(Path::new("out"), "ponder-0.1.0-x86_64-linux", Compression::Zstd);
        assert_eq!(archive, Path::new("out/ponder-0.1.0-x86_64-linux.tar.zst"));
        assert_eq!(folder_name(&archive), Some("ponder-0.1.0-x86_64-linux"));
        assert_eq!(Compression::of(Path::new("x.tar.gz")), Some(Compression::Gzip));
        assert_eq!(folder_name(Path::new("ponder.zip")), None);
    }
}
