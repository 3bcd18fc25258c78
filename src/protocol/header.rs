//! What stands before the body of every request and response, and who a forwarded request comes from.

use super::{
    api::ApiKey,
    schema::{Message, message},
    wire::{Reader, Result},
};

message! {
    /// Version 2 added tagged fields; the client id kept its classic form, so that a server can log it
    /// whatever the version.
    RequestHeader: 1..=2, flexible 2 {
        request_api_key: i16,
        request_api_version: i16,
        correlation_id: i32,
        client_id: Option<String> = Some(String::new()) => nullable(1) classic(),
    }

    /// Echoes the correlation id of the request.
    ResponseHeader: 0..=1, flexible 1 {
        correlation_id: i32,
    }

    /// A principal inside an Envelope, as Kafka's default principal builder writes it after an int16
    /// version (KIP-590).
    DefaultPrincipalData: 0..=0, flexible 0 {
        r#type: String,
        name: String,
        token_authenticated: bool,
    }
}

impl RequestHeader {
    /// Reads the header off a frame, in the version that goes with the API and version it names.
    pub fn read(reader: &mut Reader) -> Result<RequestHeader> {
        let mut peek = reader.clone();
        let mut number = || peek.i16().map_err(|error| error.within("RequestHeader"));
        let (key, version) = (ApiKey(number()?), number()?);
        RequestHeader::decode(reader, key.request_header_version(version))
    }

    pub fn api_key(&self) -> ApiKey {
        ApiKey(self.request_api_key)
    }
}
