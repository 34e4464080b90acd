//! What the platform could send, and what others could.

use axum::http::{HeaderMap, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use serde_json::{Value, json};

use super::*;

macro_rules! test_key {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/wechat_pay/keys/", $name))
    };
}

pub(crate) const PLATFORM_PUBLIC_PEM: &str = test_key!("platform.pub.pem");
pub(crate) const MERCHANT_PEM: &str = test_key!("merchant.pem");
pub(crate) const SERIAL_NO: &str = "PUB_KEY_ID_0116000000000000000000000000000001";
pub(crate) const API_KEY: &[u8; 32] = b"an APIv3 key of thirty-two bytes";
const NOW_S: u64 = 1_795_493_106;

/// The platform, as far as it signs and seals.
pub(crate) struct Platform {
    key: MerchantKey,
}

impl Platform {
    pub(crate) fn new() -> Platform {
        let key = MerchantKey::from_pem(test_key!("platform.pem").as_bytes()).expect("a key");
        Platform { key }
    }

    /// Somebody who has a key of their own, and not the platform's.
    pub(crate) fn stranger() -> Platform {
        Platform { key: MerchantKey::from_pem(MERCHANT_PEM.as_bytes()).expect("a key") }
    }

    pub(crate) fn sign(&self, now_s: u64, body: &[u8]) -> HeaderMap {
        let timestamp = now_s.to_string();
        let body = std::str::from_utf8(body).expect("text");
        let signature = self.key.sign(&[&timestamp, "a nonce", body]);
        let headers = [
            ("Wechatpay-Timestamp", timestamp.as_str()),
            ("Wechatpay-Nonce", "a nonce"),
            ("Wechatpay-Signature", &signature),
            ("Wechatpay-Serial", SERIAL_NO),
        ];
        let value = |text: &str| HeaderValue::from_str(text).expect("ASCII");
        headers.into_iter().map(|(name, text)| (name.parse().expect("a name"), value(text))).collect()
    }
}

pub(crate) fn settings() -> WeChatPaySettings {
    WeChatPaySettings {
        base_url: "http://127.0.0.1:9".to_owned(),
        mchid: "1900000109".to_owned(),
        appid: "wxd678efh567hg6787".to_owned(),
        notify_url: "https://card.example.edu.cn/notify/wechat-pay".to_owned(),
        merchant_serial: "5157F09EFDC096DE15EBE81A47057A7232F1B8E1".to_owned(),
        merchant_key_pem: MERCHANT_PEM.as_bytes().to_vec(),
        api_key: *API_KEY,
        platform_keys: vec![(SERIAL_NO.to_owned(), PLATFORM_PUBLIC_PEM.as_bytes().to_vec())],
    }
}

fn transaction() -> Value {
    json!({
        "transaction_id": "4200002411202611240001",
        "amount": { "payer_total": 10_000, "total": 10_000, "currency": "CNY", "payer_currency": "CNY" },
        "mchid": "1900000109",
        "trade_state": "SUCCESS",
        "bank_type": "CMC",
        "appid": "wxd678efh567hg6787",
        "out_trade_no": "yk1795493106aaaaaaaaaaaaaaaaaaaa",
        "attach": "yika1.4711.10000.00",
        "payer": { "openid": "oX7a1_0b3Kd9" },
    })
}

fn notification(plain: &[u8]) -> Value {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, API_KEY).expect("a key"));
    let mut sealed = plain.to_vec();
    let nonce = Nonce::assume_unique_for_key(*b"twelve bytes");
    key.seal_in_place_append_tag(nonce, Aad::from(b"transaction"), &mut sealed).expect("it is short");
    json!({
        "id": "EV-2018022511223320873",
        "create_time": "2026-11-24T10:34:56+08:00",
        "resource_type": "encrypt-resource",
        "event_type": "TRANSACTION.SUCCESS",
        "summary": "支付成功",
        "resource": {
            "original_type": "transaction",
            "algorithm": "AEAD_AES_256_GCM",
            "ciphertext": BASE64.encode(sealed),
            "associated_data": "transaction",
            "nonce": "twelve bytes",
        },
    })
}

