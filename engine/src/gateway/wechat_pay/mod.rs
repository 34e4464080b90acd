//! WeChat Pay, API v3: orders of the kind JSAPI, which are paid inside WeChat, where the phone card lives.
//!
//! | what | request |
//! |---|---|
//! | make an order | `POST /v3/pay/transactions/jsapi` |
//! | ask for it | `GET /v3/pay/transactions/out-trade-no/NUMBER?mchid=MCHID` |
//! | it was paid | a notification of the platform's to the gateway, `TRANSACTION.SUCCESS` |
//!
//! What the platform says, asked or not, counts only when it is signed under a configured key of the platform's, a moment ago.

mod fields;
mod resource;
mod signature;

use std::time::Duration;

use axum::http::HeaderMap;
use protocol::channel::Channel;
use protocol::text::OrderNumber;
use serde_json::{Value, json};
use ureq::Agent;

use self::fields::{FieldError, Fields, other};
use self::resource::{API_KEY_BYTES, ApiKey};
use self::signature::{MerchantKey, PlatformKey};
use super::payment_channel::{
    NewOrder, NotificationError, OrderState, Payment, PaymentChannel, PlatformError,
};
use super::unix_now_s;
use crate::data_dir::{hex, random_bytes};
use crate::settlement::calendar::LocalTime;

/// How long the platform may take for an answer.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// Most bytes of an answer.
const ANSWER_BYTES_MAX: u64 = 64 * 1_024;
/// What an order is called on the payer's phone.
const DESCRIPTION: &str = "校园卡充值";
/// The one currency that is taken.
const CURRENCY: &str = "CNY";

/// What the gateway must know to be a merchant of WeChat Pay.
pub struct WeChatPaySettings {
    /// Where the platform answers, without a slash at the end.
    pub base_url: String,
    /// The merchant's number.
    pub mchid: String,
    /// The app that orders are made for.
    pub appid: String,
    /// Where the platform shall send notifications.
    pub notify_url: String,
    /// The serial number of the merchant's certificate.
    pub merchant_serial: String,
    /// The merchant's private key, PEM.
    pub merchant_key_pem: Vec<u8>,
    /// The APIv3 key.
    pub api_key: [u8; API_KEY_BYTES],
    /// The platform's public keys: id or serial, and PEM. The first is the one that answers are asked to be signed under.
    pub platform_keys: Vec<(String, Vec<u8>)>,
}

/// A key that can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The merchant's private key.
    #[error("{0}")]
    Merchant(String),
    /// A public key of the platform's.
    #[error("{reason}")]
    Platform {
        /// Which of them, from 0.
        index: usize,
        /// What is wrong with it.
        reason: String,
    },
}

/// A merchant of WeChat Pay.
pub struct WeChatPay {
    agent: Agent,
    base_url: String,
    mchid: String,
    appid: String,
    notify_url: String,
    merchant_serial: String,
    merchant_key: MerchantKey,
    api_key: ApiKey,
    platform_keys: Vec<PlatformKey>,
}

impl WeChatPay {
    /// Takes the settings and checks the keys in them.
    ///
    /// # Errors
    /// A key can't be used.
    pub fn new(settings: WeChatPaySettings) -> Result<WeChatPay, KeyError> {
        let keys = settings.platform_keys.iter().enumerate();
        let platform_keys = keys.map(|(index, (serial, pem))| {
            PlatformKey::from_pem(serial, pem).map_err(|reason| KeyError::Platform { index, reason })
        });
        Ok(WeChatPay {
            agent: Agent::config_builder()
                .http_status_as_error(false)
                .max_redirects(0)
                .https_only(settings.base_url.starts_with("https://"))
                .proxy(None)
                .timeout_global(Some(ANSWER_MAX))
                .build()
                .into(),
            platform_keys: platform_keys.collect::<Result<_, _>>()?,
            merchant_key: MerchantKey::from_pem(&settings.merchant_key_pem).map_err(KeyError::Merchant)?,
            api_key: ApiKey::new(&settings.api_key),
            base_url: settings.base_url,
            mchid: settings.mchid,
            appid: settings.appid,
            notify_url: settings.notify_url,
            merchant_serial: settings.merchant_serial,
        })
    }

