//! Text becomes placed trees, one a document.
//!
//! Comes in: a text of YAML 1.2. Goes out: a [`Node`] for each document, or the reason why there is none. Never recurses with the input
//! and never takes more memory than a fixed multiple of it: nesting and what aliases expand to are limited.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag};

use super::problem::{Place, Problems, line_start, shown, stands_under_secret};
use super::tree::{Data, Entry, Node, resolve_plain};
use crate::diagnostic::codes::manifest as codes;
use crate::model::Kind;
use crate::model::kind::Placement;

/// Deepest nesting. Real manifests nest seven deep in a `List`.
const DEPTH: usize = 64;
/// What aliases of a document may expand to, besides four nodes for each node that it has itself.
const EXPANSION: usize = 10_000;
/// What aliases of a whole run may expand to: about 2 GB of tree if it all stood in memory at once, which it never does.
const RUN_EXPANSION: usize = 20_000_000;

/// What aliases may still expand to in a run; shared by the threads.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    spent: AtomicUsize,
}

impl Budget {
    fn spend(&self, weight: usize) -> bool {
        self.spent.fetch_add(weight, Ordering::Relaxed).saturating_add(weight) <= RUN_EXPANSION
    }

    /// True when a run's aliases expanded to more than they may. Which document was refused then depends on timing, so that only
    /// the fact is reported.
    pub(crate) fn is_exceeded(&self) -> bool {
        self.spent.load(Ordering::Relaxed) > RUN_EXPANSION
    }
}

/// Reads every document of a text. `each` gets the document, or `None` where it cannot be read, and the problems found so far.
/// `base_line` is how many lines stand before the text in its file.
pub(crate) fn parse<'t>(text: &'t str, base_line: u32, budget: &Budget, each: &mut dyn FnMut(Option<Node<'t>>, &mut Problems)) {
    let mut options = granit_parser::options! {
        emit_unresolved_aliases: true,
        flow_nesting_limit: DEPTH,
        block_nesting_limit: DEPTH,
    };
    options.set_emit_comments(false);
    let mut parser = Parser::new_from_str_with_options(text, options);
    let mut problems = Problems::default();
    let mut builder = Builder::new(base_line, budget);
    while let Some(next) = parser.next_event() {
        let refused = match next {
            Ok((event, span)) => match builder.take(event, span, &mut problems) {
                Step::On => continue,
                Step::Document(node) => {
                    each(node, &mut problems);
                    builder = Builder::new(base_line, budget);
                    continue;
                }
                Step::End => return,
                Step::Refused => true,
            },
            Err(error) => {
                syntax_error(&error, text, base_line, &mut problems);
                true
            }
        };
        if refused {
            each(None, &mut problems);
            builder = Builder::new(base_line, budget);
            if !matches!(parser.proceed_next_document(), Ok(true)) {
                return;
            }
        }
    }
}

fn syntax_error(error: &ScanError, text: &str, base_line: u32, problems: &mut Problems) {
    let marker = error.marker();
    let start = marker.byte_offset().unwrap_or_default().min(text.len());
    let end = start + text.get(start..).and_then(|t| t.chars().next()).filter(|c| !matches!(c, '\n' | '\r')).map_or(0, char::len_utf8);
    let mut place =
        Place { line: number(marker.line()) + base_line, column: number(marker.col() + 1), start: number(start), end: number(end) };
    if matches!(error.kind(), granit_parser::ErrorKind::RecursionLimitExceeded) {
        return nested_too_deep(place, problems);
    }
    let info = error.info();
    let tab = tab_at(text, place, info.contains("tab"));
    if let Some(tab) = tab {
        place = tab;
    }
    let start = place.start as usize;
    if stands_under_secret(text, start) {
        problems.hide(Place { start: number(line_start(text, start)), end: number(text.len()), ..place });
    }
    let before = text.get(line_start(text, start)..start).unwrap_or_default();
    if tab.is_some() {
        let text = format!("this is not YAML: line {} begins with a tab", place.line);
        problems.error(codes::YAML_SYNTAX, place, text).help("use spaces: YAML takes no tab for indentation");
    } else if info.contains("mapping values") && before.contains(": ") {
        let text = format!("this is not YAML: {}", shown(&info));
        problems.error(codes::YAML_SYNTAX, place, text).help("put the value in quotes: it holds a colon and a blank");
    } else {
        problems.error(codes::YAML_SYNTAX, place, format!("this is not YAML: {}", shown(&info)));
    }
}

