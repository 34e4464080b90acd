//! Two-phase taps, from records alone: which of them are open, and that each is closed as the chip's counter says.

use std::collections::HashMap;

use protocol::card::ChipWrite;
use protocol::ids::AccountId;

use crate::ledger::record::TapConfirmedRecord;

/// A tap whose chip isn't known to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tap {
    record: u64,
    counter: u32,
    /// An offline sale of the card had its counter.
    contradicted: bool,
}

/// The open taps.
#[derive(Clone, Debug, Default)]
pub(super) struct Taps {
    open: HashMap<AccountId, Tap>,
    /// The tap that a record of this group undid.
    just_undone: Option<Tap>,
}

impl Taps {
    /// A group begins: what the one before it undid is another account's affair.
    pub(super) fn begin_group(&mut self) {
        self.just_undone = None;
    }

    /// A debit by card with this counter: what was open stands by it, and must have been undone where the counter says so.
    /// Returns the counter that the chip was written with by what stands now.
    ///
    /// # Errors
    /// What is wrong, in words; here and below.
    pub(super) fn presented(&mut self, account: AccountId, counter: u32) -> Result<Option<u32>, String> {
        let shows_written = |tap: &Tap| counter > tap.counter && !tap.contradicted;
        if let Some(tap) = self.just_undone.take().filter(shows_written) {
            return Err(format!("counter {counter} shows that {tap:?} was written, and it is undone"));
        }
        match self.open.remove(&account) {
            None => Ok(None),
            Some(tap) if shows_written(&tap) => Ok(Some(tap.counter)),
            Some(tap) => {
                Err(format!("counter {counter} shows that {tap:?} wasn't written, and it isn't undone"))
            }
        }
    }

    pub(super) fn opened(&mut self, account: AccountId, record: u64, counter: u32) {
        self.open.insert(account, Tap { record, counter, contradicted: false });
    }

    /// An offline sale of the account's card.
    pub(super) fn sold_offline(&mut self, account: AccountId, counter: u32) {
        if let Some(tap) = self.open.get_mut(&account).filter(|tap| tap.counter == counter) {
            tap.contradicted = true;
        }
    }

    pub(super) fn undone(&mut self, account: AccountId, record: u64) -> Result<(), String> {
        self.just_undone = self.open.remove(&account);
        match self.just_undone {
            Some(tap) if tap.record == record => Ok(()),
            other => Err(format!("undoes the tap of record {record}, open is {other:?}")),
        }
    }

    /// Returns the counter that the chip was written with, where the till says that it was.
    pub(super) fn confirmed(
        &mut self,
        account: AccountId,
        r: &TapConfirmedRecord,
    ) -> Result<Option<u32>, String> {
        let record = r.original_record.get();
        let open = self.open.get(&account).copied().filter(|tap| tap.record == record);
        let just_undone = self.just_undone.take().is_some_and(|tap| tap.record == record);
        match (ChipWrite::from_number(r.write), open) {
            (Some(ChipWrite::Written), Some(tap)) => {
                self.open.remove(&account);
                Ok(Some(tap.counter))
            }
            (Some(ChipWrite::NotWritten), None) if just_undone => Ok(None),
            (Some(ChipWrite::Unknown), Some(_)) => Ok(None),
            (write, open) => {
                Err(format!("{write:?} is said of the chip of record {record}, open is {open:?}"))
            }
        }
    }

    /// A sale is reversed: if it is the open tap, it isn't any more.
    pub(super) fn reversed(&mut self, account: AccountId, record: u64) {
        if self.open.get(&account).is_some_and(|tap| tap.record == record) {
            self.open.remove(&account);
        }
    }

    /// Whether an account has an open tap.
    pub(super) fn is_open(&self, account: AccountId) -> bool {
        self.open.contains_key(&account)
    }

    /// An account's card is another, or none: what was open stands.
    pub(super) fn card_changed(&mut self, account: AccountId) {
        self.open.remove(&account);
    }
}

#[cfg(test)]
mod tests {
    use protocol::result_code::ResultCode;
    use zerocopy::FromBytes;

    use super::*;
    use crate::audit::small_log::{RawGroup, SmallLog, write};
    use crate::audit::{AuditOptions, Check, verify_log};
    use crate::ledger::record::{MoneyRecord, RecordKind};

    /// Taps that are confirmed in each way, reversed, and resolved in each way by the card's next presentation.
    fn with_taps() -> SmallLog {
        let mut log = SmallLog::new();
        let done = |outcome: crate::ledger::Outcome| assert_eq!(outcome.code, ResultCode::Approved);
        done(log.card_tap(101, 1, 500));
        done(log.confirm(log.latest(), 500, ChipWrite::Written));
        done(log.card_tap(101, 2, 300));
        done(log.confirm(log.latest(), 300, ChipWrite::NotWritten));
        done(log.card_tap(102, 1, 200));
        done(log.reverse(log.latest(), 200));
        done(log.card_tap(102, 1, 250));
        done(log.confirm(log.latest(), 250, ChipWrite::Unknown));
        done(log.card_tap(102, 1, 350));
        done(log.tap(102, 2, 400));
        done(log.card_tap(103, 1, 450));
        log.offline(103, 100, log.time_ns);
        done(log.tap(103, 2, 100));
        log
    }

    fn failures(groups: &[RawGroup]) -> Vec<Check> {
        let log = write(groups);
        let report = verify_log(&log.reader(), &AuditOptions::default()).expect("a log that can be read");
        report.violations.iter().map(|violation| violation.check).collect()
    }

    #[test]
    fn taps_that_are_closed_as_their_chips_say_are_right() {
        let log = with_taps();
        assert_eq!(failures(&log.groups), []);
        let kinds = log.groups.iter().flat_map(|group| &group.records).map(|raw| raw.record().kind());
        assert_eq!(kinds.filter(|kind| *kind == RecordKind::TapUndone).count(), 3);
    }

    /// Spoils the counter of the nth record of a kind.
    fn with_counter(kind: RecordKind, nth: usize, counter: u32) -> Vec<RawGroup> {
        let mut groups = with_taps().groups;
        let raws = groups.iter_mut().flat_map(|group| &mut group.records);
        let raw = raws.filter(|raw| raw.kind == kind as u8).nth(nth).expect("so many");
        let (money, _) = MoneyRecord::mut_from_prefix(&mut raw.payload).expect("a money record");
        money.token = counter.into();
        groups
    }

    #[test]
    fn a_tap_that_is_closed_otherwise_is_found() {
        // The tap of 250 was undone, but the chip had moved on; that of 350 stands, but it hadn't.
        assert_eq!(failures(&with_counter(RecordKind::FullDebit, 4, 2)), [Check::Tap, Check::Tap]);
        assert_eq!(failures(&with_counter(RecordKind::Debit, 0, 1)), [Check::Tap]);
        // The offline sale had another counter than the tap that it speaks against.
        assert_eq!(failures(&with_counter(RecordKind::OfflineDebit, 0, 7)), [Check::Tap]);
        // A confirmation of what isn't open.
        let mut groups = with_taps().groups;
        let confirmed = groups.iter_mut().flat_map(|group| &mut group.records);
        let mut confirmed = confirmed.filter(|raw| raw.kind == RecordKind::TapConfirmed as u8);
        let raw = confirmed.next().expect("there are three");
        let (r, _) = TapConfirmedRecord::mut_from_prefix(&mut raw.payload).expect("its layout");
        r.write = ChipWrite::NotWritten as u8;
        assert_eq!(failures(&groups)[0], Check::Tap);
    }
}
