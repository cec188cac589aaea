//! What Go's programs of the family say, byte for byte.

/// The numbers by which clients of WgRPC and GeeRPC begin.
pub(crate) const MAGIC: [u32; 2] = [57_775_718, 3_927_900];

/// An Option as Go writes it.
pub(crate) fn option(magic: u32, codec: &str, handle_timeout: i64) -> Vec<u8> {
    let option = format!(
        "{{\"MagicNumber\":{magic},\"CodecType\":\"{codec}\",\"ConnectTimeout\":10000000000,\"HandleTimeout\":{handle_timeout}}}\n"
    );
    option.into_bytes()
}

/// The header's type as Go 1.19 defines it.
pub(crate) const GO_HEADER: &[u8] =
    b"\x38\xff\x81\x03\x01\x01\x06Header\x01\xff\x82\x00\x01\x03\x01\x0dServiceMethod\x01\x0c\x00\x01\x03Seq\x01\x06\x00\x01\x05Error\x01\x0c\x00\x00\x00";

/// The same as we define it.
pub(crate) const OUR_HEADER: &[u8] =
    b"\x37\x7f\x03\x01\x01\x06Header\x01\xff\x80\x00\x01\x03\x01\x0dServiceMethod\x01\x0c\x00\x01\x03Seq\x01\x06\x00\x01\x05Error\x01\x0c\x00\x00\x00";

/// `Probe.Multiply` of `Args{A: 7, B: 8}` with the number 1, as Go's client sends it first.
pub(crate) fn first_request() -> Vec<u8> {
    const CALL: &[u8] = b"\x15\xff\x82\x01\x0eProbe.Multiply\x01\x01\x00\
        \x1e\xff\x83\x03\x01\x01\x04Args\x01\xff\x84\x00\x01\x02\x01\x01A\x01\x04\x00\x01\x01B\x01\x04\x00\x00\x00\
        \x07\xff\x84\x01\x0e\x01\x10\x00";
    [GO_HEADER, CALL].concat()
}

/// Its reply, which is our first.
pub(crate) fn first_reply() -> Vec<u8> {
    [OUR_HEADER, b"\x15\xff\x80\x01\x0eProbe.Multiply\x01\x01\x00\x03\x04\x00\x70"].concat()
}

/// A request of a number, behind the header's definition.
pub(crate) fn request(method: &str, seq: u8, number: u8) -> Vec<u8> {
    let name = method.as_bytes();
    let header = [&[0xff, 0x82, 1, name.len() as u8], name, &[1, seq, 0]].concat();
    [&[header.len() as u8], &header[..], &[3, 4, 0, number * 2]].concat()
}

/// An error reply behind the header's definition, without the body.
pub(crate) fn error(method: &str, seq: u8, text: &str) -> Vec<u8> {
    let (name, text) = (method.as_bytes(), text.as_bytes());
    let parts: [&[u8]; 6] =
        [&[0xff, 0x80, 1, name.len() as u8], name, &[1, seq, 1], &[text.len() as u8], text, &[0]];
    let header = parts.concat();
    assert!(header.len() < 128);
    [&[header.len() as u8], &header[..]].concat()
}