/// The tab in the indentation of the line at fault. Where the parser speaks of a tab it may mean the line before the tab's.
fn tab_at(text: &str, fault: Place, or_below: bool) -> Option<Place> {
    let mut begin = line_start(text, fault.start as usize);
    for line in fault.line..=fault.line + u32::from(or_below) {
        let rest = text.get(begin..)?;
        let indent = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        if let Some(at) = rest.get(..indent)?.find('\t') {
            return Some(Place { line, column: number(at + 1), start: number(begin + at), end: number(begin + at + 1) });
        }
        begin += rest.find('\n')? + 1;
    }
    None
}

fn nested_too_deep(place: Place, problems: &mut Problems) {
    problems.error(codes::TOO_LARGE, place, format!("the document is nested more than {DEPTH} levels deep")).help("nest it less");
}

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

enum Step<'t> {
    On,
    Document(Option<Node<'t>>),
    /// The document cannot be read any further.
    Refused,
    End,
}

/// The state of a map's next event.
enum Key<'t> {
    /// A key comes.
    Wanted,
    /// Its value comes.
    Is(Cow<'t, str>, Place),
    /// The key was no text: its value is dropped.
    Bad,
}

enum Container<'t> {
    List(Vec<Node<'t>>),
    Map(Vec<Entry<'t>>, Key<'t>),
}

struct Frame<'t> {
    container: Container<'t>,
    place: Place,
    anchor: usize,
}

struct Builder<'t, 'b> {
    stack: Vec<Frame<'t>>,
    root: Option<Node<'t>>,
    /// Finished nodes with an anchor, with their weight.
    anchors: HashMap<usize, (Node<'t>, usize)>,
    events: usize,
    spent: usize,
    base_line: u32,
    budget: &'b Budget,
}

impl<'t, 'b> Builder<'t, 'b> {
    fn new(base_line: u32, budget: &'b Budget) -> Self {
        Self { stack: Vec::new(), root: None, anchors: HashMap::new(), events: 0, spent: 0, base_line, budget }
    }

    fn place(&self, span: &Span) -> Place {
        Place {
            line: number(span.start.line()) + self.base_line,
            column: number(span.start.col() + 1),
            start: number(span.start.byte_offset().unwrap_or_default()),
            end: number(span.end.byte_offset().unwrap_or_default()),
        }
    }

