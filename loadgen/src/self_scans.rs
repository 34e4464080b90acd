//! What tills without a network show to phones, from there until somebody pays it.

use std::collections::VecDeque;

use protocol::ids::SaleId;
use protocol::keys::{Key128, derive_terminal_scan_key, derive_terminal_tac_key};
use protocol::offline_record::{FLAG_SELF_SCAN, OFFLINE_RECORD_LAYOUT, OfflineRecord, TAC_KEY_TERMINAL};
use protocol::self_scan::ScanCode;

/// What is shown and wasn't scanned yet.
#[derive(Debug, Default)]
pub struct SelfScans {
    /// Whether anybody scans what is shown.
    phones_scan: bool,
    shown: VecDeque<Shown>,
}

/// A code that a till shows, and who stands before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// What the phone reads.
    pub code: ScanCode,
    /// The holder.
    pub holder: u32,
}

impl SelfScans {
    /// Phones scan what tills show; nothing is shown yet.
    pub fn for_phones() -> SelfScans {
        SelfScans { phones_scan: true, shown: VecDeque::new() }
    }

    /// A till with this key shows a sale, and stores this to tell of it. `None` where nobody would scan it.
    pub fn show(
        &mut self,
        key: &Key128,
        sale: SaleId,
        holder: u32,
        amount_fen: i64,
        unix_ns: u64,
        offline_since_unix_ns: u64,
    ) -> Option<OfflineRecord> {
        const SECOND_NS: u64 = 1_000_000_000;
        if !self.phones_scan {
            return None;
        }
        let SaleId { terminal, epoch, sequence } = sale;
        let till_time_s = unix_ns / SECOND_NS;
        let mut code = ScanCode { terminal, epoch, sequence, amount_fen, till_time_s, mac: [0; 8] };
        code.sign(&derive_terminal_scan_key(key, terminal));
        self.shown.push_back(Shown { code, holder });
        let mut record = OfflineRecord {
            terminal: terminal.0.into(),
            sequence: sequence.0.into(),
            epoch: epoch.0.into(),
            flags: FLAG_SELF_SCAN.into(),
            amount_fen: amount_fen.into(),
            till_time_ns: unix_ns.into(),
            offline_since_ns: offline_since_unix_ns.into(),
            tac_key: TAC_KEY_TERMINAL,
            layout: OFFLINE_RECORD_LAYOUT,
            ..OfflineRecord::default()
        };
        record.sign(&derive_terminal_tac_key(key, terminal));
        Some(record)
    }

    /// Somebody scans what has been shown for the longest.
    pub fn scan(&mut self) -> Option<Shown> {
        self.shown.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use protocol::ids::{Epoch, Sequence, TerminalId};

    use super::*;

    #[test]
    fn what_is_shown_is_signed_and_scanned_once_in_order() {
        let key = Key128::new([7; 16]);
        let mut scans = SelfScans::for_phones();
        let sale = |terminal, sequence| SaleId {
            terminal: TerminalId(terminal),
            epoch: Epoch(1),
            sequence: Sequence(sequence),
        };
        assert_eq!(SelfScans::default().show(&key, sale(6, 1), 0, 100, 9_000_000_000, 0), None);
        for (sequence, holder) in [(1, 10), (2, 11)] {
            let record =
                scans.show(&key, sale(5, sequence), holder, 100, 9_500_000_000, 0).expect("a known till");
            assert_eq!((record.sale(), record.amount_fen.get()), (sale(5, sequence), 100));
        }
        let scan_key = derive_terminal_scan_key(&key, TerminalId(5));
        for (sequence, holder) in [(1, 10), (2, 11)] {
            let shown = scans.scan().expect("it is shown");
            assert_eq!((shown.code.sale(), shown.holder), (sale(5, sequence), holder));
            assert_eq!(shown.code.till_time_s, 9);
            assert!(shown.code.is_authentic(&scan_key));
        }
        assert_eq!(scans.scan(), None);
    }
}
