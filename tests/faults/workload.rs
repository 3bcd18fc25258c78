//! Clients that change and read metadata through the active controller: registers (configs of client
//! metrics subscriptions), names of a set (topics) and a counter (blocks of producer ids).
//!
//! Kafka's controllers answer reads from what they know, before they are active and while they find out that
//! they have been deposed, and deposed ones refuse what changes nothing. So whoever has observed something at
//! once has the same controller allocate a block of ids: if that is committed, no other leader had committed
//! anything before. And one is allocated before each read: an active controller knows all that is committed.
//! What was not confirmed says nothing.

use std::{
    ops::RangeInclusive,
    sync::atomic::{AtomicBool, AtomicI64, Ordering},
    thread,
    time::Duration,
};

use kraftd::protocol::{
    api::{Request, Response},
    error_code::ErrorCode,
    ids::{BrokerEpoch, Uuid},
    messages::describe_configs::DescribeConfigsResult,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{
    finder::Finder,
    harness::{client::Client, requests},
    history::{Action, History, Operation, Outcome},
};

/// The broker that allocates, and on which all topics lie: there is none, but for its heartbeats.
pub const BROKER: i32 = 200;
pub const COUNTER: &str = "producer-ids";
const REGISTER: &str = "register";
const TOPIC: &str = "member";

/// So many registers, and so many topics, are in use at a time.
const NAMES: u32 = 3;
const CLIENT_METRICS: i8 = 16;
/// A list of any words: one number, here.
const KEY: &str = "metrics";
/// `DescribeConfigsResponse.ConfigSource.DEFAULT_CONFIG`
const DEFAULT_CONFIG: i8 = 5;

/// Between two requests of a client: two cores have more to do than this.
const THINK_MS: RangeInclusive<u64> = 0..=6;
const LOST_CONNECTION: Duration = Duration::from_millis(5);
const HEARTBEAT_INTERVAL: Duration = Duration::from_millis(500);

pub fn is_register(resource: &str) -> bool {
    resource.starts_with(REGISTER)
}

pub fn is_topic(name: &str) -> bool {
    name.starts_with(TOPIC)
}

/// What all clients share.
pub struct Workload<'a> {
    pub finder: &'a Finder,
    pub history: &'a History,
    pub broker_epoch: BrokerEpoch,
    pub over: &'a AtomicBool,
    /// No value is written twice.
    pub next_value: AtomicI64,
}

/// A request that is about to be sent.
struct Plan {
    object: String,
    /// To which the name belongs.
    era: u64,
    action: Action,
    value: Option<i64>,
}

