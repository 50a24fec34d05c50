//! JSON in and out: untrusted bytes within limits, and one canonical form.
//!
//! FHIR asks for more than JSON does: a property may not be repeated, and a decimal's digits are part of its meaning
//! (`1.10` is not `1.1`). So reading refuses repeated keys and keeps numbers as written, and writing gives the same
//! bytes for the same content, whatever order it arrived in.

use serde_json::{Map, Number, Value};

/// How much to accept from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest input, in bytes.
    pub max_bytes: usize,
    /// Deepest nesting of arrays and objects. Values above 512 count as 512: deeper recursion could exhaust a thread.
    pub max_depth: usize,
}

impl Default for Limits {
    /// 32 MiB, 64 levels. The deepest official R4 example nests 20 levels.
    fn default() -> Self {
        Self { max_bytes: 32 * 1024 * 1024, max_depth: 64 }
    }
}

/// Why bytes are not acceptable JSON, and where. Never quotes the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at line {line}, column {column}")]
pub struct JsonError {
    /// What is wrong.
    pub kind: JsonErrorKind,
    /// Line, from 1.
    pub line: usize,
    /// Column in bytes, from 1.
    pub column: usize,
}

/// What is wrong with the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JsonErrorKind {
    /// Longer than [`Limits::max_bytes`].
    #[error("the input is larger than {max} bytes")]
    TooLarge {
        /// The limit.
        max: usize,
    },
    /// Deeper than [`Limits::max_depth`].
    #[error("the input nests deeper than {max} levels")]
    TooDeep {
        /// The limit.
        max: usize,
    },
    /// Not UTF-8.
    #[error("the input is not valid UTF-8")]
    NotUtf8,
    /// The input stops in the middle of a value.
    #[error("the input ends before the value is complete")]
    Unfinished,
    /// A value, a comma, a colon or a bracket was expected.
    #[error("expected {0}")]
    Expected(&'static str),
    /// The same property twice in one object.
    #[error("a property is repeated in the same object")]
    DuplicateKey,
    /// A number JSON does not allow (leading zero, bare sign, bare point).
    #[error("this is not a JSON number")]
    BadNumber,
    /// A control character inside a string.
    #[error("a control character stands unescaped in a string")]
    ControlCharacter,
    /// An escape JSON does not know, or half of a surrogate pair.
    #[error("this string escape is not valid")]
    BadEscape,
    /// Something follows the value.
    #[error("something follows the end of the value")]
    Trailing,
}

/// Deepest nesting whatever the caller asks for.
const DEPTH_CEILING: usize = 512;

/// Reads one JSON value from untrusted bytes. A leading byte-order mark is passed over.
///
/// Numbers keep their digits; a repeated key, nesting beyond the limit or trailing content is refused. Takes time linear
/// in the input and never panics.
pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Value, JsonError> {
    if bytes.len() > limits.max_bytes {
        let kind = JsonErrorKind::TooLarge { max: limits.max_bytes };
        return Err(JsonError { kind, line: 1, column: 1 });
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => return Err(place(bytes, error.valid_up_to(), JsonErrorKind::NotUtf8)),
    };
    let start = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let mut parser = Parser { text, bytes, at: start, max_depth: limits.max_depth.min(DEPTH_CEILING) };
    match parser.document() {
        Ok(value) => Ok(value),
        Err(kind) => Err(place(bytes, parser.at, kind)),
    }
}

fn place(bytes: &[u8], at: usize, kind: JsonErrorKind) -> JsonError {
    let before = &bytes[..at.min(bytes.len())];
    let line = before.split(|&b| b == b'\n').count();
    let column = before.iter().rev().take_while(|&&b| b != b'\n').count() + 1;
    JsonError { kind, line, column }
}

struct Parser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    max_depth: usize,
}

type Parsed<T> = Result<T, JsonErrorKind>;

