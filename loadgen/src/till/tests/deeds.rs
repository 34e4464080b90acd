//! What isn't a sale: sent once, asked for until it is answered, and believed only then.

use super::*;
use crate::terminal_keys::TerminalKeys;

fn deed(at_ms: u64, deed: DeedKind, amount_fen: i64) -> Intent {
    at(at_ms, IntentAction::Deed(Errand { amount_fen, ..Errand::new(deed, 0) }))
}

fn deed_states(play: &Play) -> Vec<(&'static str, u32, SaleState)> {
    let entries = play.world.log.entries().iter();
    entries.map(|entry| (entry.kind.name(), entry.sale.sequence.0, entry.state)).collect()
}

#[test]
fn a_card_changes_hands_and_the_next_sale_is_paid_with_the_new_one() {
    let mut play = Play::new(
        vec![
            deed(0, DeedKind::CardReplace, 2_000),
            sale(20, 0, 0),
            deed(40, DeedKind::CardReturn, 0),
            sale(60, 0, 0),
            deed(80, DeedKind::CardReturn, 0),
            deed(100, DeedKind::CardIssue, 0),
            sale(120, 0, 0),
        ],
        vec![],
        TillTimers::default(),
    );
    play.run(60 * SECOND_NS, |_| true, willing).check(
        "0 signed in
         0 replace 41 by 9000
         20 debit 42 counter 1
         40 return 43
         60 code 44
         100 issue 45 of 9001
         120 debit 46 counter 1
         130 finished",
    );
    let counts = play.world.measurement.counts;
    // There was nothing to return the second time.
    assert_eq!((counts.deeds_done, counts.impossible, counts.intended), (3, 1, 7));
    assert_eq!(play.world.people.card(0).map(|card| card.0), Some(9_001));
    assert!(deed_states(&play).contains(&("card-replace", 41, SaleState::Approved)));
    assert_eq!(play.world.log.entries()[0].amount_fen, 2_000);
}

#[test]
fn a_deed_that_may_have_been_done_is_asked_for_until_it_is_answered() {
    let mut silences = 0;
    let mut play = Play::new(
        vec![deed(0, DeedKind::CardReplace, 2_000), sale(50, 1, 0)],
        vec![],
        TillTimers { offline_after_ns: 2 * SECOND_NS, ..TillTimers::default() },
    );
    play.run(
        100 * SECOND_NS,
        |_| true,
        |now_ns, request| match request {
            Request::CardReplace(_) => {
                silences += 1;
                if silences < 5 { Reply::Silence } else { Reply::Code(10, ResultCode::Approved) }
            }
            other => willing(now_ns, other),
        },
    );
    assert_eq!(deed_states(&play), [("card-replace", 41, SaleState::Approved)]);
    let counts = play.world.measurement.counts;
    // Whoever stood behind has left.
    assert_eq!((counts.deeds_done, counts.dropped, counts.unknown), (1, 1, 0));
    assert_eq!(play.world.people.card(0).map(|card| card.0), Some(9_000));
}

#[test]
fn what_was_refused_or_never_begun_leaves_the_card_as_it_was() {
    for (code, state) in [(ResultCode::CardTaken, SaleState::Refused), (ResultCode::Busy, SaleState::NotUsed)]
    {
        let mut play = Play::new(
            vec![deed(0, DeedKind::CardReplace, 2_000), sale(5_000, 0, 0)],
            vec![],
            TillTimers::default(),
        );
        play.run(
            60 * SECOND_NS,
            |_| true,
            |now_ns, request| match request {
                Request::CardReplace(_) => Reply::Code(10, code),
                other => willing(now_ns, other),
            },
        );
        assert_eq!(deed_states(&play)[0], ("card-replace", 41, state), "{code}");
        assert_eq!(play.world.people.card(0).map(|card| card.0), Some(1_000), "{code}");
        // A refusal has used the sequence up; what never was has not.
        let next = if state == SaleState::Refused { 42 } else { 41 };
        assert_eq!(deed_states(&play)[1], ("card-debit", next, SaleState::Approved), "{code}");
    }
}

#[test]
fn a_top_up_is_told_again_under_its_order_and_undone_under_its_sequence() {
    let mut play = Play::new(
        vec![
            deed(0, DeedKind::TopUpAgain, 0),
            deed(10, DeedKind::TopUp, 5_000),
            deed(30, DeedKind::TopUpAgain, 0),
            deed(50, DeedKind::TopUpUndo, 0),
            deed(60, DeedKind::CashTopUp, 3_000),
            deed(80, DeedKind::TopUpUndo, 0),
            deed(100, DeedKind::TopUpUndo, 0),
        ],
        vec![],
        TillTimers::default(),
    );
    play.run(60 * SECOND_NS, |_| true, willing).check(
        "0 signed in
         10 top-up 41 order 1800000000-7-41
         30 top-up 42 order 1800000000-7-41
         60 top-up 43 order 1800000000-7-43
         80 undo 44 of 43
         100 finished",
    );
    use SaleState::{Approved, Reversed};
    assert_eq!(
        deed_states(&play),
        [
            ("top-up", 41, Approved),
            ("top-up-again", 42, Approved),
            ("cash-top-up", 43, Reversed),
            ("top-up-undo", 44, Approved)
        ]
    );
    assert_eq!(play.world.log.entries()[3].reference, 43);
    assert_eq!(play.world.measurement.counts.impossible, 3);
}

