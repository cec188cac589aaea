//! A client of HTTP/1.1 that does no more than it must, so that what a request costs beside it is the server's: one
//! write, a read or two, and the status, the length and the text looked at.

use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use peer_support::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

/// Where the echo is, with our server and with axum's.
const PATH: &str = "/Speak.Repeat";

/// What is in front of the payload in a body, and behind it.
const BEFORE: &str = "{\"payload\":\"";
const AFTER: &str = "\"}";

const HEADERS_MAX: usize = 16;

/// A connection that is kept alive, with one request at a time.
#[derive(Clone, Debug)]
pub struct Http(Arc<Mutex<Wire>>);

#[derive(Debug)]
struct Wire {
    stream: TcpStream,
    /// What every request begins with.
    head: String,
    request: String,
    response: Vec<u8>,
}

impl Http {
    pub async fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let head = format!(
            "POST {PATH} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: "
        );
        let wire = Wire { stream, head, request: String::new(), response: Vec::new() };
        Ok(Self(Arc::new(Mutex::new(wire))))
    }

    /// Sends the bytes as base64 in JSON, and takes them out of the response.
    pub async fn call(&self, payload: &[u8]) -> Result<Vec<u8>> {
        let mut wire = self.0.lock().await;
        let Wire { stream, head, request, response } = &mut *wire;
        let text_len = base64::encoded_len(payload.len(), true).ok_or("a payload of unheard length")?;
        request.clear();
        request.push_str(head);
        request.push_str(&(BEFORE.len() + text_len + AFTER.len()).to_string());
        request.push_str("\r\n\r\n");
        request.push_str(BEFORE);
        STANDARD.encode_string(payload, request);
        request.push_str(AFTER);
        stream.write_all(request.as_bytes()).await?;
        response.clear();
        loop {
            response.reserve(READ_LEN_MIN);
            if stream.read_buf(response).await? == 0 {
                return Err("the server has closed the connection".into());
            }
            if let Some(body) = body_of(response)? {
                let text =
                    body.strip_prefix(BEFORE.as_bytes()).and_then(|body| body.strip_suffix(AFTER.as_bytes()));
                return Ok(STANDARD.decode(text.ok_or("the response is not what was sent")?)?);
            }
        }
    }
}

/// A response with a small body comes in one read.
const READ_LEN_MIN: usize = 4096;

/// The body, once all of it is there.
fn body_of(bytes: &[u8]) -> Result<Option<&[u8]>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head_len) = response.parse(bytes)? else {
        return Ok(None);
    };
    if response.code != Some(200) {
        return Err(format!("expected 200, the server said {}", String::from_utf8_lossy(bytes)).into());
    }
    let len = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let len: usize = std::str::from_utf8(len.ok_or("a response without Content-Length")?.value)?.parse()?;
    Ok(bytes.get(head_len..head_len + len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_there_when_all_of_it_is() {
        let response = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx: y\r\n\r\n42";

        for cut in 0..response.len() {
            assert_eq!(body_of(&response[..cut]).unwrap(), None, "{cut}");
        }
        assert_eq!(body_of(response).unwrap(), Some(&b"42"[..]));
        assert!(body_of(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").is_err());
    }
}
