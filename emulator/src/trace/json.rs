// SPDX-License-Identifier: GPL-2.0

//! As much of JSON as a trace needs: whole numbers that fit 64 bits, and everything else but exponents.

use std::fmt::Write;

/// Deepest nesting of lists and objects.
const DEEPEST: usize = 8;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number without a sign.
    Number(u64),
    /// A string.
    Text(String),
    /// A list.
    List(Vec<Value>),
    /// Names and their values, in the order of the text.
    Object(Vec<(String, Value)>),
}

/// Reads a text that is one value.
///
/// # Errors
///
/// What is wrong, and at which byte, counted from 1.
pub fn parse(text: &str) -> Result<Value, String> {
    let mut parser = Parser { text, at: 0 };
    parser
        .value(0)
        .and_then(|value| parser.end().map(|()| value))
        .map_err(|why| format!("{why} at byte {}", parser.at + 1))
}

/// Appends a string with its quotes.
pub fn put_text(line: &mut String, text: &str) {
    line.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => line.extend(['\\', letter]),
            '\0'..='\x1f' => {
                // Writing to a string does not fail.
                let _ = write!(line, "\\u{:04x}", u32::from(letter));
            }
            _ => line.push(letter),
        }
    }
    line.push('"');
}

type Outcome<T> = Result<T, &'static str>;

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_spaces(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// Takes `wanted` if it is next, after spaces.
    fn take(&mut self, wanted: u8) -> bool {
        self.skip_spaces();
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn need(&mut self, wanted: u8, why: &'static str) -> Outcome<()> {
        if self.take(wanted) {
            Ok(())
        } else {
            Err(self.or_end(why))
        }
    }

    /// What is wrong: the text may just stop.
    fn or_end(&self, why: &'static str) -> &'static str {
        if self.peek().is_none() {
            "the line stops in the middle"
        } else {
            why
        }
    }

    fn end(&mut self) -> Outcome<()> {
        self.skip_spaces();
        match self.peek() {
            None => Ok(()),
            Some(_) => Err("there is more than one value"),
        }
    }

    fn value(&mut self, depth: usize) -> Outcome<Value> {
        if depth > DEEPEST {
            return Err("too many brackets");
        }
        self.skip_spaces();
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.list(depth),
            Some(b'"') => self.text().map(Value::Text),
            Some(b'0'..=b'9') => self.number().map(Value::Number),
            _ => self.word(),
        }
    }

    fn word(&mut self) -> Outcome<Value> {
        for (word, value) in [
            ("null", Value::Null),
            ("true", Value::Bool(true)),
            ("false", Value::Bool(false)),
        ] {
            if self.text[self.at..].starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(self.or_end("this is no value"))
    }

    fn number(&mut self) -> Outcome<u64> {
        let digits = self.text[self.at..]
            .bytes()
            .take_while(u8::is_ascii_digit)
            .count();
        let number = self.text[self.at..self.at + digits]
            .parse()
            .map_err(|_| "the number is too large")?;
        self.at += digits;
        if matches!(self.peek(), Some(b'.' | b'e' | b'E')) {
            return Err("the number is not whole");
        }
        Ok(number)
    }

    fn list(&mut self, depth: usize) -> Outcome<Value> {
        self.need(b'[', "a list was expected")?;
        let mut found = Vec::new();
        if self.take(b']') {
            return Ok(Value::List(found));
        }
        loop {
            found.push(self.value(depth + 1)?);
            if self.take(b']') {
                return Ok(Value::List(found));
            }
            self.need(b',', "a comma was expected")?;
        }
    }

    fn object(&mut self, depth: usize) -> Outcome<Value> {
        self.need(b'{', "an object was expected")?;
        let mut found: Vec<(String, Value)> = Vec::new();
        if self.take(b'}') {
            return Ok(Value::Object(found));
        }
        loop {
            self.skip_spaces();
            let name = self.text()?;
            self.need(b':', "a colon was expected")?;
            found.push((name, self.value(depth + 1)?));
            if self.take(b'}') {
                return Ok(Value::Object(found));
            }
            self.need(b',', "a comma was expected")?;
        }
    }

    fn text(&mut self) -> Outcome<String> {
        self.need(b'"', "a string was expected")?;
        let mut found = String::new();
        loop {
            let rest = &self.text[self.at..];
            let letter = rest.chars().next().ok_or("the line stops in the middle")?;
            self.at += letter.len_utf8();
            match letter {
                '"' => return Ok(found),
                '\\' => found.push(self.escaped()?),
                '\0'..='\x1f' => return Err("a string has a control character"),
                _ => found.push(letter),
            }
        }
    }

    fn escaped(&mut self) -> Outcome<char> {
        let letter = self.peek().ok_or("the line stops in the middle")?;
        self.at += 1;
        Ok(match letter {
            b'"' | b'\\' | b'/' => char::from(letter),
            b'b' => '\x08',
            b'f' => '\x0c',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let digits = self.text.get(self.at..self.at + 4);
                let code = digits
                    .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
                    .and_then(|digits| u32::from_str_radix(digits, 16).ok())
                    .and_then(char::from_u32)
                    .ok_or("the escape is not known")?;
                self.at += 4;
                code
            }
            _ => return Err("the escape is not known"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_every_kind_are_read() {
        let text = " {\"a\":[0,18446744073709551615 ,null],\"b\":{\"c\":true,\"d\":false}, \"e\":\"\\u0041\\n\\\"ä\",\"f\":[]}\n";
        let list = vec![Value::Number(0), Value::Number(u64::MAX), Value::Null];
        let inner = vec![
            ("c".into(), Value::Bool(true)),
            ("d".into(), Value::Bool(false)),
        ];
        let expected = vec![
            ("a".into(), Value::List(list)),
            ("b".into(), Value::Object(inner)),
            ("e".into(), Value::Text("A\n\"ä".into())),
            ("f".into(), Value::List(Vec::new())),
        ];
        assert_eq!(parse(text), Ok(Value::Object(expected)));
    }

    #[test]
    fn what_is_written_as_text_is_read_as_the_same_text() {
        let text = "quote \" back \\ line \n tab \t bell \x07 zero \0 ä €";
        let mut line = String::new();
        put_text(&mut line, text);
        assert!(line.bytes().all(|byte| byte >= b' '));
        assert_eq!(parse(&line), Ok(Value::Text(text.into())));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (text, why) in [
            ("", "the line stops in the middle at byte 1"),
            ("{\"a\":1", "the line stops in the middle at byte 7"),
            ("{\"a\"", "the line stops in the middle at byte 5"),
            ("\"a", "the line stops in the middle at byte 3"),
            ("{a:1}", "a string was expected at byte 2"),
            ("[1 2]", "a comma was expected at byte 4"),
            ("[1.5]", "the number is not whole at byte 3"),
            ("-1", "this is no value at byte 1"),
            ("1 1", "there is more than one value at byte 3"),
            ("99999999999999999999", "the number is too large at byte 1"),
            ("\"\\u12\"", "the escape is not known at byte 4"),
            ("\"\\u+123\"", "the escape is not known at byte 4"),
            ("\"\\é\"", "the escape is not known at byte 4"),
            ("[[[[[[[[[[1]]]]]]]]]]", "too many brackets at byte 10"),
        ] {
            assert_eq!(parse(text), Err(why.into()), "{text}");
        }
    }
}