    /// Sends a signed request; gives the status and the body of an answer that is the platform's.
    fn call(&self, path: &str, body: Option<&Value>) -> Result<(u16, Vec<u8>), PlatformError> {
        let (method, body) = match body {
            Some(body) => ("POST", body.to_string()),
            None => ("GET", String::new()),
        };
        let timestamp = unix_now_s().to_string();
        let nonce = hex(&random_bytes::<16>());
        let signature = self.merchant_key.sign(&[method, path, &timestamp, &nonce, &body]);
        let authorization = format!(
            "WECHATPAY2-SHA256-RSA2048 mchid=\"{}\",nonce_str=\"{nonce}\",signature=\"{signature}\",\
             timestamp=\"{timestamp}\",serial_no=\"{}\"",
            self.mchid, self.merchant_serial
        );
        let no_answer = |error: ureq::Error| PlatformError::NoAnswer(error.to_string());
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base_url))
            .header("Accept", "application/json")
            .header("Content-Type", "application/json")
            .header("User-Agent", concat!("yika/", env!("CARGO_PKG_VERSION")))
            .header("Authorization", authorization)
            .header("Wechatpay-Serial", self.platform_keys.first().map_or("", |key| &key.serial));
        let request =
            request.body(body).map_err(|error| PlatformError::NoAnswer(format!("no request: {error}")))?;
        let mut answer = self.agent.run(request).map_err(no_answer)?;
        let status = answer.status().as_u16();
        let body =
            answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec().map_err(no_answer)?;
        if !matches!(status, 200 | 204 | 404) {
            let body = String::from_utf8_lossy(&body).chars().take(200).collect();
            return Err(PlatformError::Refused { status, body });
        }
        signature::verify(&self.platform_keys, answer.headers(), &body, unix_now_s())
            .map_err(|error| PlatformError::Answer(NotificationError::NotAuthentic(error.to_string())))?;
        Ok((status, body))
    }

    /// What the phone's app hands to WeChat so that the payer is asked.
    fn app_parameters(&self, prepay_id: &str) -> Value {
        let timestamp = unix_now_s().to_string();
        let nonce = hex(&random_bytes::<16>());
        let package = format!("prepay_id={prepay_id}");
        let signature = self.merchant_key.sign(&[&self.appid, &timestamp, &nonce, &package]);
        json!({
            "appId": self.appid,
            "timeStamp": timestamp,
            "nonceStr": nonce,
            "package": package,
            "signType": "RSA",
            "paySign": signature,
        })
    }

    /// The payment that a transaction is, if it is one of this merchant's and succeeded.
    fn payment(&self, transaction: &Fields) -> Result<Payment, FieldError> {
        transaction.expect("/mchid", &self.mchid)?;
        transaction.expect("/appid", &self.appid)?;
        transaction.expect("/trade_state", "SUCCESS")?;
        transaction.expect("/amount/currency", CURRENCY)?;
        const PLATFORM_NUMBER: &str = "/transaction_id";
        let number = transaction.text(PLATFORM_NUMBER)?;
        let is_number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_alphanumeric());
        let platform_number = OrderNumber::new(number)
            .ok()
            .filter(|_| is_number)
            .ok_or_else(|| other(PLATFORM_NUMBER, &number.into(), "1 to 32 letters and digits"))?;
        Ok(Payment {
            number: transaction.text("/out_trade_no")?.to_owned(),
            attach: transaction.text("/attach")?.to_owned(),
            amount_fen: transaction.amount_fen("/amount/total")?,
            platform_number,
        })
    }
}

impl PaymentChannel for WeChatPay {
    fn channel(&self) -> Channel {
        Channel::WeChatPay
    }

    fn create(&self, order: &NewOrder) -> Result<Value, PlatformError> {
        let body = json!({
            "appid": self.appid,
            "mchid": self.mchid,
            "description": DESCRIPTION,
            "out_trade_no": order.number,
            "time_expire": rfc3339(order.expires_s),
            "attach": order.attach,
            "notify_url": self.notify_url,
            "amount": { "total": order.amount_fen, "currency": CURRENCY },
            "payer": { "openid": order.payer },
        });
        let (status, body) = self.call("/v3/pay/transactions/jsapi", Some(&body))?;
        if status != 200 {
            let body = String::from_utf8_lossy(&body).chars().take(200).collect();
            return Err(PlatformError::Refused { status, body });
        }
        let prepay_id = Fields::parse("the answer", &body)
            .and_then(|answer| answer.text("/prepay_id").map(str::to_owned))
            .map_err(unacceptable_answer)?;
        Ok(self.app_parameters(&prepay_id))
    }

    fn open(&self, headers: &HeaderMap, body: &[u8], now_s: u64) -> Result<Payment, NotificationError> {
        signature::verify(&self.platform_keys, headers, body, now_s)
            .map_err(|error| NotificationError::NotAuthentic(error.to_string()))?;
        let open = || {
            let notification = Fields::parse("the notification", body)?;
            notification.expect("/event_type", "TRANSACTION.SUCCESS")?;
            let resource = self.api_key.open(&notification)?;
            self.payment(&Fields::parse("the resource", &resource)?)
        };
        open().map_err(|error| NotificationError::Unacceptable(error.to_string()))
    }

    fn query(&self, number: &str) -> Result<OrderState, PlatformError> {
        let path = format!("/v3/pay/transactions/out-trade-no/{number}?mchid={}", self.mchid);
        let (status, body) = self.call(&path, None)?;
        let read = || {
            let answer = Fields::parse("the answer", &body)?;
            if status == 404 {
                answer.expect("/code", "ORDER_NOT_EXIST")?;
                return Ok(OrderState::Unknown);
            }
            answer.expect("/out_trade_no", number)?;
            match answer.text("/trade_state")? {
                "SUCCESS" => self.payment(&answer).map(OrderState::Paid),
                state => Ok(OrderState::Unpaid(state.chars().take(32).collect())),
            }
        };
        read().map_err(unacceptable_answer)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "an error is handed on")]
fn unacceptable_answer(error: FieldError) -> PlatformError {
    PlatformError::Answer(NotificationError::Unacceptable(error.to_string()))
}

/// A moment as the platform writes it, such as `2026-11-26T15:30:00+08:00`.
fn rfc3339(unix_s: u64) -> String {
    const SECONDS_CHARACTERS: usize = "2026-11-26 15:30:00".len();
    let local = LocalTime(unix_s.saturating_mul(1_000_000_000)).to_string();
    format!("{}+08:00", local[..SECONDS_CHARACTERS].replace(' ', "T"))
}

#[cfg(test)]
pub(super) mod tests;
