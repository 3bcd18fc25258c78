//! Files that are there whole or not at all, whatever happens meanwhile.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use rustix::fs::{Advice, fadvise};

use super::LogError;

/// Writes a file under a `temporary` name in the same directory, then gives it its own. Durable on return.
pub(super) fn write(
    temporary: &Path,
    path: &Path,
    fill: impl FnOnce(&mut File) -> io::Result<()>,
) -> Result<u64, LogError> {
    let filled = File::create(temporary).and_then(|mut file| fill(&mut file));
    filled.map_err(LogError::io("cannot write", temporary))?;
    complete(temporary, path)
}

/// Gives a file that is fully written its name, and says how long it is. Durable on return.
pub(super) fn complete(temporary: &Path, path: &Path) -> Result<u64, LogError> {
    let completed = File::open(temporary).and_then(|file| {
        file.sync_all()?;
        fs::rename(temporary, path)?;
        Ok(file.metadata()?.len())
    });
    let length = completed.map_err(LogError::io("cannot complete", path))?;
    sync_directory(path.parent().unwrap_or(Path::new(".")))?;
    Ok(length)
}

/// Makes the files in a directory durable, whoever wrote them, and their names.
pub(super) fn sync_files(dir: &Path) -> Result<(), LogError> {
    for_each_file(dir, File::sync_all)?;
    sync_directory(dir)
}

fn for_each_file(dir: &Path, sync: fn(&File) -> io::Result<()>) -> Result<(), LogError> {
    for entry in fs::read_dir(dir).map_err(LogError::io("cannot list", dir))? {
        let path = entry.map_err(LogError::io("cannot list", dir))?.path();
        if path.is_file() {
            let synced = File::open(&path).and_then(|file| sync(&file));
            synced.map_err(LogError::io("cannot sync", &path))?;
        }
    }
    Ok(())
}

/// Makes a file durable, and lets memory forget it, so that what is read next comes from the disk. After a sync that
/// failed the system shows what was written to whoever reads it, and takes it for written; it may be on no disk.
pub(super) fn settle(file: &File) -> io::Result<()> {
    file.sync_all()?;
    Ok(fadvise(file, 0, None, Advice::DontNeed)?)
}

/// The same for all files of a directory.
pub(super) fn settle_files(dir: &Path) -> Result<(), LogError> {
    for_each_file(dir, settle)
}

/// Makes the names in a directory durable.
pub(super) fn sync_directory(dir: &Path) -> Result<(), LogError> {
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(LogError::io("cannot sync", dir))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_file_that_could_not_be_filled_leaves_the_one_before() {
        let dir = tempfile::tempdir().expect("a directory");
        let (temporary, path) = (dir.path().join("file.tmp"), dir.path().join("file"));
        let length = write(&temporary, &path, |file| file.write_all(b"first"));
        assert_eq!(length.expect("written"), 5);
        let failed = write(&temporary, &path, |file| {
            file.write_all(b"sec")?;
            Err(io::Error::from(io::ErrorKind::StorageFull))
        });
        let error = failed.expect_err("a full disk").to_string();
        assert!(error.starts_with("cannot write"), "{error}");
        assert_eq!(fs::read(&path).expect("there"), b"first");
        assert_eq!(complete(&temporary, &path).expect("renamed"), 3);
        assert_eq!(fs::read(&path).expect("there"), b"sec");
        assert!(!temporary.exists());
    }
}
