//! One node's place: its file, its directory, and what a start makes of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use kraftd::protocol::messages::describe_quorum::{self, DescribeQuorumRequest};
use tempfile::TempDir;

use super::harness::{
    client::Client,
    process::{Process, free_port, run_to_end, tail, wait_for},
};

/// Enough for a start, an election or an end on a busy machine.
pub const TIMEOUT: Duration = Duration::from_secs(30);

pub const CLUSTER_ID: &str = "MkU3OEVBNTcwNTJENDM2Qk";
pub const OTHER_CLUSTER: &str = "QkM2RDM0MkQ1MDc1QkVFNw";

/// A folder with the file of a controller in it, and its directory once that is formatted.
pub struct Site {
    folder: TempDir,
    pub id: usize,
    pub port: u16,
}

impl Site {
    /// Controller 1 of a quorum of its own.
    pub fn new() -> Site {
        Site::of(1, &[("127.0.0.1", free_port())])
    }

    /// A formatted one.
    pub fn formatted() -> Site {
        let site = Site::new();
        site.format(CLUSTER_ID);
        site
    }

    /// Controller `id` of a quorum whose voters, from 1 on, are said to be there.
    pub fn of(id: usize, voters: &[(&str, u16)]) -> Site {
        let folder = tempfile::Builder::new().prefix("kraftd-test-").tempdir();
        let port = voters[id - 1].1;
        let site = Site {
            folder: folder.expect("a temporary folder"),
            id,
            port,
        };
        let voters = voters.iter().zip(1..);
        let voters: Vec<String> = voters
            .map(|((host, port), id)| format!("{id}@{host}:{port}"))
            .collect();
        let text = format!(
            "process.roles=controller\nnode.id={id}\ncontroller.quorum.voters={}\n\
             controller.listener.names=CONTROLLER\nlisteners=CONTROLLER://127.0.0.1:{port}\nlog.dirs={}\n",
            voters.join(","),
            site.data().display(),
        );
        fs::write(site.file(), text).expect("writes");
        site
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn file(&self) -> PathBuf {
        self.folder().join("server.properties")
    }

    pub fn data(&self) -> PathBuf {
        self.folder().join("data")
    }

    pub fn meta_properties(&self) -> PathBuf {
        self.data().join("meta.properties")
    }

    /// `__cluster_metadata-0`.
    pub fn metadata(&self) -> PathBuf {
        self.data().join("__cluster_metadata-0")
    }

    fn log(&self) -> PathBuf {
        self.folder().join("server.log")
    }

    /// Sets a key, whatever it was before.
    pub fn set(&self, key: &str, value: &str) {
        let mut text = fs::read_to_string(self.file()).expect("a file");
        text.push_str(&format!("{key}={value}\n"));
        fs::write(self.file(), text).expect("writes");
    }

    pub fn format(&self, cluster_id: &str) {
        let mut command = kraftd(&["storage", "format", "-t", cluster_id, "-g", "-c"]);
        command.arg(self.file());
        run_to_end("kraftd storage format", command);
    }

    /// `kraftd server FILE`.
    pub fn server(&self) -> Command {
        let mut command = kraftd(&["server"]);
        command.arg(self.file());
        command
    }

    /// Starts the node; it serves when this returns.
    #[track_caller]
    pub fn start(&self) -> Process {
        self.run(self.server())
    }

    /// As [`Site::start`], by another command.
    #[track_caller]
    pub fn run(&self, command: Command) -> Process {
        let before = self.log_text().len();
        let mut process = Process::start("kraftd", command, &self.log());
        wait_for("the start of kraftd", TIMEOUT, || {
            let ended = process.child().try_wait().expect("a child's state");
            assert!(ended.is_none(), "it ended: {}", tail(&self.log()));
            match self.log_text()[before..].contains("Kafka Server started") {
                true => Ok(()),
                false => Err(tail(&self.log())),
            }
        });
        process
    }

    pub fn log_text(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.log()).unwrap_or_default()).into_owned()
    }

    /// Waits until the log has lines with this text, and returns them as [`Site::lines`] does.
    #[track_caller]
    pub fn wait_for_lines(&self, text: &str) -> Vec<String> {
        wait_for(&format!("`{text}` in the log"), TIMEOUT, || {
            let found = self.lines(text);
            match found.is_empty() {
                true => Err(tail(&self.log())),
                false => Ok(found),
            }
        })
    }

    /// The lines of the log with this text, from their beginning with it on to the name of the logger.
    pub fn lines(&self, text: &str) -> Vec<String> {
        let log = self.log_text();
        let lines = log.lines().filter_map(|line| line.split_once(text));
        let messages = lines.map(|(_, rest)| {
            let message = rest
                .rsplit_once(" (kraftd.")
                .map_or(rest, |(message, _)| message);
            format!("{text}{message}")
        });
        messages.collect()
    }

    /// Waits until this node leads, and has committed something.
    #[track_caller]
    pub fn wait_until_it_leads(&self) {
        wait_for("the node to lead", TIMEOUT, || match self.leads() {
            true => Ok(()),
            false => Err(tail(&self.log())),
        });
    }

    /// Whether this node leads, and has committed something.
    pub fn leads(&self) -> bool {
        self.high_watermark().is_some_and(|offset| offset > 0)
    }

    /// What the node tells, if it leads.
    fn high_watermark(&self) -> Option<i64> {
        let request = DescribeQuorumRequest {
            topics: vec![describe_quorum::RequestTopicData {
                topic_name: "__cluster_metadata".to_owned(),
                partitions: vec![describe_quorum::RequestPartitionData::default()],
                ..Default::default()
            }],
            ..Default::default()
        };
        let answer = Client::connect(self.port).ok()?.call(2, request).ok()?;
        let partition = answer.topics.first()?.partitions.first()?;
        partition
            .error_code
            .is_ok()
            .then_some(partition.high_watermark.0)
    }

    /// Starts the node and sees it refuse, with these words and no others, and with nothing changed. `{dir}`
    /// stands for its directory, `{file}` and `{own port}` for what they are, `{crc}` for any checksum.
    #[track_caller]
    pub fn assert_refused(&self, what: &str, message: &str) {
        self.assert_command_refused(what, self.server(), message);
    }

    /// As [`Site::assert_refused`], for another command.
    #[track_caller]
    pub fn assert_command_refused(&self, what: &str, mut command: Command, message: &str) {
        let before = listing(self.folder());
        command.env("KRAFTD_LOG", "off");
        let (code, said) = said_at_the_end(command);
        let said = without_checksums(&said);
        assert_eq!(
            (code, said),
            (Some(1), self.expand(message) + "\n"),
            "{what}"
        );
        assert_same(what, &before, &listing(self.folder()));
    }

    pub fn expand(&self, message: &str) -> String {
        let replaced = message
            .replace("{dir}", &self.data().display().to_string())
            .replace("{file}", &self.file().display().to_string());
        replaced.replace("{own port}", &self.port.to_string())
    }
}

