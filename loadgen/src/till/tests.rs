//! The state machine against a server made of a closure, on a clock that is a number.

mod deeds;

use std::collections::BTreeMap;

use protocol::answer::{Answer, BatchAnswer, BatchLine, MoneyAnswer, Refusal, TerminalKeyAnswer};
use protocol::command_table::Kind;
use protocol::frame::Header;
use protocol::ids::{AccountId, RecordNumber};
use protocol::keys::Key128;
use protocol::result_code::ResultCode;
use protocol::text::OrderNumber;
use protocol::wrapped_key::WrappedKey;

use super::*;
use crate::campus::{Campus, CampusCodeKey, CampusHolder, CampusTill, HexKey};
use crate::config::{MILLISECOND_NS, SECOND_NS};
use crate::deed::{DeedKind, Errand};
use crate::outcome_log::SaleState;
use crate::people::People;
use crate::profile::Tender;

fn campus() -> Campus {
    Campus {
        address: "127.0.0.1:1".parse().expect("an address"),
        tills: vec![CampusTill {
            terminal: 7,
            key: HexKey([1; 16]),
            earlier_key: None,
            epoch: 2,
            merchant: 1,
        }],
        gateways: Vec::new(),
        counters: Vec::new(),
        card_centre: Vec::new(),
        finance: Vec::new(),
        administrators: Vec::new(),
        holders: (0..10)
            .map(|account| CampusHolder {
                account,
                student_no: format!("20230{account:02}"),
                card_uid: (account != 9).then_some(1_000 + u64::from(account)),
            })
            .collect(),
        card_master_key: HexKey([2; 16]),
        code_keys: vec![CampusCodeKey { version: 0, key: HexKey([3; 16]) }],
    }
}

fn sale(at_ms: u64, holder: u32, answers_lost: u8) -> Intent {
    let action = IntentAction::Sale { holder, amount_fen: 850, tender: Tender::Card, answers_lost };
    Intent { at_ns: at_ms * MILLISECOND_NS, action }
}

fn at(at_ms: u64, action: IntentAction) -> Intent {
    Intent { at_ns: at_ms * MILLISECOND_NS, action }
}

/// What the fake server does with a frame.
#[derive(Clone)]
enum Reply {
    /// Answers with this code after so many milliseconds.
    Code(u64, ResultCode),
    /// Answers an upload after so many milliseconds, every record with this code.
    Batch(u64, ResultCode),
    /// Answers with the till's newest key after so many milliseconds.
    Key(u64),
    /// Refuses the frame itself.
    Refuse(u64, ResultCode),
    /// Never answers.
    Silence,
    /// Breaks the connection.
    Break,
}

enum Due {
    Reply {
        ids: RequestIds,
        kind: Kind,
        amount_fen: i64,
        account: Option<u32>,
        sales: Vec<u32>,
        reply: Reply,
    },
    Break,
}

struct Play {
    till: Till,
    world: World,
    transcript: Vec<String>,
    records: u64,
    /// The till's key as the server has it.
    newest_key: Key128,
}

/// What a till's next key comes wrapped under here.
const WRAPPING_KEY: [u8; 16] = [9; 16];

impl Play {
    fn new(intents: Vec<Intent>, stored: Vec<StoredSale>, timers: TillTimers) -> Play {
        let plan = TillPlan { stored, intents: Box::new(intents.into_iter()) };
        let settings = TillSettings { timers, upload_batch_records: 2, late_max_ns: 10 * SECOND_NS };
        let mut till = Till::new((TerminalId(7), Epoch(2)), plan, settings, Random::new(1, 0));
        till.start(0);
        let campus = campus();
        let people = People::new(&campus, 100, 5_000, 9_000);
        Play {
            till,
            world: World::new(people, campus.holders.len(), 1_800_000_000 * SECOND_NS),
            transcript: Vec::new(),
            records: 0,
            newest_key: Key128::new([1; 16]),
        }
    }

    fn note(&mut self, now_ns: u64, line: impl std::fmt::Display) {
        self.transcript.push(format!("{:>6} {line}", now_ns / MILLISECOND_NS));
    }

