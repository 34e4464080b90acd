//! Self-scan (扫一扫): the till is offline, the phone isn't. The till shows a code, the phone has it paid, and shows a number
//! by which the till sees that it was.
//!
//! ```text
//! till, offline                 phone                        server
//!  ScanCode::sign ── screen ──▶ parse ──── ScanPay ────────▶ is_authentic, debit
//!  is_confirmed_by ◀── typed ── digits ◀── confirmation ──── confirmation
//! ```
//!
//! What is shown is text in the manner of EMVCo's merchant-presented codes: objects of two digits of id, two of length, and
//! the value, one after another.
//!
//! ```text
//! 00 02 01                 format                26 ‥ ours, objects within it:
//! 01 02 12                 used once                00 07 cn.yika
//! 26 ‥ …                   ours, see right          01 ‥ terminal, decimal      04 ‥ the till's time, seconds since 1970
//! 53 03 156                yuan                     02 ‥ epoch                  05 16 MAC, upper-case hex digits
//! 54 ‥ 15.00               amount                   03 ‥ sequence
//! 58 02 CN
//! 63 04 1D3D               CRC-16/CCITT-FALSE of everything before its value, upper-case hex digits: the last object
//! ```
//!
//! MAC = the first 8 bytes of AES-CMAC under the terminal's scan key ([`crate::keys::derive_terminal_scan_key`]) over 32
//! bytes: terminal u32, epoch u16, `QR`, sequence u32, zero u32, amount i64, time u64. The confirmation is that of the same
//! bytes with `OK` in the place of `QR`: the first 8 bytes as a little-endian number, modulo a million.

use core::fmt::Write as _;

use crate::ids::{Epoch, SaleId, Sequence, TerminalId};
use crate::keys::Key128;
use crate::mac::{Cmac128, equal_truncated};

/// Bytes of a code's text at most, as [`ScanCode::text`] writes it.
pub const SCAN_TEXT_BYTES_MAX: usize = 134;
/// Bytes of a text at most that is looked at: others may add objects of their own.
pub const SCAN_TEXT_READ_MAX: usize = 512;
/// Digits of a confirmation.
pub const CONFIRMATION_DIGITS: usize = 6;

/// Confirmations are below this.
const CONFIRMATIONS: u64 = 1_000_000;
/// The largest amount that a code's text has room for, in fen: no request may be about more.
const AMOUNT_FEN_MAX: i64 = 1_000_000_000;
const GUID: &[u8] = b"cn.yika";

/// What an offline till shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ScanCode {
    /// The till.
    pub terminal: TerminalId,
    /// Its epoch.
    pub epoch: Epoch,
    /// Its sequence for this sale.
    pub sequence: Sequence,
    /// What is to be paid, in fen.
    pub amount_fen: i64,
    /// The till's clock when it showed the code: seconds since 1970 UTC.
    pub till_time_s: u64,
    /// The till's MAC over all of it.
    pub mac: [u8; 8],
}

/// Why a text is no code of a till.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScanTextError {
    /// It isn't objects of id, length and value, each id once, with the CRC as the last.
    #[error("not objects of id, length and value, at byte {at}")]
    Objects {
        /// Where the reading stopped.
        at: usize,
    },
    /// The CRC is another: misread.
    #[error("the code was misread")]
    Crc,
    /// It is somebody else's, or for something else.
    #[error("not a code of a till of this system")]
    Foreign,
    /// One of its objects isn't what it must be.
    #[error("object {id} of the code can't be that")]
    Object {
        /// The object's id; those within ours begin with 26.
        id: u16,
    },
}

/// The text of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanText {
    bytes: [u8; SCAN_TEXT_BYTES_MAX],
    length: usize,
}

impl ScanText {
    /// The text.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }

    /// Writes an object; there is room for all that a code is made of.
    fn object(&mut self, id: &str, value: &str) {
        write!(self, "{id}{:02}{value}", value.len()).expect("a code's text has room for its objects");
    }
}

impl core::fmt::Write for ScanText {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        let end = self.length + text.len();
        self.bytes.get_mut(self.length..end).ok_or(core::fmt::Error)?.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

impl ScanCode {
    /// The identity of the sale.
    pub const fn sale(&self) -> SaleId {
        SaleId { terminal: self.terminal, epoch: self.epoch, sequence: self.sequence }
    }

    /// Gives the MAC, under the terminal's scan key.
    pub fn sign(&mut self, scan_key: &Key128) {
        self.mac = self.mac_of(scan_key, *b"QR");
    }

    /// Whether the MAC is the till's. Takes constant time in the MAC's bytes.
    pub fn is_authentic(&self, scan_key: &Key128) -> bool {
        equal_truncated(self.mac_of(scan_key, *b"QR"), self.mac)
    }

