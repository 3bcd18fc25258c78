//! What `server.properties` may hold, as far as configurations of brokers can be asked for and
//! changed over the wire (`KafkaConfig` and `DynamicBrokerConfig` of Kafka 4.3.1).

use super::config_defs::ConfigType;

/// Whether and where a key can be changed while the node runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdateMode {
    /// In `server.properties` only.
    ReadOnly,
    /// For one node at a time.
    PerBroker,
    /// For one node, or for all.
    ClusterWide,
}

/// A key of `server.properties`.
#[derive(Clone, Copy, Debug)]
pub struct BrokerKey {
    pub name: &'static str,
    pub config_type: ConfigType,
    /// `None` where Kafka's default is null.
    pub default: Option<&'static str>,
    pub update_mode: UpdateMode,
}

impl BrokerKey {
    /// The key of that name.
    pub fn named(name: &str) -> Option<&'static BrokerKey> {
        let at = BROKER_KEYS
            .binary_search_by_key(&name, |key| key.name)
            .ok()?;
        Some(&BROKER_KEYS[at])
    }

    /// Kept for tests of Kafka itself: told only when somebody has set it.
    pub fn is_internal(&self) -> bool {
        INTERNAL_BROKER_KEYS.contains(&self.name)
    }
}

/// Keys that Kafka defines as internal.
const INTERNAL_BROKER_KEYS: &[&str] = &[
    "controller.performance.always.log.threshold.ms",
    "controller.performance.sample.period.ms",
    "group.consumer.regex.refresh.interval.ms",
    "group.share.initialize.retry.interval.ms",
    "group.share.persister.class.name",
    "internal.metadata.delete.delay.millis",
    "internal.metadata.log.segment.bytes",
    "internal.metadata.max.batch.size.in.bytes",
    "log.initial.task.delay.ms",
    "producer.id.expiration.check.interval.ms",
    "remote.log.index.file.cache.ttl.ms",
    "remote.log.manager.task.retry.backoff.max.ms",
    "remote.log.manager.task.retry.backoff.ms",
    "remote.log.manager.task.retry.jitter",
    "server.max.startup.time.ms",
    "share.coordinator.cold.partition.snapshot.interval.ms",
    "share.coordinator.state.topic.prune.interval.ms",
    "unclean.leader.election.interval.ms",
    "unstable.api.versions.enable",
    "unstable.feature.versions.enable",
];

macro_rules! broker_keys {
    ($($name:literal $config_type:ident $default:expr, $update_mode:ident;)*) => {
        /// Every key, in the order of the names.
        pub const BROKER_KEYS: &[BrokerKey] = &[ $( BrokerKey {
            name: $name,
            config_type: ConfigType::$config_type,
            default: $default,
            update_mode: UpdateMode::$update_mode,
        }, )* ];
    };
}