    /// Plays until the till has finished or time is up. `up` says whether a connection can be made at a moment.
    fn run(
        &mut self,
        until_ns: u64,
        up: impl Fn(u64) -> bool,
        mut server: impl FnMut(u64, &Request<'_>) -> Reply,
    ) -> &mut Play {
        let mut now_ns = 0;
        let mut dues: BTreeMap<(u64, u64), Due> = BTreeMap::new();
        let mut number = 0;
        while now_ns < until_ns {
            match self.till.poll(now_ns, &mut self.world) {
                TillStep::Connect => {
                    if up(now_ns) {
                        self.note(now_ns, "signed in");
                        let told = SignedIn {
                            last_sequence: Sequence(40),
                            key_version: 1,
                            key_check: self.newest_key.check_value(),
                            wrapping_key: Key128::new(WRAPPING_KEY),
                        };
                        self.till.on_connected(now_ns, &told, &mut self.world);
                    } else {
                        self.till.on_connection_lost(now_ns, &mut self.world);
                    }
                }
                TillStep::Disconnect => {
                    self.note(now_ns, "disconnected");
                    dues.clear();
                }
                TillStep::Send(order) => {
                    let request = self.till.request(&order).expect("an order has a content");
                    let (line, due, delay_ms) = take_frame(&order, &request, server(now_ns, &request));
                    self.note(now_ns, line);
                    number += 1;
                    if let Some(due) = due {
                        dues.insert((now_ns + delay_ms * MILLISECOND_NS, number), due);
                    }
                }
                TillStep::Wait { intent_ns, deadline_ns } => {
                    let due_ns = dues.first_key_value().map_or(u64::MAX, |((at_ns, _), _)| *at_ns);
                    let next_ns = due_ns.min(deadline_ns).min(intent_ns.unwrap_or(u64::MAX));
                    assert!(next_ns > now_ns || due_ns <= now_ns, "the till would spin at {now_ns}");
                    now_ns = next_ns.min(until_ns);
                    if due_ns <= now_ns
                        && let Some((_, due)) = dues.pop_first()
                    {
                        self.deliver(now_ns, due, &mut dues);
                    }
                }
                TillStep::Finished => {
                    self.note(now_ns, "finished");
                    break;
                }
            }
        }
        self.till.finish(&mut self.world);
        self
    }

    fn deliver(&mut self, now_ns: u64, due: Due, dues: &mut BTreeMap<(u64, u64), Due>) {
        match due {
            Due::Break => {
                self.note(now_ns, "connection broke");
                dues.clear();
                self.till.on_connection_lost(now_ns, &mut self.world);
            }
            Due::Reply { ids, kind, amount_fen, account, sales, reply } => {
                let header = Header {
                    version: 1,
                    kind: kind.answer().expect("a request"),
                    terminal: ids.terminal,
                    sequence: ids.sequence,
                    epoch: ids.epoch,
                    request_id: ids.request_id,
                    counter: 0,
                };
                self.records += 1;
                let record = RecordNumber(self.records);
                let lines: Vec<BatchLine>;
                let answer = match reply {
                    Reply::Code(_, code) => Answer::Money(MoneyAnswer {
                        code,
                        repeat: false,
                        account: account.map(AccountId),
                        amount_fen,
                        balance_after_fen: 0,
                        record,
                        server_time_ns: 0,
                    }),
                    Reply::Batch(_, code) => {
                        lines = sales
                            .iter()
                            .map(|&sequence| BatchLine::new(Epoch(2), Sequence(sequence), code, record))
                            .collect();
                        Answer::Batch(BatchAnswer {
                            batch: amount_fen as u32,
                            server_time_ns: 0,
                            lines: &lines,
                        })
                    }
                    Reply::Key(_) => Answer::TerminalKey(TerminalKeyAnswer {
                        code: ResultCode::Approved,
                        key_version: 2,
                        wrapped: WrappedKey::wrap(&self.newest_key, &Key128::new(WRAPPING_KEY)),
                        check_value: self.newest_key.check_value(),
                    }),
                    Reply::Refuse(_, code) => Answer::Refused(Refusal::new(code)),
                    Reply::Silence | Reply::Break => return,
                };
                self.till.on_answer(now_ns, &header, &answer, &mut self.world);
            }
        }
    }

    fn check(&self, expect: &str) {
        let expect: Vec<&str> = expect.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let have: Vec<&str> = self.transcript.iter().map(|line| line.trim()).collect();
        assert_eq!(have, expect, "\n{}", have.join("\n"));
    }

    fn states(&self) -> Vec<(u32, SaleState)> {
        self.world.log.entries().iter().map(|entry| (entry.sale.sequence.0, entry.state)).collect()
    }
}

/// What a frame says, and what the server will do about it.
fn take_frame(order: &SendOrder, request: &Request<'_>, reply: Reply) -> (String, Option<Due>, u64) {
    let sequence = order.ids.sequence;
    let mut sales = Vec::new();
    let (line, amount_fen, account) = match request {
        Request::CardDebit(debit) => (
            format!("debit {sequence} counter {}", debit.card_counter),
            debit.amount_fen,
            Some(debit.card_uid.0 as u32 - 1_000),
        ),
        Request::CodeDebit(debit) => (format!("code {sequence}"), debit.amount_fen, Some(9)),
        Request::Reversal(reversal) => {
            (format!("reversal {sequence} of {}", reversal.original_sequence), reversal.amount_fen, None)
        }
        Request::Balance(_) => ("balance".to_owned(), 0, None),
        Request::TerminalKey => ("key".to_owned(), 0, None),
        Request::SaleQuery(query) => (format!("what became of {}", query.sequence), 850, Some(0)),
        Request::TopUp(top_up) => {
            (format!("top-up {sequence} order {}", text_of(&top_up.order)), top_up.amount_fen, Some(0))
        }
        Request::TopUpUndo(undo) => {
            (format!("undo {sequence} of {}", undo.original_sequence), undo.amount_fen, Some(0))
        }
        Request::Void(void) => {
            (format!("void {sequence} of {}", void.original_sequence), void.amount_fen, Some(0))
        }
        Request::Refund(refund) => {
            (format!("refund {sequence} of {}", refund.original.sequence), refund.amount_fen, Some(0))
        }
        Request::Tender(tender) => {
            (format!("tender {sequence} order {}", text_of(&tender.order)), tender.amount_fen, None)
        }
        Request::CardReplace(replace) => {
            (format!("replace {sequence} by {}", replace.new_card), replace.fee_fen, Some(0))
        }
        Request::PasswordSet(_) => (format!("password {sequence}"), 0, Some(0)),
        Request::VirtualBind(bind) => (format!("bind {sequence} of {}", bind.virtual_id.0), 0, Some(0)),
        Request::VirtualUnbind(unbind) => {
            (format!("unbind {sequence} of {}", unbind.virtual_id.0), 0, Some(0))
        }
        Request::LossReport(_) => (format!("loss {sequence}"), 0, Some(0)),
        Request::LossLift(_) => (format!("lift {sequence}"), 0, Some(0)),
        Request::CardReturn(_) => (format!("return {sequence}"), 0, Some(0)),
        Request::CardIssue(issue) => (format!("issue {sequence} of {}", issue.card_uid), 0, Some(0)),
        Request::Heartbeat(_) => ("heartbeat".to_owned(), 0, None),
        Request::Upload(upload) => {
            sales = upload.records.iter().map(|record| record.sale().sequence.0).collect();
            (format!("upload {sales:?}"), i64::from(upload.batch), None)
        }
        other => panic!("a till never sends {other:?}"),
    };
    let delay_ms = match reply {
        Reply::Key(delay_ms)
        | Reply::Code(delay_ms, _)
        | Reply::Batch(delay_ms, _)
        | Reply::Refuse(delay_ms, _) => delay_ms,
        Reply::Break => return (line, Some(Due::Break), 5),
        Reply::Silence => return (line, None, 0),
    };
    let due = Due::Reply { ids: order.ids, kind: request.kind(), amount_fen, account, sales, reply };
    (line, Some(due), delay_ms)
}

fn text_of(order: &OrderNumber) -> String {
    String::from_utf8_lossy(order.as_bytes()).trim_end_matches('\0').to_owned()
}

/// A server that approves everything after 10 ms.
fn willing(_: u64, request: &Request<'_>) -> Reply {
    match request {
        Request::Upload(_) => Reply::Batch(10, ResultCode::Approved),
        _ => Reply::Code(10, ResultCode::Approved),
    }
}

#[test]
fn sales_follow_each_other() {
    let mut play =
        Play::new(vec![sale(100, 0, 0), sale(105, 1, 0), sale(200, 0, 0)], vec![], TillTimers::default());
    play.run(60 * SECOND_NS, |_| true, willing).check(
        "0 signed in
         100 debit 41 counter 100
         110 debit 42 counter 100
         200 debit 43 counter 101
         210 finished",
    );
    assert_eq!(play.world.measurement.counts.approved, 3);
    // The second waited 5 ms for the first: intended at 105, answered at 120.
    assert_eq!(play.world.measurement.sales_approved().max() / MILLISECOND_NS, 15);
    assert_eq!(play.world.measurement.service.max() / MILLISECOND_NS, 10);
}

#[test]
fn a_lost_answer_is_asked_for_again_with_the_same_sequence() {
    let mut play = Play::new(vec![sale(100, 0, 1), sale(200, 1, 0)], vec![], TillTimers::default());
    play.run(60 * SECOND_NS, |_| true, willing).check(
        "0 signed in
         100 debit 41 counter 100
         4100 debit 41 counter 100
         4110 debit 42 counter 100
         4120 finished",
    );
    let counts = play.world.measurement.counts;
    assert_eq!((counts.approved, counts.retries, counts.answers_lost), (2, 1, 1));
    // Both sales suffered from the lost answer, and both say so.
    assert_eq!(play.world.measurement.undisturbed.len(), 0);
    assert_eq!(play.states(), [(41, SaleState::Approved), (42, SaleState::Approved)]);
}

#[test]
fn three_lost_answers_make_a_reversal_before_the_next_sale() {
    let mut play = Play::new(vec![sale(0, 0, 3), sale(200, 1, 0)], vec![], TillTimers::default());
    play.run(60 * SECOND_NS, |_| true, willing).check(
        "0 signed in
         0 debit 41 counter 100
         4000 debit 41 counter 100
         9000 debit 41 counter 100
         12000 reversal 42 of 41
         12010 finished",
    );
    // The second person waited longer than ten seconds and left.
    let counts = play.world.measurement.counts;
    assert_eq!((counts.reversed, counts.dropped, counts.approved), (1, 1, 0));
    assert_eq!(play.states(), [(41, SaleState::Reversed), (42, SaleState::Approved)]);
}

#[test]
fn a_reversal_is_repeated_until_it_is_answered() {
    let mut reversals = 0;
    let mut play = Play::new(vec![sale(0, 0, 3)], vec![], TillTimers::default());
    play.run(
        60 * SECOND_NS,
        |_| true,
        |now_ns, request| match request {
            Request::Reversal(_) => {
                reversals += 1;
                if reversals < 4 { Reply::Silence } else { Reply::Code(10, ResultCode::Approved) }
            }
            other => willing(now_ns, other),
        },
    )
    .check(
        "0 signed in
         0 debit 41 counter 100
         4000 debit 41 counter 100
         9000 debit 41 counter 100
         12000 reversal 42 of 41
         16000 reversal 42 of 41
         21000 reversal 42 of 41
         24000 disconnected
         24014 signed in
         26000 reversal 42 of 41
         26010 finished",
    );
    assert_eq!(play.states(), [(41, SaleState::Reversed), (42, SaleState::Approved)]);
}

#[test]
fn a_reversal_may_find_a_refusal_or_no_end() {
    for (code, state, unknown) in [
        (ResultCode::NothingToReverse, SaleState::Refused, 0),
        (ResultCode::Reversed, SaleState::Reversed, 0),
        (ResultCode::ReversalTooLate, SaleState::Unknown, 1),
    ] {
        let mut play = Play::new(vec![sale(0, 0, 3)], vec![], TillTimers::default());
        play.run(
            60 * SECOND_NS,
            |_| true,
            |now_ns, request| match request {
                Request::Reversal(_) => Reply::Code(10, code),
                other => willing(now_ns, other),
            },
        );
        assert_eq!(play.states()[0], (41, state), "{code}");
        assert_eq!(play.world.measurement.counts.unknown, unknown, "{code}");
    }
}

#[test]
fn busy_three_times_frees_the_sequence() {
    let mut play = Play::new(vec![sale(0, 0, 0), sale(1, 1, 0)], vec![], TillTimers::default());
    let mut frames = 0;
    play.run(
        60 * SECOND_NS,
        |_| true,
        |_, _| {
            frames += 1;
            match frames {
                1 | 3 => Reply::Refuse(10, ResultCode::Busy),
                2 => Reply::Code(10, ResultCode::LogFull),
                _ => Reply::Code(10, ResultCode::Approved),
            }
        },
    )
    .check(
        "0 signed in
         0 debit 41 counter 100
         1010 debit 41 counter 100
         3020 debit 41 counter 100
         3030 debit 41 counter 100
         3040 finished",
    );
    assert_eq!(play.states(), [(41, SaleState::NotUsed), (41, SaleState::Approved)]);
    assert_eq!(play.world.measurement.counts.given_up, 1);
}

#[test]
fn busy_after_a_lost_answer_proves_nothing_and_is_reversed() {
    let mut play = Play::new(vec![sale(0, 0, 1)], vec![], TillTimers::default());
    let mut frames = 0;
    play.run(
        60 * SECOND_NS,
        |_| true,
        |_, request| {
            frames += 1;
            match (frames, request) {
                (1, _) | (_, Request::Reversal(_)) => Reply::Code(10, ResultCode::Approved),
                _ => Reply::Refuse(10, ResultCode::Busy),
            }
        },
    );
    assert_eq!(play.states(), [(41, SaleState::Reversed), (42, SaleState::Approved)]);
}

#[test]
fn a_refusal_is_final_and_uses_its_sequence() {
    let mut play = Play::new(vec![sale(0, 0, 0), sale(50, 1, 0)], vec![], TillTimers::default());
    play.run(60 * SECOND_NS, |_| true, |_, _| Reply::Code(10, ResultCode::InsufficientFunds)).check(
        "0 signed in
         0 debit 41 counter 100
         50 debit 42 counter 100
         60 finished",
    );
    assert_eq!(play.states(), [(41, SaleState::Refused), (42, SaleState::Refused)]);
    let measurement = &play.world.measurement;
    assert_eq!((measurement.sales_refused().len(), measurement.sales_approved().len()), (2, 0));
    assert_eq!(measurement.refused_by_code.list()[0].name, "InsufficientFunds");
}

#[test]
fn a_killed_server_finds_the_same_sale_again() {
    let mut play = Play::new(vec![sale(1_000, 0, 0), sale(1_200, 1, 0)], vec![], TillTimers::default());
    let mut frames = 0;
    // Down from 1,005 ms to 2,000 ms.
    play.run(
        60 * SECOND_NS,
        |now_ns| now_ns / MILLISECOND_NS < 1_005 || now_ns / MILLISECOND_NS > 2_000,
        |_, _| {
            frames += 1;
            if frames == 1 { Reply::Break } else { Reply::Code(10, ResultCode::Approved) }
        },
    );
    let lines: Vec<&str> = play.transcript.iter().map(|line| &line[7..]).collect();
    assert_eq!(
        lines,
        [
            "signed in",
            "debit 41 counter 100",
            "connection broke",
            "signed in",
            "debit 41 counter 100",
            "debit 42 counter 100",
            "finished"
        ]
    );
    let measurement = &play.world.measurement;
    assert_eq!(measurement.counts.approved, 2);
    assert!(measurement.counts.disconnects > 3, "{:?}", measurement.counts);
    // The outage stands in the latencies of both.
    assert!(measurement.sales_approved().min() > 700 * MILLISECOND_NS);
    assert_eq!(measurement.undisturbed.len(), 0);
}

#[test]
fn sales_offline_are_stored_and_uploaded_while_selling_on() {
    let mut play = Play::new(
        vec![
            sale(0, 0, 0),
            at(100, IntentAction::GoOffline),
            sale(200, 1, 0),
            sale(300, 0, 0),
            at(350, IntentAction::Deed(Errand::new(DeedKind::Balance, 0))),
            sale(400, 9, 0),
            sale(450, 2, 0),
            at(500, IntentAction::GoOnline),
            sale(500, 3, 0),
            sale(600, 9, 0),
        ],
        vec![],
        TillTimers::default(),
    );
    play.run(60 * SECOND_NS, |_| true, willing).check(
        "0 signed in
         0 debit 41 counter 100
         100 disconnected
         500 signed in
         500 debit 45 counter 100
         500 upload [42, 43]
         510 upload [44]
         600 code 46
         610 finished",
    );
    let counts = play.world.measurement.counts;
    assert_eq!((counts.stored, counts.uploaded, counts.approved, counts.upload_pending), (3, 3, 3, 0));
    // A balance and a person without a card find no till offline.
    assert_eq!(counts.impossible, 2);
    assert!(play.states().contains(&(42, SaleState::Uploaded)));
}

#[test]
fn a_sale_that_an_offline_till_loses_is_told_of_by_the_next_of_its_card() {
    let mut play = Play::new(
        vec![
            at(0, IntentAction::LoseSale),
            sale(0, 0, 0),
            at(100, IntentAction::GoOffline),
            at(150, IntentAction::LoseSale),
            sale(200, 1, 0),
            sale(300, 1, 0),
            at(500, IntentAction::GoOnline),
        ],
        vec![],
        TillTimers::default(),
    );
    play.run(60 * SECOND_NS, |_| true, willing).check(
        "0 signed in
         0 debit 41 counter 100
         100 disconnected
         500 signed in
         500 upload [43, 44]
         510 finished",
    );
    let lost = play.world.lost_sales.take().expect("42 is gone");
    let account = play.world.people.account(1);
    assert_eq!((lost.account, lost.tap.counter.0, lost.amount_fen), (account, 100, 850));
    assert_eq!(play.world.lost_sales.take(), None);
}

#[test]
fn an_upload_is_sent_again_where_it_was_busy_and_kept_where_it_was_wrong() {
    let stored = (0..4).map(|holder| StoredSale {
        holder,
        amount_fen: 500,
        age_ns: (10 - u64::from(holder)) * SECOND_NS,
    });
    let mut play = Play::new(vec![sale(5_000, 5, 0)], stored.collect(), TillTimers::default());
    let mut uploads = 0;
    play.run(
        60 * SECOND_NS,
        |_| true,
        |now_ns, request| match request {
            Request::Upload(_) => {
                uploads += 1;
                match uploads {
                    1 => Reply::Batch(10, ResultCode::Busy),
                    2 => Reply::Batch(10, ResultCode::NotAuthentic),
                    3 => Reply::Refuse(10, ResultCode::Stopping),
                    _ => Reply::Batch(10, ResultCode::ApprovedFlagged),
                }
            }
            other => willing(now_ns, other),
        },
    )
    .check(
        "0 signed in
         0 upload [41, 42]
         1010 upload [43, 44]
         1020 upload [41, 42]
         2030 upload [41, 42]
         5000 debit 45 counter 100
         5010 finished",
    );
    let counts = play.world.measurement.counts;
    assert_eq!((counts.uploaded, counts.uploaded_flagged, counts.upload_kept), (2, 2, 2));
    assert_eq!(counts.intended, 5);
}

#[test]
fn a_batch_lost_with_its_connection_is_sent_again() {
    let stored = vec![StoredSale { holder: 0, amount_fen: 500, age_ns: SECOND_NS }];
    let mut play = Play::new(vec![], stored, TillTimers::default());
    let mut uploads = 0;
    play.run(
        60 * SECOND_NS,
        |_| true,
        |_, _| {
            uploads += 1;
            if uploads == 1 { Reply::Break } else { Reply::Batch(10, ResultCode::Approved) }
        },
    );
    let uploads: Vec<&str> =
        play.transcript.iter().map(|line| &line[7..]).filter(|line| line.starts_with("upload")).collect();
    assert_eq!(uploads, ["upload [41]", "upload [41]"]);
    assert_eq!(play.world.measurement.counts.uploaded, 1);
}

#[test]
fn a_till_without_a_server_sells_offline_after_a_while() {
    let timers = TillTimers { offline_after_ns: 2 * SECOND_NS, ..TillTimers::default() };
    let mut play = Play::new(
        vec![sale(1_000, 0, 0), sale(1_500, 1, 0), sale(4_000, 2, 0), sale(9_000, 3, 0)],
        vec![],
        timers,
    );
    let mut frames = 0;
    play.run(
        60 * SECOND_NS,
        |now_ns| !(SECOND_NS..=8 * SECOND_NS).contains(&now_ns),
        |now_ns, request| {
            frames += 1;
            if frames == 1 { Reply::Break } else { willing(now_ns, request) }
        },
    );
    // The first sale's outcome is unknown: it is reversed before anything else is sold online.
    assert_eq!(
        play.states(),
        [
            (41, SaleState::Reversed),
            (42, SaleState::Uploaded),
            (43, SaleState::Uploaded),
            (44, SaleState::Approved),
            (45, SaleState::Approved),
        ]
    );
    let log = play.world.log.entries();
    assert_eq!(log[3].reference, 41);
}

#[test]
fn a_silent_server_is_left_after_three_heartbeats() {
    let mut play = Play::new(vec![sale(200_000, 0, 0)], vec![], TillTimers::default());
    play.run(200 * SECOND_NS, |now_ns| now_ns == 0, |_, _| Reply::Silence).check(
        "0 signed in
         30000 heartbeat
         60000 heartbeat
         90000 heartbeat
         120000 disconnected",
    );
}

#[test]
fn a_stalled_server_shows_in_the_percentiles() {
    // A sale each 10 ms for 3 s. The server answers in 1 ms, but says nothing from 1 s to 2 s.
    let intents = (0..300).map(|k| sale(k * 10, (k % 9) as u32, 0)).collect();
    let mut play = Play::new(intents, vec![], TillTimers::default());
    play.run(
        60 * SECOND_NS,
        |_| true,
        |now_ns, _| {
            let now_ms = now_ns / MILLISECOND_NS;
            let stalled_ms = if (1_000..2_000).contains(&now_ms) { 2_000 - now_ms } else { 0 };
            Reply::Code(1 + stalled_ms, ResultCode::Approved)
        },
    );
    let measurement = &play.world.measurement;
    let approved = measurement.sales_approved();
    assert_eq!(approved.len(), 300);
    let millis = |value_ns: u64| value_ns / MILLISECOND_NS;
    // One request was slow, so the service time's 99th percentile knows nothing of the stall.
    assert_eq!(millis(measurement.service.value_at_quantile(0.99)), 1);
    // But a third of the people came during it, and each waited until it was over.
    assert!((650..750).contains(&millis(approved.value_at_quantile(0.9))));
    assert!((950..1_010).contains(&millis(approved.value_at_quantile(0.995))));
    assert_eq!(millis(approved.value_at_quantile(0.5)), 1);
}

#[test]
fn what_cannot_be_sent_in_time_is_dropped() {
    let intents = (0..100).map(|k| sale(k * 1_000, 0, 0)).collect();
    let mut play = Play::new(intents, vec![], TillTimers::default());
    // One sale takes two seconds: the queue grows by one each two seconds, until people leave.
    play.run(300 * SECOND_NS, |_| true, |_, _| Reply::Code(2_000, ResultCode::Approved));
    let counts = play.world.measurement.counts;
    assert_eq!(counts.intended, 100);
    assert_eq!(counts.intended, counts.approved + counts.dropped);
    assert!(counts.dropped > 30, "{counts:?}");
    assert!(play.world.measurement.sales_approved().max() <= 13 * SECOND_NS);
}

#[test]
fn a_run_cut_short_counts_the_rest_as_dropped_and_the_open_sale_as_unknown() {
    let intents = (0..10).map(|k| sale(k * 1_000, 0, 0)).collect();
    let mut play = Play::new(intents, vec![], TillTimers::default());
    play.run(
        2_500 * MILLISECOND_NS,
        |_| true,
        |now_ns, request| {
            if now_ns < 2 * SECOND_NS { willing(now_ns, request) } else { Reply::Silence }
        },
    );
    let counts = play.world.measurement.counts;
    assert_eq!((counts.intended, counts.approved, counts.dropped, counts.unknown), (10, 2, 7, 1));
}
