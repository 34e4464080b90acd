//! What is configured: merchants, terminals, rules of account classes, meal periods, the open business date.
//!
//! Made by configuration records only. A decision reads it; nothing on the way of a debit changes it.

use protocol::command_table::Kind;
use protocol::ids::{BusinessDate, MerchantId, RecordNumber, TerminalId};
use protocol::result_code::ResultCode;
pub use protocol::terminal_kind::TerminalKind;

use super::block_list::BlockList;
use super::card_stock::CardStock;
use super::command::TerminalSlot;
use super::limits::{
    CLASSES_MAX, EARLIER_KEY_BELIEVED_NS, EARLIER_KEY_SIGN_IN_NS, MEAL_PERIODS_MAX, NAME_BYTES_MAX,
};
use super::prices::Prices;
use super::probes::looks_at;
use super::state::Sizes;
use super::subsidies::Batches;

/// When a balance covers an amount. Available = sum of the wallets less open holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum AuthoriseRule {
    /// Available less the amount isn't under the floor.
    #[default]
    Covers = 0,
    /// Available is strictly above zero, and less the amount isn't under the floor.
    AboveZero = 1,
}

impl AuthoriseRule {
    /// The rule with this number.
    pub const fn from_number(number: u8) -> Option<AuthoriseRule> {
        match number {
            0 => Some(AuthoriseRule::Covers),
            1 => Some(AuthoriseRule::AboveZero),
            _ => None,
        }
    }
}

/// The rules of an account class. Limits are inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The floor under the available balance after an online debit.
    pub floor_fen: i64,
    /// Limit of one online debit.
    pub debit_max_fen: u32,
    /// Limit of a +08:00 day's debits, online and offline together, checked by online debits.
    pub day_max_fen: u32,
    /// An offline fact above this is flagged.
    pub offline_debit_max_fen: u32,
    /// An offline fact that takes its own day's total above this is flagged.
    pub offline_day_max_fen: u32,
    /// When a balance covers an amount.
    pub rule: AuthoriseRule,
    /// Limit of one payment by code; 0 = as of one debit.
    pub code_max_fen: u32,
    /// Limit of a meal period's debits, online, checked by them; 0 = none.
    pub meal_max_fen: u32,
    /// Whether payment codes are taken only of accounts that a virtual card is bound to. Of one that was bound and isn't any
    /// more they never are.
    pub codes_need_phone: bool,
}

impl Policy {
    /// The defaults of a real school: 20 yuan a debit, 50 yuan a day, nothing under zero.
    pub const DEFAULT: Policy = Policy {
        floor_fen: 0,
        debit_max_fen: 2_000,
        day_max_fen: 5_000,
        offline_debit_max_fen: 2_000,
        offline_day_max_fen: 5_000,
        rule: AuthoriseRule::Covers,
        code_max_fen: 0,
        meal_max_fen: 0,
        codes_need_phone: false,
    };

