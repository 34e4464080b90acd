//! What tills without a network show to phones, from there until somebody pays it.

use std::collections::{HashMap, VecDeque};

use protocol::ids::{SaleId, TerminalId};
use protocol::keys::{Key128, derive_terminal_scan_key, derive_terminal_tac_key};
use protocol::offline_record::{FLAG_SELF_SCAN, OFFLINE_RECORD_LAYOUT, OfflineRecord, TAC_KEY_TERMINAL};
use protocol::self_scan::ScanCode;

use crate::campus::CampusTill;

/// What is shown and wasn't scanned yet, and the keys of those who show it.
#[derive(Debug, Default)]
pub struct SelfScans {
    till_keys: HashMap<TerminalId, Key128>,
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
    /// Of these tills; nothing is shown yet.
    pub fn new(tills: &[CampusTill]) -> SelfScans {
        let key = |till: &CampusTill| (TerminalId(till.terminal), Key128::new(till.key.0));
        SelfScans { till_keys: tills.iter().map(key).collect(), shown: VecDeque::new() }
    }

    /// A till shows a sale, and stores this to tell of it. `None` where its key isn't known.
    pub fn show(
        &mut self,
        sale: SaleId,
        holder: u32,
        amount_fen: i64,
        unix_ns: u64,
        offline_since_unix_ns: u64,
    ) -> Option<OfflineRecord> {
        const SECOND_NS: u64 = 1_000_000_000;
        let key = self.till_keys.get(&sale.terminal)?;
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
    use protocol::ids::{Epoch, Sequence};

    use super::*;
    use crate::campus::HexKey;

    #[test]
    fn what_is_shown_is_signed_and_scanned_once_in_order() {
        let key = HexKey([7; 16]);
        let mut scans =
            SelfScans::new(&[CampusTill { terminal: 5, key, earlier_key: None, epoch: 1, merchant: 1 }]);
        let sale = |terminal, sequence| SaleId {
            terminal: TerminalId(terminal),
            epoch: Epoch(1),
            sequence: Sequence(sequence),
        };
        assert_eq!(scans.show(sale(6, 1), 0, 100, 9_000_000_000, 0), None);
        for (sequence, holder) in [(1, 10), (2, 11)] {
            let record = scans.show(sale(5, sequence), holder, 100, 9_500_000_000, 0).expect("a known till");
            assert_eq!((record.sale(), record.amount_fen.get()), (sale(5, sequence), 100));
        }
        let scan_key = derive_terminal_scan_key(&Key128::new([7; 16]), TerminalId(5));
        for (sequence, holder) in [(1, 10), (2, 11)] {
            let shown = scans.scan().expect("it is shown");
            assert_eq!((shown.code.sale(), shown.holder), (sale(5, sequence), holder));
            assert_eq!(shown.code.till_time_s, 9);
            assert!(shown.code.is_authentic(&scan_key));
        }
        assert_eq!(scans.scan(), None);
    }
}
