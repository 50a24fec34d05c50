//! Asking for help through the real door: what is offered, booked, asked and recorded.

mod common;

use common::{Place, answers, ask, now, place, sore_throat};
use jiff::SignedDuration;
use kith_contact::photo;
use kith_fhir::{Value, views};
use kith_frontdoor::service::{self, Error, book, go_there, offers, request, self_care, stopped};
use kith_frontdoor::{Answer, Ask, Channel, Photo, Urgency};
use kith_handover::Work;
use kith_trust::{Access, Error as Door};
use kith_twin::{cast, service_id};

const WEIR: &str = "pharmacy-weir";

/// Free times at one pharmacy alone.
async fn with_weir(times: usize) -> Place {
    let weir = service_id(WEIR).unwrap();
    let left = std::cell::Cell::new(times);
    place(|_, service| service == weir && left.replace(left.get().saturating_sub(1)) > 0).await
}

async fn leah(place: &Place) -> (Access, Ask<'static>) {
    let me = place.person("sore-throat");
    let ask = ask(&me, "sore-throat", "sore-throat", sore_throat(), Channel::Web).await;
    assert_eq!(ask.assessment.disposition.need, "pharmacy-first-sore-throat");
    (me, ask)
}

fn of<'a>(record: &'a kith_trust::Record, kind: &str, reference: &str) -> &'a Value {
    assert!(reference.starts_with(kind), "{reference}");
    record.get(reference).unwrap().value.as_ref()
}

fn open_work(record: &kith_trust::Record, now: jiff::Timestamp) -> Vec<Work> {
    let work = record.values("Task").filter_map(Work::of).filter(Work::is_open);
    work.filter(|w| w.due > now).collect()
}

#[tokio::test]
async fn a_sore_throat_is_booked_at_a_pharmacy_that_then_sees_it_and_nobody_unrelated_does() {
    let place = place(|_, _| true).await;
    let (me, ask) = leah(&place).await;
    let found = offers(&me, &place.directory, &ask.patient_id, &ask.assessment).await.unwrap();
    assert!(found.offers.len() >= 5, "nine pharmacies are near");
    assert!(found.offers.iter().all(|offer| offer.kind_words == "pharmacy" && !offer.slots.is_empty()));
    let best = &found.offers[0];
    let said = best.reasons.join("; ");
    assert!(said.contains("Can treat this without a GP visit") && said.contains("away") && said.contains("Open until"));
    let weir = found.offers.iter().find(|offer| Some(&offer.service_id) == service_id(WEIR).as_ref()).unwrap();
    let slot = &weir.slots[0];
    let held = kith_booking::hold(&me, &place.directory, &slot.slot_ref, &ask.assessment.disposition.need, None)
        .await
        .unwrap();
    let booked = book(&me, &place.directory, &ask, &slot.slot_ref, Some(held.id), "form-1").await.unwrap();
    assert_eq!((booked.service.name.as_str(), booked.start), (weir.service_name.as_str(), slot.start));

    // One act for everybody: the pharmacy has it, with the answers.
    let pharmacist = place.staff("pharmacist");
    let record = pharmacist.open(&ask.patient_id).await.unwrap();
    let appointment = views::Appointment::of(of(&record, "Appointment", &booked.appointment)).unwrap();
    assert_eq!(appointment.based_on(), Some(booked.service_request.as_str()));
    assert_eq!(appointment.reason(), Some("It hurts to swallow"));
    let asked = views::ServiceRequest::of(of(&record, "ServiceRequest", &booked.service_request)).unwrap();
    let response = asked.supporting()[0];
    assert_eq!(of(&record, "QuestionnaireResponse", response)["item"].as_array().unwrap().len(), 9);
    let work = Work::of(of(&record, "Task", &booked.task)).unwrap();
    assert_eq!(Some(work.owner.reference.as_str()), asked.performers().first().copied());
    assert_eq!(work.due, slot.start);
    // An unrelated optician does not know that she exists; the time is gone for the next one.
    assert!(matches!(place.staff("optometrist").open(&ask.patient_id).await, Err(Door::NotFound)));
    let other = place.person("mother");
    let theirs = common::ask(&other, "mother", "sore-throat", sore_throat(), Channel::Web).await;
    let found = offers(&other, &place.directory, &theirs.patient_id, &theirs.assessment).await.unwrap();
    assert!(found.offers.iter().flat_map(|offer| &offer.slots).all(|free| free.slot_ref != slot.slot_ref));
    let late = book(&other, &place.directory, &theirs, &slot.slot_ref, None, "form-2").await.unwrap_err();
    let Error::Booking(kith_booking::Error::Taken { next }) = late else { panic!("{late:?}") };
    assert!(!next.is_empty());
    let record = place.record("mother").await;
    assert!(record.values("QuestionnaireResponse").next().is_none(), "nothing of a failed booking is kept");
    assert_eq!(place.door.check().await.unwrap().problem_count, 0);
}

