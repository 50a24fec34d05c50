//! From "what is wrong?" to "you are booked", as a person goes through it.

mod support;

use axum::http::StatusCode;
use kith_frontdoor::{Answer, Answers, Facts, Kind, Pathways, Sex, Step};
use support::{Browser, Place, place};

/// Answers of the first vignette of a pathway that suits Leah (34, female, no conditions) and ends with this urgency.
fn answers(pathway: &str, urgency: &str) -> Answers {
    let pathways = Pathways::embedded().unwrap();
    let pathway = pathways.get(pathway).unwrap();
    let facts = Facts::new(34 * 12, Sex::Female, jiff::civil::date(2026, 11, 23));
    let found = walk(pathway, &facts, Answers::new(), urgency);
    found.unwrap_or_else(|| panic!("no way to {urgency} through {}", pathway.id))
}

/// The first way through the questions that comes to this urgency, trying options in their order.
fn walk(pathway: &kith_frontdoor::Pathway, facts: &Facts, answers: Answers, urgency: &str) -> Option<Answers> {
    match pathway.next(facts, &answers) {
        Step::Stop(_) | Step::Done => {
            (pathway.assess(facts, &answers).disposition.urgency.code() == urgency).then_some(answers)
        }
        Step::Ask(question) => {
            let mut tries: Vec<Answer> = match question.kind {
                Kind::YesNo | Kind::OneOf => {
                    question.options.iter().rev().map(|o| Answer::Chosen(vec![o.id.clone()])).collect()
                }
                Kind::AnyOf => question.options.iter().rev().map(|o| Answer::Chosen(vec![o.id.clone()])).collect(),
                Kind::Number => {
                    vec![Answer::Number(question.bounds().unwrap().0.to_string()), Answer::Number("3".into())]
                }
                Kind::Text => vec![Answer::Text("It hurts when I swallow".into())],
                Kind::Photo => vec![],
            };
            if question.optional {
                tries.insert(0, Answer::Skipped);
            }
            tries.into_iter().find_map(|answer| {
                let mut next = answers.clone();
                next.insert(&question.id, answer);
                walk(pathway, facts, next, urgency)
            })
        }
    }
}

fn sent(answer: &Answer) -> Vec<(&'static str, String)> {
    match answer {
        Answer::Chosen(ids) => ids.iter().map(|id| ("answer", id.clone())).collect(),
        Answer::Number(text) | Answer::Text(text) => vec![("answer", text.clone())],
        _ => Vec::new(),
    }
}

/// Goes through the questions of a pathway with these answers, to where they lead.
async fn answer_all(browser: &mut Browser, pathway: &str, answers: &Answers) {
    browser.open(&format!("/help/{pathway}")).await.says("What we know already");
    browser.post(&format!("/help/{pathway}"), &[("go", "new")]).await;
    loop {
        let to = browser.page.location().to_owned();
        let Some(question) = to.strip_prefix(&format!("/help/{pathway}/question/")).map(str::to_owned) else { return };
        browser.open(&to).await.says("Why we ask").says("not clinically signed off");
        let fields = sent(answers.get(&question).unwrap_or_else(|| panic!("asked {question}")));
        let fields: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (*k, v.as_str())).collect();
        let action = browser.page.link_to_form(&to);
        if action.ends_with("/photo") {
            browser.upload(&action, "application/octet-stream", b"").await;
        } else {
            browser.post(&to, &fields).await;
        }
    }
}

impl support::Answer {
    /// Where the form of this question posts to.
    fn link_to_form(&self, question: &str) -> String {
        let photo = format!("{question}/photo");
        if self.body.contains(&format!("action=\"{photo}\"")) { photo } else { question.to_owned() }
    }
}

