//! Terminals' keys, from records alone: versions are dense, each stays for a while, and none is taken that isn't in use.

use std::collections::HashMap;

use crate::ledger::record::{TerminalKeyRotatedRecord, TerminalKeyTakenRecord, TerminalRegisteredRecord};

/// How long a key stays that was changed, before the next.
const STAYS_NS: u64 = 37 * 86_400_000_000_000;

/// A terminal's key: its version, and when that came into use; 0 = with the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    version: u32,
    since_ns: u64,
}

/// Of every terminal.
#[derive(Clone, Debug, Default)]
pub(super) struct TerminalKeys {
    keys: HashMap<u32, Key>,
}

impl TerminalKeys {
    /// A terminal is registered, or registered anew: with another version the key is that.
    pub(super) fn registered(&mut self, r: &TerminalRegisteredRecord) {
        let registered = Key { version: r.key_version.get(), since_ns: 0 };
        let key = self.keys.entry(r.terminal.get()).or_insert(registered);
        if key.version != registered.version {
            *key = registered;
        }
    }

    /// The next key is in use.
    ///
    /// # Errors
    /// What is wrong, in words; here and below.
    pub(super) fn rotated(&mut self, time_ns: u64, r: &TerminalKeyRotatedRecord) -> Result<(), String> {
        let Some(key) = self.keys.get_mut(&r.terminal.get()) else {
            return Err(format!("terminal {} isn't registered", r.terminal));
        };
        let next = Key { version: r.key_version.get(), since_ns: time_ns };
        let before = core::mem::replace(key, next);
        if before.version.checked_add(1) != Some(next.version) {
            return Err(format!("key {} of terminal {} after {}", next.version, r.terminal, before.version));
        }
        if before.since_ns != 0 && time_ns < before.since_ns.saturating_add(STAYS_NS) {
            let since_ns = before.since_ns;
            return Err(format!("the key of terminal {} came into use at {since_ns} ns alone", r.terminal));
        }
        Ok(())
    }

    /// A terminal has the key in use.
    pub(super) fn taken(&self, r: &TerminalKeyTakenRecord) -> Result<(), String> {
        match self.keys.get(&r.terminal.get()) {
            Some(key) if key.version == r.key_version.get() && key.since_ns != 0 => Ok(()),
            key => Err(format!("terminal {} takes key {}, in use is {key:?}", r.terminal, r.key_version)),
        }
    }
}

#[cfg(test)]
mod tests {
    use zerocopy::FromZeros;

    use super::*;

    #[test]
    fn a_key_left_out_or_changed_too_soon_or_taken_that_isnt_in_use_is_found() {
        let mut keys = TerminalKeys::default();
        let registered = |version: u32| TerminalRegisteredRecord {
            terminal: 7.into(),
            key_version: version.into(),
            ..TerminalRegisteredRecord::new_zeroed()
        };
        let rotated = |terminal: u32, version: u32| TerminalKeyRotatedRecord {
            terminal: terminal.into(),
            key_version: version.into(),
            ..TerminalKeyRotatedRecord::new_zeroed()
        };
        let taken = |version: u32| TerminalKeyTakenRecord { terminal: 7.into(), key_version: version.into() };
        keys.registered(&registered(1));
        assert!(keys.taken(&taken(1)).is_err(), "nothing is in use that wasn't before");
        assert_eq!(keys.rotated(5, &rotated(7, 2)), Ok(()));
        assert!(keys.taken(&taken(1)).is_err());
        assert_eq!(keys.taken(&taken(2)), Ok(()));
        // Registered anew with the same key: nothing has changed.
        keys.registered(&registered(2));
        assert_eq!(keys.taken(&taken(2)), Ok(()));
        assert!(keys.clone().rotated(4 + STAYS_NS, &rotated(7, 3)).is_err(), "too soon");
        assert!(keys.clone().rotated(5 + STAYS_NS, &rotated(7, 4)).is_err(), "one is left out");
        assert!(keys.rotated(5, &rotated(8, 2)).is_err(), "no such terminal");
        assert_eq!(keys.rotated(5 + STAYS_NS, &rotated(7, 3)), Ok(()));
        keys.registered(&registered(9));
        assert_eq!(keys.rotated(6 + STAYS_NS, &rotated(7, 10)), Ok(()), "it was registered with another");
    }
}
