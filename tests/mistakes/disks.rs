//! Disks that do not take what is written: read-only, full, of somebody else. Each has a mount of its own,
//! which only the processes of the test see.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::Path,
    process::Command,
};

use super::{
    harness::programs::copy_program,
    site::{CLUSTER_ID, Listing, Site, TIMEOUT, assert_same, listing, said_at_the_end},
};

/// `nobody` on every Linux.
const NOBODY: u32 = 65_534;

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A script with mounts of its own.
pub fn with_mounts(site: &Site, script: &str) -> Command {
    let mut command = mounting(script);
    command
        .env("KRAFTD_LOG", "off")
        .env("DATA", site.data())
        .env("FILE", site.file())
        .env("CLUSTER_ID", CLUSTER_ID);
    command
}

fn mounting(script: &str) -> Command {
    let mut command = Command::new("unshare");
    // Who is not root is so within a namespace of users.
    command.args(if is_root() { &["-m"][..] } else { &["-rm"] });
    command.args(["sh", "-ec", script, "sh"]);
    command.env("KRAFTD", env!("CARGO_BIN_EXE_kraftd"));
    command
}

/// A script for which names come from this text, as in /etc/hosts, and from nowhere else.
pub fn with_hosts(folder: &Path, hosts: &str, script: &str) -> Command {
    fs::write(folder.join("hosts"), hosts).expect("writes");
    fs::write(folder.join("nsswitch.conf"), "hosts: files\n").expect("writes");
    let mounts = "mount --bind \"$NAMES/hosts\" /etc/hosts; \
                  mount --bind \"$NAMES/nsswitch.conf\" /etc/nsswitch.conf";
    let mut command = mounting(&format!("{mounts}; {script}"));
    command.env("NAMES", folder);
    command
}

#[test]
fn a_read_only_disk_is_refused_and_left_alone() {
    let site = Site::formatted();
    let script = "mount --bind \"$DATA\" \"$DATA\"; mount -o remount,ro,bind \"$DATA\"; \
                  exec \"$KRAFTD\" server \"$FILE\"";
    site.assert_command_refused(
        "read-only",
        with_mounts(&site, script),
        "cannot write to {dir}: Read-only file system (os error 30). Mount the file system so that it can \
         be written (after a disk error the system makes it read-only by itself: see its log)",
    );
    let site = Site::new();
    fs::create_dir(site.data()).expect("creates");
    let script = "mount --bind \"$DATA\" \"$DATA\"; mount -o remount,ro,bind \"$DATA\"; \
                  exec \"$KRAFTD\" storage format -t \"$CLUSTER_ID\" -c \"$FILE\" 2>&1 >/dev/null";
    site.assert_command_refused(
        "read-only",
        with_mounts(&site, script),
        "Error while writing meta.properties file {dir}: cannot write {dir}/bootstrap.checkpoint.part: \
         Read-only file system (os error 30). Mount the file system so that it can be written (after a disk \
         error the system makes it read-only by itself: see its log)",
    );
}

/// Whose permissions do not do.
#[test]
fn files_of_somebody_else_are_refused_and_left_alone() {
    let site = Site::formatted();
    // A place that others may look into, with a program that they may run.
    let program = site.folder().join("kraftd");
    copy_program(Path::new(env!("CARGO_BIN_EXE_kraftd")), &program);
    let allow = |path: &Path, mode: u32| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("sets");
    };
    allow(site.folder(), 0o755);
    let as_nobody = || {
        let mut command = Command::new(&program);
        command.arg("server").arg(site.file());
        if is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    };
    allow(&site.data(), 0o555);
    site.assert_command_refused(
        "a directory that cannot be written",
        as_nobody(),
        "cannot write to {dir}: Permission denied (os error 13). The user that runs this node must be able \
         to read and write there; was it formatted as another one? As root, chown -R USER DIR gives it the \
         directory in log.dirs",
    );
    allow(&site.meta_properties(), 0o000);
    let refused = |what: &str, message: &str| {
        let mut command = as_nobody();
        command.env("KRAFTD_LOG", "off");
        let said = said_at_the_end(command);
        assert_eq!(said, (Some(1), site.expand(message) + "\n"), "{what}");
    };
    refused(
        "a meta.properties that cannot be read",
        "No readable meta.properties files found. cannot read {dir}/meta.properties: Permission denied (os \
         error 13). The user that runs this node must be able to read and write there; was it formatted as \
         another one? As root, chown -R USER DIR gives it the directory in log.dirs",
    );
    allow(&site.file(), 0o000);
    refused(
        "a file that cannot be read",
        "cannot read {file}: Permission denied (os error 13)",
    );
}

