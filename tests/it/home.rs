//! A folder as the tarball has it: `bin`, `config`, and the program in `libexec`. Its commands are typed there.
//! A node in one, on its way from formatting to its end.

use std::{
    fs,
    io::{Read, Write},
    iter,
    net::{TcpListener, TcpStream},
    os::unix::{fs::symlink, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{
        PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

pub use crate::programs::{copy_program, write_program};

pub const CLUSTER_ID: &str = "MkU3OEVBNTcwNTJENDM2Qk";
pub const START: &str = "bin/kafka-server-start.sh";
pub const STOP: &str = "bin/kafka-server-stop.sh";
const PATIENCE: Duration = Duration::from_secs(20);

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
        copy_program(&script.path(), &home.join("bin").join(script.file_name()));
    }
    symlink(env!("CARGO_BIN_EXE_kraftd"), home.join("libexec/kraftd")).expect("links");
}

/// A node in a folder of its own, whose id nobody else has. It ends with the test.
pub struct Node {
    dir: tempfile::TempDir,
    pub id: usize,
    pub port: u16,
    /// Its configuration, from the folder.
    file: &'static str,
    properties: String,
}

impl Node {
    /// Not formatted yet. `listeners` are those before the controller's.
    pub fn new(id: usize, file: &'static str, roles: &str, listeners: &str) -> Node {
        let (id, [port]) = (FIRST_ID + id, free_ports());
        let properties = format!(
            "process.roles={roles}\nnode.id={id}\n\
             controller.quorum.voters={id}@localhost:{port}\n\
             controller.listener.names=CONTROLLER\n\
             listeners={listeners}CONTROLLER://localhost:{port}\nlog.dirs=data\n"
        );
        let node = Node {
            dir: tempfile::tempdir().expect("a folder"),
            id,
            port,
            file,
            properties,
        };
        install(node.home());
        node.write("");
        node
    }

    /// Its configuration with these lines after it.
    pub fn write(&self, lines: &str) {
        let text = format!("{}{lines}", self.properties);
        fs::write(self.home().join(self.file), text).expect("writes");
    }

    pub fn formatted(self) -> Node {
        let format = ["bin/kafka-storage.sh", "format", "-t", CLUSTER_ID, "-c"];
        let formatted = self.typed(&[&format[..], &[self.file]].concat());
        assert_eq!(formatted.status.code(), Some(0), "{formatted:?}");
        self
    }

    pub fn home(&self) -> &Path {
        self.dir.path()
    }

    /// A command typed in the folder.
    pub fn command(&self, words: &[&str]) -> Command {
        let (script, arguments) = words.split_first().expect("a command");
        let mut command = Command::new(self.home().join(script));
        command.args(arguments).current_dir(self.home());
        for variable in ["KAFKA_HOME", "LOG_DIR", "SIGNAL"] {
            command.env_remove(variable);
        }
        command
    }

    pub fn typed(&self, words: &[&str]) -> Output {
        self.command(words).output().expect("the script runs")
    }

    pub fn stop(&self) -> Output {
        self.typed(&[STOP, &format!("--node-id={}", self.id)])
    }

    /// Whether it answers who asks for the API versions; before that, it heeds no signals.
    pub fn serves(&self) -> bool {
        const REQUEST: &[u8] = b"\0\0\0\x0a\0\x12\0\0\0\0\0\x01\xff\xff";
        let ask = || {
            let mut stream = TcpStream::connect(("localhost", self.port))?;
            stream.write_all(REQUEST)?;
            stream.read_exact(&mut [0; 4])
        };
        ask().is_ok()
    }

    /// What it wrote in the background.
    pub fn log(&self) -> String {
        fs::read_to_string(self.home().join("logs/kafkaServer.out")).unwrap_or_default()
    }

    #[track_caller]
    pub fn wait_until(&self, what: &str, probe: impl FnMut() -> bool) {
        assert!(becomes_true(probe), "in vain: {what}; {}", self.log());
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.stop();
    }
}

#[track_caller]
pub fn wait_until(what: &str, probe: impl FnMut() -> bool) {
    assert!(becomes_true(probe), "in vain: {what}");
}

fn becomes_true(mut probe: impl FnMut() -> bool) -> bool {
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        if probe() {
            return true;
        }
        thread::sleep(Duration::from_millis(20));
    }
    false
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub fn free_ports<const N: usize>() -> [u16; N] {
    /// Below those that the system gives to whoever connects: it would give them away until our node starts.
    const FIRST: usize = 12_000;
    const COUNT: usize = 20_000;
    static TAKEN: AtomicUsize = AtomicUsize::new(0);
    let offset = 7 * std::process::id() as usize;
    let is_free = |port: &u16| TcpListener::bind(("localhost", *port)).is_ok();
    let next = || {
        let number = offset + TAKEN.fetch_add(1, Ordering::Relaxed);
        (FIRST + number % COUNT) as u16
    };
    [(); N].map(|()| {
        let mut ports = iter::repeat_with(next).take(COUNT);
        ports.find(is_free).expect("a free port")
    })
}

/// A folder that looks like Java's Kafka of a release, with this script as its start command.
pub fn fake_kafka(dir: &Path, release: &str, start: &str) -> PathBuf {
    let home = dir.join("java-kafka");
    fs::create_dir_all(home.join("bin")).expect("creates");
    fs::create_dir_all(home.join("libs")).expect("creates");
    fs::write(home.join(format!("libs/kafka_2.13-{release}.jar")), "").expect("writes");
    write_program(&home.join("bin/kafka-server-start.sh"), start);
    home
}

/// Who stops nodes by their roles stops those of all tests.
static NODES_WITH_BROKERS: RwLock<()> = RwLock::new(());

/// Held by tests with brokers.
pub fn beside_others() -> RwLockReadGuard<'static, ()> {
    let guard = NODES_WITH_BROKERS.read();
    guard.unwrap_or_else(PoisonError::into_inner)
}

/// Held by those that stop by roles.
pub fn alone() -> RwLockWriteGuard<'static, ()> {
    let guard = NODES_WITH_BROKERS.write();
    guard.unwrap_or_else(PoisonError::into_inner)
}

/// What stands for a server of Java's Kafka: it takes a while to stop.
pub struct JavaServer(Child);

impl JavaServer {
    /// Runs in the folder, from a file there.
    pub fn start(dir: &Path, file: &str) -> JavaServer {
        const SERVER: &str = "trap 'sleep 1; exit 143' TERM; echo; while :; do sleep 0.05; done";
        let mut command = Command::new("sh");
        command.arg0("/opt/jdk/bin/java").current_dir(dir);
        command.args(["-c", SERVER, "kafka.Kafka", file]);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("starts");
        let mut output = child.stdout.take().expect("a pipe");
        output.read_exact(&mut [0]).expect("it heeds signals now");
        JavaServer(child)
    }

    pub fn id(&self) -> u32 {
        self.0.id()
    }

    pub fn exit_code(&mut self) -> Option<i32> {
        self.0.try_wait().expect("our child")?.code()
    }
}

impl Drop for JavaServer {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _ended = self.0.wait();
    }
}
