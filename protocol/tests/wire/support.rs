//! What the tests of the wire share: one campus's keys, a sign-in without a network, one message of every kind.

use protocol::answer::{
    AccountStatus, AdjustmentLine, AdjustmentsAnswer, Answer, BalanceAnswer, BatchAnswer, BatchLine,
    BillAnswer, HeartbeatAnswer, MoneyAnswer, Refusal, StatementAnswer, StatementMore, SubsidyAnswer,
    SubsidyLineState, SubsidyPreviewAnswer, SubsidyPreviewLine, SubsidyState, SubsidyTitle,
};
use protocol::bill::{BillLine, BillLineKind, BillLineKinds};
use protocol::card::{CardKind, ReplaceReason};
use protocol::channel::{Channel, ReversalReason, Wallet};
use protocol::command_table::Kind;
use protocol::ids::{
    AccountId, BusinessDate, CardCounter, CardUid, Epoch, MerchantId, RecordNumber, RequestId, Sequence,
    TerminalId,
};
use protocol::keys::{self, Key128};
use protocol::offline_record::{OFFLINE_RECORD_LAYOUT, OfflineRecord, TAC_KEY_CARD, TAC_KEY_TERMINAL};
use protocol::payment_code;
use protocol::request::{
    AccountFreeze, AccountLimits, AccountSelector, Adjust, AdjustDecide, AdjustDirection, AdjustWallet,
    AdjustmentsQuery, BalanceQuery, BillQuery, CardDebit, CardIssue, CardReplace, CardReturn, CodeDebit,
    FreezeAction, Heartbeat, Reason, Reasoned, Request, RequestIds, Reversal, SaleQuery, StatementDay,
    StatementQuery, SubsidyAction, SubsidyLine, SubsidyLines, SubsidyMode, SubsidyOpen, SubsidyPreview,
    SubsidyQuery, SubsidyStep, TopUp, Upload, Verdict,
};
use protocol::result_code::ResultCode;
use protocol::session::Session;
use protocol::sign_in::{ClientHandshake, ServerHandshake, TerminalIdentity, Welcome};
use protocol::terminal_kind::TerminalKind;
use protocol::text::{Firmware, OrderNumber, StudentNumber};
use zerocopy::little_endian::{I64, U32, U64};

pub(crate) const TERMINAL: TerminalId = TerminalId(101);
pub(crate) const EPOCH: Epoch = Epoch(3);
pub(crate) const CLIENT_NONCE: [u8; 16] = *b"till-nonce-00001";
pub(crate) const SERVER_NONCE: [u8; 16] = *b"server-nonce-001";
pub(crate) const CARD: CardUid = CardUid(0x00A1_B2C3_D4E5);
pub(crate) const NEW_CARD: CardUid = CardUid(0x00A1_B2C3_D4E6);
/// 2026-11-24 04:05:06.000000007 UTC: five past noon on the campus.
pub(crate) const NOW_NS: u64 = 1_795_493_106_000_000_007;
pub(crate) const CODE_ACCOUNT: AccountId = AccountId(30_000);
pub(crate) const CODE_KEY_ID: u8 = 1;
pub(crate) const CODE_NONCE: u8 = 5;

pub(crate) fn master() -> Key128 {
    Key128::from_hex("000102030405060708090a0b0c0d0e0f").expect("32 digits")
}

pub(crate) fn terminal_key() -> Key128 {
    keys::derive_terminal_key(&master(), TERMINAL, 1)
}

pub(crate) fn card_master() -> Key128 {
    keys::derive_card_master(&master())
}

pub(crate) fn code_key() -> Key128 {
    keys::derive_code_key(&master(), CODE_KEY_ID)
}

pub(crate) fn identity() -> TerminalIdentity {
    TerminalIdentity {
        terminal: TERMINAL,
        key: terminal_key(),
        epoch: EPOCH,
        firmware: Firmware::new("till 2.4.1").expect("short"),
    }
}

