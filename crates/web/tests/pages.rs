//! What every page keeps, asked over the real router.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Json, Query, Request};
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::get;
use kith_web::layers::{Site, layers};
use kith_web::reply::Page;
use tower::ServiceExt;

fn app() -> Router {
    let site = Site::new(true, true, [9; 32]).unwrap();
    let pages = kith_web::gallery::router()
        .route("/panic", get(fails))
        .route("/broken", get(|| async { Page::new("no/such/template", &()) }))
        .route("/number", get(|_: Query<Number>| async {}).post(|_: Json<Number>| async {}));
    layers(pages, &site)
}

async fn fails() -> Page {
    panic!("Ada Lovelace, 999 000 0018")
}

#[derive(serde::Deserialize)]
struct Number {
    #[allow(dead_code)] // read by the extractor alone
    n: u8,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

async fn ask(app: &Router, request: axum::http::request::Builder, body: impl Into<Body>) -> Answer {
    let response = app.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    Answer { status: parts.status, headers: parts.headers, body: String::from_utf8_lossy(&body).into_owned() }
}

async fn get_page(app: &Router, path: &str) -> Answer {
    ask(app, Request::get(path), Body::empty()).await
}

fn cookies(answer: &Answer) -> String {
    let set = answer.headers.get_all(header::SET_COOKIE).iter();
    set.map(|c| c.to_str().unwrap().split(';').next().unwrap().to_owned()).collect::<Vec<_>>().join("; ")
}

fn hidden<'a>(html: &'a str, name: &str) -> &'a str {
    html.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap().split('"').next().unwrap()
}

fn form(cookies: &str) -> axum::http::request::Builder {
    Request::post("/gallery")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::COOKIE, cookies)
        .header("sec-fetch-site", "same-origin")
}

