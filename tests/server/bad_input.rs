//! Requests in good order that ask for what can't be: the code says why, and what leaves no trace leaves none.

use protocol::channel::{Channel, ReversalReason};
use protocol::ids::{AccountId, CardUid, Epoch, SaleId, Sequence};
use protocol::payment_code;
use protocol::request::{
    AccountSelector, BalanceQuery, CodeDebit, Refund, Request, Reversal, SaleQuery, Tender, TopUp,
};
use protocol::result_code::ResultCode;
use protocol::text::{OrderNumber, StudentNumber};

use crate::campus::{
    CLOSED_SHOP, COUNTER, Campus, DISABLED, GATEWAY, OPENING_FEN, Served, card, student_no, till,
};
use crate::wire_till::{Tap, WireTill};

fn a_tap(sequence: u32) -> Tap {
    Tap { sequence, card: card(0), counter: sequence, amount_fen: 10 }
}

fn newest_record(served: &Served) -> u64 {
    served.engine().log().stage().next_number() - 1
}

#[test]
fn amounts_and_sequences_that_no_request_may_carry_leave_no_trace() {
    let campus = Campus::new();
    let served = campus.serve();
    let mut till = WireTill::sign_in(served.address(), &served.keys.identity(till(0)));
    let mut gateway = WireTill::sign_in(served.address(), &served.keys.identity(GATEWAY));
    let mut counter = WireTill::sign_in(served.address(), &served.keys.identity(COUNTER));
    let before = newest_record(&served);
    let top_up = |amount_fen| {
        Request::TopUp(TopUp {
            account: AccountSelector::Account(AccountId(0)),
            amount_fen,
            channel: Channel::WeChatPay,
            order: OrderNumber::new("order").expect("short"),
        })
    };
    let reversal = |amount_fen| {
        Request::Reversal(Reversal {
            original_epoch: Epoch(1),
            original_sequence: Sequence(40),
            amount_fen,
            reason: ReversalReason::Cashier,
            till_time_ns: 0,
        })
    };
    let undo = |original_sequence, amount_fen| {
        Request::TopUpUndo(Reversal {
            original_epoch: Epoch(1),
            original_sequence: Sequence(original_sequence),
            amount_fen,
            reason: ReversalReason::Cashier,
            till_time_ns: 0,
        })
    };
    let void = |original_sequence, amount_fen| {
        let Request::TopUpUndo(named) = undo(original_sequence, amount_fen) else {
            unreachable!("it undoes")
        };
        Request::Void(named)
    };
    let refund = |original_sequence, amount_fen| {
        let sequence = Sequence(original_sequence);
        let original = SaleId { terminal: crate::campus::till(0), epoch: Epoch(1), sequence };
        Request::Refund(Refund { original, amount_fen, till_time_ns: 0 })
    };
    let tender = |amount_fen| {
        let order = OrderNumber::new("paid elsewhere").expect("short");
        Request::Tender(Tender { amount_fen, channel: Channel::Alipay, order, till_time_ns: 0 })
    };
    for (amount_fen, code) in [
        (0, ResultCode::AmountNotPositive),
        (-1, ResultCode::AmountNotPositive),
        (i64::MIN, ResultCode::AmountNotPositive),
        (1_000_000_001, ResultCode::AmountTooLarge),
        (i64::MAX, ResultCode::AmountTooLarge),
    ] {
        assert_eq!(till.tap(&Tap { amount_fen, ..a_tap(1) }).code, code, "{amount_fen}");
        assert_eq!(till.money(1, &reversal(amount_fen)).code, code, "{amount_fen}");
        assert_eq!(till.money(1, &void(40, amount_fen)).code, code, "{amount_fen}");
        assert_eq!(till.money(1, &refund(40, amount_fen)).code, code, "{amount_fen}");
        assert_eq!(till.money(1, &tender(amount_fen)).code, code, "{amount_fen}");
        assert_eq!(gateway.money(1, &top_up(amount_fen)).code, code, "{amount_fen}");
        assert_eq!(counter.money(1, &undo(40, amount_fen)).code, code, "{amount_fen}");
    }
    assert_eq!(till.tap(&Tap { sequence: 0, ..a_tap(1) }).code, ResultCode::SequenceZero);
    for request in [void(40, 10), refund(40, 10), tender(10)] {
        assert_eq!(till.money(0, &request).code, ResultCode::SequenceZero);
    }
    for request in [void(0, 10), refund(0, 10)] {
        assert_eq!(till.money(1, &request).code, ResultCode::SequenceZero);
    }
    assert_eq!(gateway.money(0, &top_up(10)).code, ResultCode::SequenceZero);
    assert_eq!(till.ask(0).code, ResultCode::SequenceZero);
    assert_eq!(counter.money(0, &undo(40, 10)).code, ResultCode::SequenceZero);
    assert_eq!(counter.money(1, &undo(0, 10)).code, ResultCode::SequenceZero);
    // The amount comes before the sequence in the order of the codes.
    assert_eq!(till.tap(&Tap { sequence: 0, amount_fen: 0, ..a_tap(1) }).code, ResultCode::AmountNotPositive);
    assert_eq!(newest_record(&served), before, "something was recorded");
    assert_eq!(till.balance(0).system_fen, OPENING_FEN);

    // The sequences are free: the same identity sells now.
    let sold = till.tap(&a_tap(1));
    assert!(sold.code.is_approved() && !sold.repeat, "{sold:?}");
    assert!(gateway.money(1, &top_up(10)).code.is_approved());
    served.stop();
    campus.expect_sound();
}

