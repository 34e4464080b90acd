//! Statements over the wire: a period's lines and sums held against the whole bill, and every field at its limits
//! and beyond.

use engine::ledger::Request as Configuration;
use engine::ledger::calendar::day_of;
use engine::ledger::command::CutOff;
use protocol::answer::{StatementAnswer, StatementMore};
use protocol::bill::{BillLine, BillLineKind, BillLineKinds};
use protocol::card::{CardTerms, ReplaceReason};
use protocol::channel::{Channel, ReversalReason};
use protocol::ids::{AccountId, BusinessDate, CardUid, Epoch, RecordNumber, Sequence};
use protocol::payment_code;
use protocol::request::{
    AccountSelector, CardReplace, CodeDebit, Request, Reversal, StatementDay, StatementQuery, TopUp,
};
use protocol::result_code::ResultCode;
use protocol::text::{OrderNumber, StudentNumber};
use wal::{Clock, SystemClock};

use crate::campus::{COUNTER, Campus, DOOR, GATEWAY, OPENING_FEN, Served, card, student_no, till};
use crate::seed::Random;
use crate::wire_till::{Tap, WireTill, offline_record, refusal_in};

/// Accounts that something happens to.
const PERSONS: u64 = 3;

fn everything(account: AccountId) -> StatementQuery {
    StatementQuery {
        account: AccountSelector::Account(account),
        before: RecordNumber(0),
        from_day: 0,
        to_day: u16::MAX,
        kinds: BillLineKinds::ALL,
        by: StatementDay::Business,
        lines_max: 50,
    }
}

fn newest_record(served: &Served) -> u64 {
    served.engine().log().stage().next_number() - 1
}

/// Tills, a gateway and a counter at work, while business dates go by.
struct Week {
    pos: WireTill,
    offline: WireTill,
    counter: WireTill,
    pos_sequence: u32,
    offline_sequence: u32,
    counter_sequence: u32,
    new_cards: u64,
    cards: Vec<CardUid>,
    codes: Vec<u8>,
    date: u16,
    /// The newest sale that can be undone, and the newest top-up.
    sale: Option<(u32, i64)>,
    top_up: Option<(u32, i64)>,
}

impl Week {
    fn new(served: &Served) -> Week {
        let sign_in = |terminal| WireTill::sign_in(served.address(), &served.keys.identity(terminal));
        let pos = sign_in(till(0));
        let date = pos.welcome.business_date.0;
        Week {
            pos,
            offline: sign_in(till(1)),
            counter: sign_in(COUNTER),
            pos_sequence: 0,
            offline_sequence: 0,
            counter_sequence: 0,
            new_cards: 100,
            cards: (0..PERSONS as u32).map(card).collect(),
            codes: vec![0; PERSONS as usize],
            date,
            sale: None,
            top_up: None,
        }
    }

    fn sell(&mut self, amount_fen: i64, request: &Request<'_>) {
        self.pos_sequence += 1;
        if self.pos.money(self.pos_sequence, request).code.is_approved() {
            self.sale = Some((self.pos_sequence, amount_fen));
        }
    }

    fn at_the_counter(&mut self, request: &Request<'_>) -> ResultCode {
        self.counter_sequence += 1;
        self.counter.money(self.counter_sequence, request).code
    }