#[tokio::test]
async fn the_same_form_sent_twice_books_and_asks_once() {
    let place = with_weir(4).await;
    let (me, ask) = leah(&place).await;
    let found = offers(&me, &place.directory, &ask.patient_id, &ask.assessment).await.unwrap();
    let slots = &found.offers[0].slots;
    let slot = slots[0].slot_ref.as_str();
    let (a, b) = tokio::join!(
        book(&me, &place.directory, &ask, slot, None, "one"),
        book(&me, &place.directory, &ask, slot, None, "one")
    );
    let (a, b) = (a.unwrap(), b.unwrap());
    assert_eq!((&a.appointment, &a.service_request, &a.task), (&b.appointment, &b.service_request, &b.task));
    assert!(a.replayed != b.replayed);
    let again = book(&me, &place.directory, &ask, slot, None, "one").await.unwrap();
    assert!(again.replayed && again.service_request == a.service_request);
    let other = book(&me, &place.directory, &ask, &slots[1].slot_ref, None, "one").await.unwrap_err();
    assert!(matches!(other, Error::Booking(kith_booking::Error::KeyReused)), "{other:?}");

    let first = request(&me, &place.directory, &ask, "two").await.unwrap();
    place.door.set_clock(Some(now() + SignedDuration::from_mins(3)));
    let again = request(&me, &place.directory, &ask, "two").await.unwrap();
    assert!(!first.replayed && again.replayed);
    assert_eq!((&again.service_request, &again.task, again.due), (&first.service_request, &first.task, first.due));
    assert_eq!(again.owner, first.owner);
    let record = place.record("sore-throat").await;
    let asked =
        record.values("ServiceRequest").filter(|r| r["code"]["coding"][0]["code"] == "pharmacy-first-sore-throat");
    assert_eq!(asked.count(), 2, "one booked, one asked");
}

#[tokio::test]
async fn when_nothing_is_free_a_request_is_made_with_an_owner_and_a_due_time() {
    let place = with_weir(1).await;
    let (me, ask) = leah(&place).await;
    let other = place.person("mother");
    let theirs = common::ask(&other, "mother", "sore-throat", sore_throat(), Channel::Web).await;
    let found = offers(&other, &place.directory, &theirs.patient_id, &theirs.assessment).await.unwrap();
    let only = &found.offers[0].slots;
    assert_eq!((found.offers.len(), only.len()), (1, 1));
    book(&other, &place.directory, &theirs, &only[0].slot_ref, None, "k").await.unwrap();

    let found = offers(&me, &place.directory, &ask.patient_id, &ask.assessment).await.unwrap();
    assert!(found.offers.is_empty());
    assert!(found.not_possible.iter().any(|(_, why)| why == "no free time soon enough"));
    let practice = service_id("practice-millrace").unwrap();
    assert_eq!(found.fallback.service_id, practice);
    let made = request(&me, &place.directory, &ask, "k").await.unwrap();
    assert_eq!(made.owner.reference, format!("HealthcareService/{practice}"));
    assert_eq!(made.due, "2026-11-23T18:30:00Z".parse().unwrap(), "today, while the practice works");
    assert_eq!(made.due, found.fallback.due);
    // The practice has it, with an owner and a due time; the front desk may read the request, not the answers.
    let desk = place.staff("receptionist");
    let record = desk.open(&ask.patient_id).await.unwrap();
    let work = Work::of(of(&record, "Task", &made.task)).unwrap();
    assert_eq!((work.owner.reference.as_str(), work.due), (made.owner.reference.as_str(), made.due));
    assert!(record.get(&made.service_request).is_some());
    assert!(record.values("QuestionnaireResponse").next().is_none());
    let record = place.staff("gp").open(&ask.patient_id).await.unwrap();
    assert!(record.values("QuestionnaireResponse").next().is_some());
}

