//! `kafka-storage.sh`, ours and Kafka's: the same command lines on the same files must say the same and
//! end with the same exit code.

use std::{
    fs,
    path::{Path, PathBuf},
};

use kraftd::{
    log::bootstrap,
    protocol::features::{FEATURES, MetadataVersion},
};

use super::{
    cluster::kraftd,
    kafka::RELEASE,
    tool_runner::{Said, ToolRunner},
};

const CLUSTER_ID: &str = "MkU3OEVBNTcwNTJENDM2Qk";

/// The files that the command lines name. `DIR` stands for the folder of the case.
const FILES: &[(&str, &str)] = &[
    ("static", CONTROLLER),
    (
        "combined",
        "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@localhost:9093\n\
         controller.listener.names=CONTROLLER\n\
         listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093\nlog.dirs=DIR/data\n",
    ),
    (
        "broker",
        "process.roles=broker\nnode.id=2\ncontroller.quorum.voters=1@localhost:9093\n\
         controller.listener.names=CONTROLLER\nlisteners=PLAINTEXT://localhost:9092\nlog.dirs=DIR/data\n",
    ),
    (
        "several",
        "process.roles=controller\nnode.id=1\ncontroller.quorum.voters=1@localhost:9093\n\
         controller.listener.names=CONTROLLER\nlisteners=CONTROLLER://localhost:9093\n\
         log.dirs=DIR/a,DIR/b\nmetadata.log.dir=DIR/c\n",
    ),
    (
        "one",
        "process.roles=controller\nnode.id=1\ncontroller.quorum.voters=1@localhost:9093\n\
         controller.listener.names=CONTROLLER\nlisteners=CONTROLLER://localhost:9093\n\
         log.dirs=DIR/a\n",
    ),
    (
        "slashes",
        "process.roles=controller\nnode.id=1\ncontroller.quorum.voters=1@localhost:9093\n\
         controller.listener.names=CONTROLLER\nlisteners=CONTROLLER://localhost:9093\n\
         log.dirs=DIR/a//,DIR/b\n",
    ),
    (
        "unwritable",
        "process.roles=controller\nnode.id=1\ncontroller.quorum.voters=1@localhost:9093\n\
         controller.listener.names=CONTROLLER\nlisteners=CONTROLLER://localhost:9093\n\
         log.dirs=/proc/data\n",
    ),
    (
        "dynamic",
        "process.roles=controller\nnode.id=1\ncontroller.quorum.bootstrap.servers=localhost:9093\n\
         controller.listener.names=CONTROLLER\nlisteners=CONTROLLER://localhost:9093\n\
         log.dirs=DIR/data\n",
    ),
    (
        "unstable",
        "process.roles=controller\nnode.id=1\ncontroller.quorum.voters=1@localhost:9093\n\
         controller.listener.names=CONTROLLER\nlisteners=CONTROLLER://localhost:9093\n\
         log.dirs=DIR/data\nunstable.feature.versions.enable=true\n",
    ),
    (
        "zookeeper",
        "zookeeper.connect=localhost:2181\nlog.dirs=DIR/data\n",
    ),
    ("no-id", "process.roles=controller\nlog.dirs=DIR/data\n"),
    (
        "no-quorum",
        "process.roles=controller\nnode.id=1\ncontroller.listener.names=CONTROLLER\n\
         listeners=CONTROLLER://localhost:9093\nlog.dirs=DIR/data\n",
    ),
    (
        "not-a-voter",
        "process.roles=controller\nnode.id=9\ncontroller.quorum.voters=1@localhost:9093\n\
         controller.listener.names=CONTROLLER\nlisteners=CONTROLLER://localhost:9093\n\
         log.dirs=DIR/data\n",
    ),
    (
        "voting-broker",
        "process.roles=broker\nnode.id=1\ncontroller.quorum.voters=1@localhost:9093\n\
         controller.listener.names=CONTROLLER\nlisteners=PLAINTEXT://localhost:9092\nlog.dirs=DIR/data\n",
    ),
    (
        "no-number",
        "process.roles=controller\nnode.id=1\ncontroller.quorum.voters=1@localhost:9093\n\
         controller.listener.names=CONTROLLER\nlisteners=CONTROLLER://localhost:9093\n\
         log.dirs=DIR/data\nnum.io.threads=xyz\n",
    ),
    (
        "other-listener",
        "process.roles=controller\nnode.id=1\ncontroller.quorum.voters=1@localhost:9093\n\
         controller.listener.names=CONTROLLER\nlisteners=PLAINTEXT://localhost:9093\n\
         log.dirs=DIR/data\n",
    ),
    (
        "unmapped-listener",
        "process.roles=controller\nnode.id=1\ncontroller.quorum.voters=1@localhost:9093\n\
         controller.listener.names=CONTROLLER\nlisteners=CONTROLLER://localhost:9093\n\
         listener.security.protocol.map=PLAINTEXT:PLAINTEXT\nlog.dirs=DIR/data\n",
    ),
    (
        "other-node",
        "process.roles=controller\nnode.id=7\ncontroller.quorum.voters=7@localhost:9093\n\
         controller.listener.names=CONTROLLER\nlisteners=CONTROLLER://localhost:9093\n\
         log.dirs=DIR/data\n",
    ),
];

