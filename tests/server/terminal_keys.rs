//! A till's key is changed while it is in the field: it is never locked out, and what it signed is believed.

use engine::import::apply;
use engine::import::campus::{CampusFile, MerchantEntry, TerminalEntry};
use protocol::answer::{Answer, HeartbeatAnswer};
use protocol::ids::{AccountId, Epoch, Sequence, TerminalId};
use protocol::keys::{Key128, derive_terminal_scan_key, derive_terminal_tac_key};
use protocol::offline_record::{OfflineRecord, TAC_KEY_TERMINAL};
use protocol::request::{AccountSelector, Heartbeat, Reason, Reasoned, Request, ScanPay, TerminalKeyRotate};
use protocol::result_code::ResultCode;
use protocol::self_scan::ScanCode;
use protocol::sign_in::TerminalIdentity;
use protocol::terminal_kind::TerminalKind;
use serde_json::Value;
use wal::{Clock, SystemClock};

use crate::campus::{ADMINISTRATOR, CARD_CENTRE, Campus, CampusKeys, GATEWAY, MERCHANT, card, till};
use crate::program::{Serving, succeed};
use crate::wire_till::{Tap, WireTill, offline_record};

fn rotate(terminal: TerminalId, key_version: u32) -> Request<'static> {
    let reason = Reason::new("到期更换").expect("short");
    Request::TerminalKeyRotate(Reasoned { what: TerminalKeyRotate { terminal, key_version }, reason })
}

fn tap(sequence: u32) -> Tap {
    Tap { sequence, card: card(3), counter: sequence, amount_fen: 100 }
}

fn heartbeat(till: &mut WireTill) -> HeartbeatAnswer {
    match Answer::decode(&till.call(0, &Request::Heartbeat(Heartbeat { till_time_ns: 0 }))) {
        Ok((_, Answer::Heartbeat(told))) => told,
        other => panic!("a heartbeat was answered with {other:?}"),
    }
}

/// Stored while offline, and signed by the till itself.
fn stored(keys: &CampusKeys, sequence: u32, terminal_key: &Key128) -> OfflineRecord {
    let record = offline_record(keys, till(0), &tap(sequence), SystemClock.wall_ns());
    let mut record = OfflineRecord { tac_key: TAC_KEY_TERMINAL, ..record };
    record.sign(&derive_terminal_tac_key(terminal_key, till(0)));
    record
}

/// Shown while offline: paid by phone, with the confirmation that the till computes.
fn is_paid_by_phone(gateway: &mut WireTill, sequence: u32, shown: u32, terminal_key: &Key128) -> bool {
    let scan_key = derive_terminal_scan_key(terminal_key, till(0));
    let mut code = ScanCode {
        terminal: till(0),
        epoch: Epoch(1),
        sequence: Sequence(shown),
        amount_fen: 350,
        till_time_s: SystemClock.wall_ns() / 1_000_000_000,
        mac: [0; 8],
    };
    code.sign(&scan_key);
    let account = AccountSelector::Account(AccountId(3));
    match Answer::decode(&gateway.call(sequence, &Request::ScanPay(ScanPay { account, code }))) {
        Ok((_, Answer::ScanPay(paid))) => paid.confirmation == Some(code.confirmation(&scan_key)),
        other => panic!("a scan was answered with {other:?}"),
    }
}

