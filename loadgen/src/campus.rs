//! What a generator must know about the campus it plays: tills, gateways, holders and test keys.
//!
//! The server's tools write it as JSON; `yika rush` makes it in memory. It holds keys in the clear, so it
//! belongs to test campuses only.

use std::net::SocketAddr;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::LoadError;

/// A campus as the load generator sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Campus {
    /// Where the server listens.
    pub address: SocketAddr,
    /// The tills that sell.
    pub tills: Vec<CampusTill>,
    /// Terminals that may top up. Each has one request in flight, so several make a warm-up quicker.
    pub gateways: Vec<CampusTill>,
    /// Service counters: they hand out cards and take cash.
    #[serde(default)]
    pub counters: Vec<CampusTill>,
    /// Operators of the card centre, who see to accounts. May be empty: then nobody does.
    #[serde(default)]
    pub card_centre: Vec<CampusTill>,
    /// Administrators, who see to terminals' keys. May be empty: then nobody does.
    #[serde(default)]
    pub administrators: Vec<CampusTill>,
    /// Operators of finance, who correct balances: two, since large amounts take a second. May be empty: then nobody does.
    #[serde(default)]
    pub finance: Vec<CampusTill>,
    /// The people. Their order is the generator's holder number.
    pub holders: Vec<CampusHolder>,
    /// Key from which every card's key is diversified.
    pub card_master_key: HexKey,
    /// Keys for payment codes: the one in use, and those that come after it, in order. May be empty: then nobody pays by code.
    #[serde(default)]
    pub code_keys: Vec<CampusCodeKey>,
}

/// One terminal and its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CampusTill {
    /// The terminal's number.
    pub terminal: u32,
    /// The terminal's own key.
    pub key: HexKey,
    /// The one before, while the terminal may still sign in under that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier_key: Option<HexKey>,
    /// Its epoch.
    pub epoch: u16,
    /// The merchant it sells for.
    pub merchant: u32,
}

/// One person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CampusHolder {
    /// The account's number.
    pub account: u32,
    /// The student or staff number.
    pub student_no: String,
    /// The card bound to the account; `None` when none is, then the person pays by code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card_uid: Option<u64>,
}

/// One key under which payment codes are made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CampusCodeKey {
    /// The key's version. The number that stands in a code follows from it.
    pub version: u32,
    /// The key.
    pub key: HexKey,
}

/// A 128-bit test key; 32 hexadecimal digits in JSON.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct HexKey(pub [u8; 16]);

impl std::fmt::Debug for HexKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HexKey(..)")
    }
}

impl Serialize for HexKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = String::with_capacity(32);
        for byte in self.0 {
            for digit in [byte >> 4, byte & 15] {
                text.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
            }
        }
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for HexKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<HexKey, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits: Option<Vec<u8>> =
            text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
        match digits {
            Some(digits) if digits.len() == 32 => {
                let mut key = [0; 16];
                for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
                    *byte = pair[0] << 4 | pair[1];
                }
                Ok(HexKey(key))
            }
            _ => Err(serde::de::Error::custom("a key is 32 hexadecimal digits")),
        }
    }
}

impl Campus {
    /// Reads a campus file and checks it.
    ///
    /// # Errors
    /// The file can't be read, isn't the JSON expected, or fails [`Campus::validate`].
    pub fn read(path: &Path) -> Result<Campus, LoadError> {
        let bytes = std::fs::read(path).map_err(|source| LoadError::file(path, source))?;
        let campus: Campus = serde_json::from_slice(&bytes)
            .map_err(|source| LoadError::CampusJson { path: path.to_owned(), source })?;
        campus.validate()?;
        Ok(campus)
    }