    /// The number that the phone shows once it is paid.
    pub fn confirmation(&self, scan_key: &Key128) -> u32 {
        let number = u64::from_le_bytes(self.mac_of(scan_key, *b"OK")) % CONFIRMATIONS;
        number as u32
    }

    /// Whether the digits that were typed at the till say that this was paid. A till takes three tries for a sale at most.
    pub fn is_confirmed_by(&self, scan_key: &Key128, digits: &str) -> bool {
        let are_digits = digits.len() == CONFIRMATION_DIGITS && digits.bytes().all(|b| b.is_ascii_digit());
        are_digits && digits.parse() == Ok(self.confirmation(scan_key))
    }

    fn mac_of(&self, scan_key: &Key128, purpose: [u8; 2]) -> [u8; 8] {
        let mut input = [0; 32];
        input[..4].copy_from_slice(&self.terminal.0.to_le_bytes());
        input[4..6].copy_from_slice(&self.epoch.0.to_le_bytes());
        input[6..8].copy_from_slice(&purpose);
        input[8..12].copy_from_slice(&self.sequence.0.to_le_bytes());
        input[16..24].copy_from_slice(&self.amount_fen.to_le_bytes());
        input[24..].copy_from_slice(&self.till_time_s.to_le_bytes());
        Cmac128::new(scan_key).compute_truncated(&input)
    }

    /// The text to show; `None` for an amount that isn't from 1 fen to 10 million yuan, or a time beyond the year 2286.
    pub fn text(&self) -> Option<ScanText> {
        if !(1..=AMOUNT_FEN_MAX).contains(&self.amount_fen) || self.till_time_s >= 10_000_000_000 {
            return None;
        }
        let empty = ScanText { bytes: [0; SCAN_TEXT_BYTES_MAX], length: 0 };
        let mut ours = empty;
        ours.object("00", "cn.yika");
        for (id, number) in [
            ("01", u64::from(self.terminal.0)),
            ("02", u64::from(self.epoch.0)),
            ("03", u64::from(self.sequence.0)),
            ("04", self.till_time_s),
        ] {
            let mut value = empty;
            write!(value, "{number}").expect("a number has few digits");
            ours.object(id, value.as_str());
        }
        let (mut mac, mut amount) = (empty, empty);
        write!(mac, "{:016X}", u64::from_be_bytes(self.mac)).expect("sixteen digits");
        ours.object("05", mac.as_str());
        write!(amount, "{}.{:02}", self.amount_fen / 100, self.amount_fen % 100).expect("an amount is short");
        let mut text = empty;
        text.object("00", "01");
        text.object("01", "12");
        text.object("26", ours.as_str());
        text.object("53", "156");
        text.object("54", amount.as_str());
        text.object("58", "CN");
        write!(text, "6304").expect("there is room for the CRC");
        let crc = crc_16(text.as_str().as_bytes());
        write!(text, "{crc:04X}").expect("there is room for the CRC");
        Some(text)
    }

    /// Reads a text that was scanned. Objects that aren't known are passed over. Nothing of it is to be trusted yet.
    ///
    /// # Errors
    /// [`ScanTextError`].
    pub fn parse(text: &[u8]) -> Result<ScanCode, ScanTextError> {
        const CRC_BYTES: usize = 8;
        let body = text.len().checked_sub(CRC_BYTES).filter(|_| text.len() <= SCAN_TEXT_READ_MAX);
        let body = body.ok_or(ScanTextError::Objects { at: 0 })?;
        let (before, crc) = text.split_at(text.len() - 4);
        if !before.ends_with(b"6304") {
            return Err(ScanTextError::Objects { at: body });
        }
        if hex(crc) != Some(crc_16(before).into()) {
            return Err(ScanTextError::Crc);
        }
        let root = Objects { bytes: &text[..body], at: 0 };
        root.check()?;
        if !root.has(b"00", b"01") {
            return Err(ScanTextError::Foreign);
        }
        let ours = root.value(b"26").ok_or(ScanTextError::Foreign)?;
        let ours = Objects { bytes: ours, at: body };
        ours.check()?;
        if !ours.has(b"00", GUID) {
            return Err(ScanTextError::Foreign);
        }
        if !root.has(b"53", b"156") {
            return Err(ScanTextError::Object { id: 53 });
        }
        let number = |id: u16, max: u64| {
            let digits = ours.value(&[b'0', b'0' + id as u8]);
            let number = digits.and_then(|digits| decimal(digits, 10)).filter(|&number| number <= max);
            number.ok_or(ScanTextError::Object { id: 2_600 + id })
        };
        Ok(ScanCode {
            terminal: TerminalId(number(1, u32::MAX.into())? as u32),
            epoch: Epoch(number(2, u16::MAX.into())? as u16),
            sequence: Sequence(number(3, u32::MAX.into())? as u32),
            till_time_s: number(4, u64::MAX)?,
            mac: ours
                .value(b"05")
                .filter(|digits| digits.len() == 16)
                .and_then(hex)
                .ok_or(ScanTextError::Object { id: 2_605 })?
                .to_be_bytes(),
            amount_fen: root.value(b"54").and_then(amount_fen).ok_or(ScanTextError::Object { id: 54 })?,
        })
    }
}

/// Objects, one after another.
#[derive(Clone, Copy)]
struct Objects<'t> {
    bytes: &'t [u8],
    /// Where they begin, for errors.
    at: usize,
}

