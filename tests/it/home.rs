//! A folder as the tarball has it: `bin`, `config`, and the program in `libexec`. Its commands are typed there.

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// Of nodes that no other test has, since `stop` looks for them on the whole machine.
pub const FIRST_ID: usize = 76_201;

/// Puts our scripts, and this build's program, into the folder.
pub fn install(home: &Path) {
    for dir in ["bin", "libexec", "config/kraft"] {
        fs::create_dir_all(home.join(dir)).expect("creates");
    }
    let scripts = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("bin"));
    for script in scripts.expect("our scripts") {
        let script = script.expect("a script");
        let copied = fs::copy(script.path(), home.join("bin").join(script.file_name()));
        copied.expect("copies");
    }
    symlink(env!("CARGO_BIN_EXE_kraftd"), home.join("libexec/kraftd")).expect("links");
}

/// A command typed in the folder.
pub fn command(home: &Path, words: &[&str]) -> Command {
    let (script, arguments) = words.split_first().expect("a command");
    let mut command = Command::new(home.join(script));
    command.args(arguments).current_dir(home);
    for variable in ["KAFKA_HOME", "LOG_DIR", "SIGNAL"] {
        command.env_remove(variable);
    }
    command
}

pub fn typed(home: &Path, words: &[&str]) -> Output {
    command(home, words).output().expect("the script runs")
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub fn free_ports<const N: usize>() -> [u16; N] {
    let listeners = [(); N].map(|()| TcpListener::bind("localhost:0").expect("binds"));
    listeners.map(|listener| listener.local_addr().expect("is bound").port())
}

/// Whether somebody answers who is asked for the API versions; before that, nobody heeds signals.
pub fn answers(port: u16) -> bool {
    const REQUEST: &[u8] = b"\0\0\0\x0a\0\x12\0\0\0\0\0\x01\xff\xff";
    let ask = || {
        let mut stream = TcpStream::connect(("localhost", port))?;
        stream.write_all(REQUEST)?;
        stream.read_exact(&mut [0; 4])
    };
    ask().is_ok()
}

/// A folder that looks like Java's Kafka of a release, with this script as its start command.
pub fn fake_kafka(dir: &Path, release: &str, start: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let home = dir.join("java-kafka");
    fs::create_dir_all(home.join("bin")).expect("creates");
    fs::create_dir_all(home.join("libs")).expect("creates");
    fs::write(home.join(format!("libs/kafka_2.13-{release}.jar")), "").expect("writes");
    let script = home.join("bin/kafka-server-start.sh");
    fs::write(&script, start).expect("writes");
    fs::set_permissions(script, fs::Permissions::from_mode(0o755)).expect("sets");
    home
}
