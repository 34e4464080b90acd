//! What the platform hands back with a payment, so that the gateway needs to remember nothing: whose account an order is for,
//! and how much, authenticated.
//!
//! ```text
//! order number   yk 1795493106 3f0a…   32 characters: "yk", seconds since 1970 UTC, 20 random hex digits
//! attach         yika1.4711.10000.9b4e…    account, fen, HMAC-SHA256 over both and the order number, 92 characters at most
//! ```
//!
//! So an order that another program of the same merchant made is never taken for a top-up, and an order that was made for one
//! amount isn't paid with another.

use protocol::ids::AccountId;
use protocol::keys::Key128;
use ring::hmac;

use crate::data_dir::{hex, random_bytes};

/// Characters of an order number: the most that WeChat Pay takes.
pub const NUMBER_LENGTH: usize = 32;
const NUMBER_PREFIX: &str = "yk";
/// Digits of the seconds in an order number: enough until the year 2286.
const SECONDS_DIGITS: usize = 10;
const ATTACH_PREFIX: &str = "yika1";
/// Label under which a terminal's key gives the key of its tickets.
const LABEL: &[u8] = b"yika order ticket 1";

/// What an order is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Whose account.
    pub account: AccountId,
    /// How much, in fen.
    pub amount_fen: i64,
}

/// Why an attachment is no ticket.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// It isn't written as one.
    #[error("attach is {attach:?}, not a ticket of this gateway")]
    Form {
        /// Its beginning.
        attach: String,
    },
    /// It is written as one, and wasn't made under any of the gateway's keys for this order number.
    #[error("attach is {attach:?}, which isn't the ticket of order {number:?}")]
    Mac {
        /// Its beginning.
        attach: String,
        /// The order that it came with.
        number: String,
    },
}

/// The keys that tickets are made and checked under.
pub struct TicketKeys {
    /// The first makes tickets; all are tried on those that come back.
    keys: Vec<hmac::Key>,
}

impl std::fmt::Debug for TicketKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TicketKeys({} keys)", self.keys.len())
    }
}

impl TicketKeys {
    /// Of the terminal's key, and of those that it had before.
    pub fn new<'k>(terminal_key: &'k Key128, earlier: impl IntoIterator<Item = &'k Key128>) -> TicketKeys {
        let derive = |key: &Key128| {
            let upper = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
            hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&upper, LABEL).as_ref())
        };
        TicketKeys { keys: std::iter::once(terminal_key).chain(earlier).map(derive).collect() }
    }

    /// What to attach to the order of this number.
    pub fn attach(&self, number: &str, ticket: Ticket) -> String {
        let mac = hmac::sign(&self.keys[0], message(number, ticket).as_bytes());
        format!("{ATTACH_PREFIX}.{}.{}.{}", ticket.account.0, ticket.amount_fen, hex(mac.as_ref()))
    }

    /// What came back with the order of this number.
    ///
    /// # Errors
    /// [`TicketError`].
    pub fn open(&self, number: &str, attach: &str) -> Result<Ticket, TicketError> {
        let shortened = || attach.chars().take(100).collect();
        let form = || TicketError::Form { attach: shortened() };
        let mut parts = attach.split('.');
        let mut part = || parts.next().ok_or_else(form);
        if part()? != ATTACH_PREFIX {
            return Err(form());
        }
        let account = AccountId(part()?.parse().map_err(|_| form())?);
        let amount_fen = part()?.parse().map_err(|_| form())?;
        let digits = part()?;
        if parts.next().is_some() {
            return Err(form());
        }
        let ticket = Ticket { account, amount_fen };
        // One way of writing a number is as good as another: the MAC is over what was read.
        let mac = bytes_of_hex(digits).ok_or_else(form)?;
        let message = message(number, ticket);
        if self.keys.iter().any(|key| hmac::verify(key, message.as_bytes(), &mac).is_ok()) {
            Ok(ticket)
        } else {
            Err(TicketError::Mac { attach: shortened(), number: number.chars().take(100).collect() })
        }
    }
}

