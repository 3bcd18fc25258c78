//! Files that are written to be run at once: by a process of their own, since one that another test starts at this moment
//! would hold the file open for writing, and nobody could run it.

#![allow(dead_code, reason = "not every test writes scripts")]

use std::{fs, path::Path, process::Command};

/// Copies a program, or a script.
pub fn copy_program(from: &Path, to: &Path) {
    let mut install = Command::new("install");
    install.args(["-m", "755"]).arg(from).arg(to);
    assert!(install.status().expect("install runs").success());
}

/// Writes a script.
pub fn write_program(path: &Path, text: &str) {
    let source = tempfile::NamedTempFile::new().expect("a temporary file");
    fs::write(source.path(), text).expect("writes");
    copy_program(source.path(), path);
}