#[test]
fn a_business_refusal_is_recorded_and_stays_the_answer() {
    let campus = Campus::new();
    let served = campus.serve();
    let mut peer = WireTill::sign_in(served.address(), &served.keys.identity(till(0)));
    let unknown = Tap { card: CardUid(1), ..a_tap(1) };
    let refused = peer.tap(&unknown);
    assert_eq!((refused.code, refused.repeat, refused.account), (ResultCode::UnknownCard, false, None));
    assert_ne!(refused.record.0, 0);
    let again = peer.tap(&unknown);
    assert_eq!((again.code, again.repeat, again.record), (ResultCode::UnknownCard, true, refused.record));
    let queried = peer.ask(1);
    assert_eq!((queried.code, queried.record), (refused.code, refused.record));
    // The sequence is used up: another body under it is a conflict, not a sale.
    assert_eq!(peer.tap(&a_tap(1)).code, ResultCode::IdentityConflict);

    assert!(peer.tap(&a_tap(2)).code.is_approved());
    assert_eq!(peer.tap(&Tap { sequence: 3, ..a_tap(2) }).code, ResultCode::CardCounterReplayed);
    let dear = peer.tap(&Tap { amount_fen: OPENING_FEN, ..a_tap(4) });
    assert_eq!(dear.code, ResultCode::DayLimit, "10 fen of the day's limit are spent");
    assert_eq!(peer.tap(&Tap { amount_fen: 11, ..a_tap(2) }).code, ResultCode::IdentityConflict);

    let mut closed = WireTill::sign_in(served.address(), &served.keys.identity(CLOSED_SHOP));
    assert_eq!(closed.tap(&Tap { counter: 9, ..a_tap(1) }).code, ResultCode::UnknownMerchant);
    assert_eq!(peer.balance(0).system_fen, OPENING_FEN - 10);
    served.stop();
    campus.expect_sound();
}

#[test]
fn codes_that_are_none_forged_or_of_nobody() {
    let campus = Campus::new();
    let served = campus.serve();
    let mut peer = WireTill::sign_in(served.address(), &served.keys.identity(till(0)));
    let mut pay = |sequence, code| {
        let debit = CodeDebit { code, amount_fen: 10, till_time_ns: 0 };
        peer.money(sequence, &Request::CodeDebit(debit)).code
    };
    let now_step = payment_code::step_at(wal::Clock::wall_ns(&wal::SystemClock));
    let issue = |account, step| {
        payment_code::issue(&served.keys.code_key(), 0, AccountId(account), step, 0).expect("it fits")
    };
    assert_eq!(pay(1, *b"not a payment code!!"), ResultCode::CodeMalformed);
    assert_eq!(pay(2, [b'9'; 20]), ResultCode::CodeMalformed);
    let mut forged = issue(1, now_step);
    forged[19] = b'0' + (forged[19] - b'0' + 1) % 10;
    assert_eq!(pay(3, forged), ResultCode::CodeNotAuthentic);
    assert_eq!(pay(4, issue(1, now_step - 5)), ResultCode::CodeExpired);
    assert_eq!(pay(5, issue(4_000, now_step)), ResultCode::UnknownAccount);
    let good = issue(1, now_step);
    assert_eq!(pay(6, good), ResultCode::Approved);
    assert_eq!(pay(7, good), ResultCode::CodeUsed);
    // Guessing locks codes on this till, and cards stay.
    for sequence in 8..17 {
        assert_eq!(pay(sequence, forged), ResultCode::CodeNotAuthentic);
    }
    assert_eq!(pay(17, issue(2, now_step)), ResultCode::CodeLocked);
    assert!(peer.tap(&a_tap(18)).code.is_approved());
    let mut other = WireTill::sign_in(served.address(), &served.keys.identity(till(1)));
    let debit = CodeDebit { code: issue(2, now_step), amount_fen: 10, till_time_ns: 0 };
    assert_eq!(other.money(1, &Request::CodeDebit(debit)).code, ResultCode::Approved);
    served.stop();
    campus.expect_sound();
}