impl<'t> Objects<'t> {
    /// The first of them and those behind it; none where they end, or aren't objects.
    fn split(&self) -> Option<(&'t [u8], &'t [u8], Objects<'t>)> {
        let (id, rest) = self.bytes.split_at_checked(2)?;
        let (length, rest) = rest.split_at_checked(2)?;
        let length = decimal(length, 2)? as usize;
        decimal(id, 2)?;
        let (value, bytes) = rest.split_at_checked(length)?;
        Some((id, value, Objects { bytes, at: self.at + 4 + length }))
    }

    /// They are objects to the end, none of them there twice.
    fn check(&self) -> Result<(), ScanTextError> {
        let mut seen = 0_u128;
        let mut left = *self;
        while !left.bytes.is_empty() {
            let at = left.at;
            let (id, _, behind) = left.split().ok_or(ScanTextError::Objects { at })?;
            let bit = 1 << decimal(id, 2).ok_or(ScanTextError::Objects { at })?;
            if seen & bit != 0 {
                return Err(ScanTextError::Objects { at });
            }
            seen |= bit;
            left = behind;
        }
        Ok(())
    }

    fn has(&self, id: &[u8; 2], value: &[u8]) -> bool {
        self.value(id).is_some_and(|found| found == value)
    }

    fn value(&self, wanted: &[u8; 2]) -> Option<&'t [u8]> {
        let mut left = *self;
        while let Some((id, value, behind)) = left.split() {
            if id == wanted {
                return Some(value);
            }
            left = behind;
        }
        None
    }
}

/// The number that 1 to `digits_max` digits write.
fn decimal(digits: &[u8], digits_max: usize) -> Option<u64> {
    let fits = (1..=digits_max).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    fits.then(|| digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}

/// The number that upper-case hex digits write, 16 of them at most.
fn hex(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |number, &digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'A'..=b'F' => digit - b'A' + 10,
            _ => return None,
        };
        Some(number << 4 | u64::from(value))
    })
}

/// An amount in yuan, with a point and two digits behind it.
fn amount_fen(text: &[u8]) -> Option<i64> {
    let (yuan, rest) = text.split_at_checked(text.len().checked_sub(3)?)?;
    let (b".", fen) = rest.split_at(1) else { return None };
    let amount_fen = decimal(yuan, 8)? * 100 + decimal(fen, 2)?;
    Some(amount_fen.cast_signed()).filter(|amount_fen| (1..=AMOUNT_FEN_MAX).contains(amount_fen))
}

