//! Files that are not what they say.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat};

use crate::ledger::Ledger;
use crate::site::{Site, Who};
use crate::wire::{Answer, Request, fresh_key};

fn picture(format: ImageFormat, width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    DynamicImage::new_rgb8(width, height).write_to(&mut Cursor::new(&mut bytes), format).unwrap();
    bytes
}

/// A JPEG with an Exif part that says where it was taken.
fn with_place() -> Vec<u8> {
    let jpeg = picture(ImageFormat::Jpeg, 32, 32);
    let mut exif = b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0GPSLatitude 53.4808N".to_vec();
    let mut out = jpeg[..2].to_vec();
    out.extend([0xff, 0xe1]);
    out.extend(u16::try_from(exif.len() + 2).unwrap().to_be_bytes());
    out.append(&mut exif);
    out.extend(&jpeg[2..]);
    out
}

/// A PNG whose head says it is enormous.
fn bomb() -> Vec<u8> {
    let mut png = picture(ImageFormat::Png, 8, 8);
    png[16..20].copy_from_slice(&60_000_u32.to_be_bytes());
    png[20..24].copy_from_slice(&60_000_u32.to_be_bytes());
    png
}

async fn upload(site: &Site, who: &Who, path: &str, kind: &str, name: &str, bytes: &[u8]) -> Answer {
    let mut body = Vec::new();
    for (field, value) in [("_csrf", who.csrf.as_str()), ("_key", &fresh_key())] {
        body.extend(format!("--XX\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n").bytes());
    }
    let head = format!(
        "--XX\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"{name}\"\r\nContent-Type: {kind}\r\n\r\n"
    );
    body.extend(head.bytes());
    body.extend(bytes);
    body.extend(b"\r\n--XX--\r\n");
    let request = Request::new("POST", path).signed_in(who).header("sec-fetch-site", "same-origin");
    site.ask(request.body("multipart/form-data; boundary=XX", body)).await
}

/// Answers the pathway up to its photo with what worries least, and gives the address that takes the photo.
async fn on_to_the_photo(site: &Site, who: &Who) -> String {
    let pathways = kith_frontdoor::Pathways::embedded().unwrap();
    let pathway = pathways.get("leg-wound").unwrap();
    let mut answer = site.post(who, "/help/leg-wound", &[("go", "new")]).await;
    for _ in 0..40 {
        let to = answer.header("location").unwrap_or_else(|| panic!("leads nowhere: {}", answer.text())).to_owned();
        let question = pathway.question(to.rsplit('/').next().unwrap()).unwrap_or_else(|| panic!("{to}"));
        if question.kind == kith_frontdoor::Kind::Photo {
            return format!("{to}/photo");
        }
        let value = match question.kind {
            kith_frontdoor::Kind::Number => question.bounds().unwrap().0.to_string(),
            kith_frontdoor::Kind::Text => "A knock".to_owned(),
            _ => question.options.last().unwrap().id.clone(),
        };
        answer = site.post(who, &to, &[("answer", &value)]).await;
    }
    panic!("no photo is asked for");
}

