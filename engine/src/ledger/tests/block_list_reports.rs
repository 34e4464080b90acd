use protocol::ids::TerminalId;
use protocol::result_code::ResultCode;

use super::bench::{Bench, MERCHANT, sale};
use crate::ledger::command::{BlockListActive, RegisterTerminal, Request, TerminalSlot};
use crate::ledger::record::RecordKind;
use crate::ledger::registry::TerminalKind;
use crate::ledger::state::terminal_entry;

pub(super) fn report(slot: u16, version: u32, is_right: bool) -> Request<'static> {
    Request::BlockListActive(BlockListActive {
        slot: TerminalSlot(slot),
        terminal: sale(slot, 1, 1).terminal,
        version,
        digest: [version as u8; 16],
        is_right,
        till_time_ns: 5,
    })
}

fn list_of(bench: &Bench, slot: u16) -> Option<(u32, u64)> {
    terminal_entry(&bench.state.shards, TerminalSlot(slot)).expect("it is registered").block_list()
}

#[test]
fn the_newest_report_of_each_till_is_remembered() {
    for shards in [1, 4] {
        let mut bench = Bench::new(shards, 1);
        assert_eq!(list_of(&bench, 1), None);
        bench.tap(sale(1, 1, 1), 0, 1, 100);
        let first_ns = bench.time_ns;
        let first = bench.run(report(1, 0, true));
        assert_eq!(first.short(), (ResultCode::Approved, 1));
        assert_eq!((list_of(&bench, 1), list_of(&bench, 2)), (Some((0, first_ns)), None));
        bench.time_ns += 1_000;
        // The same again leaves the time as it was, and no record.
        let again = bench.run(report(1, 0, true));
        assert_eq!((again.short(), again.outcome.repeat), ((ResultCode::Approved, 0), true));
        assert_eq!(list_of(&bench, 1), Some((0, first_ns)));
        bench.run(report(1, 7, true));
        assert_eq!(list_of(&bench, 1), Some((7, first_ns + 1_000)));
        // A till that goes back to an older list has that.
        assert_eq!(bench.run(report(1, 6, true)).short(), (ResultCode::Approved, 1));
        assert_eq!(list_of(&bench, 1).map(|(version, _)| version), Some(6));
        // No sequence is used up by it, and the till's chain goes on.
        assert_eq!(bench.tap(sale(1, 1, 2), 0, 2, 100).short(), (ResultCode::Approved, 1));
        assert_eq!(bench.kinds().iter().filter(|kind| **kind == RecordKind::BlockListActive).count(), 3);
        bench.close();
    }
}

#[test]
fn a_wrong_list_and_one_of_no_till_arent_taken() {
    let mut bench = Bench::new(1, 1);
    assert_eq!(bench.run(report(1, 3, false)).short(), (ResultCode::BlockListDiffers, 0));
    assert_eq!(bench.run(report(9, 3, true)).short(), (ResultCode::UnknownTerminal, 0));
    bench.done(Request::RegisterTerminal(RegisterTerminal {
        terminal: TerminalId(sale(4, 1, 1).terminal.0),
        merchant: MERCHANT,
        kind: TerminalKind::Door,
        key_version: 1,
        enabled: true,
    }));
    assert_eq!(bench.run(report(4, 3, true)).short(), (ResultCode::NotPermitted, 0));
    assert_eq!(list_of(&bench, 1), None);
    bench.close();
}

#[test]
fn a_sale_below_reports_is_found_in_the_log() {
    let mut bench = Bench::new(1, 1);
    bench.tap(sale(0, 1, 1), 0, 1, 100);
    for sequence in 2..=20 {
        bench.run(report(0, sequence, true));
        bench.reverse(sale(0, 1, sequence), (1, 99), 1);
    }
    assert_eq!(bench.tap(sale(0, 1, 1), 0, 1, 100).short(), (ResultCode::Approved, 0));
    bench.close();
}