    fn take(&mut self, event: Event<'t>, span: Span, problems: &mut Problems) -> Step<'t> {
        let place = self.place(&span);
        self.events += 1;
        match event {
            Event::StreamEnd => return Step::End,
            Event::DocumentEnd => return Step::Document(self.root.take()),
            Event::Scalar(text, style, anchor, tag) => {
                let data = scalar(text, style, tag.as_deref(), place, problems);
                return self.finished(Node { data, place }, anchor, problems);
            }
            Event::SequenceStart(_, anchor, tag) => return self.open(Container::List(Vec::new()), anchor, tag.as_deref(), place, problems),
            Event::MappingStart(_, anchor, tag) => {
                return self.open(Container::Map(Vec::new(), Key::Wanted), anchor, tag.as_deref(), place, problems);
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(Frame { container, place, anchor }) = self.stack.pop() {
                    let data = match container {
                        Container::List(items) => Data::List(items),
                        Container::Map(entries, _) => Data::Map(without_repeated_keys(entries, self.is_inline_item(), problems)),
                    };
                    return self.finished(Node { data, place }, anchor, problems);
                }
            }
            Event::Alias(id) => return self.alias(id, place, problems),
            Event::UnresolvedAlias(name) => {
                problems.error(codes::ALIAS_EXPANSION, place, format!("no anchor `&{}` stands before this alias", shown(&name)));
                return self.finished(Node { data: Data::Broken, place }, 0, problems);
            }
            // The parser's further events are about presentation alone.
            _ => {}
        }
        Step::On
    }

    /// True where the map that just ended is an item of a list of inline resources.
    fn is_inline_item(&self) -> bool {
        let mut above = self.stack.iter().rev().map(|frame| &frame.container);
        let key = match (above.next(), above.next()) {
            (Some(Container::List(_)), Some(Container::Map(_, Key::Is(key, _)))) => key,
            _ => return false,
        };
        Kind::ALL.iter().any(|kind| matches!(kind.def().placement, Placement::Member { inline } if inline == *key))
    }

    fn open(&mut self, container: Container<'t>, anchor: usize, tag: Option<&Tag>, place: Place, problems: &mut Problems) -> Step<'t> {
        let core = if matches!(container, Container::List(_)) { "seq" } else { "map" };
        if let Some(tag) = tag.filter(|t| !t.is_yaml_core_schema_tag(core)) {
            refuse_tag(tag, place, problems);
        }
        if self.stack.len() >= DEPTH {
            nested_too_deep(place, problems);
            return Step::Refused;
        }
        self.stack.push(Frame { container, place, anchor });
        Step::On
    }

    fn alias(&mut self, id: usize, place: Place, problems: &mut Problems) -> Step<'t> {
        let Some((node, weight)) = self.anchors.get(&id).map(|(node, weight)| (node, *weight)) else {
            problems.error(codes::ALIAS_EXPANSION, place, "this alias stands inside of what it names");
            return self.finished(Node { data: Data::Broken, place }, 0, problems);
        };
        self.spent += weight;
        if self.spent > EXPANSION + 4 * self.events || !self.budget.spend(weight) {
            problems.error(codes::ALIAS_EXPANSION, place, "the aliases of this document expand to too much");
            return Step::Refused;
        }
        let node = Node { data: node.data.clone(), place };
        self.finished(node, 0, problems)
    }

    /// Puts a finished node where it belongs.
    fn finished(&mut self, node: Node<'t>, anchor: usize, problems: &mut Problems) -> Step<'t> {
        if anchor != 0 {
            let weight = node.weight();
            self.spent += weight;
            if self.spent > EXPANSION + 4 * self.events {
                problems.error(codes::ALIAS_EXPANSION, node.place, "the anchors of this document hold too much");
                return Step::Refused;
            }
            self.anchors.insert(anchor, (node.clone(), weight));
        }
        match self.stack.last_mut().map(|f| &mut f.container) {
            None => self.root = Some(node),
            Some(Container::List(items)) => items.push(node),
            Some(Container::Map(entries, key)) => match std::mem::replace(key, Key::Wanted) {
                Key::Wanted => *key = key_of(node, problems),
                Key::Is(key, key_place) => entries.push(Entry { key, key_place, value: node }),
                // Nobody looks at the value any more, so that nobody knows whether it may be shown.
                Key::Bad => problems.hide(node.place),
            },
        }
        Step::On
    }
}

fn key_of<'t>(node: Node<'t>, problems: &mut Problems) -> Key<'t> {
    match node.data {
        Data::Text(text) if text == "<<" => {
            problems
                .error(codes::UNSUPPORTED_YAML, node.place, "merge keys (`<<`) are not part of YAML 1.2")
                .help("write the fields out; an alias can stand for a whole value");
            Key::Bad
        }
        Data::Text(text) => Key::Is(text, node.place),
        Data::Broken => Key::Bad,
        _ => {
            problems.error(codes::KEY_NOT_TEXT, node.place, format!("a key must be a text, not {}", node.describe()));
            Key::Bad
        }
    }
}

fn scalar<'t>(text: Cow<'t, str>, style: ScalarStyle, tag: Option<&Tag>, place: Place, problems: &mut Problems) -> Data<'t> {
    let Some(tag) = tag else {
        return if style == ScalarStyle::Plain { resolve_plain(text) } else { Data::Text(text) };
    };
    if tag.is_yaml_core_schema_tag("str") || tag.parts() == ("", "!") || tag.parts() == ("!", "") {
        return Data::Text(text);
    }
    let data = resolve_plain(text);
    let fits = match &data {
        Data::Null => "null",
        Data::Bool(_) => "bool",
        Data::Integer(_) => "int",
        Data::Number => "float",
        Data::Text(_) | Data::List(_) | Data::Map(_) | Data::Broken => "str",
    };
    if !tag.is_yaml_core_schema_tag(fits) {
        refuse_tag(tag, place, problems);
    }
    data
}

