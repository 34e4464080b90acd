//! What is known of an account's holder beside the account: query password, virtual card, phone number.
//!
//! It lies beside the accounts of a shard, at the same place, and no debit reads it: whether a phone is bound stands in the
//! account's marks. The password isn't here either: only the number under which the vault has its hash, which is new with
//! each password, so that a start can tell which of the vault's entries count.

use super::limits::{PASSWORD_FAILURES_MAX, PASSWORD_LOCK_NS};

/// The number under which the vault has a password's hash. 0 stands for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PasswordRef(pub u64);

impl PasswordRef {
    /// No password.
    pub const NONE: PasswordRef = PasswordRef(0);
}

/// One holder: 40 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holder {
    pub(super) password: PasswordRef,
    pub(super) locked_until_ns: u64,
    /// The virtual card; 0 = none.
    pub(super) virtual_id: u64,
    /// The digest of the phone number; 0 = none is known.
    pub(super) phone: u64,
    /// Wrong passwords in a row.
    pub(super) failures: u8,
}

impl Holder {
    /// The query password, if one is set.
    pub const fn password(&self) -> PasswordRef {
        self.password
    }

    /// Whether no password is tried at this logged time: too many were wrong.
    pub const fn is_locked(&self, time_ns: u64) -> bool {
        time_ns < self.locked_until_ns
    }

    /// A password was wrong. Enough of them lock the account, and the count begins anew.
    pub(super) const fn count_failure(&mut self, time_ns: u64) {
        self.failures += 1;
        if self.failures >= PASSWORD_FAILURES_MAX {
            self.failures = 0;
            self.locked_until_ns = time_ns.saturating_add(PASSWORD_LOCK_NS);
        }
    }

    /// A password was right, or is set anew.
    pub(super) const fn forget_failures(&mut self) {
        self.failures = 0;
        self.locked_until_ns = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fifth_failure_in_a_row_locks_for_a_time() {
        let mut holder = Holder::default();
        for _ in 1..PASSWORD_FAILURES_MAX {
            holder.count_failure(100);
            assert!(!holder.is_locked(100));
        }
        holder.forget_failures();
        for _ in 1..PASSWORD_FAILURES_MAX {
            holder.count_failure(200);
        }
        assert!(!holder.is_locked(200));
        holder.count_failure(300);
        assert!(holder.is_locked(300) && holder.is_locked(299 + PASSWORD_LOCK_NS));
        assert!(!holder.is_locked(300 + PASSWORD_LOCK_NS));
        // After the lock, another five.
        holder.count_failure(300 + PASSWORD_LOCK_NS);
        assert!(!holder.is_locked(300 + PASSWORD_LOCK_NS));
    }
}