fn message(number: &str, ticket: Ticket) -> String {
    format!("{number}\n{}\n{}\n", ticket.account.0, ticket.amount_fen)
}

fn bytes_of_hex(digits: &str) -> Option<Vec<u8>> {
    let digit = |c: u8| char::from(c).to_digit(16).map(|digit| digit as u8);
    let pairs = digits.as_bytes().chunks(2);
    pairs.map(|pair| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?)).collect()
}

/// A number for a new order. `now_s` is in seconds since 1970 UTC.
pub fn new_number(now_s: u64) -> String {
    let random = random_bytes::<10>();
    format!("{NUMBER_PREFIX}{now_s:0width$}{}", hex(&random), width = SECONDS_DIGITS)
}

/// When the order of this number was made, in seconds since 1970 UTC; `None` where it's no number of a gateway's order.
pub fn made_at_s(number: &str) -> Option<u64> {
    let rest = number.strip_prefix(NUMBER_PREFIX)?;
    let whole = number.len() == NUMBER_LENGTH && rest.bytes().all(|b| b.is_ascii_hexdigit());
    rest.get(..SECONDS_DIGITS)
        .filter(|seconds| whole && seconds.bytes().all(|b| b.is_ascii_digit()))?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key128 = Key128::new([7; 16]);
    const TICKET: Ticket = Ticket { account: AccountId(4_711), amount_fen: 10_000 };

    #[test]
    fn a_ticket_belongs_to_its_order_account_and_amount() {
        let keys = TicketKeys::new(&KEY, []);
        let number = new_number(1_795_493_106);
        let attach = keys.attach(&number, TICKET);
        assert_eq!(keys.open(&number, &attach), Ok(TICKET));
        let most = Ticket { account: AccountId(u32::MAX), amount_fen: 1_000_000_000 };
        assert!(keys.attach(&number, most).len() <= 128, "the most that WeChat Pay hands back");

        let refused = |number: &str, attach: &str| keys.open(number, attach).unwrap_err();
        assert!(matches!(refused(&new_number(1_795_493_106), &attach), TicketError::Mac { .. }));
        for other in [attach.replace("4711", "4712"), attach.replace("10000", "10001")] {
            let error = refused(&number, &other);
            assert!(matches!(error, TicketError::Mac { .. }), "{error}");
            assert!(
                error.to_string().contains(&other[..12]) && error.to_string().contains(&number),
                "{error}"
            );
        }
        for other in [
            "",
            "yika1",
            "yika1.1.2",
            "yika1.x.2.00",
            "yika1.1.2.0",
            "yika1.1.2.zz",
            "yika2.1.2.00",
            "yika1.1.2.00.1",
            "部门",
        ] {
            let error = refused(&number, other);
            assert!(matches!(error, TicketError::Form { .. }), "{other}: {error}");
        }
        assert!(matches!(refused(&number, "yika1.1.2."), TicketError::Mac { .. }), "no MAC is a wrong one");
    }

    #[test]
    fn tickets_of_an_earlier_key_are_still_taken() {
        let newer = Key128::new([8; 16]);
        let number = new_number(1);
        let attach = TicketKeys::new(&KEY, []).attach(&number, TICKET);
        assert!(TicketKeys::new(&newer, []).open(&number, &attach).is_err());
        assert_eq!(TicketKeys::new(&newer, [&KEY]).open(&number, &attach), Ok(TICKET));
    }

    #[test]
    fn a_number_says_when_its_order_was_made() {
        let number = new_number(1_795_493_106);
        assert_eq!((number.len(), made_at_s(&number)), (NUMBER_LENGTH, Some(1_795_493_106)));
        assert_ne!(new_number(1), new_number(1));
        let tail = &number[1..];
        for other in [
            "",
            "yk",
            &number[..31],
            &format!("{number}0"),
            &format!("Y{tail}"),
            "yk17954931063f0a3f0a3f0a3f0a3f/?",
        ] {
            assert_eq!(made_at_s(other), None, "{other}");
        }
    }
}
