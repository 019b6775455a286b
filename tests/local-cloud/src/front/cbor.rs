//! The part of CBOR that AWS's RPC protocol uses, to and from JSON: maps with text keys, lists, text, numbers, flags, and
//! times (tag 1), which are seconds since 1970 in JSON.

use minicbor::data::{IanaTag, Type};
use minicbor::{Decoder, Encoder};
use serde_json::{Map, Value, json};

/// Reads one value.
pub(super) fn decode(bytes: &[u8]) -> Result<Value, String> {
    value(&mut Decoder::new(bytes)).map_err(|error| format!("not the CBOR expected here: {error}"))
}

fn value(decoder: &mut Decoder<'_>) -> Result<Value, minicbor::decode::Error> {
    let read = match decoder.datatype()? {
        Type::Tag => {
            decoder.tag()?;
            value(decoder)?
        }
        Type::Map | Type::MapIndef => {
            let mut left = decoder.map()?;
            let mut fields = Map::new();
            while goes_on(decoder, &mut left)? {
                fields.insert(text(decoder)?, value(decoder)?);
            }
            Value::Object(fields)
        }
        Type::Array | Type::ArrayIndef => {
            let mut left = decoder.array()?;
            let mut items = Vec::new();
            while goes_on(decoder, &mut left)? {
                items.push(value(decoder)?);
            }
            Value::Array(items)
        }
        Type::String | Type::StringIndef => Value::String(text(decoder)?),
        Type::Bool => json!(decoder.bool()?),
        Type::F16 => json!(decoder.f16()?),
        Type::F32 => json!(decoder.f32()?),
        Type::F64 => json!(decoder.f64()?),
        Type::Null => {
            decoder.null()?;
            Value::Null
        }
        _ => json!(decoder.i64()?),
    };
    Ok(read)
}

/// Whether a map or list has another entry; takes the end of one of unknown length.
fn goes_on(
    decoder: &mut Decoder<'_>,
    left: &mut Option<u64>,
) -> Result<bool, minicbor::decode::Error> {
    match left {
        Some(0) => Ok(false),
        Some(count) => {
            *count -= 1;
            Ok(true)
        }
        None if decoder.datatype()? == Type::Break => decoder.skip().map(|()| false),
        None => Ok(true),
    }
}

fn text(decoder: &mut Decoder<'_>) -> Result<String, minicbor::decode::Error> {
    decoder.str_iter()?.collect()
}

/// Writes one value. Numbers under a key that names a time become times, those under a statistic's name floats, as the
/// SDK expects them.
pub(super) fn encode(value: &Value) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    // Writing into memory cannot fail.
    let _ = write(&mut encoder, "", value);
    encoder.into_writer()
}

type Written = Result<(), minicbor::encode::Error<std::convert::Infallible>>;

fn write(encoder: &mut Encoder<Vec<u8>>, key: &str, value: &Value) -> Written {
    let written = match value {
        Value::Null => encoder.null(),
        Value::Bool(flag) => encoder.bool(*flag),
        Value::String(text) => encoder.str(text),
        Value::Number(number) => {
            let float = number.as_f64().unwrap_or_default();
            match number.as_i64() {
                _ if key.contains("Timestamp") => encoder.tag(IanaTag::Timestamp)?.f64(float),
                Some(whole) if !is_statistic(key) => encoder.i64(whole),
                _ => encoder.f64(float),
            }
        }
        Value::Array(items) => {
            encoder.begin_array()?;
            items
                .iter()
                .try_for_each(|item| write(encoder, key, item))?;
            encoder.end()
        }
        Value::Object(fields) => {
            encoder.begin_map()?;
            fields.iter().try_for_each(|(name, value)| {
                encoder
                    .str(name)
                    .map(|_| ())
                    .and_then(|()| write(encoder, name, value))
            })?;
            encoder.end()
        }
    };
    written.map(|_| ())
}

fn is_statistic(key: &str) -> bool {
    matches!(
        key,
        "Values" | "Sum" | "Average" | "Minimum" | "Maximum" | "SampleCount" | "Threshold"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let value = json!({"Id": "a", "Values": [1.5, -2.0], "Count": 3, "Flags": [true, null], "Nested": {"Text": "ü"}});
        assert_eq!(decode(&encode(&value)).unwrap(), value);
    }

    #[test]
    fn times_are_tagged_and_statistics_are_floats() {
        let bytes = encode(&json!({"Sum": 2, "Timestamps": [1]}));
        let mut decoder = Decoder::new(&bytes);
        decoder.map().unwrap();
        assert_eq!(decoder.str().unwrap(), "Sum");
        assert!((decoder.f64().unwrap() - 2.0).abs() < f64::EPSILON);
        assert_eq!(decoder.str().unwrap(), "Timestamps");
        decoder.array().unwrap();
        assert_eq!(decoder.tag().unwrap(), IanaTag::Timestamp.tag());
    }

    #[test]
    fn lengths_known_and_unknown_are_read() {
        let mut encoder = Encoder::new(Vec::new());
        encoder
            .map(1)
            .unwrap()
            .str("a")
            .unwrap()
            .array(2)
            .unwrap()
            .u8(1)
            .unwrap()
            .begin_array()
            .unwrap()
            .end()
            .unwrap();
        assert_eq!(
            decode(&encoder.into_writer()).unwrap(),
            json!({"a": [1, []]})
        );
        assert!(decode(&[0xa1, 0x61]).is_err());
    }
}
