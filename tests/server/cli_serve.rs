//! `yika serve` when it can't, and what each command says of itself.

use std::ffi::OsString;
use std::fs;
use std::net::TcpListener;
use std::path::Path;

use crate::campus::{Campus, till};
use crate::program::{Serving, fail, run, succeed};
use crate::wire_till::WireTill;

fn serve_arguments(data_dir: &Path, more: &[&str]) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = vec!["serve".into(), "--data".into(), data_dir.into()];
    if !more.contains(&"--listen") {
        arguments.extend(["--listen".into(), "127.0.0.1:0".into()]);
    }
    arguments.extend(more.iter().map(OsString::from));
    arguments
}

#[test]
fn books_of_another_version_or_of_nothing_are_refused() {
    let campus = Campus::new();
    let data = campus.data_dir();
    let format = fs::read_to_string(data.join("FORMAT")).expect("a FORMAT file");
    fs::write(data.join("FORMAT"), "yika data 2\n").expect("writable");
    for command in ["serve", "verify", "inspect", "cutoff"] {
        let errors = fail([command.into(), "--data".into(), OsString::from(&data)]);
        assert!(errors.contains("FORMAT says \"yika data 2\\n\""), "{command}: {errors}");
        assert!(errors.contains("this program reads \"yika data 1\\n\""), "{command}: {errors}");
    }
    fs::write(data.join("FORMAT"), format).expect("writable");
    Serving::start(&data, &[]).terminate();

    let foreign = campus.folder().join("photos");
    fs::create_dir(&foreign).expect("a folder");
    fs::write(foreign.join("cat.jpg"), "miaow").expect("writable");
    let errors = fail(serve_arguments(&foreign, &[]));
    assert!(errors.contains("not empty, and not a data directory"), "{errors}");
    let nowhere = campus.folder().join("nowhere");
    let errors = fail(["verify".into(), "--data".into(), OsString::from(&nowhere)]);
    assert!(errors.contains("nowhere: no data directory here"), "{errors}");
    assert!(!nowhere.exists(), "a command that only reads makes nothing");
}

#[test]
fn books_in_use_name_the_process_that_uses_them() {
    let campus = Campus::new();
    let serving = Serving::start(&campus.data_dir(), &[]);
    let said = format!("is in use by process {}", serving.id());
    let errors = fail(serve_arguments(&campus.data_dir(), &[]));
    assert!(errors.contains(&said), "{errors}");
    let errors = fail(["cutoff".into(), "--data".into(), OsString::from(campus.data_dir())]);
    assert!(errors.contains(&said), "{errors}");
    // Who only reads isn't turned away, and the server isn't disturbed.
    succeed(["verify".into(), "--data".into(), OsString::from(campus.data_dir())]);
    WireTill::sign_in(serving.address(), &campus.keys().identity(till(0))).sign_out();
    serving.kill();
    Serving::start(&campus.data_dir(), &[]).terminate();
}

#[test]
fn a_port_in_use_is_named_and_the_books_are_let_go() {
    let campus = Campus::new();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    let errors = fail(serve_arguments(&campus.data_dir(), &["--listen", &address]));
    assert!(errors.contains(&format!("cannot listen on {address}: ")), "{errors}");
    assert!(errors.contains("Address already in use"), "{errors}");
    assert!(errors.contains("choose another address with --listen"), "{errors}");
    Serving::start(&campus.data_dir(), &[]).terminate();
}

#[test]
fn settings_out_of_range_are_named() {
    let campus = Campus::new();
    for (arguments, said) in [
        (["--log-bytes-max", "1000"], "log_bytes_max: must be at least one segment"),
        (["--shards", "3"], "shards can't be 3: a power of two"),
        (["--accounts-max", "0"], "accounts_max can't be 0"),
    ] {
        let errors = fail(serve_arguments(&campus.data_dir(), &arguments));
        assert!(errors.contains(said), "{errors}");
    }
    let unknown = run(serve_arguments(&campus.data_dir(), &["--colour", "red"]));
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("--colour"));
}

#[test]
fn every_command_explains_itself() {
    let help = succeed(["--help"]);
    for command in ["serve", "gateway", "import", "keys", "cutoff", "verify", "settle", "inspect", "rush"] {
        assert!(help.contains(&format!("\n  {command} ")), "{command} isn't listed:\n{help}");
    }
    assert!(help.contains("yika serve --data DIR"), "no examples:\n{help}");
    for command in [
        &["serve"][..],
        &["gateway"],
        &["import", "holders"],
        &["import", "campus"],
        &["keys"],
        &["cutoff"],
        &["verify"],
        &["settle"],
        &["inspect"],
        &["rush"],
    ] {
        let help = succeed([command, &["--help"]].concat());
        assert!(help.contains(&format!("Usage: yika {}", command.join(" "))), "{help}");
        // An option stands above its explanation, or beside it.
        let lines: Vec<&str> = help.lines().collect();
        for (line, next) in lines.iter().zip(lines.iter().skip(1).chain([&""])) {
            let option = line.trim_start();
            if option.starts_with("--") || option.starts_with("-h") {
                let explained = option.split_once("  ").is_some_and(|(_, text)| !text.trim().is_empty())
                    || next.starts_with("          ");
                assert!(explained, "{command:?}: an option without a word about it: {line:?}");
            }
        }
    }
}
