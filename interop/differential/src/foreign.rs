//! A gob encoder of the test's own, which writes what is allowed but neither Go nor we write: ids with
//! gaps, definitions in any order and of types that nothing uses, numbers longer than they need be.

use std::collections::HashMap;

use fastrand::Rng;

use crate::model::{REGISTERED, Type, Val, YEAR_ONE};

/// A stream of values.
#[derive(Debug)]
pub struct Foreign {
    rng: Rng,
    next_id: i64,
    ids: HashMap<Type, i64>,
    /// Definitions that were not sent yet.
    definitions: Vec<Vec<u8>>,
    bytes: Vec<u8>,
    /// Whether numbers may take more bytes than they need.
    is_wide: bool,
}

impl Foreign {
    /// Of which nothing has been written.
    #[must_use]
    pub fn new(mut rng: Rng) -> Self {
        let next_id = if rng.bool() { 64 } else { rng.i64(64..200) };
        let is_wide = rng.u8(..) < 40;
        Self { rng, next_id, ids: HashMap::new(), definitions: Vec::new(), bytes: Vec::new(), is_wide }
    }

    /// Writes the definitions that are needed, then the value.
    pub fn write(&mut self, of: &Type, value: &Val) {
        if self.rng.u8(..) < 16 {
            self.define(&Type::Slice(Box::new(Type::Array(3, Box::new(Type::Bool)))));
        }
        let id = self.define(of);
        let mut message = Vec::new();
        self.int(id, &mut message);
        self.top(of, value, &mut message);
        let mut definitions = std::mem::take(&mut self.definitions);
        self.rng.shuffle(&mut definitions);
        for message in definitions.iter().chain([&message]) {
            let mut len = Vec::new();
            self.uint(message.len() as u64, &mut len);
            self.bytes.extend_from_slice(&len);
            self.bytes.extend_from_slice(message);
        }
    }