    fn live(&mut self, served: &Served, random: &mut Random) {
        let person = random.below(PERSONS) as usize;
        let account = AccountSelector::Account(AccountId(person as u32));
        let amount_fen = random.below(2_000) as i64 + 1;
        let tap = |sequence, counter| Tap { sequence, card: self.cards[person], counter, amount_fen };
        match random.below(20) {
            0..7 => {
                // Higher with every tap, whichever card it is of.
                let tap = tap(self.pos_sequence + 1, 1_000 + self.pos_sequence);
                self.sell(amount_fen, &crate::wire_till::tap_request(&tap));
            }
            7..10 if self.codes[person] < 16 => {
                let (nonce, now_ns) = (self.codes[person], SystemClock.wall_ns());
                self.codes[person] += 1;
                let step = payment_code::step_at(now_ns);
                let code =
                    payment_code::issue(&served.keys.code_key(), 0, AccountId(person as u32), step, nonce);
                let code = code.expect("it fits");
                self.sell(amount_fen, &Request::CodeDebit(CodeDebit { code, amount_fen, till_time_ns: 0 }));
            }
            10..13 => {
                let order = OrderNumber::new(&format!("cash {}", self.counter_sequence)).expect("short");
                let channel = Channel::Counter;
                let code =
                    self.at_the_counter(&Request::TopUp(TopUp { account, amount_fen, channel, order }));
                assert_eq!(code, ResultCode::Approved);
                self.top_up = Some((self.counter_sequence, amount_fen));
            }
            13..15 => {
                let Some((sequence, amount_fen)) = self.sale.take() else { return };
                self.pos_sequence += 1;
                let reversal = Request::Reversal(Reversal {
                    original_epoch: Epoch(1),
                    original_sequence: Sequence(sequence),
                    amount_fen,
                    reason: ReversalReason::NoAnswer,
                    till_time_ns: 0,
                });
                assert_eq!(self.pos.money(self.pos_sequence, &reversal).code, ResultCode::Approved);
            }
            15 => {
                let Some((sequence, amount_fen)) = self.top_up.take() else { return };
                // Of an earlier business date it is refused, which is no line.
                self.at_the_counter(&Request::TopUpUndo(Reversal {
                    original_epoch: Epoch(1),
                    original_sequence: Sequence(sequence),
                    amount_fen,
                    reason: ReversalReason::Cashier,
                    till_time_ns: 0,
                }));
            }
            16..18 => {
                self.offline_sequence += 1;
                let tap = tap(self.offline_sequence, 1_000_000 + self.offline_sequence);
                let record = offline_record(&served.keys, till(1), &tap, SystemClock.wall_ns());
                let lines = self.offline.upload(self.offline_sequence, &[record]);
                assert!(lines[0].result().is_some_and(ResultCode::is_approved), "{lines:?}");
            }
            18 => {
                self.new_cards += 1;
                let new_card = CardUid(self.new_cards);
                let fee_fen = [0, 2_000][random.below(2) as usize];
                let code = self.at_the_counter(&Request::CardReplace(CardReplace {
                    account,
                    new_card,
                    fee_fen,
                    reason: ReplaceReason::Broken,
                    terms: CardTerms::STANDARD,
                    till_time_ns: 0,
                }));
                assert_eq!(code, ResultCode::Approved);
                self.cards[person] = new_card;
            }
            _ => {
                self.date += 1 + random.below(2) as u16;
                let opened = BusinessDate(self.date);
                served.engine().configure(Configuration::CutOff(CutOff { opened })).expect("taken");
            }
        }
    }
}

/// What a line did to the system balance.
fn effect_fen(line: &BillLine) -> i64 {
    match BillLineKind::from_number(line.kind).expect("a known kind") {
        BillLineKind::Load | BillLineKind::Settle => 0,
        _ => line.amount_fen.get(),
    }
}

fn is_in(line: &BillLine, query: &StatementQuery) -> bool {
    (query.from_day..=query.to_day).contains(&day(line, query.by))
}

fn day(line: &BillLine, by: StatementDay) -> u16 {
    match by {
        StatementDay::Calendar => day_of(line.time_ns.get()),
        StatementDay::Business => line.business_date.get(),
    }
}

/// Pages through a statement; holds its lines and sums against the bill.
fn expect_statement(peer: &mut WireTill, query: &StatementQuery, bill: &[BillLine]) {
    let mut asked = *query;
    let (first, mut shown) = peer.statement(&asked);
    let mut page = first;
    while page.next_before != RecordNumber(0) {
        assert_eq!(page.more, StatementMore::Lines);
        asked.before = page.next_before;
        let lines;
        (page, lines) = peer.statement(&asked);
        assert_eq!(page.code, ResultCode::Approved);
        assert_eq!(page.opening_fen, first.opening_fen);
        assert_eq!(page.opening_fen + page.in_fen + page.out_fen, page.closing_fen);
        shown.extend(lines);
    }
    assert_eq!(page.more, StatementMore::Nothing);
    let wanted = bill.iter().filter(|line| {
        is_in(line, query) && query.kinds.contains(BillLineKind::from_number(line.kind).expect("known"))
    });
    assert_eq!(shown, wanted.copied().collect::<Vec<_>>(), "{query:?}");
    let sum = |wanted: &dyn Fn(&BillLine) -> bool| {
        bill.iter().filter(|line| wanted(line)).map(effect_fen).sum::<i64>()
    };
    let opening_fen = sum(&|line| day(line, query.by) < query.from_day);
    let in_fen = sum(&|line| is_in(line, query) && effect_fen(line) > 0);
    let out_fen = sum(&|line| is_in(line, query) && effect_fen(line) < 0);
    let StatementAnswer { code, closing_fen, .. } = first;
    assert_eq!((code, first.opening_fen), (ResultCode::Approved, opening_fen), "{query:?}");
    assert_eq!((first.in_fen, first.out_fen), (in_fen, out_fen), "{query:?}");
    assert_eq!(closing_fen, opening_fen + in_fen + out_fen, "{query:?}");
}