impl Parser<'_> {
    fn document(&mut self) -> Parsed<Value> {
        self.space();
        let value = self.value(0)?;
        self.space();
        if self.at < self.bytes.len() { Err(JsonErrorKind::Trailing) } else { Ok(value) }
    }

    #[inline]
    fn peek(&self) -> Parsed<u8> {
        self.bytes.get(self.at).copied().ok_or(JsonErrorKind::Unfinished)
    }

    #[inline]
    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.bytes.get(self.at) {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Parsed<Value> {
        match self.peek()? {
            b'"' => Ok(Value::String(self.string()?)),
            b'{' => self.object(depth + 1),
            b'[' => self.array(depth + 1),
            b't' => self.word("true", Value::Bool(true)),
            b'f' => self.word("false", Value::Bool(false)),
            b'n' => self.word("null", Value::Null),
            b'-' | b'0'..=b'9' => self.number(),
            _ => Err(JsonErrorKind::Expected("a value")),
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Parsed<Value> {
        if self.bytes[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            Ok(value)
        } else {
            Err(JsonErrorKind::Expected("a value"))
        }
    }

    fn deeper(&self, depth: usize) -> Parsed<()> {
        if depth > self.max_depth { Err(JsonErrorKind::TooDeep { max: self.max_depth }) } else { Ok(()) }
    }

    fn array(&mut self, depth: usize) -> Parsed<Value> {
        self.deeper(depth)?;
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.peek()? == b']' {
            self.at += 1;
            return Ok(Value::Array(items));
        }
        loop {
            self.space();
            items.push(self.value(depth)?);
            self.space();
            match self.peek()? {
                b',' => self.at += 1,
                b']' => {
                    self.at += 1;
                    return Ok(Value::Array(items));
                }
                _ => return Err(JsonErrorKind::Expected("a comma or a closing bracket")),
            }
        }
    }

    fn object(&mut self, depth: usize) -> Parsed<Value> {
        self.deeper(depth)?;
        self.at += 1;
        let mut map = Map::new();
        self.space();
        if self.peek()? == b'}' {
            self.at += 1;
            return Ok(Value::Object(map));
        }
        loop {
            self.space();
            if self.peek()? != b'"' {
                return Err(JsonErrorKind::Expected("a property name"));
            }
            let key_at = self.at;
            let key = self.string()?;
            self.space();
            if self.peek()? != b':' {
                return Err(JsonErrorKind::Expected("a colon"));
            }
            self.at += 1;
            self.space();
            let value = self.value(depth)?;
            if map.insert(key, value).is_some() {
                self.at = key_at;
                return Err(JsonErrorKind::DuplicateKey);
            }
            self.space();
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Ok(Value::Object(map));
                }
                _ => return Err(JsonErrorKind::Expected("a comma or a closing brace")),
            }
        }
    }

    /// Reads a string; `at` stands on the opening quote.
    fn string(&mut self) -> Parsed<String> {
        let start = self.at + 1;
        self.at = self.plain_until(start)?;
        let plain = &self.text[start..self.at];
        if self.bytes[self.at] == b'"' {
            self.at += 1;
            return Ok(plain.to_owned());
        }
        let mut out = String::with_capacity(plain.len() + 16);
        out.push_str(plain);
        loop {
            // On a backslash.
            self.at += 1;
            out.push(self.escape()?);
            let start = self.at;
            self.at = self.plain_until(start)?;
            out.push_str(&self.text[start..self.at]);
            if self.bytes[self.at] == b'"' {
                self.at += 1;
                return Ok(out);
            }
        }
    }

    /// The place of the next quote or backslash. Both are ASCII, so slicing there never splits a character.
    #[inline]
    fn plain_until(&mut self, start: usize) -> Parsed<usize> {
        let mut at = start;
        while let Some(&byte) = self.bytes.get(at) {
            if byte == b'"' || byte == b'\\' {
                return Ok(at);
            }
            if byte < 0x20 {
                self.at = at;
                return Err(JsonErrorKind::ControlCharacter);
            }
            at += 1;
        }
        self.at = at;
        Err(JsonErrorKind::Unfinished)
    }

    fn escape(&mut self) -> Parsed<char> {
        let byte = self.peek()?;
        let plain = match byte {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                self.at += 1;
                return self.unicode();
            }
            _ => return Err(JsonErrorKind::BadEscape),
        };
        self.at += 1;
        Ok(plain)
    }

    fn unicode(&mut self) -> Parsed<char> {
        let first = self.hex4()?;
        let code = match first {
            0xD800..=0xDBFF => {
                if self.bytes.get(self.at..self.at + 2) != Some(b"\\u".as_slice()) {
                    return Err(JsonErrorKind::BadEscape);
                }
                self.at += 2;
                let second = self.hex4()?;
                if !(0xDC00..=0xDFFF).contains(&second) {
                    return Err(JsonErrorKind::BadEscape);
                }
                0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)
            }
            code => code,
        };
        char::from_u32(code).ok_or(JsonErrorKind::BadEscape)
    }

    fn hex4(&mut self) -> Parsed<u32> {
        let digits = self.bytes.get(self.at..self.at + 4).ok_or(JsonErrorKind::Unfinished)?;
        let mut code = 0;
        for &digit in digits {
            let digit = (digit as char).to_digit(16).ok_or(JsonErrorKind::BadEscape)?;
            code = code * 16 + digit;
        }
        self.at += 4;
        Ok(code)
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.bytes.get(self.at) {
            self.at += 1;
        }
        self.at - start
    }

    fn number(&mut self) -> Parsed<Value> {
        let start = self.at;
        if self.bytes[self.at] == b'-' {
            self.at += 1;
        }
        let first = self.bytes.get(self.at).copied();
        let whole = self.digits();
        if whole == 0 || (whole > 1 && first == Some(b'0')) {
            return Err(JsonErrorKind::BadNumber);
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return Err(JsonErrorKind::BadNumber);
            }
        }
        if let Some(b'e' | b'E') = self.bytes.get(self.at) {
            self.at += 1;
            if let Some(b'+' | b'-') = self.bytes.get(self.at) {
                self.at += 1;
            }
            if self.digits() == 0 {
                return Err(JsonErrorKind::BadNumber);
            }
        }
        let text = &self.text[start..self.at];
        let number: Number = text.parse().map_err(|_| JsonErrorKind::BadNumber)?;
        // serde_json writes `1e3` as `1e+3`; the text was checked above, so it may stand as it is.
        let number = if number.as_str() == text { number } else { Number::from_string_unchecked(text.to_owned()) };
        Ok(Value::Number(number))
    }
}