const CONTROLLER: &str = "process.roles=controller\nnode.id=1\n\
    controller.quorum.voters=1@localhost:9093\ncontroller.listener.names=CONTROLLER\n\
    listeners=CONTROLLER://localhost:9093\nlog.dirs=DIR/data\n";

/// Each group has a folder of its own. `FILE.properties` stands for the path of a file, `DIR` for the folder.
/// `write FILE LINE;LINE` is no command of the tool: it makes a file.
const GROUPS: &[&[&str]] = &[
    &[
        "info -c static.properties",
        "format -t ID -c static.properties",
        "info -c static.properties",
        "format -t ID -c static.properties",
        "format -t ID -c static.properties -g",
        "format -t AAAAAAAAAAAAAAAAAAAAAg -c static.properties",
        "format -t AAAAAAAAAAAAAAAAAAAAAg -c static.properties -g",
        "format --cluster-id ID --config other-node.properties --ignore-formatted",
    ],
    &["format -t ID -c combined.properties"],
    &[
        "format -t ID -c broker.properties",
        "info -c broker.properties",
    ],
    &[
        "info -c several.properties",
        "format -t ID -c several.properties",
        "info -c several.properties",
    ],
    &["format -t ID -c unwritable.properties"],
    &[
        "format -t bad -c static.properties",
        "info -c static.properties",
    ],
    &["format -t=ID -c static.properties"],
    &["format -tID -cstatic.properties"],
    &["format --cluster-id=ID --config=static.properties"],
    &["format --cluster ID --conf static.properties"],
    &["format -gt ID -c static.properties"],
    &["format -t bad -t ID -c several.properties -c static.properties -g -g"],
    &[
        "write DIR/data/stray x",
        "info -c static.properties",
        "format -t ID -c static.properties",
    ],
    &[
        "write DIR/data x",
        "info -c static.properties",
        "format -c static.properties -t IS-A-FILE",
    ],
    &[
        "format -t ID -c one.properties",
        "info -c several.properties",
        "format -t ID -c several.properties",
        "format -t ID -c several.properties -g",
        "info -c several.properties",
        "format -t ID -c several.properties -g",
        "write DIR/b/meta.properties version=1;cluster.id=other;node.id=1",
        "info -c several.properties",
        "format -t ID -c several.properties -g",
        "write DIR/b/meta.properties version=1;cluster.id=ID;node.id=7",
        "info -c several.properties",
        "format -t ID -c several.properties -g",
    ],
    &[
        "info -c slashes.properties",
        "format -t ID -c slashes.properties",
        "info -c slashes.properties",
    ],
    &[
        "write DIR/data/meta.properties version=1;node.id=1",
        "info -c static.properties",
        "write DIR/data/meta.properties version=2;cluster.id=ID;node.id=1",
        "info -c static.properties",
        "write DIR/data/meta.properties version=1;cluster.id=ID;node.id=x",
        "info -c static.properties",
        "write DIR/data/meta.properties version=1;cluster.id=ID;node.id=1;directory.id=x",
        "info -c static.properties",
        "write DIR/data/meta.properties version=1;cluster.id=ID;node.id=1",
        "info -c static.properties",
    ],
    &[
        "format -t ID -c dynamic.properties",
        "format -t ID -c dynamic.properties -s -N",
        "format -t ID -c dynamic.properties -s -I 1@localhost:9093:JEXY6aqzQY-32P5TStzaFg",
        "format -t ID -c dynamic.properties -I garbage",
        "format -t ID -c dynamic.properties -I 1@localhost:9093",
        "format -t ID -c dynamic.properties -I",
        "format -t ID -c dynamic.properties -s -f kraft.version=0",
        "format -t ID -c broker.properties -s",
    ],
    &["format -t ID -c static.properties -N"],
    &["format -t ID -c broker.properties -N"],
    &["format -t ID -c static.properties --standalone"],
    &["format -t ID -c static.properties -I 1@localhost:9093:JEXY6aqzQY-32P5TStzaFg"],
    &[
        "format -t ID -c static.properties -N -s",
        "format -t ID -c static.properties -s -N",
    ],
    &["format -t ID -c static.properties -r 3.3"],
    &["format -t ID -c static.properties -r 3.4"],
    &["format -t ID -c static.properties -r 3.7"],
    &["format -t ID -c static.properties -r 3.9-IV0"],
    &["format -t ID -c static.properties -r 4.0"],
    &["format -t ID -c static.properties -r 4.1"],
    &["format -t ID -c static.properties -r 4.2"],
    &["format -t ID -c static.properties -r 4.3 -f eligible.leader.replicas.version=0"],
    &["format -t ID -c static.properties -f group.version=0 -f transaction.version=1"],
    &["format -t ID -c unstable.properties -r 4.4-IV0"],
    &["format -t ID -c unstable.properties"],
    &["format -t ID -c static.properties -f metadata.version=25"],
    &[
        "format -t ID -c static.properties -f metadata.version=25 -f group.version=0 -f kraft.version=0",
    ],
    &["format -t ID -c static.properties -f group.version=0 -f group.version=1"],
    &["format -t ID -c static.properties -f metadata.version=25 -f metadata.version=26"],
    &["format -t ID -c static.properties -S SCRAM-SHA-256=[name=alice,password=secret,salt=eA==]"],
    &["format -t ID -c static.properties \
       -S SCRAM-SHA-512=[name=bob,iterations=8192,salt=\"N3E=\",saltedpassword=\"YCE=\"] \
       -S SCRAM-SHA-512=[name=carol,password=x=y,salt=N3E=]"],
    &["format -t ID -c static.properties -S SCRAM-SHA-256=[name=alice,password=secret,salt=eB,]"],
    &[
        "format -t ID -c static.properties -r 9.9",
        "format -t ID -c static.properties -r 3.2",
        "format -t ID -c static.properties -r 4.4-IV0",
        "format -t ID -c static.properties -r 4.0 -f metadata.version=25",
        "format -t ID -c static.properties -f metadata.version=99",
        "format -t ID -c static.properties -f metadata.version=31",
        "format -t ID -c static.properties -f bogus=1",
        "format -t ID -c static.properties -f bogus",
        "format -t ID -c static.properties -f group.version=x",
        "format -t ID -c static.properties -f group.version=9",
        "format -t ID -c static.properties -f kraft.version=1",
        "format -t ID -c static.properties -f =1",
        "format -t ID -c static.properties -f group.version=",
        "format -t ID -c static.properties -f group.version=-1",
        "format -t ID -c static.properties -f metadata.version=-1",
        "format -t ID -c static.properties -f metadata.version=6",
        "format -t ID -c static.properties -f group.version=1=1",
        "format -t ID -c static.properties -r 4.3-IV9",
        "format -t ID -c static.properties -f",
        "format -t ID -c static.properties -r 3.9 -f eligible.leader.replicas.version=1",
        "info -c static.properties",
    ],
    &[
        "format -t ID -c static.properties -S SCRAM-SHA-999=[name=alice,password=x]",
        "format -t ID -c static.properties -S SCRAM-SHA-256",
        "format -t ID -c static.properties -S SCRAM-SHA-256=name=alice,password=x",
        "format -t ID -c static.properties -S SCRAM-SHA-256=[name=alice,password=x",
        "format -t ID -c static.properties -S SCRAM-SHA-256=[name=alice]",
        "format -t ID -c static.properties -S SCRAM-SHA-256=[password=x]",
        "format -t ID -c static.properties -S SCRAM-SHA-256=[name=alice,password=x,color=red]",
        "format -t ID -c static.properties -S SCRAM-SHA-256=[name=alice,password]",
        "format -t ID -c static.properties -S SCRAM-SHA-256=[name=alice,password=x,iterations=many]",
        "format -t ID -c static.properties -S SCRAM-SHA-256=[name=alice,password=x,iterations=17]",
        "format -t ID -c static.properties -S SCRAM-SHA-256=[name=alice,password=x,iterations=16385]",
        "format -t ID -c static.properties -S SCRAM-SHA-256=[name=alice,password=x,salt=%]",
        "format -t ID -c static.properties -S SCRAM-SHA-256=[name=alice,saltedpassword=eA==]",
        "format -t ID -c static.properties -r 3.4 -S SCRAM-SHA-256=[name=alice,password=x]",
        "format -t ID -c static.properties -S SCRAM-SHA-256=[name=alice,password=a,geheim]",
        "format -t ID -c static.properties -S SCRAM-SHA-256=[name=alice, password=geheim]",
        "format -t ID -c static.properties -S SCRAM-SHA-256:[name:alice,password:geheim]",
        "format -t ID -c static.properties -S SCRAM-SHA-256=[name=a,salt=eA==,saltedpassword=%geheim]",
        "info -c static.properties",
    ],
    &[
        "format -t ID -c static.properties \
         -S SCRAM-SHA-256=[name=alice,password=geheim,salt=eA==]",
        "format -t ID -c static.properties \
         -S SCRAM-SHA-256=[name=alice,password=geheim,salt=eA==]",
    ],
    &[
        "format -t ID -c zookeeper.properties",
        "info -c zookeeper.properties",
    ],
    &["format -t ID -c no-id.properties"],
    &["format -t ID -c no-quorum.properties"],
    &["format -t ID -c not-a-voter.properties"],
    &["format -t ID -c voting-broker.properties"],
    &["version-mapping", "version-mapping --release-version 3.9"],
    &[
        "feature-dependencies -f transaction.version=2",
        "feature-dependencies -f eligible.leader.replicas.version=1 -f metadata.version=30",
        "feature-dependencies -f bogus=1",
        "feature-dependencies -f bogus",
        "feature-dependencies -f group.version=9",
        "feature-dependencies -f group.version=x",
        "feature-dependencies -f metadata.version=99",
        "feature-dependencies",
    ],
    &[
        "",
        "bogus",
        "-h",
        "--help",
        "info -h",
        "format -h",
        "version-mapping -h",
        "feature-dependencies -h",
        "random-uuid -h",
        "info",
        "format",
        "format -c static.properties",
        "format -t ID",
        "format -t",
        "format -t -g -c static.properties",
        "format -t ID -c static.properties -h",
        "format -t ID -c static.properties --bogus",
        "format -t ID -c static.properties bogus",
        "random-uuid bogus",
    ],
];