async fn to_the_offers(place: &Place) -> Browser {
    let mut leah = Browser::signed_in(place, "person:sore-throat").await;
    answer_all(&mut leah, "sore-throat", &answers("sore-throat", "within-3-days")).await;
    assert_eq!(leah.page.location(), "/help/sore-throat/check");
    leah.follow().await.says("Check your answers").says("Change");
    leah.post("/help/sore-throat/check", &[]).await;
    assert_eq!(leah.page.location(), "/help/sore-throat/result", "{}", leah.page.body);
    leah.follow().await;
    leah
}

#[tokio::test]
async fn a_person_comes_from_a_sore_throat_to_a_booking_that_all_can_see() {
    let place = place().await;
    let mut leah = to_the_offers(&place).await;
    leah.page.says("Who can help").says("away").says("not clinically signed off");
    let times = leah.page.link("/help/sore-throat/times/");
    leah.open(&times).await;
    let slot = leah.page.body.split("name=\"slot\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    leah.post(&times, &[]).await;
    assert_eq!(leah.page.status, StatusCode::UNPROCESSABLE_ENTITY);
    leah.page.says("Choose a time");
    leah.post(&times, &[("slot", &slot)]).await;
    assert_eq!(leah.page.location(), "/help/sore-throat/confirm", "{}", leah.page.body);
    leah.follow().await.says("Check and book").says("We keep this time for you until");

    // Somebody who clicks twice is booked once.
    let confirm = "/help/sore-throat/confirm";
    let (token, key) = (leah.page.hidden(confirm, "_csrf"), leah.page.hidden(confirm, "_key"));
    let mut again = leah.clone();
    leah.post_with(confirm, &token, &key, &[]).await;
    assert_eq!(leah.page.location(), "/help/sore-throat/done", "{}", leah.page.body);
    again.post_with(confirm, &token, &key, &[]).await;
    assert_eq!(again.page.location(), "/help/sore-throat/done", "{}", again.page.body);
    leah.follow().await.says("You are booked").says("What happens next");
    leah.open("/care").await;
    assert_eq!(leah.page.body.matches("/care/appointments/").count(), 1, "{}", leah.page.body);
    let request = leah.page.link("/care/requests/");
    leah.open(&request).await.says("What you told us").says("Booked");
    // Going back with the browser's button does not book again.
    for old in ["/help/sore-throat/confirm", "/help/sore-throat/result", "/help/sore-throat/check", &times] {
        leah.get(old).await;
        assert_eq!(leah.page.status, StatusCode::SEE_OTHER, "{old}");
    }
    assert!(place.door.verify_audit().await.unwrap().broken.is_none());
}

#[tokio::test]
async fn leaving_and_coming_back_loses_nothing() {
    let place = place().await;
    let mut leah = Browser::signed_in(&place, "person:sore-throat").await;
    let given = answers("sore-throat", "within-3-days");
    leah.open("/help/sore-throat").await;
    leah.post("/help/sore-throat", &[("go", "new")]).await;
    let first = leah.page.location().to_owned();
    let question = first.rsplit('/').next().unwrap().to_owned();
    leah.open(&first).await;
    let fields = sent(given.get(&question).unwrap());
    let fields: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (*k, v.as_str())).collect();
    leah.post(&first, &fields).await;
    let second = leah.page.location().to_owned();
    assert_ne!(first, second);

    // Another browser, another day.
    place.door.set_clock(Some("2026-11-24T12:00:00Z".parse().unwrap()));
    let mut leah = Browser::signed_in(&place, "person:sore-throat").await;
    leah.open("/").await.says("go on with");
    leah.open("/help/sore-throat").await.says("Go on where you were");
    leah.post("/help/sore-throat", &[("go", "on")]).await;
    assert_eq!(leah.page.location(), second);
    leah.open(&first).await.says("checked");
    // A page ahead of the answers leads back to the question that waits.
    assert_eq!(leah.get("/help/sore-throat/check").await.location(), second);
    assert_eq!(leah.get("/help/sore-throat/result").await.location(), second);
}

