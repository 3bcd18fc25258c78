//! Envelope (58): a broker passes on a client's request with the client's principal and address
//! (KIP-590).

use bytes::Bytes;

use crate::protocol::{error_code::ErrorCode, schema::message};

message! {
    EnvelopeRequest: 0..=0, flexible 0 {
        request_data: Bytes,
        request_principal: Option<Bytes> = Some(Bytes::new()) => nullable(0),
        client_host_address: Bytes,
    }

    EnvelopeResponse: 0..=0, flexible 0 {
        response_data: Option<Bytes> => nullable(0),
        error_code: ErrorCode,
    }
}
