//! Gob by hand: messages that no encoder of ours would write.

/// An unsigned number.
pub(crate) fn uint(value: u64) -> Vec<u8> {
    if value < 128 {
        return vec![value as u8];
    }
    let bytes = value.to_be_bytes();
    let zeros = (value.leading_zeros() / 8) as usize;
    [&[(zeros as u8).wrapping_sub(8)], &bytes[zeros..]].concat()
}

/// A signed number.
pub(crate) fn int(value: i64) -> Vec<u8> {
    uint(((value << 1) ^ (value >> 63)) as u64)
}

/// A text, or bytes.
pub(crate) fn text(text: &str) -> Vec<u8> {
    [uint(text.len() as u64), text.as_bytes().to_vec()].concat()
}

/// A message: its length, and what it holds.
pub(crate) fn message(body: &[u8]) -> Vec<u8> {
    [uint(body.len() as u64), body.to_vec()].concat()
}

/// A message with a value of the type `id`.
pub(crate) fn value(id: i64, value: &[u8]) -> Vec<u8> {
    message(&[int(id), value.to_vec()].concat())
}

/// `type NAME struct { … }`, its fields by name and type.
pub(crate) fn define_struct(id: i64, name: &str, fields: &[(&str, i64)]) -> Vec<u8> {
    let mut body = [int(-id), vec![3, 1, 1], text(name), vec![1], int(id), vec![0, 1]].concat();
    body.extend(uint(fields.len() as u64));
    for (field, field_type) in fields {
        body.extend([vec![1], text(field), vec![1], int(*field_type), vec![0]].concat());
    }
    body.extend([0, 0]);
    message(&body)
}

/// `type … []ELEMENT`.
pub(crate) fn define_slice(id: i64, element: i64) -> Vec<u8> {
    message(&[int(-id), vec![2, 1, 2], int(id), vec![0, 1], int(element), vec![0, 0]].concat())
}

/// `type … map[KEY]ELEMENT`.
pub(crate) fn define_map(id: i64, key: i64, element: i64) -> Vec<u8> {
    message(
        &[int(-id), vec![4, 1, 2], int(id), vec![0, 1], int(key), vec![1], int(element), vec![0, 0]].concat(),
    )
}

/// The ids of types that every stream knows.
pub(crate) const INT: i64 = 2;
pub(crate) const UINT: i64 = 3;
pub(crate) const STRING: i64 = 6;
pub(crate) const INTERFACE: i64 = 8;
/// An id that no type of the tests has otherwise.
pub(crate) const OWN: i64 = 5000;
