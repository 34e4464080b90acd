//! Closes the open business date by opening a later one. The open date again changes nothing; an earlier one is
//! `NotPermitted`.

use protocol::ids::BusinessDate;
use protocol::result_code::ResultCode;
use zerocopy::little_endian::{U16, U32};

use super::{Ask, Desk};
use crate::ledger::apply::Setting;
use crate::ledger::decision::Decision;
use crate::ledger::error::LedgerError;
use crate::ledger::record::{CutOffRecord, Record};
use crate::ledger::shard::Parts;

/// Closes the open business date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CutOff {
    /// The date to open: later than the open one.
    pub opened: BusinessDate,
}

impl<'a> Ask<'a> for CutOff {
    const CONFIGURES: bool = true;

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let CutOff { opened } = *self;
        let open = desk.date();
        if opened < open {
            return desk.unchanged(ResultCode::NotPermitted, None);
        }
        if opened == open {
            return desk.unchanged(ResultCode::Approved, None);
        }
        let record =
            CutOffRecord { closed: U16::new(open.0), opened: U16::new(opened.0), reserved: U32::ZERO };
        desk.changed(ResultCode::Approved, None, Record::CutOff(record))
    }
}

impl<P: Parts + ?Sized> Setting<'_, P> {
    pub(in crate::ledger) fn cut_off(&mut self, r: &CutOffRecord) -> Result<(), LedgerError> {
        if r.closed.get() != self.registry.business_date.0 {
            return Err(self.bad("closed"));
        }
        self.registry.business_date = BusinessDate(r.opened.get());
        Ok(())
    }
}