#[tokio::test]
async fn a_request_names_the_pathway_and_version_that_made_it() {
    let place = with_weir(2).await;
    let (me, ask) = leah(&place).await;
    let made = request(&me, &place.directory, &ask, "k").await.unwrap();
    let found = offers(&me, &place.directory, &ask.patient_id, &ask.assessment).await.unwrap();
    let booked = book(&me, &place.directory, &ask, &found.offers[0].slots[0].slot_ref, None, "b").await.unwrap();
    let record = place.record("sore-throat").await;
    for reference in [&made.service_request, &booked.service_request] {
        let asked = views::ServiceRequest::of(of(&record, "ServiceRequest", reference)).unwrap();
        let led = asked.disposition().unwrap();
        assert_eq!((led.content, led.code), (Some("sore-throat@1.0.0"), "same-day"));
        assert!(led.reasons[0].contains("antibiotics would help"));
        let response = of(&record, "QuestionnaireResponse", asked.supporting()[0]);
        let response = views::QuestionnaireResponse::of(response).unwrap();
        assert!(response.questionnaire().unwrap().ends_with("/pathway/sore-throat|1.0.0"));
        assert_eq!(response.channel(), Some("web"));
    }
}

#[tokio::test]
async fn a_red_flag_that_stops_the_questions_is_recorded_and_somebody_checks_at_once() {
    let place = with_weir(1).await;
    let me = place.person("chest-pain");
    let given = answers("sore-throat", &[("danger", &["cannot_breathe"])]);
    let ask = common::ask(&me, "chest-pain", "sore-throat", given, Channel::Web).await;
    assert_eq!(ask.assessment.disposition.urgency, Urgency::Emergency999);
    let found = offers(&me, &place.directory, &ask.patient_id, &ask.assessment).await.unwrap();
    assert!(found.offers.is_empty(), "nobody waits for an appointment with this");
    let refused = request(&me, &place.directory, &ask, "k").await.unwrap_err();
    assert!(matches!(refused, Error::Emergency("Call 999 now")));

    let (a, b) = tokio::join!(stopped(&me, &ask, "airway"), stopped(&me, &ask, "airway"));
    let (a, b) = (a.unwrap(), b.unwrap());
    assert_eq!((&a.service_request, &a.task, a.replayed != b.replayed), (&b.service_request, &b.task, true));
    place.door.set_clock(Some(now() + SignedDuration::from_mins(40)));
    assert!(stopped(&me, &ask, "airway").await.unwrap().replayed, "still open, so still the same");
    let record = place.record("chest-pain").await;
    let asked = views::ServiceRequest::of(of(&record, "ServiceRequest", &a.service_request)).unwrap();
    assert_eq!((asked.priority(), asked.need()), (Some("stat"), Some("ambulance")));
    let work = Work::of(of(&record, "Task", &a.task)).unwrap();
    assert_eq!(work.kind, kith_handover::TaskKind::Callback);
    assert_eq!(work.owner.reference, format!("HealthcareService/{}", service_id("practice-old-town").unwrap()));
    assert_eq!(work.due, kith_handover::Urgency::Emergency999.due(now()), "the one rule for every emergency");
    assert_eq!(open_work(&record, now()).iter().filter(|w| w.kind == work.kind).count(), 1);
    // A flag that was not raised is not recorded.
    assert!(matches!(stopped(&me, &ask, "deep_infection").await, Err(Error::Changed(_))));
}

