//! A controller and its brokers, moved by the commands of golden scripts: each is a request as a broker or a
//! client sends it, and tells the answer and every record that was written since the command before.

use std::{collections::BTreeMap, sync::Arc};

use kraftd::{
    metadata::{
        State,
        heartbeats::{self, KnownBrokers},
    },
    protocol::{
        BrokerEpoch, ErrorCode, NodeId, Offset, Uuid,
        features::{METADATA_VERSION, MetadataVersion},
        messages::{
            broker_heartbeat::BrokerHeartbeatRequest, unregister_broker::UnregisterBrokerRequest,
        },
        records::MetadataRecord,
    },
};

use crate::{
    broker::Broker,
    metadata_text::{self, Directory, incarnation_id},
    quorum::{Quorum, Settings, ask},
    script::Command,
};

/// Node id of the one controller, far from those of brokers.
const CONTROLLER: i32 = 3000;
/// How often brokers send heartbeats (`broker.heartbeat.interval.ms`).
const HEARTBEAT_INTERVAL_MS: u64 = 2_000;

pub struct World {
    pub quorum: Quorum,
    /// The newest process of each broker, and which one it is.
    brokers: BTreeMap<i32, (Broker, u8)>,
    /// Names of all topics there have been.
    pub topics: BTreeMap<Uuid, String>,
    /// Where the log ended that has been told.
    told: Offset,
}

impl World {
    /// A new cluster with the defaults of the newest release.
    pub fn new() -> World {
        World::with(|_| {})
    }

    fn with(set: impl FnOnce(&mut Settings)) -> World {
        let mut quorum = Quorum::with(1, |settings| {
            settings.first_id = CONTROLLER;
            settings.periodic.max_idle_interval_ms = 0;
            set(settings);
        });
        quorum.active();
        quorum.settle();
        let mut world = World {
            quorum,
            brokers: BTreeMap::new(),
            topics: BTreeMap::new(),
            told: Offset(0),
        };
        world.told = world.state_end();
        world
    }

    pub fn state(&self) -> &State {
        self.quorum.node(NodeId(CONTROLLER)).stable_state()
    }

    pub fn state_end(&self) -> Offset {
        self.quorum.node(NodeId(CONTROLLER)).stable_end()
    }

    /// Does what a command says; an error is a mistake in the command.
    pub fn play(&mut self, command: &mut Command) -> Result<String, String> {
        let answer = match command.name.as_str() {
            "cluster" => self.cluster(command)?,
            "start" => self.start(command)?,
            "register" => self.register(command)?,
            "heartbeat" => self.heartbeat(command)?,
            "unregister" => self.unregister(command)?,
            "advance" => self.advance(command)?,
            "restart-controller" => self.restart_controller(),
            "create-topic" => self.create_topic(command)?,
            "create-partitions" => self.create_partitions(command)?,
            "delete-topic" => self.delete_topic(command)?,
            "alter-partition" => self.alter_partition(command)?,
            "elect-leaders" => self.elect_leaders(command)?,
            "reassign" => self.reassign(command)?,
            "assign-dirs" => self.assign_dirs(command)?,
            "alter-config" => self.alter_config(command)?,
            "update-feature" => self.update_feature(command)?,
            "allocate-producer-ids" => self.allocate_producer_ids(command)?,
            "show" => self.show(command)?,
            other => return Err(format!("there is no command {other}")),
        };
        self.quorum.settle();
        Ok(format!("{answer}{}", self.news()))
    }

    /// The records since the last time.
    fn news(&mut self) -> String {
        let mut news = String::new();
        for (_, record, version) in self.records_from(self.told) {
            if let MetadataRecord::Topic(topic) = &record {
                self.topics.insert(topic.topic_id, topic.name.clone());
            }
            news += &format!(
                "{}\n",
                metadata_text::record(&record, version, &self.topics)
            );
        }
        self.told = self.state_end();
        news
    }

