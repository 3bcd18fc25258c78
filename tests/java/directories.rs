//! A metadata directory belongs to one kind of controller: neither starts with an empty log, and votes,
//! where the other's records lie.

use std::{fs, time::Duration};

use super::{
    cluster::{
        Cluster, ELECTION_TIMEOUT, Kind, LOG4J, SMALL_JVM, START_TIMEOUT, Settings, java, kraftd,
        turn,
    },
    kafka::RELEASE,
    process::Process,
};

const STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// The first log segment that Java wants to open is a directory of ours.
#[test]
fn java_refuses_a_directory_of_ours() {
    let _turn = turn();
    let mut settings = Settings::new(Kind::Kraftd, 1, 0);
    settings.format_arguments = vec!["--release-version".to_owned(), "3.9-IV0".to_owned()];
    let mut cluster = Cluster::start(&settings);
    cluster.write("log.retention.ms", "86400000");
    let written = cluster.wait_for_leader(ELECTION_TIMEOUT).high_watermark;
    cluster.controllers[0].stop(STOP_TIMEOUT);
    let log4j = cluster.folder().join("log4j.properties");
    fs::write(&log4j, LOG4J).expect("writes");
    let log4j = format!("-Dlog4j.configuration=file:{}", log4j.display());
    for release in ["3.9.2", "4.1.2", RELEASE] {
        let node = &cluster.controllers[0];
        let mut options = SMALL_JVM.to_vec();
        options.push(&log4j);
        let mut command = java(release, &options, "kafka.Kafka");
        command.arg(node.properties()).current_dir(&node.folder);
        let log = node.folder.join(format!("java-{release}.log"));
        let mut process = Process::start(&format!("Kafka {release}"), command, &log);
        let status = process.wait_for_end(START_TIMEOUT);
        let printed = fs::read_to_string(&log).expect("its log");
        assert!(!status.success(), "Kafka {release}: {printed}");
        assert!(
            printed.contains("00000000000000000000.log: Is a directory"),
            "Kafka {release}: {printed}"
        );
    }
    cluster.controllers[0].start();
    let after = cluster.wait_for_leader(START_TIMEOUT).high_watermark;
    assert!(
        after > written,
        "{after} is not beyond {written}: records are gone"
    );
}

#[test]
fn kraftd_refuses_a_directory_of_java() {
    let _turn = turn();
    let mut cluster = Cluster::start(&Settings::new(Kind::Java(RELEASE), 1, 0));
    cluster.controllers[0].stop(STOP_TIMEOUT);
    let node = &mut cluster.controllers[0];
    node.kind = Kind::Kraftd;
    node.start();
    let status = node.process().wait_for_end(START_TIMEOUT);
    assert!(!status.success());
    let log = node.log_text();
    assert!(
        log.contains("00000000000000000000.log is a log segment of a Java controller"),
        "{log}"
    );
}

#[test]
fn two_nodes_do_not_share_a_directory() {
    let _turn = turn();
    let cluster = Cluster::start(&Settings::new(Kind::Kraftd, 1, 0));
    let node = &cluster.controllers[0];
    let seconds = [
        ("kafka", java(RELEASE, SMALL_JVM, "kafka.Kafka")),
        ("kraftd", kraftd("server")),
    ];
    for (name, mut command) in seconds {
        command.arg(node.properties()).current_dir(&node.folder);
        let log = node.folder.join(format!("second-{name}.log"));
        let mut second = Process::start(name, command, &log);
        assert!(!second.wait_for_end(START_TIMEOUT).success(), "{name}");
        let printed = fs::read_to_string(&log).expect("its log");
        let refusal = "Failed to acquire lock on file .lock in";
        assert!(printed.contains(refusal), "{name}: {printed}");
    }
    cluster.write("log.retention.ms", "86400000");
}
