//! Reads merchants, terminals, meal periods and account-class policies from a TOML file.
//!
//! ```toml
//! [[merchant]]
//! id = 1
//! name = "一食堂"
//!
//! [[terminal]]
//! id = 101
//! merchant = 1
//! kind = "point-of-sale"   # or water, shower, door, phone-gateway, counter
//!
//! [[operator]]
//! id = 9001                # a number of its own, as a terminal's
//! role = "finance"         # or card-centre, auditor, administrator
//!
//! [office]                 # what one operator may do alone, and which cards are given out
//! adjust_alone_max = "100.00"   # yuan, inclusive; above it takes a second one. Default 100.00
//! adjust_alone_day_max = "1000.00"   # yuan, inclusive; what one adjusts alone in a day, added up. Default 1,000.00
//! proposal_days = 7        # how long a proposal waits for a second one. Default 7
//! cards_from_stock = true  # counters give out what is in stock, and nothing else. Default false
//!
//! [[meal_period]]
//! name = "lunch"
//! start = "10:30"          # inclusive
//! end = "13:30"            # exclusive
//!
//! [[price]]                # beside the price: class and meal period, above zero a surcharge, below a discount
//! class = 1
//! meal_period = "lunch"    # or other: outside of every one
//! rate = "5.00"            # percent of the price, -100 to 100, with two decimals; 0 takes it away
//!
//! [policy]                 # for card holders: the class 0
//! debit_max = "20.00"      # yuan, one debit without password; inclusive
//! day_max = "50.00"        # yuan, one calendar day without password; inclusive
//!
//! [class.1]                # for those whose line in the roster says class 1, up to 63
//! debit_max = "50.00"
//! day_max = "200.00"
//! rule = "above-zero"      # or covers, which is the default: see below
//! floor = "-10.00"         # yuan; what a debit leaves is never less. Default 0
//! offline_debit_max = "20.00"   # yuan, one offline sale; above, it is flagged. Default 20.00
//! offline_day_max = "50.00"     # yuan, one calendar day's; above, they are flagged. Default 50.00
//! code_max = "20.00"       # yuan, one payment by code; inclusive. Default as debit_max
//! meal_max = "30.00"       # yuan, one meal period of a day without the password; inclusive. Default none
//! codes_need_phone = false      # true: payment codes only of accounts that a phone is bound to
//! ```
//!
//! `covers`: what is available, less the amount, isn't under the floor. `above-zero`: that, and what is available is above
//! zero, the guide's own "余额大于 0 才能进行消费".
//!
//! Terminals and operators get their keys by derivation from the campus master key, so no key stands in the file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use protocol::terminal_kind::TerminalKind;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Deserializer};

use crate::ledger::limits::{CLASSES_MAX, RATE_MAX};
use crate::ledger::registry::AuthoriseRule;

/// A campus file, checked.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CampusFile {
    /// Merchants to register.
    #[serde(default, rename = "merchant")]
    pub merchants: Vec<MerchantEntry>,
    /// Terminals to register.
    #[serde(default, rename = "terminal")]
    pub terminals: Vec<TerminalEntry>,
    /// Operators: people who sign in with a key of their own.
    #[serde(default, rename = "operator")]
    pub operators: Vec<OperatorEntry>,
    /// What one operator may do alone.
    #[serde(default)]
    pub office: Option<OfficeEntry>,
    /// Meal periods; a time outside every one of them is "other".
    #[serde(default, rename = "meal_period")]
    pub meal_periods: Vec<MealPeriodEntry>,
    /// What is paid beside the price, by class and meal period. What isn't given stays as it is.
    #[serde(default, rename = "price")]
    pub prices: Vec<PriceEntry>,
    /// Rules of card holders: the class 0.
    #[serde(default)]
    pub policy: Option<PolicyEntry>,
    /// Rules of other classes, by number.
    #[serde(default, rename = "class")]
    pub classes: BTreeMap<ClassNumber, PolicyEntry>,
}

/// One merchant.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MerchantEntry {
    /// Merchant number, chosen by the school.
    pub id: u32,
    /// Name as it stands on reports, UTF-8.
    pub name: String,
}

/// One terminal.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TerminalEntry {
    /// Terminal number, chosen by the school.
    pub id: u32,
    /// The merchant it sells for.
    pub merchant: u32,
    /// What it is, and so what it may send.
    #[serde(default = "point_of_sale", deserialize_with = "terminal_kind")]
    pub kind: TerminalKind,
}

