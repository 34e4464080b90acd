//! Golden bytes: `vectors.json` and the generated parts of `README.md` are what the code gives today.
//!
//! After a change of the wire that is meant, write them anew and read the difference:
//! `YIKA_REWRITE_GOLDEN=1 cargo test -p protocol --test wire golden`.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use protocol::answer::{Answer, Refusal};
use protocol::command_table::{COMMANDS, Direction, Kind, Stage};
use protocol::frame::{HEADER_BYTES, MAC_BYTES};
use protocol::holder_digest;
use protocol::keys::{self, Key128};
use protocol::mac::Cmac128;
use protocol::payment_code::{self, CodeRefusal, STEP_NS};
use protocol::request::Request;
use protocol::result_code::{ResultCode, TillAction};
use protocol::voice::Voice;
use zerocopy::IntoBytes;

use crate::json::{Json, hex};
use crate::layouts::{Field, Form, HEADER, OFFLINE_RECORD, body_of};
use crate::support::{
    CARD, CLIENT_NONCE, CODE_ACCOUNT, CODE_KEY_ID, CODE_NONCE, EPOCH, NOW_NS, PASSWORD, PHONE, SERVER_NONCE,
    TERMINAL, USER_ID, answer_to, batch_lines, bill_lines, card_master, code, code_key, holder_key, ids,
    master, offline_records, password_key, requests, scan_code, scan_key, sealed, sign_in, terminal_key,
    wrapping_key,
};

/// A frame of the vectors.
struct Example {
    name: String,
    direction: Direction,
    bytes: Vec<u8>,
}

impl Example {
    fn kind(&self) -> Kind {
        Kind::from_number(self.bytes[6]).expect("the code's own frame")
    }
}

struct Examples {
    sign_in: Vec<Example>,
    session: Vec<Example>,
    keys: [Key128; 2],
}

/// One sign-in and one session with a request of every kind; all frames sealed in the order of the list.
fn examples() -> Examples {
    let mut sides = sign_in();
    let records = offline_records();
    let (bill, batch) = (bill_lines(), batch_lines());
    let (up, down) = (Direction::ToServer, Direction::ToTill);
    let example =
        |name: &str, direction, bytes: &[u8]| Example { name: name.into(), direction, bytes: bytes.to_vec() };
    let sign_in = vec![
        example("hello", up, &sides.hello),
        example("challenge", down, &sides.challenge),
        example("prove", up, &sides.prove),
        example("welcome", down, &sides.welcome),
    ];
    let mut session = Vec::new();
    for (request_id, (name, sequence, request)) in (1..).zip(requests(&records)) {
        let mut bytes = Vec::new();
        request.append(&ids(sequence, request_id), &mut bytes).expect("fits");
        sides.till.seal(&mut bytes);
        let (header, _) = Request::decode(&bytes).expect("just encoded");
        session.push(example(name, up, &bytes));
        let answer = answer_to(header.kind, &bill, &batch);
        let mut bytes = Vec::new();
        answer.append(&header, &mut bytes).expect("fits");
        sides.server.seal(&mut bytes);
        session.push(example(&format!("{name}_answer"), down, &bytes));
        if name == "code_debit" {
            let refused = Refusal { code: ResultCode::Busy, offset: 0, value: 0 };
            let mut bytes = Vec::new();
            Answer::Refused(refused).append(&header, &mut bytes).expect("fits");
            sides.server.seal(&mut bytes);
            session.push(example("refused", down, &bytes));
        }
    }
    let transcript = [&sides.hello[..], &sides.challenge].concat();
    let mut key = Cmac128::new(&terminal_key());
    let keys = [b"YKupkey1", b"YKdnkey1"].map(|label| Key128::new(key.compute_parts(&[label, &transcript])));
    Examples { sign_in, session, keys }
}

fn value_of(form: Form, bytes: &[u8]) -> Json {
    let mut wide = [0; 8];
    if bytes.len() <= 8 {
        wide[..bytes.len()].copy_from_slice(bytes);
    }
    match form {
        Form::U8 | Form::U16 | Form::U32 | Form::U64 => Json::number(u64::from_le_bytes(wide)),
        Form::I16 => Json::number(i16::from_le_bytes([wide[0], wide[1]])),
        Form::I64 => Json::number(i64::from_le_bytes(wide)),
        Form::Zero(_) => {
            assert!(bytes.iter().all(|&byte| byte == 0), "reserved bytes are zero");
            Json::number(0)
        }
        Form::Bytes(_) => Json::hex(bytes),
        Form::Text(_) => {
            let text = core::str::from_utf8(bytes).expect("text");
            Json::text(text.trim_end_matches('\0'))
        }
    }
}

