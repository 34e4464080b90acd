//! An example of each answer.

use protocol::answer::{
    AccountStatus, AdjustmentLine, AdjustmentsAnswer, Answer, BalanceAnswer, BatchAnswer, BatchLine,
    BatchLinesAnswer, BatchSettleAnswer, BillAnswer, BlockListAnswer, Chip, ClassRulesAnswer, GapKind,
    GapLine, HeartbeatAnswer, MealPeriodsAnswer, MoneyAnswer, OpenGapsAnswer, PriceTableAnswer, ReceiptKind,
    ReceiptMarks, Refusal, ReprintAnswer, ScanPayAnswer, ShiftAnswer, StatementAnswer, StatementMore,
    SubsidyAnswer, SubsidyLineState, SubsidyPreviewAnswer, SubsidyPreviewLine, SubsidyState, SubsidyTitle,
    TapAnswer, TerminalKeyAnswer, UnconfirmedAnswer,
};
use protocol::bill::BillLine;
use protocol::channel::{Channel, Wallet};
use protocol::command_table::Kind;
use protocol::ids::{
    AccountId, BusinessDate, CardCounter, Epoch, MerchantId, RecordNumber, Sequence, TerminalId,
};
use protocol::keys::derive_terminal_key;
use protocol::request::{AdjustDirection, AdjustWallet, SubsidyMode};
use protocol::result_code::ResultCode;
use protocol::text::StudentNumber;
use protocol::wrapped_key::WrappedKey;
use zerocopy::little_endian::{I64, U16, U32, U64};

use super::{
    CARD, CODE_KEY_ID, NOW_NS, TERMINAL, block_list_digest, block_list_lines, class_rules, master,
    meal_periods, prices, scan_code, scan_key, till_totals, told_lines, wrapping_key,
};

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

