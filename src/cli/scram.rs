//! `kafka-storage.sh format --add-scram`: a SCRAM credential for the first records of a cluster
//! (`org.apache.kafka.metadata.storage.ScramParser`; RFC 5802).

use std::collections::BTreeMap;

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use bytes::Bytes;
use hmac::{EagerHash, Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256, Sha512};

use super::storage::random_uuid;
use crate::protocol::records::UserScramCredentialRecord;

const DEFAULT_ITERATIONS: i32 = 4096;
const MIN_ITERATIONS: i32 = 4096;
const MAX_ITERATIONS: i32 = 16384;

/// What Java's `Base64.getDecoder` takes: padded or not, with whatever bits are left over.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Kafka's `ScramMechanism`.
#[derive(Clone, Copy)]
enum Mechanism {
    Sha256,
    Sha512,
}

impl Mechanism {
    fn named(name: &str) -> Option<Mechanism> {
        match name {
            "SCRAM-SHA-256" => Some(Mechanism::Sha256),
            "SCRAM-SHA-512" => Some(Mechanism::Sha512),
            _ => None,
        }
    }

    /// As the record has it.
    fn id(self) -> i8 {
        match self {
            Mechanism::Sha256 => 1,
            Mechanism::Sha512 => 2,
        }
    }

    /// As Kafka's complaints call it.
    fn constant(self) -> &'static str {
        match self {
            Mechanism::Sha256 => "SCRAM_SHA_256",
            Mechanism::Sha512 => "SCRAM_SHA_512",
        }
    }

    fn salted(self, password: &str, salt: &[u8], iterations: i32) -> Vec<u8> {
        fn derive<D: EagerHash>(password: &str, salt: &[u8], rounds: u32, length: usize) -> Vec<u8>
        where
            Hmac<D>: KeyInit + Mac + Clone,
        {
            let mut key = vec![0; length];
            let derived = pbkdf2::pbkdf2::<Hmac<D>>(password.as_bytes(), salt, rounds, &mut key);
            derived.expect("HMAC takes keys of any length");
            key
        }
        match self {
            Mechanism::Sha256 => derive::<Sha256>(password, salt, iterations as u32, 32),
            Mechanism::Sha512 => derive::<Sha512>(password, salt, iterations as u32, 64),
        }
    }

    /// StoredKey and ServerKey.
    fn keys(self, salted: &[u8]) -> (Bytes, Bytes) {
        fn sign<D: EagerHash>(key: &[u8], text: &str) -> Vec<u8>
        where
            Hmac<D>: KeyInit + Mac,
        {
            let mac = <Hmac<D> as KeyInit>::new_from_slice(key);
            let mut mac = mac.expect("HMAC takes keys of any length");
            mac.update(text.as_bytes());
            mac.finalize().into_bytes().to_vec()
        }
        let (stored, server) = match self {
            Mechanism::Sha256 => (
                Sha256::digest(sign::<Sha256>(salted, "Client Key")).to_vec(),
                sign::<Sha256>(salted, "Server Key"),
            ),
            Mechanism::Sha512 => (
                Sha512::digest(sign::<Sha512>(salted, "Client Key")).to_vec(),
                sign::<Sha512>(salted, "Server Key"),
            ),
        };
        (stored.into(), server.into())
    }
}

/// The record for `SCRAM-SHA-256=[name=alice,password=secret]`, which may also give `iterations`, `salt`
/// and `saltedpassword`. Errors are Kafka's sentences, but for what may be a secret in them.
pub fn parse(argument: &str) -> Result<UserScramCredentialRecord, String> {
    let argument = argument.trim();
    let (name, config) = argument.split_once('=').ok_or_else(|| {
        let shown = without_secrets(argument);
        format!("Failed to find equals sign in SCRAM argument '{shown}'")
    })?;
    let mechanism = Mechanism::named(name).ok_or_else(|| {
        let shown = without_secrets(name);
        format!("The add-scram mechanism {shown} is not supported.")
    })?;
    let config = config
        .strip_prefix('[')
        .ok_or("Expected configuration string to start with [")?;
    let config = config
        .strip_suffix(']')
        .ok_or("Expected configuration string to end with ]")?;
    record(mechanism, components(config)?)
}

