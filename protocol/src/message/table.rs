//! The rows: which kinds of frame there are, and which body each of them carries.

use core::ops::RangeInclusive;

use crate::command_table::{Command, Direction, Lane, Stage};
use crate::error::{DecodeError, EncodeError};
use crate::message::Body;
use crate::message::account_close::AccountClose;
use crate::message::account_freeze::AccountFreeze;
use crate::message::account_limits::AccountLimits;
use crate::message::account_password::AccountPassword;
use crate::message::adjust::Adjust;
use crate::message::adjust_decide::AdjustDecide;
use crate::message::adjustments::{ADJUSTMENT_LINES_MAX, AdjustmentsAnswer, AdjustmentsQuery};
use crate::message::balance::{BalanceAnswer, BalanceQuery};
use crate::message::batch::{BatchLines, BatchLinesAnswer, BatchSettle, BatchSettleAnswer, TILL_LINES_MAX};
use crate::message::bill::{BILL_LINES_MAX, BillAnswer, BillQuery};
use crate::message::block_list::{BLOCK_LIST_LINES_MAX, BlockListActive, BlockListAnswer, BlockListQuery};
use crate::message::card_debit::CardDebit;
use crate::message::card_issue::CardIssue;
use crate::message::card_replace::CardReplace;
use crate::message::card_return::CardReturn;
use crate::message::card_stock::CardStock;
use crate::message::code_debit::CodeDebit;
use crate::message::code_key_rotate::CodeKeyRotate;
use crate::message::code_revoke::CodeRevoke;
use crate::message::gap_close::GapClose;
use crate::message::heartbeat::{Heartbeat, HeartbeatAnswer};
use crate::message::money_answer::MoneyAnswer;
use crate::message::open_gaps::{GAP_LINES_MAX, OpenGapsAnswer, OpenGapsQuery};
use crate::message::password_debit::PasswordDebit;
use crate::message::phone_change::PhoneChange;
use crate::message::reasoned::Reasoned;
use crate::message::refund::Refund;
use crate::message::refusal::Refusal;
use crate::message::reprint::ReprintAnswer;
use crate::message::reversal::Reversal;
use crate::message::sale_query::SaleQuery;
use crate::message::scan_pay::{ScanPay, ScanPayAnswer};
use crate::message::shift::{CashierSign, ShiftAnswer, ShiftClose};
use crate::message::statement::{StatementAnswer, StatementQuery};
use crate::message::subsidy_lines::{SUBSIDY_PAGE_LINES_MAX, SubsidyLines};
use crate::message::subsidy_open::SubsidyOpen;
use crate::message::subsidy_preview::{SUBSIDY_PREVIEW_LINES_MAX, SubsidyPreview, SubsidyPreviewAnswer};
use crate::message::subsidy_query::{SubsidyAnswer, SubsidyQuery};
use crate::message::subsidy_step::SubsidyStep;
use crate::message::tables::{
    CLASS_RULES_MAX, ClassRulesAnswer, MEAL_PERIODS_MAX, MealPeriodsAnswer, PRICES_MAX, PriceTableAnswer,
};
use crate::message::tap_answer::TapAnswer;
use crate::message::tap_confirm::TapConfirm;
use crate::message::tender::Tender;
use crate::message::terminal_key::{TerminalKeyAnswer, TerminalKeyRotate};
use crate::message::told_post::ToldPost;
use crate::message::top_up::TopUp;
use crate::message::unconfirmed::{UnconfirmedAnswer, UnconfirmedQuery};
use crate::message::upload::{BatchAnswer, UPLOAD_RECORDS_MAX, Upload};
use crate::message::virtual_bind::VirtualBind;
use crate::message::virtual_unbind::VirtualUnbind;
use crate::terminal_kind::{TerminalKind, TerminalKinds};

const EVERYONE: TerminalKinds = TerminalKinds::ALL;
const SELLERS: TerminalKinds = TerminalKinds::of(&[
    TerminalKind::PointOfSale,
    TerminalKind::Water,
    TerminalKind::Shower,
    TerminalKind::PhoneGateway,
    TerminalKind::Counter,
]);
/// Whoever sells under somebody's eyes: what gives money back isn't taken from a tap on a wall.
const ATTENDED: TerminalKinds =
    TerminalKinds::of(&[TerminalKind::PointOfSale, TerminalKind::PhoneGateway, TerminalKind::Counter]);