/// The canonical bytes of a value: keys in byte order, no white space, numbers exactly as written, only the escapes
/// JSON demands. Equal content gives equal bytes.
pub fn canonical(value: &Value) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    write_canonical(value, &mut out);
    out
}

/// Appends the [`canonical`] bytes of `value` to `out`.
pub fn write_canonical(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => out.extend_from_slice(number.as_str().as_bytes()),
        Value::String(text) => write_string(text, out),
        Value::Array(items) => {
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_canonical(item, out);
            }
            out.push(b']');
        }
        Value::Object(map) => write_object(map, out),
    }
}

fn write_object(map: &Map<String, Value>, out: &mut Vec<u8>) {
    out.push(b'{');
    // The order of serde_json's map depends on a feature any crate of the build may switch on, so it is never trusted.
    if map.keys().is_sorted() {
        for (i, (key, value)) in map.iter().enumerate() {
            write_property(i, key, value, out);
        }
    } else {
        let mut properties: Vec<_> = map.iter().collect();
        properties.sort_unstable_by_key(|&(key, _)| key);
        for (i, (key, value)) in properties.into_iter().enumerate() {
            write_property(i, key, value, out);
        }
    }
    out.push(b'}');
}

fn write_property(index: usize, key: &str, value: &Value, out: &mut Vec<u8>) {
    if index > 0 {
        out.push(b',');
    }
    write_string(key, out);
    out.push(b':');
    write_canonical(value, out);
}

fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut from = 0;
    for (i, &byte) in bytes.iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[from..i]);
        from = i + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0c => out.extend_from_slice(b"\\f"),
            _ => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                out.extend_from_slice(b"\\u00");
                out.push(HEX[usize::from(byte >> 4)]);
                out.push(HEX[usize::from(byte & 15)]);
            }
        }
    }
    out.extend_from_slice(&bytes[from..]);
    out.push(b'"');
}