/// Sets what a pointer leads to, or takes it away.
fn changed(value: &Value, pointer: &str, to: Option<&Value>) -> Value {
    let mut value = value.clone();
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    let object = value.pointer_mut(parent).and_then(Value::as_object_mut).expect("an object");
    assert!(object.contains_key(name), "{pointer} leads nowhere");
    match to {
        Some(to) => drop(object.insert(name.to_owned(), to.clone())),
        None => drop(object.remove(name)),
    }
    value
}

/// Opens this body, signed by the platform.
fn open(body: &[u8]) -> Result<Payment, NotificationError> {
    let channel = WeChatPay::new(settings()).expect("keys");
    channel.open(&Platform::new().sign(NOW_S, body), body, NOW_S)
}

fn refused(body: &[u8]) -> String {
    match open(body) {
        Err(NotificationError::Unacceptable(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_was_paid_is_taken_from_the_resource() {
    let payment = open(notification(transaction().to_string().as_bytes()).to_string().as_bytes());
    let expected = Payment {
        number: "yk1795493106aaaaaaaaaaaaaaaaaaaa".to_owned(),
        attach: "yika1.4711.10000.00".to_owned(),
        amount_fen: 10_000,
        platform_number: OrderNumber::new("4200002411202611240001").expect("short"),
    };
    assert_eq!(payment.expect("it is the platform's"), expected);
}

#[test]
fn nothing_counts_that_the_platform_did_not_sign() {
    let channel = WeChatPay::new(settings()).expect("keys");
    let body = notification(transaction().to_string().as_bytes()).to_string();
    for headers in [HeaderMap::new(), Platform::stranger().sign(NOW_S, body.as_bytes())] {
        let error = channel.open(&headers, body.as_bytes(), NOW_S).unwrap_err();
        assert!(matches!(error, NotificationError::NotAuthentic(_)), "{error}");
    }
    // Whatever the body is, the signature is looked at first.
    for body in ["", "{}", "not JSON"] {
        let error = channel.open(&HeaderMap::new(), body.as_bytes(), NOW_S).unwrap_err();
        assert!(matches!(error, NotificationError::NotAuthentic(_)), "{error}");
    }
}

#[test]
fn each_field_of_a_notification_is_missed_and_held_to_its_form() {
    let whole = notification(transaction().to_string().as_bytes());
    for (pointer, odd, said) in [
        (
            "/event_type",
            json!("REFUND.SUCCESS"),
            "event_type is \"REFUND.SUCCESS\", not \"TRANSACTION.SUCCESS\"",
        ),
        ("/event_type", json!(7), "event_type is 7, not text"),
        ("/resource", json!([]), "resource.algorithm is missing"),
        ("/resource/algorithm", json!("none"), "resource.algorithm is \"none\""),
        ("/resource/nonce", json!("short"), "resource.nonce is \"short\", not 12 bytes"),
        ("/resource/nonce", json!("twelve byteS"), "resource.ciphertext is"),
        ("/resource/associated_data", json!("another"), "sealed under the APIv3 key"),
        ("/resource/associated_data", json!(1), "resource.associated_data is 1, not text"),
        ("/resource/ciphertext", json!("%"), "resource.ciphertext is \"%\", not Base64"),
        ("/resource/ciphertext", json!(""), "sealed under the APIv3 key"),
        ("/resource/ciphertext", json!(null), "resource.ciphertext is null, not text"),
    ] {
        let reason = refused(changed(&whole, pointer, Some(&odd)).to_string().as_bytes());
        assert!(reason.contains(said), "{pointer}: {reason}");
    }
    for pointer in ["/event_type", "/resource/algorithm", "/resource/nonce", "/resource/ciphertext"] {
        let reason = refused(changed(&whole, pointer, None).to_string().as_bytes());
        assert_eq!(reason, format!("{} is missing", pointer[1..].replace('/', ".")));
    }
    let tag_altered = {
        let text = whole["resource"]["ciphertext"].as_str().expect("text");
        let mut bytes = BASE64.decode(text).expect("Base64");
        *bytes.last_mut().expect("a tag") ^= 1;
        changed(&whole, "/resource/ciphertext", Some(&BASE64.encode(bytes).into()))
    };
    assert!(refused(tag_altered.to_string().as_bytes()).contains("sealed under the APIv3 key"));
    assert!(refused(b"").contains("the notification isn't JSON"));
    assert!(refused(b"{\"event_type\":").contains("the notification isn't JSON"));
    assert!(refused(b"[]").contains("event_type is missing"));
    assert!(refused(notification(b"{").to_string().as_bytes()).contains("the resource isn't JSON"));
    assert!(refused(notification(b"\xff").to_string().as_bytes()).contains("the resource isn't JSON"));
}

#[test]
fn each_field_of_a_transaction_is_missed_and_held_to_the_merchant() {
    let long = "1".repeat(33);
    let said = |changed: &Value| refused(notification(changed.to_string().as_bytes()).to_string().as_bytes());
    for (pointer, odd, reason) in [
        ("/mchid", json!("1900000110"), "mchid is \"1900000110\", not \"1900000109\""),
        ("/mchid", json!(1_900_000_109), "mchid is 1900000109, not text"),
        ("/appid", json!("wx0"), "appid is \"wx0\""),
        ("/trade_state", json!("NOTPAY"), "trade_state is \"NOTPAY\", not \"SUCCESS\""),
        ("/trade_state", json!("REFUND"), "trade_state is \"REFUND\""),
        ("/amount/currency", json!("USD"), "amount.currency is \"USD\", not \"CNY\""),
        ("/amount/total", json!(0), "amount.total is 0, not a whole number of fen above zero"),
        ("/amount/total", json!(-10_000), "amount.total is -10000"),
        ("/amount/total", json!(100.5), "amount.total is 100.5"),
        ("/amount/total", json!("10000"), "amount.total is \"10000\""),
        ("/amount/total", json!(u64::MAX), "amount.total is 18446744073709551615"),
        ("/amount", json!(10_000), "amount.currency is missing"),
        ("/transaction_id", json!(""), "transaction_id is \"\", not 1 to 32 letters and digits"),
        ("/transaction_id", json!(long), "transaction_id is \"111"),
        ("/transaction_id", json!("42 00"), "transaction_id is \"42 00\""),
        ("/attach", json!(null), "attach is null, not text"),
        ("/out_trade_no", json!({}), "out_trade_no is {}, not text"),
    ] {
        let found = said(&changed(&transaction(), pointer, Some(&odd)));
        assert!(found.contains(reason), "{pointer}: {found}");
    }
    for pointer in [
        "/mchid",
        "/appid",
        "/trade_state",
        "/amount/currency",
        "/amount/total",
        "/transaction_id",
        "/attach",
        "/out_trade_no",
    ] {
        let found = said(&changed(&transaction(), pointer, None));
        assert_eq!(found, format!("{} is missing", pointer[1..].replace('/', ".")));
    }
    // A message repeats no more of a value than a person reads.
    let endless = changed(&transaction(), "/mchid", Some(&"x".repeat(10_000).into()));
    assert!(said(&endless).len() < 200);
}

#[test]
fn a_moment_is_written_as_the_platform_does() {
    assert_eq!(rfc3339(0), "1970-01-01T08:00:00+08:00");
    assert_eq!(rfc3339(NOW_S), "2026-11-24T12:05:06+08:00");
}

#[test]
fn a_key_that_cannot_be_used_is_said_to_be_which() {
    let broken = WeChatPaySettings { merchant_key_pem: b"no key".to_vec(), ..settings() };
    assert!(matches!(WeChatPay::new(broken).err(), Some(KeyError::Merchant(_))));
    let mut broken = settings();
    broken.platform_keys.push(("2".to_owned(), MERCHANT_PEM.as_bytes().to_vec()));
    assert!(matches!(WeChatPay::new(broken).err(), Some(KeyError::Platform { index: 1, .. })));
}

#[test]
fn a_platform_that_is_not_there_is_said_not_to_answer() {
    // Nobody listens at the discard port.
    let channel = WeChatPay::new(settings()).expect("keys");
    let error = channel.query("yk1795493106aaaaaaaaaaaaaaaaaaaa").unwrap_err();
    assert!(matches!(error, PlatformError::NoAnswer(_)), "{error}");
}