pub async fn photos(site: &Site, ledger: &mut Ledger) {
    ledger.group("FILE", "ASVS 12.1 to 12.5: files");
    let who = &site.person;
    let path = on_to_the_photo(site, who).await;
    let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"><script>alert(1)</script></svg>";
    let mut gifar = b"GIF89a/*".to_vec();
    gifar.extend(b"*/=alert(1);<script>alert(1)</script>");
    let jpeg = picture(ImageFormat::Jpeg, 16, 16);
    let documents = || async {
        site.fhir(&format!("Patient/{}/DocumentReference?_count=200", site.person_id)).await["entry"]
            .as_array()
            .map_or(0, Vec::len)
    };
    for (what, kind, name, bytes) in [
        ("an SVG with a script", "image/svg+xml", "a.svg", svg.to_vec()),
        ("an SVG called a JPEG", "image/jpeg", "a.jpg", svg.to_vec()),
        ("a page called a JPEG", "image/jpeg", "a.jpg", b"<html><script>alert(1)</script>".to_vec()),
        ("a script that begins as a GIF", "image/gif", "a.gif", gifar),
        ("a program", "image/png", "a.png", b"MZ\x90\0\x03\0\0\0".to_vec()),
        ("a program of PHP", "image/jpeg", "a.php", b"<?php system($_GET['c']); ?>".to_vec()),
        ("a ZIP", "image/png", "a.png", b"PK\x03\x04\x14\0\0\0\x08\0".to_vec()),
        ("a PDF", "application/pdf", "a.pdf", b"%PDF-1.7\n".to_vec()),
        ("half a JPEG", "image/jpeg", "a.jpg", jpeg[..jpeg.len() / 8].to_vec()),
        ("a picture said to be 60,000 points wide and high", "image/png", "a.png", bomb()),
        ("the head of a PNG and nothing", "image/png", "a.png", b"\x89PNG\r\n\x1a\n".to_vec()),
        ("a TIFF", "image/tiff", "a.tif", b"II*\0\x08\0\0\0".to_vec()),
        ("13 megabytes", "image/jpeg", "a.jpg", vec![0xff; 13 << 20]),
    ] {
        let before = documents().await;
        let answer = upload(site, who, &path, kind, name, &bytes).await;
        let seen =
            if documents().await > before { Err("kept".to_owned()) } else { answer.refused(&[0, 400, 413, 415, 422]) };
        ledger.note(format!("As a photo: {what}"), "refused beside the field, and not kept", seen);
    }
    // What is a photo is written anew: nothing rides along, whatever it is called.
    for (what, kind, name, bytes, hidden) in [
        ("with the place it was taken", "image/jpeg", "a.jpg", with_place(), "GPSLatitude"),
        (
            "with a page after its end",
            "image/jpeg",
            "../../../a.html",
            [jpeg.clone(), b"<script>alert(1)</script>".to_vec()].concat(),
            "<script>",
        ),
        ("with a name that is a header", "image/jpeg", "a.jpg\"; name=\"_csrf", jpeg.clone(), "filename"),
        ("said to be a page", "text/html", "a.html", picture(ImageFormat::Png, 16, 16), "<html"),
    ] {
        let answer = upload(site, who, &path, kind, name, &bytes).await;
        let mut seen = if [303, 400, 403, 422].contains(&answer.status) {
            Ok(())
        } else {
            Err(format!("answered {}", answer.status))
        };
        let kept = site.fhir(&format!("Patient/{}/DocumentReference?_count=200", site.person_id)).await;
        for entry in kept["entry"].as_array().into_iter().flatten() {
            let id = entry["resource"]["id"].as_str().unwrap_or_default();
            let photo = site.get(who, &format!("/record/documents/{id}")).await;
            let is_photo = photo.header("content-type") == Some("image/jpeg");
            if is_photo && photo.body.windows(hidden.len()).any(|part| part == hidden.as_bytes()) {
                seen = Err(format!("{hidden} is still in it"));
            }
            if is_photo && photo.header("x-content-type-options") != Some("nosniff") {
                seen = Err("may be taken for something else".to_owned());
            }
        }
        ledger.note(format!("A photo {what}"), "refused, or written anew without it", seen);
    }
    let part = |n: i32| format!("--XX\r\nContent-Disposition: form-data; name=\"x{n}\"\r\n\r\nx\r\n");
    let parts: Vec<String> = (0..200).map(part).chain(["--XX--\r\n".to_owned()]).collect();
    let parts = parts.concat();
    let request = Request::new("POST", &path).signed_in(who).body("multipart/form-data; boundary=XX", parts);
    ledger.note("A form of two hundred parts", "refused", site.ask(request).await.refused(&[400, 413, 422]));
    for (what, kind) in [
        ("no boundary", "multipart/form-data"),
        ("an endless boundary", &*format!("multipart/form-data; boundary={}", "B".repeat(5000))),
    ] {
        let answer = site.ask(Request::new("POST", &path).signed_in(who).body(kind, "--B\r\n\r\nx\r\n--B--")).await;
        ledger.note(format!("A file with {what}"), "refused", answer.refused(&[400, 403, 413, 422]));
    }
}