/// The name of a mechanism, and not what follows it.
fn without_secrets(text: &str) -> String {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
    match text.split_once(|c| !is_of_name(c)) {
        Some((name, _)) => format!("{name}[hidden]"),
        None => text.to_owned(),
    }
}

/// What a credential may consist of.
const KEYS: [&str; 5] = ["name", "password", "salt", "saltedpassword", "iterations"];

fn components(config: &str) -> Result<BTreeMap<&str, &str>, String> {
    let component = |text| {
        let (key, value) = str::split_once(text, '=').ok_or_else(|| {
            // The second half of a password with a comma in it, perhaps.
            let shown = KEYS.iter().find(|key| **key == text).unwrap_or(&"[hidden]");
            format!("No equals sign found in SCRAM component: {shown}")
        })?;
        let quoted = value
            .strip_prefix('"')
            .and_then(|value| value.strip_suffix('"'));
        Ok((key, quoted.unwrap_or(value)))
    };
    // Commas at the end are nothing to Java.
    let components = config.trim_end_matches(',').split(',');
    components.map(component).collect()
}

fn record(
    mechanism: Mechanism,
    mut given: BTreeMap<&str, &str>,
) -> Result<UserScramCredentialRecord, String> {
    let name = given
        .remove("name")
        .ok_or("You must supply 'name' to add-scram")?;
    let salt = given.remove("salt").map(|text| {
        let decoded = BASE64.decode(text);
        decoded.map_err(|_| format!("Failed to decode given salt: {text}"))
    });
    let salt = salt.transpose()?;
    let iterations = match given.remove("iterations") {
        None => DEFAULT_ITERATIONS,
        Some(text) => text
            .parse()
            .map_err(|_| format!("Failed to parse iterations count: {text}"))?,
    };
    let (password, salted) = (given.remove("password"), given.remove("saltedpassword"));
    let salted = match (password, salted) {
        (Some(_), _) => None,
        (None, None) => {
            return Err(
                "You must supply one of 'password' or 'saltedpassword' to add-scram".to_owned(),
            );
        }
        (None, Some(_)) if salt.is_none() => {
            return Err("You must supply 'salt' with 'saltedpassword' to add-scram".to_owned());
        }
        (None, Some(text)) => Some(
            BASE64
                .decode(text)
                .map_err(|_| "Failed to decode given saltedPassword: [hidden]")?,
        ),
    };
    // Java's HMAC takes no empty key, and the tool ends with "Empty key": a variable that is not set, perhaps.
    if password == Some("") || salted.as_ref().is_some_and(Vec::is_empty) {
        return Err(
            "Empty key: 'password' and 'saltedpassword' must not be empty in add-scram".to_owned(),
        );
    }
    if !given.is_empty() {
        let unknown: Vec<&str> = given.into_keys().collect();
        let unknown = unknown.join(", ");
        return Err(format!("Unknown SCRAM configurations: {unknown}"));
    }
    let bound = match iterations {
        ..MIN_ITERATIONS => Some(format!(">= {MIN_ITERATIONS}")),
        MIN_ITERATIONS..=MAX_ITERATIONS => None,
        _ => Some(format!("<= {MAX_ITERATIONS}")),
    };
    if let Some(bound) = bound {
        return Err(format!(
            "The 'iterations' value must be {bound} for add-scram using {}",
            mechanism.constant()
        ));
    }
    let salt = salt.unwrap_or_else(|| random_uuid().to_string().into_bytes());
    let salted = match (salted, password) {
        (Some(salted), _) => salted,
        (None, password) => mechanism.salted(password.unwrap_or_default(), &salt, iterations),
    };
    let (stored_key, server_key) = mechanism.keys(&salted);
    Ok(UserScramCredentialRecord {
        name: name.to_owned(),
        mechanism: mechanism.id(),
        salt: salt.into(),
        stored_key,
        server_key,
        iterations,
        ..Default::default()
    })
}