#[tokio::test]
async fn self_care_is_kept_with_its_advice_and_closed() {
    let place = with_weir(1).await;
    let me = place.person("sore-throat");
    let mut given = sore_throat();
    given.insert("signs", Answer::Chosen(vec!["cough_or_cold".into()]));
    given.insert("how_long", Answer::Number("5".into()));
    let ask = common::ask(&me, "sore-throat", "sore-throat", given, Channel::Web).await;
    let kept = self_care(&me, &ask, "k").await.unwrap();
    assert!(!kept.replayed && self_care(&me, &ask, "k").await.unwrap().replayed);
    let record = me.open(&ask.patient_id).await.unwrap();
    let asked = views::ServiceRequest::of(of(&record, "ServiceRequest", &kept.service_request)).unwrap();
    assert_eq!((asked.status(), asked.need()), (Some("completed"), Some("self-care")));
    let told = of(&record, "Communication", &kept.communication).to_string();
    assert!(told.contains("Rest and drink plenty") && told.contains("Call 999 if you struggle to breathe"));
    assert!(matches!(
        self_care(&me, &Ask { assessment: ask.assessment.clone(), answers: sore_throat(), ..ask }, "x").await,
        Err(Error::Changed(_))
    ));
}

#[tokio::test]
async fn the_front_desk_asks_for_somebody_on_the_phone_without_seeing_what_they_may_not() {
    let place = with_weir(1).await;
    let desk = place.staff("receptionist");
    let ask = common::ask(&desk, "sore-throat", "sore-throat", sore_throat(), Channel::Phone).await;
    let found = offers(&desk, &place.directory, &ask.patient_id, &ask.assessment).await.unwrap();
    let slot = &found.offers[0].slots[0];
    let booked = book(&desk, &place.directory, &ask, &slot.slot_ref, None, "call-1").await.unwrap();
    let again = book(&desk, &place.directory, &ask, &slot.slot_ref, None, "call-1").await.unwrap();
    assert!(again.replayed);
    let record = place.record("sore-throat").await;
    let asked = views::ServiceRequest::of(of(&record, "ServiceRequest", &booked.service_request)).unwrap();
    let person = format!("Patient/{}", ask.patient_id);
    assert_eq!(asked.requester(), Some(person.as_str()), "it is the person who asks");
    let response =
        views::QuestionnaireResponse::of(of(&record, "QuestionnaireResponse", asked.supporting()[0])).unwrap();
    assert_eq!(response.author(), Some(desk.actor().reference.as_str()));
    assert_eq!((response.source(), response.channel()), (Some(person.as_str()), Some("phone")));
    // Registered elsewhere: not theirs.
    let refused = service::facts(&desk, cast("mother").unwrap().patient_id).await;
    assert!(matches!(refused, Err(Error::Door(Door::NotFound))), "{refused:?}");
}

#[tokio::test]
async fn a_pharmacist_asks_for_somebody_in_front_of_them_and_for_nobody_else() {
    let place = with_weir(1).await;
    let pharmacist = place.staff("pharmacist");
    let patient = cast("sore-throat").unwrap().patient_id;
    assert!(matches!(service::facts(&pharmacist, patient).await, Err(Error::Door(Door::NotFound))));
    let record = place.record("sore-throat").await;
    let leah = views::Patient::of(record.patient()).unwrap();
    pharmacist.identify(leah.nhs_number().unwrap().as_str(), leah.birth_date().unwrap()).await.unwrap();
    let ask = common::ask(&pharmacist, "sore-throat", "sore-throat", sore_throat(), Channel::Desk).await;
    let found = offers(&pharmacist, &place.directory, &ask.patient_id, &ask.assessment).await.unwrap();
    let slot = &found.offers[0].slots[0];
    book(&pharmacist, &place.directory, &ask, &slot.slot_ref, None, "desk-1").await.unwrap();
    request(&pharmacist, &place.directory, &ask, "desk-2").await.unwrap();
}