/// Checksums are of bytes with times in them: `{crc}` stands for each.
fn without_checksums(said: &str) -> String {
    let hidden = said.split(' ').map(|word| {
        let digits = word.trim_end_matches('.');
        let is_checksum = digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        match is_checksum {
            true => word.replace(digits, "{crc}"),
            false => word.to_owned(),
        }
    });
    hidden.collect::<Vec<_>>().join(" ")
}

/// A command of this build's binary.
pub fn kraftd(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kraftd"));
    command.args(arguments);
    command
}

/// Runs a command to its end: its exit code, and what it said.
#[track_caller]
pub fn said_at_the_end(command: Command) -> (Option<i32>, String) {
    let log = tempfile::NamedTempFile::new().expect("a temporary file");
    let mut process = Process::start("kraftd", command, log.path());
    let status = process.wait_for_end(TIMEOUT);
    let said = fs::read(log.path()).expect("what it said");
    (status.code(), String::from_utf8_lossy(&said).into_owned())
}

/// Everything below a folder: kind, permissions and content of each path. Not sockets, which a killed node
/// leaves behind.
pub type Listing = BTreeMap<PathBuf, (u32, Vec<u8>)>;

pub fn listing(folder: &Path) -> Listing {
    let mut found = Listing::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a readable folder") {
            let path = entry.expect("an entry").path();
            let mode = fs::symlink_metadata(&path).expect("is there").mode();
            let content = match path.is_dir() {
                true => {
                    folders.push(path.clone());
                    Vec::new()
                }
                false if !path.is_file() => continue,
                false => fs::read(&path).expect("a readable file"),
            };
            found.insert(path, (mode, content));
        }
    }
    found
}

#[track_caller]
pub fn assert_same(what: &str, before: &Listing, after: &Listing) {
    let all = before.keys().chain(after.keys());
    let changed: BTreeSet<&PathBuf> = all
        .filter(|path| before.get(*path) != after.get(*path))
        .collect();
    assert!(changed.is_empty(), "{what}: changed on disk: {changed:?}");
}

/// Copies a folder with everything below it.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("creates");
    for entry in fs::read_dir(from).expect("lists") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        match path.is_dir() {
            true => copy(&path, &target),
            false if !path.is_file() => {}
            false => drop(fs::copy(&path, &target).expect("copies")),
        }
    }
}

/// Makes a file writable, lets `change` have its bytes, and writes them back.
pub fn rewrite(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).expect("a file");
    change(&mut bytes);
    let mode = fs::Permissions::from_mode(0o600);
    fs::set_permissions(path, mode).expect("sets");
    fs::write(path, bytes).expect("writes");
}