fn values_of(fields: &'static [Field], mut bytes: &[u8]) -> Vec<(&'static str, Json)> {
    let mut values = Vec::new();
    for (name, form, _) in fields {
        let (field, rest) = bytes.split_at(form.size());
        let value = value_of(*form, field);
        if !matches!(form, Form::Zero(_)) {
            values.push((*name, value));
        }
        bytes = rest;
    }
    values
}

fn json_of_frame(example: &Example) -> Json {
    let body = body_of(example.kind());
    let (header, rest) = example.bytes.split_at(HEADER_BYTES);
    let (body_bytes, mac) = rest.split_at(rest.len() - MAC_BYTES);
    let fixed = crate::layouts::size_of_fields(body.fields);
    let mut fields = values_of(body.fields, &body_bytes[..fixed]);
    if let Some(items) = body.items {
        let list = body_bytes[fixed..]
            .chunks_exact(crate::layouts::size_of_fields(items.fields))
            .map(|item| Json::Object(values_of(items.fields, item)))
            .collect();
        fields.push((items.name, Json::List(list)));
    }
    Json::Object(vec![
        ("name", Json::text(&*example.name)),
        ("kind", Json::text(example.kind().command().name)),
        ("to_server", Json::Truth(example.direction == Direction::ToServer)),
        ("header", Json::Object(values_of(HEADER, header))),
        ("body", Json::Object(fields)),
        ("mac", Json::hex(mac)),
        ("hex", Json::hex(&example.bytes)),
    ])
}

fn json_of_key(key: &Key128) -> Json {
    Json::hex(key.as_bytes())
}