/// The tables of releases and features, row by row.
fn tables() -> Vec<String> {
    let mut lines = Vec::new();
    let mut releases: Vec<String> = MetadataVersion::all()
        .flat_map(|version| {
            let name = version.to_string();
            let release = name.split('-').next().unwrap_or_default().to_owned();
            [format!("{release}.1"), release, name]
        })
        .collect();
    releases.dedup();
    let strange = [
        "9.9",
        "3.2",
        "4",
        "4.",
        "4.3-",
        "4.3-IV9",
        "4.3.1-IV0",
        "4.3.1.2",
        "v4.3",
        "IV0",
        "4.30",
    ];
    releases.extend(strange.map(str::to_owned));
    for release in releases {
        lines.push(format!("version-mapping -r {release}"));
    }
    for level in 0..=MetadataVersion::LATEST_TESTING.0 + 1 {
        lines.push(format!("feature-dependencies -f metadata.version={level}"));
    }
    for feature in FEATURES {
        for level in -1..=feature.range(true).max + 1 {
            lines.push(format!(
                "feature-dependencies --feature {}={level}",
                feature.name
            ));
        }
    }
    lines
}

/// What we refuse in words of our own: the end of the command line, and what is said.
const SAID_OTHERWISE: &[(&str, &str)] = &[
    ("-I garbage", NO_DYNAMIC_VOTERS),
    ("-I 1@localhost:9093", NO_DYNAMIC_VOTERS),
    ("-s -f kraft.version=0", NO_DYNAMIC_VOTERS),
    (
        "IS-A-FILE",
        "cannot read DIR/data/meta.properties: Not a directory (os error 20). log.dirs and \
         metadata.log.dir name directories",
    ),
];

