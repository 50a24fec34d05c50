//! The numbers the neighbourhood is made from: `data/*.toml`, each with its source and date, read once.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

pub static TABLES: LazyLock<Tables> = LazyLock::new(Tables::read);

pub struct Tables {
    pub population: Population,
    pub conditions: Vec<Condition>,
    pub contacts: Contacts,
    pub immunisations: Immunisations,
    pub ranges: Vec<UsualRange>,
    pub names: BTreeMap<String, Names>,
    pub town: Town,
    pub services: Services,
    pub capacity: Capacity,
    /// One age for each of a block's 1,000 people, youngest first.
    pub ages: Vec<u8>,
}

/// Upper ages of the nine bands of conditions; the last has no end.
const BANDS: [u8; 8] = [15, 24, 34, 44, 54, 64, 74, 84];

pub fn band(age: u8) -> usize {
    BANDS.iter().position(|upper| age <= *upper).unwrap_or(BANDS.len())
}

#[derive(Deserialize)]
struct Ranges {
    range: Vec<UsualRange>,
}

/// Between what a result usually lies in adults, both ends included, and who says so.
#[derive(Deserialize)]
pub struct UsualRange {
    pub loinc: String,
    /// Of one sex alone.
    pub sex: Option<String>,
    pub low: Option<f64>,
    pub high: Option<f64>,
    pub source: String,
}

#[derive(Deserialize)]
pub struct Population {
    pub age: Ages,
    pub sex: Sexes,
    pub home: Vec<HomeKind>,
    pub ethnicity: Ethnicity,
    pub language: Vec<Language>,
    pub contact: ContactShares,
    pub access: Vec<AccessNeed>,
    pub lifestyle: Lifestyle,
    pub pregnancy: Pregnancy,
    pub allergy: Allergies,
}

#[derive(Deserialize)]
pub struct Ages {
    pub per_1000: Vec<usize>,
}

#[derive(Deserialize)]
pub struct Sexes {
    pub female_under_65: f64,
    pub female_65_to_84: f64,
    pub female_85_and_over: f64,
    pub lone_parents_female: f64,
    pub couples_same_sex: f64,
    pub mean_age_at_birth: f64,
}

#[derive(Deserialize)]
pub struct HomeKind {
    pub kind: String,
    #[serde(default)]
    pub children: usize,
    #[serde(default)]
    pub grown: usize,
    #[serde(default)]
    pub grandparents: usize,
    #[serde(default)]
    pub sharers: usize,
    pub count: usize,
}

#[derive(Deserialize)]
pub struct Ethnicity {
    pub main_language_not_english_percent: f64,
    pub needs_interpreter: f64,
    pub differs_from_household: f64,
    pub group: Vec<EthnicGroup>,
}

#[derive(Deserialize)]
pub struct EthnicGroup {
    pub code: String,
    pub display: String,
    pub percent: f64,
    pub names: String,
    #[serde(default)]
    pub languages: Vec<(String, f64)>,
}

#[derive(Deserialize)]
pub struct Language {
    pub code: String,
    pub name: String,
}

#[derive(Deserialize)]
pub struct ContactShares {
    pub under_45: [f64; 4],
    pub from_45: [f64; 4],
    pub from_75: [f64; 4],
}

#[derive(Deserialize)]
pub struct AccessNeed {
    pub text: String,
    pub chance: [f64; 3],
}

#[derive(Deserialize)]
pub struct Lifestyle {
    pub smoker: f64,
    pub ex_smoker: f64,
    pub bmi_mean: f64,
    pub bmi_sd: f64,
    pub height_male: f64,
    pub height_female: f64,
    pub height_sd: f64,
    pub systolic_at_40: f64,
    pub systolic_per_year: f64,
    pub systolic_sd: f64,
    pub diastolic_mean: f64,
    pub diastolic_sd: f64,
    pub cholesterol_mean: f64,
    pub cholesterol_sd: f64,
    pub hba1c_mean: f64,
    pub hba1c_sd: f64,
    pub hba1c_diabetes_mean: f64,
    pub hba1c_diabetes_sd: f64,
    pub egfr_at_40: f64,
    pub egfr_per_year: f64,
}

