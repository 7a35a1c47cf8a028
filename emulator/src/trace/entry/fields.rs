// SPDX-License-Identifier: GPL-2.0

//! The fields of a line, by their names and kinds.

use super::value_of;
use crate::{
    observe::Via,
    queue::{
        Hold,
        Piece,
        Table,
        Wish, //
    },
    trace::json::Value,
    virtio::net::Header,
};

/// The fields of an object.
pub(super) struct Fields<'a>(pub &'a [(String, Value)]);

impl Fields<'_> {
    pub fn get<T: Field>(&self, name: &str) -> Result<T, String> {
        let found = self.0.iter().find(|(known, _)| known == name);
        let (_, value) = found.ok_or_else(|| format!("{name:?} is missing"))?;
        T::take(value).ok_or_else(|| format!("{name:?} makes no sense"))
    }

    pub fn word<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Result<T, String> {
        let word: String = self.get(name)?;
        value_of(words, &word).ok_or_else(|| format!("{name:?} makes no sense"))
    }

    /// Bytes in hexadecimal.
    pub fn bytes(&self, name: &str) -> Result<Vec<u8>, String> {
        let text: String = self.get(name)?;
        let digit = |letter: u8| char::from(letter).to_digit(16);
        text.as_bytes()
            .chunks(2)
            .map(|pair| match pair {
                // CAST: Two digits make a byte.
                [high, low] => Some((digit(*high)? * 16 + digit(*low)?) as u8),
                _ => None,
            })
            .collect::<Option<Vec<u8>>>()
            .ok_or_else(|| format!("{name:?} makes no sense"))
    }

    pub fn via(&self) -> Result<Via, String> {
        Ok(match self.get::<String>("via")?.as_str() {
            "line" => Via::Line,
            "vector" => Via::Vector(self.get("vector")?),
            "nowhere" => Via::Nowhere,
            _ => return Err("\"via\" makes no sense".into()),
        })
    }

    pub fn wish(&self) -> Result<Wish, String> {
        Ok(match self.get::<String>("wish")?.as_str() {
            "off" => Wish::Off,
            "on" => Wish::On,
            "at" => Wish::At(self.get("index")?),
            _ => return Err("\"wish\" makes no sense".into()),
        })
    }

    pub fn hold(&self) -> Result<Hold, String> {
        Ok(match self.get::<String>("by")?.as_str() {
            "flags" => Hold::Flags,
            "event" => Hold::Event(self.get("index")?),
            _ => return Err("\"by\" makes no sense".into()),
        })
    }

    pub fn header(&self) -> Result<Header, String> {
        Ok(Header {
            flags: self.get("flags")?,
            gso_type: self.get("gso_type")?,
            hdr_len: self.get("hdr_len")?,
            gso_size: self.get("gso_size")?,
            csum_start: self.get("csum_start")?,
            csum_offset: self.get("csum_offset")?,
            num_buffers: self.get("num_buffers")?,
        })
    }
}

/// What a field can be.
pub(super) trait Field: Sized {
    fn take(value: &Value) -> Option<Self>;
}

macro_rules! number_fields {
    ($($kind:ty)*) => {$(
        impl Field for $kind {
            fn take(value: &Value) -> Option<Self> {
                match value {
                    Value::Number(number) => Self::try_from(*number).ok(),
                    _ => None,
                }
            }
        }
    )*};
}

number_fields!(u8 u16 u32 u64);

impl Field for bool {
    fn take(value: &Value) -> Option<Self> {
        match value {
            Value::Bool(on) => Some(*on),
            _ => None,
        }
    }
}

impl Field for String {
    fn take(value: &Value) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        }
    }
}

impl<T: Field> Field for Option<T> {
    fn take(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::take(value).map(Some),
        }
    }
}

impl<T: Field> Field for Vec<T> {
    fn take(value: &Value) -> Option<Self> {
        match value {
            Value::List(list) => list.iter().map(T::take).collect(),
            _ => None,
        }
    }
}

impl Field for Piece {
    fn take(value: &Value) -> Option<Self> {
        let Value::Object(fields) = value else {
            return None;
        };
        let fields = Fields(fields);
        Some(Self {
            index: fields.get("index").ok()?,
            at: fields.get("at").ok()?,
            len: fields.get("len").ok()?,
            writable: fields.get("writable").ok()?,
        })
    }
}

impl Field for Table {
    fn take(value: &Value) -> Option<Self> {
        let Value::Object(fields) = value else {
            return None;
        };
        let fields = Fields(fields);
        Some(Self {
            at: fields.get("at").ok()?,
            entries: fields.get("entries").ok()?,
        })
    }
}