/// One operator.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperatorEntry {
    /// Operator's number, chosen by the school; no terminal has it.
    pub id: u32,
    /// What he may ask for.
    #[serde(deserialize_with = "role")]
    pub role: TerminalKind,
    /// Whether he may sign in.
    #[serde(default = "yes")]
    pub enabled: bool,
}

/// What one operator may do alone.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfficeEntry {
    /// The largest amount that one operator may adjust alone, yuan, inclusive.
    pub adjust_alone_max: Option<Yuan>,
    /// The most that one operator may adjust alone in a day, yuan, inclusive.
    pub adjust_alone_day_max: Option<Yuan>,
    /// How many days a proposal waits for a second operator.
    pub proposal_days: Option<u16>,
    /// Whether counters give out cards that are in stock alone.
    pub cards_from_stock: Option<bool>,
}

/// One meal period of the day.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MealPeriodEntry {
    /// Name as it stands on reports.
    pub name: String,
    /// First minute, `HH:MM`, inclusive.
    pub start: ClockMinute,
    /// End, `HH:MM`, exclusive; `24:00` is midnight.
    pub end: ClockMinute,
}

/// What a class pays beside the price in a meal period.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceEntry {
    /// The class; 0 is that of card holders.
    pub class: u8,
    /// The name of a meal period of the file, or [`OTHER_PERIOD`].
    pub meal_period: String,
    /// What is paid on top of the price: below zero for a discount.
    pub rate: Percent,
}

/// What stands for the time outside of every meal period.
pub const OTHER_PERIOD: &str = "other";

/// A share that a person wrote in percent, kept in hundredths of one; ± 100 %.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Percent {
    /// Hundredths of a percent.
    pub rate: i16,
}

impl TryFrom<String> for Percent {
    type Error = String;

    fn try_from(text: String) -> Result<Percent, String> {
        let percent: Decimal =
            text.parse().map_err(|_| format!("{text:?} isn't a share in percent, such as \"5.00\""))?;
        let hundredths = percent.checked_mul(Decimal::ONE_HUNDRED).filter(Decimal::is_integer);
        let hundredths = hundredths.ok_or_else(|| format!("{text:?} has more than two decimals"))?;
        let rate = hundredths.to_i16().filter(|rate| rate.unsigned_abs() <= RATE_MAX);
        rate.map(|rate| Percent { rate })
            .ok_or_else(|| format!("{text:?} isn't between -100 and 100 percent"))
    }
}

/// Rules of an account class.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyEntry {
    /// Most that one debit may take without the password, yuan, inclusive.
    pub debit_max: Yuan,
    /// Most that one calendar day may take without the password, yuan, inclusive.
    pub day_max: Yuan,
    /// When a balance covers an amount.
    #[serde(default, deserialize_with = "authorise_rule")]
    pub rule: AuthoriseRule,
    /// What a debit leaves is never less.
    #[serde(default)]
    pub floor: SignedYuan,
    /// An offline sale above this is flagged.
    pub offline_debit_max: Option<Yuan>,
    /// Offline sales that take their day above this are flagged.
    pub offline_day_max: Option<Yuan>,
    /// Most that one payment by code may take, yuan, inclusive; without it as much as a debit.
    pub code_max: Option<Yuan>,
    /// Most that one meal period of a day may take without the password, yuan, inclusive; without it as much as the day.
    pub meal_max: Option<Yuan>,
    /// Whether payment codes are taken only of accounts that a phone is bound to.
    #[serde(default)]
    pub codes_need_phone: bool,
}

impl PolicyEntry {
    /// These limits without the password, and everything else as it is by default.
    pub fn of_limits(debit_max: Yuan, day_max: Yuan) -> PolicyEntry {
        PolicyEntry {
            debit_max,
            day_max,
            rule: AuthoriseRule::default(),
            floor: SignedYuan::default(),
            offline_debit_max: None,
            offline_day_max: None,
            code_max: None,
            meal_max: None,
            codes_need_phone: false,
        }
    }
}

fn point_of_sale() -> TerminalKind {
    TerminalKind::PointOfSale
}

fn terminal_kind<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TerminalKind, D::Error> {
    kind_among(deserializer, "kind of terminal", |kind| !kind.is_operator())
}

fn role<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TerminalKind, D::Error> {
    kind_among(deserializer, "role", TerminalKind::is_operator)
}

const fn yes() -> bool {
    true
}