    /// The limit of one payment by code.
    pub const fn code_limit_fen(&self) -> u32 {
        if self.code_max_fen == 0 { self.debit_max_fen } else { self.code_max_fen }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What one operator may do alone, and how long he waits for another; which cards counters give out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfficeRules {
    /// The largest amount that one operator may adjust alone, inclusive.
    pub adjust_alone_max_fen: i64,
    /// The most that one operator may adjust alone in a +08:00 day, given and taken added up, inclusive; 0 = as much as he is
    /// asked to.
    pub adjust_alone_day_max_fen: u32,
    /// How long a proposal waits for a second person, in seconds of logged time.
    pub proposal_s: u32,
    /// Whether counters give out cards that are in stock alone.
    pub cards_from_stock: bool,
}

impl OfficeRules {
    /// 100 yuan, 1,000 yuan a day; a week; any card.
    pub const DEFAULT: OfficeRules = OfficeRules {
        adjust_alone_max_fen: 10_000,
        adjust_alone_day_max_fen: 100_000,
        proposal_s: 7 * 86_400,
        cards_from_stock: false,
    };
}

impl Default for OfficeRules {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// A short text kept in place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Name {
    bytes: [u8; NAME_BYTES_MAX],
    length: u8,
}

impl Name {
    /// The name, if it is 1 to [`NAME_BYTES_MAX`] bytes long.
    pub fn new(text: &str) -> Option<Name> {
        let mut bytes = [0; NAME_BYTES_MAX];
        let length = u8::try_from(text.len()).ok().filter(|&length| length > 0)?;
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Some(Name { bytes, length })
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

impl core::fmt::Debug for Name {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.as_str().fmt(f)
    }
}

/// A merchant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Merchant {
    /// Its number.
    pub merchant: MerchantId,
    /// Its name.
    pub name: Name,
    /// Whether it trades.
    pub enabled: bool,
}

/// A terminal, as configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terminal {
    /// Its number.
    pub terminal: TerminalId,
    /// Who is owed what it sells.
    pub merchant: MerchantId,
    /// The version of its master key.
    pub key_version: u32,
    /// Its dense slot.
    pub slot: TerminalSlot,
    /// What it may send.
    pub kind: TerminalKind,
    /// Whether it may trade.
    pub enabled: bool,
}

impl Terminal {
    /// Whether it may sell: debits, what undoes them, uploads.
    pub const fn sells(&self) -> bool {
        Kind::CardDebit.command().may_be_sent_by(self.kind)
    }

    /// Whether somebody looks after what it does: refunds, voids, tenders.
    pub const fn is_attended(&self) -> bool {
        Kind::Refund.command().may_be_sent_by(self.kind)
    }

    /// Whether it hands out cards, and takes them back.
    pub const fn hands_out_cards(&self) -> bool {
        Kind::CardIssue.command().may_be_sent_by(self.kind)
    }

    /// Whether it gives accounts query passwords.
    pub const fn sets_passwords(&self) -> bool {
        Kind::PasswordSet.command().may_be_sent_by(self.kind)
    }

    /// Whether a holder's query password can be keyed in at it.
    pub const fn takes_passwords(&self) -> bool {
        Kind::PasswordDebit.command().may_be_sent_by(self.kind)
    }

    /// Whether it speaks for phones: binds virtual cards and unbinds them.
    pub const fn binds_phones(&self) -> bool {
        Kind::VirtualBind.command().may_be_sent_by(self.kind)
    }

    /// Whether it reports cards lost and found.
    pub const fn reports_losses(&self) -> bool {
        Kind::LossReport.command().may_be_sent_by(self.kind)
    }

    /// Whether it may top up.
    pub const fn tops_up(&self) -> bool {
        Kind::TopUp.command().may_be_sent_by(self.kind)
    }

    /// Whether it may close a hole in a till's sequences.
    pub const fn closes_gaps(&self) -> bool {
        Kind::GapClose.command().may_be_sent_by(self.kind)
    }

    /// Whether it may post a sale that never came, of which its card told.
    pub const fn posts_told(&self) -> bool {
        Kind::ToldPost.command().may_be_sent_by(self.kind)
    }

    /// Whether it may pay what an offline till shows.
    pub const fn pays_scans(&self) -> bool {
        Kind::ScanPay.command().may_be_sent_by(self.kind)
    }

    /// Whether it may revoke a person's payment codes.
    pub const fn revokes_codes(&self) -> bool {
        Kind::CodeRevoke.command().may_be_sent_by(self.kind)
    }

    /// Whether it may take the next payment-code key into use.
    pub const fn rotates_code_keys(&self) -> bool {
        Kind::CodeKeyRotate.command().may_be_sent_by(self.kind)
    }

    /// Why it may not send a request of this kind; `None` when it may.
    pub const fn refusal_of(&self, kind: Kind) -> Option<ResultCode> {
        kind.command().refusal_to(self.kind)
    }

    /// Whether it may take a top-up back.
    pub const fn undoes_top_ups(&self) -> bool {
        Kind::TopUpUndo.command().may_be_sent_by(self.kind)
    }
}

/// A meal period: a part of the day by server time (+08:00).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MealPeriod {
    /// Its name.
    pub name: Name,
    /// First minute that belongs to it.
    pub start_minute: u16,
    /// First minute that doesn't any more.
    pub end_minute: u16,
}

