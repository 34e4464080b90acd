//! Holds what tills were told against what stands in the log.

use std::collections::HashMap;
use std::path::Path;

use engine::ledger::Record;
use engine::ledger::record::MoneyRecord;
use protocol::ids::TerminalId;
use wal::LogReader;

use crate::campus::{HOLDERS, OPENING_FEN, card};
use crate::load::TillLog;

/// A sale as the log has it.
struct Posted {
    record: u64,
    amount_fen: i64,
    offline: bool,
}

/// Every acknowledged sale must be posted exactly once, where it was said, and nothing else may be posted. The log
/// must be sealed.
pub fn expect_exactly_once(data_dir: &Path, told: &[TillLog]) {
    let posted = posted(data_dir);
    let mut told_count = 0;
    for till in told {
        for told in &till.acknowledged {
            told_count += 1;
            let found = posted.get(&(till.terminal, told.tap.sequence)).map_or(&[][..], Vec::as_slice);
            let [found] = found else {
                panic!("{told:?} of till {} is posted {} times", till.terminal, found.len());
            };
            assert_eq!(
                (found.record, found.amount_fen, found.offline),
                (told.record, told.tap.amount_fen, told.uploaded),
                "{told:?}"
            );
        }
    }
    let posted_count: usize = posted.values().map(Vec::len).sum();
    assert_eq!(posted_count, told_count, "sales were posted that nobody was told about");
}

fn posted(data_dir: &Path) -> HashMap<(TerminalId, u32), Vec<Posted>> {
    let reader = LogReader::open_offline(data_dir).expect("a sound log");
    let mut posted: HashMap<_, Vec<Posted>> = HashMap::new();
    for found in reader.scan(1) {
        let found = found.expect("a readable record");
        let record = Record::decode(found.kind, found.version, found.payload).expect("a known record");
        let (money, offline): (&MoneyRecord, bool) = match &record {
            Record::Debit(money) => (money, false),
            Record::FullDebit(debit) => (&debit.money, false),
            Record::OfflineDebit(offline) => (&offline.money, true),
            Record::Refusal(_)
            | Record::Suspense(..)
            | Record::Reversal(_)
            | Record::FullReversal(_)
            | Record::Void(_)
            | Record::Refund(_) => {
                panic!("nothing was refused or undone, but here is a {}", record.kind().name())
            }
            _ => continue,
        };
        let key = (TerminalId(money.terminal.get()), money.sequence.get());
        let sale = Posted { record: found.number, amount_fen: money.amount_fen.get(), offline };
        posted.entry(key).or_default().push(sale);
    }
    posted
}

/// What each account must have after these sales.
pub fn balances_fen(told: &[TillLog]) -> Vec<i64> {
    let mut balances_fen = vec![OPENING_FEN; HOLDERS as usize];
    for told in told.iter().flat_map(|till| &till.acknowledged) {
        balances_fen[(told.tap.card.0 - card(0).0) as usize] -= told.tap.amount_fen;
    }
    balances_fen
}
