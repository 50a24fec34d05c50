//! The server under attack, who attacks it, and whom.

use kith_fhir::Value;
use kith_fhir::json::{Limits, parse};
use kith_fhir::system::CS_CATEGORY as CATEGORY;
use tempfile::TempDir;

use crate::support::{Server, neighbourhood, run};
use crate::wire::{Answer, Request, fresh_key};

/// Somebody signed in.
#[derive(Debug, Clone)]
pub struct Who {
    pub cookie: String,
    pub csrf: String,
}

/// Ids of one person's resources.
#[derive(Debug, Clone)]
pub struct Ids {
    pub patient: String,
    pub appointment: String,
    pub task: String,
    pub document: String,
    pub thread: String,
    pub request: String,
    pub proxy: String,
}

impl Ids {
    /// Of the same shape, and of nobody.
    pub fn absent() -> Self {
        let id = |n: u32| format!("ca57ffff-0000-8000-8000-00000000ff{n:02x}");
        Self {
            patient: id(1),
            appointment: id(2),
            task: id(3),
            document: id(4),
            thread: id(5),
            request: id(6),
            proxy: id(7),
        }
    }
}

pub struct Site {
    pub address: String,
    pub data: TempDir,
    _server: Server,
    /// A token that may do everything a connected system may.
    pub full: String,
    /// A token for times alone.
    pub narrow: String,
    /// Person who is attacked, registered with another practice than the staff below.
    pub victim: Ids,
    /// Somebody else, who attacks.
    pub person: Who,
    pub person_id: String,
    /// Staff who have nothing to do with the victim.
    pub gp: Who,
    pub receptionist: Who,
    pub dentist: Who,
    pub safety_officer: Who,
    pub privacy_officer: Who,
}

/// The victim: registered with the second practice; the staff of the cast work for the first.
const VICTIM: &str = "signer";
pub const ATTACKER: &str = "partner";

impl Site {
    pub async fn start() -> Self {
        let data = neighbourhood();
        let server = Server::demo(data.path());
        let address = server.address.clone();
        let full = run(data.path(), &["token", "--service", "Everything", "--scope", "system/*.*"]).trim().to_owned();
        let narrow =
            run(data.path(), &["token", "--service", "Times", "--scope", "system/Slot.read"]).trim().to_owned();
        let patient = kith_twin::cast(VICTIM).unwrap().patient_id.to_owned();
        let person_id = kith_twin::cast(ATTACKER).unwrap().patient_id.to_owned();
        let person = sign_in(&address, &format!("person:{ATTACKER}")).await;
        let staff = |role: &'static str| {
            let at = kith_twin::STAFF_CAST.iter().position(|member| member.role == role).unwrap();
            let address = address.clone();
            async move { sign_in(&address, &format!("staff:{at}")).await }
        };
        let (gp, receptionist, dentist) = (staff("gp").await, staff("receptionist").await, staff("dentist").await);
        let (safety_officer, privacy_officer) = (staff("safety-officer").await, staff("privacy-officer").await);
        let victim = victim(&address, &full, patient).await;
        Self {
            victim,
            address,
            data,
            _server: server,
            full,
            narrow,
            person,
            person_id,
            gp,
            receptionist,
            dentist,
            safety_officer,
            privacy_officer,
        }
    }

    pub async fn ask(&self, request: Request) -> Answer {
        request.send(&self.address).await
    }

    pub async fn get(&self, who: &Who, path: &str) -> Answer {
        self.ask(Request::get(path).signed_in(who)).await
    }

    /// A form of our own pages.
    pub async fn post(&self, who: &Who, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.ask(Request::new("POST", path).form(who, fields)).await
    }

    /// Changes the details of somebody as the page does, with an access need in their own words.
    pub async fn change_details(&self, who: &Who, need: &str, more: &[(&str, &str)]) -> Answer {
        let seen = self.details_seen(who).await;
        let mut fields = vec![("seen", seen.as_str()), ("channel", "web"), ("other_needs", need)];
        fields.extend(more);
        self.post(who, "/details/change", &fields).await
    }

    /// What the page of details says was there when it was opened.
    pub async fn details_seen(&self, who: &Who) -> String {
        let page = self.get(who, "/details/change").await;
        assert_eq!(page.status, 200);
        page.quoted("name=\"seen\" value=\"").unwrap_or_default()
    }

    /// Whether the attacker's own details have this access need.
    pub async fn has_need(&self, need: &str) -> bool {
        self.fhir(&format!("Patient/{}/Flag?_count=100", self.person_id)).await.to_string().contains(need)
    }

    pub async fn fhir(&self, path: &str) -> Value {
        fhir(&self.address, &self.full, path).await
    }

    pub async fn sign_in(&self, identity: &str) -> Who {
        sign_in(&self.address, identity).await
    }

    /// The server answers, and the record under it is whole.
    pub async fn is_well(&self) {
        for path in ["/healthz", "/readyz"] {
            assert_eq!(self.ask(Request::get(path)).await.status, 200, "{path}");
        }
        let report = run(self.data.path(), &["audit", "verify"]);
        assert!(report.contains("is whole"), "{report}");
        crate::support::checked(self.data.path());
    }
}

