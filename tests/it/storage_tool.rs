//! `kafka-storage.sh`: its texts and exit codes are Kafka 4.3.1's.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

const CLUSTER_ID: &str = "MkU3OEVBNTcwNTJENDM2Qk";

const BOOTSTRAP: &str = "Bootstrap metadata: BootstrapMetadata(records=[\
    ApiMessageAndVersion(FeatureLevelRecord(name='metadata.version', featureLevel=30) at version 0), \
    ApiMessageAndVersion(FeatureLevelRecord(name='eligible.leader.replicas.version', \
    featureLevel=1) at version 0), \
    ApiMessageAndVersion(FeatureLevelRecord(name='group.version', featureLevel=1) at version 0), \
    ApiMessageAndVersion(FeatureLevelRecord(name='share.version', featureLevel=1) at version 0), \
    ApiMessageAndVersion(FeatureLevelRecord(name='streams.version', featureLevel=1) at version 0), \
    ApiMessageAndVersion(FeatureLevelRecord(name='transaction.version', featureLevel=2) at version 0)\
    ], metadataVersionLevel=30, source=format command)";

/// A folder with a controller's file in it.
struct Site {
    dir: tempfile::TempDir,
}

impl Site {
    fn new(lines: &[&str]) -> Site {
        let site = Site {
            dir: tempfile::tempdir().expect("a folder"),
        };
        let mut text = format!("log.dirs={}\n", site.data().display());
        text.push_str(&lines.join("\n"));
        fs::write(site.file(), text).expect("writes");
        site
    }

    fn controller() -> Site {
        Site::new(&[
            "process.roles=controller",
            "node.id=1",
            "controller.quorum.voters=1@localhost:9093",
            "controller.listener.names=CONTROLLER",
            "listeners=CONTROLLER://localhost:9093",
        ])
    }

    fn data(&self) -> std::path::PathBuf {
        self.dir.path().join("data")
    }

    fn file(&self) -> std::path::PathBuf {
        self.dir.path().join("server.properties")
    }

    fn format(&self, arguments: &[&str]) -> Output {
        let file = self.file();
        let file = file.to_str().expect("a path in ASCII");
        let mut all = vec!["format", "-t", CLUSTER_ID, "-c", file];
        all.extend(arguments);
        storage(&all)
    }

    fn info(&self) -> Output {
        storage(&["info", "-c", self.file().to_str().expect("a path in ASCII")])
    }
}

fn storage(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kraftd"));
    command
        .arg("storage")
        .args(arguments)
        .output()
        .expect("kraftd runs")
}

#[track_caller]
fn assert_output(output: &Output, code: i32, stdout: &str, stderr: &str) {
    assert_eq!(String::from_utf8_lossy(&output.stdout), stdout);
    assert_eq!(String::from_utf8_lossy(&output.stderr), stderr);
    assert_eq!(output.status.code(), Some(code));
}

#[track_caller]
fn assert_refused(output: &Output, reason: &str) {
    assert_output(output, 1, "", &format!("{reason}\n"));
}

fn properties(dir: &Path) -> String {
    fs::read_to_string(dir.join("meta.properties")).expect("formatted")
}

#[test]
fn a_directory_is_formatted_once() {
    let site = Site::controller();
    let dir = site.data();
    let shown = dir.display();
    let said = format!(
        "{BOOTSTRAP}\nFormatting metadata directory {shown} with metadata.version 4.3-IV0.\n"
    );
    assert_output(&site.format(&[]), 0, &said, "");
    let written = properties(&dir);
    assert!(
        written.contains(&format!("cluster.id={CLUSTER_ID}\n")),
        "{written}"
    );
    assert!(written.contains("node.id=1\nversion=1\n"), "{written}");
    let again = format!(
        "Log directory {shown} is already formatted. Use --ignore-formatted to ignore this directory \
         and format the others."
    );
    assert_refused(&site.format(&[]), &again);
    let ignored = site.format(&["-g"]);
    assert_output(
        &ignored,
        0,
        "All of the log directories are already formatted.\n",
        "",
    );
    assert_eq!(properties(&dir), written, "nothing was changed");
}

#[test]
fn a_directory_of_another_cluster_or_node_is_left_alone() {
    let site = Site::controller();
    site.format(&[]);
    let file = site.file();
    let file = file.to_str().expect("a path in ASCII");
    let other = storage(&["format", "-t", "AAAAAAAAAAAAAAAAAAAAAg", "-c", file, "-g"]);
    assert_refused(
        &other,
        &format!(
            "Invalid cluster.id in: {}/meta.properties. Expected AAAAAAAAAAAAAAAAAAAAAg, but read \
             {CLUSTER_ID}\nhint: if this node belongs to cluster {CLUSTER_ID}, format with -t {CLUSTER_ID}; if it \
             shall begin anew in another, name an empty directory in log.dirs, or move what is there away",
            site.data().display()
        ),
    );
    let text = fs::read_to_string(site.file()).expect("reads");
    let text = text.replace("node.id=1", "node.id=7").replace("1@", "7@");
    fs::write(site.file(), text).expect("writes");
    let stderr = String::from_utf8_lossy(&site.format(&["-g"]).stderr).into_owned();
    assert!(
        stderr.starts_with("Stored node id 1 doesn't match previous node id 7 in "),
        "{stderr}"
    );
}