#[tokio::test]
async fn every_page_carries_the_security_headers_and_is_never_stored() {
    let app = app();
    for path in ["/gallery", "/nowhere", "/panic", "/number?n=x", "/broken"] {
        let answer = get_page(&app, path).await;
        let csp = answer.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        for rule in
            ["script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"]
        {
            assert!(csp.contains(rule), "{path}: {csp}");
        }
        assert!(!csp.contains("unsafe"), "{csp}");
        assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store", "{path}");
        assert_eq!(answer.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert!(answer.headers.contains_key(header::STRICT_TRANSPORT_SECURITY));
        assert!(answer.headers.contains_key("x-request-id"));
        assert!(answer.body.contains("<h1"), "{path} is not in the layout: {}", answer.body);
    }
}

#[tokio::test]
async fn no_page_has_script_or_style_of_its_own() {
    let app = app();
    for path in ["/gallery", "/gallery/team", "/nowhere"] {
        let body = get_page(&app, path).await.body;
        for script in body.split("<script").skip(1) {
            assert!(script.starts_with(" type=\"module\" src=\"/assets/"), "{path}: {}", &script[..60]);
        }
        for word in ["<style", " style=", " onclick=", "javascript:", "http://assets", "https://assets"] {
            assert!(!body.contains(word), "{path} has {word}");
        }
    }
}

#[tokio::test]
async fn every_refusal_is_a_page_that_says_what_next() {
    let app = app();
    for (path, status) in [
        ("/nowhere", StatusCode::NOT_FOUND),
        ("/panic", StatusCode::INTERNAL_SERVER_ERROR),
        ("/broken", StatusCode::INTERNAL_SERVER_ERROR),
        ("/number?n=x", StatusCode::BAD_REQUEST),
    ] {
        let answer = get_page(&app, path).await;
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.body.contains("call <a href=\"tel:111\">111</a>"), "{path}: {}", answer.body);
        assert!(!answer.body.contains("Ada Lovelace") && !answer.body.contains("no/such"), "{path} tells our insides");
        if status.is_server_error() {
            assert!(
                answer.body.contains(answer.headers["x-request-id"].to_str().unwrap()),
                "{path} shows no reference"
            );
        }
    }
    let wrong = ask(&app, Request::delete("/gallery"), Body::empty()).await;
    assert_eq!(wrong.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(wrong.headers.contains_key(header::ALLOW) && wrong.body.contains("<h1"));
    let json =
        ask(&app, Request::post("/number").header(header::CONTENT_TYPE, "application/json"), "{\"n\":999}").await;
    assert_eq!(json.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(json.body.contains("<h1"), "{}", json.body);
}

#[tokio::test]
async fn a_form_too_big_is_refused_before_it_is_read() {
    let app = app();
    let cookies = cookies(&get_page(&app, "/gallery").await);
    let answer = ask(&app, form(&cookies), vec![b'a'; 13 * 1024 * 1024]).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(answer.body.contains("too big"), "{}", answer.body);
}

#[tokio::test]
async fn a_form_is_taken_from_its_own_page_alone() {
    let app = app();
    let page = get_page(&app, "/gallery").await;
    let cookies = cookies(&page);
    let sent = |csrf: &str| format!("postcode=AB1+2CD&slot=x&_csrf={csrf}&_key={}", hidden(&page.body, "_key"));

    let foreign = get_page(&app, "/gallery").await;
    for token in ["", "x", hidden(&foreign.body, "_csrf")] {
        let answer = ask(&app, form(&cookies), sent(token)).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{token}");
        assert!(answer.body.contains("Nothing was changed"));
    }
    let cross = form(&cookies).header("sec-fetch-site", "cross-site");
    let mut cross = cross.body(Body::from(sent(hidden(&page.body, "_csrf")))).unwrap();
    cross.headers_mut().insert("sec-fetch-site", "cross-site".parse().unwrap());
    assert_eq!(app.clone().oneshot(cross).await.unwrap().status(), StatusCode::FORBIDDEN);

    let answer = ask(&app, form(&cookies), sent(hidden(&page.body, "_csrf"))).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
}

#[tokio::test]
async fn a_form_with_errors_keeps_what_was_typed_and_links_to_what_to_put_right() {
    let app = app();
    let page = get_page(&app, "/gallery").await;
    let typed = "%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E";
    let sent = format!(
        "postcode={typed}&help=quiet&help=bsl&_csrf={}&_key={}",
        hidden(&page.body, "_csrf"),
        hidden(&page.body, "_key")
    );
    let answer = ask(&app, form(&cookies(&page)), sent).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.body.contains("<title>Error: Gallery"), "{}", &answer.body[..400]);
    let links: String = answer.body.split("error-summary__list").nth(1).unwrap().split_whitespace().collect();
    assert!(links.contains("href=\"#slot\">Chooseatime"), "{links}");
    assert!(answer.body.contains("id=\"slot\"") && answer.body.contains("id=\"slot-error\""));
    assert_eq!(answer.body.matches(" checked").count(), 2, "the two boxes stay ticked");
    assert!(
        answer.body.replace("&quot;", "&#34;").contains("&#34;&gt;&lt;script&gt;alert(1)"),
        "what was typed is shown again"
    );
    assert!(!answer.body.contains("<script>alert"), "what was typed is inert");
}

#[tokio::test]
async fn a_notice_is_shown_once_and_cannot_be_forged() {
    let app = app();
    let page = get_page(&app, "/gallery").await;
    let visit = cookies(&page);
    let sent = format!("postcode=x&slot=x&_csrf={}&_key={}", hidden(&page.body, "_csrf"), hidden(&page.body, "_key"));
    let redirect = ask(&app, form(&visit), sent).await;
    let notice = cookies(&redirect);
    assert!(redirect.headers[header::SET_COOKIE].to_str().unwrap().contains("; Secure"));

    let next =
        ask(&app, Request::get("/gallery").header(header::COOKIE, format!("{visit}; {notice}")), Body::empty()).await;
    assert!(next.body.contains("Sent, with 0 kinds of help."));
    assert!(next.headers[header::SET_COOKIE].to_str().unwrap().contains("kith-notice=; Path=/; Max-Age=0"));

    let forged = notice.replacen("kith-notice=e", "kith-notice=f", 1);
    assert_ne!(forged, notice);
    let next = ask(&app, Request::get("/gallery").header(header::COOKIE, forged), Body::empty()).await;
    assert_eq!(next.status, StatusCode::OK);
    assert!(!next.body.contains("Sent, with"));
}

#[tokio::test]
async fn assets_are_kept_by_browsers_and_travel_compressed() {
    let app = app();
    let page = get_page(&app, "/gallery").await;
    let css = page.body.split("rel=\"stylesheet\" href=\"").nth(1).unwrap().split('"').next().unwrap();
    let answer = ask(&app, Request::get(css).header(header::ACCEPT_ENCODING, "br, gzip;q=0.8"), Body::empty()).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers[header::CONTENT_ENCODING], "gzip");
    assert_eq!(answer.headers[header::CACHE_CONTROL], "public, max-age=31536000, immutable");
    let again = Request::get(css).header(header::IF_NONE_MATCH, answer.headers[header::ETAG].clone());
    assert_eq!(ask(&app, again, Body::empty()).await.status, StatusCode::NOT_MODIFIED);
    assert_eq!(get_page(&app, "/assets/x/../../Cargo.toml").await.status, StatusCode::NOT_FOUND);
}

/// A body of which nothing ever comes.
struct Never;

impl axum::body::HttpBody for Never {
    type Data = bytes::Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Self::Data>, Self::Error>>> {
        std::task::Poll::Pending
    }
}

#[tokio::test]
async fn a_form_that_never_arrives_is_given_up_and_said_so() {
    let mut site = Site::new(true, false, [9; 32]).unwrap();
    std::sync::Arc::get_mut(&mut site).unwrap().timeout = std::time::Duration::from_millis(100);
    let app = layers(kith_web::gallery::router(), &site);
    let request = form("").body(Body::new(Never)).unwrap();
    let response = app.oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::REQUEST_TIMEOUT);
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    assert!(String::from_utf8_lossy(&body).contains("This took too long"));
}
