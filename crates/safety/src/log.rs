//! The hazard log's form. An unknown or missing field is an error: a misspelt control must not vanish.

use serde::Deserialize;

use crate::matrix;

/// The hazard log.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    pub version: String,
    /// The day of this version, `YYYY-MM-DD`.
    pub date: String,
    pub owner: String,
    pub hazard: Vec<Hazard>,
}

/// What could harm a person, and what holds it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hazard {
    /// `H` and two or three digits; never used again for another hazard.
    pub id: String,
    /// Where in the product: `front door`, `record`, `booking`, …
    pub area: String,
    #[serde(rename = "hazard")]
    pub name: String,
    pub causes: Vec<String>,
    pub effect: String,
    pub harm: String,
    /// As if the controls were not there.
    pub before: Estimate,
    /// With the controls.
    pub after: Estimate,
    pub owner: String,
    pub status: Status,
    pub controls: Vec<Control>,
    /// Why what is left may stand: needed where the risk after the controls is 3.
    pub accepted_because: Option<String>,
    /// What the organisation that deploys Kith must do (DCB0160), where software alone cannot hold the hazard.
    pub for_deployers: Option<String>,
    /// What the makers still mean to do about it, each in a sentence.
    #[serde(default)]
    pub actions: Vec<String>,
}

/// How bad, and how likely that the harm comes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Estimate {
    /// 1 minor, 2 significant, 3 considerable, 4 major, 5 catastrophic.
    pub severity: u8,
    /// 1 very low, 2 low, 3 medium, 4 high, 5 very high.
    pub likelihood: u8,
}

impl Estimate {
    /// 1 to 5 by the matrix of DCB0129; `None` where severity or likelihood is out of range.
    pub fn risk(&self) -> Option<u8> {
        matrix::risk(self.severity, self.likelihood)
    }
}

/// What holds a hazard, and the tests that prove that it does.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Control {
    pub text: String,
    pub tests: Vec<String>,
}

/// Where the work on a hazard stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Known, and not all its controls are built.
    Open,
    /// Every control stands and is tested.
    Controlled,
    /// What is left is handed, in words, to the organisation that deploys Kith.
    Transferred,
    /// The hazard can no longer arise.
    Closed,
}

impl Status {
    /// As written in the log.
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Controlled => "controlled",
            Self::Transferred => "transferred",
            Self::Closed => "closed",
        }
    }
}

const BUILT_IN: &str = include_str!("../../../docs/safety/hazards.toml");

impl Log {
    /// The log of this version of Kith. A test proves that it reads.
    pub fn built_in() -> Self {
        Self::parse(BUILT_IN).expect("the log in the binary was read by the tests")
    }

    /// A hazard by its id.
    pub fn hazard(&self, id: &str) -> Option<&Hazard> {
        self.hazard.iter().find(|hazard| hazard.id == id)
    }

    /// Highest risk after the controls first, then highest before them, then by id.
    pub fn by_risk(&self) -> Vec<&Hazard> {
        let mut all: Vec<&Hazard> = self.hazard.iter().collect();
        all.sort_by_key(|h| (std::cmp::Reverse((h.after.risk(), h.before.risk(), h.after.severity)), h.id.as_str()));
        all
    }

    /// Reads the text of a log. An unknown or missing field is an error.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }
}