    /// Writes the campus as JSON.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn write(&self, path: &Path) -> Result<(), LoadError> {
        let bytes = serde_json::to_vec_pretty(self)
            .map_err(|source| LoadError::CampusJson { path: path.to_owned(), source })?;
        std::fs::write(path, bytes).map_err(|source| LoadError::file(path, source))
    }

    /// Every terminal: tills, gateways, counters, operators.
    pub fn terminals(&self) -> impl Iterator<Item = &CampusTill> {
        let desks = self.gateways.iter().chain(&self.counters);
        self.tills
            .iter()
            .chain(desks)
            .chain(&self.card_centre)
            .chain(&self.finance)
            .chain(&self.administrators)
    }

    /// Checks what every run relies on: tills and holders exist, terminals and accounts are unique.
    ///
    /// # Errors
    /// Says what is missing or given twice.
    pub fn validate(&self) -> Result<(), LoadError> {
        let complain = |what: String| Err(LoadError::Campus(what));
        if self.tills.is_empty() {
            return complain("no tills".to_owned());
        }
        if self.holders.is_empty() {
            return complain("no holders".to_owned());
        }
        let mut terminals: Vec<u32> = self.terminals().map(|till| till.terminal).collect();
        terminals.sort_unstable();
        if let Some(pair) = terminals.windows(2).find(|pair| pair[0] == pair[1]) {
            return complain(format!("terminal {} is listed twice", pair[0]));
        }
        let mut accounts: Vec<u32> = self.holders.iter().map(|holder| holder.account).collect();
        accounts.sort_unstable();
        if let Some(pair) = accounts.windows(2).find(|pair| pair[0] == pair[1]) {
            return complain(format!("account {} is listed twice", pair[0]));
        }
        if !self.code_keys.is_sorted_by(|a, b| a.version.checked_add(1) == Some(b.version)) {
            return complain("the code keys' versions don't follow each other".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> Campus {
        let till = |terminal| CampusTill {
            terminal,
            key: HexKey([7; 16]),
            earlier_key: None,
            epoch: 1,
            merchant: 1,
        };
        Campus {
            address: "127.0.0.1:7000".parse().expect("an address"),
            tills: vec![till(1), till(2)],
            gateways: vec![till(9)],
            counters: vec![till(10)],
            card_centre: Vec::new(),
            finance: Vec::new(),
            administrators: Vec::new(),
            holders: vec![
                CampusHolder { account: 0, student_no: "2023001".to_owned(), card_uid: Some(77) },
                CampusHolder { account: 1, student_no: "2023002".to_owned(), card_uid: None },
            ],
            card_master_key: HexKey([0xab; 16]),
            code_keys: vec![CampusCodeKey { version: 0, key: HexKey([1; 16]) }],
        }
    }

    #[test]
    fn json_round_trips() {
        let text = serde_json::to_string(&small()).expect("serialises");
        assert!(text.contains("\"card_master_key\":\"abababababababababababababababab\""));
        let read: Campus = serde_json::from_str(&text).expect("parses");
        assert_eq!(read, small());
    }

    #[test]
    fn a_short_key_is_refused() {
        let text = serde_json::to_string(&small()).expect("serialises").replace("abababab", "ab");
        assert!(
            serde_json::from_str::<Campus>(&text).expect_err("short").to_string().contains("32 hexadecimal")
        );
    }

    #[test]
    fn doubles_are_refused() {
        let mut campus = small();
        campus.gateways[0].terminal = 2;
        assert_eq!(campus.validate().expect_err("double").to_string(), "campus: terminal 2 is listed twice");
        let mut campus = small();
        campus.counters[0].terminal = 9;
        assert_eq!(campus.validate().expect_err("double").to_string(), "campus: terminal 9 is listed twice");
        let mut campus = small();
        campus.holders[1].account = 0;
        assert_eq!(campus.validate().expect_err("double").to_string(), "campus: account 0 is listed twice");
        let mut campus = small();
        campus.code_keys.push(CampusCodeKey { version: 2, key: HexKey([2; 16]) });
        assert!(campus.validate().expect_err("version 1 is left out").to_string().contains("code keys"));
    }
}
