//! Which connection speaks for a terminal now.
//!
//! A terminal has one session at a time: a new sign-in fences the older one, whose connection may be half open
//! and whose frames may still be under way. The map is touched at sign-in and at the end of a session only; a
//! live connection holds its own [`Lease`] and looks nothing up. Whether a terminal is connected, and when it was last, is asked about
//! those that sell offline.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dashmap::DashMap;
use protocol::ids::TerminalId;

use crate::runtime::unconfirmed::Contact;

/// The sessions of all workers.
#[derive(Debug, Default)]
pub struct Sessions {
    current: DashMap<TerminalId, Arc<AtomicBool>>,
    /// When a terminal's last session ended: nanoseconds since 1970 UTC.
    ended_ns: DashMap<TerminalId, u64>,
}

/// A connection's claim to speak for its terminal, valid until a later sign-in of the same terminal.
#[derive(Debug)]
pub struct Lease {
    terminal: TerminalId,
    fenced: Arc<AtomicBool>,
}

impl Sessions {
    /// Opens a session for `terminal`, fencing the one before it.
    pub fn open(&self, terminal: TerminalId) -> Lease {
        let fenced = Arc::new(AtomicBool::new(false));
        if let Some(before) = self.current.insert(terminal, Arc::clone(&fenced)) {
            before.store(true, Ordering::Release);
        }
        Lease { terminal, fenced }
    }

    /// Whether a terminal seems to be connected: it may have fallen silent a while ago.
    pub fn is_open(&self, terminal: TerminalId) -> bool {
        self.current.contains_key(&terminal)
    }

    /// Ends a session at this time. A later session of the same terminal stays.
    pub fn close(&self, lease: &Lease, now_ns: u64) {
        let closed =
            self.current.remove_if(&lease.terminal, |_, current| Arc::ptr_eq(current, &lease.fenced));
        if closed.is_some() {
            self.ended_ns.insert(lease.terminal, now_ns);
        }
    }

    /// When a terminal was heard last.
    pub fn contact(&self, terminal: TerminalId) -> Contact {
        if self.is_open(terminal) {
            return Contact::Now;
        }
        self.ended_ns.get(&terminal).map_or(Contact::NotYet, |ended_ns| Contact::Until(*ended_ns))
    }
}

impl Lease {
    /// True once a later sign-in took over.
    pub fn is_fenced(&self) -> bool {
        self.fenced.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_sign_in_fences_the_earlier_and_survives_its_end() {
        let sessions = Sessions::default();
        let first = sessions.open(TerminalId(1));
        let other = sessions.open(TerminalId(2));
        let second = sessions.open(TerminalId(1));
        assert!(first.is_fenced() && !second.is_fenced() && !other.is_fenced());
        sessions.close(&first, 5);
        assert_eq!(sessions.contact(TerminalId(1)), Contact::Now);
        assert_eq!(sessions.current.len(), 2);
        assert!(sessions.is_open(TerminalId(1)) && !sessions.is_open(TerminalId(3)));
        sessions.close(&second, 7);
        assert_eq!(sessions.contact(TerminalId(1)), Contact::Until(7));
        assert_eq!(sessions.contact(TerminalId(3)), Contact::NotYet);
        assert_eq!(sessions.current.len(), 1);
        assert!(!sessions.is_open(TerminalId(1)));
    }
}
