//! All controllers are killed at once, again and again, under load: nothing that was acknowledged may be
//! missing afterwards, and nothing may have been handed out twice.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use kraftd::protocol::{
    api::{Request, Response},
    ids::BrokerEpoch,
    records::MetadataRecord,
};

use super::{
    client::Client,
    cluster::{Cluster, ELECTION_TIMEOUT, Kind, Settings, turn},
    metadata_log, requests,
};

const CRASHES: u64 = 30;
/// More, until so many topics were acknowledged: else the load was none.
const LEAST_TOPICS: usize = 100;

/// The fake broker of the load.
const BROKER: i32 = 101;

/// What the controllers have acknowledged.
#[derive(Default)]
struct Acknowledged {
    topics: BTreeSet<String>,
    /// Key and value.
    configs: BTreeMap<String, String>,
    /// First ids of blocks of 1,000.
    producer_ids: Vec<i64>,
}

#[test]
fn nothing_acknowledged_is_lost_when_all_controllers_crash() {
    let _turn = turn();
    let settings = Settings::new(Kind::Kraftd, 3, 0).with("broker.session.timeout.ms=600000");
    let mut cluster = Cluster::start(&settings);
    let epoch = cluster.fake_broker(BROKER);
    let ports: Vec<u16> = cluster.controllers.iter().map(|node| node.port).collect();
    let (acknowledged, over) = (Mutex::new(Acknowledged::default()), AtomicBool::new(false));
    thread::scope(|scope| {
        for worker in 0..3 {
            let (ports, acknowledged, over) = (&ports, &acknowledged, &over);
            scope.spawn(move || put_load(worker, ports, epoch, acknowledged, over));
        }
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let is_loaded = || acknowledged.lock().expect("the notes").topics.len() > LEAST_TOPICS;
            for crash in (0..).take_while(|crash| *crash < CRASHES || !is_loaded()) {
                // From the middle of the election to well into the work.
                thread::sleep(Duration::from_millis(crash * 97 % 700));
                cluster.controllers.iter_mut().for_each(|node| node.kill());
                cluster.controllers.iter_mut().for_each(|node| node.start());
                cluster.wait_for_leader(ELECTION_TIMEOUT);
            }
        }));
        over.store(true, Ordering::Relaxed);
        outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
    // A write of the last epoch: what was committed before is now below the high watermark.
    cluster.write("after.the.crashes", "1");
    check(
        &cluster,
        &acknowledged.lock().expect("the workers are gone"),
    );
}

/// Sends one kind of request after the other to whoever is active, and notes what was acknowledged.
fn put_load(
    worker: usize,
    ports: &[u16],
    epoch: BrokerEpoch,
    acknowledged: &Mutex<Acknowledged>,
    over: &AtomicBool,
) {
    let mut client: Option<Client> = None;
    let mut at = worker;
    for number in 0.. {
        if over.load(Ordering::Relaxed) {
            return;
        }
        let name = format!("{worker}-{number}");
        let (version, request) = request(number, &name, epoch);
        let answer = client
            .as_mut()
            .map(|client| client.exchange(version, &request));
        let is_done = match answer {
            Some(Ok(answer)) => note(&name, &answer, &mut acknowledged.lock().expect("the notes")),
            Some(Err(_)) | None => false,
        };
        if !is_done {
            at += 1;
            client = Client::connect(ports[at % ports.len()]).ok();
            thread::sleep(Duration::from_millis(5));
        }
    }
}

fn request(number: usize, name: &str, epoch: BrokerEpoch) -> (i16, Request) {
    match number % 3 {
        0 => (0, requests::allocate(BROKER, epoch)),
        1 => (
            7,
            requests::create(vec![requests::assigned(name, &[&[BROKER]])], false),
        ),
        _ => {
            let key = format!("key.{name}");
            let change = [(key.as_str(), requests::SET, Some(name))];
            (1, requests::alter((requests::BROKER, ""), &change, false))
        }
    }
}

/// Whether the request succeeded.
fn note(name: &str, answer: &Response, acknowledged: &mut Acknowledged) -> bool {
    match answer {
        Response::AllocateProducerIds(answer) if answer.error_code.is_ok() => {
            acknowledged.producer_ids.push(answer.producer_id_start);
            true
        }
        Response::CreateTopics(answer) if answer.topics[0].error_code.is_ok() => {
            acknowledged.topics.insert(name.to_owned())
        }
        Response::IncrementalAlterConfigs(answer) if answer.responses[0].error_code.is_ok() => {
            acknowledged
                .configs
                .insert(format!("key.{name}"), name.to_owned());
            true
        }
        _ => false,
    }
}

fn check(cluster: &Cluster, acknowledged: &Acknowledged) {
    let leader = cluster.wait_for_leader(ELECTION_TIMEOUT);
    let port = cluster.controllers[leader.index].port;
    let batches = metadata_log::fetch(port, &cluster.cluster_id);
    let (mut topics, mut configs, mut next_producer_id) = (BTreeSet::new(), BTreeMap::new(), 0);
    for (_, record) in metadata_log::records(&batches) {
        match record {
            MetadataRecord::Topic(topic) => {
                assert!(
                    topics.insert(topic.name.clone()),
                    "topic {} is there twice",
                    topic.name
                );
            }
            MetadataRecord::Config(config) => {
                configs.insert(config.name, config.value.unwrap_or_default());
            }
            MetadataRecord::ProducerIds(ids) => {
                assert!(
                    ids.next_producer_id > next_producer_id,
                    "producer ids go back"
                );
                next_producer_id = ids.next_producer_id;
            }
            _ => {}
        }
    }
    let lost: Vec<_> = acknowledged.topics.difference(&topics).collect();
    assert!(lost.is_empty(), "acknowledged topics are gone: {lost:?}");
    let lost = acknowledged
        .configs
        .iter()
        .find(|(key, value)| configs.get(*key) != Some(value));
    assert_eq!(lost, None, "an acknowledged config is gone");
    let ids: BTreeSet<i64> = acknowledged.producer_ids.iter().copied().collect();
    assert_eq!(
        ids.len(),
        acknowledged.producer_ids.len(),
        "a block of producer ids was given twice"
    );
    let beyond = ids.iter().find(|id| **id + 1_000 > next_producer_id);
    assert_eq!(
        beyond, None,
        "a block was given beyond the committed {next_producer_id}"
    );
    metadata_log::dump_with_java(&batches, cluster.folder());
}