impl Workload<'_> {
    /// One client: one request after the other until all is over.
    pub fn work(&self, client: usize, seed: u64) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(client as u64 + 1);
        let mut link = None;
        while !self.over.load(Ordering::Relaxed) {
            let Some(connection) = &mut link else {
                link = self.finder.find().map(|(_, connection)| connection);
                thread::sleep(LOST_CONNECTION);
                continue;
            };
            let plan = self.choose(&mut rng);
            if !self.act(client, plan, connection) {
                // What comes on this connection now is the answer to another question.
                link = None;
            }
            thread::sleep(Duration::from_millis(rng.random_range(THINK_MS)));
        }
    }

    /// Keeps the broker unfenced.
    pub fn beat(&self) {
        let request = requests::heartbeat((BROKER, self.broker_epoch), i64::MAX, false, false);
        let mut link = None;
        while !self.over.load(Ordering::Relaxed) {
            let Some(connection) = &mut link else {
                link = self.finder.find().map(|(_, connection)| connection);
                thread::sleep(LOST_CONNECTION);
                continue;
            };
            match Client::call(connection, 1, request.clone()) {
                Ok(answer) if answer.error_code.is_ok() => thread::sleep(HEARTBEAT_INTERVAL),
                _ => link = None,
            }
        }
    }

    fn choose(&self, rng: &mut impl Rng) -> Plan {
        let action = match rng.random_range(0..10) {
            0..=3 => Action::Write,
            4 | 5 => Action::Read,
            6 | 7 => Action::Create,
            8 => Action::Delete,
            _ => Action::Allocate,
        };
        let era = self.history.era();
        let number = rng.random_range(0..NAMES);
        Plan {
            object: match action {
                Action::Write | Action::Read => format!("{REGISTER}-{era}-{number}"),
                Action::Create | Action::Delete => format!("{TOPIC}-{era}-{number}"),
                Action::Allocate => COUNTER.to_owned(),
            },
            era,
            action,
            value: (action == Action::Write)
                .then(|| self.next_value.fetch_add(1, Ordering::Relaxed)),
        }
    }

    /// Does it, and notes what came of it. Says whether the connection can be used again.
    fn act(&self, client: usize, plan: Plan, connection: &mut Client) -> bool {
        if plan.action == Action::Read {
            let confirmation = self.confirm(client, connection);
            let active = confirmation.outcome == Outcome::Done;
            self.history.push(confirmation);
            if !active {
                return false;
            }
        }
        let mut operation = self.ask(client, plan, connection);
        let observed = match operation.outcome {
            Outcome::Refused => true,
            Outcome::Done => operation.action == Action::Read,
            Outcome::Failed | Outcome::Unknown => false,
        };
        let mut usable = operation.outcome != Outcome::Unknown;
        if observed {
            let confirmation = self.confirm(client, connection);
            operation.end_us = confirmation.end_us;
            usable = confirmation.outcome == Outcome::Done;
            if !usable {
                operation.outcome = Outcome::Failed;
            }
            self.history.push(confirmation);
        }
        self.history.push(operation);
        usable
    }

    fn confirm(&self, client: usize, connection: &mut Client) -> Operation {
        let plan = Plan {
            object: COUNTER.to_owned(),
            era: self.history.era(),
            action: Action::Allocate,
            value: None,
        };
        self.ask(client, plan, connection)
    }

    fn ask(&self, client: usize, plan: Plan, connection: &mut Client) -> Operation {
        let (version, request) = self.request(&plan);
        let start_us = self.history.now_us();
        let answer = connection.exchange(version, &request);
        let end_us = self.history.now_us();
        let (code, value, topic_id) = match answer {
            Ok(answer) => meaning(answer),
            // Nobody knows how far the request came.
            Err(_) => (ErrorCode::REQUEST_TIMED_OUT, None, None),
        };
        let outcome = outcome(code);
        Operation {
            client,
            object: plan.object,
            era: plan.era,
            action: plan.action,
            outcome,
            value: plan.value.or(value),
            topic_id: topic_id.filter(|_| outcome == Outcome::Done),
            start_us,
            end_us,
        }
    }

    fn request(&self, plan: &Plan) -> (i16, Request) {
        let name = plan.object.as_str();
        match plan.action {
            Action::Write => {
                let value = plan.value.map(|value| value.to_string());
                let change = [(KEY, requests::SET, value.as_deref())];
                (1, requests::alter((CLIENT_METRICS, name), &change, false))
            }
            Action::Read => {
                let resource = (CLIENT_METRICS, name);
                (4, requests::describe(resource, Some(&[KEY]), false, false))
            }
            Action::Create => {
                let topic = requests::assigned(name, &[&[BROKER]]);
                (7, requests::create(vec![topic], false))
            }
            Action::Delete => (6, requests::delete_states(&[(Some(name), Uuid::ZERO)])),
            Action::Allocate => (0, requests::allocate(BROKER, self.broker_epoch)),
        }
    }
}

/// What an answer says: error, value and topic.
fn meaning(answer: Response) -> (ErrorCode, Option<i64>, Option<Uuid>) {
    match answer {
        Response::IncrementalAlterConfigs(answer) => (answer.responses[0].error_code, None, None),
        Response::DescribeConfigs(answer) => {
            let result = &answer.results[0];
            (result.error_code, register_value(result), None)
        }
        Response::CreateTopics(answer) => {
            let topic = &answer.topics[0];
            (topic.error_code, None, Some(topic.topic_id))
        }
        Response::DeleteTopics(answer) => {
            let topic = &answer.responses[0];
            (topic.error_code, None, Some(topic.topic_id))
        }
        Response::AllocateProducerIds(answer) => {
            let first = answer
                .error_code
                .is_ok()
                .then_some(answer.producer_id_start);
            (answer.error_code, first, None)
        }
        other => panic!("an answer to what nobody asked: {other:?}"),
    }
}

fn register_value(result: &DescribeConfigsResult) -> Option<i64> {
    let set = result
        .configs
        .iter()
        .find(|config| config.config_source != DEFAULT_CONFIG)?;
    let value = set.value.as_deref().map(str::parse);
    Some(value.expect("a value").expect("registers hold numbers"))
}

fn outcome(code: ErrorCode) -> Outcome {
    match code {
        ErrorCode::NONE => Outcome::Done,
        ErrorCode::TOPIC_ALREADY_EXISTS | ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => Outcome::Refused,
        // The broker was fenced while its heartbeats did not arrive.
        ErrorCode::INVALID_REPLICA_ASSIGNMENT => Outcome::Failed,
        // Told to all who wait when a leader loses its office: the next one may have their records.
        ErrorCode::NOT_CONTROLLER | ErrorCode::REQUEST_TIMED_OUT => Outcome::Unknown,
        code => panic!("no controller should answer {code:?}"),
    }
}

/// Writes much to a place that nobody reads, to fill what is left of a disk.
pub fn flood(finder: &Finder, number: usize) {
    /// Kafka takes no longer values.
    const BYTES: usize = 30_000;
    let Some((_, mut connection)) = finder.find() else {
        return;
    };
    let value = format!("{number:0BYTES$}");
    let change = [(KEY, requests::SET, Some(value.as_str()))];
    // Whether it is done does not matter.
    let _ = connection.exchange(
        1,
        &requests::alter((CLIENT_METRICS, "flood"), &change, false),
    );
}