broker_keys! {
    "add.partitions.to.txn.retry.backoff.max.ms" Int Some("100"), ReadOnly;
    "add.partitions.to.txn.retry.backoff.ms" Int Some("20"), ReadOnly;
    "advertised.listeners" List None, ReadOnly;
    "alter.config.policy.class.name" Class None, ReadOnly;
    "alter.log.dirs.replication.quota.window.num" Int Some("11"), ReadOnly;
    "alter.log.dirs.replication.quota.window.size.seconds" Int Some("1"), ReadOnly;
    "authorizer.class.name" String Some(""), ReadOnly;
    "auto.create.topics.enable" Boolean Some("true"), ReadOnly;
    "auto.leader.rebalance.enable" Boolean Some("true"), ReadOnly;
    "background.threads" Int Some("10"), ClusterWide;
    "broker.heartbeat.interval.ms" Int Some("2000"), ReadOnly;
    "broker.id" Int Some("-1"), ReadOnly;
    "broker.rack" String None, ReadOnly;
    "broker.session.timeout.ms" Int Some("9000"), ReadOnly;
    "client.quota.callback.class" Class None, ReadOnly;
    "compression.gzip.level" Int Some("-1"), ClusterWide;
    "compression.lz4.level" Int Some("9"), ClusterWide;
    "compression.type" String Some("producer"), ClusterWide;
    "compression.zstd.level" Int Some("3"), ClusterWide;
    "config.providers" List Some(""), ClusterWide;
    "connection.failed.authentication.delay.ms" Int Some("100"), ReadOnly;
    "connections.max.idle.ms" Long Some("600000"), ReadOnly;
    "connections.max.reauth.ms" Long Some("0"), ReadOnly;
    "controlled.shutdown.enable" Boolean Some("true"), ReadOnly;
    "controller.listener.names" List None, ReadOnly;
    "controller.performance.always.log.threshold.ms" Long Some("2000"), ReadOnly;
    "controller.performance.sample.period.ms" Long Some("60000"), ReadOnly;
    "controller.quorum.append.linger.ms" Int Some("25"), ReadOnly;
    "controller.quorum.auto.join.enable" Boolean Some("false"), ReadOnly;
    "controller.quorum.bootstrap.servers" List Some(""), ReadOnly;
    "controller.quorum.election.backoff.max.ms" Int Some("1000"), ReadOnly;
    "controller.quorum.election.timeout.ms" Int Some("1000"), ReadOnly;
    "controller.quorum.fetch.max.bytes" Int Some("1048576"), ReadOnly;
    "controller.quorum.fetch.snapshot.max.bytes" Int Some("1048576"), ReadOnly;
    "controller.quorum.fetch.timeout.ms" Int Some("2000"), ReadOnly;
    "controller.quorum.request.timeout.ms" Int Some("2000"), ReadOnly;
    "controller.quorum.retry.backoff.ms" Int Some("20"), ReadOnly;
    "controller.quorum.voters" List Some(""), ReadOnly;
    "controller.quota.window.num" Int Some("11"), ReadOnly;
    "controller.quota.window.size.seconds" Int Some("1"), ReadOnly;
    "controller.socket.timeout.ms" Int Some("30000"), ReadOnly;
    "cordoned.log.dirs" List Some(""), PerBroker;
    "create.topic.policy.class.name" Class None, ReadOnly;
    "default.replication.factor" Int Some("1"), ReadOnly;
    "delegation.token.expiry.check.interval.ms" Long Some("3600000"), ReadOnly;
    "delegation.token.expiry.time.ms" Long Some("86400000"), ReadOnly;
    "delegation.token.max.lifetime.ms" Long Some("604800000"), ReadOnly;
    "delegation.token.secret.key" Password None, ReadOnly;
    "delete.records.purgatory.purge.interval.requests" Int Some("1"), ReadOnly;
    "delete.topic.enable" Boolean Some("true"), ReadOnly;
    "early.start.listeners" List None, ReadOnly;
    "fetch.max.bytes" Int Some("57671680"), ReadOnly;
    "fetch.purgatory.purge.interval.requests" Int Some("1000"), ReadOnly;
    "follower.fetch.last.tiered.offset.enable" Boolean Some("false"), ClusterWide;
    "group.consumer.assignment.interval.ms" Int Some("1000"), ClusterWide;
    "group.consumer.assignors" List Some("uniform,range"), ReadOnly;
    "group.consumer.heartbeat.interval.ms" Int Some("5000"), ReadOnly;
    "group.consumer.max.assignment.interval.ms" Int Some("15000"), ReadOnly;
    "group.consumer.max.heartbeat.interval.ms" Int Some("15000"), ReadOnly;
    "group.consumer.max.session.timeout.ms" Int Some("60000"), ReadOnly;
    "group.consumer.max.size" Int Some("2147483647"), ReadOnly;
    "group.consumer.migration.policy" String Some("bidirectional"), ReadOnly;
    "group.consumer.min.assignment.interval.ms" Int Some("0"), ReadOnly;
    "group.consumer.min.heartbeat.interval.ms" Int Some("5000"), ReadOnly;
    "group.consumer.min.session.timeout.ms" Int Some("45000"), ReadOnly;
    "group.consumer.regex.refresh.interval.ms" Int Some("600000"), ReadOnly;
    "group.consumer.session.timeout.ms" Int Some("45000"), ReadOnly;
    "group.coordinator.append.linger.ms" Int Some("-1"), ReadOnly;
    "group.coordinator.background.threads" Int Some("2"), ReadOnly;
    "group.coordinator.cached.buffer.max.bytes" Int Some("1048588"), ClusterWide;
    "group.coordinator.rebalance.protocols" List Some("classic,consumer,streams"), ReadOnly;
    "group.coordinator.threads" Int Some("4"), ReadOnly;
    "group.initial.rebalance.delay.ms" Int Some("3000"), ReadOnly;
    "group.max.session.timeout.ms" Int Some("1800000"), ReadOnly;
    "group.max.size" Int Some("2147483647"), ReadOnly;
    "group.min.session.timeout.ms" Int Some("6000"), ReadOnly;
    "group.share.assignment.interval.ms" Int Some("1000"), ClusterWide;
    "group.share.assignors" List Some("simple"), ReadOnly;
    "group.share.delivery.count.limit" Int Some("5"), ReadOnly;
    "group.share.heartbeat.interval.ms" Int Some("5000"), ReadOnly;
    "group.share.initialize.retry.interval.ms" Int Some("30000"), ReadOnly;
    "group.share.max.assignment.interval.ms" Int Some("15000"), ReadOnly;
    "group.share.max.delivery.count.limit" Int Some("10"), ReadOnly;
    "group.share.max.heartbeat.interval.ms" Int Some("15000"), ReadOnly;
    "group.share.max.partition.max.record.locks" Int Some("4000"), ReadOnly;
    "group.share.max.record.lock.duration.ms" Int Some("60000"), ReadOnly;
    "group.share.max.session.timeout.ms" Int Some("60000"), ReadOnly;
    "group.share.max.share.sessions" Int Some("2000"), ReadOnly;
    "group.share.max.size" Int Some("200"), ReadOnly;
    "group.share.min.assignment.interval.ms" Int Some("0"), ReadOnly;
    "group.share.min.delivery.count.limit" Int Some("2"), ReadOnly;
    "group.share.min.heartbeat.interval.ms" Int Some("5000"), ReadOnly;
    "group.share.min.partition.max.record.locks" Int Some("100"), ReadOnly;
    "group.share.min.record.lock.duration.ms" Int Some("15000"), ReadOnly;
    "group.share.min.session.timeout.ms" Int Some("45000"), ReadOnly;
    "group.share.partition.max.record.locks" Int Some("2000"), ReadOnly;
    "group.share.persister.class.name" String Some("org.apache.kafka.server.share.persister.DefaultStatePersister"), ReadOnly;
    "group.share.record.lock.duration.ms" Int Some("30000"), ReadOnly;
    "group.share.session.timeout.ms" Int Some("45000"), ReadOnly;
    "group.streams.assignment.interval.ms" Int Some("1000"), ClusterWide;
    "group.streams.heartbeat.interval.ms" Int Some("5000"), ReadOnly;
    "group.streams.initial.rebalance.delay.ms" Int Some("3000"), ReadOnly;
    "group.streams.max.assignment.interval.ms" Int Some("15000"), ReadOnly;
    "group.streams.max.heartbeat.interval.ms" Int Some("15000"), ReadOnly;
    "group.streams.max.session.timeout.ms" Int Some("60000"), ReadOnly;
    "group.streams.max.size" Int Some("2147483647"), ReadOnly;
    "group.streams.max.standby.replicas" Int Some("2"), ReadOnly;
    "group.streams.min.assignment.interval.ms" Int Some("0"), ReadOnly;
    "group.streams.min.heartbeat.interval.ms" Int Some("5000"), ReadOnly;
    "group.streams.min.session.timeout.ms" Int Some("45000"), ReadOnly;
    "group.streams.num.standby.replicas" Int Some("0"), ReadOnly;
    "group.streams.session.timeout.ms" Int Some("45000"), ReadOnly;
    "initial.broker.registration.timeout.ms" Int Some("60000"), ReadOnly;
    "inter.broker.listener.name" String None, ReadOnly;
    "internal.metadata.delete.delay.millis" Long Some("60000"), ReadOnly;
    "internal.metadata.log.segment.bytes" Int None, ReadOnly;
    "internal.metadata.max.batch.size.in.bytes" Int Some("8388608"), ReadOnly;
    "kafka.metrics.polling.interval.secs" Int Some("10"), ReadOnly;
    "kafka.metrics.reporters" List Some(""), ReadOnly;
    "leader.imbalance.check.interval.seconds" Long Some("300"), ReadOnly;
    "listener.security.protocol.map" String Some("SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT"), PerBroker;
    "listeners" List Some("PLAINTEXT://:9092"), PerBroker;
    "log.cleaner.backoff.ms" Long Some("15000"), ClusterWide;
    "log.cleaner.dedupe.buffer.size" Long Some("134217728"), ClusterWide;
    "log.cleaner.delete.retention.ms" Long Some("86400000"), ClusterWide;
    "log.cleaner.enable" Boolean Some("true"), ReadOnly;
    "log.cleaner.io.buffer.load.factor" Double Some("0.9"), ClusterWide;
    "log.cleaner.io.buffer.size" Int Some("524288"), ClusterWide;
    "log.cleaner.io.max.bytes.per.second" Double Some("1.7976931348623157E308"), ClusterWide;
    "log.cleaner.max.compaction.lag.ms" Long Some("9223372036854775807"), ClusterWide;
    "log.cleaner.min.cleanable.ratio" Double Some("0.5"), ClusterWide;
    "log.cleaner.min.compaction.lag.ms" Long Some("0"), ClusterWide;
    "log.cleaner.threads" Int Some("1"), ClusterWide;
    "log.cleanup.policy" List Some("delete"), ClusterWide;
    "log.dir" List Some("/tmp/kafka-logs"), ReadOnly;
    "log.dir.failure.timeout.ms" Long Some("30000"), ReadOnly;
    "log.dirs" List None, ReadOnly;
    "log.flush.interval.messages" Long Some("9223372036854775807"), ClusterWide;
    "log.flush.interval.ms" Long None, ClusterWide;
    "log.flush.offset.checkpoint.interval.ms" Int Some("60000"), ReadOnly;
    "log.flush.scheduler.interval.ms" Long Some("9223372036854775807"), ReadOnly;
    "log.flush.start.offset.checkpoint.interval.ms" Int Some("60000"), ReadOnly;
    "log.index.interval.bytes" Int Some("4096"), ClusterWide;
    "log.index.size.max.bytes" Int Some("10485760"), ClusterWide;
    "log.initial.task.delay.ms" Long Some("30000"), ReadOnly;
    "log.local.retention.bytes" Long Some("-2"), ClusterWide;
    "log.local.retention.ms" Long Some("-2"), ClusterWide;
    "log.message.timestamp.after.max.ms" Long Some("3600000"), ClusterWide;
    "log.message.timestamp.before.max.ms" Long Some("9223372036854775807"), ClusterWide;
    "log.message.timestamp.type" String Some("CreateTime"), ClusterWide;
    "log.preallocate" Boolean Some("false"), ClusterWide;
    "log.retention.bytes" Long Some("-1"), ClusterWide;
    "log.retention.check.interval.ms" Long Some("300000"), ReadOnly;
    "log.retention.hours" Int Some("168"), ReadOnly;
    "log.retention.minutes" Int None, ReadOnly;
    "log.retention.ms" Long None, ClusterWide;
    "log.roll.hours" Int Some("168"), ReadOnly;
    "log.roll.jitter.hours" Int Some("0"), ReadOnly;
    "log.roll.jitter.ms" Long None, ClusterWide;
    "log.roll.ms" Long None, ClusterWide;
    "log.segment.bytes" Int Some("1073741824"), ClusterWide;
    "log.segment.delete.delay.ms" Long Some("60000"), ClusterWide;
    "max.connection.creation.rate" Int Some("2147483647"), ClusterWide;
    "max.connections" Int Some("2147483647"), ClusterWide;
    "max.connections.per.ip" Int Some("2147483647"), ClusterWide;
    "max.connections.per.ip.overrides" String Some(""), ClusterWide;
    "max.incremental.fetch.session.cache.slots" Int Some("1000"), ReadOnly;
    "max.request.partition.size.limit" Int Some("2000"), ReadOnly;
    "message.max.bytes" Int Some("1048588"), ClusterWide;
    "metadata.log.dir" String None, ReadOnly;
    "metadata.log.max.record.bytes.between.snapshots" Long Some("20971520"), ReadOnly;
    "metadata.log.max.snapshot.interval.ms" Long Some("3600000"), ReadOnly;
    "metadata.log.segment.bytes" Int Some("1073741824"), ReadOnly;
    "metadata.log.segment.ms" Long Some("604800000"), ReadOnly;
    "metadata.max.idle.interval.ms" Int Some("500"), ReadOnly;
    "metadata.max.retention.bytes" Long Some("104857600"), ReadOnly;
    "metadata.max.retention.ms" Long Some("604800000"), ReadOnly;
    "metric.reporters" List Some("org.apache.kafka.common.metrics.JmxReporter"), ClusterWide;
    "metrics.num.samples" Int Some("2"), ReadOnly;
    "metrics.recording.level" String Some("INFO"), ReadOnly;
    "metrics.sample.window.ms" Long Some("30000"), ReadOnly;
    "min.insync.replicas" Int Some("1"), ClusterWide;
    "node.id" Int None, ReadOnly;
    "num.io.threads" Int Some("8"), ClusterWide;
    "num.network.threads" Int Some("3"), ClusterWide;
    "num.partitions" Int Some("1"), ReadOnly;
    "num.recovery.threads.per.data.dir" Int Some("2"), ClusterWide;
    "num.replica.alter.log.dirs.threads" Int None, ReadOnly;
    "num.replica.fetchers" Int Some("1"), ClusterWide;
    "offset.metadata.max.bytes" Int Some("4096"), ReadOnly;
    "offsets.commit.timeout.ms" Int Some("5000"), ReadOnly;
    "offsets.load.buffer.size" Int Some("5242880"), ReadOnly;
    "offsets.retention.check.interval.ms" Long Some("600000"), ReadOnly;
    "offsets.retention.minutes" Int Some("10080"), ReadOnly;
    "offsets.topic.compression.codec" Int Some("0"), ReadOnly;
    "offsets.topic.num.partitions" Int Some("50"), ReadOnly;
    "offsets.topic.replication.factor" Short Some("3"), ReadOnly;
    "offsets.topic.segment.bytes" Int Some("104857600"), ReadOnly;
    "principal.builder.class" Class Some("org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder"), PerBroker;
    "process.roles" List None, ReadOnly;
    "producer.id.expiration.check.interval.ms" Int Some("600000"), ReadOnly;
    "producer.id.expiration.ms" Int Some("86400000"), ClusterWide;
    "producer.purgatory.purge.interval.requests" Int Some("1000"), ReadOnly;
    "queued.max.request.bytes" Long Some("-1"), ReadOnly;
    "queued.max.requests" Int Some("500"), ReadOnly;
    "quota.window.num" Int Some("11"), ReadOnly;
    "quota.window.size.seconds" Int Some("1"), ReadOnly;
    "remote.fetch.max.wait.ms" Int Some("500"), ClusterWide;
    "remote.list.offsets.request.timeout.ms" Long Some("30000"), ClusterWide;
    "remote.log.index.file.cache.total.size.bytes" Long Some("1073741824"), ClusterWide;
    "remote.log.index.file.cache.ttl.ms" Long Some("900000"), ReadOnly;
    "remote.log.manager.copier.thread.pool.size" Int Some("10"), ClusterWide;
    "remote.log.manager.copy.max.bytes.per.second" Long Some("9223372036854775807"), ClusterWide;
    "remote.log.manager.copy.quota.window.num" Int Some("11"), ReadOnly;
    "remote.log.manager.copy.quota.window.size.seconds" Int Some("1"), ReadOnly;
    "remote.log.manager.expiration.thread.pool.size" Int Some("10"), ClusterWide;
    "remote.log.manager.fetch.max.bytes.per.second" Long Some("9223372036854775807"), ClusterWide;
    "remote.log.manager.fetch.quota.window.num" Int Some("11"), ReadOnly;
    "remote.log.manager.fetch.quota.window.size.seconds" Int Some("1"), ReadOnly;
    "remote.log.manager.follower.thread.pool.size" Int Some("2"), ClusterWide;
    "remote.log.manager.task.interval.ms" Long Some("30000"), ReadOnly;
    "remote.log.manager.task.retry.backoff.max.ms" Long Some("30000"), ReadOnly;
    "remote.log.manager.task.retry.backoff.ms" Long Some("500"), ReadOnly;
    "remote.log.manager.task.retry.jitter" Double Some("0.2"), ReadOnly;
    "remote.log.manager.thread.pool.size" Int Some("2"), ReadOnly;
    "remote.log.metadata.custom.metadata.max.bytes" Int Some("128"), ReadOnly;
    "remote.log.metadata.manager.class.name" String Some("org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager"), ReadOnly;
    "remote.log.metadata.manager.class.path" String None, ReadOnly;
    "remote.log.metadata.manager.impl.prefix" String Some("rlmm.config."), ReadOnly;
    "remote.log.metadata.manager.listener.name" String None, ReadOnly;
    "remote.log.reader.max.pending.tasks" Int Some("100"), ReadOnly;
    "remote.log.reader.threads" Int Some("10"), ClusterWide;
    "remote.log.storage.manager.class.name" String None, ReadOnly;
    "remote.log.storage.manager.class.path" String None, ReadOnly;
    "remote.log.storage.manager.impl.prefix" String Some("rsm.config."), ReadOnly;
    "remote.log.storage.system.enable" Boolean Some("false"), ReadOnly;
    "replica.fetch.backoff.ms" Int Some("1000"), ReadOnly;
    "replica.fetch.max.bytes" Int Some("1048576"), ReadOnly;
    "replica.fetch.min.bytes" Int Some("1"), ReadOnly;
    "replica.fetch.response.max.bytes" Int Some("10485760"), ReadOnly;
    "replica.fetch.wait.max.ms" Int Some("500"), ReadOnly;
    "replica.high.watermark.checkpoint.interval.ms" Long Some("5000"), ReadOnly;
    "replica.lag.time.max.ms" Long Some("30000"), ReadOnly;
    "replica.selector.class" String None, ReadOnly;
    "replica.socket.receive.buffer.bytes" Int Some("65536"), ReadOnly;
    "replica.socket.timeout.ms" Int Some("30000"), ReadOnly;
    "replication.quota.window.num" Int Some("11"), ReadOnly;
    "replication.quota.window.size.seconds" Int Some("1"), ReadOnly;
    "request.timeout.ms" Int Some("30000"), ReadOnly;
    "sasl.client.callback.handler.class" Class None, ReadOnly;
    "sasl.enabled.mechanisms" List Some("GSSAPI"), PerBroker;
    "sasl.jaas.config" Password None, PerBroker;
    "sasl.kerberos.kinit.cmd" String Some("/usr/bin/kinit"), PerBroker;
    "sasl.kerberos.min.time.before.relogin" Long Some("60000"), PerBroker;
    "sasl.kerberos.principal.to.local.rules" List Some("DEFAULT"), PerBroker;
    "sasl.kerberos.service.name" String None, PerBroker;
    "sasl.kerberos.ticket.renew.jitter" Double Some("0.05"), PerBroker;
    "sasl.kerberos.ticket.renew.window.factor" Double Some("0.8"), PerBroker;
    "sasl.login.callback.handler.class" Class None, ReadOnly;
    "sasl.login.class" Class None, ReadOnly;
    "sasl.login.connect.timeout.ms" Int None, ReadOnly;
    "sasl.login.read.timeout.ms" Int None, ReadOnly;
    "sasl.login.refresh.buffer.seconds" Short Some("300"), PerBroker;
    "sasl.login.refresh.min.period.seconds" Short Some("60"), PerBroker;
    "sasl.login.refresh.window.factor" Double Some("0.8"), PerBroker;
    "sasl.login.refresh.window.jitter" Double Some("0.05"), PerBroker;
    "sasl.login.retry.backoff.max.ms" Long Some("10000"), ReadOnly;
    "sasl.login.retry.backoff.ms" Long Some("100"), ReadOnly;
    "sasl.mechanism.controller.protocol" String Some("GSSAPI"), ReadOnly;
    "sasl.mechanism.inter.broker.protocol" String Some("GSSAPI"), PerBroker;
    "sasl.oauthbearer.assertion.algorithm" String Some("RS256"), ReadOnly;
    "sasl.oauthbearer.assertion.claim.aud" String None, ReadOnly;
    "sasl.oauthbearer.assertion.claim.exp.seconds" Int Some("300"), ReadOnly;
    "sasl.oauthbearer.assertion.claim.iss" String None, ReadOnly;
    "sasl.oauthbearer.assertion.claim.jti.include" Boolean Some("false"), ReadOnly;
    "sasl.oauthbearer.assertion.claim.nbf.seconds" Int Some("60"), ReadOnly;
    "sasl.oauthbearer.assertion.claim.sub" String None, ReadOnly;
    "sasl.oauthbearer.assertion.file" String None, ReadOnly;
    "sasl.oauthbearer.assertion.private.key.file" String None, ReadOnly;
    "sasl.oauthbearer.assertion.private.key.passphrase" Password None, ReadOnly;
    "sasl.oauthbearer.assertion.template.file" String None, ReadOnly;
    "sasl.oauthbearer.client.credentials.client.id" String None, ReadOnly;
    "sasl.oauthbearer.client.credentials.client.secret" Password None, ReadOnly;
    "sasl.oauthbearer.clock.skew.seconds" Int Some("30"), ReadOnly;
    "sasl.oauthbearer.expected.audience" List Some(""), ReadOnly;
    "sasl.oauthbearer.expected.issuer" String None, ReadOnly;
    "sasl.oauthbearer.jwks.endpoint.refresh.ms" Long Some("3600000"), ReadOnly;
    "sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms" Long Some("10000"), ReadOnly;
    "sasl.oauthbearer.jwks.endpoint.retry.backoff.ms" Long Some("100"), ReadOnly;
    "sasl.oauthbearer.jwks.endpoint.url" String None, ReadOnly;
    "sasl.oauthbearer.jwt.retriever.class" Class Some("org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever"), ReadOnly;
    "sasl.oauthbearer.jwt.validator.class" Class Some("org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator"), ReadOnly;
    "sasl.oauthbearer.scope" String None, ReadOnly;
    "sasl.oauthbearer.scope.claim.name" String Some("scope"), ReadOnly;
    "sasl.oauthbearer.sub.claim.name" String Some("sub"), ReadOnly;
    "sasl.oauthbearer.token.endpoint.url" String None, ReadOnly;
    "sasl.server.callback.handler.class" Class None, ReadOnly;
    "sasl.server.max.receive.size" Int Some("524288"), ReadOnly;
    "security.inter.broker.protocol" String Some("PLAINTEXT"), ReadOnly;
    "security.providers" String None, ReadOnly;
    "server.max.startup.time.ms" Long Some("9223372036854775807"), ReadOnly;
    "share.coordinator.append.linger.ms" Int Some("-1"), ReadOnly;
    "share.coordinator.cached.buffer.max.bytes" Int Some("1048588"), ClusterWide;
    "share.coordinator.cold.partition.snapshot.interval.ms" Int Some("300000"), ReadOnly;
    "share.coordinator.load.buffer.size" Int Some("5242880"), ReadOnly;
    "share.coordinator.snapshot.update.records.per.snapshot" Int Some("500"), ReadOnly;
    "share.coordinator.state.topic.compression.codec" Int Some("0"), ReadOnly;
    "share.coordinator.state.topic.min.isr" Short Some("2"), ReadOnly;
    "share.coordinator.state.topic.num.partitions" Int Some("50"), ReadOnly;
    "share.coordinator.state.topic.prune.interval.ms" Int Some("300000"), ReadOnly;
    "share.coordinator.state.topic.replication.factor" Short Some("3"), ReadOnly;
    "share.coordinator.state.topic.segment.bytes" Int Some("104857600"), ReadOnly;
    "share.coordinator.threads" Int Some("1"), ReadOnly;
    "share.coordinator.write.timeout.ms" Int Some("5000"), ReadOnly;
    "share.fetch.purgatory.purge.interval.requests" Int Some("1000"), ReadOnly;
    "socket.connection.setup.timeout.max.ms" Long Some("30000"), ReadOnly;
    "socket.connection.setup.timeout.ms" Long Some("10000"), ReadOnly;
    "socket.listen.backlog.size" Int Some("50"), ReadOnly;
    "socket.receive.buffer.bytes" Int Some("102400"), ReadOnly;
    "socket.request.max.bytes" Int Some("104857600"), ReadOnly;
    "socket.send.buffer.bytes" Int Some("102400"), ReadOnly;
    "ssl.allow.dn.changes" Boolean Some("false"), ReadOnly;
    "ssl.allow.san.changes" Boolean Some("false"), ReadOnly;
    "ssl.cipher.suites" List Some(""), PerBroker;
    "ssl.client.auth" String Some("none"), PerBroker;
    "ssl.enabled.protocols" List Some("TLSv1.2,TLSv1.3"), PerBroker;
    "ssl.endpoint.identification.algorithm" String Some("https"), PerBroker;
    "ssl.engine.factory.class" Class None, PerBroker;
    "ssl.key.password" Password None, PerBroker;
    "ssl.keymanager.algorithm" String Some("SunX509"), PerBroker;
    "ssl.keystore.certificate.chain" Password None, PerBroker;
    "ssl.keystore.key" Password None, PerBroker;
    "ssl.keystore.location" String None, PerBroker;
    "ssl.keystore.password" Password None, PerBroker;
    "ssl.keystore.type" String Some("JKS"), PerBroker;
    "ssl.principal.mapping.rules" String Some("DEFAULT"), ReadOnly;
    "ssl.protocol" String Some("TLSv1.3"), PerBroker;
    "ssl.provider" String None, PerBroker;
    "ssl.secure.random.implementation" String None, PerBroker;
    "ssl.trustmanager.algorithm" String Some("PKIX"), PerBroker;
    "ssl.truststore.certificates" Password None, PerBroker;
    "ssl.truststore.location" String None, PerBroker;
    "ssl.truststore.password" Password None, PerBroker;
    "ssl.truststore.type" String Some("JKS"), PerBroker;
    "telemetry.max.bytes" Int Some("1048576"), ReadOnly;
    "transaction.abort.timed.out.transaction.cleanup.interval.ms" Int Some("10000"), ReadOnly;
    "transaction.max.timeout.ms" Int Some("900000"), ReadOnly;
    "transaction.partition.verification.enable" Boolean Some("true"), ClusterWide;
    "transaction.remove.expired.transaction.cleanup.interval.ms" Int Some("3600000"), ReadOnly;
    "transaction.state.log.load.buffer.size" Int Some("5242880"), ReadOnly;
    "transaction.state.log.min.isr" Int Some("2"), ReadOnly;
    "transaction.state.log.num.partitions" Int Some("50"), ReadOnly;
    "transaction.state.log.replication.factor" Short Some("3"), ReadOnly;
    "transaction.state.log.segment.bytes" Int Some("104857600"), ReadOnly;
    "transaction.two.phase.commit.enable" Boolean Some("false"), ReadOnly;
    "transactional.id.expiration.ms" Int Some("604800000"), ReadOnly;
    "unclean.leader.election.enable" Boolean Some("false"), ClusterWide;
    "unclean.leader.election.interval.ms" Long Some("300000"), ReadOnly;
    "unstable.api.versions.enable" Boolean Some("false"), ReadOnly;
    "unstable.feature.versions.enable" Boolean Some("false"), ReadOnly;
}