    /// The records of the log from an offset on, each with its offset and the version it was written in.
    pub fn records_from(&self, from: Offset) -> Vec<(Offset, MetadataRecord, i16)> {
        let batches = self.quorum.nodes[&NodeId(CONTROLLER)].log.batches().iter();
        let new = batches.filter(|batch| !batch.is_control() && batch.end_offset() > from);
        let records = new.flat_map(|batch| batch.records().expect("our own records"));
        let decoded = records
            .filter(|record| record.offset >= from)
            .map(|record| {
                let (decoded, version) =
                    MetadataRecord::decode(record.value).expect("our own record");
                (record.offset, decoded, version)
            });
        decoded.collect()
    }

    /// `cluster metadata.version=3.9 key=value`: begins anew, with these in server.properties.
    fn cluster(&mut self, command: &mut Command) -> Result<String, String> {
        let version: Option<String> = command.value(METADATA_VERSION)?;
        let version = version.map(|name| level(&name)).transpose()?;
        let properties: BTreeMap<_, _> = command.settings().into_iter().collect();
        *self = World::with(|settings| {
            settings.metadata_version = version.map_or(settings.metadata_version, MetadataVersion);
            settings.metadata.static_configs = Arc::new(properties);
        });
        self.told = Offset(0);
        Ok(String::new())
    }

    /// `register 1 rack=a dirs=1a,1b [clean|same]`: the next process of a broker; the same one again; or
    /// the next one, after the one before ended in good order.
    fn register(&mut self, command: &mut Command) -> Result<String, String> {
        let id: i32 = command.word()?;
        let known = self.brokers.get(&id);
        let (previous, count) = known.map_or((BrokerEpoch::NONE, 0), |(broker, count)| {
            (broker.epoch, *count)
        });
        let (is_same, is_clean) = (command.flag("same"), command.flag("clean"));
        let count = if is_same { count } else { count + 1 };
        let mut broker = Broker {
            incarnation_id: incarnation_id(NodeId(id), count),
            ..Broker::new(id)
        };
        let mut request = broker.registration();
        request.rack = command.value("rack")?;
        request.log_dirs = match directories(command.list("dirs")?) {
            Some(directories) => directories,
            None => vec![format!("{id}a").parse::<Directory>()?.0],
        };
        for listener in &mut request.listeners {
            if let Some(protocol) = command.value("protocol")? {
                listener.security_protocol = protocol;
            }
            if let Some(port) = command.value("port")? {
                listener.port = port;
            }
        }
        if is_clean {
            request.previous_broker_epoch = previous;
        }
        if let Some(range) = command.value::<String>("metadata.version")? {
            let (min, max) = range.split_once("..").ok_or("a range is 3.9..4.1")?;
            let offered = request.features.iter_mut();
            for feature in offered.filter(|feature| feature.name == METADATA_VERSION) {
                feature.min_supported_version = level(min)?;
                feature.max_supported_version = level(max)?;
            }
        }
        let response = ask!(self.quorum, BrokerRegistration 4 request);
        if !response.error_code.is_ok() {
            return Ok(format!("{}\n", response.error_code));
        }
        broker.epoch = response.broker_epoch;
        self.brokers.insert(id, (broker, count));
        Ok(format!("epoch={}\n", response.broker_epoch))
    }

    /// `start 1 2 3`: brokers register and are unfenced; what is written for it is not told.
    fn start(&mut self, command: &mut Command) -> Result<String, String> {
        for id in command.words::<i32>()? {
            self.register(&mut Command::parse(&format!("register {id}")))?;
            self.heartbeat(&mut Command::parse(&format!("heartbeat {id}")))?;
        }
        self.told = self.state_end();
        Ok(String::new())
    }

