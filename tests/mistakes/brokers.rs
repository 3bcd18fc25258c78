//! Brokers that cannot be served: the right error for them, and a line of the log that says what is wrong and
//! what to do.

use kraftd::protocol::{ErrorCode, messages::broker_registration::BrokerRegistrationRequest};

use super::{
    harness::{client::Client, requests::registration},
    site::{CLUSTER_ID, OTHER_CLUSTER, Site},
};

const OLD: &str = "It is older than the features of this cluster: upgrade it, or lower the feature with \
    kafka-features.sh downgrade.";
const NEW: &str = "It is newer than the features of this cluster: raise the feature with kafka-features.sh \
    upgrade once all nodes can, or start an older release of the broker.";

/// What is wrong with a registration, and what comes of it.
type Refused = (
    i32,
    fn(&mut BrokerRegistrationRequest),
    ErrorCode,
    &'static str,
);

fn offers(request: &mut BrokerRegistrationRequest, name: &str, min: i16, max: i16) {
    let mut features = request.features.iter_mut();
    let feature = features.find(|feature| feature.name == name);
    let feature = feature.expect("a feature of all brokers");
    (feature.min_supported_version, feature.max_supported_version) = (min, max);
}

const REFUSED: &[Refused] = &[
    (
        101,
        |request| offers(request, "metadata.version", 1, 21),
        ErrorCode::UNSUPPORTED_VERSION,
        "Unable to register because the broker does not support finalized version 30 of metadata.version. \
         The broker wants a version between 1 and 21, inclusive. {old}",
    ),
    (
        102,
        |request| offers(request, "metadata.version", 31, 40),
        ErrorCode::UNSUPPORTED_VERSION,
        "Unable to register because the broker does not support finalized version 30 of metadata.version. \
         The broker wants a version between 31 and 40, inclusive. {new}",
    ),
    (
        103,
        |request| {
            request
                .features
                .retain(|feature| feature.name != "share.version")
        },
        ErrorCode::UNSUPPORTED_VERSION,
        "Unable to register because the broker does not support finalized version 1 of share.version. The \
         broker wants a version between 0 and 0, inclusive. {old}",
    ),
    (
        104,
        |request| request.features.clear(),
        ErrorCode::INVALID_REGISTRATION,
        "Request features do not contain 'metadata.version'",
    ),
    (
        105,
        |request| request.is_migrating_zk_broker = true,
        ErrorCode::BROKER_ID_NOT_REGISTERED,
        "Controller does not support registering ZK brokers.",
    ),
    (
        106,
        |request| request.cluster_id = OTHER_CLUSTER.to_owned(),
        ErrorCode::INCONSISTENT_CLUSTER_ID,
        "Expected cluster ID MkU3OEVBNTcwNTJENDM2Qk, but got cluster ID QkM2RDM0MkQ1MDc1QkVFNw. Either the \
         broker was formatted with a wrong --cluster-id, or its configuration names this controller by \
         mistake.",
    ),
];

#[test]
fn a_broker_that_cannot_be_served_is_told_and_told_of() {
    let site = Site::formatted();
    let _running = site.start();
    site.wait_until_it_leads();
    let mut client = Client::connect(site.port).expect("a connection");
    for (broker, spoil, error, told) in REFUSED {
        let mut request = registration(CLUSTER_ID, *broker, 1);
        spoil(&mut request);
        let answer = client.call(4, request).expect("an answer");
        assert_eq!(answer.error_code, *error, "broker {broker}");
        let line = format!("registration of broker {broker} refused: ");
        let told = told.replace("{old}", OLD).replace("{new}", NEW);
        assert_eq!(site.wait_for_lines(&line), [format!("{line}{told}")]);
    }
    let answer = client.call(4, registration(CLUSTER_ID, 107, 1));
    assert!(answer.expect("an answer").error_code.is_ok());
}