const NO_DYNAMIC_VOTERS: &str = "Voters that are kept in the log (KIP-853) are not supported by this \
    release. Name all controllers in controller.quorum.voters instead, on every node.";

/// What must never be seen again once it was typed, the longest first.
const SECRETS: &[&str] = &[
    ":[name:alice,password:geheim]",
    "%geheim",
    "geheim]",
    "geheim",
];

/// What the system says of a file that is not there, instead of the name of a Java exception.
const NO_SUCH_FILE: &str = "No such file or directory (os error 2)";

#[test]
fn the_storage_tools_say_the_same() {
    let theirs = tempfile::tempdir().expect("a folder");
    let ours = tempfile::tempdir().expect("a folder");
    let java = run_java(&commands(theirs.path()));
    let mut differences = Vec::new();
    let mine = commands(ours.path());
    for (((folder, command), (their_folder, _)), mut java) in
        mine.iter().zip(commands(theirs.path())).zip(java)
    {
        let ours = run_ours(command);
        assert!(!format!("{ours}").contains("geheim"), "{command:?}: {ours}");
        for secret in SECRETS {
            java.stderr = java.stderr.replace(secret, "[hidden]");
        }
        let ours = masked(ours, folder);
        let mut java = masked(java, &their_folder);
        let command = command.join(" ");
        let otherwise = SAID_OTHERWISE.iter();
        for (_, said) in otherwise.filter(|(end, _)| command.ends_with(end)) {
            java.stdout.clear();
            (*said).clone_into(&mut java.stderr);
        }
        if ours != java {
            differences.push(format!("$ {command}\n== Kafka: {java}\n== kraftd: {ours}"));
        }
    }
    for (index, group) in groups().iter().enumerate() {
        let written = |root: &Path| written(&root.join(index.to_string()));
        let (ours, java) = (written(ours.path()), written(theirs.path()));
        if ours != java {
            differences.push(format!(
                "{group:?}\n== Kafka: {java:?}\n== kraftd: {ours:?}"
            ));
        }
    }
    assert!(
        differences.is_empty(),
        "{} differ:\n{}",
        differences.len(),
        differences.join("\n\n")
    );
}

