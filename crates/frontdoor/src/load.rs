//! Pathways from the binary or from a folder.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use crate::{Facts, Pathway, Vocabulary};

include!(concat!(env!("OUT_DIR"), "/content.rs"));

/// Content that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("{path}: {error}")]
    Io { path: PathBuf, error: io::Error },
    /// Not TOML, or not the fields of a pathway; says where.
    #[error("{0}")]
    Toml(#[from] toml::de::Error),
    /// A condition, name or option that cannot be; place in the file, from 1.
    #[error("line {line}, column {column}: {message}")]
    Content { line: usize, column: usize, message: String },
    #[error("{file}: {error}")]
    File { file: String, error: Box<LoadError> },
    #[error("{file} holds the pathway {id:?}: the file must have its pathway's name")]
    Name { file: String, id: String },
    #[error("content/vocabulary/{0} is missing")]
    Missing(&'static str),
}

/// Every pathway, with the vocabulary they share.
#[derive(Debug, Clone)]
pub struct Pathways {
    all: Vec<Pathway>,
    vocabulary: Vocabulary,
}

impl Pathways {
    /// The pathways built into the binary.
    pub fn embedded() -> Result<Self, LoadError> {
        let own = |files: &[(&str, &str)]| files.iter().map(|(n, t)| ((*n).to_owned(), (*t).to_owned())).collect();
        Self::from_files(own(PATHWAYS), own(VOCABULARY))
    }

    /// The pathways built into the binary, read once.
    pub fn built_in() -> &'static Self {
        static BUILT_IN: LazyLock<Pathways> =
            LazyLock::new(|| Pathways::embedded().expect("the embedded pathways are checked by the tests"));
        &BUILT_IN
    }

    /// The pathways of a content folder: `<dir>/pathways/*.toml`, `<dir>/vocabulary/{needs,groups}.toml`.
    pub fn load(dir: &Path) -> Result<Self, LoadError> {
        Self::from_files(read(&dir.join("pathways"))?, read(&dir.join("vocabulary"))?)
    }

    fn from_files(pathways: Vec<(String, String)>, vocabulary: Vec<(String, String)>) -> Result<Self, LoadError> {
        let find = |name: &'static str| {
            let file = vocabulary.iter().find(|(file, _)| file == name);
            file.map(|(_, text)| text.as_str()).ok_or(LoadError::Missing(name))
        };
        let vocabulary = Vocabulary::parse(find("needs.toml")?, find("groups.toml")?)?;
        let mut all = Vec::new();
        for (file, text) in pathways {
            let pathway = Pathway::parse(&text, &vocabulary)
                .map_err(|error| LoadError::File { file: file.clone(), error: Box::new(error) })?;
            if file != format!("{}.toml", pathway.id) {
                return Err(LoadError::Name { file, id: pathway.id });
            }
            all.push(pathway);
        }
        all.sort_by(|a, b| a.title.cmp(&b.title));
        Ok(Self { all, vocabulary })
    }

    pub fn get(&self, id: &str) -> Option<&Pathway> {
        self.all.iter().find(|p| p.id == id)
    }

    /// By title.
    pub fn iter(&self) -> impl Iterator<Item = &Pathway> {
        self.all.iter()
    }

    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// Pathways for this person whose title, summary or search words hold every word of `text` (word beginnings count),
    /// best first: a match in title or search words before one in the summary. No text gives all.
    pub fn search(&self, text: &str, facts: &Facts) -> Vec<&Pathway> {
        let wanted = words(text);
        let mut found: Vec<(bool, &Pathway)> = self
            .all
            .iter()
            .filter(|p| p.audience.suits(facts))
            .filter_map(|p| {
                let named = words(&format!("{} {}", p.title, p.search_words.join(" ")));
                let described = words(&p.summary);
                let holds = |all: &[String], w: &String| all.iter().any(|have| have.starts_with(w.as_str()));
                let by_name = wanted.iter().all(|w| holds(&named, w));
                let at_all = wanted.iter().all(|w| holds(&named, w) || holds(&described, w));
                at_all.then_some((!by_name, p))
            })
            .collect();
        found.sort_by_key(|(late, _)| *late);
        found.into_iter().map(|(_, p)| p).collect()
    }
}

fn words(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    lower.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_owned).collect()
}

/// Name and text of each TOML file of a folder, by name.
fn read(folder: &Path) -> Result<Vec<(String, String)>, LoadError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error| LoadError::Io { path, error }
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed(folder))? {
        let path = entry.map_err(failed(folder))?.path();
        if path.extension().is_some_and(|e| e == "toml")
            && let Some(name) = path.file_name().and_then(|n| n.to_str())
        {
            files.push((name.to_owned(), fs::read_to_string(&path).map_err(failed(&path))?));
        }
    }
    files.sort();
    Ok(files)
}
