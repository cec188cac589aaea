//! One type definition as it was sent: Go's `wireType`.

use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::names::Marshaler;
use crate::wire::{Cursor, put_bytes, put_int, put_uint};

/// A type as the peer defined it; the ids in it may be defined later.
#[derive(Debug)]
pub(crate) struct Definition {
    pub(crate) id: i32,
    pub(crate) name: Box<str>,
    pub(crate) form: Form,
}

/// What the type is made of, by the sender's ids.
#[derive(Debug)]
pub(crate) enum Form {
    Array(i32, u64),
    Slice(i32),
    Map(i32, i32),
    Struct(Box<[FieldDefinition]>),
    Opaque(Marshaler),
}

#[derive(Debug)]
pub(crate) struct FieldDefinition {
    pub(crate) name: Box<str>,
    pub(crate) id: i32,
}

/// The fields of any of Go's seven kinds, before it is known which it is.
#[derive(Default)]
struct Draft {
    name: Box<str>,
    first: i64,
    second: i64,
    fields: Vec<FieldDefinition>,
}

impl Definition {
    /// Reads what follows the negated id. Go ignores the id and name inside of it, and so does this.
    pub(crate) fn read(id: i32, body: &mut Cursor<'_>, limits: &Limits) -> Result<Self> {
        let mut found = None;
        each_field(body, |body, kind| {
            if !(1..=7).contains(&kind) {
                return Err(Error::damaged(format!("{kind} is no kind of type definition, expected 1 to 7")));
            }
            // Go takes whichever the receiver of a value happens to need.
            if found.is_some() {
                return Err(Error::damaged(format!("the definition of type {id} says two kinds")));
            }
            found = Some((kind, Draft::read(kind, body, limits)?));
            Ok(())
        })?;
        let Some((kind, draft)) = found else {
            return Err(Error::damaged(format!("the definition of type {id} says no kind")));
        };
        let form = match kind {
            1 => {
                let len = u64::try_from(draft.second)
                    .map_err(|_| Error::damaged(format!("an array of {} elements", draft.second)))?;
                Form::Array(part_id(draft.first)?, len)
            }
            2 => Form::Slice(part_id(draft.first)?),
            3 => Form::Struct(draft.fields.into()),
            4 => Form::Map(part_id(draft.first)?, part_id(draft.second)?),
            5 => Form::Opaque(Marshaler::Gob),
            6 => Form::Opaque(Marshaler::Binary),
            _ => Form::Opaque(Marshaler::Text),
        };
        Ok(Self { id, name: draft.name, form })
    }
}

impl Definition {
    /// Appends the whole message that says this.
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        let mut body = Vec::new();
        put_int(&mut body, -i64::from(self.id));
        match &self.form {
            Form::Array(element, len) => {
                self.put_common(&mut body, 1);
                put_field(&mut body, i64::from(*element));
                if *len > 0 {
                    put_field(&mut body, i64::try_from(*len).unwrap_or(i64::MAX));
                }
            }
            Form::Slice(element) => {
                self.put_common(&mut body, 2);
                put_field(&mut body, i64::from(*element));
            }
            Form::Struct(fields) => {
                self.put_common(&mut body, 3);
                if !fields.is_empty() {
                    body.push(1);
                    put_uint(&mut body, fields.len() as u64);
                }
                for field in fields {
                    body.push(1);
                    put_bytes(&mut body, field.name.as_bytes());
                    put_field(&mut body, i64::from(field.id));
                    body.push(0);
                }
            }
            Form::Map(key, element) => {
                self.put_common(&mut body, 4);
                put_field(&mut body, i64::from(*key));
                put_field(&mut body, i64::from(*element));
            }
            Form::Opaque(Marshaler::Gob) => self.put_common(&mut body, 5),
            Form::Opaque(Marshaler::Binary) => self.put_common(&mut body, 6),
            Form::Opaque(Marshaler::Text) => self.put_common(&mut body, 7),
        }
        body.extend_from_slice(&[0, 0]);
        put_bytes(out, &body);
    }

    /// Which of the seven kinds it is, and the name and id that all of them begin with.
    fn put_common(&self, out: &mut Vec<u8>, kind: u8) {
        out.extend_from_slice(&[kind, 1]);
        if self.name.is_empty() {
            out.push(2);
        } else {
            out.push(1);
            put_bytes(out, self.name.as_bytes());
            out.push(1);
        }
        put_int(out, self.id.into());
        out.push(0);
    }
}

/// An int in the next field.
fn put_field(out: &mut Vec<u8>, value: i64) {
    out.push(1);
    put_int(out, value);
}

impl Draft {
    fn read(kind: u64, body: &mut Cursor<'_>, limits: &Limits) -> Result<Self> {
        let mut draft = Self::default();
        each_field(body, |body, field| {
            match (field, kind) {
                (1, _) => each_field(body, |body, field| {
                    match field {
                        1 => draft.name = name(body, limits)?,
                        2 => drop(body.int()?),
                        _ => return Err(unknown_field(field)),
                    }
                    Ok(())
                })?,
                (2, 3) => draft.fields = fields(body, limits)?,
                (2, 1 | 2 | 4) => draft.first = body.int()?,
                (3, 1 | 4) => draft.second = body.int()?,
                _ => return Err(unknown_field(field)),
            }
            Ok(())
        })?;
        Ok(draft)
    }
}

fn fields(body: &mut Cursor<'_>, limits: &Limits) -> Result<Vec<FieldDefinition>> {
    let count = body.count(0)?;
    if count > limits.fields_max {
        return Err(Error::limit(format!(
            "a struct of {count} fields is over the limit of {}",
            limits.fields_max
        )));
    }
    let mut fields = Vec::new();
    for _ in 0..count {
        let mut field = FieldDefinition { name: Box::default(), id: 0 };
        each_field(body, |body, number| {
            match number {
                1 => field.name = name(body, limits)?,
                2 => field.id = part_id(body.int()?)?,
                _ => return Err(unknown_field(number)),
            }
            Ok(())
        })?;
        fields.push(field);
    }
    Ok(fields)
}

fn name(body: &mut Cursor<'_>, limits: &Limits) -> Result<Box<str>> {
    let bytes = body.bytes()?;
    if bytes.len() > limits.name_len_max {
        return Err(Error::limit(format!(
            "a name of {} bytes is over the limit of {}",
            bytes.len(),
            limits.name_len_max
        )));
    }
    Ok(String::from_utf8_lossy(bytes).into())
}

fn part_id(id: i64) -> Result<i32> {
    i32::try_from(id).map_err(|_| Error::damaged(format!("type id {id} is out of range")))
}

/// Calls `read` with the number, counted from 1, of each field of a struct until its end.
fn each_field(body: &mut Cursor<'_>, mut read: impl FnMut(&mut Cursor<'_>, u64) -> Result<()>) -> Result<()> {
    let mut number: u64 = 0;
    loop {
        let delta = body.delta()?;
        if delta == 0 {
            return Ok(());
        }
        number = number.saturating_add(delta);
        read(body, number)?;
    }
}

#[cold]
fn unknown_field(number: u64) -> Error {
    Error::damaged(format!("field {number} of a type definition is unknown"))
}
