//! Reception: a socket becomes a connection, by a sign-in; and those that have fallen silent are closed.

use std::net;
use std::rc::Rc;
use std::time::Duration;

use protocol::answer::Refusal;
use protocol::ids::{Epoch, TerminalId};
use protocol::result_code::ResultCode;
use protocol::session::Opener;
use protocol::sign_in::{ServerHandshake, Welcome};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;

use super::HEARTBEAT_INTERVAL;
use super::connection::{Connection, End, FrameHandler, SignedIn, read_sign_in_frame};
use super::read_buffer::ReadBuffer;
use super::worker::{Worker, monotonic_ns, wall_ns};
use crate::ledger::limits::{BLOCK_LIST_AGE_MAX_S, OFFLINE_DAYS_MAX};
use crate::ledger::registry::Terminal;

/// How often idle connections are looked for.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

impl Worker {
    /// One socket's whole life.
    pub(super) async fn admit(self: Rc<Worker>, socket: net::TcpStream) {
        let Ok(stream) = socket.set_nonblocking(true).and_then(|()| TcpStream::from_std(socket)) else {
            return;
        };
        let _place = self.shared.take_place();
        let handshake = tokio::time::timeout(self.shared.config.sign_in_timeout, self.sign_in(stream));
        let Ok(Some((connection, reader, opener, buffer))) = handshake.await else { return };
        self.connections.borrow_mut().insert(connection.key, Rc::clone(&connection));
        let end = connection.run(reader, opener, buffer, &*self).await;
        tracing::debug!(terminal = %connection.terminal, ?end, "connection ended");
        self.connections.borrow_mut().remove(&connection.key);
        self.shared.sessions.close(&connection.lease, wall_ns());
    }

    async fn sign_in(
        &self,
        stream: TcpStream,
    ) -> Option<(Rc<Connection>, OwnedReadHalf, Opener, ReadBuffer)> {
        stream.set_nodelay(true).ok()?;
        let mut buffer = ReadBuffer::default();
        let refused = |refusal: Refusal, bytes: &[u8]| {
            tracing::debug!(code = %refusal.code, offset = refusal.offset, value = refusal.value, "sign-in refused");
            // A refusal is small and the socket's buffer empty; a peer that's gone loses nothing by it.
            let _ = stream.try_write(&refusal.frame(bytes));
            None
        };
        let hello = match read_sign_in_frame(&stream, &mut buffer).await.ok()? {
            Ok(frame) => frame?,
            Err(error) => return refused(error.into(), &[]),
        };
        let nonce = crate::data_dir::random_bytes();
        let (handshake, challenge) =
            match ServerHandshake::on_hello(&hello, nonce, |terminal| self.sign_in_keys(terminal)) {
                Ok(challenged) => challenged,
                Err(refusal) => return refused(refusal, &hello),
            };
        write_all(&stream, &challenge).await?;
        let prove = match read_sign_in_frame(&stream, &mut buffer).await.ok()? {
            Ok(frame) => frame?,
            Err(error) => return refused(error.into(), &[]),
        };
        let proven = match handshake.on_prove(&prove) {
            Ok(proven) => proven,
            Err(refusal) => return refused(refusal, &prove),
        };
        let terminal_id = proven.terminal();
        let (terminal, welcome) = self.welcome(terminal_id, proven.epoch())?;
        let has_current_key = proven.has_current_key();
        let lease = self.shared.sessions.open(terminal_id);
        let (session, welcome) = proven.welcome(&welcome);
        write_all(&stream, &welcome).await?;
        let (sealer, mut opener) = session.into_split();
        let key = self.next_key.replace(self.next_key.get() + 1);
        let (reader, writer) = stream.into_split();
        let signed_in = SignedIn {
            writer,
            sealer,
            key,
            terminal: terminal_id,
            slot: terminal.slot,
            kind: terminal.kind,
            lease,
            password_key: opener.password_key(),
        };
        if has_current_key {
            self.note_key_taken(&terminal);
        }
        Some((Rc::new(Connection::new(signed_in, self.now_s())), reader, opener, buffer))
    }

    fn welcome(&self, terminal: TerminalId, epoch: Epoch) -> Option<(Terminal, Welcome)> {
        let routes = self.shared.engine.routes();
        let registry = &routes.configuration().registry;
        let terminal = *registry.find_terminal(terminal)?;
        let policy = *registry.policy(0);
        let business_date = registry.business_date();
        let parameter_version = routes.configuration().parameter_version().0 as u32;
        let block_list_version = registry.block_list().version();
        let last_sequence = routes.last_sequence(terminal.slot, epoch);
        let welcome = Welcome {
            server_time_ns: wall_ns(),
            business_date,
            in_flight_max: 1,
            heartbeat_interval_ms: HEARTBEAT_INTERVAL.as_millis() as u32,
            merchant: terminal.merchant,
            parameter_version,
            block_list_version,
            last_sequence,
            debit_max_fen: policy.debit_max_fen.into(),
            offline_debit_max_fen: policy.offline_debit_max_fen.into(),
            offline_day_max_fen: policy.offline_day_max_fen.into(),
            block_list_age_max_s: BLOCK_LIST_AGE_MAX_S,
            offline_days_max: OFFLINE_DAYS_MAX,
            terminal_kind: terminal.kind,
            key_version: terminal.key_version,
            key_check: self.terminal_key(&terminal).check_value(),
        };
        Some((terminal, welcome))
    }

    /// Closes connections that have been silent for too long, also half-open ones, and those of terminals that were
    /// disabled meanwhile: until then each request of theirs is refused by the ledger.
    pub(super) async fn sweep(self: Rc<Worker>) {
        let begun_ns = monotonic_ns();
        loop {
            tokio::time::sleep(SWEEP_INTERVAL).await;
            self.now_s.set((monotonic_ns() - begun_ns) / 1_000_000_000);
            self.slow.borrow_mut().begin_second();
            let silent_before = self.now_s().saturating_sub(self.shared.config.idle_timeout.as_secs());
            let routes = self.shared.engine.routes();
            let registry = &routes.configuration().registry;
            for connection in self.connections.borrow().values() {
                if connection.heard_at_s.get() < silent_before {
                    connection.finish(End::Idle);
                } else if connection.lease.is_fenced() {
                    connection.finish(End::Refused(ResultCode::Fenced));
                } else if !registry.terminal(connection.slot).is_some_and(|terminal| terminal.enabled) {
                    connection.finish(End::Refused(ResultCode::UnknownTerminal));
                }
            }
        }
    }
}

async fn write_all(stream: &TcpStream, mut bytes: &[u8]) -> Option<()> {
    while !bytes.is_empty() {
        stream.writable().await.ok()?;
        match stream.try_write(bytes) {
            Ok(sent) => bytes = &bytes[sent..],
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return None,
        }
    }
    Some(())
}
