//! The next payment-code key is taken into use.
//!
//! Codes say which of the latest four keys they were made under. Those of the key before stay good until they expire, and
//! whoever makes codes has two minutes to hear of the new key; or none of them is taken any more, when somebody else knows
//! the key. After the identity: `SequenceZero`, `NotPermitted`; then `CodeKeyNotNext`.

use protocol::payment_code::step_at;
use protocol::result_code::ResultCode;
use zerocopy::little_endian::U32;

use super::{Ask, Case, Desk};
use crate::ledger::apply::Setting;
use crate::ledger::command::{Channel, Sale};
use crate::ledger::decision::{Decision, Group};
use crate::ledger::error::LedgerError;
use crate::ledger::fold::Fold;
use crate::ledger::limits::CODE_KEY_OVERLAP_STEPS;
use crate::ledger::record::{CodeKeyRotatedRecord, Record, RecordKind};
use crate::ledger::registry::CodeKey;
use crate::ledger::shard::Parts;

/// Takes the next payment-code key into use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeKeyRotate<'a> {
    /// Its identity.
    pub sale: Sale<'a>,
    /// The version from now on.
    pub key_version: u32,
    /// Whether no code made under the key before is taken any more.
    pub refuses_earlier: bool,
}

/// Domain of the digests of bodies: it stands in records and never changes.
const DOMAIN_CODE_KEY_ROTATE: u64 = 92;

impl<'a> Ask<'a> for CodeKeyRotate<'a> {
    const CONFIGURES: bool = true;

    fn sale(&self) -> Option<&Sale<'a>> {
        Some(&self.sale)
    }

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let Some(till) = desk.till(&self.sale) else { return desk.unknown_terminal(0) };
        let digest = Fold::new(DOMAIN_CODE_KEY_ROTATE)
            .word(u64::from(self.key_version))
            .word(u64::from(self.refuses_earlier))
            .finish();
        let case = Case { till, sale: &self.sale, digest, channel: Channel::Till, amount_fen: 0 };
        if let Some(decision) = desk.known(&case) {
            return decision;
        }
        if let Some(code) = desk.bad_identity(&case, till.config.rotates_code_keys()) {
            return desk.transient(&case, code);
        }
        if desk.registry.code_key.version.checked_add(1) != Some(self.key_version) {
            return desk.refuse(&case, ResultCode::CodeKeyNotNext, None);
        }
        // A step is below 2^28 until the year 2225.
        let last_step = step_at(desk.stamp.time_ns) as u32 + CODE_KEY_OVERLAP_STEPS;
        let money = desk.memo(&case, ResultCode::Approved, None);
        let record = CodeKeyRotatedRecord {
            money,
            key_version: U32::new(self.key_version),
            earlier_until_step: U32::new(if self.refuses_earlier { 0 } else { last_step }),
        };
        let outcome = desk.outcome(&money, ResultCode::Approved, desk.stamp.number);
        Decision::Done { outcome, group: Group::one(Record::CodeKeyRotated(record)) }
    }
}

impl<P: Parts + ?Sized> Setting<'_, P> {
    pub(in crate::ledger) fn code_key_rotated(
        &mut self,
        r: &CodeKeyRotatedRecord,
    ) -> Result<(), LedgerError> {
        let version = r.key_version.get();
        if self.registry.code_key.version.checked_add(1) != Some(version) {
            return Err(self.bad("key_version"));
        }
        self.registry.code_key = CodeKey { version, earlier_until_step: r.earlier_until_step.get() };
        self.posting(RecordKind::CodeKeyRotated).post_till(&r.money)?;
        Ok(())
    }
}