#[test]
fn a_statement_of_any_days_and_kinds_is_what_the_whole_bill_says() {
    let mut random = Random::for_test("a_statement_of_any_days_and_kinds_is_what_the_whole_bill_says");
    let campus = Campus::new();
    let served = campus.serve();
    let mut week = Week::new(&served);
    let (first_date, today) = (week.date, day_of(SystemClock.wall_ns()));
    for _ in 0..400 {
        week.live(&served, &mut random);
    }
    let dates = week.date - first_date;
    drop(week);
    served.stop_unsealed();

    let served = campus.serve();
    let mut asking = WireTill::sign_in(served.address(), &served.keys.identity(GATEWAY));
    for account in (0..PERSONS as u32).map(AccountId) {
        let bill: Vec<BillLine> = asking.bill(account).into_iter().flatten().collect();
        let balance_fen = asking.balance(account.0).system_fen;
        assert_eq!(bill.iter().map(effect_fen).sum::<i64>(), balance_fen);
        let (all, _) = asking.statement(&everything(account));
        assert_eq!((all.opening_fen, all.closing_fen), (0, balance_fen));
        let mut opening_fen = 0;
        for day in first_date..=first_date + dates {
            let query = StatementQuery { from_day: day, to_day: day, ..everything(account) };
            let (page, _) = asking.statement(&query);
            assert_eq!(page.opening_fen, opening_fen, "a day opens with what the one before closed with");
            opening_fen = page.closing_fen;
        }
        assert_eq!(opening_fen, balance_fen);
        for _ in 0..60 {
            let by = [StatementDay::Calendar, StatementDay::Business][random.below(2) as usize];
            let (first, span) = match by {
                StatementDay::Calendar => (today - 1, 4),
                StatementDay::Business => (first_date - 1, u64::from(dates) + 3),
            };
            let mut days = [0, 0].map(|_| first + random.below(span) as u16);
            days.sort_unstable();
            let bits = random.next() as u32 & random.next() as u32 & BillLineKinds::KNOWN_BITS;
            let query = StatementQuery {
                from_day: days[0],
                to_day: days[1],
                kinds: BillLineKinds::from_bits(bits).expect("known"),
                by,
                lines_max: random.below(50) as u16 + 1,
                ..everything(account)
            };
            expect_statement(&mut asking, &query, &bill);
        }
    }
    asking.sign_out();
    served.stop();
    campus.expect_sound();
}

