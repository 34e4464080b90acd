//! The one table of result codes: on the wire, in the log and in reports.
//!
//! Numbers are never reused and never change. They are ordered by precedence: where several apply, the lowest
//! is the answer, so a till, a test and the naive model always agree on which one it is. The hundreds group
//! them by the check that speaks: 0 done, 1xx session, 2xx capacity, 3xx identity, 4xx request fields,
//! 5xx credential, 6xx account and rules of money, 7xx what names an original, 8xx offline records.

use core::fmt;

macro_rules! actions {
    ($($(#[doc = $doc:literal])* $name:ident = $number:literal;)*) => {
        /// What a till does when it reads a code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum TillAction {
            $($(#[doc = $doc])* $name = $number,)*
        }

        impl TillAction {
            /// Every action, by number.
            pub const ALL: &'static [TillAction] = &[$(TillAction::$name,)*];

            /// The name as it stands in documents and JSON.
            pub const fn name(self) -> &'static str {
                match self {
                    $(TillAction::$name => stringify!($name),)*
                }
            }

            /// What the till does, in a sentence or two.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(TillAction::$name => concat!($($doc),*),)*
                }
            }
        }
    };
}

actions! {
    /// Done; print or speak the outcome.
    Done = 0;
    /// Send the same request again, same sequence, after a pause.
    Retry = 1;
    /// Sign in again, then send the same request.
    SignIn = 2;
    /// The outcome stands elsewhere: query it (or walk the bill); never sell it again.
    Query = 3;
    /// Show the refusal to the person. The sequence is used up; the refusal is final.
    Show = 4;
    /// Stop and call an operator: till, key or software is wrong.
    Stop = 5;
    /// Keep the stored record, mark it, and report it in the batch totals.
    Keep = 6;
    /// Ask for the card and the holder's query password, and send a PasswordDebit under the next sequence: this one is used up. Where
    /// no password can be entered, show the refusal.
    AskPassword = 7;
}

impl TillAction {
    /// The number on the wire.
    pub const fn number(self) -> u8 {
        self as u8
    }
}

/// What an outcome leaves under the identity that it answers.
enum Trace {
    /// The outcome is on record: whoever asks again is told the same.
    Remembered,
    /// Nothing.
    Forgotten,
}

/// A row: `Busy = 201, Retry, Forgotten;`, with name, number, what the till does about it, and what it leaves.
macro_rules! codes {
    ($($(#[doc = $doc:literal])* $name:ident = $number:literal, $action:ident, $trace:ident;)*) => {
        /// The outcome of one request or one uploaded record.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        pub enum ResultCode {
            $($(#[doc = $doc])* $name = $number,)*
        }

        impl ResultCode {
            /// Every code, in order of precedence.
            pub const ALL: &'static [ResultCode] = &[$(ResultCode::$name,)*];

            /// The code with this number, if there is one.
            pub const fn from_number(number: u16) -> Option<ResultCode> {
                match number {
                    $($number => Some(ResultCode::$name),)*
                    _ => None,
                }
            }

            /// The name as it stands in documents and JSON.
            pub const fn name(self) -> &'static str {
                match self {
                    $(ResultCode::$name => stringify!($name),)*
                }
            }

            /// What it means, in a sentence or two.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(ResultCode::$name => concat!($($doc),*),)*
                }
            }

            /// What the till should do about it.
            pub const fn action(self) -> TillAction {
                match self {
                    $(ResultCode::$name => TillAction::$action,)*
                }
            }

            const fn trace(self) -> Trace {
                match self {
                    $(ResultCode::$name => Trace::$trace,)*
                }
            }
        }
    };
}