impl Hazard {
    /// What the form alone cannot say is wrong.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let digits = self.id.strip_prefix('H').unwrap_or("");
        if !(2..=3).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
            faults.push("an id is H and two or three digits".to_owned());
        }
        let texts = [
            ("area", &self.area),
            ("hazard", &self.name),
            ("effect", &self.effect),
            ("harm", &self.harm),
            ("owner", &self.owner),
        ];
        faults.extend(
            texts.iter().filter(|(_, text)| text.trim().is_empty()).map(|(name, _)| format!("{name} is empty")),
        );
        if self.causes.is_empty() {
            faults.push("a hazard has a cause".to_owned());
        }
        match (self.before.risk(), self.after.risk()) {
            (Some(before), Some(after)) => {
                if after > before {
                    faults.push(format!("the risk after the controls ({after}) is higher than before ({before})"));
                }
                if after >= 4 {
                    faults.push(format!("a risk of {after} is {}", matrix::acceptability(after)));
                }
                if after == 3 && self.accepted_because.as_ref().is_none_or(|why| why.trim().is_empty()) {
                    faults.push("a risk of 3 that stays says why (accepted_because)".to_owned());
                }
            }
            _ => faults.push("severity and likelihood are each 1 to 5".to_owned()),
        }
        if self.after.severity > self.before.severity {
            faults.push("controls do not make a harm worse: the severity after is higher than before".to_owned());
        }
        if self.actions.iter().any(|action| action.trim().is_empty()) {
            faults.push("an action says what will be done".to_owned());
        }
        if self.controls.is_empty() && self.status != Status::Closed {
            faults.push("a hazard that can arise has a control".to_owned());
        }
        if self.status == Status::Transferred && self.for_deployers.is_none() {
            faults.push("a transferred hazard says what deployers must do (for_deployers)".to_owned());
        }
        for control in &self.controls {
            if control.text.trim().is_empty() {
                faults.push("a control says what it does".to_owned());
            }
            if control.tests.is_empty() {
                faults.push(format!("no test holds the control '{}'", control.text));
            }
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hazard(change: impl Fn(&mut Hazard)) -> Vec<String> {
        let mut hazard = Hazard {
            id: "H01".into(),
            area: "booking".into(),
            name: "h".into(),
            causes: vec!["c".into()],
            effect: "e".into(),
            harm: "h".into(),
            before: Estimate { severity: 4, likelihood: 4 },
            after: Estimate { severity: 4, likelihood: 1 },
            owner: "o".into(),
            status: Status::Controlled,
            controls: vec![Control { text: "t".into(), tests: vec!["a::b".into()] }],
            accepted_because: None,
            for_deployers: None,
            actions: Vec::new(),
        };
        change(&mut hazard);
        hazard.faults()
    }

    #[test]
    fn a_whole_hazard_passes() {
        assert_eq!(hazard(|_| {}), Vec::<String>::new());
    }

    #[test]
    fn each_fault_is_said() {
        assert_eq!(hazard(|h| h.id = "7".into()).len(), 1);
        assert_eq!(hazard(|h| h.harm = " ".into()).len(), 1);
        assert_eq!(hazard(|h| h.causes.clear()).len(), 1);
        assert_eq!(hazard(|h| h.before.severity = 6).len(), 1);
        assert_eq!(hazard(|h| h.controls.clear()).len(), 1);
        assert_eq!(hazard(|h| h.controls[0].tests.clear()).len(), 1);
        assert_eq!(hazard(|h| h.status = Status::Transferred).len(), 1);
    }

    #[test]
    fn a_risk_that_stays_high_fails_and_one_of_three_says_why() {
        assert_eq!(hazard(|h| h.after.likelihood = 4).len(), 1);
        assert_eq!(hazard(|h| h.after.likelihood = 2).len(), 1);
        let explained = hazard(|h| {
            h.after.likelihood = 2;
            h.accepted_because = Some("a person may still choose to wait".into());
        });
        assert_eq!(explained, Vec::<String>::new());
    }

    #[test]
    fn the_log_in_the_binary_reads_and_every_hazard_in_it_is_whole() {
        let log = Log::built_in();
        assert!(log.hazard.len() >= 40, "{} hazards", log.hazard.len());
        for hazard in &log.hazard {
            assert_eq!(hazard.faults(), Vec::<String>::new(), "{}", hazard.id);
        }
        let order: Vec<_> = log.by_risk().iter().map(|h| h.after.risk()).collect();
        assert!(order.is_sorted_by(|a, b| a >= b), "{order:?}");
    }

    #[test]
    fn controls_never_raise_the_risk() {
        let raised = hazard(|h| {
            h.before = Estimate { severity: 2, likelihood: 1 };
            h.after = Estimate { severity: 2, likelihood: 2 };
        });
        assert_eq!(raised.len(), 1);
    }
}