#[test]
fn a_till_gets_its_next_key_through_kills_and_is_never_locked_out() {
    let campus = Campus::new();
    let keys = campus.keys();
    let [first, second, third] = [1, 2, 3].map(|version| keys.identity_of(till(0), version));
    let server = Serving::start(&campus.data_dir(), &[]);
    let sign_in =
        |server: &Serving, identity: &TerminalIdentity| WireTill::sign_in(server.address(), identity);
    let mut pos = sign_in(&server, &first);
    assert_eq!((pos.welcome.key_version, pos.welcome.key_check), (1, first.key.check_value()));
    assert_eq!(pos.fetch_key(), (1, first.key.clone()));
    let mut administrator = sign_in(&server, &keys.identity(ADMINISTRATOR));
    let mut clerk = sign_in(&server, &keys.identity(CARD_CENTRE));
    assert_eq!(clerk.refused(1, &rotate(till(0), 2)).code, ResultCode::WrongRole);
    for (sequence, request, code) in [
        (1, rotate(TerminalId(77), 2), ResultCode::TerminalNotFound),
        (2, rotate(till(0), 3), ResultCode::TerminalKeyNotNext),
        (3, rotate(till(0), 2), ResultCode::Approved),
        (4, rotate(till(0), 3), ResultCode::TerminalKeyTooSoon),
    ] {
        assert_eq!(administrator.money(sequence, &request).code, code);
    }
    assert!(administrator.money(3, &rotate(till(0), 2)).repeat);
    // The session goes on under the key that it was opened with, and hears of the next.
    assert_eq!(heartbeat(&mut pos).key_version, 2);
    assert_eq!(pos.tap(&tap(1)).code, ResultCode::Approved);
    server.kill();

    // Both keys are written out while both are taken.
    let file = campus.folder().join("campus.json");
    let arguments =
        ["keys", "--accounts-max", "1024", "--cards-max", "2048", "--terminals-max", "64", "--data"];
    let paths = [campus.data_dir(), "--out".into(), file.clone()];
    succeed(arguments.iter().map(std::ffi::OsString::from).chain(paths.map(Into::into)));
    let written: Value =
        serde_json::from_slice(&std::fs::read(&file).expect("it was written")).expect("JSON");
    let hex = |identity: &TerminalIdentity| Value::from(engine::data_dir::hex(identity.key.as_bytes()));
    let of_till = &written["tills"][0];
    assert_eq!((&of_till["key"], &of_till["earlier_key"]), (&hex(&second), &hex(&first)));
    assert_eq!(written["tills"][1].get("earlier_key"), None);

    // Killed before the till has fetched it: the key that it has still opens.
    let server = Serving::start(&campus.data_dir(), &[]);
    let mut pos = sign_in(&server, &first);
    assert_eq!((pos.welcome.key_version, pos.welcome.key_check), (2, second.key.check_value()));
    let fetched = pos.fetch_key();
    assert_eq!(fetched, (2, second.key.clone()));
    assert_eq!(pos.tap(&tap(2)).code, ResultCode::Approved);
    server.kill();

    // Killed after it has fetched it: either opens, until it has signed in under the new one.
    let server = Serving::start(&campus.data_dir(), &[]);
    drop(sign_in(&server, &first));
    let mut pos = sign_in(&server, &TerminalIdentity { key: fetched.1, ..keys.identity(till(0)) });
    // What takes note of that was queued before this, and is done one after the other.
    assert_eq!(pos.reprint(Epoch(1), 2).code, ResultCode::Approved);
    assert_eq!(pos.tap(&tap(3)).code, ResultCode::Approved);
    let refused = |server: &Serving, identity| {
        let refused = WireTill::try_sign_in(server.address(), identity);
        refused.err().map(|refusal| refusal.code)
    };
    assert_eq!(refused(&server, &first), Some(ResultCode::BadMac));
    assert_eq!(refused(&server, &third), Some(ResultCode::BadMac));
    // What it signed under the one before is believed, and what it showed; under a key that never was, nothing.
    let lines = pos.upload(
        1,
        &[stored(&keys, 4, &first.key), stored(&keys, 5, &second.key), stored(&keys, 6, &third.key)],
    );
    let codes: Vec<_> = lines.iter().map(|line| line.result().expect("a known code")).collect();
    assert_eq!(codes, [ResultCode::Approved, ResultCode::Approved, ResultCode::NotAuthentic]);
    let mut gateway = sign_in(&server, &keys.identity(GATEWAY));
    assert!(is_paid_by_phone(&mut gateway, 1, 7, &first.key));
    assert!(is_paid_by_phone(&mut gateway, 2, 8, &second.key));
    assert!(!is_paid_by_phone(&mut gateway, 3, 9, &third.key));
    server.kill();

    // That it has the new one is in the log; its file of terminals says nothing of keys, and changes none.
    let (books, _) = campus.open();
    let file = CampusFile {
        merchants: vec![MerchantEntry { id: MERCHANT.0, name: "一食堂".to_owned() }],
        terminals: vec![TerminalEntry {
            id: till(0).0,
            merchant: MERCHANT.0,
            kind: TerminalKind::PointOfSale,
        }],
        ..CampusFile::default()
    };
    assert_eq!(apply::campus(books.engine(), &file).expect("it is taken").settings_changed, 0);
    books.close().expect("a clean stop");
    let server = Serving::start(&campus.data_dir(), &[]);
    assert_eq!(refused(&server, &first), Some(ResultCode::BadMac));
    assert_eq!(sign_in(&server, &second).tap(&tap(10)).code, ResultCode::Approved);
    server.terminate();
    campus.expect_sound();
}
