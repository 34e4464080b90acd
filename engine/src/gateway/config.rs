//! The gateway's configuration file.
//!
//! ```toml
//! server = "127.0.0.1:7401"
//! unpaid_orders_file = "unpaid-orders"      # written by the gateway; may be left out
//!
//! [terminal]
//! number = 901                              # of kind phone-gateway
//! key_file = "terminal.key"                 # 32 hexadecimal digits
//! epoch = 1                                 # default 1
//! earlier_key_files = []                    # keys that it had before: orders made under them are still credited
//!
//! [notifications]
//! listen = "127.0.0.1:7410"                 # behind whatever ends the school's https
//!
//! [app]
//! listen = "127.0.0.1:7411"
//! token_file = "app.token"                  # 16 characters at least
//! amount_max = "1000.00"                    # yuan; of one order
//!
//! [wechat_pay]
//! base_url = "https://api.mch.weixin.qq.com"
//! mchid = "1900000109"
//! appid = "wxd678efh567hg6787"
//! notify_url = "https://card.example.edu.cn/notify/wechat-pay"
//! merchant_serial = "5157F09EFDC096DE15EBE81A47057A7232F1B8E1"
//! merchant_key_file = "apiclient_key.pem"
//! api_v3_key_file = "api_v3.key"            # 32 bytes
//! query_after_s = 30                        # default 30: ask for an order that nothing was heard of for so long
//!
//! [[wechat_pay.platform_key]]               # one or more; answers are asked to be signed under the first
//! serial = "PUB_KEY_ID_0116000000000000000000000000000001"
//! file = "pub_key.pem"
//! ```
//!
//! Files are looked for beside the configuration. Keys stand in files of their own, so that this one can be shown.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use protocol::ids::{Epoch, TerminalId};
use protocol::keys::Key128;
use protocol::sign_in::TerminalIdentity;
use protocol::text::Firmware;
use serde::Deserialize;

use super::wechat_pay::{KeyError, WeChatPay, WeChatPaySettings};
use crate::import::campus::Yuan;
use crate::ledger::limits::AMOUNT_FEN_MAX;

/// A configuration, checked, with its keys.
pub struct GatewayConfig {
    /// The server.
    pub server: SocketAddr,
    /// Who the gateway is.
    pub identity: TerminalIdentity,
    /// Keys that the terminal had before.
    pub earlier_keys: Vec<Key128>,
    /// Where unpaid orders are written down.
    pub unpaid_orders: Option<PathBuf>,
    /// Where notifications come in.
    pub notifications: SocketAddr,
    /// Where the app's backend asks.
    pub app: SocketAddr,
    /// What the app's backend shows.
    pub app_token: String,
    /// The most that one order may be for, in fen.
    pub amount_fen_max: i64,
    /// When an unpaid order is first asked for, in seconds after it was made.
    pub query_after_s: u64,
    /// The platform.
    pub wechat_pay: WeChatPay,
}