fn vectors() -> String {
    let examples = examples();
    let transcript = [&examples.sign_in[0].bytes[..], &examples.sign_in[1].bytes].concat();
    let mut key = Cmac128::new(&terminal_key());
    let mut derive = |label: &[u8; 8]| Json::hex(&key.compute_parts(&[label, &transcript]));
    let (till_proof, server_proof) = (derive(b"YKprove1"), derive(b"YKserve1"));
    let [up, down] = &examples.keys;
    let frames = |list: &[Example]| Json::List(list.iter().map(json_of_frame).collect());
    let step = payment_code::step_at(NOW_NS);
    let judged = [-2_i64, -1, 0, 1, 2, 14, 15]
        .map(|steps| {
            let now_ns = (step as i64 + steps) as u64 * STEP_NS;
            let parsed = payment_code::parse(&code()).expect("digits");
            let outcome = match parsed.authenticate(&mut Cmac128::new(&code_key()), now_ns) {
                Ok(_) => "Authentic",
                Err(CodeRefusal::Expired) => "Expired",
                Err(CodeRefusal::NotAuthentic) => "NotAuthentic",
            };
            Json::Object(vec![("now_ns", Json::number(now_ns)), ("outcome", Json::text(outcome))])
        })
        .into();
    let records = offline_records()
        .iter()
        .map(|record| {
            Json::Object(vec![
                ("fields", Json::Object(values_of(OFFLINE_RECORD, record.as_bytes()))),
                ("hex", Json::hex(record.as_bytes())),
            ])
        })
        .collect();
    let codes = ResultCode::ALL
        .iter()
        .map(|code| {
            Json::Object(vec![
                ("number", Json::number(code.number())),
                ("name", Json::text(code.name())),
                ("action", Json::text(code.action().name())),
                ("used_up", Json::Truth(!code.is_transient())),
            ])
        })
        .collect();
    let voices = Voice::ALL
        .iter()
        .map(|&voice| {
            let after = kinds_that_succeed_with(voice).into_iter().map(Json::text).collect();
            let codes =
                codes_spoken_with(voice).into_iter().map(|code| Json::number(code.number())).collect();
            Json::Object(vec![
                ("number", Json::number(voice.number())),
                ("name", Json::text(voice.name())),
                ("text", Json::text(voice.text())),
                ("approved", Json::List(after)),
                ("codes", Json::List(codes)),
            ])
        })
        .collect();
    let [a, b, c] = terminal_key().check_value();
    Json::Object(vec![
        ("protocol_version", Json::number(1)),
        (
            "keys",
            Json::Object(vec![
                ("master", json_of_key(&master())),
                ("terminal", Json::number(TERMINAL.0)),
                ("terminal_key_version", Json::number(1)),
                ("terminal_key", json_of_key(&terminal_key())),
                ("terminal_key_check_value", Json::hex(&[a, b, c])),
                ("terminal_tac_key", json_of_key(&keys::derive_terminal_tac_key(&terminal_key(), TERMINAL))),
                ("card_master", json_of_key(&card_master())),
                ("card_uid", Json::number(CARD.0)),
                ("card_key", json_of_key(&keys::derive_card_key(&card_master(), CARD))),
                ("code_key_id", Json::number(CODE_KEY_ID)),
                ("code_key", json_of_key(&code_key())),
                ("holder_key", json_of_key(&holder_key())),
                ("wrapping_key", json_of_key(&wrapping_key())),
            ]),
        ),
        (
            "sign_in",
            Json::Object(vec![
                ("epoch", Json::number(EPOCH.0)),
                ("till_nonce", Json::hex(&CLIENT_NONCE)),
                ("server_nonce", Json::hex(&SERVER_NONCE)),
                ("till_proof", till_proof),
                ("server_proof", server_proof),
                ("up_key", json_of_key(up)),
                ("down_key", json_of_key(down)),
                ("frames", frames(&examples.sign_in)),
            ]),
        ),
        ("session", frames(&examples.session)),
        ("offline_records", Json::List(records)),
        (
            "payment_code",
            Json::Object(vec![
                ("key_id", Json::number(CODE_KEY_ID)),
                ("account", Json::number(CODE_ACCOUNT.0)),
                ("step", Json::number(step)),
                ("nonce", Json::number(CODE_NONCE)),
                ("digits", Json::text(core::str::from_utf8(&code()).expect("digits"))),
                ("judged", Json::List(judged)),
            ]),
        ),
        (
            "phone",
            Json::Object(vec![
                ("user_id", Json::text(USER_ID)),
                ("virtual_id", Json::number(holder_digest::virtual_id(&holder_key(), USER_ID).0)),
                ("phone", Json::text(PHONE)),
                ("phone_digest", Json::number(holder_digest::phone_digest(&holder_key(), PHONE).0)),
                ("password", Json::text(PASSWORD)),
                ("password_key", json_of_key(&password_key())),
                ("salt", Json::hex(b"salt-001")),
                ("sealed", Json::hex(&sealed(b"salt-001").0)),
            ]),
        ),
        ("self_scan", self_scan()),
        ("result_codes", Json::List(codes)),
        ("voices", Json::List(voices)),
    ])
    .render()
}

fn self_scan() -> Json {
    let code = scan_code();
    Json::Object(vec![
        ("scan_key", json_of_key(&scan_key())),
        ("terminal", Json::number(code.terminal.0)),
        ("epoch", Json::number(code.epoch.0)),
        ("sequence", Json::number(code.sequence.0)),
        ("amount_fen", Json::number(code.amount_fen)),
        ("till_time_s", Json::number(code.till_time_s)),
        ("mac", Json::hex(&code.mac)),
        ("text", Json::text(code.text().expect("in range").as_str())),
        ("confirmation", Json::text(format!("{:06}", code.confirmation(&scan_key())))),
    ])
}

