//! Envelope (KIP-590): a broker passes a client's request on, with the client's principal and address
//! beside it, which must be readable. The inner request is served as if the client had sent it itself
//! (`org.apache.kafka.server.EnvelopeUtils`).

use bytes::Bytes;

use super::apis;
use crate::protocol::{
    ErrorCode,
    api::{Request, Response},
    header::{DefaultPrincipalData, RequestHeader},
    messages::envelope::{EnvelopeRequest, EnvelopeResponse},
    schema::Message,
    wire::Reader,
};

/// What it takes to put the answer to an inner request into an envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Letter {
    pub(super) api_version: i16,
    correlation_id: i32,
}

/// The request in an envelope, or which error the envelope itself is answered with. The broker treats
/// UNSUPPORTED_VERSION as its client's fault; of the others it tells the client nothing.
pub(super) fn open(envelope: &EnvelopeRequest) -> Result<(Letter, Request), ErrorCode> {
    let principal = envelope.request_principal.as_ref();
    if !principal.is_some_and(is_principal) {
        return Err(ErrorCode::PRINCIPAL_DESERIALIZATION_FAILURE);
    }
    if ![4, 16].contains(&envelope.client_host_address.len()) {
        return Err(ErrorCode::INVALID_REQUEST);
    }
    let mut reader = Reader::new(&envelope.request_data);
    let header = RequestHeader::read(&mut reader).map_err(|_| ErrorCode::UNSUPPORTED_VERSION)?;
    let api_version = header.request_api_version;
    // A client learns from its broker what we serve, so this one did not ask. (Of what controllers never serve, and no
    // broker passes on, Java says INVALID_REQUEST.)
    let api = apis::find(header.api_key()).ok_or(ErrorCode::UNSUPPORTED_VERSION)?;
    if !api.forwardable {
        return Err(ErrorCode::INVALID_REQUEST);
    }
    if !api.versions.contains(&api_version) {
        return Err(ErrorCode::UNSUPPORTED_VERSION);
    }
    let request = Request::decode(api.key, api_version, &mut reader)
        .map_err(|_| ErrorCode::UNSUPPORTED_VERSION)?;
    let letter = Letter {
        api_version,
        correlation_id: header.correlation_id,
    };
    Ok((letter, request))
}

/// Kafka's default principal: a version, then the data; what a newer broker adds is passed over.
fn is_principal(bytes: &Bytes) -> bool {
    let mut reader = Reader::new(bytes);
    let version = reader.i16();
    version.is_ok_and(|version| DefaultPrincipalData::decode(&mut reader, version).is_ok())
}

impl Letter {
    /// The answer to the inner request in an envelope. Where it says that this node is not the
    /// leader, the envelope says so instead, and the broker looks for the active controller and
    /// sends the request again without its client noticing (`RequestChannel.buildErrorResponse`).
    pub(super) fn seal(self, response: &Response) -> EnvelopeResponse {
        if says_not_leader(response) {
            return refuse(ErrorCode::NOT_CONTROLLER);
        }
        match response.encode_with_header(self.api_version, self.correlation_id) {
            Ok(bytes) => EnvelopeResponse {
                response_data: Some(bytes),
                ..Default::default()
            },
            Err(_) => refuse(ErrorCode::UNKNOWN_SERVER_ERROR),
        }
    }
}

/// An envelope with an error of its own and nothing inside.
pub(super) fn refuse(error_code: ErrorCode) -> EnvelopeResponse {
    EnvelopeResponse {
        error_code,
        ..Default::default()
    }
}

/// Only the quorum's own answer is looked into: whatever else this node refuses for want of leadership
/// is refused in one place, where the envelope is at hand.
fn says_not_leader(response: &Response) -> bool {
    let Response::DescribeQuorum(response) = response else {
        return false;
    };
    let mut codes = response.topics.iter().flat_map(|topic| {
        let codes = topic
            .partitions
            .iter()
            .map(|partition| partition.error_code);
        codes.chain([response.error_code])
    });
    codes.any(|code| code == ErrorCode::NOT_LEADER_OR_FOLLOWER)
}
