//! What a till says aloud about an answer, and shows: one table of short sentences.
//!
//! Answers that tell an outcome carry the number of one, in bits 1 to 7 of their flags. It follows from the kind of request and the
//! result code alone, so it is neither decided nor kept anywhere: it is laid over an answer as it is encoded, and held to the
//! code when one is read, as the action is. A till stores the sentences, by number, and never has to know a code.

use crate::command_table::Kind;
use crate::result_code::ResultCode;

macro_rules! voices {
    ($($(#[doc = $doc:literal])* $name:ident = $number:literal, $text:literal;)*) => {
        /// A sentence that a till speaks and shows.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Voice {
            $($(#[doc = $doc])* $name = $number,)*
        }

        impl Voice {
            /// Every one, by number.
            pub const ALL: &'static [Voice] = &[$(Voice::$name,)*];

            /// The name as it stands in documents and JSON.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Voice::$name => stringify!($name),)*
                }
            }

            /// What is spoken and shown, in Chinese; empty when nothing is.
            pub const fn text(self) -> &'static str {
                match self {
                    $(Voice::$name => $text,)*
                }
            }

            /// What it says, in English.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Voice::$name => concat!($($doc),*),)*
                }
            }
        }
    };
}

voices! {
    /// Nothing is said.
    Silent = 0, "";
    /// Paid.
    Paid = 1, "支付成功";
    /// Topped up.
    ToppedUp = 2, "充值成功";
    /// Given back.
    GivenBack = 3, "退款成功";
    /// Taken back.
    TakenBack = 4, "撤销成功";
    /// Done.
    Done = 5, "办理成功";
    /// Reported lost.
    LossReported = 6, "挂失成功";
    /// No longer reported lost.
    LossLifted = 7, "解挂成功";
    /// Signed on.
    SignedOn = 8, "签到成功";
    /// Signed off.
    SignedOff = 9, "签退成功";
    /// Settled.
    Settled = 10, "结算成功";
    /// Keep the card where it is.
    KeepCard = 11, "请勿移开卡片";

    /// There isn't enough money.
    InsufficientFunds = 32, "余额不足";
    /// The card is reported lost.
    CardLost = 33, "卡已挂失";
    /// The card has expired.
    CardExpired = 34, "卡已过期";
    /// The card isn't valid.
    CardInvalid = 35, "无效卡";
    /// The payment code isn't valid.
    CodeInvalid = 36, "付款码无效";
    /// The payment code has passed: show a new one.
    CodePassed = 37, "付款码已失效，请刷新";
    /// Wrong password.
    PasswordWrong = 38, "密码错误";
    /// The password is locked.
    PasswordLocked = 39, "密码已锁定";
    /// Above the limit.
    LimitReached = 40, "超出消费限额";
    /// The account can't be used.
    AccountBlocked = 41, "账户已停用";
    /// The sale was taken back and isn't paid.
    NotPaid = 42, "交易已取消，未扣款";
    /// It can't be done.
    CannotBeDone = 43, "无法办理";
    /// Somebody else has to approve it.
    AwaitsApproval = 44, "等待审批";
    /// Upload the stored records first.
    UploadFirst = 45, "请先上传脱机记录";
    /// The totals differ.
    TotalsDiffer = 46, "账目不符";
    /// Please try again.
    TryAgain = 47, "请稍后重试";
    /// Please call the operator.
    CallOperator = 48, "请联系管理员";
    /// You may not do this.
    NotAllowed = 49, "无权操作";
    /// Above the limit: please enter the password.
    EnterPassword = 50, "超出限额，请输入密码";
}

impl Voice {
    /// The number on the wire, below 128.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// What is said about this outcome of such a request.
    pub const fn of(request: Kind, code: ResultCode) -> Voice {
        if code.is_approved() { Voice::of_success(request) } else { Voice::of_failure(code) }
    }

    /// What is said when such a request took effect.
    const fn of_success(request: Kind) -> Voice {
        match request {
            Kind::CardDebit | Kind::PasswordDebit | Kind::CodeDebit | Kind::Tender | Kind::ScanPay => {
                Voice::Paid
            }
            // The chip is yet to be written, and only the till knows whether it was.
            Kind::CardTap => Voice::KeepCard,
            Kind::TopUp => Voice::ToppedUp,
            Kind::Refund => Voice::GivenBack,
            Kind::Reversal | Kind::Void | Kind::TopUpUndo => Voice::TakenBack,
            Kind::LossReport => Voice::LossReported,
            Kind::LossLift => Voice::LossLifted,
            Kind::CashierOn => Voice::SignedOn,
            Kind::CashierOff => Voice::SignedOff,
            Kind::ShiftClose | Kind::BatchSettle => Voice::Settled,
            Kind::CardIssue
            | Kind::CardReplace
            | Kind::CardReturn
            | Kind::AccountClose
            | Kind::CardStock
            | Kind::ToldPost
            | Kind::PasswordSet
            | Kind::VirtualBind
            | Kind::VirtualUnbind
            | Kind::PhoneChange
            | Kind::CodeRevoke
            | Kind::GapClose
            | Kind::CodeKeyRotate
            | Kind::AccountFreeze
            | Kind::AccountLimits
            | Kind::Adjust
            | Kind::AdjustDecide
            | Kind::SubsidyOpen
            | Kind::SubsidyLines
            | Kind::SubsidyStep
            | Kind::TerminalKeyRotate => Voice::Done,
            // What a till asks for itself, and a confirmed tap, about which the till knows what it wrote.
            _ => Voice::Silent,
        }
    }