/// The directories and files that were written, and the first records of the cluster among them.
fn written(folder: &Path) -> Vec<String> {
    let mut written = Vec::new();
    for data in ["data", "a", "b", "c"].map(|name| folder.join(name)) {
        let Ok(entries) = fs::read_dir(&data) else {
            continue;
        };
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        let mut names: Vec<_> = names.collect();
        names.sort();
        let records = bootstrap::read(&data).expect("a file that Kafka can read too");
        written.push(format!("{:?} {names:?} {records:?}", data.file_name()));
    }
    written
}

/// The command lines with real paths; makes the folders and files they name.
fn commands(root: &Path) -> Vec<(PathBuf, Vec<String>)> {
    let mut commands = Vec::new();
    for (index, group) in groups().iter().enumerate() {
        let folder = root.join(index.to_string());
        let shown = folder.display().to_string();
        fs::create_dir_all(&folder).expect("a folder");
        for (name, text) in FILES {
            let text = text.replace("DIR", &shown);
            fs::write(folder.join(format!("{name}.properties")), text).expect("a file");
        }
        for line in group {
            let words = line.split_whitespace().map(|word| {
                let word = word.replace("ID", CLUSTER_ID).replace("DIR", &shown);
                let names = FILES.iter().map(|(name, _)| format!("{name}.properties"));
                let named = names.filter(|name| word.ends_with(name));
                match named.max_by_key(String::len) {
                    Some(name) => word.replace(&name, &format!("{shown}/{name}")),
                    None => word,
                }
            });
            commands.push((folder.clone(), words.collect()));
        }
    }
    commands
}

