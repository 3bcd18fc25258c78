//! `server.properties` as Kafka 4.3.1 itself reads it: the table of keys, the syntax of the file, and the
//! sentences for what is wrong with it.

use kraftd::{
    config::{ConfigError, Environment, Identity, values::Values},
    metadata::{
        broker_keys::{BROKER_KEYS, BrokerKey, UpdateMode},
        config_defs::ConfigType,
    },
    protocol::properties,
};
use rand::{Rng, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

use crate::{kafka::RELEASE, oracle::Oracle};

#[test]
fn every_key_is_declared_as_in_kafka() {
    let mut oracle = Oracle::of_configs(RELEASE);
    let mut theirs: Vec<String> = oracle.ask(&["keys".to_owned()])[0]
        .split(' ')
        .map(str::to_owned)
        .collect();
    theirs.sort();
    let ours: Vec<&str> = BROKER_KEYS.iter().map(|known| known.key.name).collect();
    assert_eq!(ours, theirs);
    let questions: Vec<String> = ours.iter().map(|name| format!("key {name}")).collect();
    for (known, theirs) in BROKER_KEYS.iter().zip(oracle.ask(&questions)) {
        assert_eq!(declared(known), theirs, "{}", known.key.name);
    }
}

/// As oracles/Configs.java tells it.
fn declared(known: &BrokerKey) -> String {
    let key = &known.key;
    let default = match key.default {
        _ if known.is_required() => "required",
        None => "null",
        Some(default) => default,
    };
    let mode = match known.update_mode {
        UpdateMode::ReadOnly => "read-only",
        UpdateMode::PerBroker => "per-broker",
        UpdateMode::ClusterWide => "cluster-wide",
    };
    let is_list = key.config_type == ConfigType::List;
    // An address is read later, and an empty one is none.
    let is_address = [
        "controller.quorum.voters",
        "controller.quorum.bootstrap.servers",
    ]
    .contains(&key.name);
    let refuses = |text: &str| is_list && key.parse(text).is_err();
    let empty_item = refuses(",") || is_address;
    format!(
        "{}\t{default}\t{}\t{mode}\t{}\t{}\t{empty_item}",
        key.config_type.name(),
        key.valid,
        known.is_internal(),
        refuses("")
    )
}

#[test]
fn files_are_read_as_java_reads_them() {
    const FILES: usize = 20_000;
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let files: Vec<Vec<u8>> = (0..FILES).map(|_| random_file(&mut rng)).collect();
    let questions: Vec<String> = files
        .iter()
        .map(|file| format!("properties {}", hex(file)))
        .collect();
    let answers = Oracle::of_configs(RELEASE).ask(&questions);
    let mut read = 0;
    // A backslash alone on the last line sets a key without a name in Java, depending on how the line ends.
    let named = |entries: &str| -> Vec<String> {
        let entries = entries
            .split(' ')
            .filter(|entry| !entry.is_empty() && !entry.starts_with('='));
        entries.map(str::to_owned).collect()
    };
    for (file, theirs) in files.iter().zip(answers) {
        let ours = match properties::parse(&properties::latin_1(file)) {
            Ok(found) => {
                read += 1;
                let entry = |(key, value): (String, String)| {
                    format!("{}={}", hex(key.as_bytes()), hex(value.as_bytes()))
                };
                let entries: Vec<String> = found.into_iter().map(entry).collect();
                entries.join(" ")
            }
            Err(_) => "error Malformed \\uxxxx encoding.".to_owned(),
        };
        let shown = properties::latin_1(file);
        assert_eq!(named(&ours), named(&theirs), "{shown:?}");
    }
    assert!(read > FILES / 4, "only {read} files could be read");
}

/// Of what the syntax makes something of, mostly.
fn random_file(rng: &mut ChaCha8Rng) -> Vec<u8> {
    const PIECES: &[&[u8]] = &[
        b"a", b"b", b"key", b"=", b":", b" ", b"\t", b"\x0c", b"\n", b"\r\n", b"\r", b"\\",
        b"\\\n", b"\\\r\n", b"#", b"!", b"\\u0041", b"\\u00e9", b"\\u4f60", b"\\t", b"\\n", b"\\q",
        b"\\\\", b"\xe9", b"\x80", b"\xa0", b"\x0b", b"\x85", b"\x00", b"\\u", b"0", b"value\n",
    ];
    let pieces = rng.random_range(1..24);
    let pick = |_| PIECES.choose(rng).copied().unwrap_or_default();
    (0..pieces).map(pick).collect::<Vec<_>>().concat()
}

#[test]
fn variables_set_the_keys_that_they_set_in_kafkas_image() {
    let names = [
        "KAFKA_NODE_ID",
        "KAFKA_LOG_DIRS",
        "KAFKA_A__B",
        "KAFKA_A___B",
        "KAFKA_A____B",
        "KAFKA_A_____B_C",
        "KAFKA_LISTENER_NAME_CONTROLLER___9090_SSL_KEY",
        "KAFKA_",
        "KAFKA__X",
        "KAFKA_KAFKA_X",
        "KAFKA_lower_Case",
        "KAFKA_OPTS",
        "KAFKA_VERSION",
        "KAFKA_HEAP_OPTS",
        "KAFKA_LOG4J_OPTS",
        "KAFKA_JMX_OPTS",
        "KAFKA_JVM_PERFORMANCE_OPTS",
        "KAFKA_GC_LOG_OPTS",
        "KAFKA_LOG4J_ROOT_LOGLEVEL",
        "KAFKA_LOG4J_LOGGERS",
        "KAFKA_TOOLS_LOG4J_LOGLEVEL",
        "KAFKA_JMX_HOSTNAME",
        "KAFKA_JMX_PORT",
        "CLUSTER_ID",
        "XKAFKA_A",
    ];
    let question = names.map(|name| format!(" {name}=1")).concat();
    let theirs = Oracle::of_configs(RELEASE).ask(&[format!("image{question}")]);
    for (name, line) in names.iter().zip(theirs[0].split(' ')) {
        let variables = [("KRAFTD_CONTAINER", "1"), (name, "1")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let keys = Environment(variables.into()).keys().expect("can be read");
        let ours: Vec<String> = keys
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        assert_eq!(
            ours,
            Vec::from_iter((line != "none").then_some(line)),
            "{name}"
        );
    }
}

#[test]
fn config_providers_answer_as_kafkas_do() {
    let dir = tempfile::tempdir().expect("a folder");
    let at = |name: &str| dir.path().join(name).display().to_string();
    std::fs::write(at("a.properties"), "key=value \nb\\:c=d=e\nö=ü\nempty=\n").expect("writes");
    std::fs::write(at("secret"), " s3cret\n").expect("writes");
    std::fs::create_dir(at("below")).expect("creates");
    let (file, here) = (at("a.properties"), at(""));
    let values = [
        format!("${{file:{file}:key}}"),
        format!("x${{file:{file}:key}}y${{dir:{here}:secret}}z"),
        format!("${{file:{file}:ö}}"),
        format!("${{file:{file}:empty}}"),
        format!("${{file:{file}:missing}}"),
        format!("${{file:{here}:key}}"),
        format!("${{file:{}:key}}", at("none")),
        format!("${{dir:{here}:below}}"),
        format!("${{dir:{here}:none}}"),
        format!("${{dir:{}:none}}", at("none")),
        format!("${{dir:{here}:../x}}"),
        format!("${{few:{file}:key}}${{few:/etc/hostname:key}}"),
        "${env:PATH}".to_owned(),
        "${env:NO_SUCH_VARIABLE}".to_owned(),
        "${env:x:PATH}".to_owned(),
        "${few-env:PATH}${few-env:HOME}".to_owned(),
        "${nobody:a} ${}${:}${:a} $${env:PATH}".to_owned(),
        "${file:key}".to_owned(),
        "${file::key}".to_owned(),
        "${a${env:PATH}}".to_owned(),
    ];
    let package = "org.apache.kafka.common.config.provider";
    let providers = format!(
        "config.providers=env,file,dir,few,few-env\nconfig.providers.env.class={package}.EnvVarConfigProvider\n\
         config.providers.file.class={package}.FileConfigProvider\n\
         config.providers.dir.class={package}.DirectoryConfigProvider\n\
         config.providers.few.class={package}.FileConfigProvider\n\
         config.providers.few.param.allowed.paths={here}\n\
         config.providers.few-env.class={package}.EnvVarConfigProvider\n\
         config.providers.few-env.param.allowlist.pattern=P.*|NONE\n"
    );
    let written = |value: &str| value.replace('ö', "\\u00f6");
    let files = values.map(|value| format!("{CONTROLLER}{providers}ours={}\n", written(&value)));
    let questions: Vec<String> = files
        .iter()
        .map(|file| format!("value ours {}", hex(file.as_bytes())))
        .collect();
    let mut resolved = 0;
    for (file, theirs) in files
        .iter()
        .zip(Oracle::of_configs(RELEASE).ask(&questions))
    {
        let ours = match read_in(file, &Environment::of_process()) {
            Ok(identity) => {
                resolved += 1;
                identity.values.all_set()["ours"].clone()
            }
            Err(error) => format!("error {}", error.problems[0].message),
        };
        // What is read from the file, ConfigDef trims only later.
        assert_eq!(
            ours,
            theirs.replace("\\n", "\n").trim(),
            "{}",
            file.lines().last().unwrap_or_default()
        );
    }
    assert!(resolved > 10, "only {resolved} files could be read");
}

/// Files with one thing in them that may be wrong, after a controller's that is right.
const CONTROLLERS: &[&str] = &[
    "",
    // Rows of a table of Java's messages that operators know.
    "num.io.threads=xyz",
    "node.id=9",
    "listeners=PLAINTEXT://localhost:9092",
    "listener.security.protocol.map=PLAINTEXT:PLAINTEXT",
    // A value by itself.
    "num.partitions=0",
    "num.partitions=",
    "num.partitions=3000000000",
    "num.partitions=1 0",
    "num.partitions= 7 ",
    "log.roll.hours=0",
    "log.cleaner.io.buffer.load.factor=much",
    "log.cleaner.min.cleanable.ratio=1.5",
    "remote.log.manager.task.retry.jitter=0.7",
    "auto.leader.rebalance.enable=yes",
    "auto.leader.rebalance.enable=TRUE",
    "compression.type=zip",
    "compression.gzip.level=0",
    "log.cleanup.policy=compact,shred",
    "log.cleanup.policy=compact,compact",
    "log.cleanup.policy=compact,,delete",
    "log.dirs=",
    "log.dirs=/a,,/b",
    "process.roles=",
    "process.roles=observer",
    "process.roles=controller,controller",
    "controller.listener.names=",
    "group.consumer.migration.policy=never",
    "group.consumer.migration.policy=Upgrade",
    "group.share.delivery.count.limit=1",
    "group.coordinator.rebalance.protocols=",
    "sasl.oauthbearer.assertion.algorithm=none",
    "sasl.oauthbearer.scope.claim.name=",
    "offsets.topic.replication.factor=99999",
    "metadata.log.segment.bytes=4096",
    "node.id=-1",
    "node.id=1\nbroker.id=1",
    "connections.max.idle.ms=-1",
    "broker.session.timeout.ms=17",
    // Addresses.
    "controller.quorum.voters=1@hado op104:9093",
    "controller.quorum.voters=1@a",
    "controller.quorum.voters=1@a:9093,",
    "controller.quorum.voters=1",
    "controller.quorum.voters=one@a:9093",
    "controller.quorum.voters=1@a:port",
    "controller.quorum.voters=1@a:70000",
    "controller.quorum.voters=1@[::1]:9093",
    "controller.quorum.voters=1@a:1@b:2",
    "controller.quorum.voters=",
    "controller.quorum.bootstrap.servers=a",
    "controller.quorum.bootstrap.servers=a:9093,",
    "controller.quorum.bootstrap.servers=ho st:9093",
    "controller.quorum.bootstrap.servers=a:99999",
    "controller.quorum.bootstrap.servers=a:9093,[::1]:9093",
    "listeners=CONTROLLER",
    "listeners=CONTROLLER://a b:9093",
    "listeners=CONTROLLER://localhost:x",
    "listeners=controller://localhost:9093",
    "listeners=CONTROLLER://:9093,CONTROLLER://:9094",
    "listeners=CONTROLLER://:9093,OTHER://:9093",
    "listeners=CONTROLLER://:9093,OTHER://:9094",
    "listeners=",
    "controller.listener.names=CONTROLLER,OTHER",
    "controller.listener.names=OTHER",
    "controller.listener.names=controller",
    "listener.security.protocol.map=CONTROLLER:PLA INTEXT",
    "listener.security.protocol.map=CONTROLLER:TLS",
    "listener.security.protocol.map=controller:plaintext",
    "listener.security.protocol.map=",
    "listener.security.protocol.map=CONTROLLER:PLAINTEXT,",
    "advertised.listeners=CONTROLLER://0.0.0.0:9093",
    "advertised.listeners=CONTROLLER://a:9093",
    "advertised.listeners=WRONG://a:9093",
    "inter.broker.listener.name=CONTROLLER",
    "inter.broker.listener.name=WRONG",
    "inter.broker.listener.name=PLAINTEXT",
    "early.start.listeners=WRONG",
    "early.start.listeners=",
    // Rules between keys.
    "broker.id=2",
    "log.roll.ms=0",
    "log.retention.ms=0",
    "log.retention.ms=-5",
    "log.roll.jitter.ms=-1",
    "log.cleaner.threads=500",
    "replica.fetch.wait.max.ms=40000",
    "replica.lag.time.max.ms=1",
    "queued.max.request.bytes=5",
    "max.connections.per.ip=0",
    "max.connections.per.ip=0\nmax.connections.per.ip.overrides=10.0.0.5:20, ::1:4,",
    "max.connections.per.ip.overrides=10.0.0.5:many",
    "max.connections.per.ip.overrides=ho st:1",
    "max.connections=-1",
    "security.inter.broker.protocol=SASL_PLAINTEXT\nsasl.enabled.mechanisms=PLAIN",
    "security.inter.broker.protocol=SASL_PLAINTEXT\nsasl.enabled.mechanisms=PLAIN\nsasl.mechanism.inter.broker.protocol=PLAIN",
    "connection.failed.authentication.delay.ms=900000",
];

/// The same for the file of a broker.
const BROKERS: &[&str] = &[
    "",
    "node.id=1",
    "listeners=CONTROLLER://:9092",
    "controller.listener.names=",
    "listener.security.protocol.map=PLAINTEXT:PLAINTEXT",
    "controller.quorum.auto.join.enable=true",
    "listener.security.protocol.map=PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT\ninter.broker.listener.name=PLAINTEXT\nsasl.enabled.mechanisms=SCRAM-SHA-256",
    "listener.security.protocol.map=PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT\ninter.broker.listener.name=PLAINTEXT\nsasl.enabled.mechanisms=PLAIN\nlistener.name.plaintext.sasl.enabled.mechanisms=PLAIN, GSSAPI",
    "inter.broker.listener.name=WRONG",
    "inter.broker.listener.name=CONTROLLER",
    "advertised.listeners=OTHER://a:9092\ninter.broker.listener.name=OTHER",
    "controller.quorum.voters=",
];

/// The same for a node with both roles.
const COMBINED: &[&str] = &[
    "",
    "listeners=CONTROLLER://:9093",
    "listeners=PLAINTEXT://:9093",
    "advertised.listeners=CONTROLLER://a:9093",
    "inter.broker.listener.name=CONTROLLER",
    "node.id=5",
];

/// Where we say more than Kafka, or refuse what Kafka accepts; and why.
const DIFFERENT: &[(&str, &str)] = &[
    // Kafka counts characters of a piece of the map.
    (
        "listener.security.protocol.map=CONTROLLER",
        "Error parsing configuration property",
    ),
];

const CONTROLLER: &str = "process.roles=controller\nnode.id=1\ncontroller.quorum.voters=1@a:9093,2@b:9094\n\
    controller.listener.names=CONTROLLER\nlisteners=CONTROLLER://localhost:9093\n\
    listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,OTHER:PLAINTEXT\nlog.dirs=/x,/y\n";

const BROKER: &str = "process.roles=broker\nnode.id=5\ncontroller.quorum.voters=1@a:9093,2@b:9094\n\
    controller.listener.names=CONTROLLER\nlisteners=PLAINTEXT://localhost:9092\n\
    listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,OTHER:PLAINTEXT\nlog.dirs=/x,/y\n";

const COMBINED_NODE: &str = "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@a:9093,2@b:9094\n\
    controller.listener.names=CONTROLLER\nlisteners=PLAINTEXT://localhost:9092,CONTROLLER://:9093\n\
    listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT\nlog.dirs=/x,/y\n";

#[test]
fn mistakes_are_told_in_kafkas_words() {
    let after = |base: &'static str| move |line: &&str| format!("{base}{line}\n");
    let mut files: Vec<String> = CONTROLLERS.iter().map(after(CONTROLLER)).collect();
    files.extend(BROKERS.iter().map(after(BROKER)));
    files.extend(COMBINED.iter().map(after(COMBINED_NODE)));
    files.extend(DIFFERENT.iter().map(|(line, _)| after(CONTROLLER)(line)));
    // What a file lacks.
    for key in [
        "process.roles",
        "node.id",
        "controller.listener.names",
        "listeners",
        "log.dirs",
    ] {
        let lines = CONTROLLER.lines().filter(|line| !line.starts_with(key));
        files.push(lines.map(|line| format!("{line}\n")).collect());
    }
    files.push("zookeeper.connect=localhost:2181\n".to_owned());
    let questions: Vec<String> = files
        .iter()
        .map(|file| format!("config {}", hex(file.as_bytes())))
        .collect();
    let answers = Oracle::of_configs(RELEASE).ask(&questions);
    let mut wrong = Vec::new();
    for (file, theirs) in files.iter().zip(answers) {
        let theirs = theirs.strip_prefix("error ").unwrap_or(&theirs);
        let ours = match read(file) {
            Ok(_) => "ok".to_owned(),
            Err(error) => error.problems[0].message.clone(),
        };
        let last = file.lines().last().unwrap_or_default();
        let known = DIFFERENT.iter().find(|(line, _)| *line == last);
        let expected = known.map_or(theirs, |(_, ours)| ours);
        if !ours.starts_with(expected) || known.is_none() && ours != theirs {
            wrong.push(format!("{last}\n  ours:  {ours}\n  Java's: {theirs}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn read(file: &str) -> Result<Identity, ConfigError> {
    read_in(file, &Environment::default())
}

fn read_in(file: &str, environment: &Environment) -> Result<Identity, ConfigError> {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("server.properties");
    std::fs::write(&path, file).expect("writes");
    Identity::of(Values::load(&path, &[], environment)?)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
