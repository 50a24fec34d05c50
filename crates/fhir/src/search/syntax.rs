//! The part of FHIRPath that the published search expressions use, as a syntax tree.
//!
//! Grammar and precedence: FHIRPath 2.0 (N1), <http://hl7.org/fhirpath/N1/>. `|` joins looser than `as`, tighter than
//! comparison, and `and` is loosest.

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Ast {
    /// A type name at the start, or an element of the context.
    Name(String),
    /// `%resource`.
    Resource,
    /// `a.b`.
    Member(Box<Ast>, String),
    /// `a.f(x)`; the first is `None` where the function stands alone, as in `resolve()`.
    Call(Option<Box<Ast>>, String, Vec<Ast>),
    /// `a[0]`.
    Index(Box<Ast>, usize),
    /// `a as T`.
    As(Box<Ast>, String),
    /// `a is T`.
    Is(Box<Ast>, String),
    /// `a | b`.
    Union(Box<Ast>, Box<Ast>),
    /// `a and b`.
    And(Box<Ast>, Box<Ast>),
    /// `a = b`, or `a != b` where the flag is false.
    Compare(Box<Ast>, bool, Box<Ast>),
    /// `'text'`.
    Text(String),
    /// `true` or `false`.
    Flag(bool),
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Name(String),
    Text(String),
    Number(usize),
    Sign(&'static str),
}

const SIGNS: &[&str] = &["!=", "=", ".", "(", ")", "[", "]", "|", ",", "%"];

fn tokens(source: &str) -> Result<Vec<Token>, String> {
    let mut out = Vec::new();
    let mut rest = source.trim_start();
    while let Some(first) = rest.chars().next() {
        let used = if first.is_ascii_alphabetic() || first == '_' || first == '$' {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '$').unwrap_or(rest.len());
            out.push(Token::Name(rest[..end].to_owned()));
            end
        } else if first.is_ascii_digit() {
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            out.push(Token::Number(rest[..end].parse().map_err(|_| "number out of range".to_owned())?));
            end
        } else if first == '\'' {
            let end = rest[1..].find('\'').ok_or("text without an end")?;
            out.push(Token::Text(rest[1..=end].to_owned()));
            end + 2
        } else {
            let sign = SIGNS.iter().find(|s| rest.starts_with(**s)).ok_or_else(|| format!("sign `{first}`"))?;
            out.push(Token::Sign(sign));
            sign.len()
        };
        rest = rest[used..].trim_start();
    }
    Ok(out)
}

/// Parses an expression, or says what it holds that this grammar lacks.
pub(super) fn parse(source: &str) -> Result<Ast, String> {
    let mut parser = Parser { tokens: tokens(source)?, at: 0 };
    let ast = parser.and()?;
    if parser.at < parser.tokens.len() { Err("something after the expression".into()) } else { Ok(ast) }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

impl Parser {
    fn sign(&mut self, sign: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some(Token::Sign(s)) if *s == sign);
        self.at += usize::from(found);
        found
    }

    fn word(&mut self, word: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some(Token::Name(n)) if n == word);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &str) -> Result<(), String> {
        if self.sign(sign) { Ok(()) } else { Err(format!("no `{sign}` where one is due")) }
    }

    fn name(&mut self) -> Result<String, String> {
        match self.tokens.get(self.at) {
            Some(Token::Name(name)) => {
                self.at += 1;
                Ok(name.clone())
            }
            _ => Err("no name where one is due".into()),
        }
    }

    fn and(&mut self) -> Result<Ast, String> {
        let mut left = self.compare()?;
        while self.word("and") {
            left = Ast::And(Box::new(left), Box::new(self.compare()?));
        }
        Ok(left)
    }

    fn compare(&mut self) -> Result<Ast, String> {
        let left = self.union()?;
        for (sign, equal) in [("=", true), ("!=", false)] {
            if self.sign(sign) {
                return Ok(Ast::Compare(Box::new(left), equal, Box::new(self.union()?)));
            }
        }
        Ok(left)
    }

    fn union(&mut self) -> Result<Ast, String> {
        let mut left = self.typed()?;
        while self.sign("|") {
            left = Ast::Union(Box::new(left), Box::new(self.typed()?));
        }
        Ok(left)
    }

    fn typed(&mut self) -> Result<Ast, String> {
        let mut left = self.path()?;
        loop {
            if self.word("as") {
                left = Ast::As(Box::new(left), self.name()?);
            } else if self.word("is") {
                left = Ast::Is(Box::new(left), self.name()?);
            } else {
                return Ok(left);
            }
        }
    }

    fn path(&mut self) -> Result<Ast, String> {
        let mut left = self.first()?;
        loop {
            if self.sign(".") {
                let name = self.name()?;
                left = if self.sign("(") {
                    Ast::Call(Some(Box::new(left)), name, self.arguments()?)
                } else {
                    Ast::Member(Box::new(left), name)
                };
            } else if self.sign("[") {
                let Some(&Token::Number(index)) = self.tokens.get(self.at) else {
                    return Err("an index that is not a number".into());
                };
                self.at += 1;
                self.expect("]")?;
                left = Ast::Index(Box::new(left), index);
            } else {
                return Ok(left);
            }
        }
    }

    fn arguments(&mut self) -> Result<Vec<Ast>, String> {
        let mut out = Vec::new();
        if self.sign(")") {
            return Ok(out);
        }
        loop {
            out.push(self.and()?);
            if !self.sign(",") {
                self.expect(")")?;
                return Ok(out);
            }
        }
    }

    fn first(&mut self) -> Result<Ast, String> {
        if self.sign("(") {
            let inner = self.and()?;
            self.expect(")")?;
            return Ok(inner);
        }
        if self.sign("%") {
            return if self.word("resource") { Ok(Ast::Resource) } else { Err("an unknown % variable".into()) };
        }
        if let Some(Token::Text(text)) = self.tokens.get(self.at) {
            self.at += 1;
            return Ok(Ast::Text(text.clone()));
        }
        let name = self.name()?;
        if self.sign("(") {
            return Ok(Ast::Call(None, name, self.arguments()?));
        }
        Ok(match name.as_str() {
            "true" => Ast::Flag(true),
            "false" => Ast::Flag(false),
            _ => Ast::Name(name),
        })
    }
}