/// Under which key payment codes are made, and which codes of the key before are taken still.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CodeKey {
    /// The version of the key in use: 0 at first.
    pub version: u32,
    /// Codes of the version before are taken up to those of this time step; 0 = none is.
    pub earlier_until_step: u32,
}

impl CodeKey {
    /// Whether a code of this step, made under the key of this version, is taken.
    pub const fn takes(&self, version: u32, step: u32) -> bool {
        version == self.version || version.wrapping_add(1) == self.version && step <= self.earlier_until_step
    }
}

/// When a terminal's key was changed, and whether the terminal has the new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRotation {
    /// Logged time, nanoseconds since 1970 UTC; 0 = never: the terminal was registered with its key.
    pub rotated_ns: u64,
    /// Whether it has signed in under it.
    pub taken: bool,
}

impl KeyRotation {
    /// The key is the one that the terminal was registered with.
    pub const NEVER: KeyRotation = KeyRotation { rotated_ns: 0, taken: true };

    /// Whether nothing says yet that the terminal has the key in use.
    pub const fn awaits_terminal(&self) -> bool {
        !self.taken
    }

    /// Whether the terminal may sign in under the key before at this logged time.
    pub const fn takes_before(&self, now_ns: u64) -> bool {
        !self.taken && now_ns < self.rotated_ns.saturating_add(EARLIER_KEY_SIGN_IN_NS)
    }

    /// Whether what the terminal signed under the key before is believed at this logged time.
    pub const fn is_believed_before(&self, now_ns: u64) -> bool {
        self.rotated_ns != 0 && now_ns < self.rotated_ns.saturating_add(EARLIER_KEY_BELIEVED_NS)
    }
}

/// Everything configured.
#[derive(Clone, Debug)]
pub struct Registry {
    pub(super) merchants: Vec<Option<Merchant>>,
    pub(super) terminals: Vec<Terminal>,
    /// Slots in order of terminal number, for look-ups at sign-in.
    pub(super) slots_by_terminal: Vec<TerminalSlot>,
    pub(super) policies: Vec<Policy>,
    pub(super) meal_periods: [Option<MealPeriod>; MEAL_PERIODS_MAX],
    pub(super) prices: Prices,
    pub(super) block_list: BlockList,
    pub(super) office: OfficeRules,
    pub(super) subsidies: Batches,
    pub(super) business_date: BusinessDate,
    pub(super) accounts: u32,
    pub(super) accounts_max: u32,
    pub(super) terminals_max: u16,
    pub(super) changed: RecordNumber,
    pub(super) code_key: CodeKey,
    /// By slot. Apart from the terminals, which the way of a debit reads.
    pub(super) key_rotations: Vec<KeyRotation>,
    /// Which card numbers lie at the counters.
    pub(super) card_stock: CardStock,
}

impl Registry {
    pub(super) fn new(sizes: &Sizes) -> Self {
        let Sizes { accounts_max, terminals_max, merchants_max, .. } = *sizes;
        Self {
            merchants: vec![None; merchants_max as usize],
            terminals: Vec::with_capacity(usize::from(terminals_max)),
            slots_by_terminal: Vec::with_capacity(usize::from(terminals_max)),
            policies: vec![Policy::DEFAULT; CLASSES_MAX],
            meal_periods: [None; MEAL_PERIODS_MAX],
            prices: Prices::new(),
            block_list: BlockList::new(sizes.blocked_cards_max()),
            office: OfficeRules::DEFAULT,
            subsidies: Batches::default(),
            business_date: BusinessDate(0),
            accounts: 0,
            accounts_max,
            terminals_max,
            changed: RecordNumber(0),
            code_key: CodeKey::default(),
            key_rotations: Vec::with_capacity(usize::from(terminals_max)),
            card_stock: CardStock::default(),
        }
    }

    /// The merchant with this number.
    pub fn merchant(&self, merchant: MerchantId) -> Option<&Merchant> {
        self.merchants.get(merchant.0 as usize).inspect(|&place| looks_at(place))?.as_ref()
    }