/// What a `chown` without `-R` leaves: told by the start and by those that only look, before anything is in the background.
#[test]
fn a_log_of_somebody_else_is_refused_and_left_alone() {
    let site = Site::formatted();
    let program = site.folder().join("kraftd");
    copy_program(Path::new(env!("CARGO_BIN_EXE_kraftd")), &program);
    let mut running = site.start();
    site.wait_until_it_leads();
    running.terminate(TIMEOUT);
    let allow = |path: &Path, mode: u32| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("sets");
    };
    allow(site.folder(), 0o755);
    allow(&site.data(), 0o777);
    let log = site.metadata().join("00000000000000000000.log");
    let first = log.join("0000000000000001.raftlog");
    let all = listing(&site.data()).into_keys().collect::<Vec<_>>();
    let command = |words: &[&str]| {
        let mut command = Command::new(&program);
        command
            .args(words)
            .arg(site.file())
            .env("KRAFTD_LOG", "off");
        if is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    };
    for (place, what) in [
        (site.data().join(".lock"), "cannot open"),
        (site.metadata(), "cannot write to"),
        (site.metadata().join("voter-state"), "cannot open"),
        (log, "cannot write to"),
        (first, "cannot open"),
    ] {
        for path in &all {
            allow(path, 0o777);
        }
        assert_eq!(
            said_at_the_end(command(&["server", "--check"])),
            (Some(0), String::new())
        );
        allow(&place, 0o555);
        let message = format!(
            "{what} {}: Permission denied (os error 13). The user that runs this node must be able to read and \
             write there; was it formatted as another one? As root, chown -R USER DIR gives it the directory in log.dirs",
            place.display()
        );
        for words in [&["server"][..], &["server", "--check"]] {
            site.assert_command_refused(&message, command(words), &message);
        }
        let (code, said) = said_at_the_end(command(&["check"]));
        assert!(said.contains(&format!(": error: {message}\n")), "{said}");
        assert_eq!(code, Some(1));
    }
}

/// Starts on a disk that `fill` has filled up, with `kept` copied to where we can see it, before and after.
fn on_a_full_disk(site: &Site, size: &str, fill: &str, run: &str) -> (Option<i32>, String) {
    let script = format!(
        "mkdir -p \"$DATA\"; mount -t tmpfs -o size={size} none \"$DATA\"; {fill}; cp -a \"$DATA\" \
         \"$DATA-before\"; code=0; {run} || code=$?; cp -a \"$DATA\" \"$DATA-after\"; exit $code"
    );
    said_at_the_end(with_mounts(site, &script))
}

const FILL: &str = "dd if=/dev/zero of=\"$DATA/filler\" bs=4k 2>/dev/null || true";

const FREE_SPACE: &str =
    "Free space on this disk and start again: nothing that was acknowledged is lost";

#[test]
fn a_full_disk_is_told_of() {
    let site = Site::new();
    let format = "\"$KRAFTD\" storage format -t \"$CLUSTER_ID\" -c \"$FILE\"";
    let (code, said) = on_a_full_disk(&site, "64k", FILL, &format!("{format} 2>&1 >/dev/null"));
    let message = site.expand(
        "Error while writing meta.properties file {dir}: cannot write {dir}/bootstrap.checkpoint.part: No \
         space left on device (os error 28). ",
    );
    assert_eq!((code, said), (Some(1), format!("{message}{FREE_SPACE}\n")));
    // Formatted, with a little space left: less than the log takes.
    let site = Site::new();
    let fill = format!("{format} >/dev/null; {FILL}");
    let (code, said) = on_a_full_disk(&site, "1m", &fill, "\"$KRAFTD\" server \"$FILE\"");
    assert_eq!(code, Some(1), "{said}");
    assert_eq!(
        said,
        site.expand(
            "cannot open {dir}/__cluster_metadata-0/00000000000000000000.log: No space left on device (os \
             error 28). "
        ) + FREE_SPACE
            + "\n"
    );
    let before = listing(&site.folder().join("data-before"));
    let after = listing(&site.folder().join("data-after"));
    let kept = |listing: &Listing, folder: &str| {
        let folder = site.folder().join(folder);
        let named = listing.iter().map(|(path, found)| {
            let path = path.strip_prefix(&folder).expect("below it");
            (path.to_owned(), found.clone())
        });
        named
            .filter(|(path, _)| {
                !path.starts_with("__cluster_metadata-0") && !path.ends_with(".lock")
            })
            .collect()
    };
    assert_same(
        "a start on a full disk",
        &kept(&before, "data-before"),
        &kept(&after, "data-after"),
    );
}

/// The disk fills up while the node runs: it stops, says why, and starts again when there is space.
#[test]
fn a_disk_that_fills_up_stops_the_node_and_loses_nothing() {
    let site = Site::new();
    site.set("metadata.max.idle.interval.ms", "1");
    site.set("metadata.log.max.snapshot.interval.ms", "100");
    let script = "mkdir -p \"$DATA\"; mount -t tmpfs -o size=4m none \"$DATA\"; \
                  \"$KRAFTD\" storage format -t \"$CLUSTER_ID\" -c \"$FILE\" >/dev/null; \
                  KRAFTD_LOG=info \"$KRAFTD\" server \"$FILE\" >\"$FILE.out\" & node=$!; \
                  until grep -qs 'Kafka Server started' \"$FILE.out\"; do sleep 0.1; done; \
                  dd if=/dev/zero of=\"$DATA/filler\" bs=4k 2>/dev/null || true; code=0; wait $node || code=$?; \
                  rm \"$DATA/filler\"; cp -a \"$DATA\" \"$DATA-after\"; exit $code";
    let (code, said) = said_at_the_end(with_mounts(&site, script));
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.starts_with("kraftd stops: cannot ") && said.ends_with(&format!(". {FREE_SPACE}\n")),
        "{said}"
    );
    fs::rename(site.folder().join("data-after"), site.data()).expect("the disk again");
    let _running = site.start();
    site.wait_until_it_leads();
    assert!(site.lines("this voter has lost").is_empty());
}