/// Reads the name of one of those kinds that `among` lets in.
fn kind_among<'de, D: Deserializer<'de>>(
    deserializer: D,
    what: &str,
    among: impl Fn(TerminalKind) -> bool,
) -> Result<TerminalKind, D::Error> {
    let name = String::deserialize(deserializer)?;
    TerminalKind::from_name(&name).filter(|&kind| among(kind)).ok_or_else(|| {
        let kinds = TerminalKind::ALL.into_iter().filter(|&kind| among(kind));
        let names: Vec<&str> = kinds.map(TerminalKind::name).collect();
        serde::de::Error::custom(format!("{name:?} isn't a {what}; one of {}", names.join(", ")))
    })
}

fn authorise_rule<'de, D: Deserializer<'de>>(deserializer: D) -> Result<AuthoriseRule, D::Error> {
    match String::deserialize(deserializer)?.as_str() {
        "covers" => Ok(AuthoriseRule::Covers),
        "above-zero" => Ok(AuthoriseRule::AboveZero),
        name => Err(serde::de::Error::custom(format!("{name:?} isn't a rule; one of covers, above-zero"))),
    }
}

/// The number of an account class that isn't the holders' own: 1 to 63.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct ClassNumber(pub u8);

impl TryFrom<String> for ClassNumber {
    type Error = String;

    fn try_from(text: String) -> Result<ClassNumber, String> {
        match text.parse() {
            Ok(number) if (1..CLASSES_MAX).contains(&usize::from(number)) => Ok(ClassNumber(number)),
            Ok(0) => Err("class 0 is everybody's: write [policy]".to_owned()),
            _ => Err(format!("{text:?} isn't a class; one of 1 to {}", CLASSES_MAX - 1)),
        }
    }
}

/// A time of day in minutes from midnight, read from `HH:MM`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ClockMinute(pub u16);

impl TryFrom<String> for ClockMinute {
    type Error = String;

    fn try_from(text: String) -> Result<ClockMinute, String> {
        let parsed = text
            .split_once(':')
            .filter(|(hour, minute)| hour.len() == 2 && minute.len() == 2)
            .and_then(|(hour, minute)| Some((hour.parse::<u16>().ok()?, minute.parse::<u16>().ok()?)))
            .filter(|&(hour, minute)| (hour < 24 && minute < 60) || (hour == 24 && minute == 0));
        match parsed {
            Some((hour, minute)) => Ok(ClockMinute(hour * 60 + minute)),
            None => Err(format!("{text:?} isn't a time of day; write HH:MM, 00:00 to 24:00")),
        }
    }
}

/// An amount that a person wrote in yuan, kept in fen; not negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Yuan {
    /// The amount, fen.
    pub amount_fen: i64,
}

impl TryFrom<String> for Yuan {
    type Error = String;

    fn try_from(text: String) -> Result<Yuan, String> {
        let SignedYuan { amount_fen } = SignedYuan::try_from(text.clone())?;
        if amount_fen < 0 {
            return Err(format!("{text:?} is negative"));
        }
        Ok(Yuan { amount_fen })
    }
}

/// An amount that a person wrote in yuan, kept in fen; it may be negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct SignedYuan {
    /// The amount, fen.
    pub amount_fen: i64,
}

impl TryFrom<String> for SignedYuan {
    type Error = String;

    fn try_from(text: String) -> Result<SignedYuan, String> {
        let yuan: Decimal =
            text.parse().map_err(|_| format!("{text:?} isn't an amount in yuan, such as \"20.00\""))?;
        let too_large = || format!("{text:?} is too large");
        let fen = yuan.checked_mul(Decimal::ONE_HUNDRED).ok_or_else(too_large)?;
        if !fen.is_integer() {
            return Err(format!("{text:?} has more than two decimals"));
        }
        let amount_fen = fen.to_i64().ok_or_else(too_large)?;
        Ok(SignedYuan { amount_fen })
    }
}

/// Why a campus file can't be read.
#[derive(Debug, thiserror::Error)]
pub enum CampusFileError {
    /// The file can't be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Not TOML, an unknown key, or a value out of its range. The message has line and column.
    #[error("{}: {source}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Line, column and reason.
        source: Box<toml::de::Error>,
    },
    /// Entries contradict each other.
    #[error("{}: {reason}", path.display())]
    Contradiction {
        /// The file.
        path: PathBuf,
        /// Which entries, and how.
        reason: String,
    },
}