#[test]
fn a_password_comes_first_and_a_lost_card_pays_nothing_until_it_is_found() {
    let mut play = Play::new(
        vec![
            deed(0, DeedKind::LossReport, 0),
            deed(0, DeedKind::PasswordSet, 0),
            deed(20, DeedKind::LossReport, 0),
            sale(40, 0, 0),
            deed(60, DeedKind::LossLift, 0),
            sale(80, 0, 0),
            deed(100, DeedKind::VirtualBind, 0),
            deed(120, DeedKind::VirtualBind, 0),
            deed(140, DeedKind::VirtualUnbind, 0),
            deed(160, DeedKind::VirtualBind, 0),
        ],
        vec![],
        TillTimers::default(),
    );
    play.run(60 * SECOND_NS, |_| true, willing).check(
        "0 signed in
         0 password 41
         20 loss 42
         40 code 43
         60 lift 44
         80 debit 45 counter 100
         100 bind 46 of 9000
         140 unbind 47 of 9000
         160 bind 48 of 9001
         170 finished",
    );
    // Nobody knew a password at first, and nobody was left to bind a phone.
    assert_eq!(play.world.measurement.counts.impossible, 2);
}

#[test]
fn a_sale_is_undone_or_given_back_in_part_once() {
    let mut play = Play::new(
        vec![
            sale(0, 0, 0),
            deed(20, DeedKind::Void, 0),
            deed(40, DeedKind::Void, 0),
            sale(60, 0, 0),
            deed(80, DeedKind::Refund, 0),
            deed(100, DeedKind::Void, 0),
            deed(120, DeedKind::Tender, 900),
        ],
        vec![],
        TillTimers::default(),
    );
    play.run(60 * SECOND_NS, |_| true, willing).check(
        "0 signed in
         0 debit 41 counter 100
         20 void 42 of 41
         60 debit 43 counter 101
         80 refund 44 of 43
         120 tender 45 order 1800000000-7-45
         130 finished",
    );
    use SaleState::{Approved, Reversed};
    assert_eq!(
        deed_states(&play),
        [
            ("card-debit", 41, Reversed),
            ("void", 42, Approved),
            ("card-debit", 43, Approved),
            ("refund", 44, Approved),
            ("tender", 45, Approved)
        ]
    );
    let amounts: Vec<i64> = play.world.log.entries().iter().map(|entry| entry.amount_fen).collect();
    assert_eq!(amounts, [850, 850, 850, 425, 900]);
    let counts = play.world.measurement.counts;
    assert_eq!((counts.deeds_done, counts.impossible, counts.answers_wrong), (3, 2, 0));
}

#[test]
fn a_question_takes_no_sequence_and_an_answer_that_contradicts_the_log_is_noticed() {
    let mut play = Play::new(
        vec![
            deed(0, DeedKind::SaleQuery, 0),
            sale(20, 0, 0),
            deed(40, DeedKind::SaleQuery, 0),
            sale(60, 0, 0),
        ],
        vec![],
        TillTimers::default(),
    );
    play.run(60 * SECOND_NS, |_| true, willing).check(
        "0 signed in
         20 debit 41 counter 100
         40 what became of 41
         60 debit 42 counter 101
         70 finished",
    );
    let counts = play.world.measurement.counts;
    // The server of these tests names another record each time.
    assert_eq!((counts.queries_answered, counts.answers_wrong, counts.impossible), (1, 1, 1));
}

#[test]
fn a_question_without_an_answer_is_given_up() {
    let mut play =
        Play::new(vec![deed(0, DeedKind::Balance, 0), sale(8_000, 0, 0)], vec![], TillTimers::default());
    play.run(
        60 * SECOND_NS,
        |_| true,
        |now_ns, request| match request {
            Request::Balance(_) => Reply::Refuse(10, ResultCode::Busy),
            other => willing(now_ns, other),
        },
    );
    let measurement = &play.world.measurement;
    assert_eq!((measurement.counts.queries_failed, measurement.counts.approved), (1, 1));
    assert_eq!(measurement.by_message.get(Kind::Balance).expect("was asked").unanswered, 1);
}

#[test]
fn a_sequence_that_was_lost_is_never_sent_and_waits_for_a_counter() {
    let mut play = Play::new(
        vec![sale(0, 0, 0), at(20, IntentAction::LoseSequence), sale(20, 1, 0), sale(40, 2, 0)],
        vec![],
        TillTimers::default(),
    );
    play.run(60 * SECOND_NS, |_| true, willing).check(
        "0 signed in
         0 debit 41 counter 100
         20 debit 43 counter 100
         40 debit 44 counter 100
         50 finished",
    );
    let hole = SaleId { terminal: TerminalId(7), epoch: Epoch(2), sequence: Sequence(42) };
    assert_eq!(play.world.holes.look_after(TerminalId(90)), Some(hole));
    assert_eq!(play.world.measurement.counts.intended, 3);
}

#[test]
fn a_till_that_hears_of_a_newer_key_fetches_it_before_anything_else_and_once() {
    let mut play = Play::new(vec![sale(0, 0, 0), sale(500, 1, 0)], vec![], TillTimers::default());
    play.world.terminal_keys = TerminalKeys::new(&campus());
    play.newest_key = Key128::new([8; 16]);
    let mut breaks = 1;
    play.run(
        60 * SECOND_NS,
        |_| true,
        |now_ns, request| match request {
            Request::TerminalKey if breaks == 1 => {
                breaks = 0;
                Reply::Break
            }
            Request::TerminalKey => Reply::Key(10),
            other => willing(now_ns, other),
        },
    );
    let sent: Vec<&str> = play.transcript.iter().map(|line| &line[7..]).collect();
    let expected = [
        "signed in",
        "key",
        "connection broke",
        "signed in",
        "key",
        "debit 41 counter 100",
        "debit 42 counter 100",
        "finished",
    ];
    assert_eq!(sent, expected);
    assert_eq!(play.world.terminal_keys.key_of(TerminalId(7)), Some(&play.newest_key));
    assert_eq!(play.world.measurement.counts.answers_wrong, 0);
}
