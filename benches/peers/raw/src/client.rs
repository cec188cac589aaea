//! The calling side: one call at a time, or many whose frames are written and read together.

use std::io::IoSlice;

use peer_support::{Caller, Done, Result, Work};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::frame::{HEADER_LEN, READ_LEN, first, header};

/// Longer payloads are not copied behind their header.
const COPIED_MAX: usize = 4096;

/// One call by itself.
pub async fn call(stream: &mut TcpStream, payload: &[u8]) -> Result<Vec<u8>> {
    let mut buffer = Vec::new();
    send(stream, payload, &mut buffer).await?;
    Ok(receive(stream, payload.len(), &mut buffer).await?.to_vec())
}

/// One call after the other.
pub async fn ping_pong(stream: &mut TcpStream, work: Work) -> Result<Done> {
    let mut caller = work.callers().next().ok_or("one caller was expected")?;
    let mut buffer = Vec::new();
    while let Some(payload) = caller.advance() {
        let len = payload.len();
        send(stream, payload, &mut buffer).await?;
        caller.verify(receive(stream, len, &mut buffer).await?)?;
    }
    Ok(caller.done())
}

async fn send(stream: &mut TcpStream, payload: &[u8], buffer: &mut Vec<u8>) -> Result<()> {
    let header = header(payload.len(), 0);
    if payload.len() <= COPIED_MAX {
        buffer.clear();
        buffer.extend_from_slice(&header);
        buffer.extend_from_slice(payload);
        return Ok(stream.write_all(buffer).await?);
    }
    let sent = stream.write_vectored(&[IoSlice::new(&header), IoSlice::new(payload)]).await?;
    let rest = sent.checked_sub(HEADER_LEN).ok_or("not even a header could be sent")?;
    Ok(stream.write_all(&payload[rest..]).await?)
}

async fn receive<'b>(stream: &mut TcpStream, len: usize, buffer: &'b mut Vec<u8>) -> Result<&'b [u8]> {
    buffer.clear();
    // One byte more than is to come, so that a read that brings all is a short one.
    buffer.reserve(HEADER_LEN + len + 1);
    loop {
        if stream.read_buf(buffer).await? == 0 {
            return Err("the server has closed the connection".into());
        }
        if buffer.len() >= HEADER_LEN + len {
            let (_, payload) = first(buffer).ok_or("a frame is not as long as what was sent")?;
            return Ok(payload);
        }
    }
}

/// All callers of a connection in one task: replies that were read together are answered together.
pub async fn pipeline(stream: &mut TcpStream, work: Work) -> Result<Done> {
    let mut callers: Vec<Caller> = work.callers().collect();
    let (mut out, mut input) = (Vec::new(), Vec::with_capacity(READ_LEN));
    let mut in_flight = 0;
    for (id, caller) in callers.iter_mut().enumerate() {
        in_flight += usize::from(enqueue(caller, id as u64, &mut out));
    }
    while in_flight > 0 {
        write_while_reading(stream, &mut out, &mut input).await?;
        let mut end = 0;
        while let Some((id, payload)) = first(&input[end..]) {
            end += HEADER_LEN + payload.len();
            let caller =
                callers.get_mut(id as usize).ok_or("a reply was expected to have the id of a caller")?;
            caller.verify(payload)?;
            in_flight -= usize::from(!enqueue(caller, id, &mut out));
        }
        input.drain(..end);
    }
    let mut done = Done::default();
    callers.into_iter().for_each(|caller| done.add(caller.done()));
    Ok(done)
}

/// Appends the caller's next call; false if it has made its last.
fn enqueue(caller: &mut Caller, id: u64, out: &mut Vec<u8>) -> bool {
    let Some(payload) = caller.advance() else { return false };
    out.extend_from_slice(&header(payload.len(), id));
    out.extend_from_slice(payload);
    true
}

/// Writes all and reads something, at once: otherwise both sides could wait for the other to read.
async fn write_while_reading(stream: &mut TcpStream, out: &mut Vec<u8>, input: &mut Vec<u8>) -> Result<()> {
    let (mut reader, mut writer) = stream.split();
    if !out.is_empty() {
        let writing = writer.write_all(out);
        tokio::pin!(writing);
        loop {
            input.reserve(READ_LEN);
            tokio::select! {
                biased;
                written = &mut writing => {
                    written?;
                    break;
                }
                read = reader.read_buf(input) => closed_if(read? == 0)?,
            }
        }
        out.clear();
    }
    if crate::frame::whole(input) == 0 {
        input.reserve(READ_LEN);
        closed_if(reader.read_buf(input).await? == 0)?;
    }
    Ok(())
}

fn closed_if(is_closed: bool) -> Result<()> {
    match is_closed {
        true => Err("the server has closed the connection".into()),
        false => Ok(()),
    }
}
