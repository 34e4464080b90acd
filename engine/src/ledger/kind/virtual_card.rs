//! What is asked by a virtual card that is bound: what [`super::virtual_unbind`] and [`super::phone_change`] have in common.
//!
//! After the identity: `SequenceZero`, `NotPermitted`; neither leaves a record. `VirtualNotBound` for one that is no account's.
//! An account that is frozen or closed doesn't matter.

use protocol::ids::VirtualId;
use protocol::payment_code::{LIVE_STEPS_EACH_WAY, step_at};
use protocol::result_code::ResultCode;

use super::{Desk, Person};
use crate::ledger::command::Sale;
use crate::ledger::decision::Decision;
use crate::ledger::holder::Holder;
use crate::ledger::record::{MoneyRecord, Record};
use crate::ledger::registry::Terminal;
use crate::ledger::shard::Parts;

impl<P: Parts + ?Sized> Desk<'_, P> {
    /// Decides it: `refusals` of its own, and the record that approving it makes.
    pub(super) fn by_virtual_card<'a>(
        &self,
        sale: &Sale<'a>,
        virtual_id: VirtualId,
        digest: u64,
        refusals: impl FnOnce(Holder) -> Option<ResultCode>,
        record: impl FnOnce(Person<'_>, MoneyRecord) -> Record<'a>,
    ) -> Decision<'a> {
        let case = match self.holder_case(sale, digest, Terminal::binds_phones) {
            Ok(case) => case,
            Err(decision) => return decision,
        };
        let Some(person) = self.directory.virtual_card(virtual_id).and_then(|id| self.person(id)) else {
            return self.refuse(&case, ResultCode::VirtualNotBound, None);
        };
        let code = refusals(self.layout.holder(self.parts, person.id));
        self.close_case(&case, person, code, record)
    }
}

/// The last time step of which a code can have been shown when a request comes: codes of the next one are taken, too. Codes
/// are judged by the clock, which is that of `intake_step`; it may be ahead of logged time, and have been.
pub(super) fn void_to_step(time_ns: u64, intake_step: u32) -> u32 {
    // Steps are half minutes since 1970: they fit until the year 6053.
    (step_at(time_ns) as u32).max(intake_step).saturating_add(LIVE_STEPS_EACH_WAY as u32)
}