#[test]
fn a_day_under_twenty_thousand_lines_is_one_page() {
    const UPLOADS: u32 = 10;
    const RECORDS: u32 = 2_000;
    let campus = Campus::new();
    let served = campus.serve();
    let mut peer = WireTill::sign_in(served.address(), &served.keys.identity(till(0)));
    let first_date = peer.welcome.business_date.0;
    peer.tap(&Tap { sequence: 1, card: card(0), counter: 1, amount_fen: 650 });
    let opened = BusinessDate(first_date + 1);
    served.engine().configure(Configuration::CutOff(CutOff { opened })).expect("taken");
    let now_ns = SystemClock.wall_ns();
    for upload in 0..UPLOADS {
        let sequences = 2 + upload * RECORDS..2 + (upload + 1) * RECORDS;
        let tap = |sequence| Tap { sequence, card: card(0), counter: sequence, amount_fen: 1 };
        let records: Vec<_> =
            sequences.map(|sequence| offline_record(&served.keys, till(0), &tap(sequence), now_ns)).collect();
        let lines = peer.upload(upload, &records);
        assert!(lines.iter().all(|line| line.result().is_some_and(ResultCode::is_approved)));
    }
    let of_day = |day| StatementQuery { from_day: day, to_day: day, ..everything(AccountId(0)) };
    let (page, lines) = peer.statement(&of_day(first_date));
    let kinds: Vec<u8> = lines.iter().map(|line| line.kind).collect();
    let expected = [BillLineKind::Debit, BillLineKind::Load, BillLineKind::Opening];
    assert_eq!(kinds, expected.map(BillLineKind::number));
    assert_eq!((page.more, page.next_before), (StatementMore::Nothing, RecordNumber(0)));
    assert_eq!((page.opening_fen, page.in_fen, page.out_fen), (0, OPENING_FEN, -650));

    // The sums of all of the second day stand on its first page, with the newest fifty lines.
    let (page, lines) = peer.statement(&of_day(first_date + 1));
    let out_fen = -i64::from(UPLOADS * RECORDS);
    assert_eq!((page.more, lines.len()), (StatementMore::Lines, 50));
    assert_eq!((page.opening_fen, page.in_fen, page.out_fen), (OPENING_FEN - 650, 0, out_fen));
    assert_eq!(page.closing_fen, peer.balance(0).system_fen);
    served.stop();
}

#[test]
fn fields_of_a_statement_at_their_limits_are_taken() {
    let campus = Campus::new();
    let served = campus.serve();
    let mut peer = WireTill::sign_in(served.address(), &served.keys.identity(till(0)));
    let sold = peer.tap(&Tap { sequence: 1, card: card(0), counter: 1, amount_fen: 10 });
    let today = peer.welcome.business_date.0;
    let all = everything(AccountId(0));
    let known = BillLineKinds::from_bits(BillLineKinds::KNOWN_BITS).expect("known");
    let day = |from_day, to_day| StatementQuery { from_day, to_day, ..all };
    // Query; opening, closing, lines.
    let now_fen = OPENING_FEN - 10;
    for (query, expected) in [
        (all, (0, now_fen, 3)),
        (StatementQuery { by: StatementDay::Calendar, ..all }, (0, now_fen, 3)),
        (StatementQuery { kinds: known, ..all }, (0, now_fen, 3)),
        (StatementQuery { kinds: BillLineKinds::of(&[BillLineKind::Subsidy]), ..all }, (0, now_fen, 0)),
        (StatementQuery { lines_max: 1, ..all }, (0, now_fen, 1)),
        (StatementQuery { before: sold.record, ..all }, (0, OPENING_FEN, 2)),
        (day(0, 0), (0, 0, 0)),
        (day(0, today - 1), (0, 0, 0)),
        (day(today, today), (0, now_fen, 3)),
        (day(today + 1, u16::MAX), (now_fen, now_fen, 0)),
        (day(u16::MAX, u16::MAX), (now_fen, now_fen, 0)),
        (StatementQuery { account: AccountSelector::Card(card(0)), ..all }, (0, now_fen, 3)),
    ] {
        let (page, lines) = peer.statement(&query);
        assert_eq!((page.code, page.account), (ResultCode::Approved, Some(AccountId(0))), "{query:?}");
        assert_eq!(page.record, sold.record, "{query:?}");
        assert_eq!((page.opening_fen, page.closing_fen, lines.len()), expected, "{query:?}");
    }
    // Below the account's oldest record nothing is left.
    let oldest = {
        let mut number = newest_record(&served);
        let reader = served.engine().log().reader();
        loop {
            let found = reader.record(number).expect("readable").expect("it is there");
            let record = engine::ledger::Record::decode(found.kind, found.version, found.payload);
            match record.expect("decodes").previous_of(AccountId(0)) {
                Some(RecordNumber(0)) => break number,
                Some(previous) => number = previous.0,
                None => number -= 1,
            }
        }
    };
    let (page, lines) = peer.statement(&StatementQuery { before: RecordNumber(oldest), ..all });
    assert_eq!((page.code, page.closing_fen, lines.len()), (ResultCode::Approved, 0, 0));
    assert_eq!(page.more, StatementMore::Nothing);
    served.stop();
}

