//! A network between the limiter and Redis: slow when told to be, and able to forget connections as a frozen environment's
//! network does (nothing is closed, nothing arrives any more).

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

#[derive(Default)]
struct State {
    delay_ms: AtomicU64,
    /// Connections so far, and those of them that are forgotten.
    made: AtomicU64,
    forgotten: AtomicU64,
}

pub(crate) struct Proxy {
    port: u16,
    state: Arc<State>,
}

impl Proxy {
    pub(crate) fn before(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let own = listener.local_addr().expect("an address").port();
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (Ok(client), Ok(server)) = (client, TcpStream::connect(("127.0.0.1", port)))
                else {
                    continue;
                };
                let number = shared.made.fetch_add(1, Ordering::SeqCst);
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (from, to) = (from.try_clone(), to.try_clone());
                    let (from, to) = (from.expect("a stream"), to.expect("a stream"));
                    let shared = Arc::clone(&shared);
                    std::thread::spawn(move || carry(from, to, number, &shared));
                }
            }
        });
        Self { port: own, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Each piece of data takes so long, either way.
    pub(crate) fn slow_down(&self, delay_ms: u64) {
        self.state.delay_ms.store(delay_ms, Ordering::SeqCst);
    }

    pub(crate) fn connections(&self) -> u64 {
        self.state.made.load(Ordering::SeqCst)
    }

    /// Nothing that is sent over a connection of now arrives any more.
    pub(crate) fn forget_connections(&self) {
        let made = self.connections();
        self.state.forgotten.store(made, Ordering::SeqCst);
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, number: u64, state: &State) {
    let mut piece = vec![0; 64 * 1024];
    while let Ok(length) = from.read(&mut piece) {
        if length == 0 {
            let _ = to.shutdown(std::net::Shutdown::Write);
            return;
        }
        std::thread::sleep(Duration::from_millis(state.delay_ms.load(Ordering::SeqCst)));
        let is_forgotten = number < state.forgotten.load(Ordering::SeqCst);
        if !is_forgotten && to.write_all(&piece[..length]).is_err() {
            return;
        }
    }
}
