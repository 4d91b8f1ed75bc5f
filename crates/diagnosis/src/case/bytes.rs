//! How bytes are written in a saved case.

use base64::Engine as _;
use serde::{Deserialize, Serialize};

/// Bytes in base64.
pub(super) mod base64_bytes {
    use super::*;
    use serde::{Deserializer, Serializer, de::Error};

    pub(in crate::case) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&base64::engine::general_purpose::STANDARD.encode(bytes))
    }

    pub(in crate::case) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        base64::engine::general_purpose::STANDARD.decode(text).map_err(D::Error::custom)
    }
}

/// Bytes in base64, where there are any.
pub(super) mod bytes_base64 {
    use super::*;
    use serde::{Deserializer, Serializer};

    pub(in crate::case) fn serialize<S: Serializer>(
        bytes: &Option<Vec<u8>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        base64_bytes::serialize(bytes.as_deref().unwrap_or_default(), serializer)
    }

    pub(in crate::case) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Vec<u8>>, D::Error> {
        base64_bytes::deserialize(deserializer).map(Some)
    }
}

/// Bytes as text where they are UTF-8, else as a list of numbers.
pub(super) mod bytes_text {
    use super::*;
    use serde::{Deserializer, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Form {
        Text(String),
        Bytes(Vec<u8>),
    }

    pub(in crate::case) fn serialize<S: Serializer>(
        bytes: &Option<Vec<u8>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let bytes = bytes.clone().unwrap_or_default();
        let form = String::from_utf8(bytes).map_or_else(|error| Form::Bytes(error.into_bytes()), Form::Text);
        form.serialize(serializer)
    }

    pub(in crate::case) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Vec<u8>>, D::Error> {
        Ok(Some(match Form::deserialize(deserializer)? {
            Form::Text(text) => text.into_bytes(),
            Form::Bytes(bytes) => bytes,
        }))
    }
}
