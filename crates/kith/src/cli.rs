//! The command line: subcommands as verbs, results on stdout, progress and hints on stderr.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Kith: one record, one front door, one plan for a neighbourhood's health.
///
/// Start with `kith demo`: a neighbourhood of synthetic people at http://127.0.0.1:8080. Then `kith demo --story` plays a
/// day of it in the terminal.
#[derive(Parser)]
#[command(version, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Settings every command takes; `kith config` explains them.
#[derive(Args)]
pub struct Global {
    /// Configuration file (TOML); ./kith.toml is read if it is there.
    #[arg(long, global = true, value_name = "FILE", env = "KITH_CONFIG")]
    pub config: Option<PathBuf>,
    /// Folder of the record [default: ./kith-data]
    #[arg(long, global = true, value_name = "DIR", env = "KITH_DATA")]
    pub data: Option<PathBuf>,
    /// Address and port to listen on [default: 127.0.0.1:8080]
    #[arg(long, global = true, value_name = "ADDRESS", env = "KITH_LISTEN", hide = true)]
    pub listen: Option<String>,
    /// Folder of sharing agreements instead of the built-in one.
    #[arg(long, global = true, value_name = "DIR", env = "KITH_AGREEMENTS", hide = true)]
    pub agreements: Option<PathBuf>,
    /// Folder of pathways and vocabularies instead of the built-in ones.
    #[arg(long, global = true, value_name = "DIR", env = "KITH_CONTENT", hide = true)]
    pub content: Option<PathBuf>,
    /// A proxy in front speaks TLS: cookies are Secure and HSTS is sent.
    #[arg(long, global = true, env = "KITH_TLS", hide = true)]
    pub tls: bool,
    /// Where browsers reach this site.
    #[arg(long, global = true, value_name = "URL", env = "KITH_PUBLIC_URL", hide = true)]
    pub public_url: Option<String>,
    /// The OpenID provider for people.
    #[arg(long, global = true, value_name = "URL", env = "KITH_PEOPLE_ISSUER", hide = true)]
    pub people_issuer: Option<String>,
    /// This site's client id at the provider for people.
    #[arg(long, global = true, value_name = "ID", env = "KITH_PEOPLE_CLIENT", hide = true)]
    pub people_client: Option<String>,
    /// File with this site's key or secret at the provider for people.
    #[arg(long, global = true, value_name = "FILE", env = "KITH_PEOPLE_KEY", hide = true)]
    pub people_key: Option<PathBuf>,
    /// The OpenID provider for staff.
    #[arg(long, global = true, value_name = "URL", env = "KITH_STAFF_ISSUER", hide = true)]
    pub staff_issuer: Option<String>,
    /// This site's client id at the provider for staff.
    #[arg(long, global = true, value_name = "ID", env = "KITH_STAFF_CLIENT", hide = true)]
    pub staff_client: Option<String>,
    /// File with this site's key or secret at the provider for staff.
    #[arg(long, global = true, value_name = "FILE", env = "KITH_STAFF_KEY", hide = true)]
    pub staff_key: Option<PathBuf>,
    /// Accounts of this site may sign in.
    #[arg(long, global = true, env = "KITH_ACCOUNTS", hide = true)]
    pub accounts: bool,
    /// Wait for the disk at every commit.
    #[arg(long, global = true, value_name = "BOOL", env = "KITH_DURABLE", hide = true)]
    pub durable: Option<bool>,
    /// Folder of key files.
    #[arg(long, global = true, value_name = "DIR", env = "KITH_KEYS", hide = true)]
    pub keys: Option<PathBuf>,
    /// Folder of the signed checkpoints of the audit chain.
    #[arg(long, global = true, value_name = "DIR", env = "KITH_CHECKPOINTS", hide = true)]
    pub checkpoints: Option<PathBuf>,
    /// What is logged.
    #[arg(long, global = true, value_name = "FILTER", env = "KITH_LOG", hide = true)]
    pub log: Option<String>,
}

