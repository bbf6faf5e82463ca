//! What happens to a request on its way: what had surely no effect is told from what perhaps had one, and only reads are repeated.

use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tenantry::portal::profile::http::connection::Method;
use tenantry::portal::rest::transport::{Client, Request, SendError};

use super::kit::{Server, client_of, connection, get, json, key, open, raw, spec, write};

const WHOLE: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n[]";

/// Counts how often a server of faults was asked.
fn faulty(fault: impl Fn(TcpStream) + Send + 'static, good_after: usize) -> (Client, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let address = raw(move |number, _, stream| {
        counted.fetch_add(1, Ordering::SeqCst);
        if number < good_after { fault(stream) } else { write(stream, WHOLE) }
    });
    (client_of(address), count)
}

async fn post(client: &Client) -> SendError {
    client.send(&Request::new(Method::Post, "users")).await.unwrap_err()
}

type Fault = fn(TcpStream);

/// What can go wrong once a request is out.
const FAULTS: [(&str, Fault); 4] = [
    ("no answer at all", |stream| drop(stream.shutdown(Shutdown::Both))),
    ("a head that is cut", |stream| write(stream, "HTTP/1.1 200 OK\r\nContent-Ty")),
    ("a body that is cut", |stream| write(stream, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n[")),
    ("a chunk that is cut", |stream| {
        write(stream, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n[")
    }),
];

#[tokio::test]
async fn a_write_without_a_whole_answer_is_uncertain_and_sent_once() {
    for (what, fault) in FAULTS {
        let (client, count) = faulty(fault, usize::MAX);
        let error = post(&client).await;
        assert!(matches!(error, SendError::NoAnswer(_)), "{what}: {error:?}");
        assert_eq!(count.load(Ordering::SeqCst), 1, "{what}");
    }
}

#[tokio::test]
async fn a_read_without_a_whole_answer_is_repeated_a_few_times() {
    for (what, fault) in FAULTS {
        let (client, count) = faulty(fault, 2);
        get(&client, "users").await.unwrap_or_else(|e| panic!("{what}: {e}"));
        assert_eq!(count.load(Ordering::SeqCst), 3, "{what}");
        let (client, count) = faulty(fault, usize::MAX);
        assert!(matches!(get(&client, "users").await, Err(SendError::NoAnswer(_))), "{what}");
        assert_eq!(count.load(Ordering::SeqCst), 3, "{what}: it ends");
    }
}

#[tokio::test]
async fn a_call_that_only_reads_is_repeated_whatever_its_method() {
    let server = Server::start(|_, number| json(if number == 0 { 502 } else { 200 }, "[]")).await;
    server.client(key()).send(&Request::new(Method::Post, "list").only_reads()).await.unwrap();
    assert_eq!(server.lines(), ["POST /list", "POST /list"]);
}

#[tokio::test]
async fn a_server_that_is_not_there_had_no_request() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = post(&client_of(nobody)).await;
    assert!(matches!(&error, SendError::NotSent(why) if why.contains(&format!("http://{nobody} cannot be reached"))), "{error:?}");
    let nowhere = open(&spec("https://portal.invalid"), connection(key())).unwrap();
    assert!(matches!(post(&nowhere).await, SendError::NotSent(_)));
}

#[tokio::test]
async fn a_slow_answer_is_waited_for_so_long_and_no_longer() {
    let server = Server::slow(Duration::from_secs(5), |_, _| json(200, "[]")).await;
    let mut connection = connection(key());
    connection.request_timeout = Duration::from_millis(200);
    let client = open(&server.spec(), connection).unwrap();
    let began = Instant::now();
    let error = post(&client).await;
    assert!(matches!(&error, SendError::NoAnswer(why) if why.ends_with("did not answer in time")), "{error:?}");
    assert!(began.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn a_connection_that_does_not_come_about_in_time_had_no_request() {
    // Somebody takes the connection and never says a word of TLS.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut connection = connection(key());
    connection.connect_timeout = Duration::from_millis(200);
    let client = open(&spec(&format!("https://{}", silent.local_addr().unwrap())), connection).unwrap();
    let began = Instant::now();
    let error = post(&client).await;
    assert!(matches!(&error, SendError::NotSent(why) if why.ends_with("no connection in time")), "{error:?}");
    assert!(began.elapsed() < Duration::from_secs(3), "and the longer limit for an answer is not waited for");
}

#[tokio::test]
async fn a_body_that_trickles_is_under_the_same_limit() {
    let address = raw(|_, _, stream| {
        write(stream.try_clone().unwrap(), "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n[");
        std::thread::sleep(Duration::from_secs(5));
        write(stream, "]");
    });
    let mut connection = connection(key());
    connection.request_timeout = Duration::from_millis(200);
    let client = open(&spec(&format!("http://{address}")), connection).unwrap();
    assert!(matches!(post(&client).await, SendError::NoAnswer(_)));
}

#[tokio::test]
async fn one_connection_serves_many_requests() {
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    let address = raw(move |_, _, mut stream| {
        counted.fetch_add(1, Ordering::SeqCst);
        for _ in 0..3 {
            write(stream.try_clone().unwrap(), "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]");
            super::kit::head(&mut stream);
        }
    });
    let client = client_of(address);
    for _ in 0..3 {
        get(&client, "users").await.unwrap();
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_connection_that_the_server_closed_meanwhile_is_not_used() {
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    let address = raw(move |_, _, stream| {
        counted.fetch_add(1, Ordering::SeqCst);
        // Says that it will go on, and goes.
        write(stream, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]");
    });
    let client = client_of(address);
    for _ in 0..3 {
        client.send(&Request::new(Method::Post, "users")).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(connections.load(Ordering::SeqCst), 3);
}