#[test]
fn questions_about_nobody_and_nothing() {
    let campus = Campus::new();
    let served = campus.serve();
    let mut peer = WireTill::sign_in(served.address(), &served.keys.identity(till(0)));
    assert_eq!(peer.balance(4_711).code, ResultCode::UnknownAccount);
    let mut code_of = |account| {
        let answer = peer.call(0, &Request::Balance(BalanceQuery { account }));
        match protocol::answer::Answer::decode(&answer).expect("an answer") {
            (_, protocol::answer::Answer::Balance(answer)) => answer.code,
            (_, other) => panic!("{other:?}"),
        }
    };
    // The number that means "none" in an answer.
    assert_eq!(code_of(AccountSelector::Account(AccountId(u32::MAX))), ResultCode::UnknownAccount);
    let student = |text: &str| AccountSelector::Student(StudentNumber::new(text).expect("short"));
    assert_eq!(code_of(AccountSelector::Card(CardUid(1))), ResultCode::UnknownCard);
    assert_eq!(code_of(student("nobody")), ResultCode::UnknownAccount);
    assert_eq!(code_of(student(&student_no(3))), ResultCode::Approved);
    assert_eq!(code_of(AccountSelector::Card(card(3))), ResultCode::Approved);
    assert_eq!(peer.ask(77).code, ResultCode::UnknownSale);
    let mut gateway = WireTill::sign_in(served.address(), &served.keys.identity(GATEWAY));
    let to_nobody = Request::TopUp(TopUp {
        account: AccountSelector::Account(AccountId(u32::MAX)),
        amount_fen: 10,
        channel: Channel::WeChatPay,
        order: OrderNumber::new("to nobody").expect("short"),
    });
    assert_eq!(gateway.money(1, &to_nobody).code, ResultCode::UnknownAccount);
    let older = Request::SaleQuery(SaleQuery { epoch: Epoch(0), sequence: Sequence(1) });
    assert_eq!(peer.money(0, &older).code, ResultCode::UnknownSale);
    served.stop();
}

#[test]
fn a_terminal_that_is_unknown_or_disabled_is_not_let_in() {
    let campus = Campus::new();
    let served = campus.serve();
    for terminal in [DISABLED, protocol::ids::TerminalId(55_555), protocol::ids::TerminalId(0)] {
        let identity = served.keys.identity(terminal);
        let refusal = WireTill::try_sign_in(served.address(), &identity).map(|_| ()).unwrap_err();
        assert_eq!(refusal.code, ResultCode::UnknownTerminal);
        assert_eq!(refusal.value, u64::from(terminal.0), "the refusal names the terminal");
    }
    served.stop();
}

#[test]
fn a_terminal_disabled_while_it_is_signed_in_is_let_go() {
    let campus = Campus::new();
    let served = campus.serve();
    let mut peer = WireTill::sign_in(served.address(), &served.keys.identity(till(0)));
    assert!(peer.tap(&a_tap(1)).code.is_approved());
    let disabled = engine::ledger::Request::RegisterTerminal(engine::ledger::command::RegisterTerminal {
        terminal: till(0),
        merchant: crate::campus::MERCHANT,
        kind: engine::ledger::registry::TerminalKind::PointOfSale,
        key_version: 1,
        enabled: false,
    });
    served.engine().configure(disabled).expect("taken");
    served.engine().sync().expect("durable");
    // What it asks before that is refused by the ledger.
    assert!(peer.read().is_none(), "a terminal that is disabled has no session");
    let again = WireTill::try_sign_in(served.address(), &served.keys.identity(till(0))).map(|_| ());
    assert_eq!(again.unwrap_err().code, ResultCode::UnknownTerminal);
    let mut other = WireTill::sign_in(served.address(), &served.keys.identity(till(1)));
    assert_eq!(other.balance(0).system_fen, OPENING_FEN - 10);
    served.stop();
    campus.expect_sound();
}