fn scan_block() -> String {
    let code = scan_code();
    let mut mac_input = Vec::new();
    mac_input.extend_from_slice(&code.terminal.0.to_le_bytes());
    mac_input.extend_from_slice(&code.epoch.0.to_le_bytes());
    mac_input.extend_from_slice(b"QR");
    mac_input.extend_from_slice(&code.sequence.0.to_le_bytes());
    mac_input.extend_from_slice(&[0; 4]);
    mac_input.extend_from_slice(&code.amount_fen.to_le_bytes());
    mac_input.extend_from_slice(&code.till_time_s.to_le_bytes());
    let mut of_paid = mac_input.clone();
    of_paid[6..8].copy_from_slice(b"OK");
    let mut key = Cmac128::new(&scan_key());
    let (mac, paid) = (key.compute(&mac_input), key.compute(&of_paid));
    assert_eq!(mac[..8], code.mac);
    let number = u64::from_le_bytes(paid[..8].try_into().expect("eight bytes"));
    assert_eq!(number % 1_000_000, u64::from(code.confirmation(&scan_key())));
    let text = code.text().expect("in range");
    let mut out = String::from("```text\n");
    for (name, value) in [
        ("scan key", hex(scan_key().as_bytes())),
        ("MAC input", hex(&mac_input)),
        ("MAC", hex(&mac)),
        ("text", text.as_str().to_owned()),
        ("with \"OK\"", hex(&paid)),
        ("number", format!("{number}")),
        ("confirmation", format!("{:06}", number % 1_000_000)),
    ] {
        writeln!(out, "{name:<12}  {value}").expect("a String takes all");
    }
    out.push_str("```\n");
    out
}

/// A frame, sixteen bytes a line, the parts apart.
fn dump(bytes: &[u8], out: &mut String) {
    let mac_offset = bytes.len() - MAC_BYTES;
    let mut part = |from: usize, to: usize, name: &str| {
        for offset in (from..to).step_by(16) {
            let line = &bytes[offset..to.min(offset + 16)];
            let text: Vec<String> = line.iter().map(|byte| format!("{byte:02x}")).collect();
            let name = if offset == from { name } else { "" };
            writeln!(out, "{:<55}", format!("{offset:5}  {}", text.join(" "))).expect("a String takes all");
            let end = out.trim_end().len();
            out.truncate(end);
            if name.is_empty() {
                out.push('\n');
            } else {
                let pad = " ".repeat(48 - line.len() * 3 + 2);
                writeln!(out, "{pad}{name}").expect("a String takes all");
            }
        }
    };
    part(0, HEADER_BYTES, "header");
    part(HEADER_BYTES, mac_offset, "body");
    part(mac_offset, bytes.len(), "MAC");
}

fn field_rows(fields: &[Field], start: usize, out: &mut String) {
    out.push_str("| at | size | type | field | meaning |\n|---:|---:|---|---|---|\n");
    let mut offset = start;
    for (name, form, meaning) in fields {
        writeln!(out, "| {offset} | {} | {} | {name} | {meaning} |", form.size(), form.name())
            .expect("a String takes all");
        offset += form.size();
    }
}

/// The layout of a kind and, unless a later example shows it better, its bytes.
fn kind_section(kind: Kind, examples: &Examples) -> String {
    let command = kind.command();
    let body = body_of(kind);
    let mut out = String::new();
    let mut heading = format!("### {} (0x{:02x})", command.name, kind.number());
    match kind.answer() {
        Some(answer) => write!(heading, ", answered by {}", answer.command().name),
        None => Ok(()),
    }
    .expect("a String takes all");
    writeln!(out, "{heading}\n").expect("a String takes all");
    if body.fields.is_empty() {
        out.push_str("No body.\n");
    } else {
        field_rows(body.fields, HEADER_BYTES, &mut out);
        if let Some(items) = &body.items {
            writeln!(
                out,
                "\nThen `count` {}, each of {} bytes (offsets from its own start):\n",
                items.name,
                crate::layouts::size_of_fields(items.fields)
            )
            .expect("a String takes all");
            field_rows(items.fields, 0, &mut out);
        }
    }
    let shown = examples.sign_in.iter().chain(&examples.session).find(|example| example.kind() == kind);
    let shown = shown.unwrap_or_else(|| panic!("{} has no example", command.name));
    writeln!(out, "\n`{}` in the vectors, {} bytes:\n\n```text", shown.name, shown.bytes.len())
        .expect("a String takes all");
    dump(&shown.bytes, &mut out);
    out.push_str("```\n");
    out
}