    /// What is said about a code that isn't a success, whatever was asked.
    pub(crate) const fn of_failure(code: ResultCode) -> Voice {
        use ResultCode as Code;
        match code {
            Code::Approved | Code::ApprovedFlagged => Voice::Silent,

            // The till signs in again, or sends what it had stored, by itself.
            Code::NotSignedIn | Code::BadMac | Code::BadCounter => Voice::Silent,
            Code::UnknownSale | Code::BlockListDiffers => Voice::Silent,
            // Nobody stands before a till that uploads, or has confirmed what it wrote.
            Code::NotAuthentic | Code::WrongTerminal | Code::PaymentPending => Voice::Silent,
            Code::TapConfirmedBefore | Code::TapStands => Voice::Silent,

            Code::Stopping | Code::Busy | Code::LogFull | Code::TooManyGaps => Voice::TryAgain,

            Code::MalformedFrame
            | Code::UnsupportedVersion
            | Code::UnknownKind
            | Code::UnknownTerminal
            | Code::Fenced
            | Code::IdentityConflict
            | Code::StaleEpoch
            | Code::OrderConflict
            | Code::AmountNotPositive
            | Code::AmountTooLarge
            | Code::SequenceZero
            | Code::CursorUnknown
            | Code::UnknownMerchant
            | Code::ShiftNotOpen
            | Code::BalanceOverflow
            | Code::BatchOutOfOrder
            | Code::BatchConflict
            | Code::ReversalOfOfflineFact
            | Code::NothingToConfirm
            | Code::TapOfAnotherTill => Voice::CallOperator,

            Code::NotPermitted | Code::WrongRole | Code::SamePerson => Voice::NotAllowed,
            Code::AwaitsApproval => Voice::AwaitsApproval,
            Code::RecordsUnsent => Voice::UploadFirst,
            Code::BatchDiffers => Voice::TotalsDiffer,

            Code::UnknownCard | Code::CardNotCurrent | Code::CardCounterReplayed => Voice::CardInvalid,
            Code::CardLost => Voice::CardLost,
            Code::CardExpired => Voice::CardExpired,
            Code::CodeMalformed | Code::CodeLocked | Code::CodeNotAuthentic | Code::CodeNotBound => {
                Voice::CodeInvalid
            }
            Code::CodeExpired | Code::CodeUsed | Code::CodeRevoked | Code::CodeKeyRetired => {
                Voice::CodePassed
            }
            Code::PasswordMalformed | Code::PasswordWrong => Voice::PasswordWrong,
            Code::PasswordLocked => Voice::PasswordLocked,
            Code::InsufficientFunds => Voice::InsufficientFunds,
            Code::CodeLimit => Voice::LimitReached,
            Code::DebitLimit | Code::DayLimit | Code::MealLimit => Voice::EnterPassword,
            Code::UnknownAccount | Code::AccountClosed | Code::AccountFrozen => Voice::AccountBlocked,
            Code::Reversed | Code::TapUndone => Voice::NotPaid,

            Code::ReasonMissing
            | Code::ReasonTooLong
            | Code::CardTermsWrong
            | Code::CardNotReusableYet
            | Code::CardNotReusable
            | Code::CardTaken
            | Code::CardNotInStock
            | Code::CardCountWrong
            | Code::CardRangeWrong
            | Code::StockOverlaps
            | Code::StockCardKnown
            | Code::StockFull
            | Code::ScanNotAuthentic
            | Code::ScanExpired
            | Code::ScanPaidBefore
            | Code::PasswordNotSet
            | Code::VirtualNotBound
            | Code::VirtualTaken
            | Code::VirtualAlreadyBound
            | Code::CardAlreadyLost
            | Code::CardNotLost
            | Code::NoCard
            | Code::PhoneUnchanged
            | Code::BalanceNegative
            | Code::HoldOpen
            | Code::TapOpen
            | Code::CardNotBack
            | Code::CardAlreadyCurrent
            | Code::OtherMerchant
            | Code::CashierAlreadyOn
            | Code::CashierNotOn
            | Code::CodeKeyNotNext
            | Code::TerminalNotFound
            | Code::TerminalKeyNotNext
            | Code::TerminalKeyTooSoon
            | Code::ScanConflict
            | Code::ScanWithdrawn
            | Code::GapTillUnknown
            | Code::GapNotOpen
            | Code::ToldNowhere
            | Code::ToldTillUnknown
            | Code::ToldCame
            | Code::ToldMayCome
            | Code::ToldOutOfReach
            | Code::UnknownProposal
            | Code::ProposalClosed
            | Code::ProposalExpired
            | Code::AlreadyFrozen
            | Code::NotFrozen
            | Code::UnknownBatch
            | Code::BatchExists
            | Code::BatchNotOpen
            | Code::BatchNotPreviewed
            | Code::BatchDecided
            | Code::BatchNotApproved
            | Code::BatchIssuedBefore
            | Code::BatchRunning
            | Code::BatchOver
            | Code::BatchExpired
            | Code::BatchLineOrder
            | Code::BatchLineAmount
            | Code::BatchTotalsDiffer
            | Code::BatchNotYours
            | Code::BatchDeadlineTooFar
            | Code::TooManyBatches
            | Code::TooManyBatchLines
            | Code::ReversalTooLate
            | Code::NothingToReverse
            | Code::ReversalAfterRefund
            | Code::NothingToVoid
            | Code::VoidOfOfflineFact
            | Code::AlreadyVoided
            | Code::NotUndoable
            | Code::VoidAfterReversal
            | Code::VoidAfterRefund
            | Code::VoidTooLate
            | Code::NothingToRefund
            | Code::RefundOfRefund
            | Code::RefundOfReversal
            | Code::RefundAfterVoid
            | Code::RefundAfterReversal
            | Code::RefundAboveOriginal
            | Code::RefundUnderReview => Voice::CannotBeDone,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command_table::{COMMANDS, Direction};
    use crate::result_code::TillAction;

    /// Those that say that something was done.
    const OF_SUCCESS: core::ops::Range<u8> = 1..32;

    fn requests() -> impl Iterator<Item = Kind> {
        COMMANDS.iter().filter(|command| command.direction == Direction::ToServer).map(|command| command.kind)
    }

    #[test]
    fn numbers_rise_and_fit_beside_the_repeat_flag() {
        assert!(Voice::ALL.is_sorted_by(|a, b| a.number() < b.number()));
        assert!(Voice::ALL.iter().all(|voice| voice.number() < 128));
        for (place, voice) in Voice::ALL.iter().enumerate() {
            assert_eq!(voice.text().is_empty(), *voice == Voice::Silent, "{voice:?}");
            assert!(Voice::ALL[..place].iter().all(|other| other.text() != voice.text()), "{voice:?}");
        }
    }

    #[test]
    fn success_is_spoken_of_what_is_approved_and_of_nothing_else() {
        for request in requests() {
            for &code in ResultCode::ALL {
                let voice = Voice::of(request, code);
                let of_success = OF_SUCCESS.contains(&voice.number());
                assert_eq!(of_success, code.is_approved() && voice != Voice::Silent, "{request:?} {code}");
            }
        }
        assert_eq!(Voice::of(Kind::CodeDebit, ResultCode::Approved), Voice::Paid);
        assert_eq!(Voice::of(Kind::Reversal, ResultCode::Approved), Voice::TakenBack);
        assert_eq!(Voice::of(Kind::SaleQuery, ResultCode::Approved), Voice::Silent);
    }

    #[test]
    fn what_is_shown_to_somebody_is_spoken_too_and_what_stops_a_till_calls_for_help() {
        for &code in ResultCode::ALL {
            let voice = Voice::of(Kind::CardDebit, code);
            match code.action() {
                TillAction::Show => assert_ne!(voice, Voice::Silent, "{code}"),
                TillAction::AskPassword => assert_eq!(voice, Voice::EnterPassword, "{code}"),
                TillAction::Stop => assert!(
                    matches!(voice, Voice::CallOperator | Voice::NotAllowed | Voice::CannotBeDone),
                    "{code}"
                ),
                TillAction::SignIn | TillAction::Keep => assert_eq!(voice, Voice::Silent, "{code}"),
                TillAction::Retry => {
                    assert!(matches!(voice, Voice::TryAgain | Voice::Silent), "{code}");
                }
                TillAction::Done | TillAction::Query => {}
            }
        }
        assert_eq!(Voice::of(Kind::CardDebit, ResultCode::InsufficientFunds), Voice::InsufficientFunds);
    }

    #[test]
    fn every_sentence_is_said_of_something() {
        for voice in Voice::ALL {
            let mut outcomes =
                requests().flat_map(|kind| ResultCode::ALL.iter().map(move |&code| (kind, code)));
            assert!(outcomes.any(|(kind, code)| Voice::of(kind, code) == *voice), "{voice:?}");
        }
    }
}
