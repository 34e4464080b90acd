//! Sales that never came, posted on their cards' word: over the wire, through kills, in the list of gaps and under the audit.

use protocol::answer::Answer;
use protocol::ids::{AccountId, CardCounter, Epoch, Sequence, TerminalId};
use protocol::offline_record::OfflineRecord;
use protocol::request::{OpenGapsQuery, Request, ToldPost};
use protocol::result_code::ResultCode;
use protocol::text::GapReason;
use wal::{Clock, SystemClock};

use crate::campus::{COUNTER, Campus, CampusKeys, DISABLED, GATEWAY, OPENING_FEN, card, till};
use crate::program::Serving;
use crate::wire_till::{Tap, WireTill, offline_record};

const PAYER: AccountId = AccountId(9);
const PAID_FEN: i64 = 100;
const LOST_FEN: i64 = 650;

/// A sale of the payer's card at the first till, which tells of the one before at `lost`, with the counter below its own.
fn telling(keys: &CampusKeys, sequence: u32, counter: u32, lost: (TerminalId, u32)) -> OfflineRecord {
    let tap = Tap { sequence, card: card(PAYER.0), counter, amount_fen: PAID_FEN };
    let mut record = offline_record(keys, till(0), &tap, SystemClock.wall_ns());
    record.previous_terminal = lost.0.0.into();
    record.previous_sequence = lost.1.into();
    record.previous_epoch = 1.into();
    record.previous_card_counter = (counter - 1).into();
    record.previous_amount_fen = LOST_FEN.into();
    record.sign(&keys.card_key(card(PAYER.0)));
    record
}

fn told(counter: u32) -> Request<'static> {
    Request::ToldPost(ToldPost {
        card_uid: card(PAYER.0),
        card_counter: CardCounter(counter),
        reason: GapReason::new("the till burnt").expect("short"),
        till_time_ns: 0,
    })
}

/// What the second till still owes: first and last sequence.
fn owed(counter: &mut WireTill) -> Vec<(u32, u32)> {
    let query = OpenGapsQuery {
        terminal: till(1),
        after_terminal: TerminalId(0),
        after_epoch: Epoch(0),
        after_first: Sequence(0),
        lines_max: 50,
    };
    match Answer::decode(&counter.call(0, &Request::OpenGaps(query))).expect("an answer") {
        (_, Answer::OpenGaps(page)) => {
            page.lines.iter().map(|line| (line.first.get(), line.last.get())).collect()
        }
        (_, other) => panic!("a question after gaps was answered with {other:?}"),
    }
}

#[test]
fn what_a_card_told_of_is_posted_once_also_after_kills() {
    let campus = Campus::new();
    let keys = campus.keys();
    let sign_in = |server: &Serving, terminal| WireTill::sign_in(server.address(), &keys.identity(terminal));
    let approved = |lines: &[protocol::answer::BatchLine]| {
        assert!(lines.iter().all(|line| line.result() == Some(ResultCode::Approved)), "{lines:?}");
    };

    // Till 1 misses its second sale; of a disabled one nothing was ever heard.
    let server = Serving::start(&campus.data_dir(), &[]);
    let mut second = sign_in(&server, till(1));
    for sequence in [1, 3] {
        let tap = Tap { sequence, card: card(30), counter: sequence, amount_fen: 10 };
        assert_eq!(second.tap(&tap).code, ResultCode::Approved);
    }
    let mut first = sign_in(&server, till(0));
    let records = [
        telling(&keys, 1, 5, (till(1), 2)),
        telling(&keys, 2, 8, (DISABLED, 44)),
        telling(&keys, 3, 11, (till(1), 9)),
        telling(&keys, 4, 14, (TerminalId(4_000), 1)),
    ];
    approved(&first.upload(1, &records));
    let (mut counter, mut gateway) = (sign_in(&server, COUNTER), sign_in(&server, GATEWAY));
    assert_eq!(owed(&mut counter), [(2, 2)]);
    assert_eq!(gateway.refused(1, &told(4)).code, ResultCode::NotPermitted);
    for (sequence, card_counter, code) in [
        (1, 5, ResultCode::ToldNowhere),
        (2, 10, ResultCode::ToldMayCome),
        (3, 13, ResultCode::ToldTillUnknown),
    ] {
        let refused = counter.money(sequence, &told(card_counter));
        assert_eq!(refused.code, code, "counter {card_counter}");
    }
    let posted = counter.money(4, &told(4));
    assert_eq!((posted.code, posted.account), (ResultCode::ApprovedFlagged, Some(PAYER)));
    let left_fen = OPENING_FEN - 4 * PAID_FEN - LOST_FEN;
    assert_eq!((posted.amount_fen, posted.balance_after_fen), (LOST_FEN, left_fen));
    assert_eq!(owed(&mut counter), []);
    server.kill();

    let server = Serving::start(&campus.data_dir(), &[]);
    let mut counter = sign_in(&server, COUNTER);
    let again = counter.money(4, &told(4));
    assert_eq!((again.code, again.repeat, again.record), (posted.code, true, posted.record));
    assert_eq!(counter.money(4, &told(7)).code, ResultCode::IdentityConflict);
    assert_eq!(counter.money(5, &told(4)).code, ResultCode::ToldCame);
    assert_eq!(counter.money(6, &told(7)).code, ResultCode::ApprovedFlagged);
    server.kill();

    // The second till finds what it had stored: it has been posted.
    let server = Serving::start(&campus.data_dir(), &[]);
    let mut second = sign_in(&server, till(1));
    let lost = Tap { sequence: 2, card: card(PAYER.0), counter: 4, amount_fen: LOST_FEN };
    let came = second.upload(1, &[offline_record(&keys, till(1), &lost, SystemClock.wall_ns())]);
    let line = (came[0].result(), came[0].record.get());
    assert_eq!(line, (Some(ResultCode::ApprovedFlagged), posted.record.0 - 1));
    assert_eq!(second.balance(PAYER.0).system_fen, left_fen - LOST_FEN);
    drop(second);
    // A clean stop saves a snapshot, which the next start begins with.
    server.terminate();
    let server = Serving::start(&campus.data_dir(), &[]);
    let mut counter = sign_in(&server, COUNTER);
    assert_eq!(counter.money(7, &told(7)).code, ResultCode::ToldCame);
    assert!(counter.money(6, &told(7)).repeat);
    server.terminate();
    let report = campus.expect_sound();
    assert_eq!(report.totals.offline_held_back_fen, i128::from(2 * LOST_FEN));
    assert_eq!(report.records_by_kind["told_posted"], 2);
}
