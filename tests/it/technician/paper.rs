//! A work order as a technician has it: Markdown, and nothing else. What stands there is read as a Markdown reader shows it: escapes undone, code
//! spans exact, labels in bold.

/// A piece of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Words(String),
    Label(String),
    Value(String),
}

/// One step.
#[derive(Debug, Clone)]
pub(super) struct Line {
    /// Its words, `*` for a label and `{}` for a value.
    pub(super) says: String,
    pub(super) labels: Vec<String>,
    pub(super) values: Vec<String>,
}

/// One change.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) reference: String,
    pub(super) title: String,
    pub(super) lines: Vec<Line>,
    /// What to bring back: its name and what is asked.
    pub(super) wanted: Vec<(String, String)>,
    pub(super) commands: Vec<String>,
}

/// The items of a page.
pub(super) fn items(page: &str) -> Vec<Item> {
    page.split("\n## ").skip(1).map(item).collect()
}

fn item(text: &str) -> Item {
    let mut lines = text.lines();
    let heading = Line::of(&tokens(lines.next().unwrap()));
    let mut item = Item {
        reference: heading.values[0].clone(),
        title: heading.says.clone(),
        lines: Vec::new(),
        wanted: Vec::new(),
        commands: Vec::new(),
    };
    while let Some(line) = lines.next() {
        if let Some(step) = line.strip_prefix("- [ ] ") {
            item.lines.push(Line::of(&tokens(step)));
        } else if let Some(wanted) = line.strip_prefix("- ") {
            item.wanted.push(evidence(&Line::of(&tokens(wanted))));
        } else if let Some(fence) = line.trim_start().strip_suffix("text").filter(|f| f.len() > 2 && f.chars().all(|c| c == '`')) {
            let value: Vec<_> = lines.by_ref().take_while(|l| l.trim() != fence).map(|l| l.strip_prefix("  ").unwrap_or(l)).collect();
            item.lines.last_mut().unwrap().values.push(value.join("\n"));
        } else if line.starts_with("tenantry ") {
            item.commands.push(line.to_owned());
        }
    }
    item
}

fn evidence(line: &Line) -> (String, String) {
    let ask = line.says.strip_prefix("{}: ").unwrap();
    let ends = ["; it must be {}", " (may be left out)", " (the portal's id; may be left out)", " (the portal's id)"];
    let ask = ends.iter().fold(ask, |ask, end| ask.split(end).next().unwrap());
    (line.values[0].clone(), ask.to_owned())
}

impl Line {
    fn of(tokens: &[Token]) -> Self {
        let mut line = Self { says: String::new(), labels: Vec::new(), values: Vec::new() };
        for token in tokens {
            match token {
                Token::Words(words) => line.says.push_str(words),
                Token::Label(label) => {
                    line.says.push('*');
                    line.labels.push(label.clone());
                }
                Token::Value(value) => {
                    line.says.push_str("{}");
                    line.values.push(value.clone());
                }
            }
        }
        line
    }

    /// Its words without the remark which page says so.
    pub(super) fn sentence(&self) -> &str {
        // The remark is in italics; in bold if no page does.
        self.says.rsplit_once(". ").map_or(self.says.trim_end_matches('.'), |(sentence, _)| sentence)
    }
}

/// The pieces of a line, as a Markdown reader sees them.
fn tokens(line: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut words = String::new();
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        if c == '`' {
            let ticks: String = rest.chars().take_while(|c| *c == '`').collect();
            let (inside, after) = rest[ticks.len()..].split_once(&ticks).unwrap();
            let padded = inside.starts_with(' ') && inside.ends_with(' ') && !inside.trim().is_empty();
            let inside = if padded { &inside[1..inside.len() - 1] } else { inside };
            tokens.push(Token::Words(std::mem::take(&mut words)));
            tokens.push(Token::Value(inside.to_owned()));
            rest = after;
        } else if let Some(after) = rest.strip_prefix("**") {
            let (inside, after) = after.split_once("**").unwrap();
            tokens.push(Token::Words(std::mem::take(&mut words)));
            tokens.push(Token::Label(plain(inside)));
            rest = after;
        } else {
            let length = if c == '\\' { 1 + rest[1..].chars().next().map_or(0, char::len_utf8) } else { c.len_utf8() };
            words.push_str(&plain(&rest[..length]));
            rest = &rest[length..];
        }
    }
    tokens.push(Token::Words(words));
    // Entities are undone once the words are whole.
    tokens.into_iter().map(|t| if let Token::Words(w) = t { Token::Words(entities(&w)) } else { t }).collect()
}

fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        out.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    entities(&out)
}

fn entities(text: &str) -> String {
    text.replace("&#8203;", "").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

#[test]
fn a_line_is_read_as_a_reader_shows_it() {
    let page = "# Work order\n\n## 1. `a1` Create it \\(now\\) (customer `x`)\n\n- [ ] In **E\\-mail** type `` a `b` ``. *(manual)*\n\
                - [ ] In **Notes** type this, line by line. *(manual)*\n\n  ````text\n  one\n    ```\n  ````\n\n\
                Bring back:\n\n- `id`: The e\\-mail\\: a\\@&#8203;b (the portal's id)\n";
    let item = items(page).remove(0);
    assert_eq!((item.reference.as_str(), item.title.as_str()), ("a1", "1. {} Create it (now) (customer {})"));
    assert_eq!((item.lines[0].sentence(), &item.lines[0].labels[0][..], &item.lines[0].values[0][..]), ("In * type {}", "E-mail", "a `b`"));
    assert_eq!((item.lines[1].sentence(), &item.lines[1].values[0][..]), ("In * type this, line by line", "one\n  ```"));
    assert_eq!(item.wanted, [("id".to_owned(), "The e-mail: a@b".to_owned())]);
}
