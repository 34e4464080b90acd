//! Payment codes, from records alone: which were used up, which were revoked, and which key is in use.

use std::collections::{HashMap, HashSet};

use protocol::ids::AccountId;

use crate::ledger::record::CodeKeyRotatedRecord;

/// Every payment code that a record used up or revoked.
#[derive(Clone, Debug, Default)]
pub(super) struct Codes {
    /// By account, and step and nonce as they stand in a record's token.
    used: HashSet<(AccountId, u32)>,
    /// The last step whose codes an account revoked.
    revoked: HashMap<AccountId, u32>,
    key_version: u32,
}

impl Codes {
    /// A code is used up once, and never after it was revoked.
    ///
    /// # Errors
    /// What is wrong, in words; here and below.
    pub(super) fn used(&mut self, account: AccountId, step: u32, nonce: u8) -> Result<(), String> {
        if !self.used.insert((account, step | u32::from(nonce) << 28)) {
            return Err(format!("code {nonce} of step {step} of account {account} was used before"));
        }
        match self.revoked.get(&account) {
            Some(&revoked) if step <= revoked => Err(format!(
                "account {account} revoked its codes up to step {revoked}, and one of {step} is used"
            )),
            _ => Ok(()),
        }
    }

    pub(super) fn revoked(&mut self, account: AccountId, step: u32) {
        let revoked = self.revoked.entry(account).or_default();
        *revoked = step.max(*revoked);
    }

    /// Key versions are dense.
    pub(super) fn rotated(&mut self, r: &CodeKeyRotatedRecord) -> Result<(), String> {
        let before = core::mem::replace(&mut self.key_version, r.key_version.get());
        if before.checked_add(1) == Some(self.key_version) {
            Ok(())
        } else {
            Err(format!("code key {} comes into use after {before}", self.key_version))
        }
    }
}

#[cfg(test)]
mod tests {
    use zerocopy::FromZeros;

    use super::*;

    #[test]
    fn a_code_used_twice_or_after_it_was_revoked_and_a_key_left_out_are_found() {
        let mut codes = Codes::default();
        let account = AccountId(3);
        assert_eq!(codes.used(account, 100, 1), Ok(()));
        assert!(codes.used(account, 100, 1).is_err());
        assert_eq!(codes.used(AccountId(4), 100, 1), Ok(()));
        codes.revoked(account, 101);
        codes.revoked(account, 99);
        assert!(codes.used(account, 101, 2).is_err());
        assert_eq!(codes.used(account, 102, 2), Ok(()));
        assert_eq!(codes.used(AccountId(4), 101, 2), Ok(()));

        let rotated = |key_version: u32| CodeKeyRotatedRecord {
            key_version: key_version.into(),
            ..CodeKeyRotatedRecord::new_zeroed()
        };
        assert_eq!(codes.rotated(&rotated(1)), Ok(()));
        assert!(codes.rotated(&rotated(3)).is_err() && codes.rotated(&rotated(3)).is_err());
    }
}