/// What speaks for phones.
const GATEWAYS: TerminalKinds = TerminalKinds::of(&[TerminalKind::PhoneGateway]);
/// Who may ask for statements.
const READERS: TerminalKinds = TerminalKinds::of(&[
    TerminalKind::PointOfSale,
    TerminalKind::Water,
    TerminalKind::Shower,
    TerminalKind::PhoneGateway,
    TerminalKind::Counter,
    TerminalKind::CardCentre,
    TerminalKind::Finance,
    TerminalKind::Auditor,
    TerminalKind::Administrator,
]);
/// Operators, whatever their role.
const OPERATORS: TerminalKinds = TerminalKinds::of(&[
    TerminalKind::CardCentre,
    TerminalKind::Finance,
    TerminalKind::Auditor,
    TerminalKind::Administrator,
]);
/// Operators who see to accounts.
const CARD_CENTRE: TerminalKinds =
    TerminalKinds::of(&[TerminalKind::CardCentre, TerminalKind::Administrator]);
/// Operators who see to money.
const FINANCE: TerminalKinds = TerminalKinds::of(&[TerminalKind::Finance, TerminalKind::Administrator]);
/// Operators who see to terminals.
const ADMINISTRATORS: TerminalKinds = TerminalKinds::of(&[TerminalKind::Administrator]);
/// Where cards are handed out, and cash is taken.
const COUNTERS: TerminalKinds = TerminalKinds::of(&[TerminalKind::Counter]);
/// What speaks for the phone's app.
const PHONES: TerminalKinds = TerminalKinds::of(&[TerminalKind::PhoneGateway]);
const CASHIERS: TerminalKinds = TerminalKinds::of(&[TerminalKind::PhoneGateway, TerminalKind::Counter]);

/// [`Command::consumes_sequence`] of a money request.
const TAKES_SEQUENCE: bool = true;
/// [`Command::consumes_sequence`] of every other.
const NO_SEQUENCE: bool = false;

/// A head of so many bytes, then as many items of so many bytes as `counts` allows.
const fn items(head: usize, item: usize, counts: RangeInclusive<usize>) -> RangeInclusive<usize> {
    head + item * *counts.start()..=head + item * *counts.end()
}

const fn are_equal(a: &RangeInclusive<usize>, b: &RangeInclusive<usize>) -> bool {
    *a.start() == *b.start() && *a.end() == *b.end()
}