/// A controller could not start on it; what a broker makes of it is Java's business.
#[test]
fn a_log_without_its_meta_properties_is_left_alone() {
    let site = Site::controller();
    let log = site.data().join("__cluster_metadata-0");
    fs::create_dir_all(&log).expect("creates");
    fs::write(log.join("voter-state"), "").expect("writes");
    let reason = format!(
        "{} was left from before, or by another node, and its meta.properties is gone. If it is this node's, \
         bring back the meta.properties that it was formatted with. If the node shall begin anew, move \
         __cluster_metadata-0 away, format again, and start while the other voters are up.",
        log.display()
    );
    assert_refused(&site.format(&[]), &reason);
    assert_refused(&site.format(&["-g"]), &reason);
    assert!(!site.data().join("meta.properties").exists());
    assert!(!site.data().join("bootstrap.checkpoint").exists());
    fs::remove_file(log.join("voter-state")).expect("removes");
    assert_eq!(
        site.format(&[]).status.code(),
        Some(0),
        "there is nothing in it"
    );

    let site = Site::new(&[
        "process.roles=broker",
        "node.id=2",
        "controller.quorum.voters=1@localhost:9093",
        "controller.listener.names=CONTROLLER",
    ]);
    let log = site.data().join("__cluster_metadata-0");
    fs::create_dir_all(&log).expect("creates");
    fs::write(log.join("00000000000000000000.log"), "").expect("writes");
    assert_eq!(site.format(&[]).status.code(), Some(0));
}

#[test]
fn an_empty_id_is_refused_and_an_odd_one_doubted() {
    for id in ["", " "] {
        let site = Site::controller();
        let output = site.format(&["-t", id]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            said.starts_with("You must specify the cluster id.\nhint: what follows -t is empty: is the variable set?"),
            "{said}"
        );
        assert_eq!(output.status.code(), Some(1));
        assert!(!site.data().exists());
    }
    for (id, doubt) in [
        (
            "CLUSTER_ID",
            "hint: `CLUSTER_ID` looks like the place of a cluster id",
        ),
        ("<id>", "hint: `<id>` looks like the place"),
        (
            "prod",
            "hint: the cluster id `prod` is not of the usual form",
        ),
    ] {
        let site = Site::controller();
        let output = site.format(&["-t", id]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            said.starts_with(doubt) && said.lines().count() == 1,
            "{said}"
        );
        assert_eq!(output.status.code(), Some(0), "Kafka takes it");
        assert!(properties(&site.data()).contains(&format!("cluster.id={id}\n")));
    }
}

/// Who forgets `storage` is told of it.
#[test]
fn a_storage_command_of_its_own_is_pointed_to() {
    for name in ["format", "random-uuid"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kraftd"));
        let output = command.arg(name).output().expect("kraftd runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            said.contains(&format!("hint: type `kraftd storage {name}`")),
            "{said}"
        );
        assert_eq!(output.status.code(), Some(1));
    }
}

#[test]
fn info_tells_what_is_there() {
    let site = Site::controller();
    let missing = site.info();
    let shown = site.data().display().to_string();
    let said = format!("Found problem:\n  {shown} does not exist\n\n");
    assert_output(&missing, 1, &said, "");
    fs::create_dir(site.data()).expect("creates");
    let said = String::from_utf8_lossy(&site.info().stdout).into_owned();
    assert!(
        said.ends_with(&format!("Found problem:\n  {shown} is not formatted.\n\n")),
        "{said}"
    );
    site.format(&[]);
    let found = site.info();
    let said = String::from_utf8_lossy(&found.stdout).into_owned();
    let expected = format!(
        "Found log directory:\n  {shown}\n\nFound metadata: {{cluster.id={CLUSTER_ID}, directory.id="
    );
    assert!(said.starts_with(&expected), "{said}");
    assert!(said.ends_with(", node.id=1, version=1}\n\n"), "{said}");
    assert_eq!(found.status.code(), Some(0));
}

