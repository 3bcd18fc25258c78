//! `kraftd install-scripts`: Kafka's own commands in a Kafka folder, with kraftd behind those for controllers.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use crate::home::{self, JavaServer};

/// What stands for each of Kafka's scripts: it says that it ran, and with what.
const OF_KAFKA: &str = "#!/bin/sh\necho \"Kafka's $(basename \"$0\"): $*\"\n";

/// No node of this machine has this id: `stop` finds nothing, whatever else runs here.
const NOBODY: &str = "--node-id=987654321";

/// A Kafka folder, with a controller's file and a broker's beside it.
struct Site {
    dir: tempfile::TempDir,
}

impl Site {
    fn new() -> Site {
        let site = Site {
            dir: tempfile::tempdir().expect("a folder"),
        };
        fs::create_dir_all(site.bin()).expect("creates");
        for name in [
            "kafka-server-start.sh",
            "kafka-server-stop.sh",
            "kafka-storage.sh",
            "kafka-topics.sh",
        ] {
            site.script(name, OF_KAFKA);
        }
        // Some make such names themselves.
        symlink("kafka-storage.sh", site.bin().join("kafka-storage")).expect("links");
        for (name, roles, listeners) in [
            ("controller", "controller", "CONTROLLER://:9093"),
            ("broker", "broker", "PLAINTEXT://:9092"),
            (
                "both",
                "broker,controller",
                "CONTROLLER://:9093,PLAINTEXT://:9092",
            ),
        ] {
            let text = format!(
                "process.roles={roles}\nnode.id={}\ncontroller.quorum.voters=1@localhost:9093\n\
                 controller.listener.names=CONTROLLER\nlisteners={listeners}\nlog.dirs={}\n",
                if name == "broker" { 2 } else { 1 },
                site.dir.path().join(name).display()
            );
            fs::write(site.file(name), text).expect("writes");
        }
        fs::write(
            site.file("zookeeper"),
            "zookeeper.connect=localhost\nlog.dirs=/x\n",
        )
        .expect("writes");
        site
    }

    fn kafka(&self) -> PathBuf {
        self.dir.path().join("kafka")
    }

    fn bin(&self) -> PathBuf {
        self.kafka().join("bin")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(format!("{name}.properties"))
    }

    fn script(&self, name: &str, text: &str) {
        home::write_program(&self.bin().join(name), text);
    }

    fn install(&self, more: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kraftd"));
        command.arg("install-scripts").arg(self.kafka()).args(more);
        command.output().expect("kraftd runs")
    }

    /// Types a command of the folder; `FILE` stands for the path of the file of that name.
    fn type_in(&self, line: &str) -> (Option<i32>, String) {
        let mut words = line.split_whitespace();
        let script = self.bin().join(words.next().expect("a command"));
        let mut command = Command::new(script);
        for word in words {
            match word.split_once("FILE:") {
                Some((before, name)) => {
                    command.arg(format!("{before}{}", self.file(name).display()));
                }
                None => {
                    command.arg(word);
                }
            }
        }
        let output = command
            .env_remove("KAFKA_HOME")
            .output()
            .expect("the script runs");
        let said = [output.stdout, output.stderr].concat();
        (
            output.status.code(),
            String::from_utf8_lossy(&said).into_owned(),
        )
    }

