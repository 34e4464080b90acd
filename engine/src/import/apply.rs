//! Turns a checked file into configuration records.

use protocol::ids::{AccountId, CardUid, MerchantId, TerminalId};
use protocol::password::Password;
use protocol::result_code::ResultCode;
use serde::Serialize;

use super::campus::{CampusFile, PolicyEntry, Yuan};
use super::roster::{Roster, RosterLine};
use crate::ledger::command::{
    BindCard, OpenAccount, PasswordImport, RegisterMerchant, RegisterTerminal, SetAccountClass,
    SetMealPeriod, SetOfficeRules, SetPolicy, SetPrice,
};
use crate::ledger::holder::PasswordRef;
use crate::ledger::prices::OTHER_TIME;
use crate::ledger::registry::{OfficeRules, Policy};
use crate::ledger::{Outcome, Request};
use crate::runtime::engine::{Engine, EngineError};
use crate::runtime::password_vault::{Hashed, PasswordVault};

/// Configuration records that may wait for the disk together.
const SYNC_EVERY: usize = 1_000;

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ImportReport {
    /// Accounts opened.
    pub accounts_opened: usize,
    /// Cards bound to their account.
    pub cards_bound: usize,
    /// Accounts that were opened before and have another class now.
    pub classes_changed: usize,
    /// Query passwords set, of accounts that had none.
    pub passwords_set: usize,
    /// Merchants, terminals, meal periods and policies set or changed.
    pub settings_changed: usize,
    /// Entries that stood in the books already, as they are in the file.
    pub unchanged: usize,
    /// Card numbers left unbound, one sentence each.
    pub conflicts: Vec<String>,
    /// Lines of the file whose card is left unbound.
    pub lines_in_conflict: usize,
}

impl ImportReport {
    fn conflict(&mut self, holder: &RosterLine, why: &str) {
        let RosterLine { line, student_no, card_uid, .. } = holder;
        let card_uid = card_uid.map_or(0, |uid| uid.0);
        self.conflicts.push(format!("card {card_uid} of {student_no} (line {line}) {why}; left as it was"));
        self.lines_in_conflict += 1;
    }

    /// Records written.
    pub fn changes(&self) -> usize {
        self.accounts_opened
            + self.cards_bound
            + self.classes_changed
            + self.passwords_set
            + self.settings_changed
    }
}

/// Why an import stopped. What was written before it stands; the same import again goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The log or the ledger.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// An entry was refused.
    #[error("{entry}: {reason}")]
    Refused {
        /// The entry of the file.
        entry: String,
        /// Why, and what to do.
        reason: String,
    },
}

/// A student number as accounts keep it: padded with zeros.
pub fn padded(student_no: &str) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..student_no.len()].copy_from_slice(student_no.as_bytes());
    bytes
}

/// A student number without its padding.
pub fn text_of(student_number: &[u8; 16]) -> String {
    let end = student_number.iter().position(|&byte| byte == 0).unwrap_or(student_number.len());
    String::from_utf8_lossy(&student_number[..end]).into_owned()
}