pub(crate) fn welcome() -> Welcome {
    Welcome {
        server_time_ns: NOW_NS,
        business_date: BusinessDate(9_824),
        in_flight_max: 1,
        heartbeat_interval_ms: 30_000,
        merchant: MerchantId(12),
        parameter_version: 7,
        block_list_version: 41,
        last_sequence: Sequence(76),
        debit_max_fen: 2_000,
        offline_debit_max_fen: 2_000,
        offline_day_max_fen: 5_000,
        block_list_age_max_s: 86_400,
        offline_days_max: 3,
        terminal_kind: TerminalKind::PointOfSale,
    }
}

/// The four frames of a sign-in, and both sides of the session that they open.
pub(crate) struct SignedIn {
    pub(crate) hello: Vec<u8>,
    pub(crate) challenge: Vec<u8>,
    pub(crate) prove: Vec<u8>,
    pub(crate) welcome: Vec<u8>,
    pub(crate) till: Session,
    pub(crate) server: Session,
}

pub(crate) fn sign_in() -> SignedIn {
    let (client, hello) = ClientHandshake::start(&identity(), CLIENT_NONCE);
    let (server, challenge) =
        ServerHandshake::on_hello(&hello, SERVER_NONCE, |terminal| (terminal == TERMINAL).then(terminal_key))
            .expect("a good Hello");
    let (client, prove) = client.on_challenge(&challenge).expect("a good Challenge");
    let proven = server.on_prove(&prove).expect("a good Prove");
    assert_eq!((proven.terminal(), proven.epoch()), (TERMINAL, EPOCH));
    assert_eq!(proven.firmware().as_str(), "till 2.4.1");
    let (server, welcome_frame) = proven.welcome(&welcome());
    let (till, told) = client.on_welcome(&welcome_frame).expect("a good Welcome");
    assert_eq!(told, welcome());
    SignedIn {
        hello: hello.to_vec(),
        challenge: challenge.to_vec(),
        prove: prove.to_vec(),
        welcome: welcome_frame.to_vec(),
        till,
        server,
    }
}

/// Two stored sales, one under each kind of key.
pub(crate) fn offline_records() -> [OfflineRecord; 2] {
    let mut first = OfflineRecord {
        terminal: TERMINAL.0.into(),
        sequence: 78.into(),
        epoch: EPOCH.0.into(),
        card_counter: 12.into(),
        card_uid: CARD.0.into(),
        balance_before_fen: 4_200.into(),
        amount_fen: 1_500.into(),
        till_time_ns: (NOW_NS - 600_000_000_000).into(),
        previous_terminal: 88.into(),
        previous_sequence: 4_411.into(),
        previous_amount_fen: 650.into(),
        previous_card_counter: 11.into(),
        previous_epoch: 1.into(),
        tac_key: TAC_KEY_CARD,
        layout: OFFLINE_RECORD_LAYOUT,
        block_list_version: 41.into(),
        block_list_age_s: 3_600.into(),
        offline_since_ns: (NOW_NS - 900_000_000_000).into(),
        ..OfflineRecord::default()
    };
    let mut second = OfflineRecord {
        sequence: 79.into(),
        card_counter: 13.into(),
        balance_before_fen: 2_700.into(),
        amount_fen: 800.into(),
        previous_terminal: TERMINAL.0.into(),
        previous_sequence: 78.into(),
        previous_amount_fen: 1_500.into(),
        previous_card_counter: 12.into(),
        previous_epoch: EPOCH.0.into(),
        tac_key: TAC_KEY_TERMINAL,
        ..first
    };
    first.sign(&keys::derive_card_key(&card_master(), CARD));
    second.sign(&keys::derive_terminal_tac_key(&terminal_key(), TERMINAL));
    [first, second]
}

pub(crate) fn code() -> [u8; 20] {
    payment_code::issue(&code_key(), CODE_KEY_ID, CODE_ACCOUNT, payment_code::step_at(NOW_NS), CODE_NONCE)
        .expect("fits")
}

