//! `yika gateway` as a process, and what peers of its two doors can do to it: nothing, but to themselves.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};

use serde_json::json;

use crate::campus::{Campus, GATEWAY, OPENING_FEN, student_no, till};
use crate::program::{Process, Serving, fail};
use crate::wechat_pay::platform::{Platform, Told};
use crate::wechat_pay::school::{App, http_agent, write_gateway_files};
use crate::wire_till::{WireTill, connect};

const ACCOUNT: u32 = 3;

/// Server and gateway, each a process of its own.
struct School {
    server: Serving,
    gateway: Process,
    app: App,
}

impl School {
    fn open(campus: &Campus, platform: &Platform) -> School {
        let server = Serving::start(&campus.data_dir(), &[]);
        let config =
            write_gateway_files(campus.folder(), &campus.keys(), GATEWAY, server.address(), platform);
        let config = config.to_str().expect("UTF-8");
        let gateway = Process::start(["gateway", "--json", "--config", config]);
        platform.reach_merchant_at(gateway.address("notifications"));
        let app = App::new(gateway.address("app"));
        School { server, gateway, app }
    }

    /// An order of one yuan that was paid.
    fn paid_order(&self, platform: &Platform) -> Told {
        let (status, order) = self.app.order(&student_no(ACCOUNT), 100);
        assert_eq!(status, 200, "{order}");
        let number = order["order"].as_str().expect("a number");
        platform.pays(number);
        platform.told(number)
    }
}

#[test]
fn a_payment_counts_once_whoever_is_killed() {
    let campus = Campus::new();
    let platform = Platform::start();
    let mut told = Vec::new();
    for round in 1..=3 {
        let school = School::open(&campus, &platform);
        let paid = school.paid_order(&platform);
        // Of another one the platform tells only when both are killed and started again.
        let told_later = school.paid_order(&platform);
        platform.tell_until_taken(&paid);
        told.extend([paid, told_later]);
        drop(school.gateway);
        school.server.kill();

        let school = School::open(&campus, &platform);
        for each in &told {
            platform.tell_until_taken(each);
        }
        let identity = campus.keys().identity(till(0));
        let balance_fen = WireTill::sign_in(school.server.address(), &identity).balance(ACCOUNT).system_fen;
        assert_eq!(balance_fen, OPENING_FEN + 2 * 100 * round);
        let stopped = school.gateway.terminate();
        assert_eq!(stopped["stopped"], true);
        let figures = &stopped["figures"];
        let answered = figures["credited"].as_u64().zip(figures["repeated"].as_u64()).expect("counts");
        assert!(answered.0 + answered.1 >= told.len() as u64, "{stopped}");
        assert_eq!((&figures["not_credited"], &figures["not_authentic"]), (&json!(0), &json!(0)));
        school.server.terminate();
    }
    campus.expect_sound();
}

/// Sends bytes and gives the status line of what comes back, if anything does.
fn status_line(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = connect(address);
    stream.write_all(bytes).expect("it reads");
    let mut answer = Vec::new();
    // Whether it closes or resets is its affair.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).lines().next().unwrap_or("").to_owned()
}

