//! Values to a message's bytes, by the order of fields.
//!
//! A value is written in one of three places: as a [`Whole`] body, as a [`Field`] of a message, where zero is nothing, or as
//! [`One`], where it is there whatever it is: an element of a list, the content of an `Option` or of a variant.

use serde::ser::{self, Serialize};

use super::super::cursor::Depth;
use super::super::fault::Fault;
use super::super::shared::Splices;
use super::records::kind;

/// Appends a body.
pub(super) fn whole<T: Serialize + ?Sized>(
    value: &T,
    out: &mut Vec<u8>,
    splices: &mut Splices<'_>,
) -> Result<(), Fault> {
    let mut writer = Writer { out, depth: Depth::whole() };
    value.serialize(Whole { writer: &mut writer, splices })
}

struct Writer<'o> {
    out: &'o mut Vec<u8>,
    depth: Depth,
}

impl Writer<'_> {
    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.out.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.out.push(number as u8);
    }

    /// What precedes a value.
    fn key(&mut self, number: u32, kind: u32) {
        self.varint(u64::from(number) << 3 | u64::from(kind));
    }

    fn bytes(&mut self, number: u32, bytes: &[u8]) {
        self.key(number, kind::BYTES);
        self.varint(bytes.len() as u64);
        self.out.extend_from_slice(bytes);
    }

    /// Begins a value whose length is not known yet; returns where it begins.
    fn open(&mut self, number: u32) -> usize {
        self.key(number, kind::BYTES);
        // Most are short: one byte of length.
        self.out.push(0);
        self.out.len()
    }

    /// Ends the value that begins at `at`.
    fn close(&mut self, at: usize) {
        let end = self.out.len();
        let mut len = (end - at) as u64;
        let more = (u64::BITS - (len | 1).leading_zeros()).div_ceil(7) as usize - 1;
        if more > 0 {
            self.out.resize(end + more, 0);
            self.out.copy_within(at..end, at + more);
        }
        for byte in self.out.iter_mut().skip(at - 1).take(more) {
            *byte = len as u8 | 0x80;
            len >>= 7;
        }
        if let Some(last) = self.out.get_mut(at - 1 + more) {
            *last = len as u8;
        }
    }

    fn scalar(&mut self, scalar: Scalar) {
        match scalar {
            Scalar::Varint(number) => self.varint(number),
            Scalar::Fixed32(bytes) => self.out.extend_from_slice(&bytes),
            Scalar::Fixed64(bytes) => self.out.extend_from_slice(&bytes),
        }
    }
}

/// What is no bytes and has no parts.
#[derive(Clone, Copy)]
enum Scalar {
    Varint(u64),
    Fixed32([u8; 4]),
    Fixed64([u8; 8]),
}

impl Scalar {
    fn kind(self) -> u32 {
        match self {
            Scalar::Varint(_) => kind::VARINT,
            Scalar::Fixed32(_) => kind::FIXED32,
            Scalar::Fixed64(_) => kind::FIXED64,
        }
    }

    fn is_zero(self) -> bool {
        match self {
            Scalar::Varint(number) => number == 0,
            Scalar::Fixed32(bytes) => bytes == [0; 4],
            Scalar::Fixed64(bytes) => bytes == [0; 8],
        }
    }
}

#[cold]
fn too_wide() -> Fault {
    Fault::new("an integer of 128 bits has no protobuf form: send it as bytes or text")
}

