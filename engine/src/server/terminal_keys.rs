//! Terminals' keys at work: under which a terminal signs in, which it is given, which are believed.

use std::rc::Rc;

use protocol::answer::TerminalKeyAnswer;
use protocol::frame::Header;
use protocol::ids::TerminalId;
use protocol::keys::{Key128, derive_card_master, derive_terminal_key};
use protocol::offline_record::TacVerifier;
use protocol::result_code::ResultCode;
use protocol::sign_in::SignInKeys;
use protocol::wrapped_key::WrappedKey;

use super::connection::Connection;
use super::pump::Body;
use super::worker::Worker;
use crate::ledger::command::TerminalKeyTaken;
use crate::ledger::registry::Terminal;
use crate::ledger::{Command, Request};
use crate::runtime::slow_lane::{Job, OwnedCommand};

/// A terminal has shown that it has its newest key.
struct KeyTaken(TerminalKeyTaken);

impl OwnedCommand for KeyTaken {
    fn command(&self) -> Command<'_> {
        Request::TerminalKeyTaken(self.0).into()
    }
}

impl Worker {
    /// The keys that a terminal may sign in under now; none when it isn't registered or is disabled.
    pub(super) fn sign_in_keys(&self, terminal: TerminalId) -> Option<SignInKeys> {
        let now_ns = self.shared.engine.logged_time_ns();
        let routes = self.shared.engine.routes();
        let registry = &routes.configuration().registry;
        let found = registry.find_terminal(terminal).filter(|terminal| terminal.enabled)?;
        let earlier = registry.earlier_sign_in_key(found, now_ns);
        let earlier = earlier.map(|version| derive_terminal_key(&self.shared.master_key, terminal, version));
        Some(SignInKeys { current: self.terminal_key(found), earlier })
    }

    /// A terminal's key in use.
    pub(super) fn terminal_key(&self, terminal: &Terminal) -> Key128 {
        derive_terminal_key(&self.shared.master_key, terminal.terminal, terminal.key_version)
    }

    /// What judges the records that a session's till has stored: signed under its key, or the one before.
    pub(super) fn tac_verifier(&self, connection: &Connection) -> TacVerifier {
        let now_ns = self.shared.engine.logged_time_ns();
        let routes = self.shared.engine.routes();
        let registry = &routes.configuration().registry;
        let terminal = registry.terminal(connection.slot).expect("a session's slot is registered");
        let card_master = derive_card_master(&self.shared.master_key);
        let verifier = TacVerifier::new(&card_master, &self.terminal_key(terminal), terminal.terminal);
        match registry.earlier_believed_key(terminal, now_ns) {
            Some(version) => {
                let earlier = derive_terminal_key(&self.shared.master_key, terminal.terminal, version);
                verifier.or_under(&earlier, terminal.terminal)
            }
            None => verifier,
        }
    }

    /// Has it recorded that a terminal has signed in under its newest key, if nothing says so yet. Should the slow lane be full, its next
    /// sign-in does.
    pub(super) fn note_key_taken(&self, terminal: &Terminal) {
        let rotation = {
            let routes = self.shared.engine.routes();
            routes.configuration().registry.key_rotation(terminal.slot)
        };
        if rotation.awaits_terminal() {
            let Terminal { terminal, key_version, .. } = *terminal;
            let command = Box::new(KeyTaken(TerminalKeyTaken { terminal, key_version }));
            let submitted = self.shared.slow_lane.submit(Job::LookUp { command, done: Box::new(|_| ()) });
            tracing::debug!(%terminal, key_version, ?submitted, "a terminal has its newest key");
        }
    }

    /// Gives a terminal its newest key.
    pub(super) fn give_key(&self, connection: &Rc<Connection>, header: &Header) {
        let (terminal, observed) = {
            let routes = self.shared.engine.routes();
            let registry = &routes.configuration().registry;
            let terminal = *registry.terminal(connection.slot).expect("a session's slot is registered");
            (terminal, registry.changed())
        };
        let key = self.terminal_key(&terminal);
        let answer = TerminalKeyAnswer {
            code: ResultCode::Approved,
            key_version: terminal.key_version,
            wrapped: WrappedKey::wrap(&key, &connection.wrapping_key()),
            check_value: key.check_value(),
        };
        self.hand_back(connection.key, *header)(observed, Body::TerminalKey(answer));
    }
}
