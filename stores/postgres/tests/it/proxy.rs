//! Stands between a client and the server, and cuts their connection at a chosen message.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// Which side of the last message the cut is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The server never gets it.
    Before,
    /// The server gets it, and the client never gets the answer.
    After,
}

pub(crate) struct Proxy {
    port: u16,
    state: Arc<State>,
}

struct State {
    /// Messages of the client's that are still let through; below zero, all are.
    left: AtomicI64,
    after: AtomicBool,
    cuts: AtomicU64,
}

impl Proxy {
    /// In front of the server of this configuration.
    pub(crate) async fn before(server: &Config) -> Self {
        let Some(Host::Tcp(host)) = server.get_hosts().first() else { panic!("a server by its host") };
        let address = (host.clone(), *server.get_ports().first().unwrap_or(&5432));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state =
            Arc::new(State { left: AtomicI64::new(-1), after: AtomicBool::new(false), cuts: AtomicU64::new(0) });
        tokio::spawn({
            let state = state.clone();
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    let server = TcpStream::connect((address.0.as_str(), address.1)).await.unwrap();
                    tokio::spawn(between(client, server, state.clone()));
                }
            }
        });
        Self { port, state }
    }

    /// The same configuration, through here.
    pub(crate) fn config(&self, server: &Config) -> Config {
        let mut config = Config::new();
        config.host("127.0.0.1").port(self.port);
        config.user(server.get_user().unwrap_or_default()).dbname(server.get_dbname().unwrap_or_default());
        if let Some(password) = server.get_password() {
            config.password(password);
        }
        config
    }

    /// Cuts once, at the message that comes after so many.
    pub(crate) fn cut(&self, after: i64, side: Cut) {
        self.state.after.store(side == Cut::After, Ordering::SeqCst);
        self.state.left.store(after, Ordering::SeqCst);
    }

    /// Cuts no more.
    pub(crate) fn pass(&self) {
        self.state.left.store(-1, Ordering::SeqCst);
    }

    pub(crate) fn cuts(&self) -> u64 {
        self.state.cuts.load(Ordering::SeqCst)
    }
}

/// Passes on what both say, until one ends or the cut comes.
async fn between(client: TcpStream, server: TcpStream, state: Arc<State>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let asking = async {
        let mut first = true;
        while let Ok(message) = message(&mut from_client, first).await {
            first = false;
            let cut = state.left.load(Ordering::SeqCst) >= 0 && state.left.fetch_sub(1, Ordering::SeqCst) == 0;
            if cut {
                state.cuts.fetch_add(1, Ordering::SeqCst);
            }
            if cut && !state.after.load(Ordering::SeqCst) {
                return;
            }
            if to_server.write_all(&message).await.is_err() || cut {
                return;
            }
        }
    };
    let answering = async { tokio::io::copy(&mut from_server, &mut to_client).await };
    // Whichever ends drops all four halves; the server still reads what it was sent.
    tokio::select! { () = asking => {}, _ = answering => {} }
}

/// One message of the client's: the first has no tag.
async fn message(from: &mut (impl AsyncRead + Unpin), first: bool) -> io::Result<Vec<u8>> {
    let mut message = vec![0; if first { 4 } else { 5 }];
    from.read_exact(&mut message).await?;
    let length = <[u8; 4]>::try_from(message.get(message.len() - 4..).unwrap()).unwrap();
    let rest = usize::try_from(u32::from_be_bytes(length)).unwrap() - 4;
    let start = message.len();
    message.resize(start + rest, 0);
    from.read_exact(message.get_mut(start..).unwrap()).await?;
    Ok(message)
}