#[tokio::test]
async fn a_neighbour_sends_a_photo_of_a_leg_wound_and_it_is_kept_with_the_request() {
    let place = with_weir(1).await;
    let neighbour = place.person("neighbour");
    let mut picture = std::io::Cursor::new(Vec::new());
    image::RgbImage::from_pixel(64, 48, image::Rgb([180, 60, 60]))
        .write_to(&mut picture, image::ImageFormat::Png)
        .unwrap();
    let jpeg = photo::accept(picture.get_ref(), "image/png").unwrap();
    let pathway = kith_frontdoor::Pathways::built_in().get("leg-wound").unwrap();
    let facts = service::facts(&neighbour, cast("leg-wound").unwrap().patient_id).await.unwrap();
    let mut given = kith_frontdoor::Answers::new();
    let mut photo_question = None;
    while let kith_frontdoor::Step::Ask(question) = pathway.next(&facts, &given) {
        let answer = match question.kind {
            kith_frontdoor::Kind::Photo => {
                photo_question = Some(question.id.clone());
                Answer::Photo("pending".into())
            }
            kith_frontdoor::Kind::YesNo => Answer::Chosen(vec!["no".into()]),
            kith_frontdoor::Kind::Number => Answer::Number(question.bounds().unwrap().0.to_string()),
            kith_frontdoor::Kind::Text => Answer::Text("A graze on the shin".into()),
            _ => {
                let option = question.options.iter().find(|o| o.none).or(question.options.first()).unwrap();
                Answer::Chosen(vec![option.id.clone()])
            }
        };
        given.insert(&question.id, answer);
    }
    let mut ask = common::ask(&neighbour, "leg-wound", "leg-wound", given, Channel::Web).await;
    ask.photos = vec![Photo::New { question: photo_question.clone(), jpeg }];
    let made = match ask.assessment.disposition.urgency {
        Urgency::SelfCare => self_care(&neighbour, &ask, "k").await.unwrap().service_request,
        _ => request(&neighbour, &place.directory, &ask, "k").await.unwrap().service_request,
    };
    let record = place.record("leg-wound").await;
    let asked = views::ServiceRequest::of(of(&record, "ServiceRequest", &made)).unwrap();
    let neighbour_ref = neighbour.actor().reference.clone();
    assert_eq!(asked.requester(), Some(neighbour_ref.as_str()));
    let photo = asked.supporting().into_iter().find(|r| r.starts_with("DocumentReference/")).unwrap().to_owned();
    let response = of(&record, "QuestionnaireResponse", asked.supporting()[0]);
    if photo_question.is_some() {
        assert!(response.to_string().contains(&photo), "the answer points to the photo");
    }
    assert_eq!(kith_contact::document::read(&neighbour, &photo).await.unwrap().content_type, "image/jpeg");
}

#[tokio::test]
async fn nothing_is_booked_on_an_answer_that_no_longer_holds_or_with_a_service_that_is_not_for_the_person() {
    let place = place(|number, _| number % 4 == 0).await;
    let (me, ask) = leah(&place).await;
    let found = offers(&me, &place.directory, &ask.patient_id, &ask.assessment).await.unwrap();
    let slot = found.offers[0].slots[0].slot_ref.clone();
    let mut worse = sore_throat();
    worse.insert("dehydrated", Answer::Chosen(vec!["yes".into()]));
    let stale = Ask { answers: worse, ..ask.clone() };
    let refused = book(&me, &place.directory, &stale, &slot, None, "k").await.unwrap_err();
    let Error::Changed(now_is) = refused else { panic!("{refused:?}") };
    assert_eq!(now_is.disposition.urgency, Urgency::WithinTwoHours);
    let mut half = ask.clone();
    half.answers.remove("how_long");
    assert!(matches!(book(&me, &place.directory, &half, &slot, None, "k").await, Err(Error::Incomplete)));
    // The same-day doctors of another practice are for the people registered there.
    let mut child_like = sore_throat();
    child_like.insert("again", Answer::Chosen(vec!["yes".into()]));
    let ask = common::ask(&me, "sore-throat", "sore-throat", child_like, Channel::Web).await;
    assert_eq!(ask.assessment.disposition.need, "gp-same-day");
    let mother = place.person("mother");
    let theirs = Ask { patient_id: cast("mother").unwrap().patient_id.to_owned(), ..ask.clone() };
    let elsewhere = offers(&mother, &place.directory, &theirs.patient_id, &theirs.assessment).await.unwrap();
    let fold = elsewhere.offers.iter().find(|o| Some(&o.service_id) == service_id("practice-fold").as_ref()).unwrap();
    let refused = book(&me, &place.directory, &ask, &fold.slots[0].slot_ref, None, "k").await.unwrap_err();
    assert!(matches!(&refused, Error::NotForYou { why } if why.contains("registered")), "{refused:?}");
    // And nobody asks for somebody they have nothing to do with.
    let stranger = book(&me, &place.directory, &theirs, &fold.slots[0].slot_ref, None, "k").await.unwrap_err();
    assert!(matches!(stranger, Error::Door(Door::NotFound)), "{stranger:?}");
}