/// A hole, and a self-scan that nobody has paid.
const GAP_LINES: [GapLine; 2] = {
    const fn line(first: u32, last: u32, kind: GapKind, amount_fen: i64) -> GapLine {
        GapLine {
            terminal: U32::new(102),
            first: U32::new(first),
            last: U32::new(last),
            epoch: U16::new(3),
            kind: kind.number(),
            reserved: 0,
            since_ns: U64::new(NOW_NS - NOW_NS % 1_000_000_000),
            amount_fen: I64::new(amount_fen),
        }
    }
    [line(71, 73, GapKind::Missing, 0), line(77, 77, GapKind::Unpaid, 1_500)]
};

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
        Kind::CashierOn => Answer::Money(MoneyAnswer {
            account: None,
            amount_fen: 0,
            balance_after_fen: 0,
            record: RecordNumber(9_007),
            ..done
        }),
        Kind::CashierOff => Answer::Money(MoneyAnswer {
            code: ResultCode::RecordsUnsent,
            account: None,
            amount_fen: 0,
            balance_after_fen: 0,
            record: RecordNumber(0),
            ..done
        }),
        Kind::ShiftTotals | Kind::ShiftClose => Answer::Shift(ShiftAnswer {
            code: ResultCode::Approved,
            repeat: kind == Kind::ShiftClose,
            shift: 17,
            cashier: 5_001,
            record: RecordNumber(if kind == Kind::ShiftClose { 9_008 } else { 0 }),
            totals: till_totals(),
        }),
        Kind::BatchSettle => Answer::BatchSettle(BatchSettleAnswer {
            code: ResultCode::BatchDiffers,
            repeat: false,
            epoch: Epoch(3),
            batch: 9,
            last: Sequence(90),
            record: RecordNumber(0),
            totals: till_totals(),
        }),
        Kind::BatchLines => Answer::BatchLines(BatchLinesAnswer {
            code: ResultCode::Approved,
            equal: 1,
            lines: Box::leak(Box::new(told_lines())),
        }),
        Kind::Heartbeat => Answer::Heartbeat(HeartbeatAnswer {
            server_time_ns: NOW_NS,
            clock_offset_ns: 250_000_000,
            business_date: BusinessDate(9_824),
            parameter_version: 7,
            block_list_version: 41,
            code_key_version: CODE_KEY_ID.into(),
            key_version: 2,
        }),
        Kind::TerminalKey => {
            let key = derive_terminal_key(&master(), TERMINAL, 2);
            Answer::TerminalKey(TerminalKeyAnswer {
                code: ResultCode::Approved,
                key_version: 2,
                wrapped: WrappedKey::wrap(&key, &wrapping_key()),
                check_value: key.check_value(),
            })
        }
        Kind::CardStock => Answer::Money(MoneyAnswer {
            account: None,
            amount_fen: 0,
            balance_after_fen: 0,
            record: RecordNumber(9_010),
            ..done
        }),
        Kind::TerminalKeyRotate => Answer::Money(MoneyAnswer {
            code: ResultCode::TerminalKeyTooSoon,
            account: None,
            amount_fen: 0,
            balance_after_fen: 0,
            record: RecordNumber(9_009),
            ..done
        }),
        Kind::ClassRules => Answer::ClassRules(ClassRulesAnswer {
            code: ResultCode::Approved,
            parameter_version: 7,
            lines: Box::leak(Box::new(class_rules())),
        }),
        Kind::MealPeriods => Answer::MealPeriods(MealPeriodsAnswer {
            code: ResultCode::Approved,
            parameter_version: 7,
            lines: Box::leak(Box::new(meal_periods())),
        }),
        Kind::PriceTable => Answer::PriceTable(PriceTableAnswer {
            code: ResultCode::Approved,
            parameter_version: 7,
            lines: Box::leak(Box::new(prices())),
        }),
        Kind::BlockList => Answer::BlockList(BlockListAnswer {
            code: ResultCode::Approved,
            whole: false,
            version: 41,
            more: false,
            digest: block_list_digest(),
            cards: 2,
            lines: Box::leak(Box::new(block_list_lines())),
        }),
        Kind::BlockListActive => Answer::Money(MoneyAnswer {
            code: ResultCode::Approved,
            account: None,
            amount_fen: 0,
            balance_after_fen: 0,
            record: RecordNumber(9_006),
            ..done
        }),
        Kind::CardDebit => Answer::Money(done),
        Kind::CodeDebit => Answer::Money(MoneyAnswer {
            code: ResultCode::InsufficientFunds,
            amount_fen: 600,
            balance_after_fen: 550,
            ..done
        }),
        Kind::TopUp => Answer::Money(MoneyAnswer { amount_fen: 10_000, ..done }),
        Kind::PasswordDebit => {
            Answer::Money(MoneyAnswer { amount_fen: 12_600, balance_after_fen: 1_600, ..done })
        }
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
        Kind::PasswordSet | Kind::VirtualUnbind | Kind::PhoneChange | Kind::LossLift => {
            Answer::Money(MoneyAnswer { amount_fen: 0, ..done })
        }
        Kind::VirtualBind => {
            Answer::Money(MoneyAnswer { code: ResultCode::PasswordWrong, amount_fen: 0, ..done })
        }
        Kind::LossReport => {
            Answer::Money(MoneyAnswer { code: ResultCode::CardAlreadyLost, amount_fen: 0, ..done })
        }
        Kind::Refund => Answer::Money(MoneyAnswer { amount_fen: 650, record: RecordNumber(9_004), ..done }),
        Kind::Void => Answer::Money(MoneyAnswer { code: ResultCode::VoidTooLate, amount_fen: 600, ..done }),
        Kind::Tender => Answer::Money(MoneyAnswer {
            account: None,
            amount_fen: 1_800,
            balance_after_fen: 0,
            record: RecordNumber(9_005),
            ..done
        }),
        Kind::CardTap => Answer::Tap(TapAnswer {
            money: done,
            chip: Some(Chip { balance_fen: 2_950, counter: CardCounter(15) }),
        }),
        Kind::AccountClose => Answer::Money(MoneyAnswer {
            amount_fen: 4_500,
            balance_after_fen: 0,
            record: RecordNumber(9_005),
            ..done
        }),
        Kind::TapConfirm => Answer::Money(MoneyAnswer { record: RecordNumber(9_004), ..done }),
        Kind::OpenGaps => Answer::OpenGaps(OpenGapsAnswer {
            code: ResultCode::Approved,
            more: true,
            record: RecordNumber(9_002),
            lines: &GAP_LINES,
        }),
        Kind::Unconfirmed => Answer::Unconfirmed(UnconfirmedAnswer {
            account: Some(AccountId(30_000)),
            offline_fen: 2_300,
            offline_sales: 2,
            missing: 3,
            told_fen: 650,
            told: 1,
            first_missing: CardCounter(9),
            missing_since_ns: NOW_NS - 600_000_000_000,
            missing_before: TERMINAL,
            silent_tills: 2,
            silent_terminal: TerminalId(88),
            silent_since_ns: NOW_NS - 7_200_000_000_000,
            record: RecordNumber(9_002),
            ..UnconfirmedAnswer::none(ResultCode::Approved, NOW_NS)
        }),
        Kind::GapClose => {
            Answer::Money(MoneyAnswer { account: None, amount_fen: 0, balance_after_fen: 0, ..done })
        }
        Kind::ToldPost => {
            Answer::Money(MoneyAnswer { code: ResultCode::ApprovedFlagged, amount_fen: 650, ..done })
        }
        Kind::ScanPay => Answer::ScanPay(ScanPayAnswer {
            money: MoneyAnswer { amount_fen: 1_500, balance_after_fen: 500, ..done },
            confirmation: Some(scan_code().confirmation(&scan_key())),
        }),
        Kind::CodeRevoke => Answer::Money(MoneyAnswer { amount_fen: 0, ..done }),
        Kind::CodeKeyRotate => Answer::Money(MoneyAnswer {
            code: ResultCode::CodeKeyNotNext,
            account: None,
            amount_fen: 0,
            balance_after_fen: 0,
            ..done
        }),
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
        Kind::Reprint => Answer::Reprint(ReprintAnswer {
            marks: ReceiptMarks::COPY.with(ReceiptMarks::REFUNDED),
            account: Some(AccountId(30_000)),
            amount_fen: 1_250,
            balance_after_fen: 12_950,
            record: RecordNumber(9_001),
            time_ns: NOW_NS,
            card: CARD,
            student: StudentNumber::new("2020123").expect("a short number"),
            merchant: MerchantId(7),
            business_date: BusinessDate(9_824),
            kind: ReceiptKind::Debit,
            channel: Some(Channel::Card),
            wallet: Some(Wallet::Card),
            ..ReprintAnswer::none(ResultCode::Approved, Epoch(3), Sequence(81))
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