fn kinds_table() -> String {
    let mut out = String::from(
        "| kind | name | direction | when | frame bytes | sequence | who |\n|---|---|---|---|---|---|---|\n",
    );
    for command in COMMANDS {
        let (min, max) = (command.frame_bytes_min(), command.frame_bytes_max());
        let size = if min == max { format!("{min}") } else { format!("{min} to {max}") };
        let direction = match command.direction {
            Direction::ToServer => "to server",
            Direction::ToTill => "to till",
        };
        let stage = match command.stage {
            Stage::SignIn => "sign-in",
            Stage::Session => "session",
            Stage::Any => "any time",
        };
        let sequence = if command.consumes_sequence { "takes one" } else { "" };
        let everyone = protocol::terminal_kind::TerminalKind::ALL;
        let senders: Vec<_> = everyone
            .into_iter()
            .filter(|kind| command.may_be_sent_by(*kind))
            .map(|kind| kind.name())
            .collect();
        let who = if command.direction == Direction::ToTill {
            String::new()
        } else if senders.len() == everyone.len() {
            "all".into()
        } else {
            senders.join(", ")
        };
        writeln!(
            out,
            "| 0x{:02x} | {} | {direction} | {stage} | {size} | {sequence} | {who} |",
            command.kind.number(),
            command.name,
        )
        .expect("a String takes all");
    }
    out
}

fn codes_table() -> String {
    let mut out =
        String::from("| code | name | action | sequence used up | meaning |\n|---:|---|---|---|---|\n");
    for code in ResultCode::ALL {
        let used = if code.is_transient() { "no" } else { "yes" };
        let meaning = code.meaning().trim();
        writeln!(
            out,
            "| {} | {} | {} | {used} | {meaning} |",
            code.number(),
            code.name(),
            code.action().name()
        )
        .expect("a String takes all");
    }
    out
}

/// The requests whose answers tell an outcome.
fn requests_with_an_outcome() -> impl Iterator<Item = Kind> {
    COMMANDS.iter().filter(|command| command.direction == Direction::ToServer).filter_map(|command| {
        let answer = command.kind.answer()?;
        let fields = body_of(answer).fields;
        (answer != Kind::Refused && fields.iter().any(|(name, ..)| *name == "flags")).then_some(command.kind)
    })
}

/// After which requests this is said when they are approved.
fn kinds_that_succeed_with(voice: Voice) -> Vec<&'static str> {
    let says_it = |kind: &Kind| Voice::of(*kind, ResultCode::Approved) == voice;
    requests_with_an_outcome().filter(says_it).map(|kind| kind.command().name).collect()
}

/// The other codes that it is said about.
fn codes_spoken_with(voice: Voice) -> Vec<ResultCode> {
    let says_it = |code: &ResultCode| !code.is_approved() && Voice::of(Kind::CardDebit, *code) == voice;
    ResultCode::ALL.iter().copied().filter(says_it).collect()
}

fn voices_table() -> String {
    let mut out = String::from(
        "| voice | name | spoken and shown | says | after an approved | and after |\n|---:|---|---|---|---|---|\n",
    );
    for &voice in Voice::ALL {
        let codes: Vec<_> = codes_spoken_with(voice).into_iter().map(ResultCode::name).collect();
        let (approved, codes) = (kinds_that_succeed_with(voice).join(", "), codes.join(", "));
        writeln!(
            out,
            "| {} | {} | {} | {} | {approved} | {codes} |",
            voice.number(),
            voice.name(),
            voice.text(),
            voice.meaning().trim(),
        )
        .expect("a String takes all");
    }
    out
}

fn actions_table() -> String {
    let mut out = String::from("| number | action | the till |\n|---:|---|---|\n");
    for action in TillAction::ALL {
        writeln!(out, "| {} | {} | {} |", action.number(), action.name(), action.meaning().trim())
            .expect("a String takes all");
    }
    out
}

fn keys_block() -> String {
    let Examples { keys: [up, down], .. } = examples();
    let lines = [
        ("campus master", master()),
        ("terminal key (terminal 101, key version 1)", terminal_key()),
        ("terminal TAC key", keys::derive_terminal_tac_key(&terminal_key(), TERMINAL)),
        ("terminal scan key", scan_key()),
        ("card master", card_master()),
        ("card key (card 0x00a1b2c3d4e5)", keys::derive_card_key(&card_master(), CARD)),
        ("code key (key id 1)", code_key()),
        ("holder key", holder_key()),
        ("up key of the example session", up),
        ("down key of the example session", down),
        ("password key of the example session", password_key()),
        ("wrapping key of the example session", wrapping_key()),
    ];
    let mut out = String::from("```text\n");
    for (name, key) in lines {
        writeln!(out, "{name:<44}{}", hex(key.as_bytes())).expect("a String takes all");
    }
    let check = hex(&terminal_key().check_value());
    writeln!(out, "{:<44}{check}\n```", "check value of the terminal key").expect("a String takes all");
    out
}

