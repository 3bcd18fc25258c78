//! ApiVersions (18): the first request on every connection: what the other side serves.
//!
//! What versions brought:
//! - 3: flexible; the client says what software it is; the answer lists supported and finalized
//!   features (KIP-584). The answer's header stays the oldest there is (KIP-511).
//! - 4: features whose lowest level is 0 are listed too.

use crate::protocol::{error_code::ErrorCode, schema::message};

message! {
    ApiVersionsRequest: 0..=4, flexible 3 {
        client_software_name: String => since(3) ignorable(),
        client_software_version: String => since(3) ignorable(),
    }

    ApiVersionsResponse: 0..=4, flexible 3 {
        error_code: ErrorCode,
        api_keys: Vec<ApiVersion>,
        throttle_time_ms: i32 => since(1) ignorable(),
        supported_features: Vec<SupportedFeatureKey> => since(3) tag(0) ignorable(),
        finalized_features_epoch: i64 = -1 => since(3) tag(1) ignorable(),
        finalized_features: Vec<FinalizedFeatureKey> => since(3) tag(2) ignorable(),
        zk_migration_ready: bool => since(3) tag(3) ignorable(),
    }
    ApiVersion {
        api_key: i16,
        min_version: i16,
        max_version: i16,
    }
    SupportedFeatureKey {
        name: String => since(3),
        min_version: i16 => since(3),
        max_version: i16 => since(3),
    }
    FinalizedFeatureKey {
        name: String => since(3),
        max_version_level: i16 => since(3),
        min_version_level: i16 => since(3),
    }
}
