//! Unix sockets: mode 0600, a socket left behind by a dead server is replaced, a living one never.

use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

use super::{Address, BoxFuture, Listen, Made, Place, Split, Stream, Transport};
use crate::peer::Peer;

/// Unix sockets.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unix;

impl Transport for Unix {
    fn dial<'a>(&'a self, place: &'a Place) -> BoxFuture<'a, io::Result<Stream>> {
        Box::pin(async move {
            let Place::Unix(path) = place else {
                return Err(elsewhere(place));
            };
            Ok(stream(UnixStream::connect(path).await?, format!("unix://{}", path.display())))
        })
    }

    fn listen<'a>(&'a self, place: &'a Place) -> BoxFuture<'a, io::Result<Box<dyn Listen>>> {
        Box::pin(async move {
            let Place::Unix(path) = place else {
                return Err(elsewhere(place));
            };
            let listener = match UnixListener::bind(path) {
                Err(cause) if cause.kind() == io::ErrorKind::AddrInUse => {
                    remove_if_left_behind(path).await?;
                    UnixListener::bind(path)?
                }
                bound => bound?,
            };
            // Between binding and this line only the umask guards the socket; nobody is accepted meanwhile.
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
            let inode = std::fs::symlink_metadata(path)?.ino();
            Ok(Box::new(Listener { listener, path: path.clone(), inode }) as Box<dyn Listen>)
        })
    }
}

/// Removes a socket that nobody answers on. Anything else at that path stays.
async fn remove_if_left_behind(path: &Path) -> io::Result<()> {
    let in_use =
        |why: &str| Err(io::Error::new(io::ErrorKind::AddrInUse, format!("{}: {why}", path.display())));
    if !std::fs::symlink_metadata(path)?.file_type().is_socket() {
        return in_use("something that is not a socket is there");
    }
    match UnixStream::connect(path).await {
        Err(cause) if cause.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path),
        _ => in_use("another server listens there"),
    }
}

struct Listener {
    listener: UnixListener,
    path: PathBuf,
    inode: u64,
}

impl Listen for Listener {
    fn accept(&mut self) -> BoxFuture<'_, io::Result<Stream>> {
        Box::pin(async move {
            let (socket, _) = self.listener.accept().await?;
            let name = name_of(&socket);
            Ok(stream(socket, name))
        })
    }

    fn accept_elsewhere(&mut self) -> BoxFuture<'_, io::Result<Made<Stream>>> {
        Box::pin(async move {
            let (socket, _) = self.listener.accept().await?;
            let name = name_of(&socket);
            let socket = socket.into_std()?;
            Ok(Box::new(move || Ok(stream(UnixStream::from_std(socket)?, name))) as Made<Stream>)
        })
    }

    fn split(self: Box<Self>, _count: usize) -> Split {
        Err(self)
    }

    fn address(&self) -> Address {
        Address::unix(&self.path)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Only our own socket is removed, not one that a successor has bound there since.
        let is_ours = std::fs::symlink_metadata(&self.path).is_ok_and(|it| it.ino() == self.inode);
        if is_ours {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn name_of(socket: &UnixStream) -> String {
    match socket.peer_cred() {
        Ok(peer) => format!("unix:uid={}", peer.uid()),
        Err(_) => "unix:".to_owned(),
    }
}

fn stream(socket: UnixStream, peer: String) -> Stream {
    let (reader, writer) = socket.into_split();
    Stream::new(reader, writer, Peer::named(peer))
}

fn elsewhere(place: &Place) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("{place:?} is not a unix socket"))
}