/// One request of every kind, each with its name in documents and the sequence it is sent with.
pub(crate) fn requests(records: &[OfflineRecord]) -> Vec<(&'static str, u32, Request<'_>)> {
    let student = AccountSelector::Student(StudentNumber::new("2023001").expect("short"));
    vec![
        ("heartbeat", 0, Request::Heartbeat(Heartbeat { till_time_ns: NOW_NS + 250_000_000 })),
        (
            "card_debit",
            80,
            Request::CardDebit(CardDebit {
                card_uid: CARD,
                card_counter: CardCounter(14),
                amount_fen: 1_250,
                till_time_ns: NOW_NS,
            }),
        ),
        (
            "code_debit",
            81,
            Request::CodeDebit(CodeDebit { code: code(), amount_fen: 600, till_time_ns: NOW_NS }),
        ),
        (
            "top_up",
            82,
            Request::TopUp(TopUp {
                account: student,
                amount_fen: 10_000,
                channel: Channel::WeChatPay,
                order: OrderNumber::new("4200002411202611240001").expect("short"),
            }),
        ),
        (
            "reversal",
            83,
            Request::Reversal(Reversal {
                original_epoch: EPOCH,
                original_sequence: Sequence(80),
                amount_fen: 1_250,
                reason: ReversalReason::NoAnswer,
                till_time_ns: NOW_NS + 4_000_000_000,
            }),
        ),
        ("balance", 0, Request::Balance(BalanceQuery { account: AccountSelector::Card(CARD) })),
        (
            "bill",
            0,
            Request::Bill(BillQuery {
                account: AccountSelector::Account(AccountId(30_000)),
                before: RecordNumber(0),
                lines_max: 20,
            }),
        ),
        ("sale_query", 0, Request::SaleQuery(SaleQuery { epoch: EPOCH, sequence: Sequence(81) })),
        ("upload", 0, Request::Upload(Upload { batch: 9, records })),
        (
            "card_issue",
            84,
            Request::CardIssue(CardIssue {
                account: student,
                card_uid: CARD,
                kind: CardKind::Visitor,
                expires_day: 9_855,
                fee_fen: 2_000,
                till_time_ns: NOW_NS,
            }),
        ),
        (
            "card_replace",
            85,
            Request::CardReplace(CardReplace {
                account: AccountSelector::Account(AccountId(30_000)),
                new_card: NEW_CARD,
                fee_fen: 2_000,
                reason: ReplaceReason::Lost,
                till_time_ns: NOW_NS,
            }),
        ),
        (
            "card_return",
            86,
            Request::CardReturn(CardReturn {
                account: AccountSelector::Card(NEW_CARD),
                card_uid: NEW_CARD,
                till_time_ns: NOW_NS,
            }),
        ),
        (
            "top_up_undo",
            87,
            Request::TopUpUndo(Reversal {
                original_epoch: EPOCH,
                original_sequence: Sequence(82),
                amount_fen: 10_000,
                reason: ReversalReason::Cashier,
                till_time_ns: NOW_NS + 60_000_000_000,
            }),
        ),
        (
            "statement",
            0,
            Request::Statement(StatementQuery {
                account: student,
                before: RecordNumber(0),
                from_day: 9_794,
                to_day: 9_824,
                kinds: BillLineKinds::of(&[BillLineKind::Debit, BillLineKind::Reversal]),
                by: StatementDay::Calendar,
                lines_max: 20,
            }),
        ),
        (
            "account_freeze",
            88,
            Request::AccountFreeze(Reasoned {
                what: AccountFreeze { account: student, action: FreezeAction::Freeze },
                reason: reason("拾到的卡，先冻结"),
            }),
        ),
        (
            "account_limits",
            89,
            Request::AccountLimits(Reasoned {
                what: AccountLimits { account: student, debit_max_fen: 1_500, day_max_fen: 4_000, class: 2 },
                reason: reason("as the holder asked"),
            }),
        ),
        (
            "adjust",
            90,
            Request::Adjust(Reasoned {
                what: Adjust {
                    account: AccountSelector::Account(AccountId(30_000)),
                    amount_fen: 25_000,
                    wallet: AdjustWallet::Electronic,
                    direction: AdjustDirection::Give,
                },
                reason: reason("重复扣款"),
            }),
        ),
        (
            "adjust_decide",
            91,
            Request::AdjustDecide(Reasoned {
                what: AdjustDecide { proposal: RecordNumber(9_004), verdict: Verdict::Approve },
                reason: reason("核对无误"),
            }),
        ),
        ("adjustments", 0, Request::Adjustments(AdjustmentsQuery { after: RecordNumber(0), lines_max: 20 })),
        (
            "subsidy_open",
            92,
            Request::SubsidyOpen(Reasoned {
                what: SubsidyOpen {
                    batch: 202_609,
                    mode: SubsidyMode::Clear,
                    deadline_day: 9_861,
                    lines: 2,
                    total_fen: 45_000,
                },
                reason: reason("秋季学期伙食补助"),
            }),
        ),
        (
            "subsidy_lines",
            93,
            Request::SubsidyLines(SubsidyLines { batch: 202_609, first: 0, lines: &SUBSIDY_LINES }),
        ),
        (
            "subsidy_step",
            94,
            Request::SubsidyStep(Reasoned {
                what: SubsidyStep { batch: 202_609, action: SubsidyAction::Approve },
                reason: reason("名单核对无误"),
            }),
        ),
        ("subsidy_query", 0, Request::SubsidyQuery(SubsidyQuery { batch: 202_609 })),
        (
            "subsidy_preview",
            0,
            Request::SubsidyPreview(SubsidyPreview { batch: 202_609, from_account: 0, lines_max: 100 }),
        ),
        ("sign_out", 0, Request::SignOut),
    ]
}