#[derive(Deserialize)]
pub struct Pregnancy {
    pub fertility_per_1000: [f64; 6],
}

#[derive(Deserialize)]
pub struct Allergies {
    pub to: Vec<Allergen>,
}

#[derive(Deserialize)]
pub struct Allergen {
    pub text: String,
    pub snomed: String,
    pub category: String,
    pub chance: f64,
    pub reaction: String,
}

#[derive(Deserialize)]
pub struct Condition {
    pub key: String,
    pub text: String,
    pub snomed: String,
    pub percent: f64,
    #[serde(default)]
    pub from: u8,
    /// As written, relative; once read, the chance in each band.
    pub shape: [f64; 9],
    #[serde(default)]
    pub deprivation: f64,
    #[serde(default = "one")]
    pub female: f64,
    #[serde(default)]
    pub medicine: Vec<Medicine>,
}

fn one() -> f64 {
    1.0
}

impl Condition {
    /// The chance that somebody has it.
    pub fn rate(&self, age: u8, female: bool, imd: u8) -> f64 {
        if age < self.from {
            return 0.0;
        }
        // The mean of the two sexes' factors is 1, as is that of the ten deciles'.
        let sex = if female { self.female } else { 1.0 } * 2.0 / (1.0 + self.female);
        let deprivation = 1.0 + self.deprivation * (5.5 - f64::from(imd)) / 4.5;
        (self.shape[band(age)] * sex * deprivation).min(0.95)
    }
}

#[derive(Deserialize)]
pub struct Medicine {
    pub text: String,
    pub snomed: Option<String>,
    pub dose: String,
    pub chance: f64,
}

#[derive(Deserialize)]
struct Conditions {
    condition: Vec<Condition>,
}

#[derive(Deserialize)]
pub struct Contacts {
    pub rate: [f64; 6],
    pub contact: Vec<ContactKind>,
    pub letter: Vec<LetterKind>,
}

#[derive(Deserialize)]
pub struct ContactKind {
    pub reason: String,
    pub role: String,
    #[serde(default)]
    pub from: u8,
    #[serde(default = "oldest")]
    pub to: u8,
    pub sex: Option<String>,
    pub notes: Vec<String>,
}

fn oldest() -> u8 {
    120
}

#[derive(Deserialize)]
pub struct LetterKind {
    pub title: String,
    pub needs: Vec<String>,
    pub text: String,
}

#[derive(Deserialize)]
pub struct Immunisations {
    pub vaccine: Vec<Vaccine>,
    pub flu: Flu,
}

#[derive(Deserialize)]
pub struct Vaccine {
    pub text: String,
    pub weeks: Vec<i64>,
    pub coverage: f64,
    pub born_from: Option<i16>,
}

#[derive(Deserialize)]
pub struct Flu {
    pub text: String,
    pub over_65: f64,
    pub at_risk: f64,
    pub children: f64,
    pub others: f64,
    pub seasons: i16,
}

#[derive(Deserialize)]
pub struct Names {
    pub female: Vec<String>,
    pub male: Vec<String>,
    pub surname: Vec<String>,
}

#[derive(Deserialize)]
pub struct Town {
    pub name: String,
    pub county: String,
    pub latitude: f64,
    pub longitude: f64,
    pub area: Vec<Area>,
}

#[derive(Deserialize)]
pub struct Area {
    pub name: String,
    pub imd: u8,
    pub north: f64,
    pub east: f64,
    pub streets: Vec<String>,
}

#[derive(Deserialize)]
pub struct Services {
    pub eligibility: Vec<Eligibility>,
    pub service: Vec<ServiceRow>,
}

#[derive(Deserialize)]
pub struct Eligibility {
    pub need: String,
    pub min: u8,
    pub max: u8,
    pub sex: Option<String>,
}