    /// `heartbeat 1 [want-fence] [want-shutdown] [epoch=3] [offset=4] [offline=1a] [cordoned=1b]`: of a broker that
    /// has read everything, if no offset says otherwise.
    fn heartbeat(&mut self, command: &mut Command) -> Result<String, String> {
        let broker = self.sender(command)?;
        let offset: Option<i64> = command.value("offset")?;
        let request = BrokerHeartbeatRequest {
            broker_id: broker.id,
            broker_epoch: broker.epoch,
            current_metadata_offset: offset.map_or(self.state_end().plus(-1), Offset),
            want_fence: command.flag("want-fence"),
            want_shut_down: command.flag("want-shutdown"),
            offline_log_dirs: directories(command.list("offline")?).unwrap_or_default(),
            cordoned_log_dirs: directories(command.list("cordoned")?),
            ..Default::default()
        };
        let known = KnownBrokers {
            committed: self.state().brokers.clone(),
            newest: self.state().brokers.clone(),
        };
        let steady = heartbeats::steady(&known, &request);
        let before = self.state_end();
        let response = ask!(self.quorum, BrokerHeartbeat 2 request);
        if let Some(steady) = steady {
            // A connection would have answered by itself: nothing may be missed by that.
            let (answer, end) = (response.clone(), self.state_end());
            assert_eq!((steady, before), (answer, end));
        }
        if !response.error_code.is_ok() {
            return Ok(format!("{}\n", response.error_code));
        }
        let mut answer = if response.is_fenced {
            "fenced"
        } else {
            "unfenced"
        }
        .to_owned();
        if !response.is_caught_up {
            answer += ", not caught up";
        }
        if response.should_shut_down {
            answer += ", should shut down";
        }
        Ok(answer + "\n")
    }

    /// The next word names a broker, in its newest life if no `epoch=` says otherwise.
    pub fn sender(&self, command: &mut Command) -> Result<Broker, String> {
        let broker = self.broker(command.word()?)?;
        let epoch: Option<i64> = command.value("epoch")?;
        let epoch = epoch.map_or(broker.epoch, BrokerEpoch);
        Ok(Broker { epoch, ..broker })
    }

    pub fn broker(&self, id: i32) -> Result<Broker, String> {
        let known = self.brokers.get(&id);
        known
            .map(|(broker, _)| broker.clone())
            .ok_or(format!("broker {id} never registered"))
    }

    /// `unregister 1`
    fn unregister(&mut self, command: &mut Command) -> Result<String, String> {
        let request = UnregisterBrokerRequest {
            broker_id: NodeId(command.word()?),
            ..Default::default()
        };
        let response = ask!(self.quorum, UnregisterBroker 0 request);
        Ok(told("", response.error_code, response.error_message))
    }

    /// `advance 9s alive=1,2`: time passes, while these brokers send their heartbeats.
    fn advance(&mut self, command: &mut Command) -> Result<String, String> {
        let text: String = command.word()?;
        let (number, unit) = match text.strip_suffix("ms") {
            Some(number) => (number, 1),
            None => (
                text.strip_suffix('s').ok_or("a time is 10s or 9000ms")?,
                1_000,
            ),
        };
        let mut left = unit * number.parse::<u64>().map_err(|error| error.to_string())?;
        let alive: Vec<i32> = command.list("alive")?.unwrap_or_default();
        while left > 0 {
            for id in &alive {
                self.heartbeat(&mut Command::parse(&format!("heartbeat {id}")))?;
            }
            let step = if alive.is_empty() {
                left
            } else {
                left.min(HEARTBEAT_INTERVAL_MS)
            };
            self.quorum.run_for(step);
            left -= step;
        }
        Ok(String::new())
    }

    /// The controller's process ends, and another reads its disk.
    fn restart_controller(&mut self) -> String {
        self.quorum.kill(NodeId(CONTROLLER));
        self.quorum.start(NodeId(CONTROLLER));
        self.quorum.active();
        self.quorum.settle();
        String::new()
    }
}

fn directories(named: Option<Vec<Directory>>) -> Option<Vec<Uuid>> {
    named.map(|named| named.into_iter().map(|directory| directory.0).collect())
}

pub fn told(name: &str, code: ErrorCode, message: Option<String>) -> String {
    let name = if name.is_empty() {
        String::new()
    } else {
        format!("{name}: ")
    };
    match (code, message) {
        (ErrorCode::NONE, _) => format!("{name}ok\n"),
        (code, Some(message)) => format!("{name}{code} {message}\n"),
        (code, None) => format!("{name}{code}\n"),
    }
}

/// The number of a metadata.version, by its name or that of its release.
pub fn level(name: &str) -> Result<i16, String> {
    let version = MetadataVersion::parse(name, true);
    let version = version.ok_or(format!("there is no metadata.version {name}"));
    version.map(|version| version.0)
}
