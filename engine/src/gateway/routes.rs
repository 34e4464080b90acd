//! What the gateway answers over HTTP.
//!
//! | listener | request | answer |
//! |---|---|---|
//! | notifications | `POST /notify/wechat-pay` | 200 once the credit is durable; anything else: the platform sends it again |
//! | app | `POST /top-ups` `{"student_no", "amount_fen", "payer"}` | the order, and what the phone's app needs to have it paid |
//! | app | `GET /top-ups/ORDER` | asks the platform, credits what is paid: `credited` or `unpaid` |
//! | app | `GET /figures` | counts since the start |
//!
//! The app's backend shows a token with each request: `Authorization: Bearer TOKEN`.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use ring::hmac;
use serde::Serialize;
use serde_json::{Value, json};

use super::desk::{CreditError, Desk, OrderError, Wanted};
use super::payment_channel::NotificationError;
use super::till::TillError;
use super::unix_now_s;
use crate::data_dir::random_bytes;

/// What the payment platform reaches.
pub fn notifications(desk: Arc<Desk>) -> Router {
    Router::new().route("/notify/wechat-pay", post(notified)).with_state(desk)
}

/// What the app's backend reaches, with its token.
pub fn app(desk: Arc<Desk>, token: &str) -> Router {
    let guard = Guard::new(token);
    Router::new()
        .route("/top-ups", post(order))
        .route("/top-ups/{order}", get(look))
        .route("/figures", get(figures))
        .with_state(desk)
        .layer(from_fn_with_state(guard, known))
}

/// Compares tokens in the same time whatever they are: by their MACs under a key of this process alone.
#[derive(Clone)]
struct Guard {
    key: hmac::Key,
    expected: hmac::Tag,
}

impl Guard {
    fn new(token: &str) -> Guard {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &random_bytes::<32>());
        let expected = hmac::sign(&key, format!("Bearer {token}").as_bytes());
        Guard { key, expected }
    }

    fn lets_in(&self, headers: &HeaderMap) -> bool {
        let shown = headers.get(header::AUTHORIZATION).map_or(&b""[..], |value| value.as_bytes());
        hmac::verify(&self.key, shown, self.expected.as_ref()).is_ok()
    }
}

async fn known(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    if guard.lets_in(request.headers()) {
        next.run(request).await
    } else {
        said(StatusCode::UNAUTHORIZED, &json!({ "error": "header Authorization isn't the app's token" }))
    }
}

async fn notified(
    State(desk): State<Arc<Desk>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return failed(rejection.status(), &rejection.body_text()),
    };
    let payment = match desk.channel().open(&headers, &body, unix_now_s()) {
        Ok(payment) => payment,
        Err(error @ NotificationError::NotAuthentic(_)) => {
            desk.count_not_authentic();
            tracing::warn!(%error, "a notification that isn't the platform's");
            return failed(StatusCode::UNAUTHORIZED, &error.to_string());
        }
        Err(error @ NotificationError::Unacceptable(_)) => {
            desk.count_not_credited();
            tracing::error!(%error, "the platform told of something that no account can be credited for");
            return failed(StatusCode::UNPROCESSABLE_ENTITY, &error.to_string());
        }
    };
    match desk.credit(&payment).await {
        Ok(_) => said(StatusCode::OK, &json!({ "code": "SUCCESS" })),
        Err(error) => failed(status_of_credit(&error), &error.to_string()),
    }
}

/// What makes the platform send a notification again.
fn failed(status: StatusCode, message: &str) -> Response {
    said(status, &json!({ "code": "FAIL", "message": message }))
}

fn status_of_credit(error: &CreditError) -> StatusCode {
    match error {
        CreditError::Ticket(_) | CreditError::Amount { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        CreditError::Refused { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        CreditError::Till(error) => status_of_till(*error),
    }
}

fn status_of_till(error: TillError) -> StatusCode {
    match error {
        TillError::Busy | TillError::NoAnswer => StatusCode::SERVICE_UNAVAILABLE,
        TillError::Refused(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

async fn order(State(desk): State<Arc<Desk>>, body: Result<Bytes, BytesRejection>) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return said(rejection.status(), &json!({ "error": rejection.body_text() })),
    };
    let wanted: Wanted = match serde_json::from_slice(&body) {
        Ok(wanted) => wanted,
        Err(error) => {
            return said(
                StatusCode::UNPROCESSABLE_ENTITY,
                &json!({ "error": format!("the request: {error}") }),
            );
        }
    };
    answer(desk.order(wanted).await)
}

async fn look(State(desk): State<Arc<Desk>>, Path(number): Path<String>) -> Response {
    answer(desk.look(&number).await)
}

async fn figures(State(desk): State<Arc<Desk>>) -> Response {
    answer(Ok(desk.figures()))
}

fn answer<T: Serialize>(result: Result<T, OrderError>) -> Response {
    match result {
        Ok(done) => said(StatusCode::OK, &json!(done)),
        Err(error) => said(status_of_order(&error), &json!({ "error": error.to_string() })),
    }
}

fn status_of_order(error: &OrderError) -> StatusCode {
    match error {
        OrderError::Field { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        OrderError::Account { .. } => StatusCode::CONFLICT,
        OrderError::Unknown(_) => StatusCode::NOT_FOUND,
        OrderError::Busy | OrderError::Full(_) => StatusCode::SERVICE_UNAVAILABLE,
        OrderError::Till(error) => status_of_till(*error),
        OrderError::Platform(_) => StatusCode::BAD_GATEWAY,
        OrderError::Credit(error) => status_of_credit(error),
    }
}

fn said(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_opens() {
        let guard = Guard::new("open sesame");
        let with = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().expect("a value"));
            guard.lets_in(&headers)
        };
        assert!(with("Bearer open sesame"));
        assert!(!guard.lets_in(&HeaderMap::new()));
        for other in
            ["", "Bearer ", "Bearer open sesam", "Bearer open sesame ", "bearer open sesame", "open sesame"]
        {
            assert!(!with(other), "{other:?}");
        }
    }
}