    /// Every merchant, in order of number.
    pub fn merchants(&self) -> impl Iterator<Item = &Merchant> {
        self.merchants.iter().flatten()
    }

    /// The terminal at this slot.
    pub fn terminal(&self, slot: TerminalSlot) -> Option<&Terminal> {
        self.terminals.get(usize::from(slot.0)).inspect(|&terminal| looks_at(terminal))
    }

    /// The terminal with this number: for sign-in, not for the way of a debit.
    pub fn find_terminal(&self, terminal: TerminalId) -> Option<&Terminal> {
        let at = self.position(terminal).ok()?;
        self.terminal(*self.slots_by_terminal.get(at)?)
    }

    /// The terminal with the next number after this one; the first, if it is `None`. For lists of all.
    pub fn next_terminal(&self, after: Option<TerminalId>) -> Option<&Terminal> {
        let at = after.map_or(0, |after| self.position(after).map_or_else(|at| at, |at| at + 1));
        self.terminals.get(usize::from(self.slots_by_terminal.get(at)?.0))
    }

    pub(super) fn position(&self, terminal: TerminalId) -> Result<usize, usize> {
        self.slots_by_terminal
            .binary_search_by_key(&terminal, |slot| self.terminals[usize::from(slot.0)].terminal)
    }

    /// Which card numbers lie at the counters.
    pub const fn card_stock(&self) -> &CardStock {
        &self.card_stock
    }

    /// When the key of the terminal at this slot was changed.
    pub fn key_rotation(&self, slot: TerminalSlot) -> KeyRotation {
        self.key_rotations.get(usize::from(slot.0)).copied().unwrap_or(KeyRotation::NEVER)
    }

    /// The version of a terminal's key before the one in use, as long as it may sign in under that.
    pub fn earlier_sign_in_key(&self, terminal: &Terminal, now_ns: u64) -> Option<u32> {
        let takes = self.key_rotation(terminal.slot).takes_before(now_ns);
        takes.then(|| terminal.key_version.wrapping_sub(1))
    }

    /// The version of a terminal's key before the one in use, as long as what it signed under that is believed.
    pub fn earlier_believed_key(&self, terminal: &Terminal, now_ns: u64) -> Option<u32> {
        let believes = self.key_rotation(terminal.slot).is_believed_before(now_ns);
        believes.then(|| terminal.key_version.wrapping_sub(1))
    }

    /// Every terminal, in order of slot.
    pub fn terminals(&self) -> &[Terminal] {
        &self.terminals
    }

    /// The rules of a class; the defaults for one out of range.
    pub fn policy(&self, class: u8) -> &Policy {
        self.policies.get(usize::from(class)).inspect(|&policy| looks_at(policy)).unwrap_or(&Policy::DEFAULT)
    }

    /// The meal periods that are set, with their numbers.
    pub fn meal_periods(&self) -> impl Iterator<Item = (u8, &MealPeriod)> {
        (0_u8..).zip(&self.meal_periods).filter_map(|(number, period)| Some((number, period.as_ref()?)))
    }

    /// What is paid beside the price, by class and meal period.
    pub const fn prices(&self) -> &Prices {
        &self.prices
    }

    /// Which cards no till takes, and every move of that list.
    pub const fn block_list(&self) -> &BlockList {
        &self.block_list
    }

    /// What one operator may do alone.
    pub fn office(&self) -> &OfficeRules {
        looks_at(&self.office);
        &self.office
    }

    /// Subsidy batches.
    pub const fn subsidies(&self) -> &Batches {
        &self.subsidies
    }

    /// The open business date; 0 before the books were opened.
    pub const fn business_date(&self) -> BusinessDate {
        self.business_date
    }

    /// Accounts opened so far: their numbers are 0 to this, less one.
    pub const fn accounts(&self) -> u32 {
        self.accounts
    }

    /// Under which key payment codes are made.
    pub const fn code_key(&self) -> CodeKey {
        self.code_key
    }

    /// The newest configuration record that changed the registry or the directory.
    pub const fn changed(&self) -> RecordNumber {
        self.changed
    }
}
