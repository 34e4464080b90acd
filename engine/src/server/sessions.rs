//! Which connection speaks for a terminal now.
//!
//! A terminal has one session at a time: a new sign-in fences the older one, whose connection may be half open
//! and whose frames may still be under way. The map is touched at sign-in and at the end of a session only; a
//! live connection holds its own [`Lease`] and looks nothing up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dashmap::DashMap;
use protocol::ids::TerminalId;

/// The sessions of all workers.
#[derive(Debug, Default)]
pub struct Sessions {
    current: DashMap<TerminalId, Arc<AtomicBool>>,
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

    /// Ends a session. A later session of the same terminal stays.
    pub fn close(&self, lease: &Lease) {
        self.current.remove_if(&lease.terminal, |_, current| Arc::ptr_eq(current, &lease.fenced));
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
        sessions.close(&first);
        assert_eq!(sessions.current.len(), 2);
        sessions.close(&second);
        assert_eq!(sessions.current.len(), 1);
    }
}
