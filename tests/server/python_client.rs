//! The till in Python, written from the protocol's page alone, against this server.

use std::path::{Path, PathBuf};
use std::process::Command;

use engine::data_dir::hex;
use serde_json::{Value, json};

use crate::campus::{COUNTER, Campus, GATEWAY, card, till};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie in the workspace").to_owned()
}

/// Runs the client; gives its lines. Fails clearly where it can't run at all.
fn client(arguments: &[&str]) -> Vec<Value> {
    let probe = Command::new("python3")
        .args(["-c", "import cryptography.hazmat.primitives.cmac"])
        .output()
        .expect("python3 is needed for the independent client; install it");
    assert!(
        probe.status.success(),
        "the independent client needs the package `cryptography`: python3 -m pip install cryptography\n{}",
        String::from_utf8_lossy(&probe.stderr)
    );
    let script = workspace().join("tests/python_client/yika_client.py");
    let output = Command::new("python3")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg(script)
        .args(arguments)
        .output()
        .expect("python3 runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{said}\n{errors}", output.status);
    said.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

#[test]
fn it_agrees_with_the_vectors() {
    let vectors = workspace().join("protocol/vectors.json");
    let lines = client(&["--vectors", vectors.to_str().expect("UTF-8")]);
    assert_eq!(lines.last().expect("lines")["step"], "done");
}

#[test]
fn it_signs_in_sells_retries_uploads_and_undoes() {
    let campus = Campus::new();
    let served = campus.serve();
    let key_of = |terminal| hex(served.keys.identity(terminal).key.as_bytes());
    let terminal = |terminal: protocol::ids::TerminalId| json!({ "terminal": terminal.0, "key": key_of(terminal), "epoch": 1 });
    let keys = json!({
        "terminals": [terminal(till(0)), terminal(COUNTER), terminal(GATEWAY)],
        "card_master": hex(served.keys.card_master().as_bytes()),
        "code_keys": [{ "id": 0, "key": hex(served.keys.code_key().as_bytes()) }],
        "cards": [{ "uid": card(4).0 }],
    });
    let file = campus.folder().join("keys.json");
    std::fs::write(&file, keys.to_string()).expect("writable");
    let port = served.address().port().to_string();
    let file = file.to_str().expect("UTF-8");
    for batch in ["10", "40"] {
        let lines = client(&[
            "--port",
            &port,
            "--keys",
            file,
            "--cashier-index",
            "1",
            "--gateway-index",
            "2",
            "--account",
            "4",
            "--batch",
            batch,
        ]);
        let steps: Vec<&str> = lines.iter().filter_map(|line| line["step"].as_str()).collect();
        for step in [
            "sign_in_with_a_wrong_key",
            "block_list",
            "top_up",
            "top_up_undo",
            "card_debit",
            "retry",
            "retry_in_a_new_session",
            "conflict",
            "loss_report",
            "password_debit",
            "code_debit",
            "code_again",
            "self_scan",
            "upload_again",
            "told_post",
            "gaps",
            "reversal",
            "void",
            "refund",
            "tender",
            "batch_settle",
            "bill",
            "statement",
            "done",
        ] {
            assert!(steps.contains(&step), "no {step} among {steps:?}");
        }
        assert!(lines.iter().all(|line| line.get("skipped").is_none()), "something was skipped: {lines:?}");
    }
    served.stop();
    campus.expect_sound();
}
