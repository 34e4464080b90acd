//! What the tests of the wire share: one campus's keys, a sign-in without a network, one message of every kind.

mod answers;

use protocol::answer::BatchLine;
use protocol::bill::{BillLine, BillLineKind, BillLineKinds};
use protocol::block_list::{self, BlockListLine};
use protocol::card::{CardKind, CardTerms, ChipWrite, PayoutWay, ReplaceReason};
use protocol::channel::{Channel, ReversalReason, Wallet};
use protocol::holder_digest;
use protocol::ids::{
    AccountId, BusinessDate, CardCounter, CardUid, Epoch, MerchantId, RecordNumber, RequestId, SaleId,
    Sequence, TerminalId,
};
use protocol::keys::{self, Key128};
use protocol::offline_record::{OFFLINE_RECORD_LAYOUT, OfflineRecord, TAC_KEY_CARD, TAC_KEY_TERMINAL};
use protocol::password::{Password, SealedPassword};
use protocol::payment_code;
use protocol::request::{
    AccountClose, AccountFreeze, AccountLimits, AccountPassword, AccountSelector, Adjust, AdjustDecide,
    AdjustDirection, AdjustWallet, AdjustmentsQuery, BalanceQuery, BatchLines, BatchSettle, BillQuery,
    BlockListActive, BlockListQuery, CardDebit, CardIssue, CardReplace, CardReturn, CardStock, CashierSign,
    CodeDebit, CodeKeyRotate, CodeRevoke, EarlierCodes, FreezeAction, GapClose, Heartbeat, OpenGapsQuery,
    PasswordDebit, PhoneChange, Reason, Reasoned, Refund, Request, RequestIds, Reversal, SaleQuery, ScanPay,
    ShiftClose, StatementDay, StatementQuery, SubsidyAction, SubsidyLine, SubsidyLines, SubsidyMode,
    SubsidyOpen, SubsidyPreview, SubsidyQuery, SubsidyStep, TapConfirm, Tender, TerminalKeyRotate, ToldPost,
    TopUp, UnconfirmedQuery, Upload, Verdict, VirtualBind, VirtualUnbind,
};
use protocol::result_code::ResultCode;
use protocol::self_scan::ScanCode;
use protocol::session::Session;
use protocol::sign_in::{ClientHandshake, ServerHandshake, TerminalIdentity, Welcome};
use protocol::tables::{ClassRulesLine, MealPeriodLine, PriceLine};
use protocol::terminal_kind::TerminalKind;
use protocol::text::{Firmware, GapReason, OrderNumber, StudentNumber};
use zerocopy::little_endian::U32;

use protocol::till_totals::{LineResult, TillKind, TillLine, TillTotals};

pub(crate) use answers::answer_to;

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
pub(crate) const PASSWORD: &str = "912345";
pub(crate) const USER_ID: &str = "oX7a1_0b3Kd9";
pub(crate) const PHONE: &str = "13800138000";

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
    keys::derive_code_key(&master(), CODE_KEY_ID.into())
}

pub(crate) fn holder_key() -> Key128 {
    keys::derive_holder_key(&master())
}

/// The password key of the example session.
pub(crate) fn wrapping_key() -> Key128 {
    sign_in().till.wrapping_key()
}

pub(crate) fn password_key() -> Key128 {
    sign_in().till.password_key()
}