/// Opens an account for each holder and binds its card.
///
/// A card that the books gave to somebody else before is a conflict too: it's reported and left to a person, and the
/// one who has it keeps it, since a slip in a roster must not stop a card that works.
///
/// # Errors
/// The log fails, or a table is full.
pub fn holders(engine: &Engine, roster: &Roster) -> Result<ImportReport, ImportError> {
    let mut report = ImportReport {
        conflicts: roster.conflicts.iter().map(ToString::to_string).collect(),
        lines_in_conflict: roster.conflicts.iter().map(|conflict| conflict.lines.len()).sum(),
        ..ImportReport::default()
    };
    for (index, holder) in roster.holders.iter().enumerate() {
        let entry = || format!("line {}: student {}", holder.line, holder.student_no);
        let class = holder.class.unwrap_or_default();
        let request = Request::OpenAccount(OpenAccount { student_number: padded(&holder.student_no), class });
        let opened = configure(engine, request, entry)?;
        count(&mut report.accounts_opened, &mut report.unchanged, &opened);
        let account = opened.account.expect("an opened account has a number");
        if let Some(class) = holder.class.filter(|_| opened.repeat) {
            report.classes_changed += usize::from(reclass(engine, account, class, entry)?);
        }
        if let Some(card_uid) = holder.card_uid {
            match owner_of(engine, card_uid) {
                Some(owner) if owner != account => {
                    let owner =
                        engine.routes().student_number(owner).map_or_else(String::new, |n| text_of(&n));
                    report.conflict(holder, &format!("is bound, or was bound before, to {owner}"));
                }
                _ => match bind(engine, account, card_uid, entry)? {
                    Some(bound) => count(&mut report.cards_bound, &mut report.unchanged, &bound),
                    None => report.conflict(holder, "was this holder's before, or is in conflict"),
                },
            }
        }
        if index % SYNC_EVERY == SYNC_EVERY - 1 {
            engine.sync().map_err(EngineError::from)?;
        }
    }
    engine.sync().map_err(EngineError::from)?;
    Ok(report)
}

/// Gives each holder whose identity number the roster has a query password, if the account has none: one that was set at a
/// counter stays. Without a vault, for a dry run, it is only counted.
///
/// Hashing is slow on purpose, some 20 ms for each, and done on all processors.
///
/// # Errors
/// The log or the vault fails.
pub fn passwords(
    engine: &Engine,
    vault: Option<&PasswordVault>,
    roster: &Roster,
    report: &mut ImportReport,
) -> Result<(), ImportError> {
    let without_one = |holder: &RosterLine| {
        let password = holder.password?;
        let routes = engine.routes();
        let number = padded(&holder.student_no);
        let account = routes.configuration().directory.student_number_candidate(&number)?;
        let has_none = routes.holder(account).password() == PasswordRef::NONE;
        (has_none && routes.student_number(account) == Some(number)).then_some((account, password))
    };
    let due: Vec<(AccountId, Password)> = roster.holders.iter().filter_map(without_one).collect();
    report.passwords_set += due.len();
    report.unchanged += roster.holders.iter().filter(|holder| holder.password.is_some()).count() - due.len();
    let Some(vault) = vault else { return Ok(()) };
    for batch in due.chunks(SYNC_EVERY) {
        let numbers = vault.store(&hash_all(vault, batch)).map_err(|error| ImportError::Refused {
            entry: "query passwords".to_owned(),
            reason: error.to_string(),
        })?;
        for (&(account, _), password) in batch.iter().zip(numbers) {
            let request = Request::PasswordImport(PasswordImport { account, password });
            configure(engine, request, || format!("query password of account {account}"))?;
        }
        engine.sync().map_err(EngineError::from)?;
    }
    Ok(())
}

/// The hashes of these passwords, in order.
fn hash_all(vault: &PasswordVault, batch: &[(AccountId, Password)]) -> Vec<Hashed> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let part = batch.len().div_ceil(threads).max(1);
        let hash = move |part: &[(AccountId, Password)]| -> Vec<Hashed> {
            part.iter().map(|(_, password)| vault.hash(password)).collect()
        };
        let running: Vec<_> = batch.chunks(part).map(|part| scope.spawn(move || hash(part))).collect();
        running.into_iter().flat_map(|thread| thread.join().expect("hashing doesn't panic")).collect()
    })
}

/// Gives an account that was opened before its class; false when it has it already.
fn reclass(
    engine: &Engine,
    account: AccountId,
    class: u8,
    entry: impl Fn() -> String,
) -> Result<bool, ImportError> {
    let outcome = configure(engine, Request::SetAccountClass(SetAccountClass { account, class }), entry)?;
    Ok(!outcome.repeat)
}

