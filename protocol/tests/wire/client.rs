//! The asynchronous client against a small server on a loopback socket.

use std::time::Duration;

use protocol::answer::{Answer, BillAnswer, Refusal};
use protocol::client::{Client, ClientError, SaleIdentity, SignInTimeouts};
use protocol::frame;
use protocol::ids::Sequence;
use protocol::request::{Request, Upload};
use protocol::result_code::ResultCode;
use protocol::session::Session;
use protocol::sign_in::{ServerHandshake, SignInError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{
    CLIENT_NONCE, EPOCH, SERVER_NONCE, answer_to, batch_lines, bill_lines, identity, offline_records,
    requests, terminal_key, welcome,
};

/// Long enough that no test waits for it.
const LONG: Duration = Duration::from_secs(60);

async fn read_frame(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = vec![0; frame::LENGTH_PREFIX_BYTES];
    stream.read_exact(&mut bytes).await.expect("a frame's beginning");
    let length = frame::length(&bytes).expect("a good beginning").expect("enough of it");
    let have = bytes.len();
    bytes.resize(length, 0);
    stream.read_exact(&mut bytes[have..]).await.expect("a frame's end");
    bytes
}

async fn accept(listener: &TcpListener) -> (TcpStream, Session) {
    let (mut stream, _) = listener.accept().await.expect("a client connects");
    let hello = read_frame(&mut stream).await;
    let (handshake, challenge) =
        ServerHandshake::on_hello(&hello, SERVER_NONCE, |_| Some(terminal_key())).expect("a good Hello");
    stream.write_all(&challenge).await.expect("the client reads");
    let prove = read_frame(&mut stream).await;
    let (session, welcome) = handshake.on_prove(&prove).expect("a good Prove").welcome(&welcome());
    stream.write_all(&welcome).await.expect("the client reads");
    (stream, session)
}

/// Reads one request and gives its answer, sealed.
async fn answer_next(stream: &mut TcpStream, session: &mut Session) -> Vec<u8> {
    let up = read_frame(stream).await;
    session.open(&up).expect("sealed by the client");
    let (header, _) = Request::decode(&up).expect("encoded by the client");
    let (bill, batch) = (bill_lines(), batch_lines());
    let mut down = Vec::new();
    answer_to(header.kind, &bill, &batch).append(&header, &mut down).expect("fits");
    session.seal(&mut down);
    down
}

async fn connected() -> (Client, TcpStream, Session) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let identity = identity();
    let timeouts = SignInTimeouts { connect: LONG, answer: LONG };
    let client = Client::connect(address, &identity, CLIENT_NONCE, timeouts);
    let (client, (stream, session)) = tokio::join!(client, accept(&listener));
    let (client, told) = client.expect("signed in");
    assert_eq!(told, welcome());
    (client, stream, session)
}

fn sale(sequence: u32) -> SaleIdentity {
    SaleIdentity { epoch: EPOCH, sequence: Sequence(sequence) }
}

#[tokio::test]
async fn one_request_of_every_kind() {
    let (mut client, mut stream, mut session) = connected().await;
    let records = offline_records();
    let (bill, batch) = (bill_lines(), batch_lines());
    let server = async {
        for _ in requests(&records) {
            let down = answer_next(&mut stream, &mut session).await;
            // Byte by byte in two halves, so that frames arrive in parts.
            let (first, second) = down.split_at(down.len() / 2);
            stream.write_all(first).await.expect("the client reads");
            stream.write_all(second).await.expect("the client reads");
        }
    };
    let till = async {
        for (name, sequence, request) in requests(&records) {
            let answer = client.call(sale(sequence), &request, LONG).await.expect(name);
            assert_eq!(answer, answer_to(request.kind(), &bill, &batch), "{name}");
        }
    };
    tokio::join!(server, till);
}

#[tokio::test]
async fn a_call_that_timed_out_does_not_cost_the_session() {
    let (mut client, mut stream, mut session) = connected().await;
    let records = offline_records();
    let all = requests(&records);
    let (_, sequence, debit) = all[1];
    let late = client.call(sale(sequence), &debit, Duration::ZERO).await;
    assert!(matches!(late, Err(ClientError::TimedOut)), "nobody answers");
    let till = client.call(sale(sequence), &debit, LONG);
    let server = async {
        for _ in 0..2 {
            let down = answer_next(&mut stream, &mut session).await;
            stream.write_all(&down).await.expect("the client reads");
        }
    };
    let (answer, ()) = tokio::join!(till, server);
    assert_eq!(answer.expect("the answer to the retry"), answer_to(debit.kind(), &[], &[]));
}