/// An enumeration of bodies, one variant each, and what is asked of whichever it is.
///
/// ```text
/// /// Answers a balance query.
/// Balance(BalanceAnswer);
/// ```
///
/// A variant without a type has no body: it takes no bytes, and nothing is written.
macro_rules! bodies {
    ($(#[$doc:meta])* $name:ident { $($(#[$row_doc:meta])* $variant:ident $(($body:ty))?;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name<'a> {
            $($(#[$row_doc])* $variant $(($body))?,)*
        }

        impl<'a> $name<'a> {
            /// Bytes of its body.
            pub(crate) fn body_bytes(&self) -> Result<usize, EncodeError> {
                match self {
                    $($($name::$variant(body) => <$body as Body<'a>>::body_bytes(body),)?)*
                    _ => Ok(0),
                }
            }

            /// Writes its body over exactly that many bytes.
            pub(crate) fn write_body(&self, body_bytes: &mut [u8]) {
                match self {
                    $($($name::$variant(body) => <$body as Body<'a>>::write(body, body_bytes),)?)*
                    _ => {}
                }
            }
        }
    };
}

/// [`Kind`], [`COMMANDS`] and [`Request`], and which [`Answer`] each kind carries. A row of a session:
///
/// ```text
/// /// What the request does: the text of its kind and of its variant.
/// 0x10 CardDebit(CardDebit), 32..=32, Live, TAKES_SEQUENCE, SELLERS
/// │    │         │           │        │     │               └ which terminals may send it
/// │    │         │           │        │     └ whether it uses up a sequence
/// │    │         │           │        └ its way through the server
/// │    │         │           └ bytes of the body, fewest and most
/// │    │         └ its body, if it has one
/// │    └ its kind, and its variant of `Request`
/// └ the request's number
///     => CardDebitAnswer, 40..=40, Money(MoneyAnswer);
///        │                │        └ its variant of `Answer`, and the body, if it has one
///        │                └ bytes of its body
///        └ the answer's kind: the request's number, top bit set
/// ```
///
/// The frames of a sign-in have no bodies here: [`crate::sign_in`] reads and writes them, and they never are a
/// `Request` or an `Answer`.
macro_rules! messages {
    (
        sign_in { $(
            $(#[$hello_doc:meta])*
            $hello_number:literal $hello:ident, $hello_bytes:expr, $hello_senders:expr
            => $challenge:ident, $challenge_bytes:expr;
        )* }
        session { $(
            $(#[$doc:meta])*
            $number:literal $request:ident $(($body:ty))?, $bytes:expr, $lane:ident, $consumes:expr, $senders:expr
            => $answer:ident, $answer_bytes:expr, $variant:ident $(($answer_body:ty))?;
        )* }
        any_time {
            $(#[$refused_doc:meta])*
            $refused_number:literal $refused:ident($refusal:ty), $refused_bytes:expr;
        }
    ) => {
        /// The kind of a frame. Numbers never change and are never used again.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Kind {
            $($(#[$hello_doc])* $hello = $hello_number,)*
            $($(#[$doc])* $request = $number,)*
            $(
                #[doc = concat!("Answers [`Kind::", stringify!($hello), "`].")]
                $challenge = $hello_number | 0x80,
            )*
            $(
                #[doc = concat!("Answers [`Kind::", stringify!($request), "`].")]
                $answer = $number | 0x80,
            )*
            $(#[$refused_doc])* $refused = $refused_number,
        }

        /// Every kind, by number.
        pub const COMMANDS: &[Command] = &[
            $(Command {
                kind: Kind::$hello,
                name: stringify!($hello),
                direction: Direction::ToServer,
                stage: Stage::SignIn,
                body_bytes_min: *$hello_bytes.start(),
                body_bytes_max: *$hello_bytes.end(),
                lane: Lane::Session,
                consumes_sequence: NO_SEQUENCE,
                senders: $hello_senders,
            },)*
            $(Command {
                kind: Kind::$request,
                name: stringify!($request),
                direction: Direction::ToServer,
                stage: Stage::Session,
                body_bytes_min: *$bytes.start(),
                body_bytes_max: *$bytes.end(),
                lane: Lane::$lane,
                consumes_sequence: $consumes,
                senders: $senders,
            },)*
            $(Command {
                kind: Kind::$challenge,
                name: stringify!($challenge),
                direction: Direction::ToTill,
                stage: Stage::SignIn,
                body_bytes_min: *$challenge_bytes.start(),
                body_bytes_max: *$challenge_bytes.end(),
                lane: Lane::Session,
                consumes_sequence: NO_SEQUENCE,
                senders: $hello_senders,
            },)*
            $(Command {
                kind: Kind::$answer,
                name: stringify!($answer),
                direction: Direction::ToTill,
                stage: Stage::Session,
                body_bytes_min: *$answer_bytes.start(),
                body_bytes_max: *$answer_bytes.end(),
                lane: Lane::$lane,
                consumes_sequence: NO_SEQUENCE,
                senders: $senders,
            },)*
            Command {
                kind: Kind::$refused,
                name: stringify!($refused),
                direction: Direction::ToTill,
                stage: Stage::Any,
                body_bytes_min: *$refused_bytes.start(),
                body_bytes_max: *$refused_bytes.end(),
                lane: Lane::Session,
                consumes_sequence: NO_SEQUENCE,
                senders: EVERYONE,
            },
        ];

        bodies! {
            /// A request of a session. Sign-in has its own types, in [`crate::sign_in`].
            Request { $($(#[$doc])* $request $(($body))?;)* }
        }

        impl<'a> Request<'a> {
            /// The sizes of the rows are those of the bodies.
            const SIZES_AGREE: () = {
                $($(assert!(
                    are_equal(&<$body as Body<'a>>::BYTES, &$bytes),
                    concat!(stringify!($request), ": row and body differ in size")
                );)?)*
                $($(assert!(
                    are_equal(&<$answer_body as Body<'a>>::BYTES, &$answer_bytes),
                    concat!(stringify!($answer), ": row and body differ in size")
                );)?)*
                assert!(
                    are_equal(&<$refusal as Body<'a>>::BYTES, &$refused_bytes),
                    concat!(stringify!($refused), ": row and body differ in size")
                );
            };

            /// The kind of the frame that carries it.
            pub const fn kind(&self) -> Kind {
                match self {
                    $(Request::$request { .. } => Kind::$request,)*
                }
            }

            /// The same without its frame; none for what has no body, or items that lie in the frame.
            pub fn owned(&self) -> Option<Request<'static>> {
                match self {
                    $($(Request::$request(body) => {
                        Some(Request::$request(<$body as Body<'a>>::owned(body)?))
                    })?)*
                    _ => None,
                }
            }

            /// Reads the body of a frame of this kind.
            pub(crate) fn read_body(kind: Kind, body: &'a [u8]) -> Result<Request<'a>, DecodeError> {
                Ok(match kind {
                    $(Kind::$request => Request::$request $((<$body as Body<'a>>::read(body)?))?,)*
                    other => return Err(DecodeError::Misplaced { have: other.number() }),
                })
            }
        }

        const _: () = Request::SIZES_AGREE;

        impl<'a> Answer<'a> {
            /// The kind of the frame that carries this answer to a request of that kind; `None` when such a request
            /// isn't answered so.
            pub(crate) const fn kind_to(&self, request: Kind) -> Option<Kind> {
                match (self, request) {
                    (Answer::$refused(_), _) => Some(Kind::$refused),
                    $((Answer::$variant { .. }, Kind::$request) => Some(Kind::$answer),)*
                    _ => None,
                }
            }

            /// Reads the body of a frame of this kind.
            pub(crate) fn read_body(kind: Kind, body: &'a [u8]) -> Result<Answer<'a>, DecodeError> {
                Ok(match kind {
                    $(Kind::$answer => Answer::$variant $((<$answer_body as Body<'a>>::read(body)?))?,)*
                    Kind::$refused => Answer::$refused(<$refusal as Body<'a>>::read(body)?),
                    other => return Err(DecodeError::Misplaced { have: other.number() }),
                })
            }
        }
    };
}

messages! {
    sign_in {
        /// Opens a sign-in: versions and nonce of the till.
        0x01 Hello, 48..=48, EVERYONE => Challenge, 24..=24;
        /// The till's proof that it holds the terminal key.
        0x02 Prove, 16..=16, EVERYONE => Welcome, 88..=88;
    }
    session {
        /// Ends the session.
        0x03 SignOut, 0..=0, Session, NO_SEQUENCE, EVERYONE
            => SignedOut, 0..=0, SignedOut;
        /// Compares the clocks and keeps the session alive.
        0x04 Heartbeat(Heartbeat), 8..=8, Session, NO_SEQUENCE, EVERYONE
            => HeartbeatAnswer, 40..=40, Heartbeat(HeartbeatAnswer);
        /// Asks for the rules of account classes.
        0x05 ClassRules, 0..=0, Batch, NO_SEQUENCE, SELLERS
            => ClassRulesAnswer, items(16, 36, 0..=CLASS_RULES_MAX), ClassRules(ClassRulesAnswer<'a>);
        /// Asks for a page of the block-list.
        0x06 BlockList(BlockListQuery), 24..=24, Batch, NO_SEQUENCE, SELLERS
            => BlockListAnswer, items(40, 16, 0..=BLOCK_LIST_LINES_MAX), BlockList(BlockListAnswer<'a>);
        /// Reports which block-list the till judges by from now on.
        0x07 BlockListActive(BlockListActive), 32..=32, Batch, NO_SEQUENCE, SELLERS
            => BlockListActiveAnswer, 40..=40, Money(MoneyAnswer);
        /// Signs a cashier on at this till.
        0x08 CashierOn(CashierSign), 16..=16, Batch, NO_SEQUENCE, SELLERS
            => CashierOnAnswer, 40..=40, Money(MoneyAnswer);
        /// Signs the cashier off.
        0x09 CashierOff(CashierSign), 16..=16, Batch, NO_SEQUENCE, SELLERS
            => CashierOffAnswer, 40..=40, Money(MoneyAnswer);
        /// Asks for the totals of the till's open shift.
        0x0A ShiftTotals, 0..=0, Batch, NO_SEQUENCE, SELLERS
            => ShiftTotalsAnswer, 120..=120, Shift(ShiftAnswer);
        /// Closes the till's shift.
        0x0B ShiftClose(ShiftClose), 16..=16, Batch, NO_SEQUENCE, SELLERS
            => ShiftCloseAnswer, 120..=120, Shift(ShiftAnswer);
        /// Asks for the meal periods.
        0x0C MealPeriods, 0..=0, Batch, NO_SEQUENCE, SELLERS
            => MealPeriodsAnswer, items(16, 72, 0..=MEAL_PERIODS_MAX), MealPeriods(MealPeriodsAnswer<'a>);
        /// Asks for what is paid beside the price.
        0x0D PriceTable, 0..=0, Batch, NO_SEQUENCE, SELLERS
            => PriceTableAnswer, items(16, 8, 0..=PRICES_MAX), PriceTable(PriceTableAnswer<'a>);
        /// Asks for the terminal's newest key.
        0x0E TerminalKey, 0..=0, Batch, NO_SEQUENCE, EVERYONE
            => TerminalKeyAnswer, 32..=32, TerminalKey(TerminalKeyAnswer);
        /// Debits the account of a card.
        0x10 CardDebit(CardDebit), 32..=32, Live, TAKES_SEQUENCE, SELLERS
            => CardDebitAnswer, 40..=40, Money(MoneyAnswer);
        /// Debits the account behind a payment code.
        0x11 CodeDebit(CodeDebit), 40..=40, Live, TAKES_SEQUENCE, SELLERS
            => CodeDebitAnswer, 40..=40, Money(MoneyAnswer);
        /// Pays money in from a channel.
        0x12 TopUp(TopUp), 72..=72, Live, TAKES_SEQUENCE, CASHIERS
            => TopUpAnswer, 40..=40, Money(MoneyAnswer);
        /// Undoes an earlier sale of this till.
        0x13 Reversal(Reversal), 32..=32, Live, TAKES_SEQUENCE, SELLERS
            => ReversalAnswer, 40..=40, Money(MoneyAnswer);
        /// Debits the account of a card whose chip the till writes afterwards, and confirms.
        0x14 CardTap(CardDebit), 32..=32, Live, TAKES_SEQUENCE, SELLERS
            => CardTapAnswer, 56..=56, Tap(TapAnswer);
        /// Says what became of the chip after a tap.
        0x15 TapConfirm(TapConfirm), 32..=32, Live, TAKES_SEQUENCE, SELLERS
            => TapConfirmAnswer, 40..=40, Money(MoneyAnswer);
        /// Gives a debit of this merchant back, wholly or in part.
        0x16 Refund(Refund), 32..=32, Live, TAKES_SEQUENCE, ATTENDED
            => RefundAnswer, 40..=40, Money(MoneyAnswer);
        /// Undoes a sale of this till on the business date on which it was made.
        0x17 Void(Reversal), 32..=32, Live, TAKES_SEQUENCE, ATTENDED
            => VoidAnswer, 40..=40, Money(MoneyAnswer);
        /// Takes back a top-up that this counter took, on the same business date.
        0x18 TopUpUndo(Reversal), 32..=32, Live, TAKES_SEQUENCE, COUNTERS
            => TopUpUndoAnswer, 40..=40, Money(MoneyAnswer);
        /// Records what was paid at this till through WeChat Pay or Alipay.
        0x19 Tender(Tender), 56..=56, Live, TAKES_SEQUENCE, ATTENDED
            => TenderAnswer, 40..=40, Money(MoneyAnswer);
        /// Pays what an offline till shows.
        0x1A ScanPay(ScanPay), 64..=64, Live, TAKES_SEQUENCE, GATEWAYS
            => ScanPayAnswer, 48..=48, ScanPay(ScanPayAnswer);
        /// Revokes every payment code that an account may have shown by now.
        0x1B CodeRevoke(CodeRevoke), 32..=32, Live, TAKES_SEQUENCE, CASHIERS
            => CodeRevokeAnswer, 40..=40, Money(MoneyAnswer);
        /// Debits the account of a card above the limits, with the holder's query password.
        0x1C PasswordDebit(PasswordDebit), 48..=48, Live, TAKES_SEQUENCE, ATTENDED
            => PasswordDebitAnswer, 40..=40, Money(MoneyAnswer);
        /// Asks for the balance of an account.
        0x20 Balance(BalanceQuery), 24..=24, Live, NO_SEQUENCE, EVERYONE
            => BalanceAnswer, 64..=64, Balance(BalanceAnswer);
        /// Asks for a page of an account's bill, newest first.
        0x21 Bill(BillQuery), 40..=40, Walk, NO_SEQUENCE, EVERYONE
            => BillAnswer, items(24, 64, 0..=BILL_LINES_MAX), Bill(BillAnswer<'a>);
        /// Asks for the outcome of an earlier sale of this till.
        0x22 SaleQuery(SaleQuery), 8..=8, Live, NO_SEQUENCE, EVERYONE
            => SaleQueryAnswer, 40..=40, Money(MoneyAnswer);
        /// Asks for a page of an account's statement: the lines of a period, newest first, and how they add up.
        0x23 Statement(StatementQuery), 56..=56, Walk, NO_SEQUENCE, READERS
            => StatementAnswer, items(64, 64, 0..=BILL_LINES_MAX), Statement(StatementAnswer<'a>);
        /// Asks for a page of what tills still owe: holes in their sequences, and self-scans that nobody has paid.
        0x25 OpenGaps(OpenGapsQuery), 16..=16, Batch, NO_SEQUENCE, CASHIERS
            => OpenGapsAnswer, items(16, 32, 0..=GAP_LINES_MAX), OpenGaps(OpenGapsAnswer<'a>);
        /// Asks how far an account's balance is confirmed.
        0x26 Unconfirmed(UnconfirmedQuery), 24..=24, Walk, NO_SEQUENCE, SELLERS
            => UnconfirmedAnswer, 88..=88, Unconfirmed(UnconfirmedAnswer);
        /// Asks for what a receipt of something that this till did says, to be printed again.
        0x27 Reprint(SaleQuery), 8..=8, Batch, NO_SEQUENCE, SELLERS
            => ReprintAnswer, 96..=96, Reprint(ReprintAnswer);
        /// Sends stored offline records.
        0x30 Upload(Upload<'a>), items(8, 96, 1..=UPLOAD_RECORDS_MAX), Batch, NO_SEQUENCE, SELLERS
            => BatchAnswer, items(16, 16, 1..=UPLOAD_RECORDS_MAX), Batch(BatchAnswer<'a>);
        /// Settles a batch by its totals.
        0x31 BatchSettle(BatchSettle), 120..=120, Batch, NO_SEQUENCE, SELLERS
            => BatchSettleAnswer, 120..=120, BatchSettle(BatchSettleAnswer);
        /// Has what the till did under some sequences held against the books, line by line.
        0x32 BatchLines(BatchLines<'a>), items(16, 24, 0..=TILL_LINES_MAX), Batch, NO_SEQUENCE, SELLERS
            => BatchLinesAnswer, items(16, 24, 0..=TILL_LINES_MAX), BatchLines(BatchLinesAnswer<'a>);
        /// Gives a card to an account that has none.
        0x40 CardIssue(CardIssue), 64..=64, Change, TAKES_SEQUENCE, COUNTERS
            => CardIssueAnswer, 40..=40, Money(MoneyAnswer);
        /// Gives a new card in the place of an account's current one.
        0x41 CardReplace(CardReplace), 56..=56, Change, TAKES_SEQUENCE, COUNTERS
            => CardReplaceAnswer, 40..=40, Money(MoneyAnswer);
        /// Takes an account's current card back.
        0x42 CardReturn(CardReturn), 40..=40, Change, TAKES_SEQUENCE, COUNTERS
            => CardReturnAnswer, 40..=40, Money(MoneyAnswer);
        /// Pays out what is left in an account and closes it.
        0x43 AccountClose(AccountClose), 48..=48, Change, TAKES_SEQUENCE, COUNTERS
            => AccountCloseAnswer, 40..=40, Money(MoneyAnswer);
        /// Puts a range of blank cards into stock.
        0x44 CardStock(CardStock), 24..=24, Change, TAKES_SEQUENCE, COUNTERS
            => CardStockAnswer, 40..=40, Money(MoneyAnswer);
        /// Posts a sale that never came, of which its card told with a later one.
        0x46 ToldPost(ToldPost), 56..=56, Live, TAKES_SEQUENCE, COUNTERS
            => ToldPostAnswer, 40..=40, Money(MoneyAnswer);
        /// Gives an account a query password, in the place of the one that it has.
        0x48 PasswordSet(AccountPassword), 48..=48, Change, TAKES_SEQUENCE, COUNTERS
            => PasswordSetAnswer, 40..=40, Money(MoneyAnswer);
        /// Binds a virtual card to an account, in the place of the one that it has.
        0x49 VirtualBind(VirtualBind), 48..=48, Change, TAKES_SEQUENCE, PHONES
            => VirtualBindAnswer, 40..=40, Money(MoneyAnswer);
        /// Unbinds a virtual card.
        0x4A VirtualUnbind(VirtualUnbind), 16..=16, Change, TAKES_SEQUENCE, PHONES
            => VirtualUnbindAnswer, 40..=40, Money(MoneyAnswer);
        /// Says which phone number the holder of a virtual card has now.
        0x4B PhoneChange(PhoneChange), 24..=24, Change, TAKES_SEQUENCE, PHONES
            => PhoneChangeAnswer, 40..=40, Money(MoneyAnswer);
        /// Reports an account's current card lost.
        0x4C LossReport(AccountPassword), 48..=48, Change, TAKES_SEQUENCE, CASHIERS
            => LossReportAnswer, 40..=40, Money(MoneyAnswer);
        /// Takes a loss report back: the card is found.
        0x4D LossLift(AccountPassword), 48..=48, Change, TAKES_SEQUENCE, CASHIERS
            => LossLiftAnswer, 40..=40, Money(MoneyAnswer);
        /// Closes a hole in a till's sequences.
        0x60 GapClose(GapClose), 56..=56, Live, TAKES_SEQUENCE, COUNTERS
            => GapCloseAnswer, 40..=40, Money(MoneyAnswer);
        /// Takes the next payment-code key into use.
        0x61 CodeKeyRotate(CodeKeyRotate), 16..=16, Change, TAKES_SEQUENCE, COUNTERS
            => CodeKeyRotateAnswer, 40..=40, Money(MoneyAnswer);
        /// Freezes an account, or lifts that again.
        0x62 AccountFreeze(Reasoned<'a, AccountFreeze>), 160..=160, Office, TAKES_SEQUENCE, CARD_CENTRE
            => AccountFreezeAnswer, 40..=40, Money(MoneyAnswer);
        /// Sets an account's class and the holder's own limits.
        0x63 AccountLimits(Reasoned<'a, AccountLimits>), 168..=168, Office, TAKES_SEQUENCE, CARD_CENTRE
            => AccountLimitsAnswer, 40..=40, Money(MoneyAnswer);
        /// Corrects a balance, or proposes to.
        0x64 Adjust(Reasoned<'a, Adjust>), 168..=168, Office, TAKES_SEQUENCE, FINANCE
            => AdjustAnswer, 40..=40, Money(MoneyAnswer);
        /// Approves or rejects what another operator proposed.
        0x65 AdjustDecide(Reasoned<'a, AdjustDecide>), 144..=144, Office, TAKES_SEQUENCE, FINANCE
            => AdjustDecideAnswer, 40..=40, Money(MoneyAnswer);
        /// Asks which proposed adjustments wait to be approved.
        0x66 Adjustments(AdjustmentsQuery), 16..=16, Office, NO_SEQUENCE, OPERATORS
            => AdjustmentsAnswer, items(24, 48, 0..=ADJUSTMENT_LINES_MAX), Adjustments(AdjustmentsAnswer<'a>);
        /// Opens a subsidy batch.
        0x67 SubsidyOpen(Reasoned<'a, SubsidyOpen>), 152..=152, Office, TAKES_SEQUENCE, FINANCE
            => SubsidyOpenAnswer, 40..=40, Money(MoneyAnswer);
        /// Sends the next lines of a batch.
        0x68 SubsidyLines(SubsidyLines<'a>), items(16, 8, 1..=SUBSIDY_PAGE_LINES_MAX), Office, TAKES_SEQUENCE, FINANCE
            => SubsidyLinesAnswer, 40..=40, Money(MoneyAnswer);
        /// Approves, rejects, issues or withdraws a batch.
        0x69 SubsidyStep(Reasoned<'a, SubsidyStep>), 136..=136, Office, TAKES_SEQUENCE, FINANCE
            => SubsidyStepAnswer, 40..=40, Money(MoneyAnswer);
        /// Asks how far a batch has come.
        0x6a SubsidyQuery(SubsidyQuery), 8..=8, Office, NO_SEQUENCE, OPERATORS
            => SubsidyAnswer, 184..=184, Subsidy(SubsidyAnswer);
        /// Asks for a batch's lines.
        0x6b SubsidyPreview(SubsidyPreview), 16..=16, Office, NO_SEQUENCE, OPERATORS
            => SubsidyPreviewAnswer, items(24, 16, 0..=SUBSIDY_PREVIEW_LINES_MAX), SubsidyPreview(SubsidyPreviewAnswer<'a>);
        /// Takes a terminal's next key into use.
        0x6C TerminalKeyRotate(Reasoned<'a, TerminalKeyRotate>), 136..=136, Office, TAKES_SEQUENCE, ADMINISTRATORS
            => TerminalKeyRotateAnswer, 40..=40, Money(MoneyAnswer);
    }
    any_time {
        /// Answers any request that wasn't carried out because of the frame, the session or the server's state.
        0xFF Refused(Refusal), 16..=16;
    }
}

bodies! {
    /// An answer of a session. Sign-in has its own types, in [`crate::sign_in`].
    Answer {
        /// The session has ended.
        SignedOut;
        /// Answers a heartbeat.
        Heartbeat(HeartbeatAnswer);
        /// Answers a debit, a tender, a top-up, what undoes or gives back, a confirmation, a change of cards, passwords or phones,
        /// what an operator does, a report of the active block-list, a cashier, or a sale query.
        Money(MoneyAnswer);
        /// Answers a two-phase tap.
        Tap(TapAnswer);
        /// Answers a scanned code's payment.
        ScanPay(ScanPayAnswer);
        /// Answers a balance query.
        Balance(BalanceAnswer);
        /// Answers a bill query.
        Bill(BillAnswer<'a>);
        /// Answers a statement query.
        Statement(StatementAnswer<'a>);
        /// Answers a query for the rules of account classes.
        ClassRules(ClassRulesAnswer<'a>);
        /// Answers a query for the meal periods.
        MealPeriods(MealPeriodsAnswer<'a>);
        /// Answers a terminal that asks for its newest key.
        TerminalKey(TerminalKeyAnswer);
        /// Answers a query for what is paid beside the price.
        PriceTable(PriceTableAnswer<'a>);
        /// Answers a query for the block-list.
        BlockList(BlockListAnswer<'a>);
        /// Answers a question after gaps.
        OpenGaps(OpenGapsAnswer<'a>);
        /// Answers how far a balance is confirmed.
        Unconfirmed(UnconfirmedAnswer);
        /// Answers a till that prints a receipt again.
        Reprint(ReprintAnswer);
        /// Answers the question after proposed adjustments.
        Adjustments(AdjustmentsAnswer<'a>);
        /// Answers a question for a shift's totals, and its closing.
        Shift(ShiftAnswer);
        /// Answers the settling of a batch.
        BatchSettle(BatchSettleAnswer);
        /// Answers the lines of a batch.
        BatchLines(BatchLinesAnswer<'a>);
        /// Answers the question after a subsidy batch.
        Subsidy(SubsidyAnswer);
        /// Answers the question after a batch's lines.
        SubsidyPreview(SubsidyPreviewAnswer<'a>);
        /// Answers an upload: one line for each record, in the order sent.
        Batch(BatchAnswer<'a>);
        /// Answers any request that wasn't carried out.
        Refused(Refusal);
    }
}