    /// Everything in the folder: names with contents, or what a link leads to.
    fn contents(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut contents = BTreeMap::new();
        let mut folders = vec![self.kafka()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("lists") {
                let path = entry.expect("an entry").path();
                match fs::read_link(&path) {
                    Ok(target) => {
                        drop(contents.insert(path, target.into_os_string().into_encoded_bytes()))
                    }
                    Err(_) if path.is_dir() => folders.push(path),
                    Err(_) => drop(contents.insert(path.clone(), fs::read(path).expect("reads"))),
                }
            }
        }
        contents
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn controllers_are_ours_and_brokers_stay_kafkas() {
    let site = Site::new();
    let installed = site.install(&[]);
    let said = text(&installed.stdout);
    assert_eq!(
        installed.status.code(),
        Some(0),
        "{}",
        text(&installed.stderr)
    );
    let line =
        "bin/kafka-storage.sh: kraftd's; Kafka's own is now kafka-storage.sh.kafka-original\n";
    assert!(said.contains(line), "{said}");
    let id = "MkU3OEVBNTcwNTJENDM2Qk";
    for name in ["kafka-storage.sh", "kafka-storage"] {
        for argument in [
            "-c FILE:broker",
            "-cFILE:broker",
            "--config=FILE:broker",
            "-c FILE:broker --of-later x",
        ] {
            let (code, said) = site.type_in(&format!("{name} format -t {id} {argument}"));
            let kafkas = format!("Kafka's kafka-storage.sh.kafka-original: format -t {id} ");
            assert!(code == Some(0) && said.starts_with(&kafkas), "{said}");
        }
    }
    let (code, said) = site.type_in("kafka-storage.sh random-uuid");
    assert!(
        code == Some(0) && said.trim().parse::<kraftd::protocol::Uuid>().is_ok(),
        "{said}"
    );
    let (_, said) = site.type_in("kafka-storage.sh info -c FILE:zookeeper");
    assert!(said.starts_with("Kafka's "), "{said}");
    for name in ["controller", "both"] {
        let (code, said) = site.type_in(&format!("kafka-storage format -t {id} -c FILE:{name}"));
        assert!(
            code == Some(0) && said.contains("\nFormatting metadata directory "),
            "{said}"
        );
    }
    let (code, said) = site.type_in("kafka-storage.sh info -c FILE:none");
    assert!(
        code == Some(1) && said.contains("none.properties"),
        "{said}"
    );

    for options in ["-daemon", ""] {
        let (code, said) = site.type_in(&format!(
            "kafka-server-start.sh {options} FILE:broker --override a=b"
        ));
        let kafkas = "Kafka's kafka-server-start.sh.kafka-original: ";
        assert!(code == Some(0) && said.starts_with(kafkas), "{said}");
        assert!(
            said.contains(options) && said.ends_with(" --override a=b\n"),
            "{said}"
        );
    }
    let (code, said) =
        site.type_in("kafka-server-start FILE:broker --override process.roles=controller");
    assert!(
        code == Some(1) && said.contains("must be included in the set of voters"),
        "{said}"
    );
    let (code, said) = site.type_in("kafka-server-start.sh");
    assert!(
        code == Some(1) && said.contains("kafka-server-start.sh [-daemon] server.properties"),
        "{said}"
    );
}

/// Kafka's own script would return at once.
#[test]
fn stop_waits_for_javas_brokers() {
    let site = Site::new();
    site.install(&[]);
    let nobody = site.type_in(&format!("kafka-server-stop.sh {NOBODY} --wait"));
    assert_eq!(nobody, (Some(1), "No kafka server to stop\n".to_owned()));
    let id = home::FIRST_ID + 60;
    let text = fs::read_to_string(site.file("broker")).expect("reads");
    let text = text.replace("node.id=2", &format!("node.id={id}"));
    fs::write(site.file("broker"), text).expect("writes");
    let mut broker = JavaServer::start(site.dir.path(), "broker.properties");
    let stopped = site.type_in(&format!("kafka-server-stop.sh --node-id={id} --wait"));
    assert_eq!(stopped, (Some(0), String::new()));
    assert_eq!(broker.exit_code(), Some(143));
}

#[test]
fn undo_leaves_the_folder_as_it_was() {
    let site = Site::new();
    let before = site.contents();
    site.install(&[]);
    let installed = site.contents();
    assert_ne!(installed, before);
    // Again, as after an upgrade of kraftd.
    assert_eq!(site.install(&[]).status.code(), Some(0));
    assert_eq!(site.contents(), installed);
    let undone = site.install(&["--undo"]);
    assert_eq!(undone.status.code(), Some(0), "{}", text(&undone.stderr));
    assert_eq!(site.contents(), before);
    let again = site.install(&["--undo"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).starts_with("there are no scripts of kraftd in "));
}

/// A full disk, or a kill, between Kafka's script and ours.
#[test]
fn undo_brings_back_what_an_interrupted_installation_put_aside() {
    let site = Site::new();
    let before = site.contents();
    site.install(&[]);
    fs::remove_file(site.bin().join("kafka-server-start.sh")).expect("removes");
    let undone = site.install(&["--undo"]);
    assert_eq!(undone.status.code(), Some(0), "{}", text(&undone.stderr));
    assert_eq!(site.contents(), before);
}

#[test]
fn nothing_is_replaced_that_would_be_lost() {
    let site = Site::new();
    site.install(&[]);
    // A newer Kafka was unpacked here.
    site.script("kafka-storage.sh", "#!/bin/sh\necho newer\n");
    let before = site.contents();
    let refused = site.install(&[]);
    assert_eq!(refused.status.code(), Some(1));
    let said = text(&refused.stderr);
    assert!(
        said.contains("kafka-storage.sh is not kraftd's, although "),
        "{said}"
    );
    assert_eq!(site.contents(), before);
    let undone = site.install(&["--undo"]);
    let said = text(&undone.stdout);
    let line = "bin/kafka-storage.sh: not kraftd's, left as it is, and kafka-storage.sh.kafka-original too\n";
    assert!(
        undone.status.code() == Some(0) && said.contains(line),
        "{said}"
    );
    assert_eq!(
        site.type_in("kafka-storage.sh"),
        (Some(0), "newer\n".to_owned())
    );

    let site = Site::new();
    site.script("kraftd", "#!/bin/sh\necho another program\n");
    let before = site.contents();
    let refused = site.install(&[]);
    assert!(
        text(&refused.stderr).contains("bin/kraftd is there already"),
        "{refused:?}"
    );
    assert_eq!(site.contents(), before);
}

#[test]
fn only_a_kafka_folder_will_do() {
    let site = Site::new();
    fs::remove_dir_all(site.bin()).expect("removes");
    fs::create_dir(site.bin()).expect("creates");
    let refused = site.install(&[]);
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        said.contains("kafka is no Kafka folder: there is no "),
        "{said}"
    );
    assert!(site.contents().is_empty());
    assert!(!Path::new(&site.kafka().join("libexec")).exists());
}

#[test]
fn the_installed_start_command_prints_its_help() {
    let site = Site::new();
    assert!(site.install(&[]).status.success());
    for word in ["--help", "-h"] {
        let (code, said) = site.type_in(&format!("kafka-server-start.sh {word}"));
        assert!(said.contains("--override <PROPERTY=VALUE>"), "{said}");
        assert_eq!(code, Some(1), "as Kafka has it");
    }
}