/// The example's password, sealed with this salt.
pub(crate) fn sealed(salt: &[u8; 8]) -> SealedPassword {
    Password::new(PASSWORD).expect("six digits").seal(&password_key(), *salt)
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
        key_version: 1,
        key_check: terminal_key().check_value(),
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

fn with_password(account: AccountSelector, salt: &[u8; 8]) -> AccountPassword {
    AccountPassword { account, password: sealed(salt), till_time_ns: NOW_NS }
}

pub(crate) fn scan_key() -> Key128 {
    keys::derive_terminal_scan_key(&terminal_key(), TERMINAL)
}

/// What the terminal of the examples shows while it is offline.
pub(crate) fn scan_code() -> ScanCode {
    let mut code = ScanCode {
        terminal: TERMINAL,
        epoch: EPOCH,
        sequence: Sequence(77),
        amount_fen: 1_500,
        till_time_s: NOW_NS / 1_000_000_000,
        mac: [0; 8],
    };
    code.sign(&scan_key());
    code
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
                terms: CardTerms { kind: CardKind::Temporary, expires_day: 9_831 },
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
        ("password_set", 88, Request::PasswordSet(with_password(student, b"salt-001"))),
        (
            "virtual_bind",
            89,
            Request::VirtualBind(VirtualBind {
                student: StudentNumber::new("2023001").expect("short"),
                virtual_id: holder_digest::virtual_id(&holder_key(), USER_ID),
                password: sealed(b"salt-002"),
                till_time_ns: NOW_NS,
            }),
        ),
        (
            "virtual_unbind",
            90,
            Request::VirtualUnbind(VirtualUnbind {
                virtual_id: holder_digest::virtual_id(&holder_key(), USER_ID),
                till_time_ns: NOW_NS,
            }),
        ),
        (
            "phone_change",
            91,
            Request::PhoneChange(PhoneChange {
                virtual_id: holder_digest::virtual_id(&holder_key(), USER_ID),
                phone: holder_digest::phone_digest(&holder_key(), PHONE),
                till_time_ns: NOW_NS,
            }),
        ),
        ("loss_report", 92, Request::LossReport(with_password(student, b"salt-003"))),
        ("loss_lift", 93, Request::LossLift(with_password(AccountSelector::Card(CARD), b"salt-004"))),
        (
            "refund",
            94,
            Request::Refund(Refund {
                original: SaleId { terminal: TerminalId(102), epoch: Epoch(1), sequence: Sequence(4_411) },
                amount_fen: 650,
                till_time_ns: NOW_NS,
            }),
        ),
        (
            "void",
            95,
            Request::Void(Reversal {
                original_epoch: EPOCH,
                original_sequence: Sequence(81),
                amount_fen: 600,
                reason: ReversalReason::Cashier,
                till_time_ns: NOW_NS + 60_000_000_000,
            }),
        ),
        (
            "tender",
            96,
            Request::Tender(Tender {
                amount_fen: 1_800,
                channel: Channel::Alipay,
                order: OrderNumber::new("2026112422001400010001").expect("short"),
                till_time_ns: NOW_NS,
            }),
        ),
        (
            "block_list",
            0,
            Request::BlockList(BlockListQuery {
                have_version: 38,
                of_version: 0,
                after_card: CardUid(0),
                lines_max: 2_000,
            }),
        ),
        (
            "block_list_active",
            0,
            Request::BlockListActive(BlockListActive {
                version: 41,
                digest: block_list_digest(),
                till_time_ns: NOW_NS,
            }),
        ),
        ("class_rules", 0, Request::ClassRules),
        ("meal_periods", 0, Request::MealPeriods),
        (
            "open_gaps",
            0,
            Request::OpenGaps(OpenGapsQuery {
                terminal: TerminalId(0),
                after_terminal: TERMINAL,
                after_epoch: EPOCH,
                after_first: Sequence(70),
                lines_max: 20,
            }),
        ),
        ("unconfirmed", 0, Request::Unconfirmed(UnconfirmedQuery { account: student })),
        (
            "gap_close",
            91,
            Request::GapClose(GapClose {
                till: TerminalId(102),
                epoch: EPOCH,
                first: Sequence(71),
                last: Sequence(73),
                reason: GapReason::new("till burnt, 收据 17-19").expect("short"),
                till_time_ns: NOW_NS,
            }),
        ),
        ("scan_pay", 90, Request::ScanPay(ScanPay { account: student, code: scan_code() })),
        ("code_revoke", 88, Request::CodeRevoke(CodeRevoke { account: student, till_time_ns: NOW_NS })),
        (
            "code_key_rotate",
            89,
            Request::CodeKeyRotate(CodeKeyRotate {
                key_version: 2,
                earlier_codes: EarlierCodes::RunOut,
                till_time_ns: NOW_NS,
            }),
        ),
        (
            "card_tap",
            88,
            Request::CardTap(CardDebit {
                card_uid: CARD,
                card_counter: CardCounter(15),
                amount_fen: 1_250,
                till_time_ns: NOW_NS,
            }),
        ),
        (
            "tap_confirm",
            89,
            Request::TapConfirm(TapConfirm {
                original_terminal: TERMINAL,
                original_epoch: EPOCH,
                original_sequence: Sequence(88),
                amount_fen: 1_250,
                write: ChipWrite::Written,
                till_time_ns: NOW_NS + 900_000_000,
            }),
        ),
        (
            "account_close",
            90,
            Request::AccountClose(AccountClose {
                account: student,
                card_uid: NEW_CARD,
                way: PayoutWay::Cash,
                till_time_ns: NOW_NS,
            }),
        ),
        (
            "account_freeze",
            97,
            Request::AccountFreeze(Reasoned {
                what: AccountFreeze { account: student, action: FreezeAction::Freeze },
                reason: reason("拾到的卡，先冻结"),
            }),
        ),
        (
            "account_limits",
            98,
            Request::AccountLimits(Reasoned {
                what: AccountLimits { account: student, debit_max_fen: 1_500, day_max_fen: 4_000, class: 2 },
                reason: reason("as the holder asked"),
            }),
        ),
        (
            "adjust",
            99,
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
            100,
            Request::AdjustDecide(Reasoned {
                what: AdjustDecide { proposal: RecordNumber(9_004), verdict: Verdict::Approve },
                reason: reason("核对无误"),
            }),
        ),
        ("adjustments", 0, Request::Adjustments(AdjustmentsQuery { after: RecordNumber(0), lines_max: 20 })),
        (
            "cashier_on",
            0,
            Request::CashierOn(CashierSign { cashier: 5_001, unsent_records: 0, till_time_ns: NOW_NS }),
        ),
        (
            "cashier_off",
            0,
            Request::CashierOff(CashierSign { cashier: 5_001, unsent_records: 3, till_time_ns: NOW_NS }),
        ),
        ("shift_totals", 0, Request::ShiftTotals),
        (
            "shift_close",
            0,
            Request::ShiftClose(ShiftClose { shift: 17, unsent_records: 0, till_time_ns: NOW_NS }),
        ),
        (
            "batch_settle",
            0,
            Request::BatchSettle(BatchSettle {
                batch: 9,
                first: Sequence(70),
                last: Sequence(90),
                as_it_stands: false,
                totals: till_totals(),
                till_time_ns: NOW_NS,
            }),
        ),
        (
            "batch_lines",
            0,
            Request::BatchLines(BatchLines {
                first: Sequence(70),
                last: Sequence(90),
                lines: Box::leak(Box::new(sent_lines())),
            }),
        ),
        ("reprint", 0, Request::Reprint(SaleQuery { epoch: EPOCH, sequence: Sequence(81) })),
        (
            "password_debit",
            101,
            Request::PasswordDebit(PasswordDebit {
                card_uid: CARD,
                card_counter: CardCounter(16),
                amount_fen: 12_600,
                password: sealed(b"salt-005"),
                till_time_ns: NOW_NS,
            }),
        ),
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
        ("terminal_key", 0, Request::TerminalKey),
        (
            "terminal_key_rotate",
            93,
            Request::TerminalKeyRotate(Reasoned {
                what: TerminalKeyRotate { terminal: TerminalId(102), key_version: 2 },
                reason: Reason::new("到期更换").expect("short"),
            }),
        ),
        (
            "card_stock",
            94,
            Request::CardStock(CardStock {
                first: CardUid(0x00a1_b2c3_d500),
                count: 500,
                till_time_ns: NOW_NS,
            }),
        ),
        ("price_table", 0, Request::PriceTable),
        (
            "told_post",
            95,
            Request::ToldPost(ToldPost {
                card_uid: CARD,
                card_counter: CardCounter(8),
                reason: GapReason::new("till burnt, 收据 17-19").expect("short"),
                till_time_ns: NOW_NS,
            }),
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

pub(crate) fn till_totals() -> TillTotals {
    let mut totals = TillTotals::default();
    totals.add(TillKind::Debit, 1_250);
    totals.add(TillKind::Debit, 600);
    totals.add(TillKind::Refund, 650);
    totals.add(TillKind::Tender, 1_800);
    totals
}

fn till_line(sequence: u32, kind: TillKind, amount_fen: i64) -> TillLine {
    let (sequence, amount_fen) = (sequence.into(), amount_fen.into());
    TillLine { sequence, kind: kind.number(), amount_fen, ..TillLine::default() }
}

pub(crate) fn sent_lines() -> [TillLine; 2] {
    [till_line(80, TillKind::Debit, 1_250), till_line(82, TillKind::TopUp, 10_000)]
}

pub(crate) fn told_lines() -> [TillLine; 2] {
    [
        TillLine {
            result: LineResult::OnlyHere.number(),
            record: 9_001.into(),
            ..till_line(81, TillKind::Debit, 600)
        },
        TillLine { result: LineResult::OnlyThere.number(), ..till_line(82, TillKind::TopUp, 10_000) },
    ]
}

pub(crate) fn class_rules() -> [ClassRulesLine; 2] {
    let students = ClassRulesLine {
        debit_max_fen: 2_000.into(),
        day_max_fen: 5_000.into(),
        offline_debit_max_fen: 2_000.into(),
        offline_day_max_fen: 5_000.into(),
        code_max_fen: 1_000.into(),
        meal_max_fen: 3_000.into(),
        ..ClassRulesLine::default()
    };
    [students, ClassRulesLine { floor_fen: (-500).into(), class: 1, rule: 1, ..students }]
}

pub(crate) fn meal_periods() -> [MealPeriodLine; 1] {
    let mut name = [0; 64];
    name[..6].copy_from_slice("午餐".as_bytes());
    [MealPeriodLine { start_minute: 630.into(), end_minute: 810.into(), period: 2, reserved: [0; 3], name }]
}

pub(crate) fn prices() -> [PriceLine; 2] {
    let line = |class, period, rate: i16| PriceLine { rate: rate.into(), class, period, reserved: [0; 4] };
    [line(0, 2, -250), line(1, 16, 1_000)]
}

/// Of the list of version 41: two cards.
pub(crate) fn block_list_digest() -> [u8; 16] {
    block_list::digest(41, [CARD, NEW_CARD].into_iter())
}

/// From version 39 to 41.
pub(crate) fn block_list_lines() -> [BlockListLine; 2] {
    [BlockListLine::step(40, CardUid(77), false), BlockListLine::step(41, NEW_CARD, true)]
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