#[derive(Subcommand)]
pub enum Command {
    /// Make a neighbourhood of synthetic people and open it in a browser at the listen address
    Demo(Demo),
    /// Serve the pages and the FHIR door over the record in --data
    Serve,
    /// Bring FHIR Bundles and NDJSON in (plain or gzipped, files or folders)
    Import(Import),
    /// Write the whole record out as NDJSON, one file for each resource type
    Export(Export),
    /// Prove the store's own invariants: index, references, versions, audit chain
    Check {
        /// Print the result, with counts by resource type, as JSON
        #[arg(long)]
        json: bool,
    },
    /// Look into the audit chain
    Audit {
        #[command(subcommand)]
        command: Audit,
    },
    /// The keys that seal attachments and sign the audit
    Keys {
        #[command(subcommand)]
        command: Keys,
    },
    /// Write a copy of one person's record: a page to read and a FHIR Bundle to import, in a ZIP file
    SubjectAccess {
        /// NHS number of the person
        #[arg(value_name = "NHS-NUMBER")]
        nhs_number: String,
        /// File to write [default: record-DATE.zip here]
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
    /// Keep records as long as the schedule says, and no longer
    Retention {
        #[command(subcommand)]
        command: Retention,
    },
    /// Register an integration engine and print its bearer token, once
    Token(Token),
    /// Apps that act for people and staff, and backend services (SMART App Launch)
    App {
        #[command(subcommand)]
        command: AppCommand,
    },
    /// Accounts of this site, for places without NHS login or NHS Care Identity
    Account {
        #[command(subcommand)]
        command: Account,
    },
    /// Check and try pathways and other content files
    Content {
        #[command(subcommand)]
        command: Content,
    },
    /// Sharing agreements: what is in force, and why somebody may or may not
    Agreements {
        #[command(subcommand)]
        command: Agreements,
    },
    /// The clinical safety case: hazards, controls and the tests that prove them
    Safety {
        #[command(subcommand)]
        command: Safety,
    },
    /// List every setting with its file key, environment variable, flag and default
    Config,
}

#[derive(Subcommand)]
pub enum Safety {
    /// Print the safety case as one page of HTML that needs nothing else
    Report {
        /// Also tell what people and staff reported in the record in --data, and what came of it
        #[arg(long)]
        learning: bool,
        /// Write it to this file instead of the terminal
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
}

#[derive(Args)]
pub struct Demo {
    /// How many people live there (15 to 1,000,000)
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(15..=1_000_000))]
    pub people: u32,
    /// The same seed makes the same neighbourhood
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Make the neighbourhood and stop
    #[arg(long)]
    pub prepare: bool,
    /// Play one day without a browser and print it as a story; exits 1 if a promise is broken
    #[arg(long)]
    pub story: bool,
    /// Also import these FHIR Bundles (Synthea's, for instance)
    #[arg(long, value_name = "PATH")]
    pub synthea: Vec<PathBuf>,
}

#[derive(Args)]
pub struct Import {
    /// Files and folders: .json, .ndjson, .jsonl, each also as .gz
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Print counts by resource type as JSON
    #[arg(long)]
    pub json: bool,
    /// Where rejected resources are listed, one JSON object a line [default: import-errors.ndjson in --data]
    #[arg(long, value_name = "FILE")]
    pub errors: Option<PathBuf>,
}

#[derive(Args)]
pub struct Export {
    /// Folder to write to; made if it is not there
    #[arg(value_name = "DIR")]
    pub to: PathBuf,
}