#[tokio::test]
async fn a_red_flag_stops_at_once_and_somebody_checks() {
    let place = place().await;
    let mut leah = Browser::signed_in(&place, "person:sore-throat").await;
    answer_all(&mut leah, "sore-throat", &answers("sore-throat", "emergency-999")).await;
    assert_eq!(leah.page.location(), "/help/sore-throat/stop", "{}", leah.page.body);
    leah.follow().await.says("tel:999").says("Your answers are kept").says("will check that you got help");
    leah.open("/help/sore-throat/stop").await;
    leah.open("/care").await;
    assert_eq!(leah.page.body.matches("href=\"/care/requests/").count(), 1, "{}", leah.page.body);
    // Nobody is left to think that an ambulance was sent for, or that there is time to wait for an answer.
    leah.page.says("Sore throat: we told you to call 999").says("will check that you got help").says("call 999 now");
    leah.page.says_not("999 ambulance").says_not("You should hear by");
    let request = leah.page.link("/care/requests/");
    leah.open(&request).await.says("we told you to call 999").says_not("999 ambulance");
    leah.open("/record/timeline").await.says("Told to call 999").says_not("999 ambulance");
    for ahead in ["/help/sore-throat/check", "/help/sore-throat/result", "/help/sore-throat/confirm"] {
        assert_eq!(leah.get(ahead).await.location(), "/help/sore-throat/stop", "{ahead}");
    }
}

#[tokio::test]
async fn somebody_who_wants_none_of_it_asks_their_practice_and_knows_who_and_when() {
    let place = place().await;
    let mut leah = to_the_offers(&place).await;
    let ask = "/help/sore-throat/ask";
    let (token, key) = (leah.page.hidden(ask, "_csrf"), leah.page.hidden(ask, "_key"));
    for _ in 0..2 {
        leah.post_with(ask, &token, &key, &[]).await;
        assert_eq!(leah.page.location(), "/help/sore-throat/done");
    }
    leah.follow().await.says("We have asked for you").says("You should hear by");
    leah.open("/care").await;
    assert_eq!(leah.page.body.matches("href=\"/care/requests/").count(), 1, "{}", leah.page.body);
}

#[tokio::test]
async fn something_else_is_written_in_own_words_and_read_by_people() {
    let place = place().await;
    let mut leah = Browser::signed_in(&place, "person:sore-throat").await;
    let given = ["routine", "within-3-days", "same-day"].into_iter().find_map(|urgency| {
        let pathways = Pathways::embedded().unwrap();
        let facts = Facts::new(34 * 12, Sex::Female, jiff::civil::date(2026, 11, 23));
        walk(pathways.get("something-else").unwrap(), &facts, Answers::new(), urgency)
    });
    answer_all(&mut leah, "something-else", &given.unwrap()).await;
    assert_eq!(leah.page.location(), "/help/something-else/check", "{}", leah.page.body);
    leah.follow().await;
    leah.post("/help/something-else/check", &[]).await;
    if leah.page.location().ends_with("/result") {
        leah.follow().await;
        leah.post("/help/something-else/ask", &[]).await;
    }
    assert_eq!(leah.page.location(), "/help/something-else/done", "{}", leah.page.body);
    leah.follow().await.says("We have asked for you").says("You should hear by");
}

