//! The payment platform, as far as a merchant meets it: API v3 over plain HTTP, with keys of its own.
//!
//! It holds a merchant's requests to their signatures and forms, as the real one does, and signs and seals what it says with
//! code of its own. What it is told to do wrong, it does: [`Told`].

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// The merchant's number.
pub const MCHID: &str = "1900000109";
/// The app that orders are made for.
pub const APPID: &str = "wxd678efh567hg6787";
/// The serial number of the merchant's certificate.
pub const MERCHANT_SERIAL: &str = "5157F09EFDC096DE15EBE81A47057A7232F1B8E1";
/// The id of the platform's public key.
pub const PLATFORM_SERIAL: &str = "PUB_KEY_ID_0116000000000000000000000000000001";
/// What merchant and platform share.
pub const API_V3_KEY: &[u8; 32] = b"an APIv3 key of thirty-two bytes";
/// The merchant's private key.
pub const MERCHANT_PEM: &str = include_str!("keys/merchant.pem");
/// The platform's public key.
pub const PLATFORM_PUBLIC_PEM: &str = include_str!("keys/platform.pub.pem");
const PLATFORM_PEM: &str = include_str!("keys/platform.pem");

/// How often a notification is sent again before the test fails, and how long after one another.
const TRIES_MAX: u32 = 100;
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(100);

#[derive(Clone)]
struct Order {
    attach: String,
    amount_fen: i64,
    notify_url: String,
    payer: String,
    transaction: Option<String>,
}

#[derive(Default)]
struct Books {
    orders: HashMap<String, Order>,
    paid: u64,
    /// How often each order was asked for.
    queries: HashMap<String, u32>,
    /// Where requests to the merchant's public address arrive.
    merchant: Option<SocketAddr>,
    answers_by_stranger: bool,
}

/// The platform. Dropped, it stops.
pub struct Platform {
    address: SocketAddr,
    books: Arc<Mutex<Books>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What a notification says, and how: as it should be, until it is changed.
#[derive(Clone, Debug)]
pub struct Told {
    /// What is sealed into it.
    pub transaction: Value,
    /// Seconds that its timestamp is in the past.
    pub age_s: u64,
    /// Signed by somebody else.
    pub by_stranger: bool,
    /// Sealed under another key.
    pub sealed_by_stranger: bool,
}

/// A pair of keys.
struct Signer(RsaKeyPair);

impl Signer {
    fn new(pem: &str) -> Signer {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).expect("a key");
        Signer(RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).expect("an RSA key"))
    }

    /// The headers that sign a body.
    fn headers(&self, age_s: u64, body: &str) -> [(&'static str, String); 4] {
        let timestamp = (now_s() - age_s).to_string();
        let nonce = "c5ac7061fccab6bf3e254dcf98995b8c";
        let message = format!("{timestamp}\n{nonce}\n{body}\n");
        let mut signature = vec![0; self.0.public().modulus_len()];
        self.0
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature)
            .expect("signed");
        [
            ("Wechatpay-Timestamp", timestamp),
            ("Wechatpay-Nonce", nonce.to_owned()),
            ("Wechatpay-Signature", BASE64.encode(signature)),
            ("Wechatpay-Serial", PLATFORM_SERIAL.to_owned()),
        ]
    }
}