fn reason(text: &str) -> Reason<'_> {
    Reason::new(text).expect("short")
}

/// Who gets how much.
static SUBSIDY_LINES: [SubsidyLine; 2] = [
    SubsidyLine { account: U32::new(30_000), amount_fen: U32::new(30_000) },
    SubsidyLine { account: U32::new(30_002), amount_fen: U32::new(15_000) },
];

/// What became of both.
static SUBSIDY_PREVIEW: [SubsidyPreviewLine; 2] = [
    SubsidyPreviewLine {
        account: U32::new(30_000),
        amount_fen: U32::new(30_000),
        withdrawn_fen: U32::new(12_500),
        state: SubsidyLineState::Withdrawn.number(),
        reserved: [0; 3],
    },
    SubsidyPreviewLine {
        account: U32::new(30_002),
        amount_fen: U32::new(15_000),
        withdrawn_fen: U32::new(0),
        state: SubsidyLineState::Skipped.number(),
        reserved: [0; 3],
    },
];

/// A proposed adjustment that waits.
static ADJUSTMENTS: [AdjustmentLine; 1] = [AdjustmentLine {
    proposal: U64::new(9_004),
    time_ns: U64::new(NOW_NS),
    expires_ns: U64::new(NOW_NS + 7 * 86_400_000_000_000),
    amount_fen: I64::new(25_000),
    account: U32::new(30_000),
    proposer: U32::new(TERMINAL.0),
    wallet: AdjustWallet::Electronic.number(),
    direction: AdjustDirection::Give.number(),
    reserved: [0; 6],
}];

