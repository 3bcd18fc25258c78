//! UpdateFeatures (57): raises or lowers finalized features (KIP-584).
//!
//! What versions brought:
//! - 1: kinds of upgrade and downgrade, and trial runs.
//! - 2: one result for all, since all features change together.

use crate::protocol::{error_code::ErrorCode, schema::message};

message! {
    UpdateFeaturesRequest: 0..=2, flexible 0 {
        timeout_ms: i32 = 60000,
        feature_updates: Vec<FeatureUpdateKey>,
        validate_only: bool => since(1),
    }
    FeatureUpdateKey {
        feature: String,
        max_version_level: i16,
        allow_downgrade: bool => until(0),
        upgrade_type: i8 = 1 => since(1),
    }

    UpdateFeaturesResponse: 0..=2, flexible 0 {
        throttle_time_ms: i32,
        error_code: ErrorCode,
        error_message: Option<String> = Some(String::new()) => nullable(0),
        results: Vec<UpdatableFeatureResult> => until(1) ignorable(),
    }
    UpdatableFeatureResult {
        feature: String,
        error_code: ErrorCode,
        error_message: Option<String> = Some(String::new()) => nullable(0),
    }
}
