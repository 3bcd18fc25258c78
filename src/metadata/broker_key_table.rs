//! Every key of `server.properties` in Kafka 4.3.1, in the order of the names: type, default, what is
//! valid, whether it can be changed while a node runs, who goes by it, and for those that a controller
//! goes by, what it is for.

use super::{
    broker_keys::{BrokerKey, UpdateMode, Usage},
    config_defs::{ConfigKey, ConfigType, Valid},
};

macro_rules! broker_keys {
    ($($name:literal $config_type:ident $default:expr, $valid:expr, $update_mode:ident, $usage:ident
        $(, $documentation:literal)?;)*) => {
        pub const BROKER_KEYS: &[BrokerKey] = &[ $( BrokerKey {
            key: ConfigKey {
                name: $name,
                config_type: ConfigType::$config_type,
                default: $default,
                valid: { use Valid::*; $valid },
                documentation: concat!($($documentation)?),
            },
            update_mode: UpdateMode::$update_mode,
            usage: Usage::$usage,
        }, )* ];
    };
}

broker_keys! {
    "add.partitions.to.txn.retry.backoff.max.ms" Int Some("100"), AtLeast(0), ReadOnly, Broker;
    "add.partitions.to.txn.retry.backoff.ms" Int Some("20"), AtLeast(1), ReadOnly, Broker;
    "advertised.listeners" List None, SomeParts, ReadOnly, Controller,
        "What others are told to connect to, if not what listeners says.";
    "alter.config.policy.class.name" Class None, Anything, ReadOnly, JavaClass,
        "Which configurations may be set.";
    "alter.log.dirs.replication.quota.window.num" Int Some("11"), AtLeast(1), ReadOnly, Broker;
    "alter.log.dirs.replication.quota.window.size.seconds" Int Some("1"), AtLeast(1), ReadOnly, Broker;
    "authorizer.class.name" String Some(""), NotNull, ReadOnly, JavaClass,
        "Who may do what. kraftd does not serve ACLs yet.";
    "auto.create.topics.enable" Boolean Some("true"), Anything, ReadOnly, Broker;
    "auto.leader.rebalance.enable" Boolean Some("true"), Anything, ReadOnly, Controller,
        "Whether leaderships go back to the preferred replicas by themselves.";
    "background.threads" Int Some("10"), AtLeast(1), ClusterWide, JavaController;
    "broker.heartbeat.interval.ms" Int Some("2000"), Anything, ReadOnly, Controller,
        "How often brokers send heartbeats.";
    "broker.id" Int Some("-1"), Anything, ReadOnly, Controller,
        "The old name of node.id. Where both are set they must be equal.";
    "broker.rack" String None, Anything, ReadOnly, Broker;
    "broker.session.timeout.ms" Int Some("9000"), Anything, ReadOnly, Controller,
        "After what silence a broker is fenced.";
    "client.quota.callback.class" Class None, Anything, ReadOnly, JavaClass,
        "Which quota a client has.";
    "compression.gzip.level" Int Some("-1"), GzipLevel, ClusterWide, Controller,
        "What topics have for compression.gzip.level unless they say otherwise.";
    "compression.lz4.level" Int Some("9"), Between(1, 17), ClusterWide, Controller,
        "What topics have for compression.lz4.level unless they say otherwise.";
    "compression.type" String Some("producer"), Word(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]), ClusterWide, Controller,
        "What topics have for compression.type unless they say otherwise.";
    "compression.zstd.level" Int Some("3"), Between(-131_072, 22), ClusterWide, Controller,
        "What topics have for compression.zstd.level unless they say otherwise.";
    "config.providers" List Some(""), Parts, ClusterWide, Controller,
        "Names for sources of values: `config.providers.NAME.class` is one of Kafka's EnvVar-, File- and DirectoryConfigProvider.";
    "connection.failed.authentication.delay.ms" Int Some("100"), AtLeast(0), ReadOnly, JavaController;
    "connections.max.idle.ms" Long Some("600000"), Anything, ReadOnly, Controller,
        "After what silence a connection is closed; negative: never.";
    "connections.max.reauth.ms" Long Some("0"), Anything, ReadOnly, JavaController;
    "controlled.shutdown.enable" Boolean Some("true"), Anything, ReadOnly, Broker;
    "controller.listener.names" List None, SomeParts, ReadOnly, Controller,
        "The names of the listeners that are controllers'; kraftd serves the one that listeners has.";
    "controller.performance.always.log.threshold.ms" Long Some("2000"), AtLeast(0), ReadOnly, JavaController;
    "controller.performance.sample.period.ms" Long Some("60000"), AtLeast(100), ReadOnly, JavaController;
    "controller.quorum.append.linger.ms" Int Some("25"), AtLeast(0), ReadOnly, Controller,
        "How long records wait for company before they are written. kraftd waits only where this is set.";
    "controller.quorum.auto.join.enable" Boolean Some("false"), Anything, ReadOnly, Unserved,
        "Whether a controller joins a quorum whose voters are kept in the log by itself (KIP-853).";
    "controller.quorum.bootstrap.servers" List Some(""), Addresses, ReadOnly, Controller,
        "Where to ask for a quorum whose voters are kept in the log (KIP-853). Not served yet: a start needs controller.quorum.voters.";
    "controller.quorum.election.backoff.max.ms" Int Some("1000"), AtLeast(0), ReadOnly, Controller,
        "How long a voter waits with its election when a leader resigns that does not name it as a successor.";
    "controller.quorum.election.timeout.ms" Int Some("1000"), AtLeast(0), ReadOnly, Controller,
        "How long a candidate waits for votes before it tries again.";
    "controller.quorum.fetch.max.bytes" Int Some("1048576"), AtLeast(1), ReadOnly, Controller,
        "The most records that one Fetch between controllers carries.";
    "controller.quorum.fetch.snapshot.max.bytes" Int Some("1048576"), AtLeast(1), ReadOnly, Controller,
        "The most that one FetchSnapshot between controllers carries.";
    "controller.quorum.fetch.timeout.ms" Int Some("2000"), AtLeast(0), ReadOnly, Controller,
        "How long a follower does without its leader, and a leader without a majority.";
    "controller.quorum.request.timeout.ms" Int Some("2000"), AtLeast(0), ReadOnly, Controller,
        "How long an answer of another controller is waited for.";
    "controller.quorum.retry.backoff.ms" Int Some("20"), AtLeast(0), ReadOnly, Controller,
        "The pause before another controller is asked again.";
    "controller.quorum.voters" List Some(""), Addresses, ReadOnly, Controller,
        "All controllers as id@host:port, the same on every node.";
    "controller.quota.window.num" Int Some("11"), AtLeast(1), ReadOnly, JavaController;
    "controller.quota.window.size.seconds" Int Some("1"), AtLeast(1), ReadOnly, JavaController;
    "controller.socket.timeout.ms" Int Some("30000"), Anything, ReadOnly, JavaController;
    "cordoned.log.dirs" List Some(""), Parts, PerBroker, Broker;
    "create.topic.policy.class.name" Class None, Anything, ReadOnly, JavaClass,
        "Which topics may be created.";
    "default.replication.factor" Int Some("1"), Anything, ReadOnly, Controller,
        "How many replicas a topic gets whose creator does not say.";
    "delegation.token.expiry.check.interval.ms" Long Some("3600000"), AtLeast(1), ReadOnly, JavaController;
    "delegation.token.expiry.time.ms" Long Some("86400000"), AtLeast(1), ReadOnly, JavaController;
    "delegation.token.max.lifetime.ms" Long Some("604800000"), AtLeast(1), ReadOnly, JavaController;
    "delegation.token.secret.key" Password None, Anything, ReadOnly, Unserved,
        "Whether delegation tokens are made, and with which secret.";
    "delete.records.purgatory.purge.interval.requests" Int Some("1"), Anything, ReadOnly, Broker;
    "delete.topic.enable" Boolean Some("true"), Anything, ReadOnly, Controller,
        "Whether topics may be deleted.";
    "early.start.listeners" List None, Parts, ReadOnly, Controller,
        "Names that must be in listeners; a controller has but one, which starts when it can serve.";
    "fetch.max.bytes" Int Some("57671680"), AtLeast(1024), ReadOnly, Broker;
    "fetch.purgatory.purge.interval.requests" Int Some("1000"), Anything, ReadOnly, Broker;
    "follower.fetch.last.tiered.offset.enable" Boolean Some("false"), Anything, ClusterWide, Broker;
    "group.consumer.assignment.interval.ms" Int Some("1000"), AtLeast(0), ClusterWide, Controller,
        "What groups have for consumer.assignment.interval.ms unless they say otherwise.";
    "group.consumer.assignors" List Some("uniform,range"), SomeParts, ReadOnly, Broker;
    "group.consumer.heartbeat.interval.ms" Int Some("5000"), AtLeast(1), ReadOnly, Controller,
        "What groups have for consumer.heartbeat.interval.ms unless they say otherwise.";
    "group.consumer.max.assignment.interval.ms" Int Some("15000"), AtLeast(0), ReadOnly, Controller,
        "The most that a group may set consumer.assignment.interval.ms to.";
    "group.consumer.max.heartbeat.interval.ms" Int Some("15000"), AtLeast(1), ReadOnly, Controller,
        "The most that a group may set consumer.heartbeat.interval.ms to.";
    "group.consumer.max.session.timeout.ms" Int Some("60000"), AtLeast(1), ReadOnly, Controller,
        "The most that a group may set consumer.session.timeout.ms to.";
    "group.consumer.max.size" Int Some("2147483647"), AtLeast(1), ReadOnly, Broker;
    "group.consumer.migration.policy" String Some("bidirectional"), WordInAnyCase(&["DISABLED", "DOWNGRADE", "UPGRADE", "BIDIRECTIONAL"]), ReadOnly, Broker;
    "group.consumer.min.assignment.interval.ms" Int Some("0"), AtLeast(0), ReadOnly, Controller,
        "The least that a group may set consumer.assignment.interval.ms to.";
    "group.consumer.min.heartbeat.interval.ms" Int Some("5000"), AtLeast(1), ReadOnly, Controller,
        "The least that a group may set consumer.heartbeat.interval.ms to.";
    "group.consumer.min.session.timeout.ms" Int Some("45000"), AtLeast(1), ReadOnly, Controller,
        "The least that a group may set consumer.session.timeout.ms to.";
    "group.consumer.regex.refresh.interval.ms" Int Some("600000"), AtLeast(10_000), ReadOnly, Broker;
    "group.consumer.session.timeout.ms" Int Some("45000"), AtLeast(1), ReadOnly, Controller,
        "What groups have for consumer.session.timeout.ms unless they say otherwise.";
    "group.coordinator.append.linger.ms" Int Some("-1"), AtLeast(-1), ReadOnly, Broker;
    "group.coordinator.background.threads" Int Some("2"), AtLeast(1), ReadOnly, Broker;
    "group.coordinator.cached.buffer.max.bytes" Int Some("1048588"), AtLeast(524_288), ClusterWide, Broker;
    "group.coordinator.rebalance.protocols" List Some("classic,consumer,streams"), SomeWords(&["consumer", "classic", "share", "streams"]), ReadOnly, Broker;
    "group.coordinator.threads" Int Some("4"), AtLeast(1), ReadOnly, Broker;
    "group.initial.rebalance.delay.ms" Int Some("3000"), Anything, ReadOnly, Broker;
    "group.max.session.timeout.ms" Int Some("1800000"), Anything, ReadOnly, Broker;
    "group.max.size" Int Some("2147483647"), AtLeast(1), ReadOnly, Broker;
    "group.min.session.timeout.ms" Int Some("6000"), Anything, ReadOnly, Broker;
    "group.share.assignment.interval.ms" Int Some("1000"), AtLeast(0), ClusterWide, Controller,
        "What groups have for share.assignment.interval.ms unless they say otherwise.";
    "group.share.assignors" List Some("simple"), SomeParts, ReadOnly, Broker;
    "group.share.delivery.count.limit" Int Some("5"), Between(2, 10), ReadOnly, Controller,
        "What groups have for share.delivery.count.limit unless they say otherwise.";
    "group.share.heartbeat.interval.ms" Int Some("5000"), AtLeast(1), ReadOnly, Controller,
        "What groups have for share.heartbeat.interval.ms unless they say otherwise.";
    "group.share.initialize.retry.interval.ms" Int Some("30000"), AtLeast(1), ReadOnly, Broker;
    "group.share.max.assignment.interval.ms" Int Some("15000"), AtLeast(0), ReadOnly, Controller,
        "The most that a group may set share.assignment.interval.ms to.";
    "group.share.max.delivery.count.limit" Int Some("10"), Between(5, 25), ReadOnly, Controller,
        "The most that a group may set share.delivery.count.limit to.";
    "group.share.max.heartbeat.interval.ms" Int Some("15000"), AtLeast(1), ReadOnly, Controller,
        "The most that a group may set share.heartbeat.interval.ms to.";
    "group.share.max.partition.max.record.locks" Int Some("4000"), Between(2000, 10_000), ReadOnly, Controller,
        "The most that a group may set share.partition.max.record.locks to.";
    "group.share.max.record.lock.duration.ms" Int Some("60000"), Between(30_000, 3_600_000), ReadOnly, Controller,
        "The most that a group may set share.record.lock.duration.ms to.";
    "group.share.max.session.timeout.ms" Int Some("60000"), AtLeast(1), ReadOnly, Controller,
        "The most that a group may set share.session.timeout.ms to.";
    "group.share.max.share.sessions" Int Some("2000"), AtLeast(1), ReadOnly, Broker;
    "group.share.max.size" Int Some("200"), Between(1, 1000), ReadOnly, Broker;
    "group.share.min.assignment.interval.ms" Int Some("0"), AtLeast(0), ReadOnly, Controller,
        "The least that a group may set share.assignment.interval.ms to.";
    "group.share.min.delivery.count.limit" Int Some("2"), Between(2, 5), ReadOnly, Controller,
        "The least that a group may set share.delivery.count.limit to.";
    "group.share.min.heartbeat.interval.ms" Int Some("5000"), AtLeast(1), ReadOnly, Controller,
        "The least that a group may set share.heartbeat.interval.ms to.";
    "group.share.min.partition.max.record.locks" Int Some("100"), Between(100, 2000), ReadOnly, Controller,
        "The least that a group may set share.partition.max.record.locks to.";
    "group.share.min.record.lock.duration.ms" Int Some("15000"), Between(1000, 30_000), ReadOnly, Controller,
        "The least that a group may set share.record.lock.duration.ms to.";
    "group.share.min.session.timeout.ms" Int Some("45000"), AtLeast(1), ReadOnly, Controller,
        "The least that a group may set share.session.timeout.ms to.";
    "group.share.partition.max.record.locks" Int Some("2000"), Between(100, 10_000), ReadOnly, Controller,
        "What groups have for share.partition.max.record.locks unless they say otherwise.";
    "group.share.persister.class.name" String Some("org.apache.kafka.server.share.persister.DefaultStatePersister"), Anything, ReadOnly, Broker;
    "group.share.record.lock.duration.ms" Int Some("30000"), Between(1000, 3_600_000), ReadOnly, Controller,
        "What groups have for share.record.lock.duration.ms unless they say otherwise.";
    "group.share.session.timeout.ms" Int Some("45000"), AtLeast(1), ReadOnly, Controller,
        "What groups have for share.session.timeout.ms unless they say otherwise.";
    "group.streams.assignment.interval.ms" Int Some("1000"), AtLeast(0), ClusterWide, Controller,
        "What groups have for streams.assignment.interval.ms unless they say otherwise.";
    "group.streams.heartbeat.interval.ms" Int Some("5000"), AtLeast(1), ReadOnly, Controller,
        "What groups have for streams.heartbeat.interval.ms unless they say otherwise.";
    "group.streams.initial.rebalance.delay.ms" Int Some("3000"), AtLeast(0), ReadOnly, Controller,
        "What groups have for streams.initial.rebalance.delay.ms unless they say otherwise.";
    "group.streams.max.assignment.interval.ms" Int Some("15000"), AtLeast(0), ReadOnly, Controller,
        "The most that a group may set streams.assignment.interval.ms to.";
    "group.streams.max.heartbeat.interval.ms" Int Some("15000"), AtLeast(1), ReadOnly, Controller,
        "The most that a group may set streams.heartbeat.interval.ms to.";
    "group.streams.max.session.timeout.ms" Int Some("60000"), AtLeast(1), ReadOnly, Controller,
        "The most that a group may set streams.session.timeout.ms to.";
    "group.streams.max.size" Int Some("2147483647"), AtLeast(1), ReadOnly, Broker;
    "group.streams.max.standby.replicas" Int Some("2"), AtLeast(0), ReadOnly, Controller,
        "The most that a group may set streams.num.standby.replicas to.";
    "group.streams.min.assignment.interval.ms" Int Some("0"), AtLeast(0), ReadOnly, Controller,
        "The least that a group may set streams.assignment.interval.ms to.";
    "group.streams.min.heartbeat.interval.ms" Int Some("5000"), AtLeast(1), ReadOnly, Controller,
        "The least that a group may set streams.heartbeat.interval.ms to.";
    "group.streams.min.session.timeout.ms" Int Some("45000"), AtLeast(1), ReadOnly, Controller,
        "The least that a group may set streams.session.timeout.ms to.";
    "group.streams.num.standby.replicas" Int Some("0"), AtLeast(0), ReadOnly, Controller,
        "What groups have for streams.num.standby.replicas unless they say otherwise.";
    "group.streams.session.timeout.ms" Int Some("45000"), AtLeast(1), ReadOnly, Controller,
        "What groups have for streams.session.timeout.ms unless they say otherwise.";
    "initial.broker.registration.timeout.ms" Int Some("60000"), Anything, ReadOnly, Broker;
    "inter.broker.listener.name" String None, Anything, ReadOnly, Broker;
    "internal.metadata.delete.delay.millis" Long Some("60000"), Anything, ReadOnly, JavaController;
    "internal.metadata.log.segment.bytes" Int None, Anything, ReadOnly, JavaController;
    "internal.metadata.max.batch.size.in.bytes" Int Some("8388608"), Anything, ReadOnly, JavaController;
    "kafka.metrics.polling.interval.secs" Int Some("10"), AtLeast(1), ReadOnly, JavaController;
    "kafka.metrics.reporters" List Some(""), Parts, ReadOnly, JavaController;
    "leader.imbalance.check.interval.seconds" Long Some("300"), AtLeast(1), ReadOnly, Controller,
        "How often leaderships go back to the preferred replicas.";
    "listener.security.protocol.map" String Some("SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT"), Anything, PerBroker, Controller,
        "The security protocol of each listener name; kraftd serves PLAINTEXT.";
    "listeners" List Some("PLAINTEXT://:9092"), SomeParts, PerBroker, Controller,
        "Where this controller listens: NAME://host:port. An empty host is every address of the machine.";
    "log.cleaner.backoff.ms" Long Some("15000"), AtLeast(0), ClusterWide, Broker;
    "log.cleaner.dedupe.buffer.size" Long Some("134217728"), Anything, ClusterWide, Broker;
    "log.cleaner.delete.retention.ms" Long Some("86400000"), AtLeast(0), ClusterWide, Controller,
        "What topics have for delete.retention.ms unless they say otherwise.";
    "log.cleaner.enable" Boolean Some("true"), Anything, ReadOnly, Broker;
    "log.cleaner.io.buffer.load.factor" Double Some("0.9"), Anything, ClusterWide, Broker;
    "log.cleaner.io.buffer.size" Int Some("524288"), AtLeast(0), ClusterWide, Broker;
    "log.cleaner.io.max.bytes.per.second" Double Some("1.7976931348623157E308"), Anything, ClusterWide, Broker;
    "log.cleaner.max.compaction.lag.ms" Long Some("9223372036854775807"), AtLeast(1), ClusterWide, Controller,
        "What topics have for max.compaction.lag.ms unless they say otherwise.";
    "log.cleaner.min.cleanable.ratio" Double Some("0.5"), Between(0, 1), ClusterWide, Controller,
        "What topics have for min.cleanable.dirty.ratio unless they say otherwise.";
    "log.cleaner.min.compaction.lag.ms" Long Some("0"), AtLeast(0), ClusterWide, Controller,
        "What topics have for min.compaction.lag.ms unless they say otherwise.";
    "log.cleaner.threads" Int Some("1"), AtLeast(0), ClusterWide, Broker;
    "log.cleanup.policy" List Some("delete"), Words(&["compact", "delete"]), ClusterWide, Controller,
        "What topics have for cleanup.policy unless they say otherwise.";
    "log.dir" List Some("/tmp/kafka-logs"), SomeParts, ReadOnly, Controller,
        "Where the node keeps its data, if log.dirs says nothing.";
    "log.dir.failure.timeout.ms" Long Some("30000"), AtLeast(1), ReadOnly, Broker;
    "log.dirs" List None, SomeParts, ReadOnly, Controller,
        "Where the node keeps its data; the metadata log is in the first of them.";
    "log.flush.interval.messages" Long Some("9223372036854775807"), AtLeast(1), ClusterWide, Controller,
        "What topics have for flush.messages unless they say otherwise.";
    "log.flush.interval.ms" Long None, Anything, ClusterWide, Controller,
        "What topics have for flush.ms unless they say otherwise.";
    "log.flush.offset.checkpoint.interval.ms" Int Some("60000"), AtLeast(0), ReadOnly, Broker;
    "log.flush.scheduler.interval.ms" Long Some("9223372036854775807"), Anything, ReadOnly, Controller,
        "What topics have for flush.ms unless they say otherwise.";
    "log.flush.start.offset.checkpoint.interval.ms" Int Some("60000"), AtLeast(0), ReadOnly, Broker;
    "log.index.interval.bytes" Int Some("4096"), AtLeast(0), ClusterWide, Controller,
        "What topics have for index.interval.bytes unless they say otherwise.";
    "log.index.size.max.bytes" Int Some("10485760"), AtLeast(4), ClusterWide, Controller,
        "What topics have for segment.index.bytes unless they say otherwise.";
    "log.initial.task.delay.ms" Long Some("30000"), AtLeast(0), ReadOnly, Broker;
    "log.local.retention.bytes" Long Some("-2"), AtLeast(-2), ClusterWide, Controller,
        "What topics have for local.retention.bytes unless they say otherwise.";
    "log.local.retention.ms" Long Some("-2"), AtLeast(-2), ClusterWide, Controller,
        "What topics have for local.retention.ms unless they say otherwise.";
    "log.message.timestamp.after.max.ms" Long Some("3600000"), AtLeast(0), ClusterWide, Controller,
        "What topics have for message.timestamp.after.max.ms unless they say otherwise.";
    "log.message.timestamp.before.max.ms" Long Some("9223372036854775807"), AtLeast(0), ClusterWide, Controller,
        "What topics have for message.timestamp.before.max.ms unless they say otherwise.";
    "log.message.timestamp.type" String Some("CreateTime"), Word(&["CreateTime", "LogAppendTime"]), ClusterWide, Controller,
        "What topics have for message.timestamp.type unless they say otherwise.";
    "log.preallocate" Boolean Some("false"), Anything, ClusterWide, Controller,
        "What topics have for preallocate unless they say otherwise.";
    "log.retention.bytes" Long Some("-1"), Anything, ClusterWide, Controller,
        "What topics have for retention.bytes unless they say otherwise.";
    "log.retention.check.interval.ms" Long Some("300000"), AtLeast(1), ReadOnly, Broker;
    "log.retention.hours" Int Some("168"), Anything, ReadOnly, Controller,
        "What topics have for retention.ms unless they say otherwise, in hours.";
    "log.retention.minutes" Int None, Anything, ReadOnly, Controller,
        "What topics have for retention.ms unless they say otherwise, in minutes.";
    "log.retention.ms" Long None, Anything, ClusterWide, Controller,
        "What topics have for retention.ms unless they say otherwise.";
    "log.roll.hours" Int Some("168"), AtLeast(1), ReadOnly, Controller,
        "What topics have for segment.ms unless they say otherwise, in hours.";
    "log.roll.jitter.hours" Int Some("0"), AtLeast(0), ReadOnly, Controller,
        "What topics have for segment.jitter.ms unless they say otherwise, in hours.";
    "log.roll.jitter.ms" Long None, Anything, ClusterWide, Controller,
        "What topics have for segment.jitter.ms unless they say otherwise.";
    "log.roll.ms" Long None, Anything, ClusterWide, Controller,
        "What topics have for segment.ms unless they say otherwise.";
    "log.segment.bytes" Int Some("1073741824"), AtLeast(1_048_576), ClusterWide, Controller,
        "What topics have for segment.bytes unless they say otherwise.";
    "log.segment.delete.delay.ms" Long Some("60000"), AtLeast(0), ClusterWide, Controller,
        "What topics have for file.delete.delay.ms unless they say otherwise.";
    "max.connection.creation.rate" Int Some("2147483647"), AtLeast(0), ClusterWide, Unserved,
        "How many connections may be opened in a second.";
    "max.connections" Int Some("2147483647"), AtLeast(0), ClusterWide, Controller,
        "How many connections may be open.";
    "max.connections.per.ip" Int Some("2147483647"), AtLeast(0), ClusterWide, Controller,
        "How many connections one address may have open.";
    "max.connections.per.ip.overrides" String Some(""), Anything, ClusterWide, Controller,
        "The same for single hosts: host:number,...";
    "max.incremental.fetch.session.cache.slots" Int Some("1000"), AtLeast(0), ReadOnly, Broker;
    "max.request.partition.size.limit" Int Some("2000"), AtLeast(1), ReadOnly, Broker;
    "message.max.bytes" Int Some("1048588"), AtLeast(0), ClusterWide, Controller,
        "What topics have for max.message.bytes unless they say otherwise.";
    "metadata.log.dir" String None, Anything, ReadOnly, Controller,
        "Where the metadata log is kept, if not in the first of log.dirs.";
    "metadata.log.max.record.bytes.between.snapshots" Long Some("20971520"), AtLeast(1), ReadOnly, Controller,
        "After how many bytes of records a snapshot is written.";
    "metadata.log.max.snapshot.interval.ms" Long Some("3600000"), AtLeast(0), ReadOnly, Controller,
        "After what time a snapshot is written; 0: never because of time alone.";
    "metadata.log.segment.bytes" Int Some("1073741824"), AtLeast(8_388_608), ReadOnly, JavaController;
    "metadata.log.segment.ms" Long Some("604800000"), Anything, ReadOnly, JavaController;
    "metadata.max.idle.interval.ms" Int Some("500"), AtLeast(0), ReadOnly, Controller,
        "After what pause a NoOp record is written; 0: never.";
    "metadata.max.retention.bytes" Long Some("104857600"), Anything, ReadOnly, Controller,
        "How much of log and snapshots is kept; negative: everything.";
    "metadata.max.retention.ms" Long Some("604800000"), Anything, ReadOnly, Controller,
        "How long log and snapshots are kept; negative: for ever.";
    "metric.reporters" List Some("org.apache.kafka.common.metrics.JmxReporter"), Parts, ClusterWide, JavaController;
    "metrics.num.samples" Int Some("2"), AtLeast(1), ReadOnly, JavaController;
    "metrics.recording.level" String Some("INFO"), Anything, ReadOnly, JavaController;
    "metrics.sample.window.ms" Long Some("30000"), AtLeast(1), ReadOnly, JavaController;
    "min.insync.replicas" Int Some("1"), AtLeast(1), ClusterWide, Controller,
        "How many in-sync replicas a write with acks=all needs, where a topic does not say.";
    "node.id" Int None, AtLeast(0), ReadOnly, Controller,
        "The number of this node, which no other node of the cluster may have, broker or controller.";
    "num.io.threads" Int Some("8"), AtLeast(1), ClusterWide, JavaController;
    "num.network.threads" Int Some("3"), AtLeast(1), ClusterWide, JavaController;
    "num.partitions" Int Some("1"), AtLeast(1), ReadOnly, Controller,
        "How many partitions a topic gets whose creator does not say.";
    "num.recovery.threads.per.data.dir" Int Some("2"), AtLeast(1), ClusterWide, Broker;
    "num.replica.alter.log.dirs.threads" Int None, Anything, ReadOnly, Broker;
    "num.replica.fetchers" Int Some("1"), AtLeast(1), ClusterWide, Broker;
    "offset.metadata.max.bytes" Int Some("4096"), Anything, ReadOnly, Broker;
    "offsets.commit.timeout.ms" Int Some("5000"), AtLeast(1), ReadOnly, Broker;
    "offsets.load.buffer.size" Int Some("5242880"), AtLeast(1), ReadOnly, Broker;
    "offsets.retention.check.interval.ms" Long Some("600000"), AtLeast(1), ReadOnly, Broker;
    "offsets.retention.minutes" Int Some("10080"), AtLeast(1), ReadOnly, Broker;
    "offsets.topic.compression.codec" Int Some("0"), Anything, ReadOnly, Broker;
    "offsets.topic.num.partitions" Int Some("50"), AtLeast(1), ReadOnly, Broker;
    "offsets.topic.replication.factor" Short Some("3"), AtLeast(1), ReadOnly, Broker;
    "offsets.topic.segment.bytes" Int Some("104857600"), AtLeast(1), ReadOnly, Broker;
    "principal.builder.class" Class Some("org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder"), Anything, PerBroker, JavaClass,
        "Who a connection is. kraftd knows the default.";
    "process.roles" List None, SomeWords(&["broker", "controller"]), ReadOnly, Controller,
        "What the node is: controller, for kraftd; a broker is a process of its own.";
    "producer.id.expiration.check.interval.ms" Int Some("600000"), AtLeast(1), ReadOnly, Broker;
    "producer.id.expiration.ms" Int Some("86400000"), AtLeast(1), ClusterWide, Broker;
    "producer.purgatory.purge.interval.requests" Int Some("1000"), Anything, ReadOnly, Broker;
    "queued.max.request.bytes" Long Some("-1"), Anything, ReadOnly, Unserved,
        "How many bytes of requests may wait.";
    "queued.max.requests" Int Some("500"), AtLeast(1), ReadOnly, JavaController;
    "quota.window.num" Int Some("11"), AtLeast(1), ReadOnly, JavaController;
    "quota.window.size.seconds" Int Some("1"), AtLeast(1), ReadOnly, JavaController;
    "remote.fetch.max.wait.ms" Int Some("500"), AtLeast(1), ClusterWide, Broker;
    "remote.list.offsets.request.timeout.ms" Long Some("30000"), AtLeast(1), ClusterWide, Broker;
    "remote.log.index.file.cache.total.size.bytes" Long Some("1073741824"), AtLeast(1), ClusterWide, Broker;
    "remote.log.index.file.cache.ttl.ms" Long Some("900000"), AtLeast(-1), ReadOnly, Broker;
    "remote.log.manager.copier.thread.pool.size" Int Some("10"), AtLeast(1), ClusterWide, Broker;
    "remote.log.manager.copy.max.bytes.per.second" Long Some("9223372036854775807"), AtLeast(1), ClusterWide, Broker;
    "remote.log.manager.copy.quota.window.num" Int Some("11"), AtLeast(1), ReadOnly, Broker;
    "remote.log.manager.copy.quota.window.size.seconds" Int Some("1"), AtLeast(1), ReadOnly, Broker;
    "remote.log.manager.expiration.thread.pool.size" Int Some("10"), AtLeast(1), ClusterWide, Broker;
    "remote.log.manager.fetch.max.bytes.per.second" Long Some("9223372036854775807"), AtLeast(1), ClusterWide, Broker;
    "remote.log.manager.fetch.quota.window.num" Int Some("11"), AtLeast(1), ReadOnly, Broker;
    "remote.log.manager.fetch.quota.window.size.seconds" Int Some("1"), AtLeast(1), ReadOnly, Broker;
    "remote.log.manager.follower.thread.pool.size" Int Some("2"), AtLeast(1), ClusterWide, Broker;
    "remote.log.manager.task.interval.ms" Long Some("30000"), AtLeast(1), ReadOnly, Broker;
    "remote.log.manager.task.retry.backoff.max.ms" Long Some("30000"), AtLeast(1), ReadOnly, Broker;
    "remote.log.manager.task.retry.backoff.ms" Long Some("500"), AtLeast(1), ReadOnly, Broker;
    "remote.log.manager.task.retry.jitter" Double Some("0.2"), Within(0.0, 0.5), ReadOnly, Broker;
    "remote.log.manager.thread.pool.size" Int Some("2"), AtLeast(1), ReadOnly, Broker;
    "remote.log.metadata.custom.metadata.max.bytes" Int Some("128"), AtLeast(0), ReadOnly, Broker;
    "remote.log.metadata.manager.class.name" String Some("org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager"), NotEmpty, ReadOnly, Broker;
    "remote.log.metadata.manager.class.path" String None, Anything, ReadOnly, Broker;
    "remote.log.metadata.manager.impl.prefix" String Some("rlmm.config."), NotEmpty, ReadOnly, Broker;
    "remote.log.metadata.manager.listener.name" String None, NotEmpty, ReadOnly, Broker;
    "remote.log.reader.max.pending.tasks" Int Some("100"), AtLeast(1), ReadOnly, Broker;
    "remote.log.reader.threads" Int Some("10"), AtLeast(1), ClusterWide, Broker;
    "remote.log.storage.manager.class.name" String None, NotEmpty, ReadOnly, Broker;
    "remote.log.storage.manager.class.path" String None, Anything, ReadOnly, Broker;
    "remote.log.storage.manager.impl.prefix" String Some("rsm.config."), NotEmpty, ReadOnly, Broker;
    "remote.log.storage.system.enable" Boolean Some("false"), Anything, ReadOnly, Controller,
        "Whether topics may be tiered (remote.storage.enable).";
    "replica.fetch.backoff.ms" Int Some("1000"), AtLeast(0), ReadOnly, Broker;
    "replica.fetch.max.bytes" Int Some("1048576"), AtLeast(0), ReadOnly, Broker;
    "replica.fetch.min.bytes" Int Some("1"), Anything, ReadOnly, Broker;
    "replica.fetch.response.max.bytes" Int Some("10485760"), AtLeast(0), ReadOnly, Broker;
    "replica.fetch.wait.max.ms" Int Some("500"), Anything, ReadOnly, Broker;
    "replica.high.watermark.checkpoint.interval.ms" Long Some("5000"), Anything, ReadOnly, Broker;
    "replica.lag.time.max.ms" Long Some("30000"), Anything, ReadOnly, Broker;
    "replica.selector.class" String None, Anything, ReadOnly, Broker;
    "replica.socket.receive.buffer.bytes" Int Some("65536"), Anything, ReadOnly, Broker;
    "replica.socket.timeout.ms" Int Some("30000"), Anything, ReadOnly, Broker;
    "replication.quota.window.num" Int Some("11"), AtLeast(1), ReadOnly, Broker;
    "replication.quota.window.size.seconds" Int Some("1"), AtLeast(1), ReadOnly, Broker;
    "request.timeout.ms" Int Some("30000"), Anything, ReadOnly, JavaController;
    "sasl.client.callback.handler.class" Class None, Anything, ReadOnly, JavaController;
    "sasl.enabled.mechanisms" List Some("GSSAPI"), Parts, PerBroker, JavaController;
    "sasl.jaas.config" Password None, Anything, PerBroker, JavaController;
    "sasl.kerberos.kinit.cmd" String Some("/usr/bin/kinit"), Anything, PerBroker, JavaController;
    "sasl.kerberos.min.time.before.relogin" Long Some("60000"), Anything, PerBroker, JavaController;
    "sasl.kerberos.principal.to.local.rules" List Some("DEFAULT"), Parts, PerBroker, JavaController;
    "sasl.kerberos.service.name" String None, Anything, PerBroker, JavaController;
    "sasl.kerberos.ticket.renew.jitter" Double Some("0.05"), Anything, PerBroker, JavaController;
    "sasl.kerberos.ticket.renew.window.factor" Double Some("0.8"), Anything, PerBroker, JavaController;
    "sasl.login.callback.handler.class" Class None, Anything, ReadOnly, JavaController;
    "sasl.login.class" Class None, Anything, ReadOnly, JavaController;
    "sasl.login.connect.timeout.ms" Int None, Anything, ReadOnly, JavaController;
    "sasl.login.read.timeout.ms" Int None, Anything, ReadOnly, JavaController;
    "sasl.login.refresh.buffer.seconds" Short Some("300"), Anything, PerBroker, JavaController;
    "sasl.login.refresh.min.period.seconds" Short Some("60"), Anything, PerBroker, JavaController;
    "sasl.login.refresh.window.factor" Double Some("0.8"), Anything, PerBroker, JavaController;
    "sasl.login.refresh.window.jitter" Double Some("0.05"), Anything, PerBroker, JavaController;
    "sasl.login.retry.backoff.max.ms" Long Some("10000"), Anything, ReadOnly, JavaController;
    "sasl.login.retry.backoff.ms" Long Some("100"), Anything, ReadOnly, JavaController;
    "sasl.mechanism.controller.protocol" String Some("GSSAPI"), Anything, ReadOnly, JavaController;
    "sasl.mechanism.inter.broker.protocol" String Some("GSSAPI"), Anything, PerBroker, JavaController;
    "sasl.oauthbearer.assertion.algorithm" String Some("RS256"), WordInAnyCase(&["ES256", "RS256"]), ReadOnly, JavaController;
    "sasl.oauthbearer.assertion.claim.aud" String None, Anything, ReadOnly, JavaController;
    "sasl.oauthbearer.assertion.claim.exp.seconds" Int Some("300"), Between(0, 86_400), ReadOnly, JavaController;
    "sasl.oauthbearer.assertion.claim.iss" String None, Anything, ReadOnly, JavaController;
    "sasl.oauthbearer.assertion.claim.jti.include" Boolean Some("false"), Anything, ReadOnly, JavaController;
    "sasl.oauthbearer.assertion.claim.nbf.seconds" Int Some("60"), Between(0, 3600), ReadOnly, JavaController;
    "sasl.oauthbearer.assertion.claim.sub" String None, Anything, ReadOnly, JavaController;
    "sasl.oauthbearer.assertion.file" String None, Anything, ReadOnly, JavaController;
    "sasl.oauthbearer.assertion.private.key.file" String None, Anything, ReadOnly, JavaController;
    "sasl.oauthbearer.assertion.private.key.passphrase" Password None, Anything, ReadOnly, JavaController;
    "sasl.oauthbearer.assertion.template.file" String None, Anything, ReadOnly, JavaController;
    "sasl.oauthbearer.client.credentials.client.id" String None, Anything, ReadOnly, JavaController;
    "sasl.oauthbearer.client.credentials.client.secret" Password None, Anything, ReadOnly, JavaController;
    "sasl.oauthbearer.clock.skew.seconds" Int Some("30"), Anything, ReadOnly, JavaController;
    "sasl.oauthbearer.expected.audience" List Some(""), Parts, ReadOnly, JavaController;
    "sasl.oauthbearer.expected.issuer" String None, Anything, ReadOnly, JavaController;
    "sasl.oauthbearer.jwks.endpoint.refresh.ms" Long Some("3600000"), Anything, ReadOnly, JavaController;
    "sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms" Long Some("10000"), Anything, ReadOnly, JavaController;
    "sasl.oauthbearer.jwks.endpoint.retry.backoff.ms" Long Some("100"), Anything, ReadOnly, JavaController;
    "sasl.oauthbearer.jwks.endpoint.url" String None, Anything, ReadOnly, JavaController;
    "sasl.oauthbearer.jwt.retriever.class" Class Some("org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever"), Anything, ReadOnly, JavaController;
    "sasl.oauthbearer.jwt.validator.class" Class Some("org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator"), Anything, ReadOnly, JavaController;
    "sasl.oauthbearer.scope" String None, Anything, ReadOnly, JavaController;
    "sasl.oauthbearer.scope.claim.name" String Some("scope"), Anything, ReadOnly, JavaController;
    "sasl.oauthbearer.sub.claim.name" String Some("sub"), Anything, ReadOnly, JavaController;
    "sasl.oauthbearer.token.endpoint.url" String None, Anything, ReadOnly, JavaController;
    "sasl.server.callback.handler.class" Class None, Anything, ReadOnly, JavaController;
    "sasl.server.max.receive.size" Int Some("524288"), Anything, ReadOnly, JavaController;
    "security.inter.broker.protocol" String Some("PLAINTEXT"), Word(&["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]), ReadOnly, Broker;
    "security.providers" String None, Anything, ReadOnly, JavaController;
    "server.max.startup.time.ms" Long Some("9223372036854775807"), AtLeast(0), ReadOnly, JavaController;
    "share.coordinator.append.linger.ms" Int Some("-1"), AtLeast(-1), ReadOnly, Broker;
    "share.coordinator.cached.buffer.max.bytes" Int Some("1048588"), AtLeast(524_288), ClusterWide, Broker;
    "share.coordinator.cold.partition.snapshot.interval.ms" Int Some("300000"), AtLeast(1), ReadOnly, Broker;
    "share.coordinator.load.buffer.size" Int Some("5242880"), AtLeast(1), ReadOnly, Broker;
    "share.coordinator.snapshot.update.records.per.snapshot" Int Some("500"), Between(0, 500), ReadOnly, Broker;
    "share.coordinator.state.topic.compression.codec" Int Some("0"), Anything, ReadOnly, Broker;
    "share.coordinator.state.topic.min.isr" Short Some("2"), AtLeast(1), ReadOnly, Broker;
    "share.coordinator.state.topic.num.partitions" Int Some("50"), AtLeast(1), ReadOnly, Broker;
    "share.coordinator.state.topic.prune.interval.ms" Int Some("300000"), AtLeast(1), ReadOnly, Broker;
    "share.coordinator.state.topic.replication.factor" Short Some("3"), AtLeast(1), ReadOnly, Broker;
    "share.coordinator.state.topic.segment.bytes" Int Some("104857600"), AtLeast(1), ReadOnly, Broker;
    "share.coordinator.threads" Int Some("1"), AtLeast(1), ReadOnly, Broker;
    "share.coordinator.write.timeout.ms" Int Some("5000"), AtLeast(1), ReadOnly, Broker;
    "share.fetch.purgatory.purge.interval.requests" Int Some("1000"), Anything, ReadOnly, Broker;
    "socket.connection.setup.timeout.max.ms" Long Some("30000"), Anything, ReadOnly, JavaController;
    "socket.connection.setup.timeout.ms" Long Some("10000"), Anything, ReadOnly, JavaController;
    "socket.listen.backlog.size" Int Some("50"), AtLeast(1), ReadOnly, JavaController;
    "socket.receive.buffer.bytes" Int Some("102400"), Anything, ReadOnly, JavaController;
    "socket.request.max.bytes" Int Some("104857600"), AtLeast(1), ReadOnly, Controller,
        "The largest request that is taken.";
    "socket.send.buffer.bytes" Int Some("102400"), Anything, ReadOnly, JavaController;
    "ssl.allow.dn.changes" Boolean Some("false"), Anything, ReadOnly, JavaController;
    "ssl.allow.san.changes" Boolean Some("false"), Anything, ReadOnly, JavaController;
    "ssl.cipher.suites" List Some(""), Parts, PerBroker, JavaController;
    "ssl.client.auth" String Some("none"), Word(&["required", "requested", "none"]), PerBroker, JavaController;
    "ssl.enabled.protocols" List Some("TLSv1.2,TLSv1.3"), Parts, PerBroker, JavaController;
    "ssl.endpoint.identification.algorithm" String Some("https"), Anything, PerBroker, JavaController;
    "ssl.engine.factory.class" Class None, Anything, PerBroker, JavaController;
    "ssl.key.password" Password None, Anything, PerBroker, JavaController;
    "ssl.keymanager.algorithm" String Some("SunX509"), Anything, PerBroker, JavaController;
    "ssl.keystore.certificate.chain" Password None, Anything, PerBroker, JavaController;
    "ssl.keystore.key" Password None, Anything, PerBroker, JavaController;
    "ssl.keystore.location" String None, Anything, PerBroker, JavaController;
    "ssl.keystore.password" Password None, Anything, PerBroker, JavaController;
    "ssl.keystore.type" String Some("JKS"), Anything, PerBroker, JavaController;
    "ssl.principal.mapping.rules" String Some("DEFAULT"), Anything, ReadOnly, JavaController;
    "ssl.protocol" String Some("TLSv1.3"), Anything, PerBroker, JavaController;
    "ssl.provider" String None, Anything, PerBroker, JavaController;
    "ssl.secure.random.implementation" String None, Anything, PerBroker, JavaController;
    "ssl.trustmanager.algorithm" String Some("PKIX"), Anything, PerBroker, JavaController;
    "ssl.truststore.certificates" Password None, Anything, PerBroker, JavaController;
    "ssl.truststore.location" String None, Anything, PerBroker, JavaController;
    "ssl.truststore.password" Password None, Anything, PerBroker, JavaController;
    "ssl.truststore.type" String Some("JKS"), Anything, PerBroker, JavaController;
    "telemetry.max.bytes" Int Some("1048576"), AtLeast(1), ReadOnly, Broker;
    "transaction.abort.timed.out.transaction.cleanup.interval.ms" Int Some("10000"), AtLeast(1), ReadOnly, Broker;
    "transaction.max.timeout.ms" Int Some("900000"), AtLeast(1), ReadOnly, Broker;
    "transaction.partition.verification.enable" Boolean Some("true"), Anything, ClusterWide, Broker;
    "transaction.remove.expired.transaction.cleanup.interval.ms" Int Some("3600000"), AtLeast(1), ReadOnly, Broker;
    "transaction.state.log.load.buffer.size" Int Some("5242880"), AtLeast(1), ReadOnly, Broker;
    "transaction.state.log.min.isr" Int Some("2"), AtLeast(1), ReadOnly, Broker;
    "transaction.state.log.num.partitions" Int Some("50"), AtLeast(1), ReadOnly, Broker;
    "transaction.state.log.replication.factor" Short Some("3"), AtLeast(1), ReadOnly, Broker;
    "transaction.state.log.segment.bytes" Int Some("104857600"), AtLeast(1), ReadOnly, Broker;
    "transaction.two.phase.commit.enable" Boolean Some("false"), Anything, ReadOnly, Broker;
    "transactional.id.expiration.ms" Int Some("604800000"), AtLeast(1), ReadOnly, Broker;
    "unclean.leader.election.enable" Boolean Some("false"), Anything, ClusterWide, Controller,
        "Whether a replica that is not in sync may become leader, where a topic does not say.";
    "unclean.leader.election.interval.ms" Long Some("300000"), AtLeast(1), ReadOnly, Controller,
        "How often partitions without leader are given one that is not in sync, where that is allowed.";
    "unstable.api.versions.enable" Boolean Some("false"), Anything, ReadOnly, JavaController;
    "unstable.feature.versions.enable" Boolean Some("false"), Anything, ReadOnly, Controller,
        "Whether features that Kafka has not released may be used.";
}