pub(crate) fn bill_lines() -> [BillLine; 2] {
    let first = BillLine {
        record: 9_002.into(),
        time_ns: (NOW_NS + 4_100_000_000).into(),
        amount_fen: 1_250.into(),
        balance_after_fen: 14_200.into(),
        merchant: 12.into(),
        terminal: TERMINAL.0.into(),
        sequence: 83.into(),
        epoch: EPOCH.0.into(),
        related_record: 9_001.into(),
        business_date: 9_824.into(),
        kind: BillLineKind::Reversal.number(),
        channel: Channel::Card.number(),
        wallet: Wallet::Card.number(),
        ..BillLine::default()
    };
    let second = BillLine {
        record: 9_001.into(),
        time_ns: (NOW_NS + 1_000_000).into(),
        amount_fen: (-1_250).into(),
        balance_after_fen: 12_950.into(),
        sequence: 80.into(),
        related_record: 0.into(),
        kind: BillLineKind::Debit.number(),
        flags: protocol::bill::BILL_FLAG_REVERSED,
        ..first
    };
    [first, second]
}

pub(crate) fn batch_lines() -> [BatchLine; 2] {
    [
        BatchLine::new(EPOCH, Sequence(78), ResultCode::Approved, RecordNumber(9_003)),
        BatchLine::new(EPOCH, Sequence(79), ResultCode::NotAuthentic, RecordNumber(0)),
    ]
}