fn groups() -> Vec<Vec<String>> {
    let groups = GROUPS.iter();
    let mut groups: Vec<Vec<String>> = groups
        .map(|group| group.iter().map(|line| (*line).to_owned()).collect())
        .collect();
    groups.push(tables());
    groups
}

/// Does what `write` asks for; `None` if the tool is to do something.
fn write_file(words: &[String]) -> Option<Said> {
    let [_, path, lines] = words else {
        return None;
    };
    if words[0] != "write" {
        return None;
    }
    let folder = Path::new(path).parent().expect("a folder");
    fs::create_dir_all(folder).expect("creates");
    fs::write(path, lines.replace(';', "\n")).expect("writes");
    Some(Said {
        code: 0,
        stdout: String::new(),
        stderr: String::new(),
    })
}

fn run_ours(arguments: &[String]) -> Said {
    if let Some(written) = write_file(arguments) {
        return written;
    }
    let output = kraftd("storage")
        .args(arguments)
        .output()
        .expect("kraftd runs");
    Said {
        code: output.status.code().expect("an exit code"),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn run_java(commands: &[(PathBuf, Vec<String>)]) -> Vec<Said> {
    let mut tools = ToolRunner::start(RELEASE);
    let runs = commands.iter();
    runs.map(|(_, words)| {
        let written = write_file(words);
        written.unwrap_or_else(|| tools.run("kafka.tools.StorageTool", words))
    })
    .collect()
}

/// Without what differs between any two runs, and without what we say on purpose in another way: no
/// names of Java's exceptions, hints where there are any, and our own lay-out of help and usage.
fn masked(said: Said, folder: &Path) -> Said {
    let folder = folder.display().to_string();
    let Said {
        code,
        stdout,
        stderr,
    } = said;
    let stderr = stderr.replace(
        "java.nio.file.NoSuchFileException: /proc/data",
        NO_SUCH_FILE,
    );
    if stdout.to_lowercase().contains("usage: ") {
        let stdout = "usage".to_owned();
        return Said {
            code,
            stdout,
            stderr,
        };
    }
    let mut lines: Vec<String> = stdout
        .replace(&folder, "DIR")
        .lines()
        .filter(|line| !is_of_java(line))
        .map(|line| without_keys(&without(line, "directory.id=", 22)))
        // What is wrong in a file, we say in the words of the start that it stops.
        .map(|line| match line.split_once("/meta.properties: ") {
            Some((problem, _)) => problem.to_owned(),
            None => line,
        })
        .collect();
    // Kafka formats directories in no fixed order.
    if lines.iter().any(|line| line.starts_with("Formatting ")) {
        lines.sort();
    }
    let stderr = stderr.replace(&folder, "DIR");
    let stderr = match stderr.split_once("kafka-storage:") {
        Some((_, error)) => error.split_whitespace().collect::<Vec<_>>().join(" "),
        None => {
            let said = stderr.lines().filter(|line| !line.starts_with("hint: "));
            said.map(sentence).collect::<Vec<_>>().join("\n")
        }
    };
    Said {
        code,
        stdout: lines.join("\n"),
        stderr,
    }
}

/// Lines of a stack, which Kafka prints too.
fn is_of_java(line: &str) -> bool {
    let starts = ["java.lang.", "\tat ", "\t... ", "Caused by: "];
    starts.iter().any(|start| line.starts_with(start))
}

/// What an uncaught exception says.
fn sentence(line: &str) -> &str {
    match line.strip_prefix("Exception in thread \"main\" ") {
        Some(thrown) => thrown
            .split_once(": ")
            .map_or(thrown, |(_, message)| message),
        None => line,
    }
}

/// The line without so many characters after each `key`.
fn without(line: &str, key: &str, length: usize) -> String {
    let mut parts = line.split(key);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |line, part| {
        format!("{line}{key}_{}", part.get(length..).unwrap_or_default())
    })
}

/// Kafka prints the salt and the keys of credentials, which we do not.
fn without_keys(line: &str) -> String {
    let mut parts = line.split("salt=[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |line, part| {
        let after = part
            .split_once(", iterations=")
            .map_or("", |(_, after)| after);
        format!("{line}_, iterations={after}")
    })
}