fn refuse_tag(tag: &Tag, place: Place, problems: &mut Problems) {
    // `!vault hunter2` is a habit from elsewhere.
    problems.hide(place);
    problems
        .error(codes::UNSUPPORTED_YAML, place, format!("the tag `{}` has no meaning in a manifest", shown(&tag.original())))
        .help("take the tag out");
}

/// Reports keys that stand twice and keeps the first. Sorted rather than hashed, so that no choice of keys makes it slow.
fn without_repeated_keys<'t>(mut entries: Vec<Entry<'t>>, inline_item: bool, problems: &mut Problems) -> Vec<Entry<'t>> {
    let mut order: Vec<usize> = (0..entries.len()).collect();
    let key = |at: &usize| entries.get(*at).map(|e| e.key.as_ref());
    if entries.len() < 16 {
        let repeated = |at: &usize| entries.iter().take(*at).any(|e| Some(e.key.as_ref()) == key(at));
        order.retain(repeated);
    } else {
        order.sort_by(|a, b| key(a).cmp(&key(b)).then(a.cmp(b)));
        order = order.windows(2).filter_map(|pair| matches!(pair, [a, b] if key(a) == key(b)).then(|| pair.last().copied())?).collect();
        order.sort_unstable();
    }
    if order.is_empty() {
        return entries;
    }
    let repeated: Vec<_> = order.iter().filter_map(|at| entries.get(*at)).collect();
    repeated.iter().for_each(|entry| problems.hide_value(entry.value.place));
    report_repeated(&entries, &repeated, inline_item, problems);
    let mut at = 0;
    entries.retain(|_| {
        at += 1;
        order.binary_search(&(at - 1)).is_err()
    });
    entries
}

/// A mark that was forgotten between two documents or two items is told once, and as what it is: to keep one of two keys would lose the rest.
fn report_repeated(entries: &[Entry<'_>], repeated: &[&Entry<'_>], inline_item: bool, problems: &mut Problems) {
    let has = |key: &str| entries.iter().any(|e| e.key == key);
    let head = |entry: &&&Entry<'_>| matches!(&*entry.key, "apiVersion" | "kind");
    if let Some(entry) = repeated.iter().find(head).filter(|_| has("apiVersion") && has("kind")) {
        problems.incomplete = true;
        problems
            .error(codes::REPEATED_KEY, entry.key_place, "a second document begins here: is `---` missing above?")
            .help("write `---` on a line of its own above the second document");
        return;
    }
    let text = |entry: &Entry<'_>| format!("the key `{}` stands twice in one map", shown(&entry.key));
    if let Some(entry) = repeated.first().filter(|_| inline_item) {
        let missing = if entry.key == "name" { "is `- ` missing before `name:`?" } else { "is `- name:` missing above this line?" };
        problems.incomplete = true;
        problems.error(codes::REPEATED_KEY, entry.key_place, text(entry)).help(format!("{missing} If not, keep one of the two"));
        return;
    }
    for entry in repeated {
        problems.error(codes::REPEATED_KEY, entry.key_place, text(entry));
    }
}