#[test]
fn garbage_slowness_and_floods_harm_nobody_else() {
    let campus = Campus::new();
    let platform = Platform::start();
    let school = School::open(&campus, &platform);
    let paid = school.paid_order(&platform);
    let notifications = school.gateway.address("notifications");

    // More than a hundred peers that say half a word, and wait.
    let slow: Vec<TcpStream> = (0..150)
        .map(|_| {
            let mut stream = connect(notifications);
            stream.write_all(b"POST /notify/wechat-pay HTTP/1.1\r\nHost: x\r\n").expect("it reads");
            stream
        })
        .collect();
    assert_eq!(
        status_line(notifications, b"\x16\x03\x01\x02\x00garbage\r\n\r\n"),
        "HTTP/1.1 400 Bad Request"
    );
    for (head, status) in [
        ("GET /notify/wechat-pay HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 405 Method Not Allowed"),
        ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404 Not Found"),
        ("POST /top-ups HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404 Not Found"),
        ("POST /notify/wechat-pay HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 401 Unauthorized"),
    ] {
        assert_eq!(status_line(notifications, head.as_bytes()), status);
    }
    let endless = format!("GET /{} HTTP/1.1\r\n", "x".repeat(100_000));
    let refused = status_line(notifications, endless.as_bytes());
    assert!(refused.is_empty() || refused.contains(" 4"), "{refused}");
    let url = format!("http://{notifications}/notify/wechat-pay");
    let large = http_agent().post(url).send(vec![b'x'; 64 * 1_024 + 1]).expect("an answer");
    assert_eq!(large.status().as_u16(), 413);

    // The app's requests, held to their form.
    for body in ["", "{", "[]", "{}", r#"{"student_no":"2400003","amount_fen":"1","payer":"a"}"#] {
        let (status, said) = school.app.post(body);
        assert_eq!(status, 422, "{body}: {said}");
    }
    for (body, field) in [
        (json!({ "student_no": "", "amount_fen": 1, "payer": "a" }), "student_no is \"\""),
        (json!({ "student_no": "x".repeat(17), "amount_fen": 1, "payer": "a" }), "student_no is \"xxx"),
        (json!({ "student_no": "1", "amount_fen": -1, "payer": "a" }), "amount_fen is -1, not 1 to 50000"),
        (json!({ "student_no": "1", "amount_fen": 1, "payer": "" }), "payer is \"\""),
        (json!({ "student_no": "1", "amount_fen": 1, "payer": "a b" }), "payer is \"a b\""),
        (
            json!({ "student_no": "1", "amount_fen": 1, "payer": "a", "account": 7 }),
            "unknown field `account`",
        ),
    ] {
        let (status, said) = school.app.post(&body.to_string());
        let error = said["error"].as_str().expect("text");
        assert!(status == 422 && error.contains(field), "{body}: {status} {error}");
    }
    platform.tell_until_taken(&paid);
    drop(slow);
    let figures = school.app.figures();
    assert_eq!((&figures["ordered"], &figures["not_authentic"]), (&json!(1), &json!(1)), "{figures}");
    school.gateway.terminate();
    school.server.terminate();
    campus.expect_sound();
}

#[test]
fn a_gateway_that_cannot_begin_says_why() {
    let campus = Campus::new();
    let platform = Platform::start();
    let server = Serving::start(&campus.data_dir(), &[]);
    let files = |terminal| {
        let keys = campus.keys();
        write_gateway_files(campus.folder(), &keys, terminal, server.address(), &platform)
    };
    let begin = |config: &std::path::Path| fail(["gateway", "--config", config.to_str().expect("UTF-8")]);

    let errors = begin(&files(till(0)));
    assert!(
        errors.contains("terminal 101 is registered as a point-of-sale, not as a phone-gateway"),
        "{errors}"
    );
    let config = files(GATEWAY);
    fs::write(campus.folder().join("terminal.key"), "00".repeat(16)).expect("writable");
    let errors = begin(&config);
    assert!(errors.contains("sign-in at 127.0.0.1:"), "{errors}");
    let text = fs::read_to_string(files(GATEWAY)).expect("it was written");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    fs::write(&config, text.replacen("127.0.0.1:0", &address, 1)).expect("writable");
    let errors = begin(&config);
    assert!(
        errors.contains(&format!("notifications.listen is {address}, which can't be listened on")),
        "{errors}"
    );
    fs::write(&config, text.replacen("query_after_s = 1", "query_after_s = 0", 1)).expect("writable");
    let errors = begin(&config);
    assert!(errors.contains("wechat_pay.query_after_s is 0, not 1 to 3600 seconds"), "{errors}");
    assert!(begin(&campus.folder().join("nowhere.toml")).contains("nowhere.toml: No such file"));
    server.terminate();
}