/// Why a configuration can't be used.
#[derive(Debug, thiserror::Error)]
pub enum GatewayConfigError {
    /// A file can't be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Not TOML, an unknown key, one that is missing, or a value of another form. The message has line and column.
    #[error("{}: {source}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Line, column and reason.
        source: Box<toml::de::Error>,
    },
    /// A value that can't be used.
    #[error("{}: {field} is {value}, not {expected}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The field.
        field: String,
        /// What stands there.
        value: String,
        /// What should.
        expected: String,
    },
    /// A file that a field names holds something else. What it holds isn't said: it may be a secret.
    #[error("{}: {field} names {}: {reason}", path.display(), file.display())]
    File {
        /// The configuration.
        path: PathBuf,
        /// The field.
        field: String,
        /// The file that it names.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GatewayFile {
    server: SocketAddr,
    unpaid_orders_file: Option<PathBuf>,
    terminal: TerminalSection,
    notifications: ListenSection,
    app: AppSection,
    wechat_pay: WeChatPaySection,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TerminalSection {
    number: u32,
    key_file: PathBuf,
    #[serde(default = "first_epoch")]
    epoch: u16,
    #[serde(default)]
    earlier_key_files: Vec<PathBuf>,
}

fn first_epoch() -> u16 {
    1
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListenSection {
    listen: SocketAddr,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AppSection {
    listen: SocketAddr,
    token_file: PathBuf,
    amount_max: Yuan,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WeChatPaySection {
    base_url: String,
    mchid: String,
    appid: String,
    notify_url: String,
    merchant_serial: String,
    merchant_key_file: PathBuf,
    api_v3_key_file: PathBuf,
    #[serde(default = "half_a_minute")]
    query_after_s: u64,
    #[serde(default)]
    platform_key: Vec<PlatformKeySection>,
}

fn half_a_minute() -> u64 {
    30
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlatformKeySection {
    serial: String,
    file: PathBuf,
}

/// The configuration's file, for what is wrong with what it names.
struct Source<'p> {
    path: &'p Path,
}

impl Source<'_> {
    fn value(&self, field: &str, value: impl std::fmt::Display, expected: &str) -> GatewayConfigError {
        let (field, expected) = (field.to_owned(), expected.to_owned());
        GatewayConfigError::Value { path: self.path.to_owned(), field, value: value.to_string(), expected }
    }

    fn expect(&self, field: &str, value: &str, fits: bool, expected: &str) -> Result<(), GatewayConfigError> {
        if fits { Ok(()) } else { Err(self.value(field, format!("{value:?}"), expected)) }
    }

    fn beside(&self, file: &Path) -> PathBuf {
        self.path.parent().unwrap_or(Path::new("")).join(file)
    }

    fn file_error(&self, field: &str, file: &Path, reason: impl Into<String>) -> GatewayConfigError {
        GatewayConfigError::File {
            path: self.path.to_owned(),
            field: field.to_owned(),
            file: self.beside(file),
            reason: reason.into(),
        }
    }

    fn bytes(&self, field: &str, file: &Path) -> Result<Vec<u8>, GatewayConfigError> {
        std::fs::read(self.beside(file)).map_err(|error| self.file_error(field, file, error.to_string()))
    }

    /// A file of one line of text; white space around it doesn't belong to it.
    fn line(&self, field: &str, file: &Path) -> Result<String, GatewayConfigError> {
        let bytes = self.bytes(field, file)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| self.file_error(field, file, "it isn't text"))?;
        Ok(text.trim().to_owned())
    }

    fn key(&self, field: &str, file: &Path) -> Result<Key128, GatewayConfigError> {
        let line = self.line(field, file)?;
        Key128::from_hex(&line)
            .ok_or_else(|| self.file_error(field, file, "it must hold 32 hexadecimal digits"))
    }
}

impl GatewayConfig {
    /// Reads the file at `path` and those that it names, and checks them.
    ///
    /// # Errors
    /// [`GatewayConfigError`]: which file, which field, which value.
    pub fn read(path: &Path) -> Result<GatewayConfig, GatewayConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| GatewayConfigError::Read { path: path.to_owned(), source })?;
        let file: GatewayFile = toml::from_str(&text).map_err(|source| GatewayConfigError::Parse {
            path: path.to_owned(),
            source: Box::new(source),
        })?;
        let source = Source { path };
        let terminal = &file.terminal;
        let amount_fen_max = file.app.amount_max.amount_fen;
        if !(1..=AMOUNT_FEN_MAX).contains(&amount_fen_max) {
            let expected = "0.01 to 10000000.00 yuan";
            return Err(source.value("app.amount_max", format!("{amount_fen_max} fen"), expected));
        }
        let app_token = source.line("app.token_file", &file.app.token_file)?;
        if app_token.len() < 16 || !app_token.bytes().all(|b| b.is_ascii_graphic()) {
            let reason = "it must hold a token of 16 or more printable ASCII characters";
            return Err(source.file_error("app.token_file", &file.app.token_file, reason));
        }
        if terminal.epoch == 0 {
            return Err(source.value("terminal.epoch", 0, "1 to 65535"));
        }
        let earlier_keys = terminal.earlier_key_files.iter();
        let earlier_keys = earlier_keys.map(|key| source.key("terminal.earlier_key_files", key));
        let query_after_s = file.wechat_pay.query_after_s;
        if !(1..=3_600).contains(&query_after_s) {
            return Err(source.value("wechat_pay.query_after_s", query_after_s, "1 to 3600 seconds"));
        }
        Ok(GatewayConfig {
            server: file.server,
            identity: TerminalIdentity {
                terminal: TerminalId(terminal.number),
                key: source.key("terminal.key_file", &terminal.key_file)?,
                epoch: Epoch(terminal.epoch),
                firmware: Firmware::EMPTY,
            },
            earlier_keys: earlier_keys.collect::<Result<_, _>>()?,
            unpaid_orders: file.unpaid_orders_file.as_deref().map(|file| source.beside(file)),
            notifications: file.notifications.listen,
            app: file.app.listen,
            app_token,
            amount_fen_max,
            query_after_s,
            wechat_pay: wechat_pay(&source, &file.wechat_pay)?,
        })
    }
}

