//! The school's side: the gateway's configuration with its keys, and the backend of the phone's app, which asks the gateway.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use engine::data_dir::hex;
use protocol::ids::TerminalId;
use serde_json::{Value, json};

use super::platform::{
    API_V3_KEY, APPID, MCHID, MERCHANT_PEM, MERCHANT_SERIAL, PLATFORM_PUBLIC_PEM, PLATFORM_SERIAL, Platform,
};
use crate::campus::CampusKeys;

/// What the app's backend shows.
const APP_TOKEN: &str = "a-token-of-the-apps-backend";
/// Whoever says nothing for this long hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// An HTTP client that takes every status for an answer.
pub fn http_agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false).proxy(None);
    config.timeout_global(Some(PATIENCE)).build().into()
}

/// Writes the gateway's configuration and key files into a folder; gives the configuration's path.
pub fn write_gateway_files(
    folder: &Path,
    keys: &CampusKeys,
    terminal: TerminalId,
    server: SocketAddr,
    platform: &Platform,
) -> PathBuf {
    let terminal_key = hex(keys.identity(terminal).key.as_bytes());
    let config = format!(
        r#"
server = "{server}"
unpaid_orders_file = "unpaid-orders"

[terminal]
number = {terminal}
key_file = "terminal.key"

[notifications]
listen = "127.0.0.1:0"

[app]
listen = "127.0.0.1:0"
token_file = "app.token"
amount_max = "500.00"

[wechat_pay]
base_url = "{base_url}"
mchid = "{MCHID}"
appid = "{APPID}"
notify_url = "https://card.example.edu.cn/notify/wechat-pay"
merchant_serial = "{MERCHANT_SERIAL}"
merchant_key_file = "apiclient_key.pem"
api_v3_key_file = "api_v3.key"
query_after_s = 1

[[wechat_pay.platform_key]]
serial = "{PLATFORM_SERIAL}"
file = "pub_key.pem"
"#,
        base_url = platform.base_url()
    );
    for (name, bytes) in [
        ("gateway.toml", config.as_bytes()),
        ("terminal.key", terminal_key.as_bytes()),
        ("app.token", APP_TOKEN.as_bytes()),
        ("apiclient_key.pem", MERCHANT_PEM.as_bytes()),
        ("api_v3.key", API_V3_KEY),
        ("pub_key.pem", PLATFORM_PUBLIC_PEM.as_bytes()),
    ] {
        std::fs::write(folder.join(name), bytes).expect("writable");
    }
    folder.join("gateway.toml")
}

/// The backend of the phone's app.
pub struct App {
    agent: ureq::Agent,
    gateway: SocketAddr,
    token: String,
}

impl App {
    /// Of this gateway.
    pub fn new(gateway: SocketAddr) -> App {
        App { agent: http_agent(), gateway, token: format!("Bearer {}", APP_TOKEN) }
    }

    /// As [`App::new`], with a token that isn't the app's.
    pub fn stranger(gateway: SocketAddr) -> App {
        App { token: "Bearer guessed".to_owned(), ..App::new(gateway) }
    }

    /// Asks for an order; gives the status and what was said.
    pub fn order(&self, student_no: &str, amount_fen: i64) -> (u16, Value) {
        self.post(
            &json!({ "student_no": student_no, "amount_fen": amount_fen, "payer": "oX7a1_0b3Kd9" })
                .to_string(),
        )
    }

    /// Asks for whatever this is.
    pub fn post(&self, body: &str) -> (u16, Value) {
        let url = format!("http://{}/top-ups", self.gateway);
        said(self.agent.post(url).header("Authorization", &self.token).send(body))
    }

    /// Asks what became of an order.
    pub fn look(&self, number: &str) -> (u16, Value) {
        let url = format!("http://{}/top-ups/{number}", self.gateway);
        said(self.agent.get(url).header("Authorization", &self.token).call())
    }

    /// The gateway's counts.
    pub fn figures(&self) -> Value {
        let url = format!("http://{}/figures", self.gateway);
        said(self.agent.get(url).header("Authorization", &self.token).call()).1
    }
}

fn said(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> (u16, Value) {
    let mut answer = answer.expect("an answer");
    let text = answer.body_mut().read_to_string().expect("text");
    (answer.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::String(text)))
}