codes! {
    /// Done and durable.
    Approved = 0, Done, Remembered;
    /// Done and durable, and noted: an offline fact beyond a rule (limit, clock, floor, block-list), whose money is held for
    /// review, or a self-scan while its till seemed to be connected.
    ApprovedFlagged = 1, Done, Remembered;

    /// The frame's layout is wrong: length, magic, reserved bytes, or a field out of its range.
    MalformedFrame = 100, Stop, Forgotten;
    /// No protocol version in common.
    UnsupportedVersion = 101, Stop, Forgotten;
    /// The kind of message isn't known to this version.
    UnknownKind = 102, Stop, Forgotten;
    /// The terminal isn't registered, or it is disabled.
    UnknownTerminal = 103, Stop, Forgotten;
    /// No session: sign in first.
    NotSignedIn = 104, SignIn, Forgotten;
    /// The frame's MAC is wrong.
    BadMac = 105, SignIn, Forgotten;
    /// The session counter isn't the next one: replayed, lost or reordered frame.
    BadCounter = 106, SignIn, Forgotten;
    /// A later sign-in of the same terminal took the session over.
    Fenced = 107, Stop, Forgotten;

    /// The server is stopping; another will answer soon.
    Stopping = 200, Retry, Forgotten;
    /// A bounded queue or table is full. Nothing happened; the sequence isn't used up.
    Busy = 201, Retry, Forgotten;
    /// The log has no room for new debits. Reversals still fit. The sequence isn't used up.
    LogFull = 202, Retry, Forgotten;

    /// The same terminal, epoch and sequence came before with another body. Kept in suspense.
    IdentityConflict = 300, Stop, Remembered;
    /// The epoch is older than the till's current one and the sale isn't known in it.
    StaleEpoch = 301, Stop, Remembered;
    /// The sequence would open more gaps than are remembered; upload or close the gaps first. Not used up.
    TooManyGaps = 302, Retry, Forgotten;
    /// The sale was reversed (or its reversal came before it): it didn't and won't happen.
    Reversed = 303, Show, Remembered;
    /// The channel's order number came before with another body.
    OrderConflict = 304, Stop, Remembered;
    /// The sale asked about never arrived: send it, same sequence. Answers to sale queries only.
    UnknownSale = 305, Retry, Forgotten;

    /// The amount is zero or negative.
    AmountNotPositive = 400, Stop, Forgotten;
    /// The amount is above what the system accepts in one request (10 million yuan).
    AmountTooLarge = 401, Stop, Forgotten;
    /// The sequence is 0; sequences count from 1.
    SequenceZero = 402, Stop, Forgotten;
    /// This kind of terminal may not send this kind of request.
    NotPermitted = 403, Stop, Forgotten;
    /// The record to go on behind isn't one of the account's. Answers to statement queries only.
    CursorUnknown = 409, Stop, Forgotten;
    /// The block-list that is reported isn't that of its version, or the version isn't known: download the whole list, then
    /// report that. Answers to BlockListActive only.
    BlockListDiffers = 410, Retry, Forgotten;
    /// No card, or more than 1,024 at once.
    CardCountWrong = 411, Stop, Forgotten;
    /// The range of card numbers begins with 0, or goes beyond the largest number.
    CardRangeWrong = 412, Stop, Forgotten;
    /// The operator's role doesn't allow it.
    WrongRole = 420, Stop, Forgotten;
    /// The reason is empty: whoever does this says why.
    ReasonMissing = 421, Stop, Forgotten;
    /// The reason is longer than the books keep: 96 bytes.
    ReasonTooLong = 422, Stop, Forgotten;

    /// No account has this card.
    UnknownCard = 500, Show, Remembered;
    /// The card is reported lost.
    CardLost = 501, Show, Remembered;
    /// The card was replaced or returned.
    CardNotCurrent = 502, Show, Remembered;
    /// The card counter isn't above the last one seen: a copied card or a repeated frame.
    CardCounterReplayed = 503, Show, Remembered;
    /// The card has expired. Its holder can replace it.
    CardExpired = 504, Show, Remembered;
    /// The card would have expired already, or is a temporary or a visitor's card that never does.
    CardTermsWrong = 505, Show, Remembered;
    /// The card was another account's until too short a time ago: somebody new can have it later.
    CardNotReusableYet = 506, Show, Remembered;
    /// The card was an account's before and never came back: it can't be given out again.
    CardNotReusable = 507, Show, Remembered;
    /// The card's number is somebody's current card, or was given to two accounts.
    CardTaken = 508, Show, Remembered;
    /// The card isn't in stock: put it there before it is given out.
    CardNotInStock = 509, Show, Remembered;
    /// The payment code isn't one: digits, length or key id.
    CodeMalformed = 510, Show, Remembered;
    /// Too many wrong codes from this terminal; codes are refused for a while.
    CodeLocked = 511, Show, Remembered;
    /// The payment code's MAC is wrong.
    CodeNotAuthentic = 512, Show, Remembered;
    /// The payment code's time has passed, or hasn't come.
    CodeExpired = 513, Show, Remembered;
    /// The payment code was used before.
    CodeUsed = 514, Show, Remembered;
    /// The payment code was revoked, with all that its holder had then, or comes from a phone that the account was bound to
    /// before; a new one is taken within half a minute.
    CodeRevoked = 515, Show, Remembered;
    /// The payment code was made under a key that isn't used any more: show a new one.
    CodeKeyRetired = 516, Show, Remembered;
    /// The scanned code isn't that of a till here: unknown till, or wrong MAC.
    ScanNotAuthentic = 517, Show, Remembered;
    /// The scanned code's time has passed (ten minutes), or hasn't come: have the till show a new one.
    ScanExpired = 518, Show, Remembered;
    /// The scanned sale was paid before, by somebody else or otherwise.
    ScanPaidBefore = 519, Show, Remembered;
    /// The query password isn't six digits.
    PasswordMalformed = 520, Show, Remembered;
    /// Too many wrong query passwords for this account; none is tried for a while.
    PasswordLocked = 521, Show, Remembered;
    /// The account has no query password: a counter gives it one.
    PasswordNotSet = 522, Show, Remembered;
    /// The query password is wrong.
    PasswordWrong = 523, Show, Remembered;
    /// No phone is bound to the payment code's account.
    CodeNotBound = 524, Show, Remembered;
    /// The virtual card is bound to no account.
    VirtualNotBound = 525, Show, Remembered;
    /// The virtual card is bound to another account: unbind it there first.
    VirtualTaken = 526, Show, Remembered;
    /// The virtual card is bound to this account already.
    VirtualAlreadyBound = 527, Show, Remembered;
    /// The card is reported lost already.
    CardAlreadyLost = 528, Show, Remembered;
    /// The card isn't reported lost.
    CardNotLost = 529, Show, Remembered;
    /// The account has no card.
    NoCard = 530, Show, Remembered;
    /// The phone number is the one that is known already.
    PhoneUnchanged = 531, Show, Remembered;

    /// No such account.
    UnknownAccount = 600, Show, Remembered;
    /// The account is closed.
    AccountClosed = 601, Show, Remembered;
    /// The account is frozen by an operator.
    AccountFrozen = 602, Show, Remembered;
    /// The till's merchant isn't registered or is closed.
    UnknownMerchant = 603, Stop, Remembered;
    /// More was spent than there is: it has to be paid in before the account can be closed.
    BalanceNegative = 604, Show, Remembered;
    /// A hold is open: the account can be closed once it is captured, released or expired.
    HoldOpen = 605, Show, Remembered;
    /// A tap isn't confirmed yet: present the card once more, or have its till confirm or reverse it.
    TapOpen = 606, Show, Remembered;
    /// The account's card doesn't come back, and isn't reported lost.
    CardNotBack = 607, Show, Remembered;
    /// The account has a card: replace it, or take it back first.
    CardAlreadyCurrent = 608, Show, Remembered;
    /// Above the amount for one payment by code. The card may pay it.
    CodeLimit = 609, Show, Remembered;
    /// Above the amount for one debit without the password.
    DebitLimit = 610, AskPassword, Remembered;
    /// Above the day's total without the password.
    DayLimit = 611, AskPassword, Remembered;
    /// Above what one meal period of the day may take without the password.
    MealLimit = 613, AskPassword, Remembered;
    /// The debit that is to be given back was another merchant's.
    OtherMerchant = 615, Show, Remembered;
    /// Another cashier is signed on at this till.
    CashierAlreadyOn = 616, Show, Remembered;
    /// This cashier isn't signed on at this till.
    CashierNotOn = 617, Show, Remembered;
    /// The till says that it has stored records which it hasn't sent: upload them first.
    RecordsUnsent = 618, Show, Remembered;
    /// The shift isn't the till's open one, nor the one before it.
    ShiftNotOpen = 619, Stop, Remembered;
    /// The system balance, less open holds, doesn't cover the amount.
    InsufficientFunds = 620, Show, Remembered;
    /// The balance would leave the range of amounts.
    BalanceOverflow = 621, Stop, Remembered;
    /// The batch isn't the next one, or its sequences don't begin behind the batch before.
    BatchOutOfOrder = 622, Stop, Remembered;
    /// The batch's totals aren't those of the books; it isn't closed. Send its lines to learn where they differ.
    BatchDiffers = 623, Query, Remembered;
    /// The batch was closed before with other sequences or totals.
    BatchConflict = 624, Stop, Remembered;
    /// The tap was confirmed before, whichever way: nothing changes.
    TapConfirmedBefore = 630, Done, Remembered;
    /// The card was presented again, replaced or given back since: the tap stands as it was answered, and can't be confirmed
    /// any more.
    TapStands = 631, Done, Remembered;
    /// The card was presented again since, and its counter said that the chip wasn't written: the tap was undone, nothing is
    /// paid.
    TapUndone = 632, Show, Remembered;
    /// No terminal has this number.
    TerminalNotFound = 633, Show, Remembered;
    /// The key version isn't the one after the terminal's current: another administrator was first, or one was left out.
    TerminalKeyNotNext = 634, Show, Remembered;
    /// The terminal's key was changed less than 37 days ago: what it signed under the one before may still come.
    TerminalKeyTooSoon = 635, Show, Remembered;
    /// Some of these cards are in stock already.
    StockOverlaps = 636, Show, Remembered;
    /// Some of these cards are somebody's, or were and never came back.
    StockCardKnown = 637, Show, Remembered;
    /// The stock has no room for numbers so far apart from the others.
    StockFull = 638, Show, Remembered;
    /// The key version isn't the one after the current: another counter was first, or one was left out.
    CodeKeyNotNext = 640, Show, Remembered;
    /// The till has told of another sale, or of none, under the scanned sequence.
    ScanConflict = 641, Show, Remembered;
    /// The till took the scanned sale back.
    ScanWithdrawn = 642, Show, Remembered;
    /// No till has this number.
    GapTillUnknown = 643, Show, Remembered;
    /// Some of these sequences came, are closed already, or are of another epoch than the till's open one.
    GapNotOpen = 644, Show, Remembered;
    /// No offline sale of this card tells of one with this counter.
    ToldNowhere = 645, Show, Remembered;
    /// The card told of a sale at a terminal that isn't registered, or that sells nothing.
    ToldTillUnknown = 646, Show, Remembered;
    /// The sale that the card told of has come, or was refused or taken back: there is nothing to post.
    ToldCame = 647, Show, Remembered;
    /// The till hasn't sent anything that late: it may be offline, and send the sale itself. One that never will is disabled first, or
    /// goes on in its next epoch.
    ToldMayCome = 648, Show, Remembered;
    /// Among the account's newest 50,000 records none tells of it; older ones aren't looked at.
    ToldOutOfReach = 649, Show, Remembered;
    /// Nothing was posted yet: the amount is above what one operator may adjust alone. The record is the proposal's number.
    AwaitsApproval = 650, Show, Remembered;
    /// Whoever proposed it can't approve it: that takes another operator.
    SamePerson = 651, Show, Remembered;
    /// No adjustment was proposed by this record.
    UnknownProposal = 652, Show, Remembered;
    /// The proposal was approved or rejected before, or its time had passed.
    ProposalClosed = 653, Show, Remembered;
    /// The proposal's time has passed.
    ProposalExpired = 654, Show, Remembered;
    /// The account is frozen already.
    AlreadyFrozen = 655, Show, Remembered;
    /// The account isn't frozen.
    NotFrozen = 656, Show, Remembered;
    /// There is no such subsidy batch.
    UnknownBatch = 657, Show, Remembered;
    /// The batch's number was used before.
    BatchExists = 658, Show, Remembered;
    /// The batch's lines are complete: none is added.
    BatchNotOpen = 659, Show, Remembered;
    /// The batch's lines aren't complete: nobody decides about it yet.
    BatchNotPreviewed = 660, Show, Remembered;
    /// The batch was approved before.
    BatchDecided = 661, Show, Remembered;
    /// The batch wasn't approved: it isn't issued.
    BatchNotApproved = 662, Show, Remembered;
    /// The batch is being issued, or was.
    BatchIssuedBefore = 663, Show, Remembered;
    /// The batch's lines are being gone through: ask again when that is done.
    BatchRunning = 664, Show, Remembered;
    /// The batch was withdrawn or rejected.
    BatchOver = 665, Show, Remembered;
    /// The batch's deadline has passed.
    BatchExpired = 666, Show, Remembered;
    /// The page doesn't begin where the last one ended, or its accounts don't rise.
    BatchLineOrder = 667, Show, Remembered;
    /// A line's amount is zero, or more than a card wallet may hold of subsidy.
    BatchLineAmount = 668, Show, Remembered;
    /// The lines don't add up to what the batch was opened for.
    BatchTotalsDiffer = 669, Show, Remembered;
    /// Another operator opened the batch, and sends its lines.
    BatchNotYours = 670, Show, Remembered;
    /// The batch's deadline is further ahead than one may be.
    BatchDeadlineTooFar = 671, Show, Remembered;
    /// There are as many batches as can be, and something is still to happen to each.
    TooManyBatches = 672, Show, Remembered;
    /// The lines find no place beside those of other batches.
    TooManyBatchLines = 673, Show, Remembered;

    /// The window for reversals (three days) has passed; only a refund can undo it.
    ReversalTooLate = 700, Show, Remembered;
    /// An offline fact is never reversed.
    ReversalOfOfflineFact = 701, Stop, Remembered;
    /// The named original isn't a sale that can be reversed (itself a reversal, or a refusal).
    NothingToReverse = 702, Show, Remembered;
    /// The named original isn't an approved two-phase tap: there is no chip to be confirmed.
    NothingToConfirm = 703, Stop, Remembered;
    /// The named tap is another till's, which must confirm it itself.
    TapOfAnotherTill = 704, Stop, Remembered;
    /// The sale was given back by refund, wholly or in part; only refunds can give back the rest.
    ReversalAfterRefund = 705, Show, Remembered;
    /// The named original isn't a sale of this till that can be voided: it never came, or it is no debit.
    NothingToVoid = 706, Show, Remembered;
    /// An offline fact is never voided: it is given back by refund.
    VoidOfOfflineFact = 707, Show, Remembered;
    /// The sale was voided before.
    AlreadyVoided = 708, Show, Remembered;
    /// The named original isn't a top-up that this counter took today, or it was undone before.
    NotUndoable = 709, Show, Remembered;
    /// The sale was reversed: there is nothing to void.
    VoidAfterReversal = 710, Show, Remembered;
    /// The sale was given back by refund, wholly or in part; only refunds can give back the rest.
    VoidAfterRefund = 711, Show, Remembered;
    /// The sale's business date is closed; it can be given back by refund.
    VoidTooLate = 712, Show, Remembered;
    /// The named original isn't a debit of an account: it never came, or was refused, or the school bears it, or it is another thing.
    NothingToRefund = 713, Show, Remembered;
    /// The named original is itself a refund.
    RefundOfRefund = 714, Show, Remembered;
    /// The named original is itself a reversal, a void or a top-up taken back.
    RefundOfReversal = 715, Show, Remembered;
    /// The sale was voided: there is nothing to give back.
    RefundAfterVoid = 716, Show, Remembered;
    /// The sale was reversed: there is nothing to give back.
    RefundAfterReversal = 717, Show, Remembered;
    /// With what was given back before it would be more than was paid.
    RefundAboveOriginal = 718, Show, Remembered;
    /// The offline fact is held back from the merchant for review, which comes first.
    RefundUnderReview = 719, Show, Remembered;

    /// The record's authentication code is wrong: not accepted; the till keeps it.
    NotAuthentic = 800, Keep, Remembered;
    /// The record names another terminal than the session's.
    WrongTerminal = 801, Keep, Remembered;
    /// The sale was told before its payment by phone came: it is noted, and credited when it is paid. Upload it again until ten
    /// minutes after the code was shown; then nobody can pay it any more: mark it unpaid, or take it back with a Reversal.
    PaymentPending = 802, Keep, Remembered;
}

