//! Terminals' keys: one version after the other, the one before taken and believed for a while.

use protocol::ids::TerminalId;
use protocol::result_code::ResultCode;

use super::bench::{Answer, Bench, register_till, sale};
use super::office::{ADMINISTRATOR, CARD_CENTRE, with_operators};
use crate::ledger::calendar::DAY_NS;
use crate::ledger::command::{RegisterTerminal, Request, TerminalKeyRotate, TerminalKeyTaken};
use crate::ledger::record::RecordKind;
use crate::ledger::registry::Terminal;

const WHY: &[u8] = "到期更换".as_bytes();

fn till_id() -> TerminalId {
    sale(0, 1, 1).terminal
}

pub(super) fn rotate(bench: &mut Bench, by: (u16, u32), terminal: TerminalId, key_version: u32) -> Answer {
    let sale = sale(by.0, 1, by.1);
    bench.run(Request::TerminalKeyRotate(TerminalKeyRotate { sale, terminal, key_version, reason: WHY }))
}

pub(super) fn take(bench: &mut Bench, key_version: u32) -> Answer {
    bench.run(Request::TerminalKeyTaken(TerminalKeyTaken { terminal: till_id(), key_version }))
}

fn till(bench: &Bench) -> Terminal {
    *bench.state.registry.find_terminal(till_id()).expect("registered")
}

/// The earlier versions that the till may sign in under, and that are believed.
fn earlier(bench: &Bench) -> (Option<u32>, Option<u32>) {
    let (registry, till) = (&bench.state.registry, till(bench));
    (registry.earlier_sign_in_key(&till, bench.time_ns), registry.earlier_believed_key(&till, bench.time_ns))
}

#[test]
fn the_next_key_comes_into_use_and_the_one_before_is_taken_until_the_till_has_it() {
    let mut bench = with_operators(2, 1);
    assert_eq!((till(&bench).key_version, earlier(&bench)), (1, (None, None)));
    let rotated = rotate(&mut bench, (ADMINISTRATOR, 1), till_id(), 2);
    assert_eq!(rotated.short(), (ResultCode::Approved, 1));
    assert_eq!((till(&bench).key_version, earlier(&bench)), (2, (Some(1), Some(1))));
    // Again under its identity, and nothing happens; with another body it is another request.
    let again = rotate(&mut bench, (ADMINISTRATOR, 1), till_id(), 2);
    assert_eq!((again.outcome.repeat, again.records), (true, 0));
    let other = rotate(&mut bench, (ADMINISTRATOR, 1), till_id(), 3);
    assert_eq!(other.outcome.code, ResultCode::IdentityConflict);

    // The till has signed in under another key than the one in use: that says nothing.
    assert_eq!(take(&mut bench, 1).short(), (ResultCode::Approved, 0));
    assert_eq!(earlier(&bench), (Some(1), Some(1)));
    assert_eq!(take(&mut bench, 2).short(), (ResultCode::Approved, 1));
    assert_eq!(earlier(&bench), (None, Some(1)));
    assert_eq!(take(&mut bench, 2).short(), (ResultCode::Approved, 0));
    let kinds = bench.kinds();
    assert!(kinds.contains(&RecordKind::TerminalKeyRotated) && kinds.contains(&RecordKind::TerminalKeyTaken));
}

#[test]
fn the_key_before_is_taken_for_a_week_and_believed_for_thirty_days_more() {
    let mut bench = with_operators(2, 1);
    rotate(&mut bench, (ADMINISTRATOR, 1), till_id(), 2);
    let since_ns = bench.time_ns;
    for (after_ns, expected, next) in [
        (7 * DAY_NS - 1, (Some(1), Some(1)), ResultCode::TerminalKeyTooSoon),
        (7 * DAY_NS, (None, Some(1)), ResultCode::TerminalKeyTooSoon),
        (37 * DAY_NS - 1, (None, Some(1)), ResultCode::TerminalKeyTooSoon),
        (37 * DAY_NS, (None, None), ResultCode::Approved),
    ] {
        bench.time_ns = since_ns + after_ns;
        assert_eq!(earlier(&bench), expected, "{after_ns} ns later");
        let sequence = bench.log.len() as u32;
        assert_eq!(rotate(&mut bench, (ADMINISTRATOR, sequence), till_id(), 3).outcome.code, next);
    }
    assert_eq!((till(&bench).key_version, earlier(&bench)), (3, (Some(2), Some(2))));
}

#[test]
fn who_may_change_which_key() {
    let mut bench = with_operators(1, 1);
    let refused = |bench: &mut Bench, by, terminal, version| rotate(bench, by, terminal, version).short();
    let till = till_id();
    assert_eq!(refused(&mut bench, (0, 1), till, 2), (ResultCode::NotPermitted, 0));
    assert_eq!(refused(&mut bench, (CARD_CENTRE, 1), till, 2), (ResultCode::WrongRole, 0));
    assert_eq!(refused(&mut bench, (ADMINISTRATOR, 0), till, 2), (ResultCode::SequenceZero, 0));
    let nobody = TerminalId(999);
    assert_eq!(refused(&mut bench, (ADMINISTRATOR, 1), nobody, 2), (ResultCode::TerminalNotFound, 1));
    for (sequence, version) in [(2, 0), (3, 1), (4, 3), (5, u32::MAX)] {
        let answer = refused(&mut bench, (ADMINISTRATOR, sequence), till, version);
        assert_eq!(answer, (ResultCode::TerminalKeyNotNext, 1), "version {version}");
    }
    let without_reason =
        TerminalKeyRotate { sale: sale(ADMINISTRATOR, 1, 6), terminal: till, key_version: 2, reason: &[] };
    let answer = bench.run(Request::TerminalKeyRotate(without_reason));
    assert_eq!(answer.short(), (ResultCode::ReasonMissing, 0));
    // An operator's own key, too.
    let own = sale(ADMINISTRATOR, 1, 1).terminal;
    assert_eq!(refused(&mut bench, (ADMINISTRATOR, 7), own, 2), (ResultCode::Approved, 1));
}

#[test]
fn a_terminal_that_is_registered_with_another_key_has_none_before() {
    let mut bench = with_operators(1, 1);
    rotate(&mut bench, (ADMINISTRATOR, 1), till_id(), 2);
    let Request::RegisterTerminal(registered) = register_till(0) else { unreachable!("it registers") };
    let with_key = |key_version, enabled| {
        Request::RegisterTerminal(RegisterTerminal { key_version, enabled, ..registered })
    };
    // What else is known of it may change meanwhile.
    bench.done(with_key(2, false));
    bench.done(with_key(2, true));
    assert_eq!(earlier(&bench), (Some(1), Some(1)));
    bench.done(with_key(7, true));
    assert_eq!((till(&bench).key_version, earlier(&bench)), (7, (None, None)));
    assert_eq!(rotate(&mut bench, (ADMINISTRATOR, 2), till_id(), 8).outcome.code, ResultCode::Approved);
}
