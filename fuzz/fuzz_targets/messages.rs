//! Any bytes as any request or response at any version (the first two bytes choose), and as the
//! header of a request.
#![no_main]

use bytes::Bytes;
use kraftd::protocol::{
    api::{APIS, Request, Response},
    header::RequestHeader,
    wire::{Reader, Writer},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let header = Bytes::copy_from_slice(bytes);
    let _refused = RequestHeader::read(&mut Reader::new(&header));
    let [api, version, body @ ..] = bytes else {
        return;
    };
    let api = &APIS[usize::from(*api) % APIS.len()];
    let versions = api.max_version - api.min_version + 1;
    let version = api.min_version + i16::from(*version) % versions;
    let body = Bytes::copy_from_slice(body);
    let reader = || Reader::new(&body);
    if let Ok(request) = Request::decode(api.key, version, &mut reader()) {
        request
            .encode(&mut Writer::new(), version)
            .expect("what was read can be written");
    }
    if let Ok(response) = Response::decode(api.key, version, &mut reader()) {
        response
            .encode(&mut Writer::new(), version)
            .expect("what was read can be written");
    }
});
