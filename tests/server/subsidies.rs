//! Subsidy batches over sockets: paid line by line beside everything else, each line once, whatever happens to the process.

use std::time::Duration;

use engine::data_dir::DataDir;
use engine::ledger::Request as Configuration;
use engine::ledger::command::OpenAccount;
use engine::opened_books::{OpenOptions, OpenedBooks};
use protocol::answer::{SubsidyAnswer, SubsidyLineState, SubsidyState};
use protocol::ids::TerminalId;
use protocol::request::{SubsidyAction, SubsidyMode};
use protocol::result_code::ResultCode;

use crate::books_check::expect_exactly_once;
use crate::campus::{AUDITOR, Campus, FINANCE, HOLDERS, SECOND_FINANCE, sizes};
use crate::load::Load;
use crate::program::Serving;
use crate::seed::Random;
use crate::subsidy_desk::{Desk, line, next_month};
use crate::wire_till::WireTill;

/// Accounts that get something: more than the log takes in the blocks that may be ahead of the disk.
const PERSONS: u32 = 12_000;
/// Every line.
const LINE_FEN: u32 = 15_000;
/// Batches, each with a kill while it is issued and one while it is withdrawn: so many, and more until a start has found one
/// half paid and one half taken back.
const BATCHES_MIN: u32 = 3;
const BATCHES_MAX: u32 = 12;

/// Opens so many accounts that a batch takes a while.
fn open_accounts(campus: &Campus) {
    let data = DataDir::open(&campus.data_dir()).expect("nobody else has the books");
    let sizes = engine::ledger::Sizes { accounts_max: 16_384, ..sizes() };
    let options = OpenOptions { sizes, ..OpenOptions::default() };
    let (books, _) = OpenedBooks::open(data, &options).expect("sound books");
    for number in HOLDERS..PERSONS {
        let mut student_number = [0; 16];
        student_number[..7].copy_from_slice(format!("{}", 3_000_000 + number).as_bytes());
        let open = OpenAccount { student_number, class: 0 };
        books.engine().configure(Configuration::OpenAccount(open)).expect("there is room");
    }
    books.close().expect("a clean stop");
}

/// The server, killed as soon as so many lines are done; and how many were when it was back.
fn kill_at(
    campus: &Campus,
    tills: &Load,
    server: Serving,
    batch: u32,
    (state, lines): (SubsidyState, u32),
    lines_of: fn(&SubsidyAnswer) -> u32,
) -> (Serving, SubsidyAnswer) {
    let mut auditor = desk_of(campus, &server, AUDITOR);
    loop {
        let so_far = auditor.batch(batch);
        if lines_of(&so_far) >= lines || so_far.state == state {
            break;
        }
    }
    tills.publish(None);
    server.kill();
    let started = Serving::start(&campus.data_dir(), &[]);
    let found = desk_of(campus, &started, AUDITOR).batch(batch);
    tills.publish(Some(started.address()));
    (started, found)
}

fn desk_of(campus: &Campus, server: &Serving, operator: TerminalId) -> Desk {
    Desk::new(WireTill::sign_in(server.address(), &campus.keys().identity(operator)))
}