#[tokio::test]
async fn both_halves_keep_many_requests_in_flight() {
    let (client, mut stream, mut session) = connected().await;
    let (mut sender, mut receiver) = client.into_split();
    let records = vec![offline_records()[0]; 2_000];
    let upload = Request::Upload(Upload { batch: 1, records: &records });
    let till = async {
        for number in 1..=3 {
            let request_id = sender.queue(sale(0), &upload).expect("room for three");
            assert_eq!(request_id.0, number);
        }
        sender.flush().await.expect("the server reads");
        assert_eq!(sender.unwritten_bytes(), 0);
        for number in 1..=3 {
            let (header, _) = receiver.receive().await.expect("an answer");
            assert_eq!(header.request_id.0, number);
        }
        assert!(matches!(receiver.receive().await, Err(ClientError::Closed)));
    };
    let server = async move {
        let mut answers = Vec::new();
        for _ in 1..=3 {
            answers.extend(answer_next(&mut stream, &mut session).await);
        }
        stream.write_all(&answers).await.expect("the client reads");
    };
    tokio::join!(till, server);
}

#[tokio::test]
async fn refusals_and_forgeries() {
    let (mut client, mut stream, mut session) = connected().await;
    let records = offline_records();
    let (_, sequence, debit) = requests(&records)[1];
    let refusal = Refusal::new(ResultCode::Fenced);
    let server = async {
        let up = read_frame(&mut stream).await;
        let mut down = refusal.frame(&up);
        session.seal(&mut down);
        stream.write_all(&down).await.expect("the client reads");
        let mut down = answer_next_unchecked(&mut stream).await;
        let end = down.len() - 1;
        session.seal(&mut down);
        down[end] ^= 1;
        stream.write_all(&down).await.expect("the client reads");
    };
    let till = async {
        let answer = client.call(sale(sequence), &debit, LONG).await.expect("a refusal is an answer");
        assert_eq!(answer, Answer::Refused(refusal));
        let forged = client.call(sale(sequence), &debit, LONG).await;
        assert!(matches!(forged, Err(ClientError::Open(protocol::session::OpenError::BadMac))));
    };
    tokio::join!(server, till);
}

/// Reads one request and gives its answer, not sealed.
async fn answer_next_unchecked(stream: &mut TcpStream) -> Vec<u8> {
    let up = read_frame(stream).await;
    let (header, _) = Request::decode(&up).expect("encoded by the client");
    let mut down = Vec::new();
    answer_to(header.kind, &[], &[]).append(&header, &mut down).expect("fits");
    down
}

#[tokio::test]
async fn a_wrong_answer_and_a_refused_sign_in() {
    let (mut client, mut stream, mut session) = connected().await;
    let records = offline_records();
    let (_, sequence, debit) = requests(&records)[1];
    let server = async {
        let up = read_frame(&mut stream).await;
        let (mut header, _) = Request::decode(&up).expect("encoded by the client");
        header.kind = protocol::command_table::Kind::Bill;
        let code = ResultCode::UnknownAccount;
        let page = BillAnswer { code, account: None, next_before: Default::default(), lines: &[] };
        let mut down = Vec::new();
        Answer::Bill(page).append(&header, &mut down).expect("fits");
        session.seal(&mut down);
        stream.write_all(&down).await.expect("the client reads");
    };
    let till = async {
        let wrong = client.call(sale(sequence), &debit, LONG).await;
        assert!(matches!(wrong, Err(ClientError::WrongAnswer(_))));
    };
    tokio::join!(server, till);

    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let identity = identity();
    let timeouts = SignInTimeouts { connect: LONG, answer: LONG };
    let till = Client::connect(address, &identity, CLIENT_NONCE, timeouts);
    let server = async {
        let (mut stream, _) = listener.accept().await.expect("a client connects");
        let hello = read_frame(&mut stream).await;
        let refused = Refusal::new(ResultCode::UnknownTerminal);
        stream.write_all(&refused.frame(&hello)).await.expect("the client reads");
    };
    let (refused, ()) = tokio::join!(till, server);
    let expected = SignInError::Refused(Refusal::new(ResultCode::UnknownTerminal));
    assert!(matches!(refused, Err(ClientError::SignIn(error)) if error == expected));
}