/// The account that has the card, or had it.
fn owner_of(engine: &Engine, card_uid: CardUid) -> Option<AccountId> {
    engine.routes().configuration().directory.card(card_uid).account()
}

/// Binds a card; `None` when it's an old one of the same person, or in conflict since before.
fn bind(
    engine: &Engine,
    account: AccountId,
    card_uid: CardUid,
    entry: impl Fn() -> String,
) -> Result<Option<Outcome>, ImportError> {
    match engine.configure(Request::BindCard(BindCard { account, card_uid })) {
        Ok(outcome) if outcome.code.is_approved() => Ok(Some(outcome)),
        Ok(_) => Ok(None),
        Err(EngineError::Refused {
            code: ResultCode::CardNotCurrent | ResultCode::IdentityConflict, ..
        }) => Ok(None),
        Err(EngineError::Refused { code, .. }) => {
            Err(ImportError::Refused { entry: entry(), reason: reason(code) })
        }
        Err(error) => Err(error.into()),
    }
}

/// Registers merchants before the terminals that name them, then meal periods and the classes' rules.
///
/// # Errors
/// The log fails, a terminal names an unknown merchant, or a number is out of its table's range.
pub fn campus(engine: &Engine, file: &CampusFile) -> Result<ImportReport, ImportError> {
    let mut report = ImportReport::default();
    let mut set = |request: Request<'_>, entry: String| -> Result<(), ImportError> {
        let outcome = configure(engine, request, || entry.clone())?;
        count(&mut report.settings_changed, &mut report.unchanged, &outcome);
        Ok(())
    };
    // A file says nothing of keys: a terminal that is known keeps its own.
    let key_version = |id| {
        let routes = engine.routes();
        let known =
            routes.configuration().registry.find_terminal(TerminalId(id)).map(|known| known.key_version);
        known.unwrap_or(1)
    };
    for merchant in &file.merchants {
        let request = Request::RegisterMerchant(RegisterMerchant {
            merchant: MerchantId(merchant.id),
            name: &merchant.name,
            enabled: true,
        });
        set(request, format!("merchant {}", merchant.id))?;
    }
    for terminal in &file.terminals {
        let request = Request::RegisterTerminal(RegisterTerminal {
            terminal: TerminalId(terminal.id),
            merchant: MerchantId(terminal.merchant),
            kind: terminal.kind,
            key_version: key_version(terminal.id),
            enabled: true,
        });
        set(request, format!("terminal {} of merchant {}", terminal.id, terminal.merchant))?;
    }
    for operator in &file.operators {
        let request = Request::RegisterTerminal(RegisterTerminal {
            terminal: TerminalId(operator.id),
            merchant: MerchantId(0),
            kind: operator.role,
            key_version: key_version(operator.id),
            enabled: operator.enabled,
        });
        set(request, format!("operator {}", operator.id))?;
    }
    if let Some(office) = &file.office {
        let default = OfficeRules::DEFAULT;
        let rules = OfficeRules {
            adjust_alone_max_fen: office
                .adjust_alone_max
                .map_or(default.adjust_alone_max_fen, |yuan| yuan.amount_fen),
            adjust_alone_day_max_fen: limit(
                "office",
                "adjust_alone_day_max",
                office.adjust_alone_day_max,
                default.adjust_alone_day_max_fen,
            )?,
            proposal_s: office.proposal_days.map_or(default.proposal_s, |days| u32::from(days) * 86_400),
            cards_from_stock: office.cards_from_stock.unwrap_or(default.cards_from_stock),
        };
        set(Request::SetOfficeRules(SetOfficeRules { rules }), "office".to_owned())?;
    }
    for (number, period) in (0..).zip(&file.meal_periods) {
        let request = Request::SetMealPeriod(SetMealPeriod {
            period: number,
            name: &period.name,
            start_minute: period.start.0,
            end_minute: period.end.0,
        });
        set(request, format!("meal period {:?}", period.name))?;
    }
    for price in &file.prices {
        let named = (0..).zip(&file.meal_periods).find(|(_, period)| period.name == price.meal_period);
        let period = named.map_or(OTHER_TIME, |(number, _)| number);
        let request = SetPrice { class: price.class, period, rate: price.rate.rate };
        set(
            Request::SetPrice(request),
            format!("price of class {} at {:?}", price.class, price.meal_period),
        )?;
    }
    let own = file.policy.iter().map(|entry| (0, "policy".to_owned(), entry));
    let others = file.classes.iter().map(|(class, entry)| (class.0, format!("class {}", class.0), entry));
    for (class, name, entry) in own.chain(others) {
        let policy = policy(entry, &name)?;
        set(Request::SetPolicy(SetPolicy { class, policy }), name)?;
    }
    engine.sync().map_err(EngineError::from)?;
    Ok(report)
}

