//! A real browser, and a web site for it to visit.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Chromium without a window, showing one page. It is killed when its handle is dropped.
#[derive(Debug)]
pub struct Browser {
    _child: Child,
    profile: PathBuf,
}

impl Browser {
    /// Shows `url`. Every name that ends in `.example` is this machine for it, whatever DNS says.
    ///
    /// # Panics
    ///
    /// In one line if there is no Chromium: `FERRYWIRE_CHROMIUM` names it, else it is `chromium` on the path.
    pub fn show(url: &str) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("ferrywire-browser-{}-{number}", std::process::id());
        let profile = std::env::temp_dir().join(name);
        let program = std::env::var("FERRYWIRE_CHROMIUM").unwrap_or_else(|_| "chromium".to_owned());
        let child = Command::new(&program)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
            ])
            // It is to speak with nobody but us.
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
            .args(["--disable-quic", "--no-proxy-server"])
            .arg("--host-resolver-rules=MAP *.example 127.0.0.1")
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg(url)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            // It complains about the machine at every start.
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|cause| {
                panic!("no browser: `{program}`: {cause}; scripts/provide installs it (provide_browser)")
            });
        Self { _child: child, profile }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // What it writes while it is being killed stays behind in the system's folder for such things.
        let _ = std::fs::remove_dir_all(&self.profile);
    }
}

/// A web site with one page, at `/page`, and an ear, at `/report`. All else goes on to a server behind it, if there is
/// one: so a name is first a site's and then, at the same port, that server's, which is what rebinding is.
#[derive(Debug)]
pub struct Site {
    /// Where it listens.
    pub address: SocketAddr,
    state: Arc<State>,
    reports: mpsc::UnboundedReceiver<String>,
    running: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct State {
    page: Mutex<String>,
    /// What went on to the server behind it.
    heard: Mutex<Vec<u8>>,
}

impl Site {
    /// Starts one, in front of the server at `behind`, a `host:port`.
    ///
    /// # Panics
    ///
    /// If it cannot listen.
    pub async fn start(behind: Option<&str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let (state, behind) = (Arc::new(State::default()), behind.map(str::to_owned));
        let (said, reports) = mpsc::unbounded_channel();
        let serving = state.clone();
        let running = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (state, behind, said) = (serving.clone(), behind.clone(), said.clone());
                // A browser opens connections that it does not use; nobody waits for how they end.
                tokio::spawn(async move { serve(stream, &state, behind, &said).await });
            }
        });
        Self { address, state, reports, running }
    }

    /// What `/page` shows from now on.
    pub fn set_page(&self, page: String) {
        *self.state.page.lock().unwrap_or_else(PoisonError::into_inner) = page;
    }

    /// What the page says.
    ///
    /// # Panics
    ///
    /// If it says nothing for longer than any browser takes.
    pub async fn report(&mut self) -> String {
        let report = tokio::time::timeout(PATIENCE, self.reports.recv()).await;
        report.ok().flatten().unwrap_or_else(|| panic!("the page has said nothing for {PATIENCE:?}"))
    }

    /// Waits until `text` has gone on to the server behind the site, in whatever case.
    ///
    /// # Panics
    ///
    /// If it does not.
    pub async fn heard(&self, text: &[u8]) {
        let heard = async {
            while !self.has_heard(text) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let shown = String::from_utf8_lossy(text);
        tokio::time::timeout(PATIENCE, heard).await.unwrap_or_else(|_| panic!("`{shown}` was never sent"));
    }

    fn has_heard(&self, text: &[u8]) -> bool {
        let heard = self.state.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.windows(text.len()).any(|window| window.eq_ignore_ascii_case(text))
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.running.abort();
    }
}

const PATIENCE: Duration = Duration::from_secs(25);

async fn serve(
    mut stream: TcpStream,
    state: &State,
    behind: Option<String>,
    said: &mpsc::UnboundedSender<String>,
) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    let head_len = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(());
        }
    };
    let head = String::from_utf8_lossy(&bytes[..head_len]).into_owned();
    if head.starts_with("GET /page ") {
        let page = state.page.lock().unwrap_or_else(PoisonError::into_inner).clone();
        return stream.write_all(response("200 OK", &page).as_bytes()).await;
    }
    if head.starts_with("POST /report ") {
        let len =
            head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        while bytes.len() < head_len + len.unwrap_or(0) {
            stream.read_buf(&mut bytes).await?;
        }
        let _ = said.send(String::from_utf8_lossy(&bytes[head_len..]).into_owned());
        return stream.write_all(response("200 OK", "").as_bytes()).await;
    }
    let Some(behind) = behind else {
        return stream.write_all(response("404 Not Found", "").as_bytes()).await;
    };
    let (mut from_server, mut to_server) = TcpStream::connect(behind).await?.into_split();
    let (mut from_browser, mut to_browser) = stream.into_split();
    let onward = async {
        loop {
            state.heard.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&bytes);
            to_server.write_all(&bytes).await?;
            bytes.clear();
            if from_browser.read_buf(&mut bytes).await? == 0 {
                return to_server.shutdown().await;
            }
        }
    };
    let back = async {
        tokio::io::copy(&mut from_server, &mut to_browser).await?;
        to_browser.shutdown().await
    };
    tokio::try_join!(onward, back).map(drop)
}

fn response(status: &str, page: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}",
        page.len()
    )
}

/// What comes on a stream until it is quiet.
pub async fn until_quiet(mut stream: impl AsyncRead + Unpin) -> Vec<u8> {
    const QUIET: Duration = Duration::from_millis(300);
    let mut bytes = Vec::new();
    while let Ok(Ok(1..)) = tokio::time::timeout(QUIET, stream.read_buf(&mut bytes)).await {}
    bytes
}