#[test]
fn release_and_features_can_be_chosen() {
    let site = Site::controller();
    let done = site.format(&["--release-version", "3.9"]);
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(
        said.contains("featureLevel=21) at version 0)], metadataVersionLevel=21,"),
        "{said}"
    );
    assert!(
        said.ends_with(" with metadata.version 3.9-IV0.\n"),
        "{said}"
    );
    let site = Site::controller();
    for (arguments, reason) in [
        (
            &["-r", "9.9"][..],
            "Unknown metadata.version '9.9'. Supported metadata.version are: 3.3-IV3, ",
        ),
        (
            &["-r", "4.4-IV0"],
            "Unknown metadata.version '4.4-IV0'. Supported metadata.version are: ",
        ),
        (
            &["-f", "bogus=1"],
            "Unsupported feature: bogus. Supported features are: ",
        ),
        (
            &["-f", "bogus"],
            "Can't parse feature=level string bogus: equals sign not found.",
        ),
        (
            &["-f", "group.version=9"],
            "No feature:group.version with feature level 9",
        ),
        (
            &["-r", "3.9", "-f", "eligible.leader.replicas.version=1"],
            "eligible.leader.replicas.version could not be set to 1 because it depends on \
             metadata.version level 23",
        ),
        (
            &["--standalone"],
            "You cannot specify controller.quorum.voters and format the node with \
             --initial-controllers or --standalone. If you want to use dynamic quorum, please remove \
             controller.quorum.voters and specify controller.quorum.bootstrap.servers instead.",
        ),
    ] {
        let refused = site.format(arguments);
        let stderr = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(stderr.starts_with(reason), "{arguments:?}: {stderr}");
        assert_eq!(refused.status.code(), Some(1));
        assert!(!site.data().exists(), "{arguments:?}: nothing was written");
    }
}

#[test]
fn a_quorum_with_voters_in_the_log_is_refused() {
    let site = Site::new(&[
        "process.roles=controller",
        "node.id=1",
        "controller.quorum.bootstrap.servers=localhost:9093",
        "controller.listener.names=CONTROLLER",
        "listeners=CONTROLLER://localhost:9093",
    ]);
    assert_refused(
        &site.format(&[]),
        "Because controller.quorum.voters is not set on this controller, you must specify one of the \
         following: --standalone, --initial-controllers, or --no-initial-controllers.",
    );
    let stderr = String::from_utf8_lossy(&site.format(&["--standalone"]).stderr).into_owned();
    assert!(stderr.contains("not supported by this release"), "{stderr}");
}

#[test]
fn broker_files_are_formatted_too() {
    let site = Site::new(&[
        "process.roles=broker,controller",
        "node.id=1",
        "controller.quorum.voters=1@localhost:9093",
        "controller.listener.names=CONTROLLER",
        "listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093",
    ]);
    assert_eq!(site.format(&[]).status.code(), Some(0));
}

#[test]
fn an_id_may_begin_with_a_dash() {
    // Kafka's own tool takes it for an option (KAFKA-15754).
    let id = "-kU3OEVBNTcwNTJENDM2Qk";
    for arguments in [
        &["-t", id][..],
        &[&format!("-t={id}")],
        &["--cluster-id", id],
    ] {
        let site = Site::controller();
        let file = site.file();
        let mut all = vec!["format", "-c", file.to_str().expect("a path in ASCII")];
        all.extend(arguments);
        assert_eq!(storage(&all).status.code(), Some(0), "{arguments:?}");
        let written = properties(&site.data());
        assert!(written.contains(&format!("cluster.id={id}\n")), "{written}");
    }
}

#[test]
fn random_ids_are_ids() {
    for _ in 0..20 {
        let output = storage(&["random-uuid"]);
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let id: kraftd::protocol::Uuid = text.parse().expect("an id");
        assert!(!id.is_reserved() && !text.starts_with('-'), "{text}");
    }
}

#[test]
fn versions_and_dependencies_are_told() {
    let mapping = storage(&["version-mapping", "--release-version", "4.3"]);
    let said = String::from_utf8_lossy(&mapping.stdout).into_owned();
    assert!(said.starts_with("metadata.version=30 (4.3)\n"), "{said}");
    assert!(said.contains("\ntransaction.version=2\n"), "{said}");
    let none = storage(&["feature-dependencies", "-f", "transaction.version=2"]);
    assert_output(&none, 0, "transaction.version=2 has no dependencies.\n", "");
    assert_refused(
        &storage(&["feature-dependencies", "-f", "bogus=1"]),
        "Unknown feature: bogus",
    );
}

#[test]
fn usage_errors_end_with_one() {
    let no_id = storage(&["format", "-c", "x"]);
    assert_eq!(no_id.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&no_id.stderr).contains("--cluster-id"));
    assert_eq!(storage(&[]).status.code(), Some(1));
    assert_eq!(storage(&["--help"]).status.code(), Some(0));
}

/// A variable that is not set, perhaps: nobody could take such a credential away again.
#[test]
fn an_empty_password_is_refused() {
    let site = Site::controller();
    for secret in ["password=", "password=\"\"", "salt=eA==,saltedpassword="] {
        let argument = format!("SCRAM-SHA-256=[name=admin,{secret}]");
        let output = site.format(&["-S", &argument]);
        assert_refused(
            &output,
            "Empty key: 'password' and 'saltedpassword' must not be empty in add-scram",
        );
        assert!(!site.data().exists(), "{secret}");
    }
}