#[tokio::test]
async fn a_photo_is_written_anew_and_a_file_that_is_none_is_refused() {
    let place = place().await;
    let mut neighbour = Browser::signed_in(&place, "person:neighbour").await;
    neighbour.open("/acting").await;
    let person = neighbour.page.hidden("/acting/switch", "person");
    neighbour.post("/acting/switch", &[("person", &person)]).await;
    neighbour.open("/help/leg-wound").await;
    neighbour.post("/help/leg-wound", &[("go", "new")]).await;
    // On to the photo, with the answer that worries least.
    let pathways = Pathways::embedded().unwrap();
    let pathway = pathways.get("leg-wound").unwrap();
    for _ in 0..30 {
        let to = neighbour.page.location().to_owned();
        let id = to.rsplit('/').next().unwrap();
        let question = pathway.question(id).unwrap_or_else(|| panic!("{to}"));
        neighbour.open(&to).await;
        if question.kind == Kind::Photo {
            break;
        }
        let value = match question.kind {
            Kind::Number => question.bounds().unwrap().0.to_string(),
            Kind::Text => "A knock".to_owned(),
            _ => question.options.last().unwrap().id.clone(),
        };
        neighbour.post(&to, &[("answer", &value)]).await;
    }
    let photo = format!("{}/photo", neighbour.page.path);
    let before = neighbour.clone();
    neighbour.upload(&photo, "image/jpeg", b"<script>alert(1)</script>").await;
    assert_eq!(neighbour.page.status, StatusCode::UNPROCESSABLE_ENTITY);
    neighbour.page.says("Error: ");
    let mut neighbour = before;
    let mut png = Vec::new();
    image::DynamicImage::new_rgb8(40, 30)
        .write_to(&mut std::io::Cursor::new(&mut png), image::ImageFormat::Png)
        .unwrap();
    let token = neighbour.page.hidden(&photo, "_csrf");
    neighbour.upload(&photo, "image/png", &png).await;
    assert_eq!(neighbour.page.status, StatusCode::SEE_OTHER, "{}", neighbour.page.body);
    assert!(!token.is_empty());
    neighbour.open("/record").await.says("Photo: ");
    let document = neighbour.page.link("/record/documents/");
    neighbour.get(&document).await;
    assert_eq!(neighbour.page.headers["content-type"], "image/jpeg");
}

#[tokio::test]
async fn problems_are_found_by_the_words_people_use_and_never_by_address() {
    let place = place().await;
    let mut leah = Browser::signed_in(&place, "person:sore-throat").await;
    leah.open("/help").await.says("/help/sore-throat").says("/help/something-else");
    leah.post("/help", &[("words", "throat")]).await;
    leah.page.says("/help/sore-throat").says_not("/help/toothache").says("/help/something-else");
    leah.open("/help").await;
    leah.post("/help", &[("words", "\"><script>alert(1)</script>")]).await;
    leah.page.says("Nothing matches").says_not("<script>alert").says("/help/something-else");
    assert_eq!(leah.get("/help/no-such-thing").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn who_goes_there_without_booking_is_on_the_list_of_who_is_coming() {
    let place = place().await;
    let mut leah = Browser::signed_in(&place, "person:sore-throat").await;
    answer_all(&mut leah, "sore-throat", &answers("sore-throat", "within-2-hours")).await;
    leah.open("/help/sore-throat/check").await;
    leah.post("/help/sore-throat/check", &[]).await;
    leah.follow().await.says("You can go there without booking").says("I will go there");
    let body = leah.page.body.clone();
    let go = body.split("action=\"").filter_map(|rest| rest.split('"').next()).find(|to| to.contains("/go/")).unwrap();
    let (token, key) = (leah.page.hidden(go, "_csrf"), leah.page.hidden(go, "_key"));
    let mut again = leah.clone();
    leah.post_with(go, &token, &key, &[]).await;
    assert_eq!(leah.page.location(), "/help/sore-throat/done", "{}", leah.page.body);
    again.post_with(go, &token, &key, &[]).await;
    assert_eq!(again.page.location(), "/help/sore-throat/done", "{}", again.page.body);
    leah.follow().await.says("They know you are coming");
    let record = place.door.system("test").open(kith_twin::cast("sore-throat").unwrap().patient_id).await.unwrap();
    let coming: Vec<_> = record
        .values("Task")
        .filter_map(kith_handover::Work::of)
        .filter(|work| work.description == "Comes without a booking")
        .collect();
    assert_eq!(coming.len(), 1, "sent twice, they come once");
    assert!(coming[0].is_open() && go.ends_with(coming[0].owner.reference.rsplit('/').next().unwrap()));
}