fn wechat_pay(source: &Source<'_>, section: &WeChatPaySection) -> Result<WeChatPay, GatewayConfigError> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let letters =
        |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let is_url = |url: &str| url.starts_with("https://") || url.starts_with("http://");
    let base_url = section.base_url.as_str();
    let is_base = is_url(base_url) && !base_url.ends_with('/') && !base_url.contains(['?', '#', ' ']);
    let serial = &section.merchant_serial;
    source.expect("wechat_pay.mchid", &section.mchid, digits(&section.mchid), "digits")?;
    source.expect("wechat_pay.appid", &section.appid, letters(&section.appid), "letters and digits")?;
    source.expect("wechat_pay.base_url", base_url, is_base, "a URL without a slash at its end")?;
    source.expect("wechat_pay.notify_url", &section.notify_url, is_url(&section.notify_url), "a URL")?;
    source.expect("wechat_pay.merchant_serial", serial, letters(serial), "letters and digits")?;
    if section.platform_key.is_empty() {
        return Err(source.value("wechat_pay.platform_key", "[]", "one key or more"));
    }
    let mut platform_keys = Vec::new();
    for (index, key) in section.platform_key.iter().enumerate() {
        let field = format!("wechat_pay.platform_key[{index}].serial");
        source.expect(&field, &key.serial, letters(&key.serial), "letters, digits and underscores")?;
        let field = format!("wechat_pay.platform_key[{index}].file");
        platform_keys.push((key.serial.clone(), source.bytes(&field, &key.file)?));
    }
    let api_key = source.line("wechat_pay.api_v3_key_file", &section.api_v3_key_file)?;
    let api_key: [u8; 32] = api_key.as_bytes().try_into().map_err(|_| {
        let reason = format!("it must hold a key of 32 bytes, and holds {}", api_key.len());
        source.file_error("wechat_pay.api_v3_key_file", &section.api_v3_key_file, reason)
    })?;
    let settings = WeChatPaySettings {
        base_url: section.base_url.clone(),
        mchid: section.mchid.clone(),
        appid: section.appid.clone(),
        notify_url: section.notify_url.clone(),
        merchant_serial: serial.clone(),
        merchant_key_pem: source.bytes("wechat_pay.merchant_key_file", &section.merchant_key_file)?,
        api_key,
        platform_keys,
    };
    WeChatPay::new(settings).map_err(|error| match error {
        KeyError::Merchant(reason) => {
            source.file_error("wechat_pay.merchant_key_file", &section.merchant_key_file, reason)
        }
        KeyError::Platform { index, reason } => {
            let field = format!("wechat_pay.platform_key[{index}].file");
            source.file_error(&field, &section.platform_key[index].file, reason)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::wechat_pay::tests::{MERCHANT_PEM, PLATFORM_PUBLIC_PEM};

    const WHOLE: &str = r#"
server = "127.0.0.1:7401"
unpaid_orders_file = "unpaid-orders"
[terminal]
number = 901
key_file = "terminal.key"
[notifications]
listen = "127.0.0.1:7410"
[app]
listen = "127.0.0.1:7411"
token_file = "app.token"
amount_max = "1000.00"
[wechat_pay]
base_url = "https://api.mch.weixin.qq.com"
mchid = "1900000109"
appid = "wxd678efh567hg6787"
notify_url = "https://card.example.edu.cn/notify/wechat-pay"
merchant_serial = "5157F09EFDC096DE15EBE81A47057A7232F1B8E1"
merchant_key_file = "apiclient_key.pem"
api_v3_key_file = "api_v3.key"
[[wechat_pay.platform_key]]
serial = "PUB_KEY_ID_0116000000000000000000000000000001"
file = "pub_key.pem"
"#;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in [
            ("gateway.toml", WHOLE),
            ("terminal.key", "000102030405060708090a0b0c0d0e0f\n"),
            ("app.token", "0123456789abcdef\n"),
            ("apiclient_key.pem", MERCHANT_PEM),
            ("api_v3.key", "0123456789abcdef0123456789abcdef\n"),
            ("pub_key.pem", PLATFORM_PUBLIC_PEM),
        ] {
            std::fs::write(folder.path().join(name), text).expect("writable");
        }
        folder
    }

    /// What is said when a file of the folder holds this.
    fn said(name: &str, text: &str) -> String {
        let folder = folder();
        std::fs::write(folder.path().join(name), text).expect("writable");
        match GatewayConfig::read(&folder.path().join("gateway.toml")) {
            Ok(_) => panic!("{name} with {text:?} is taken"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_whole_configuration_is_taken_and_keys_are_read_beside_it() {
        let folder = folder();
        let config = GatewayConfig::read(&folder.path().join("gateway.toml")).expect("it is whole");
        assert_eq!((config.identity.terminal, config.identity.epoch), (TerminalId(901), Epoch(1)));
        assert_eq!((config.amount_fen_max, config.query_after_s), (100_000, 30));
        assert_eq!(config.app_token, "0123456789abcdef");
        assert_eq!(config.unpaid_orders, Some(folder.path().join("unpaid-orders")));
    }

    #[test]
    fn what_is_wrong_is_said_with_file_field_and_value() {
        for (from, to, expected) in [
            ("server = \"127.0.0.1:7401\"", "server = \"here\"", "invalid socket address"),
            ("number = 901", "", "missing field `number`"),
            ("number = 901", "number = 901\ncolour = 7", "unknown field `colour`"),
            ("number = 901", "number = -1", "-1"),
            ("number = 901", "number = 901\nepoch = 0", "terminal.epoch is 0, not 1 to 65535"),
            ("\"1000.00\"", "\"0\"", "app.amount_max is 0 fen, not 0.01 to 10000000.00 yuan"),
            ("\"1000.00\"", "\"10000000.01\"", "app.amount_max is 1000000001 fen"),
            ("\"1000.00\"", "\"-1\"", "\"-1\" is negative"),
            ("\"1000.00\"", "\"1.005\"", "more than two decimals"),
            ("\"1900000109\"", "\"\"", "wechat_pay.mchid is \"\", not digits"),
            ("\"wxd678efh567hg6787\"", "\"wx 1\"", "wechat_pay.appid is \"wx 1\""),
            ("\"https://api.mch.weixin.qq.com\"", "\"https://x/\"", "wechat_pay.base_url is \"https://x/\""),
            ("\"https://api.mch.weixin.qq.com\"", "\"ftp://x\"", "wechat_pay.base_url is \"ftp://x\""),
            ("\"https://card.", "\"card.", "wechat_pay.notify_url is \"card."),
            ("\"5157F", "\"\\n5157F", "wechat_pay.merchant_serial is \"\\n5157F"),
            ("\"PUB_KEY_ID_", "\"PUB KEY ID ", "wechat_pay.platform_key[0].serial is \"PUB KEY ID "),
            ("mchid", "query_after_s = 0\nmchid", "wechat_pay.query_after_s is 0, not 1 to 3600 seconds"),
            ("\"pub_key.pem\"", "\"apiclient_key.pem\"", "wechat_pay.platform_key[0].file names"),
            ("\"apiclient_key.pem\"", "\"pub_key.pem\"", "wechat_pay.merchant_key_file names"),
            ("\"api_v3.key\"", "\"nowhere\"", "nowhere: No such file"),
        ] {
            assert!(WHOLE.contains(from), "{from}");
            let error = said("gateway.toml", &WHOLE.replacen(from, to, 1));
            assert!(error.contains(expected) && error.contains("gateway.toml: "), "{to}: {error}");
        }
        let without = WHOLE.split("[[wechat_pay.platform_key]]").next().expect("what stands before");
        assert!(said("gateway.toml", without).contains("wechat_pay.platform_key is [], not one key or more"));
        for (name, text, expected) in [
            ("terminal.key", "0001", "terminal.key_file names"),
            ("terminal.key", "0001", "it must hold 32 hexadecimal digits"),
            ("app.token", "short", "a token of 16 or more printable ASCII characters"),
            ("api_v3.key", "0123", "it must hold a key of 32 bytes, and holds 4"),
        ] {
            let error = said(name, text);
            assert!(error.contains(expected) && !error.contains(text), "{name}: {error}");
        }
        assert!(GatewayConfig::read(Path::new("/nowhere/gateway.toml")).is_err());
    }
}