#[derive(Deserialize)]
pub struct ServiceRow {
    pub key: String,
    pub kind: String,
    pub name: String,
    pub ods: String,
    pub address: String,
    pub at: [f64; 2],
    pub hours: Vec<String>,
    pub characteristics: Vec<String>,
    pub languages: Vec<String>,
    pub comment: String,
    pub extra: String,
    pub needs: Vec<String>,
    pub open_bank_holidays: bool,
    /// People may come without booking.
    #[serde(default)]
    pub walk_in: bool,
}

#[derive(Deserialize)]
pub struct Capacity {
    pub floor: usize,
    pub post: Vec<PostRow>,
    pub desk: Vec<DeskRow>,
}

#[derive(Deserialize)]
pub struct PostRow {
    pub kind: String,
    pub role: String,
    pub per_1000_per_week: f64,
    pub minimum: usize,
    #[serde(default)]
    pub patterns: Vec<String>,
    #[serde(default)]
    pub rota: usize,
    pub calendar: Vec<CalendarRow>,
}

#[derive(Deserialize)]
pub struct CalendarRow {
    pub mode: String,
    pub needs: Vec<String>,
    pub sessions: Vec<String>,
    pub minutes: u16,
    pub booked: Vec<f64>,
    pub booked_today: f64,
}

#[derive(Deserialize)]
pub struct DeskRow {
    pub kind: String,
    pub role: String,
    pub count: usize,
    pub per_people: Option<usize>,
}

impl Tables {
    fn read() -> Self {
        // The files are part of the program: a mistake in one is a broken build, found by the first test.
        fn file<T: for<'a> Deserialize<'a>>(text: &str) -> T {
            toml::from_str(text).expect("the twin's own tables are well formed")
        }
        #[derive(Deserialize)]
        struct NameFile {
            #[serde(flatten)]
            groups: BTreeMap<String, toml::Value>,
        }
        let mut population: Population = file(include_str!("../data/population.toml"));
        let ethnicity = &mut population.ethnicity;
        let speak_other: f64 =
            ethnicity.group.iter().map(|g| g.percent * g.languages.iter().map(|l| l.1).sum::<f64>()).sum();
        let scale = ethnicity.main_language_not_english_percent / speak_other;
        ethnicity.group.iter_mut().flat_map(|g| &mut g.languages).for_each(|l| l.1 *= scale);
        let ages = single_years(&population.age.per_1000);
        let mut conditions = file::<Conditions>(include_str!("../data/conditions.toml")).condition;
        for condition in &mut conditions {
            calibrate(condition, &ages);
        }
        let names = file::<NameFile>(include_str!("../data/names.toml"))
            .groups
            .into_iter()
            .filter_map(|(group, value)| Some((group, value.try_into().ok()?)))
            .collect();
        Self {
            population,
            conditions,
            contacts: file(include_str!("../data/contacts.toml")),
            immunisations: file(include_str!("../data/immunisations.toml")),
            ranges: file::<Ranges>(include_str!("../data/ranges.toml")).range,
            names,
            town: file(include_str!("../data/town.toml")),
            services: file(include_str!("../data/services.toml")),
            capacity: file(include_str!("../data/capacity.toml")),
            ages,
        }
    }
}

/// Spreads five-year bands evenly over their years; the last band tails off from 85 to 99.
fn single_years(per_1000: &[usize]) -> Vec<u8> {
    let mut ages = Vec::with_capacity(1000);
    for (band, &people) in per_1000.iter().enumerate() {
        let last = band + 1 == per_1000.len();
        for n in 0..people {
            let year = if last { 15 * n * n / (people * people) } else { n * 5 / people };
            ages.push((band * 5 + year) as u8);
        }
    }
    ages
}

/// Scales the shape so that the chance over everyone of `from` years and over is `percent`.
fn calibrate(condition: &mut Condition, ages: &[u8]) {
    let register: Vec<_> = ages.iter().filter(|age| **age >= condition.from).collect();
    let mean = register.iter().map(|age| condition.shape[band(**age)]).sum::<f64>() / register.len() as f64;
    for rate in &mut condition.shape {
        *rate *= condition.percent / 100.0 / mean;
    }
}
