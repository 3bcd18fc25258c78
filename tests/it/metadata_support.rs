//! A metadata state for tests, and requests put to it as the active controller would.

use kraftd::{
    metadata::{ApiError, Cx, Options, Outcome, State, sessions::Sessions},
    protocol::{
        Offset, Uuid,
        records::{ConfigRecord, FeatureLevelRecord, MetadataRecord, TopicRecord},
    },
    time::Now,
};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

/// A controller's metadata without the controller.
pub struct Cluster {
    pub state: State,
    pub options: Options,
    pub next_offset: Offset,
}

impl Cluster {
    /// Nothing but a metadata.version.
    pub fn at(metadata_version: i16) -> Cluster {
        let mut cluster = Cluster {
            state: State::default(),
            options: Options::default(),
            next_offset: Offset(0),
        };
        cluster.replay([feature("metadata.version", metadata_version)]);
        cluster
    }

    /// Applies records as the log would.
    pub fn replay(&mut self, records: impl IntoIterator<Item = MetadataRecord>) {
        for record in records {
            self.state
                .replay(self.next_offset, &record)
                .expect("a record that fits");
            self.next_offset = self.next_offset.plus(1);
        }
    }

    /// Puts a request and applies what comes of it.
    pub fn call<R>(
        &mut self,
        api_version: i16,
        handle: impl FnOnce(&State, &mut Cx) -> Result<Outcome<R>, ApiError>,
    ) -> Result<Outcome<R>, ApiError> {
        let mut cx = Cx {
            now: Now::default(),
            rng: &mut ChaCha8Rng::seed_from_u64(7),
            options: &self.options,
            sessions: &mut Sessions::default(),
            next_offset: self.next_offset,
            api_version,
            forwarded: false,
        };
        let outcome = handle(&self.state, &mut cx)?;
        self.replay(outcome.records.clone());
        Ok(outcome)
    }
}

pub fn feature(name: &str, feature_level: i16) -> MetadataRecord {
    FeatureLevelRecord {
        name: name.to_owned(),
        feature_level,
        ..Default::default()
    }
    .into()
}

pub fn config(
    resource_type: i8,
    resource: &str,
    name: &str,
    value: Option<&str>,
) -> MetadataRecord {
    ConfigRecord {
        resource_type,
        resource_name: resource.to_owned(),
        name: name.to_owned(),
        value: value.map(str::to_owned),
        ..Default::default()
    }
    .into()
}

pub fn topic(name: &str, id: u8) -> MetadataRecord {
    TopicRecord {
        name: name.to_owned(),
        topic_id: Uuid([id; 16]),
        ..Default::default()
    }
    .into()
}