/// CRC-16/CCITT-FALSE: polynomial 0x1021, from 0xFFFF, nothing mirrored.
fn crc_16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |crc, &byte| {
        (0..8).fold(crc ^ u16::from(byte) << 8, |crc, _| crc << 1 ^ if crc >> 15 == 1 { 0x1021 } else { 0 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key128 = Key128::new([0x42; 16]);

    fn code() -> ScanCode {
        let mut code = ScanCode {
            terminal: TerminalId(101),
            epoch: Epoch(3),
            sequence: Sequence(77),
            amount_fen: 1_500,
            till_time_s: 1_795_493_106,
            mac: [0; 8],
        };
        code.sign(&KEY);
        code
    }

    #[test]
    fn the_crc_is_ccitt_false() {
        assert_eq!(crc_16(b"123456789"), 0x29B1);
        assert_eq!(crc_16(b""), 0xFFFF);
    }

    #[test]
    fn what_is_shown_is_read_again() {
        let longest = ScanCode {
            terminal: TerminalId(u32::MAX),
            epoch: Epoch(u16::MAX),
            sequence: Sequence(u32::MAX),
            amount_fen: AMOUNT_FEN_MAX,
            till_time_s: 9_999_999_999,
            mac: [0xFF; 8],
        };
        let shortest = ScanCode { amount_fen: 1, till_time_s: 0, mac: [0; 8], ..code() };
        for code in [code(), longest, shortest] {
            let text = code.text().expect("in range");
            assert_eq!(ScanCode::parse(text.as_str().as_bytes()), Ok(code), "{}", text.as_str());
        }
        assert_eq!(longest.text().expect("in range").as_str().len(), SCAN_TEXT_BYTES_MAX);
        for amount_fen in [0, -5, AMOUNT_FEN_MAX + 1] {
            assert_eq!(ScanCode { amount_fen, ..code() }.text(), None);
        }
        assert_eq!(ScanCode { till_time_s: 10_000_000_000, ..code() }.text(), None);
    }

    #[test]
    fn a_confirmation_is_the_sale_s_own() {
        let confirmation = code().confirmation(&KEY);
        assert!(u64::from(confirmation) < CONFIRMATIONS);
        assert!(code().is_confirmed_by(&KEY, &format!("{confirmation:06}")));
        let other = (confirmation + 1) % 1_000_000;
        assert!(!code().is_confirmed_by(&KEY, &format!("{other:06}")));
        for wrong in
            [String::new(), format!("{confirmation}0"), format!("0{confirmation:06}"), "12a456".into()]
        {
            assert!(!code().is_confirmed_by(&KEY, &wrong), "{wrong}");
        }
        // Six signs that a number's reader would take, and aren't digits.
        let short = (1..)
            .map(|sequence| ScanCode { sequence: Sequence(sequence), ..code() })
            .find(|code| code.confirmation(&KEY) < 100_000)
            .expect("one in ten is below");
        let digits = format!("{:05}", short.confirmation(&KEY));
        assert!(short.is_confirmed_by(&KEY, &format!("0{digits}")));
        assert!(!short.is_confirmed_by(&KEY, &format!("+{digits}")));
        // It can't be read off the code that is shown, nor is it another sale's.
        assert_ne!(code().mac_of(&KEY, *b"OK"), code().mac);
        let next = ScanCode { sequence: Sequence(78), ..code() };
        assert_ne!(next.mac_of(&KEY, *b"OK"), code().mac_of(&KEY, *b"OK"));
    }

    #[test]
    fn any_changed_field_breaks_the_mac() {
        assert!(code().is_authentic(&KEY));
        for changed in [
            ScanCode { terminal: TerminalId(102), ..code() },
            ScanCode { epoch: Epoch(4), ..code() },
            ScanCode { sequence: Sequence(78), ..code() },
            ScanCode { amount_fen: 1_501, ..code() },
            ScanCode { till_time_s: 1_795_493_107, ..code() },
        ] {
            assert!(!changed.is_authentic(&KEY), "{changed:?}");
        }
        assert!(!code().is_authentic(&Key128::new([0x43; 16])));
    }

    /// The text with another CRC, so that what stands before it is looked at.
    fn sealed(body: &str) -> String {
        let body = format!("{body}6304");
        format!("{body}{:04X}", crc_16(body.as_bytes()))
    }

    #[test]
    fn other_texts_are_refused_with_their_reason() {
        let text = code().text().expect("in range").as_str().to_owned();
        for place in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[place] = if changed[place] == b'7' { b'8' } else { b'7' };
            assert!(ScanCode::parse(&changed).is_err(), "byte {place} can be misread unseen");
            assert!(ScanCode::parse(&text.as_bytes()[..place]).is_err(), "cut at {place}");
        }
        let body = &text[..text.len() - 8];
        let refused = |body: &str| ScanCode::parse(sealed(body).as_bytes()).expect_err("refused");
        let instead = |from: &str, to: &str| {
            assert!(body.contains(from), "{body} has no {from}");
            refused(&body.replace(from, to))
        };
        assert!(matches!(refused(&format!("{body}5906Canteen")), ScanTextError::Objects { .. }));
        assert_eq!(ScanCode::parse(sealed(&format!("{body}5907Canteen")).as_bytes()), Ok(code()));
        assert!(matches!(refused(&format!("{body}5802CN")), ScanTextError::Objects { .. }));
        assert_eq!(instead("000201", "000202"), ScanTextError::Foreign);
        assert_eq!(instead("0007cn.yika", "0007cn.akiy"), ScanTextError::Foreign);
        assert_eq!(refused("000201"), ScanTextError::Foreign);
        assert_eq!(instead("5303156", "5303840"), ScanTextError::Object { id: 53 });
        for amount in ["540515,00", "540515.0x", "54040.00", "540411.5", "5412100000000.00"] {
            assert_eq!(instead("540515.00", amount), ScanTextError::Object { id: 54 }, "{amount}");
        }
        assert_eq!(instead("02013", "0201x"), ScanTextError::Object { id: 2_602 });
        assert_eq!(instead("0103101", "0103-01"), ScanTextError::Object { id: 2_601 });
        assert_eq!(ScanCode::parse(&[b'0'; SCAN_TEXT_READ_MAX + 1]), Err(ScanTextError::Objects { at: 0 }));
    }
}