fn code_block() -> String {
    let step = payment_code::step_at(NOW_NS);
    let digits = String::from_utf8(code().to_vec()).expect("digits");
    let number: u128 = digits.parse().expect("digits");
    let mut input = step.to_le_bytes().to_vec();
    input.extend_from_slice(&CODE_ACCOUNT.0.to_le_bytes());
    input.extend_from_slice(&[CODE_KEY_ID, CODE_NONCE, b'P', b'C']);
    let mac = Cmac128::new(&code_key()).compute(&input);
    format!(
        "```text\ntime        {NOW_NS} ns\nstep        {step}\nMAC input   {}\nMAC         {}\n\
         number      0x{number:017x}\ndigits      {digits}\n```\n",
        hex(&input),
        hex(&mac),
    )
}

fn phone_block() -> String {
    let mut block = PASSWORD.as_bytes().to_vec();
    block.extend_from_slice(&[0, 0]);
    block.extend_from_slice(b"salt-001");
    format!(
        "```text\nuser id      {USER_ID}\nvirtual id   {}\nphone        {PHONE}\nphone digest {}\n\
         password     {PASSWORD}, salt {}\nblock        {}\nsealed       {}\n```\n",
        holder_digest::virtual_id(&holder_key(), USER_ID),
        holder_digest::phone_digest(&holder_key(), PHONE),
        hex(b"salt-001"),
        hex(&block),
        hex(&sealed(b"salt-001").0),
    )
}

fn record_block() -> String {
    let mut out = String::new();
    field_rows(OFFLINE_RECORD, 0, &mut out);
    out
}

fn header_block() -> String {
    let mut out = String::new();
    field_rows(HEADER, 0, &mut out);
    out
}

/// Puts each generated block between its marks.
fn fill(document: &str) -> String {
    let examples = examples();
    let mut out = String::new();
    let mut rest = document;
    while let Some((before, after)) = rest.split_once("<!-- generated: ") {
        let (name, after) = after.split_once(" -->\n").expect("a mark has an end");
        let (_, after) = after.split_once("<!-- end -->").expect("a block has an end");
        let block = match name {
            "header" => header_block(),
            "kinds" => kinds_table(),
            "codes" => codes_table(),
            "actions" => actions_table(),
            "voices" => voices_table(),
            "keys" => keys_block(),
            "payment-code" => code_block(),
            "phone" => phone_block(),
            "offline-record" => record_block(),
            "self-scan" => scan_block(),
            _ => {
                let command = COMMANDS.iter().find(|command| command.name == name);
                kind_section(command.unwrap_or_else(|| panic!("no block is called {name}")).kind, &examples)
            }
        };
        write!(out, "{before}<!-- generated: {name} -->\n{block}<!-- end -->").expect("a String takes all");
        rest = after;
    }
    out.push_str(rest);
    out
}

fn path_of(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

fn hold(file: &str, expected: &str) {
    let path = path_of(file);
    if std::env::var_os("YIKA_REWRITE_GOLDEN").is_some() {
        fs::write(&path, expected).expect("the golden file can be written");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    let differs = found.lines().zip(expected.lines()).position(|(found, expected)| found != expected);
    assert!(
        found == expected,
        "{file} isn't what the code gives (first at line {}). If the change is meant: \
         YIKA_REWRITE_GOLDEN=1 cargo test -p protocol --test wire golden",
        differs.map_or(found.lines().count().min(expected.lines().count()), |line| line) + 1
    );
}

#[test]
fn vectors_are_what_the_code_gives() {
    hold("vectors.json", &vectors());
}

#[test]
fn readme_is_what_the_code_gives() {
    let readme = fs::read_to_string(path_of("README.md")).expect("README.md is there");
    for command in COMMANDS {
        assert!(
            readme.contains(&format!("<!-- generated: {} -->", command.name)),
            "{} is missing",
            command.name
        );
    }
    hold("README.md", &fill(&readme));
}
