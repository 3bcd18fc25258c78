//! Any bytes as any request or response at any version (the first two bytes choose), and as the
//! header of a request. What is read is written and read again: nothing of it may be lost.
#![no_main]

use std::fmt::Debug;

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
    if let Ok(request) = Request::decode(api.key, version, &mut Reader::new(&body)) {
        let mut writer = Writer::new();
        request.encode(&mut writer, version).expect(WRITABLE);
        let written = writer.into_bytes();
        let again = Request::decode(api.key, version, &mut Reader::new(&written));
        assert_same(&request, &again.expect(READABLE));
    }
    if let Ok(response) = Response::decode(api.key, version, &mut Reader::new(&body)) {
        let mut writer = Writer::new();
        response.encode(&mut writer, version).expect(WRITABLE);
        let written = writer.into_bytes();
        let again = Response::decode(api.key, version, &mut Reader::new(&written));
        assert_same(&response, &again.expect(READABLE));
    }
});

const WRITABLE: &str = "what was read can be written";
const READABLE: &str = "what was written can be read";

/// By what they look like: a quota may be NaN, which equals nothing.
fn assert_same<M: PartialEq + Debug>(read: &M, again: &M) {
    let same = read == again || format!("{read:?}") == format!("{again:?}");
    assert!(same, "{read:?} is written as {again:?}");
}