/// An answer to a request of this kind.
pub(crate) fn answer_to<'a>(kind: Kind, bill: &'a [BillLine], batch: &'a [BatchLine]) -> Answer<'a> {
    let done = MoneyAnswer {
        code: ResultCode::Approved,
        repeat: false,
        account: Some(AccountId(30_000)),
        amount_fen: 1_250,
        balance_after_fen: 12_950,
        record: RecordNumber(9_001),
        server_time_ns: NOW_NS + 1_000_000,
    };
    match kind {
        Kind::SignOut => Answer::SignedOut,
        Kind::Heartbeat => Answer::Heartbeat(HeartbeatAnswer {
            server_time_ns: NOW_NS,
            clock_offset_ns: 250_000_000,
            business_date: BusinessDate(9_824),
            parameter_version: 7,
            block_list_version: 41,
        }),
        Kind::CardDebit => Answer::Money(done),
        Kind::CodeDebit => Answer::Money(MoneyAnswer {
            code: ResultCode::InsufficientFunds,
            amount_fen: 600,
            balance_after_fen: 550,
            ..done
        }),
        Kind::TopUp => Answer::Money(MoneyAnswer { amount_fen: 10_000, ..done }),
        Kind::Reversal => Answer::Money(MoneyAnswer { record: RecordNumber(9_002), ..done }),
        Kind::CardIssue => Answer::Money(MoneyAnswer {
            code: ResultCode::CardAlreadyCurrent,
            amount_fen: 2_000,
            balance_after_fen: 6_500,
            ..done
        }),
        Kind::CardReplace => {
            Answer::Money(MoneyAnswer { amount_fen: 2_000, balance_after_fen: 4_500, ..done })
        }
        Kind::CardReturn => Answer::Money(MoneyAnswer { amount_fen: 0, balance_after_fen: 4_500, ..done }),
        Kind::TopUpUndo => {
            Answer::Money(MoneyAnswer { amount_fen: 10_000, record: RecordNumber(9_003), ..done })
        }
        Kind::SaleQuery => Answer::Money(MoneyAnswer {
            code: ResultCode::UnknownSale,
            repeat: true,
            account: None,
            amount_fen: 0,
            balance_after_fen: 0,
            record: RecordNumber(0),
            ..done
        }),
        Kind::Balance => Answer::Balance(BalanceAnswer {
            code: ResultCode::Approved,
            status: AccountStatus::Active,
            account: Some(AccountId(30_000)),
            card_fen: 4_200,
            transition_fen: -700,
            electronic_fen: 10_700,
            held_fen: 500,
            system_fen: 14_200,
            record: RecordNumber(9_002),
            server_time_ns: NOW_NS,
        }),
        Kind::Bill => Answer::Bill(BillAnswer {
            code: ResultCode::Approved,
            account: Some(AccountId(30_000)),
            next_before: RecordNumber(9_001),
            lines: bill,
        }),
        Kind::Statement => Answer::Statement(StatementAnswer {
            code: ResultCode::Approved,
            account: Some(AccountId(30_000)),
            next_before: RecordNumber(9_001),
            opening_fen: 9_800,
            in_fen: 11_250,
            out_fen: -6_850,
            closing_fen: 14_200,
            more: StatementMore::Lines,
            record: RecordNumber(9_002),
            lines: bill,
        }),
        Kind::AccountFreeze | Kind::AccountLimits => {
            Answer::Money(MoneyAnswer { amount_fen: 0, record: RecordNumber(9_004), ..done })
        }
        Kind::Adjust => Answer::Money(MoneyAnswer {
            code: ResultCode::AwaitsApproval,
            amount_fen: 25_000,
            record: RecordNumber(9_004),
            ..done
        }),
        Kind::AdjustDecide => Answer::Money(MoneyAnswer {
            code: ResultCode::SamePerson,
            amount_fen: 25_000,
            record: RecordNumber(9_005),
            ..done
        }),
        Kind::Adjustments => Answer::Adjustments(AdjustmentsAnswer {
            code: ResultCode::Approved,
            next_after: RecordNumber(0),
            server_time_ns: NOW_NS,
            lines: &ADJUSTMENTS,
        }),
        Kind::SubsidyOpen | Kind::SubsidyLines => Answer::Money(MoneyAnswer {
            account: None,
            amount_fen: 45_000,
            balance_after_fen: 0,
            record: RecordNumber(9_006),
            ..done
        }),
        Kind::SubsidyStep => Answer::Money(MoneyAnswer {
            code: ResultCode::BatchNotPreviewed,
            account: None,
            amount_fen: 0,
            balance_after_fen: 0,
            record: RecordNumber(9_007),
            ..done
        }),
        Kind::SubsidyQuery => Answer::Subsidy(SubsidyAnswer {
            code: ResultCode::Approved,
            state: SubsidyState::Withdrawn,
            batch: 202_609,
            total_fen: 45_000,
            claimed_fen: 30_000,
            skipped_fen: 15_000,
            cleared_fen: 600,
            withdrawn_fen: 12_500,
            lines: 2,
            uploaded: 2,
            claimed: 1,
            skipped: 1,
            withdrawn: 1,
            opener: TERMINAL.0,
            approver: TERMINAL.0 + 1,
            deadline_day: 9_861,
            mode: SubsidyMode::Clear.number(),
            server_time_ns: NOW_NS,
            title: SubsidyTitle::new("秋季学期伙食补助").expect("short"),
        }),
        Kind::SubsidyPreview => Answer::SubsidyPreview(SubsidyPreviewAnswer {
            code: ResultCode::Approved,
            batch: 202_609,
            next_account: 0,
            server_time_ns: NOW_NS,
            lines: &SUBSIDY_PREVIEW,
        }),
        Kind::Upload => Answer::Batch(BatchAnswer { batch: 9, server_time_ns: NOW_NS, lines: batch }),
        _ => Answer::Refused(Refusal::new(ResultCode::MalformedFrame)),
    }
}

pub(crate) fn ids(sequence: u32, request_id: u32) -> RequestIds {
    RequestIds {
        terminal: TERMINAL,
        epoch: EPOCH,
        sequence: Sequence(sequence),
        request_id: RequestId(request_id),
    }
}

/// A stream of numbers from a seed: SplitMix64.
pub(crate) struct Random(u64);

impl Random {
    /// From `YIKA_SEED`, or a fixed seed; says which, and how to run the test again.
    pub(crate) fn announced(test: &str) -> Random {
        let seed = std::env::var("YIKA_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(20_261_124);
        eprintln!("seed {seed}; again: YIKA_SEED={seed} cargo test -p protocol --test wire {test}");
        Random(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}