#[tokio::test]
async fn late_at_night_the_morning_is_offered_with_a_warning_and_the_practice_by_request() {
    let place = place(|_, service| Some(service.to_owned()) == service_id(WEIR)).await;
    place.door.set_clock(Some("2026-11-23T23:40:00Z".parse().unwrap()));
    // Asked by the practice itself.
    let gp = place.staff("gp");
    let ask = common::ask(&gp, "sore-throat", "sore-throat", sore_throat(), Channel::Practice).await;
    let found = offers(&gp, &place.directory, &ask.patient_id, &ask.assessment).await.unwrap();
    assert_eq!(found.offers.len(), 1);
    let offer = &found.offers[0];
    assert!(offer.cautions.iter().any(|caution| caution.contains("Use 111 if you get worse")));
    assert!(offer.slots[0].start > "2026-11-24T07:00:00Z".parse().unwrap());
    assert_eq!(found.fallback.service_id, service_id("practice-millrace").unwrap());
    let booked = book(&gp, &place.directory, &ask, &offer.slots[0].slot_ref, None, "k").await.unwrap();
    assert_eq!(booked.start, offer.slots[0].start);
    // The day after that is too late for what should be seen today.
    let weir = format!("HealthcareService/{}", service_id(WEIR).unwrap());
    let from = "2026-11-25T00:00:00Z".parse().unwrap();
    let wanted =
        kith_booking::Wanted::new(&weir, &ask.assessment.disposition.need, from, from + SignedDuration::from_hours(24));
    let after = kith_booking::free_slots(&gp, &place.directory, &wanted, 1).await.unwrap();
    let refused = book(&gp, &place.directory, &ask, &after[0].slot, None, "k2").await.unwrap_err();
    assert!(matches!(refused, Error::TooLate), "{refused:?}");
}

#[tokio::test]
async fn somebody_who_cannot_travel_is_offered_a_visit_at_home_and_nothing_elsewhere() {
    // Everybody has free times: the practices' nurses, and the community nurses who come.
    let place = place(|_, _| true).await;
    let me = place.person("leg-wound");
    let wound = |walk: &str| {
        let given: [(&str, &[&str]); 8] = [
            ("danger", &["none"]),
            ("limb", &["none"]),
            ("clot", &["no"]),
            ("infection", &["none"]),
            ("cause", &["itself"]),
            ("weeks", &["6"]),
            ("healing", &["no"]),
            ("walk", &[walk]),
        ];
        let mut all = answers("leg-wound", &given);
        all.insert("photo", Answer::Skipped);
        all
    };
    let comes = |id: &str| {
        place.directory.service(&format!("HealthcareService/{id}")).is_some_and(|service| service.has("home-visits"))
    };
    let ask = common::ask(&me, "leg-wound", "leg-wound", wound("yes"), Channel::Web).await;
    let found = offers(&me, &place.directory, &ask.patient_id, &ask.assessment).await.unwrap();
    assert!(found.offers.iter().any(|offer| !comes(&offer.service_id)), "who can travel may go to a clinic");
    let ask = common::ask(&me, "leg-wound", "leg-wound", wound("no"), Channel::Web).await;
    let reasons: Vec<_> = ask.assessment.disposition.reasons.iter().map(|reason| reason.text.as_str()).collect();
    assert!(reasons.iter().any(|r| r.contains("after 2 weeks")) && reasons.iter().any(|r| r.contains("at home")));
    let found = offers(&me, &place.directory, &ask.patient_id, &ask.assessment).await.unwrap();
    assert!(comes(&found.offers[0].service_id), "a visit at home comes first: {:?}", found.offers);
    assert!(found.offers[0].reasons.iter().any(|reason| reason == "Can come to your home"));
    for offer in found.offers.iter().filter(|offer| !comes(&offer.service_id)) {
        let remote = offer.slots.iter().all(|slot| slot.mode != kith_directory::Mode::InPerson);
        assert!(remote && offer.walk_in.is_none(), "{offer:?}");
    }
    assert!(comes(&found.fallback.service_id), "and a request goes to a team that comes");
    assert!(found.not_possible.iter().any(|(_, why)| why == "you would have to go there"));
}