    /// What was written.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn uint(&mut self, value: u64, out: &mut Vec<u8>) {
        let needed = 8 - value.leading_zeros() as usize / 8;
        let wide = self.is_wide && self.rng.u8(..) < 24;
        if value < 128 && !wide {
            out.push(value as u8);
            return;
        }
        let size = if wide { self.rng.usize(needed.max(1)..=8) } else { needed };
        out.push((size as u8).wrapping_neg());
        out.extend_from_slice(&value.to_be_bytes()[8 - size..]);
    }

    fn int(&mut self, value: i64, out: &mut Vec<u8>) {
        self.uint((value << 1 ^ value >> 63) as u64, out);
    }

    fn float(&mut self, value: f64, out: &mut Vec<u8>) {
        self.uint(value.to_bits().swap_bytes(), out);
    }

    fn text(&mut self, text: &[u8], out: &mut Vec<u8>) {
        self.uint(text.len() as u64, out);
        out.extend_from_slice(text);
    }

    /// The id of a type, which is given and defined at its first use.
    fn define(&mut self, of: &Type) -> i64 {
        match of {
            Type::Bool => return 1,
            Type::Int(_) => return 2,
            Type::Uint(_) | Type::Uintptr => return 3,
            Type::Float(_) => return 4,
            Type::Bytes => return 5,
            Type::Text => return 6,
            Type::Complex(_) => return 7,
            Type::Any => return 8,
            Type::Pointer(element) => return self.define(element),
            _ => {}
        }
        if let Some(id) = self.ids.get(of) {
            return *id;
        }
        let id = self.next_id;
        self.next_id += if self.rng.u8(..) < 200 { 1 } else { self.rng.i64(1..90) };
        self.ids.insert(of.clone(), id);

        let mut out = Vec::new();
        self.int(-id, &mut out);
        let (kind, name) = match of {
            Type::Array(..) => (1, ""),
            Type::Slice(_) => (2, ""),
            Type::Map(..) => (4, ""),
            Type::Time => (5, "Time"),
            Type::BigInt => (5, ""),
            Type::Gobbed => (5, "Gobbed"),
            Type::Packed => (6, "Packed"),
            Type::Named(name) => (3, *name),
            _ => (3, ""),
        };
        out.extend_from_slice(&[kind, 1]);
        if !name.is_empty() {
            out.push(1);
            self.text(name.as_bytes(), &mut out);
        }
        out.push(if name.is_empty() { 2 } else { 1 });
        self.int(id, &mut out);
        out.push(0);
        match of {
            Type::Array(len, element) => {
                self.part(element, &mut out);
                out.push(1);
                self.int(*len as i64, &mut out);
            }
            Type::Slice(element) => self.part(element, &mut out),
            Type::Map(key, element) => {
                self.part(key, &mut out);
                self.part(element, &mut out);
            }
            Type::Struct(_) | Type::Named(_) => self.fields(&of.fields().unwrap_or_default(), &mut out),
            _ => {}
        }
        out.extend_from_slice(&[0, 0]);
        self.definitions.push(out);
        id
    }

    fn part(&mut self, of: &Type, out: &mut Vec<u8>) {
        let id = self.define(of);
        out.push(1);
        self.int(id, out);
    }

    fn fields(&mut self, fields: &[(String, Type)], out: &mut Vec<u8>) {
        if fields.is_empty() {
            return;
        }
        out.push(1);
        self.uint(fields.len() as u64, out);
        for (name, of) in fields {
            out.push(1);
            self.text(name.as_bytes(), out);
            self.part(of, out);
            out.push(0);
        }
    }

    /// A value that stands alone: what is no struct comes after a zero.
    fn top(&mut self, of: &Type, value: &Val, out: &mut Vec<u8>) {
        match (of, value) {
            (Type::Pointer(element), Val::Pointer(Some(content))) => return self.top(element, content, out),
            (Type::Struct(_) | Type::Named(_), _) => {}
            _ => out.push(0),
        }
        self.value(of, value, out);
    }

    fn value(&mut self, of: &Type, value: &Val, out: &mut Vec<u8>) {
        match (of, value) {
            (_, Val::Bool(value)) => out.push(u8::from(*value)),
            (_, Val::Int(value)) => self.int(*value, out),
            (_, Val::Uint(value)) => self.uint(*value, out),
            (_, Val::Float(value)) => self.float(*value, out),
            (_, Val::Complex(real, imaginary)) => {
                self.float(*real, out);
                self.float(*imaginary, out);
            }
            (Type::Gobbed, Val::Bytes(text)) => self.text(&[b"<", &text[..], b">"].concat(), out),
            (Type::Packed, Val::Bytes(text)) => self.text(&[b"[", &text[..], b"]"].concat(), out),
            (_, Val::Bytes(bytes)) => self.text(bytes, out),
            (_, Val::Time { seconds, nanoseconds, offset }) => {
                self.text(&time(*seconds, *nanoseconds, *offset), out)
            }
            (_, Val::BigInt { negative, digits }) => {
                self.text(&[&[2 | u8::from(*negative)], &digits[..]].concat(), out)
            }
            (_, Val::Any(None)) => out.push(0),
            (_, Val::Any(Some((name, content)))) => self.interface(name, content, out),
            (Type::Pointer(element), Val::Pointer(Some(content))) => self.value(element, content, out),
            (Type::Slice(element) | Type::Array(_, element), Val::List(elements)) => {
                self.uint(elements.len() as u64, out);
                for value in elements {
                    self.value(element, value, out);
                }
            }
            (Type::Map(key_type, element_type), Val::Map(entries)) => {
                self.uint(entries.len() as u64, out);
                for (key, element) in entries {
                    self.value(key_type, key, out);
                    self.value(element_type, element, out);
                }
            }
            (_, Val::Struct(values)) => {
                let mut last = -1;
                for (at, ((_, field), value)) in
                    of.fields().unwrap_or_default().iter().zip(values).enumerate()
                {
                    if !value.is_left_out() {
                        self.uint((at as i64 - last) as u64, out);
                        self.value(field, value, out);
                        last = at as i64;
                    }
                }
                out.push(0);
            }
            _ => unreachable!("{value:?} is a value of {of:?}"),
        }
    }

    fn interface(&mut self, name: &str, content: &Val, out: &mut Vec<u8>) {
        let (_, of) =
            REGISTERED.iter().find(|(known, _)| *known == name).expect("only registered names are generated");
        let mut inside = Vec::new();
        self.top(of, content, &mut inside);
        self.text(name.as_bytes(), out);
        let id = self.define(of);
        self.int(id, out);
        self.text(&inside, out);
    }
}

/// As `time.Time` writes itself.
#[must_use]
pub fn time(seconds: i64, nanoseconds: u32, offset: i32) -> Vec<u8> {
    let (minutes, rest) = if offset == 0 { (-1, 0) } else { (offset / 60, offset % 60) };
    let mut bytes = vec![if rest == 0 { 1 } else { 2 }];
    bytes.extend_from_slice(&(seconds - YEAR_ONE).to_be_bytes());
    bytes.extend_from_slice(&nanoseconds.to_be_bytes());
    bytes.extend_from_slice(&(minutes as i16).to_be_bytes());
    if rest != 0 {
        bytes.push(rest as u8);
    }
    bytes
}