/// The scalars of a serializer that has `fn scalar(self, Scalar)`, `fn small(self, u8)` for a byte and `fn text(self, &str)`.
macro_rules! scalars {
    () => {
        scalars! {
            serialize_bool(value: bool) => Scalar::Varint(u64::from(value));
            serialize_i8(value: i8) => Scalar::Varint(i64::from(value).cast_unsigned());
            serialize_i16(value: i16) => Scalar::Varint(i64::from(value).cast_unsigned());
            serialize_i32(value: i32) => Scalar::Varint(i64::from(value).cast_unsigned());
            serialize_i64(value: i64) => Scalar::Varint(value.cast_unsigned());
            serialize_u16(value: u16) => Scalar::Varint(u64::from(value));
            serialize_u32(value: u32) => Scalar::Varint(u64::from(value));
            serialize_u64(value: u64) => Scalar::Varint(value);
            serialize_f32(value: f32) => Scalar::Fixed32(value.to_le_bytes());
            serialize_f64(value: f64) => Scalar::Fixed64(value.to_le_bytes());
        }

        fn serialize_u8(self, value: u8) -> Result<(), Fault> {
            self.small(value)
        }

        fn serialize_char(self, letter: char) -> Result<(), Fault> {
            match letter {
                // The letter of a field that is left out.
                '\0' => self.text(""),
                letter => self.text(letter.encode_utf8(&mut [0; 4])),
            }
        }

        fn serialize_str(self, text: &str) -> Result<(), Fault> {
            self.text(text)
        }

        fn serialize_i128(self, _value: i128) -> Result<(), Fault> {
            Err(too_wide())
        }

        fn serialize_u128(self, _value: u128) -> Result<(), Fault> {
            Err(too_wide())
        }

        fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _name: &'static str, value: &T) -> Result<(), Fault> {
            value.serialize(self)
        }

        fn serialize_unit_struct(self, _name: &'static str) -> Result<(), Fault> {
            self.serialize_unit()
        }

        fn is_human_readable(&self) -> bool {
            false
        }
    };
    ($($method:ident($value:ident: $type:ty) => $scalar:expr;)*) => {
        $(
            fn $method(self, $value: $type) -> Result<(), Fault> {
                self.scalar($scalar)
            }
        )*
    };
}

/// Structs, tuples and variants of a serializer that has `fn message(self)`, which begins a message.
macro_rules! messages {
    ($life:lifetime, $out:lifetime) => {
        fn serialize_tuple(self, _len: usize) -> Result<Message<$life, $out>, Fault> {
            self.message()
        }

        fn serialize_tuple_struct(
            self,
            _name: &'static str,
            _len: usize,
        ) -> Result<Message<$life, $out>, Fault> {
            self.message()
        }

        fn serialize_struct(self, _name: &'static str, _len: usize) -> Result<Message<$life, $out>, Fault> {
            self.message()
        }

        fn serialize_newtype_variant<T: Serialize + ?Sized>(
            self,
            _name: &'static str,
            index: u32,
            _variant: &'static str,
            value: &T,
        ) -> Result<(), Fault> {
            let message = self.message()?;
            value.serialize(One { writer: &mut *message.writer, number: of_variant(index)? })?;
            message.end();
            Ok(())
        }

        fn serialize_tuple_variant(
            self,
            _name: &'static str,
            index: u32,
            _variant: &'static str,
            _len: usize,
        ) -> Result<Message<$life, $out>, Fault> {
            self.message()?.variant(index)
        }

        fn serialize_struct_variant(
            self,
            _name: &'static str,
            index: u32,
            _variant: &'static str,
            _len: usize,
        ) -> Result<Message<$life, $out>, Fault> {
            self.message()?.variant(index)
        }
    };
}

/// The number of the field that a variant is.
fn of_variant(index: u32) -> Result<u32, Fault> {
    let number = index.checked_add(1).filter(|number| *number <= NUMBER_MAX);
    number.ok_or_else(|| Fault::new("an enum has more variants than a message can have fields"))
}

/// The highest number that a field can have.
const NUMBER_MAX: u32 = (1 << 29) - 1;

/// A body.
struct Whole<'a, 'o, 's> {
    writer: &'a mut Writer<'o>,
    splices: &'a mut Splices<'s>,
}

impl<'a, 'o> Whole<'a, 'o, '_> {
    /// The body is a message that holds a value in its first field.
    fn wrapped(self) -> Field<'a, 'o> {
        Field { writer: self.writer, number: 1 }
    }

    fn scalar(self, scalar: Scalar) -> Result<(), Fault> {
        self.wrapped().scalar(scalar)
    }

    fn small(self, value: u8) -> Result<(), Fault> {
        self.wrapped().small(value)
    }

    fn text(self, text: &str) -> Result<(), Fault> {
        self.wrapped().text(text)
    }

    fn message(self) -> Result<Message<'a, 'o>, Fault> {
        self.writer.depth.enter()?;
        Ok(Message { writer: self.writer, number: 0, opened: [None, None] })
    }
}