#[derive(Subcommand)]
pub enum Audit {
    /// Walk the chain and its signed checkpoints: finds any altered, missing or reordered entry and names the first
    Verify {
        /// Also hold the chain against a copy of the checkpoints kept elsewhere
        #[arg(long, value_name = "FILE")]
        against: Option<PathBuf>,
        /// Print the result as JSON
        #[arg(long)]
        json: bool,
    },
    /// Sign where the chain stands now, outside the database
    Checkpoint,
    /// Print entries as FHIR R4 AuditEvents, one JSON object a line, oldest first
    Export {
        /// After this sequence number
        #[arg(long, default_value_t = 0)]
        after: i64,
        /// Of one person (a Patient id)
        #[arg(long, value_name = "ID")]
        person: Option<String>,
        /// From this moment (2026-11-21T00:00:00Z)
        #[arg(long, value_name = "TIME")]
        from: Option<jiff::Timestamp>,
        /// Before this moment
        #[arg(long, value_name = "TIME")]
        until: Option<jiff::Timestamp>,
    },
    /// Print entries as JSON lines, oldest first, without names
    List {
        /// After this sequence number
        #[arg(long, default_value_t = 0)]
        after: i64,
        /// How many
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
}

#[derive(Subcommand)]
pub enum Retention {
    /// What is due for erasure or review today, and what is held
    Report {
        /// Print each item as JSON, one object a line, with its person and rule
        #[arg(long)]
        json: bool,
    },
    /// Erase what is due; without --erase, only say what would be
    Apply {
        /// Erase: it cannot be undone
        #[arg(long)]
        erase: bool,
    },
    /// Erase one person's record, or items of it, on another lawful ground
    Erase {
        /// Patient id
        #[arg(value_name = "PATIENT")]
        person: String,
        /// These resources alone (Type/id)
        #[arg(long, value_name = "REFERENCE")]
        only: Vec<String>,
        /// The ground, without personal data: "court order 123", "article 17(1)(d)"
        #[arg(long)]
        ground: String,
        /// Erase: it cannot be undone
        #[arg(long)]
        erase: bool,
    },
    /// Keep a person's record from erasure until it is released
    Hold {
        /// Patient id
        #[arg(value_name = "PATIENT")]
        person: String,
        /// Why: the reference of a court or an inquiry
        #[arg(long)]
        reason: String,
    },
    /// End a legal hold
    Release {
        /// Patient id
        #[arg(value_name = "PATIENT")]
        person: String,
    },
    /// List legal holds
    Holds,
}

#[derive(Subcommand)]
pub enum Keys {
    /// Master keys by name, with how many people's attachments each seals, and the public key of the audit. Never a secret
    List {
        /// Print the result as JSON
        #[arg(long)]
        json: bool,
    },
    /// Make a new master key and put every person's attachments under it, beside a running server
    Rotate {
        /// Make a new key to sign the audit with instead; start a running server again after
        #[arg(long)]
        audit: bool,
    },
}

#[derive(Args)]
pub struct Token {
    /// Name of the integration engine, as people will see it
    #[arg(long, value_name = "NAME", required_unless_present_any = ["list", "withdraw"])]
    pub service: Option<String>,
    /// What it may do: system/*.*, system/Patient.read, system/Observation.cruds, …
    #[arg(long, value_name = "SCOPE")]
    pub scope: Vec<String>,
    /// List connected systems instead
    #[arg(long, conflicts_with_all = ["service", "withdraw"])]
    pub list: bool,
    /// Withdraw every token of a connected system instead (Device/…, as --list prints it)
    #[arg(long, value_name = "DEVICE", conflicts_with = "service")]
    pub withdraw: Option<String>,
}

#[derive(Subcommand)]
pub enum AppCommand {
    /// Register an app or a backend service and print its client id (and secret, once)
    Add {
        /// Name, as people will see it
        name: String,
        /// Address it may be sent back to (https); none makes it a backend service
        #[arg(long, value_name = "URL")]
        redirect: Vec<String>,
        /// Where it is started from a person's page (EHR launch)
        #[arg(long, value_name = "URL")]
        launch: Option<String>,
        /// The most it may be granted: patient/*.rs, user/Observation.rs?category=laboratory, system/Condition.r, …
        #[arg(long, value_name = "SCOPE", required = true)]
        scope: Vec<String>,
        /// It can keep a secret
        #[arg(long, conflicts_with = "jwks")]
        confidential: bool,
        /// Its public keys, a JSON Web Key Set (RS384 or ES384)
        #[arg(long, value_name = "FILE")]
        jwks: Option<PathBuf>,
    },
    /// List apps
    List,
    /// Take an app away; its tokens are refused from then on
    Remove {
        /// Its client id
        id: String,
    },
}

#[derive(Subcommand)]
pub enum Agreements {
    /// The agreements in force, their versions, reviews and signatures
    List,
    /// What is allowed and why, or what would have to be true; exits 1 if nothing is allowed
    Explain {
        /// Who asks: Practitioner/…, Patient/…, an NHS number, or role@Organization/…
        #[arg(long)]
        who: String,
        /// About whom: Patient/… or an NHS number
        #[arg(long)]
        whom: String,
        /// Why: direct-care, administration, own-record, audit, population-health, planning, research, …
        #[arg(long)]
        why: String,
        /// Print the answers as JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Subcommand)]
pub enum Account {
    /// Add an account and print its set-up code, once
    Add {
        /// Sign-in name: letters, digits and - _ . @
        name: String,
        /// The person it is for (Patient id)
        #[arg(long, value_name = "PATIENT", conflicts_with = "post")]
        person: Option<String>,
        /// The member of staff's post it is for (PractitionerRole id)
        #[arg(long, value_name = "ROLE")]
        post: Option<String>,
    },
    /// Take password, app and recovery codes away, sign its holder out, and print a new set-up code
    Reset {
        /// Sign-in name
        name: String,
    },
    /// List accounts, without names of people
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Let nobody sign in with it any more
    Disable {
        /// Sign-in name
        name: String,
    },
}

#[derive(Subcommand)]
pub enum Content {
    /// Check every pathway: format, vignettes, and the exhaustive walk over every path
    Check,
    /// Play one pathway's vignettes and print what each came to
    Try {
        /// Pathway id, such as sore-throat
        pathway: String,
    },
}