impl ResultCode {
    /// The number on the wire and in the log.
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// True for codes that leave no trace: the same identity may come again and be decided afresh.
    ///
    /// All codes of the session and capacity groups, those of the 4xx group (a field that no request may carry is
    /// refused before anything is recorded under the identity), and whichever else the table says is forgotten.
    pub const fn is_transient(self) -> bool {
        matches!(self.trace(), Trace::Forgotten)
    }

    /// True when the request took effect.
    pub const fn is_approved(self) -> bool {
        matches!(self, ResultCode::Approved | ResultCode::ApprovedFlagged)
    }
}

impl fmt::Display for ResultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_rise_and_round_trip() {
        assert!(ResultCode::ALL.is_sorted_by(|a, b| a.number() < b.number()));
        for &code in ResultCode::ALL {
            assert_eq!(ResultCode::from_number(code.number()), Some(code));
        }
        assert_eq!(ResultCode::from_number(9_999), None);
    }

    #[test]
    fn what_is_sent_again_left_no_trace_and_what_is_final_did() {
        for &code in ResultCode::ALL {
            match code.action() {
                TillAction::Retry | TillAction::SignIn => assert!(code.is_transient(), "{code}"),
                TillAction::Done | TillAction::Show | TillAction::AskPassword => {
                    assert!(!code.is_transient(), "{code}");
                }
                TillAction::Query | TillAction::Stop | TillAction::Keep => {}
            }
            if matches!(code.number(), 100..300 | 400..500) {
                assert!(code.is_transient(), "{code}: nothing is recorded before these are checked");
            }
        }
    }
}