async fn fhir(address: &str, token: &str, path: &str) -> Value {
    let answer = Request::get(&format!("/fhir/{path}")).bearer(token).send(address).await;
    parse(&answer.body, &Limits::default()).unwrap_or_else(|e| panic!("{path}: {e}: {}", answer.text()))
}

/// On from the choice of who to be, to the demonstration's provider and back, with these cookies besides.
pub async fn through(address: &str, cookies: &str, mut answer: Answer) -> Answer {
    let mut carried = String::new();
    while let Some(to) = answer.header("location").map(str::to_owned) {
        if !["/demo/", "/sign-in/back"].iter().any(|step| to.starts_with(step)) {
            break;
        }
        let set = answer.all("set-cookie").find(|c| c.starts_with("kith-signing=")).and_then(|c| c.split(';').next());
        carried = set.map_or(carried, str::to_owned);
        let cookie = format!("{carried}; {cookies}");
        answer =
            Request::get(&to).header("cookie", &cookie).header("sec-fetch-site", "same-origin").send(address).await;
    }
    answer
}

/// Signs in as the demonstration allows, going where it leads until there is a session.
async fn sign_in(address: &str, identity: &str) -> Who {
    let mut jar = std::collections::BTreeMap::new();
    let mut keep = |answer: &Answer| {
        for cookie in answer.all("set-cookie") {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            jar.insert(name.to_owned(), value.to_owned());
        }
        jar.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    };
    let page = Request::get("/sign-in").send(address).await;
    let mut cookies = keep(&page);
    let csrf = page.quoted("name=\"_csrf\" value=\"").unwrap();
    let key = fresh_key();
    let fields = [("_csrf", csrf.as_str()), ("_key", key.as_str()), ("identity", identity)];
    let form = Request::new("POST", "/sign-in").header("cookie", &cookies).header("sec-fetch-site", "same-origin");
    let mut answer = form.fields(&fields).send(address).await;
    for _ in 0..10 {
        assert_eq!(answer.status, 303, "{identity}: {}", answer.text());
        cookies = keep(&answer);
        if let Some(cookie) = cookies.split("; ").find_map(|c| c.strip_prefix("kith=")).map(str::to_owned) {
            let page = Request::get("/accessibility").header("cookie", &cookies).send(address).await;
            return Who { csrf: page.quoted("name=\"_csrf\" value=\"").unwrap(), cookie };
        }
        let to = answer.header("location").unwrap_or_default().to_owned();
        answer = Request::get(&to).header("cookie", &cookies).send(address).await;
    }
    panic!("{identity}: no session");
}

/// The victim has one of everything that an address can name.
async fn victim(address: &str, full: &str, patient: String) -> Ids {
    let subject = format!("{{\"reference\": \"Patient/{patient}\"}}");
    let id =
        |kind: &str| format!("ac000000-0000-8000-8000-{:012x}", kind.len() * 1000 + usize::from(kind.as_bytes()[0]));
    let due = "2027-01-04T10:00:00Z";
    let owner = format!("HealthcareService/{}", kith_twin::service_id("pharmacy-station").unwrap());
    let resources = [
        (
            "Appointment",
            format!(
                r#""status": "booked", "start": "2027-01-04T10:00:00Z", "end": "2027-01-04T10:10:00Z",
            "participant": [{{"actor": {subject}, "status": "accepted"}}]"#
            ),
        ),
        (
            "DocumentReference",
            format!(
                r#""status": "current", "subject": {subject}, "description": "A letter of Wainwright",
            "content": [{{"attachment": {{"contentType": "text/plain", "data": "V2FpbndyaWdodA=="}}}}]"#
            ),
        ),
        (
            "Communication",
            format!(
                r#""status": "completed", "subject": {subject}, "sender": {subject}, "sent": "2026-11-20T10:00:00Z",
            "category": [{{"coding": [{{"system": "{CATEGORY}", "code": "message"}}]}}],
            "payload": [{{"contentString": "Wainwright writes"}}]"#
            ),
        ),
        (
            "ServiceRequest",
            format!(r#""status": "completed", "intent": "order", "subject": {subject}, "code": {{"text": "Help"}}"#),
        ),
        (
            "Task",
            format!(
                r#""status": "completed", "intent": "order", "for": {subject}, "description": "Help",
            "owner": {{"reference": "{owner}"}}, "restriction": {{"period": {{"end": "{due}"}}}}"#
            ),
        ),
        ("RelatedPerson", format!(r#""active": false, "patient": {subject}"#)),
    ];
    for (kind, members) in resources {
        let id = id(kind);
        let body = format!("{{\"resourceType\": \"{kind}\", \"id\": \"{id}\", {members}}}");
        let answer = Request::new("PUT", &format!("/fhir/{kind}/{id}")).bearer(full).json(body).send(address).await;
        assert!(answer.status == 201 || answer.status == 200, "{kind}: {}", answer.text());
    }
    Ids {
        patient,
        appointment: id("Appointment"),
        task: id("Task"),
        document: id("DocumentReference"),
        thread: id("Communication"),
        request: id("ServiceRequest"),
        proxy: id("RelatedPerson"),
    }
}