#[test]
fn batches_are_paid_and_taken_back_once_through_kills_while_tills_sell() {
    let mut random = Random::for_test("batches_are_paid_and_taken_back_once_through_kills_while_tills_sell");
    let campus = Campus::new();
    open_accounts(&campus);
    let lines: Vec<_> = (0..PERSONS).map(|account| line(account, LINE_FEN)).collect();
    let total_fen = i64::from(PERSONS) * i64::from(LINE_FEN);

    // Tills sell to the holders meanwhile, and use what they are given.
    let tills = Load::resting(&campus.keys(), 2, Duration::from_millis(10), &mut random);
    let mut server = Serving::start(&campus.data_dir(), &[]);
    tills.publish(Some(server.address()));
    // Starts that found a batch half paid, and half taken back: whether a kill comes in between isn't up to the test.
    let (mut half_paid, mut half_withdrawn, mut batches) = (0, 0, 0);
    while batches < BATCHES_MIN || (batches < BATCHES_MAX && (half_paid == 0 || half_withdrawn == 0)) {
        batches += 1;
        let mut opener = desk_of(&campus, &server, FINANCE);
        opener.plan(batches, SubsidyMode::Beside, next_month(), &lines);
        let mut second = desk_of(&campus, &server, SECOND_FINANCE);
        let looked_at = second.batch(batches);
        assert_eq!((looked_at.state, looked_at.total_fen), (SubsidyState::Previewed, total_fen));
        assert_eq!(second.preview(batches, 100).len(), PERSONS as usize);
        assert_eq!(second.step(batches, SubsidyAction::Approve), ResultCode::Approved);
        assert_eq!(opener.step(batches, SubsidyAction::Issue), ResultCode::Approved);
        let at = (SubsidyState::Issued, 1 + random.below(u64::from(PERSONS / 4)) as u32);
        let found;
        (server, found) = kill_at(&campus, &tills, server, batches, at, |batch| batch.claimed);
        assert_eq!(found.claimed_fen, i64::from(found.claimed) * i64::from(LINE_FEN));
        half_paid += u32::from((1..PERSONS).contains(&found.claimed));
        let done = desk_of(&campus, &server, AUDITOR).wait_for(batches, SubsidyState::Issued);
        assert_eq!((done.claimed, done.claimed_fen, done.skipped), (PERSONS, total_fen, 0));

        tills.wait_for(u64::from(20 * batches));
        let mut opener = desk_of(&campus, &server, FINANCE);
        assert_eq!(opener.step(batches, SubsidyAction::Withdraw), ResultCode::Approved);
        let at = (SubsidyState::Withdrawn, 1 + random.below(u64::from(PERSONS / 4)) as u32);
        let found;
        (server, found) = kill_at(&campus, &tills, server, batches, at, |batch| batch.withdrawn);
        let done = desk_of(&campus, &server, AUDITOR).wait_for(batches, SubsidyState::Withdrawn);
        half_withdrawn += u32::from((1..done.withdrawn).contains(&found.withdrawn));
        // Whoever bought nothing has nothing left of it, and is counted once.
        assert!(done.withdrawn >= PERSONS - HOLDERS);
        assert!(done.withdrawn_fen >= i64::from(PERSONS - HOLDERS) * i64::from(LINE_FEN));
    }
    println!("{batches} batches; {half_paid} found half paid, {half_withdrawn} half taken back");
    assert!(half_paid > 0 && half_withdrawn > 0, "no kill came in the middle");
    let told = tills.finish();
    let mut auditor = desk_of(&campus, &server, AUDITOR);
    let back_fen: i64 = (1..=batches).map(|batch| auditor.batch(batch).withdrawn_fen).sum();
    assert_eq!(auditor.wire.balance(PERSONS - 1).system_fen, 0);
    server.terminate();
    let report = campus.expect_sound();
    expect_exactly_once(&campus.data_dir(), &told);
    assert_eq!(report.totals.subsidies_fen, i128::from(batches) * i128::from(total_fen));
    assert_eq!(report.totals.subsidies_back_fen, i128::from(back_fen));
}

#[test]
fn a_batch_that_is_over_is_told_after_a_restart_as_before() {
    let campus = Campus::new();
    let served = campus.serve();
    let sign_in = |terminal| Desk::new(WireTill::sign_in(served.address(), &served.keys.identity(terminal)));
    let (mut opener, mut second) = (sign_in(FINANCE), sign_in(SECOND_FINANCE));
    let lines: Vec<_> = (0..30).map(|account| line(account, 100 + account)).collect();
    opener.plan(1, SubsidyMode::Clear, next_month(), &lines);
    assert_eq!(second.step(1, SubsidyAction::Approve), ResultCode::Approved);
    assert_eq!(second.step(1, SubsidyAction::Issue), ResultCode::Approved);
    let issued = opener.wait_for(1, SubsidyState::Issued);
    let states: Vec<u8> = opener.preview(1, 7).iter().map(|line| line.state).collect();
    assert_eq!(states, [SubsidyLineState::Claimed.number(); 30]);
    assert_eq!(opener.batch(2).code, ResultCode::UnknownBatch);
    served.stop_unsealed();

    let served = campus.serve();
    let mut auditor = Desk::new(WireTill::sign_in(served.address(), &served.keys.identity(AUDITOR)));
    let again = auditor.batch(1);
    assert_eq!(again, SubsidyAnswer { server_time_ns: again.server_time_ns, ..issued });
    served.stop();
    // From the snapshot, too.
    let server = Serving::start(&campus.data_dir(), &[]);
    assert!(server.started["snapshot_record"].as_u64() > Some(0), "{}", server.started);
    let mut auditor = desk_of(&campus, &server, AUDITOR);
    let again = auditor.batch(1);
    assert_eq!(again, SubsidyAnswer { server_time_ns: again.server_time_ns, ..issued });
    assert_eq!(auditor.preview(1, 100).len(), 30);
    server.terminate();
    campus.expect_sound();
}
