//! Go's `encoding/gob` over serde.
