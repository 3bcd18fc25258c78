//! What a run of the table has learnt from one controller: the ids and epochs that later requests need,
//! and that are taken out of the answers before they are compared.

use std::collections::BTreeMap;

use kraftd::protocol::{
    api::{ApiKey, Request, Response},
    ids::{BrokerEpoch, NodeId, Uuid},
};

use super::NOT_SERVED;
use crate::{client::Client, cluster::Cluster};

/// Fields whose values depend on the clock, on ports, or on how far the log has come.
const MASKED: &[&str] = &[
    "throttle_time_ms",
    "finalized_features_epoch",
    "high_watermark",
    "log_end_offset",
    "last_fetch_timestamp",
    "last_caught_up_timestamp",
    "port",
    "broker_epoch",
    "end_offset",
    "last_stable_offset",
    "timestamp",
];

/// What no message here carries, and would fill the screen.
const UNKNOWN_FIELDS: &str = ", unknown_tagged_fields: UnknownTaggedFields([])";

pub struct World {
    pub cluster_id: String,
    port: u16,
    client: Option<Client>,
    broker_epochs: BTreeMap<i32, Vec<BrokerEpoch>>,
    topic_ids: BTreeMap<String, Uuid>,
}

impl World {
    pub fn new(cluster: &Cluster) -> World {
        World {
            cluster_id: cluster.cluster_id.clone(),
            port: cluster.controllers[0].port,
            client: None,
            broker_epochs: BTreeMap::new(),
            topic_ids: BTreeMap::new(),
        }
    }

    /// The epoch that the controller gave to a broker last.
    pub fn epoch(&self, broker: i32) -> BrokerEpoch {
        let epochs = self.broker_epochs.get(&broker);
        epochs
            .and_then(|epochs| epochs.last())
            .copied()
            .unwrap_or(BrokerEpoch::NONE)
    }

    /// The id of a topic created before.
    pub fn topic(&self, name: &str) -> Uuid {
        self.topic_ids.get(name).copied().unwrap_or(Uuid([7; 16]))
    }

    /// Sends a request and prints the answer so that it can be compared.
    pub fn ask(&mut self, version: i16, request: &Request) -> String {
        let port = self.port;
        let client = self
            .client
            .get_or_insert_with(|| Client::connect(port).expect("a connection"));
        match client.exchange(version, request) {
            Ok(mut response) => {
                self.learn(request, &response);
                put_in_order(&mut response);
                self.lines(&response)
            }
            Err(error) => {
                self.client = None;
                format!("no answer: {:?}", error.kind())
            }
        }
    }

    /// One structure a line.
    fn lines(&self, response: &Response) -> String {
        let text = self.normalise(&format!("{response:?}"));
        text.replace(": [", ": [\n").replace("}, ", "},\n")
    }

    /// A topic id that no answer told: the request was too old for it, or came in an Envelope.
    pub fn learn_topic(&mut self, name: &str, id: Uuid) {
        self.topic_ids.insert(name.to_owned(), id);
    }

    fn learn(&mut self, request: &Request, response: &Response) {
        match (request, response) {
            (Request::BrokerRegistration(asked), Response::BrokerRegistration(answer))
                if answer.error_code.is_ok() =>
            {
                let NodeId(broker) = asked.broker_id;
                self.broker_epochs
                    .entry(broker)
                    .or_default()
                    .push(answer.broker_epoch);
            }
            (Request::CreateTopics(_), Response::CreateTopics(answer)) => {
                for topic in answer
                    .topics
                    .iter()
                    .filter(|topic| topic.topic_id != Uuid::ZERO)
                {
                    self.topic_ids.insert(topic.name.clone(), topic.topic_id);
                }
            }
            _ => {}
        }
    }

    /// Puts names in the place of what differs between two clusters that did the same.
    pub fn normalise(&self, text: &str) -> String {
        let mut text = text.replace(&self.cluster_id, "CLUSTER");
        for (name, id) in &self.topic_ids {
            text = text.replace(&id.to_string(), &format!("TOPIC-{name}"));
        }
        for (broker, epochs) in &self.broker_epochs {
            for (nth, epoch) in epochs.iter().enumerate() {
                text = text.replace(&format!("{epoch:?}"), &format!("EPOCH-{broker}-{nth}"));
                text = text.replace(&format!("epoch {epoch}"), &format!("EPOCH-{broker}-{nth}"));
            }
        }
        text = text.replace(UNKNOWN_FIELDS, "");
        for field in MASKED {
            text = mask(&text, field);
        }
        text
    }
}

/// Sorts what Java takes out of hash tables, and leaves out what is meant to differ: the APIs that are not
/// served, `kraft.version` (only quorums with static voters are served), and the explanations of configs.
fn put_in_order(response: &mut Response) {
    match response {
        Response::ApiVersions(answer) => {
            answer
                .api_keys
                .retain(|api| !NOT_SERVED.contains(&ApiKey(api.api_key)));
            answer
                .supported_features
                .retain(|feature| feature.name != "kraft.version");
            answer
                .supported_features
                .sort_by(|a, b| a.name.cmp(&b.name));
            answer
                .finalized_features
                .sort_by(|a, b| a.name.cmp(&b.name));
        }
        Response::DescribeConfigs(answer) => {
            for result in &mut answer.results {
                result.configs.sort_by(|a, b| a.name.cmp(&b.name));
                for config in &mut result.configs {
                    config.documentation =
                        config.documentation.take().map(|_| "its own".to_owned());
                }
            }
        }
        // Both shuffle it.
        Response::DeleteTopics(answer) => answer.responses.sort_by(|a, b| a.name.cmp(&b.name)),
        Response::ElectLeaders(answer) => {
            answer
                .replica_election_results
                .sort_by(|a, b| a.topic.cmp(&b.topic));
            for result in &mut answer.replica_election_results {
                result
                    .partition_result
                    .sort_by_key(|partition| partition.partition_id);
            }
        }
        _ => {}
    }
}

/// Replaces every `field: value` by `field: _`, whatever the value's nesting.
fn mask(text: &str, field: &str) -> String {
    let label = format!(" {field}: ");
    let mut parts = text.split(&label);
    let mut masked = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let mut depth = 0;
        let end = part.find(|c| {
            match c {
                '(' | '{' | '[' => depth += 1,
                ')' | '}' | ']' => depth -= 1,
                _ => {}
            }
            depth < 0 || (depth == 0 && c == ',')
        });
        masked.push_str(&format!("{label}_{}", &part[end.unwrap_or(part.len())..]));
    }
    masked
}

#[test]
fn masked_values_disappear_with_their_nesting() {
    let text = "{ a: 1, port: Some(\n 1,\n), b: P { port: 5, c: 2 } }";
    assert_eq!(
        mask(text, "port"),
        "{ a: 1, port: _, b: P { port: _, c: 2 } }"
    );
}