#[test]
fn fields_of_a_statement_beyond_their_limits_are_refused() {
    let campus = Campus::new();
    let served = campus.serve();
    let sign_in = || WireTill::sign_in(served.address(), &served.keys.identity(till(0)));
    let mut peer = sign_in();
    let mine = peer.tap(&Tap { sequence: 1, card: card(0), counter: 1, amount_fen: 10 });
    let anothers = peer.tap(&Tap { sequence: 2, card: card(1), counter: 1, amount_fen: 10 });
    let before = newest_record(&served);
    let all = everything(AccountId(0));

    for number in [anothers.record.0, anothers.record.0 + 1, mine.record.0 + 1, 1, u64::MAX] {
        let query = StatementQuery { before: RecordNumber(number), ..all };
        let (page, lines) = peer.statement(&query);
        assert_eq!((page.code, lines.len()), (ResultCode::CursorUnknown, 0), "before {number}");
        assert_eq!((page.opening_fen, page.closing_fen), (0, 0), "before {number}");
    }
    let nobody = AccountSelector::Student(StudentNumber::new("nobody").expect("short"));
    let somebody = AccountSelector::Student(StudentNumber::new(&student_no(0)).expect("short"));
    for (account, code) in [
        (AccountSelector::Account(AccountId(4_711)), ResultCode::UnknownAccount),
        (AccountSelector::Account(AccountId(u32::MAX)), ResultCode::UnknownAccount),
        (AccountSelector::Card(CardUid(1)), ResultCode::UnknownCard),
        (nobody, ResultCode::UnknownAccount),
        (somebody, ResultCode::Approved),
    ] {
        let (page, _) = peer.statement(&StatementQuery { account, ..all });
        assert_eq!(page.code, code, "{account:?}");
        assert_eq!(page.account.is_some(), code.is_approved(), "{account:?}");
    }
    // Where in the body, what is written there, the place and the value that are refused.
    let today = 9_824_u16.to_le_bytes();
    let cases: &[(usize, &[u8], usize, u64)] = &[
        (0, &[0], 0, 0),
        (0, &[4], 0, 4),
        (1, &[1], 1, 0),
        (32, &[today, 9_823_u16.to_le_bytes()].concat(), 34, 9_823),
        (32, &[255, 255, 254, 255], 34, 65_534),
        (36, &[1, 0, 0, 0], 36, 1),
        (36, &[0, 0, 1, 0], 36, 1 << 16),
        (36, &[0, 0x40, 0, 0], 36, 1 << 14),
        (36, &[0xFF; 4], 36, u64::from(u32::MAX)),
        (40, &[0], 40, 0),
        (40, &[3], 40, 3),
        (41, &[1], 41, 0),
        (42, &[0, 0], 42, 0),
        (42, &[51, 0], 42, 51),
        (42, &[0xFF, 0xFF], 42, 65_535),
        (44, &[1], 44, 0),
        (55, &[1], 44, 0),
    ];
    for (at, bytes, offset, value) in cases {
        let mut frame = peer.encode(0, &Request::Statement(all));
        let begin = protocol::frame::HEADER_BYTES + at;
        frame[begin..begin + bytes.len()].copy_from_slice(bytes);
        peer.session.seal(&mut frame);
        peer.write(&frame);
        let refusal = refusal_in(&peer.read().expect("an answer"));
        assert_eq!(refusal.code, ResultCode::MalformedFrame, "{bytes:?} at {at}");
        let place = (protocol::frame::HEADER_BYTES + offset) as u32;
        assert_eq!((refusal.offset, refusal.value), (place, *value), "{bytes:?} at {at}");
        assert!(peer.read().is_none(), "a malformed frame ends the session");
        peer = sign_in();
    }
    let mut door = WireTill::sign_in(served.address(), &served.keys.identity(DOOR));
    assert_eq!(door.refused(0, &Request::Statement(all)).code, ResultCode::NotPermitted);
    assert_eq!(newest_record(&served), before, "a question leaves no record");
    let (page, _) = peer.statement(&all);
    assert_eq!(page.closing_fen, OPENING_FEN - 10);
    served.stop();
    campus.expect_sound();
}