impl CampusFile {
    /// Reads and checks the file at `path`.
    pub fn read(path: &Path) -> Result<CampusFile, CampusFileError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| CampusFileError::Read { path: path.to_owned(), source })?;
        CampusFile::parse(path, &text)
    }

    /// Checks a file's text; `path` only serves the messages.
    pub fn parse(path: &Path, text: &str) -> Result<CampusFile, CampusFileError> {
        let file: CampusFile = toml::from_str(text)
            .map_err(|source| CampusFileError::Parse { path: path.to_owned(), source: Box::new(source) })?;
        match file.contradiction() {
            Some(reason) => Err(CampusFileError::Contradiction { path: path.to_owned(), reason }),
            None => Ok(file),
        }
    }

    fn contradiction(&self) -> Option<String> {
        for (i, merchant) in self.merchants.iter().enumerate() {
            if self.merchants[..i].iter().any(|m| m.id == merchant.id) {
                return Some(format!("merchant {} is given twice", merchant.id));
            }
        }
        for (i, terminal) in self.terminals.iter().enumerate() {
            if self.terminals[..i].iter().any(|t| t.id == terminal.id) {
                return Some(format!("terminal {} is given twice", terminal.id));
            }
        }
        for (i, operator) in self.operators.iter().enumerate() {
            if self.operators[..i].iter().any(|o| o.id == operator.id) {
                return Some(format!("operator {} is given twice", operator.id));
            }
            if self.terminals.iter().any(|t| t.id == operator.id) {
                return Some(format!("{} is an operator and a terminal", operator.id));
            }
        }
        for period in &self.meal_periods {
            if period.start.0 >= period.end.0 {
                return Some(format!("meal period {:?} ends before it starts", period.name));
            }
        }
        for (i, period) in self.meal_periods.iter().enumerate() {
            let overlaps = |p: &&MealPeriodEntry| period.start.0 < p.end.0 && p.start.0 < period.end.0;
            if let Some(other) = self.meal_periods[..i].iter().find(overlaps) {
                return Some(format!("meal periods {:?} and {:?} overlap", other.name, period.name));
            }
        }
        for (i, price) in self.prices.iter().enumerate() {
            let PriceEntry { class, meal_period, .. } = price;
            if usize::from(*class) >= CLASSES_MAX {
                return Some(format!("a price is of class {class}; one of 0 to {}", CLASSES_MAX - 1));
            }
            if meal_period != OTHER_PERIOD && !self.meal_periods.iter().any(|p| p.name == *meal_period) {
                return Some(format!("the price of class {class} names no meal period: {meal_period:?}"));
            }
            if self.prices[..i].iter().any(|p| p.class == *class && p.meal_period == *meal_period) {
                return Some(format!("the price of class {class} at {meal_period:?} is given twice"));
            }
        }
        if !self.prices.is_empty() && self.meal_periods.iter().any(|period| period.name == OTHER_PERIOD) {
            return Some(format!("{OTHER_PERIOD:?} is the time outside of every meal period, not one"));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> String {
        CampusFile::parse(Path::new("c.toml"), text).expect_err("must be refused").to_string()
    }

    #[test]
    fn reads_a_whole_campus() {
        let text = r#"
            [[merchant]]
            id = 1
            name = "一食堂"
            [[terminal]]
            id = 101
            merchant = 1
            [[terminal]]
            id = 9000
            merchant = 1
            kind = "phone-gateway"
            [[operator]]
            id = 9001
            role = "finance"
            [office]
            adjust_alone_max = "50"
            [[meal_period]]
            name = "lunch"
            start = "10:30"
            end = "13:30"
            [[price]]
            class = 7
            meal_period = "lunch"
            rate = "-2.5"
            [policy]
            debit_max = "20"
            day_max = "50.05"
            [class.7]
            debit_max = "50"
            day_max = "200"
            code_max = "30"
            meal_max = "25.5"
            rule = "above-zero"
            floor = "-10.00"
            offline_day_max = "80"
        "#;
        let campus = CampusFile::parse(Path::new("c.toml"), text).unwrap();
        assert_eq!(campus.terminals[0].kind, TerminalKind::PointOfSale);
        assert_eq!(campus.terminals[1].kind, TerminalKind::PhoneGateway);
        let clerk = OperatorEntry { id: 9_001, role: TerminalKind::Finance, enabled: true };
        assert_eq!(campus.operators, [clerk]);
        assert_eq!(campus.office.unwrap().adjust_alone_max.unwrap().amount_fen, 5_000);
        assert_eq!(campus.meal_periods[0].start, ClockMinute(630));
        let discount = PriceEntry { class: 7, meal_period: "lunch".to_owned(), rate: Percent { rate: -250 } };
        assert_eq!(campus.prices, [discount]);
        let policy = campus.policy.unwrap();
        assert_eq!((policy.day_max.amount_fen, policy.rule), (5_005, AuthoriseRule::Covers));
        let staff = &campus.classes[&ClassNumber(7)];
        assert_eq!((staff.rule, staff.floor.amount_fen), (AuthoriseRule::AboveZero, -1_000));
        assert_eq!((staff.offline_debit_max, policy.code_max), (None, None));
        assert_eq!(staff.code_max, Some(Yuan { amount_fen: 3_000 }));
        assert_eq!((staff.meal_max, policy.meal_max), (Some(Yuan { amount_fen: 2_550 }), None));
        assert_eq!(staff.offline_day_max, Some(Yuan { amount_fen: 8_000 }));
    }

    #[test]
    fn refusals_name_the_place_and_the_value() {
        let twice = "[[merchant]]\nid=1\nname='a'\n[[merchant]]\nid=1\nname='b'\n";
        assert_eq!(message(twice), "c.toml: merchant 1 is given twice");
        assert!(message("[policy]\ndebit_max='1.005'\nday_max='2'\n").contains("more than two decimals"));
        assert!(message("[policy]\ndebit_max='-1'\nday_max='2'\n").contains("negative"));
        assert!(message("[[meal_period]]\nname='x'\nstart='25:00'\nend='14:00'\n").contains("\"25:00\""));
        let huge = format!("[policy]\ndebit_max='{}'\nday_max='2'\n", "9".repeat(28));
        assert!(message(&huge).contains("is too large"));
        let class = |number: &str| message(&format!("[class.{number}]\ndebit_max='1'\nday_max='2'\n"));
        assert!(class("64").contains("\"64\" isn't a class; one of 1 to 63"), "{}", class("64"));
        assert!(class("staff").contains("\"staff\" isn't a class"), "{}", class("staff"));
        assert!(class("0").contains("write [policy]"), "{}", class("0"));
        let rule = message("[class.1]\ndebit_max='1'\nday_max='2'\nrule='free'\n");
        assert!(rule.contains("\"free\" isn't a rule; one of covers, above-zero"), "{rule}");
        let price = |class: &str, period: &str, rate: &str| {
            let period = format!("meal_period='{period}'\nrate='{rate}'\n");
            message(&format!("[[price]]\nclass={class}\n{period}"))
        };
        assert!(price("1", "other", "100.01").contains("isn't between -100 and 100"));
        assert!(price("1", "other", "0.005").contains("more than two decimals"));
        assert!(price("1", "other", "much").contains("isn't a share in percent"));
        assert!(price("1", "lunch", "5").contains("names no meal period: \"lunch\""));
        assert!(price("64", "other", "5").contains("class 64; one of 0 to 63"));
        let entry = "[[price]]\nclass=1\nmeal_period='other'\nrate='5'\n";
        assert!(message(&format!("{entry}{entry}")).contains("is given twice"));
        let other = "[[meal_period]]\nname='other'\nstart='10:00'\nend='12:00'\n";
        assert!(message(&format!("{other}{entry}")).contains("outside of every meal period"));
        assert!(message("colour = 1\n").contains("line 1, column 1"));
        let kind = message("[[terminal]]\nid=1\nmerchant=1\nkind='tap'\n");
        assert!(kind.contains("\"tap\" isn't a kind of terminal; one of point-of-sale, water"), "{kind}");
        let role = message("[[operator]]\nid=1\nrole='counter'\n");
        assert!(role.contains("\"counter\" isn't a role; one of card-centre, finance"), "{role}");
        let both = "[[terminal]]\nid=1\nmerchant=1\n[[operator]]\nid=1\nrole='auditor'\n";
        assert_eq!(message(both), "c.toml: 1 is an operator and a terminal");
        let overlap = "[[meal_period]]\nname='a'\nstart='10:00'\nend='12:00'\n\
                       [[meal_period]]\nname='b'\nstart='11:00'\nend='13:00'\n";
        assert_eq!(message(overlap), "c.toml: meal periods \"a\" and \"b\" overlap");
    }
}