#[tokio::test]
async fn who_goes_without_booking_is_expected_by_the_service_they_go_to() {
    let place = place(|_, _| true).await;
    let me = place.person("sore-throat");
    let mut given = sore_throat();
    given.insert("dehydrated", Answer::Chosen(vec!["yes".into()]));
    let ask = ask(&me, "sore-throat", "sore-throat", given, Channel::Web).await;
    assert_eq!(ask.assessment.disposition.urgency, Urgency::WithinTwoHours);
    let found = offers(&me, &place.directory, &ask.patient_id, &ask.assessment).await.unwrap();
    let walk_in = found.offers.iter().find(|offer| offer.walk_in.is_some()).expect("somewhere to walk into");
    let go = || go_there(&me, &place.directory, &ask, &walk_in.service_id, "k");
    let (a, b) = tokio::join!(go(), go());
    let (a, b) = (a.unwrap(), b.unwrap());
    assert_eq!((&a.task, a.replayed != b.replayed), (&b.task, true), "sent twice, they come once");
    assert_eq!(a.owner.reference, format!("HealthcareService/{}", walk_in.service_id));
    let record = place.record("sore-throat").await;
    let asked = views::ServiceRequest::of(of(&record, "ServiceRequest", &a.service_request)).unwrap();
    assert_eq!(asked.status(), Some("active"));
    let work = Work::of(of(&record, "Task", &a.task)).unwrap();
    assert_eq!(work.description, "Comes without a booking");
    assert!(work.is_open() && work.due >= walk_in.walk_in.as_ref().unwrap().from);
    // A service that has to be booked is not walked into.
    let weir = service_id(WEIR).unwrap();
    let refused = go_there(&me, &place.directory, &ask, &weir, "k2").await.unwrap_err();
    assert!(matches!(refused, Error::NotForYou { .. }), "{refused:?}");
}

#[tokio::test]
async fn a_pathway_of_another_content_folder_is_the_one_that_is_walked_and_kept() {
    let place = with_weir(1).await;
    let own = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../content");
    let folder = tempfile::tempdir().unwrap();
    for part in ["pathways", "vocabulary"] {
        std::fs::create_dir(folder.path().join(part)).unwrap();
        for file in std::fs::read_dir(own.join(part)).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), folder.path().join(part).join(file.file_name())).unwrap();
        }
    }
    let file = folder.path().join("pathways/sore-throat.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replacen("version = \"1.0.0\"", "version = \"9.0.0\"", 1)).unwrap();
    let pathways = kith_frontdoor::Pathways::load(folder.path()).unwrap();
    let (me, ask) = leah(&place).await;
    let pathway = pathways.get("sore-throat").unwrap();
    let facts = service::facts(&me, &ask.patient_id).await.unwrap();
    let assessment = pathway.assess(&facts, &ask.answers);
    let ask = Ask { pathway, assessment, ..ask };
    let made = request(&me, &place.directory, &ask, "k").await.unwrap();
    let record = place.record("sore-throat").await;
    let asked = views::ServiceRequest::of(of(&record, "ServiceRequest", &made.service_request)).unwrap();
    assert_eq!(asked.disposition().unwrap().content, Some("sore-throat@9.0.0"));
}