impl<'a, 'o> ser::Serializer for Whole<'a, 'o, '_> {
    type Ok = ();
    type Error = Fault;
    type SerializeSeq = List<'a, 'o>;
    type SerializeTuple = Message<'a, 'o>;
    type SerializeTupleStruct = Message<'a, 'o>;
    type SerializeTupleVariant = Message<'a, 'o>;
    type SerializeMap = Entries<'a, 'o>;
    type SerializeStruct = Message<'a, 'o>;
    type SerializeStructVariant = Message<'a, 'o>;

    scalars! {}
    messages! { 'a, 'o }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), Fault> {
        self.splices.put(self.writer.out, bytes);
        Ok(())
    }

    fn serialize_unit(self) -> Result<(), Fault> {
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Fault> {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Fault> {
        self.wrapped().serialize_some(value)
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        index: u32,
        _variant: &'static str,
    ) -> Result<(), Fault> {
        self.writer.bytes(of_variant(index)?, &[]);
        Ok(())
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<List<'a, 'o>, Fault> {
        self.wrapped().serialize_seq(len)
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Entries<'a, 'o>, Fault> {
        self.wrapped().serialize_map(len)
    }
}

/// A field of a message: what is zero is left out.
struct Field<'a, 'o> {
    writer: &'a mut Writer<'o>,
    number: u32,
}

impl<'a, 'o> Field<'a, 'o> {
    fn one(self) -> One<'a, 'o> {
        One { writer: self.writer, number: self.number }
    }

    fn scalar(self, scalar: Scalar) -> Result<(), Fault> {
        match scalar.is_zero() {
            true => Ok(()),
            false => self.one().scalar(scalar),
        }
    }

    fn small(self, value: u8) -> Result<(), Fault> {
        self.scalar(Scalar::Varint(u64::from(value)))
    }

    fn text(self, text: &str) -> Result<(), Fault> {
        match text {
            "" => Ok(()),
            text => self.one().text(text),
        }
    }

    fn message(self) -> Result<Message<'a, 'o>, Fault> {
        self.one().message()
    }
}

impl<'a, 'o> ser::Serializer for Field<'a, 'o> {
    type Ok = ();
    type Error = Fault;
    type SerializeSeq = List<'a, 'o>;
    type SerializeTuple = Message<'a, 'o>;
    type SerializeTupleStruct = Message<'a, 'o>;
    type SerializeTupleVariant = Message<'a, 'o>;
    type SerializeMap = Entries<'a, 'o>;
    type SerializeStruct = Message<'a, 'o>;
    type SerializeStructVariant = Message<'a, 'o>;

    scalars! {}
    messages! { 'a, 'o }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), Fault> {
        if !bytes.is_empty() {
            self.writer.bytes(self.number, bytes);
        }
        Ok(())
    }

    fn serialize_unit(self) -> Result<(), Fault> {
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Fault> {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Fault> {
        self.writer.depth.enter()?;
        value.serialize(One { writer: &mut *self.writer, number: self.number })?;
        self.writer.depth.leave();
        Ok(())
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        index: u32,
        _variant: &'static str,
    ) -> Result<(), Fault> {
        self.scalar(Scalar::Varint(u64::from(index)))
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<List<'a, 'o>, Fault> {
        self.writer.depth.enter()?;
        Ok(List {
            writer: self.writer,
            number: self.number,
            is_one: false,
            state: State::Empty,
            wrapper: None,
        })
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Entries<'a, 'o>, Fault> {
        self.writer.depth.enter()?;
        Ok(Entries { writer: self.writer, number: self.number, entry: None, wrapper: None })
    }
}

/// A value that is there, whatever it is.
struct One<'a, 'o> {
    writer: &'a mut Writer<'o>,
    number: u32,
}

impl<'a, 'o> One<'a, 'o> {
    fn scalar(self, scalar: Scalar) -> Result<(), Fault> {
        self.writer.key(self.number, scalar.kind());
        self.writer.scalar(scalar);
        Ok(())
    }

    fn small(self, value: u8) -> Result<(), Fault> {
        self.scalar(Scalar::Varint(u64::from(value)))
    }

    fn text(self, text: &str) -> Result<(), Fault> {
        self.serialize_bytes_of(text.as_bytes())
    }

    fn serialize_bytes_of(self, bytes: &[u8]) -> Result<(), Fault> {
        self.writer.bytes(self.number, bytes);
        Ok(())
    }

    fn message(self) -> Result<Message<'a, 'o>, Fault> {
        self.writer.depth.enter()?;
        let at = self.writer.open(self.number);
        Ok(Message { writer: self.writer, number: 0, opened: [Some(at), None] })
    }
}

impl<'a, 'o> ser::Serializer for One<'a, 'o> {
    type Ok = ();
    type Error = Fault;
    type SerializeSeq = List<'a, 'o>;
    type SerializeTuple = Message<'a, 'o>;
    type SerializeTupleStruct = Message<'a, 'o>;
    type SerializeTupleVariant = Message<'a, 'o>;
    type SerializeMap = Entries<'a, 'o>;
    type SerializeStruct = Message<'a, 'o>;
    type SerializeStructVariant = Message<'a, 'o>;

    scalars! {}
    messages! { 'a, 'o }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), Fault> {
        self.serialize_bytes_of(bytes)
    }

    fn serialize_unit(self) -> Result<(), Fault> {
        self.serialize_bytes_of(&[])
    }

    fn serialize_none(self) -> Result<(), Fault> {
        self.serialize_bytes_of(&[])
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Fault> {
        let message = self.message()?;
        value.serialize(One { writer: &mut *message.writer, number: 1 })?;
        message.end();
        Ok(())
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        index: u32,
        _variant: &'static str,
    ) -> Result<(), Fault> {
        self.scalar(Scalar::Varint(u64::from(index)))
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<List<'a, 'o>, Fault> {
        self.writer.depth.enter()?;
        Ok(List {
            writer: self.writer,
            number: self.number,
            is_one: true,
            state: State::Empty,
            wrapper: None,
        })
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Entries<'a, 'o>, Fault> {
        self.writer.depth.enter()?;
        let wrapper = Some(self.writer.open(self.number));
        Ok(Entries { writer: self.writer, number: 1, entry: None, wrapper })
    }
}

/// The fields of a message.
struct Message<'a, 'o> {
    writer: &'a mut Writer<'o>,
    /// The number of the last field.
    number: u32,
    /// Where the values begin whose lengths are to be filled in: that of the message, and of the one inside that a
    /// variant is.
    opened: [Option<usize>; 2],
}

impl Message<'_, '_> {
    /// Goes on with the message that is the content of a variant.
    fn variant(mut self, index: u32) -> Result<Self, Fault> {
        let [outer, _] = self.opened;
        self.opened = [outer, Some(self.writer.open(of_variant(index)?))];
        Ok(self)
    }

    fn put<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        self.number += 1;
        value.serialize(Field { writer: &mut *self.writer, number: self.number })
    }

    fn end(self) {
        let [outer, inner] = self.opened;
        for at in [inner, outer].into_iter().flatten() {
            self.writer.close(at);
        }
        self.writer.depth.leave();
    }
}

macro_rules! fields {
    ($($trait:ident: $method:ident($($key:ident)?);)*) => {
        $(
            impl ser::$trait for Message<'_, '_> {
                type Ok = ();
                type Error = Fault;

                fn $method<T: Serialize + ?Sized>(&mut self, $($key: &'static str,)? value: &T) -> Result<(), Fault> {
                    $(let _ = $key;)?
                    self.put(value)
                }

                fn end(self) -> Result<(), Fault> {
                    Message::end(self);
                    Ok(())
                }

                $(
                    fn skip_field(&mut self, $key: &'static str) -> Result<(), Fault> {
                        let _ = $key;
                        self.number += 1;
                        Ok(())
                    }
                )?
            }
        )*
    };
}

fields! {
    SerializeTuple: serialize_element();
    SerializeTupleStruct: serialize_field();
    SerializeTupleVariant: serialize_field();
    SerializeStruct: serialize_field(key);
    SerializeStructVariant: serialize_field(key);
}

/// The elements of a list.
struct List<'a, 'o> {
    writer: &'a mut Writer<'o>,
    number: u32,
    /// Whether it is there even if it is empty: bytes then, or a message with the list in it.
    is_one: bool,
    state: State,
    /// Where the message begins that holds the list.
    wrapper: Option<usize>,
}

/// How the elements of a list are written, which the first of them decides.
enum State {
    Empty,
    /// Behind each other, from there on.
    Packed(usize),
    /// Each for itself.
    Apart,
}

impl List<'_, '_> {
    /// A message around the list, if one is needed.
    fn wrap(&mut self) {
        if self.is_one {
            self.wrapper = Some(self.writer.open(self.number));
            (self.is_one, self.number) = (false, 1);
        }
    }
}

impl ser::SerializeSeq for List<'_, '_> {
    type Ok = ();
    type Error = Fault;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        value.serialize(Element(self))
    }

    fn end(self) -> Result<(), Fault> {
        match self.state {
            State::Empty if self.is_one => self.writer.bytes(self.number, &[]),
            State::Packed(at) => self.writer.close(at),
            State::Empty | State::Apart => {}
        }
        if let Some(at) = self.wrapper {
            self.writer.close(at);
        }
        self.writer.depth.leave();
        Ok(())
    }
}

/// The next element of a list.
struct Element<'l, 'a, 'o>(&'l mut List<'a, 'o>);

impl<'l, 'o> Element<'l, '_, 'o> {
    /// It is written for itself.
    fn apart(self) -> Result<One<'l, 'o>, Fault> {
        match self.0.state {
            State::Empty => self.0.wrap(),
            State::Apart => {}
            State::Packed(_) => return Err(Fault::new("a list holds a number and something else")),
        }
        self.0.state = State::Apart;
        Ok(One { writer: &mut *self.0.writer, number: self.0.number })
    }

    fn scalar(self, scalar: Scalar) -> Result<(), Fault> {
        match self.0.state {
            State::Empty => {
                self.0.wrap();
                self.0.state = State::Packed(self.0.writer.open(self.0.number));
            }
            State::Packed(_) => {}
            State::Apart => return self.apart()?.scalar(scalar),
        }
        self.0.writer.scalar(scalar);
        Ok(())
    }

    /// One of many bytes, which are no numbers but bytes.
    fn small(self, value: u8) -> Result<(), Fault> {
        match self.0.state {
            State::Empty => self.0.state = State::Packed(self.0.writer.open(self.0.number)),
            State::Packed(_) => {}
            State::Apart => return self.apart()?.small(value),
        }
        self.0.writer.out.push(value);
        Ok(())
    }

    fn text(self, text: &str) -> Result<(), Fault> {
        self.apart()?.text(text)
    }

    fn message(self) -> Result<Message<'l, 'o>, Fault> {
        self.apart()?.message()
    }
}

impl<'l, 'o> ser::Serializer for Element<'l, '_, 'o> {
    type Ok = ();
    type Error = Fault;
    type SerializeSeq = List<'l, 'o>;
    type SerializeTuple = Message<'l, 'o>;
    type SerializeTupleStruct = Message<'l, 'o>;
    type SerializeTupleVariant = Message<'l, 'o>;
    type SerializeMap = Entries<'l, 'o>;
    type SerializeStruct = Message<'l, 'o>;
    type SerializeStructVariant = Message<'l, 'o>;

    scalars! {}
    messages! { 'l, 'o }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), Fault> {
        self.apart()?.serialize_bytes_of(bytes)
    }

    fn serialize_unit(self) -> Result<(), Fault> {
        self.apart()?.serialize_unit()
    }

    fn serialize_none(self) -> Result<(), Fault> {
        self.apart()?.serialize_none()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Fault> {
        self.apart()?.serialize_some(value)
    }

    /// For itself: variants with content may be among the others.
    fn serialize_unit_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Result<(), Fault> {
        self.apart()?.serialize_unit_variant(name, index, variant)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<List<'l, 'o>, Fault> {
        self.apart()?.serialize_seq(len)
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Entries<'l, 'o>, Fault> {
        self.apart()?.serialize_map(len)
    }
}

/// The entries of a map: messages with the key in field 1 and the value in field 2.
struct Entries<'a, 'o> {
    writer: &'a mut Writer<'o>,
    number: u32,
    /// Where the entry begins whose value is still to come.
    entry: Option<usize>,
    /// Where the message begins that holds the map.
    wrapper: Option<usize>,
}

impl ser::SerializeMap for Entries<'_, '_> {
    type Ok = ();
    type Error = Fault;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Fault> {
        self.entry = Some(self.writer.open(self.number));
        key.serialize(Field { writer: &mut *self.writer, number: 1 })
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        value.serialize(Field { writer: &mut *self.writer, number: 2 })?;
        if let Some(at) = self.entry.take() {
            self.writer.close(at);
        }
        Ok(())
    }

    fn end(self) -> Result<(), Fault> {
        if let Some(at) = self.wrapper {
            self.writer.close(at);
        }
        self.writer.depth.leave();
        Ok(())
    }
}