/// A limit as the books hold it; the default where the file has none. `entry` and `field` say where it stands.
fn limit(entry: &str, field: &str, yuan: Option<Yuan>, default_fen: u32) -> Result<u32, ImportError> {
    let Some(Yuan { amount_fen }) = yuan else { return Ok(default_fen) };
    u32::try_from(amount_fen).map_err(|_| ImportError::Refused {
        entry: format!("{entry} {field}"),
        reason: format!("{amount_fen} fen is above {}", u32::MAX),
    })
}

/// The rules that an entry of the file gives; `name` says which entry it is.
fn policy(entry: &PolicyEntry, name: &str) -> Result<Policy, ImportError> {
    let limit = |yuan, default_fen, field| limit(name, field, yuan, default_fen);
    let Policy { debit_max_fen, day_max_fen, offline_debit_max_fen, offline_day_max_fen, .. } =
        Policy::DEFAULT;
    if entry.code_max == Some(Yuan { amount_fen: 0 }) {
        let reason = "it is above zero; without it a code pays as much as a card".to_owned();
        return Err(ImportError::Refused { entry: format!("{name} code_max"), reason });
    }
    if entry.meal_max == Some(Yuan { amount_fen: 0 }) {
        let reason = "it is above zero; without it a meal may take as much as the day".to_owned();
        return Err(ImportError::Refused { entry: format!("{name} meal_max"), reason });
    }
    Ok(Policy {
        floor_fen: entry.floor.amount_fen,
        debit_max_fen: limit(Some(entry.debit_max), debit_max_fen, "debit_max")?,
        day_max_fen: limit(Some(entry.day_max), day_max_fen, "day_max")?,
        offline_debit_max_fen: limit(entry.offline_debit_max, offline_debit_max_fen, "offline_debit_max")?,
        offline_day_max_fen: limit(entry.offline_day_max, offline_day_max_fen, "offline_day_max")?,
        rule: entry.rule,
        code_max_fen: limit(entry.code_max, 0, "code_max")?,
        meal_max_fen: limit(entry.meal_max, 0, "meal_max")?,
        codes_need_phone: entry.codes_need_phone,
    })
}

fn configure(
    engine: &Engine,
    request: Request<'_>,
    entry: impl Fn() -> String,
) -> Result<Outcome, ImportError> {
    match engine.configure(request) {
        Err(EngineError::Refused { code, .. }) => {
            Err(ImportError::Refused { entry: entry(), reason: reason(code) })
        }
        other => Ok(other?),
    }
}

fn count(changed: &mut usize, unchanged: &mut usize, outcome: &Outcome) {
    *if outcome.repeat { unchanged } else { changed } += 1;
}

fn reason(code: ResultCode) -> String {
    match code {
        ResultCode::Busy => "the table is full; start with a larger --accounts-max, --cards-max or \
                             --terminals-max"
            .to_owned(),
        ResultCode::UnknownMerchant => "its merchant isn't registered".to_owned(),
        ResultCode::NotPermitted => "a field is out of its range".to_owned(),
        code => format!("refused with {code}"),
    }
}