fn signer(by_stranger: bool) -> Signer {
    Signer::new(if by_stranger { MERCHANT_PEM } else { PLATFORM_PEM })
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

impl Platform {
    /// Starts it on a free port.
    pub fn start() -> Platform {
        let books = Arc::new(Mutex::new(Books::default()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let router = Router::new().fallback(answer).with_state(Arc::clone(&books));
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                let serve = axum::serve(listener, router);
                // Dropping the other end is as good as saying so.
                let _ = serve.with_graceful_shutdown(async { drop(stopped.await) }).await;
            });
        });
        Platform { address, books, stop: Some(stop), thread: Some(thread) }
    }

    /// Where it answers.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Requests to the merchant's public address arrive here from now on.
    pub fn reach_merchant_at(&self, address: SocketAddr) {
        self.books().merchant = Some(address);
    }

    /// From now on, answers are signed by somebody else, or by the platform again.
    pub fn answer_as_stranger(&self, by_stranger: bool) {
        self.books().answers_by_stranger = by_stranger;
    }

    /// How often it was asked for an order.
    pub fn queries(&self, number: &str) -> u32 {
        self.books().queries.get(number).copied().unwrap_or(0)
    }

    /// The payer confirms the payment on the phone. Nothing is told to the merchant by that alone.
    pub fn pays(&self, number: &str) {
        let mut books = self.books();
        books.paid += 1;
        let transaction = format!("42000024112026112{:011}", books.paid);
        let order = books.orders.get_mut(number).expect("an order that was made");
        assert!(order.transaction.is_none(), "an order is paid once");
        order.transaction = Some(transaction);
    }

    /// What the platform tells of an order when it is paid; of one that isn't, what a forger would.
    pub fn told(&self, number: &str) -> Told {
        let mut order = self.books().orders[number].clone();
        order.transaction.get_or_insert_with(|| "4200002411202611999999999999".to_owned());
        let transaction = transaction(number, &order);
        Told { transaction, age_s: 0, by_stranger: false, sealed_by_stranger: false }
    }

    /// Sends a notification once; gives the status of the merchant's answer, and its body.
    pub fn tell(&self, told: &Told) -> (u16, Value) {
        let body = notification(told).to_string();
        let (url, merchant) = {
            let books = self.books();
            // All orders of this merchant name the same address.
            let order = books.orders.values().next().expect("an order");
            (order.notify_url.clone(), books.merchant.expect("a merchant that can be reached"))
        };
        let path = url.strip_prefix("https://card.example.edu.cn").expect("the school's address");
        let agent = super::school::http_agent();
        let mut request =
            agent.post(format!("http://{merchant}{path}")).header("Content-Type", "application/json");
        for (name, value) in signer(told.by_stranger).headers(told.age_s, &body) {
            request = request.header(name, value);
        }
        let mut answer = request.send(body).expect("an answer");
        let text = answer.body_mut().read_to_string().expect("text");
        (answer.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Sends a notification again and again, as the platform does, until the merchant takes it.
    pub fn tell_until_taken(&self, told: &Told) {
        for _ in 0..TRIES_MAX {
            if matches!(self.tell(told).0, 200 | 204) {
                return;
            }
            std::thread::sleep(TRY_AGAIN_AFTER);
        }
        panic!("the merchant never takes it: {told:?}, {:?}", self.tell(told));
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().expect("nobody panics with it")
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn transaction(number: &str, order: &Order) -> Value {
    let mut transaction = json!({
        "mchid": MCHID,
        "appid": APPID,
        "out_trade_no": number,
        "attach": order.attach,
        "payer": { "openid": order.payer },
        "trade_state": "NOTPAY",
        "trade_state_desc": "订单未支付",
    });
    if let Some(id) = &order.transaction {
        transaction["transaction_id"] = json!(id);
        transaction["trade_state"] = json!("SUCCESS");
        transaction["trade_state_desc"] = json!("支付成功");
        transaction["trade_type"] = json!("JSAPI");
        transaction["bank_type"] = json!("OTHERS");
        transaction["success_time"] = json!("2026-11-24T12:05:06+08:00");
        transaction["amount"] = json!({
            "total": order.amount_fen,
            "payer_total": order.amount_fen,
            "currency": "CNY",
            "payer_currency": "CNY",
        });
    }
    transaction
}

fn notification(told: &Told) -> Value {
    let key: &[u8; 32] = if told.sealed_by_stranger { &[7; 32] } else { API_V3_KEY };
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("a key"));
    let nonce = *b"fdasflkja484";
    let mut sealed = told.transaction.to_string().into_bytes();
    let nonce_of_seal = Nonce::assume_unique_for_key(nonce);
    key.seal_in_place_append_tag(nonce_of_seal, Aad::from(b"transaction"), &mut sealed).expect("it is short");
    json!({
        "id": "EV-2018022511223320873",
        "create_time": "2026-11-24T12:05:07+08:00",
        "resource_type": "encrypt-resource",
        "event_type": "TRANSACTION.SUCCESS",
        "summary": "支付成功",
        "resource": {
            "original_type": "transaction",
            "algorithm": "AEAD_AES_256_GCM",
            "ciphertext": BASE64.encode(sealed),
            "associated_data": "transaction",
            "nonce": String::from_utf8_lossy(&nonce),
        },
    })
}

async fn answer(
    State(books): State<Arc<Mutex<Books>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let body = String::from_utf8(body.to_vec()).unwrap_or_default();
    let mut books = books.lock().expect("nobody panics with it");
    let (status, said) = match is_merchants(&method, &uri, &headers, &body) {
        Err(reason) => (401, json!({ "code": "SIGN_ERROR", "message": reason })),
        Ok(()) => books.answer(&method, &uri, &body),
    };
    let text = said.to_string();
    let mut response = (StatusCode::from_u16(status).expect("a status"), text.clone()).into_response();
    for (name, value) in signer(books.answers_by_stranger).headers(0, &text) {
        response.headers_mut().insert(name, value.parse().expect("ASCII"));
    }
    response
}

/// Holds a request to the merchant's signature.
fn is_merchants(method: &Method, uri: &Uri, headers: &HeaderMap, body: &str) -> Result<(), String> {
    let authorization = headers.get("Authorization").and_then(|value| value.to_str().ok()).unwrap_or("");
    let fields = authorization.strip_prefix("WECHATPAY2-SHA256-RSA2048 ").ok_or("another scheme")?;
    let fields: HashMap<&str, &str> = fields
        .split(',')
        .filter_map(|field| field.split_once('='))
        .map(|(name, value)| (name, value.trim_matches('"')))
        .collect();
    let field = |name: &str| fields.get(name).copied().ok_or_else(|| format!("{name} is missing"));
    if (field("mchid")?, field("serial_no")?) != (MCHID, MERCHANT_SERIAL) {
        return Err("another merchant".to_owned());
    }
    let timestamp: u64 = field("timestamp")?.parse().map_err(|_| "no timestamp")?;
    if timestamp.abs_diff(now_s()) > 300 {
        return Err("an old timestamp".to_owned());
    }
    if headers.get("Wechatpay-Serial").is_none_or(|value| value != PLATFORM_SERIAL) {
        return Err("no key of the platform's is asked for".to_owned());
    }
    let path = uri.path_and_query().map_or("", |path| path.as_str());
    let message = format!("{method}\n{path}\n{timestamp}\n{}\n{body}\n", field("nonce_str")?);
    let signature = BASE64.decode(field("signature")?).map_err(|_| "no Base64")?;
    let merchant = Signer::new(MERCHANT_PEM);
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, merchant.0.public().as_ref());
    key.verify(message.as_bytes(), &signature).map_err(|_| "the signature is wrong".to_owned())
}

impl Books {
    fn answer(&mut self, method: &Method, uri: &Uri, body: &str) -> (u16, Value) {
        const BY_NUMBER: &str = "/v3/pay/transactions/out-trade-no/";
        match (method.as_str(), uri.path()) {
            ("POST", "/v3/pay/transactions/jsapi") => match self.order(body) {
                Ok(prepay_id) => (200, json!({ "prepay_id": prepay_id })),
                Err(reason) => (400, json!({ "code": "PARAM_ERROR", "message": reason })),
            },
            ("GET", path)
                if path.starts_with(BY_NUMBER) && uri.query() == Some(&format!("mchid={MCHID}")) =>
            {
                let number = &path[BY_NUMBER.len()..];
                *self.queries.entry(number.to_owned()).or_default() += 1;
                match self.orders.get(number) {
                    Some(order) => (200, transaction(number, order)),
                    None => (404, json!({ "code": "ORDER_NOT_EXIST", "message": "订单不存在" })),
                }
            }
            _ => (404, json!({ "code": "NOT_FOUND", "message": "no such interface" })),
        }
    }

    fn order(&mut self, body: &str) -> Result<String, String> {
        let body: Value = serde_json::from_str(body).map_err(|error| error.to_string())?;
        let text = |pointer: &str, length: std::ops::RangeInclusive<usize>| {
            let text = body.pointer(pointer).and_then(Value::as_str).unwrap_or("");
            length
                .contains(&text.len())
                .then(|| text.to_owned())
                .ok_or_else(|| format!("{pointer}: {text:?}"))
        };
        let number = text("/out_trade_no", 6..=32)?;
        let order = Order {
            attach: text("/attach", 1..=128)?,
            amount_fen: body["amount"]["total"].as_i64().filter(|&fen| fen > 0).ok_or("amount.total")?,
            notify_url: text("/notify_url", 1..=255)?,
            payer: text("/payer/openid", 1..=128)?,
            transaction: None,
        };
        let is = |pointer: &str, expected: &str| {
            if body.pointer(pointer).is_some_and(|value| value == expected) {
                Ok(())
            } else {
                Err(pointer.to_owned())
            }
        };
        is("/mchid", MCHID)?;
        is("/appid", APPID)?;
        is("/amount/currency", "CNY")?;
        text("/description", 1..=127)?;
        text("/time_expire", 25..=25)?;
        if self.orders.contains_key(&number) {
            return Err("the number was used".to_owned());
        }
        let prepay_id = format!("wx{:034}", self.orders.len());
        self.orders.insert(number, order);
        Ok(prepay_id)
    }
}
