//! Whether a key names a secret. Comes in: a key of a free map. Goes out: yes or no, by its words.

/// Words that name a secret, each as the words it is written in.
const NAMES: [&[&str]; 18] = [
    &["password"],
    &["passwords"],
    &["passwd"],
    &["passphrase"],
    &["pwd"],
    &["secret"],
    &["secrets"],
    &["token"],
    &["apikey"],
    &["api", "key"],
    &["accesskey"],
    &["access", "key"],
    &["clientsecret"],
    &["privatekey"],
    &["private", "key"],
    &["credential"],
    &["credentials"],
    &["secretkey"],
];

/// A key that ends with one of these tells something about a secret, and is none: `tokenUrl`, `passwordPolicy`, `accessKeyId`.
const ABOUT: [&str; 18] = [
    "url", "uri", "endpoint", "host", "path", "name", "id", "type", "policy", "length", "lifetime", "ttl", "expiry", "expires", "rotation",
    "days", "required", "enabled",
];

/// True where a key names a secret: one of its words does, in camelCase, snake_case or with hyphens, whatever the case.
pub(crate) fn names_a_secret(key: &str) -> bool {
    let words = words(key);
    let about = words.last().is_some_and(|last| ABOUT.contains(&last.as_str()));
    !about && NAMES.iter().any(|name| words.windows(name.len()).any(|run| run == *name))
}

/// The same as two regular expressions: a key names a secret where the first one is found and the second one is not.
pub(crate) fn patterns() -> (String, String) {
    let capital = |word: &str| word.get(..1).unwrap_or_default().to_ascii_uppercase() + word.get(1..).unwrap_or_default();
    let upper = |word: &str| word.to_ascii_uppercase();
    let any = |words: Vec<String>| format!("({})", words.join("|"));
    // By how a name begins, in small letters, with a capital or in capitals; and whether it ends in small letters or in capitals.
    let mut forms: [[Vec<String>; 2]; 3] = Default::default();
    let [[small_small, small_upper], [capital_small, capital_upper], [upper_small, upper_upper]] = &mut forms;
    for name in NAMES {
        match name {
            [one] => {
                small_small.push((*one).to_owned());
                capital_small.push(capital(one));
                upper_upper.push(upper(one));
            }
            // Between two words there is something that is no letter, or the second one shows that it begins.
            [first, second, ..] => {
                let (after, shown) = (format!(r"(\PL+{second}|\PL*{})", capital(second)), format!(r"\PL*{}", upper(second)));
                small_small.push(format!("{first}{after}"));
                small_upper.push(format!("{first}{shown}"));
                capital_small.push(format!("{}{after}", capital(first)));
                capital_upper.push(format!("{}{shown}", capital(first)));
                upper_small.push(format!("{}{after}", upper(first)));
                upper_upper.push(format!(r"{}\PL+{}", upper(first), upper(second)));
            }
            [] => {}
        }
    }
    let [begins_small, begins_upper] = [r"(^|\PL)", r"(^|\PL|\p{Ll})"];
    let [ends_small, ends_upper] = [r"($|\PL|\p{Lu})", r"($|\PL|\p{Lu}\p{Ll})"];
    let [small, capitals, uppers] = forms;
    let form = |begins: &str, [ends_in_small, ends_in_upper]: [Vec<String>; 2]| {
        format!("{begins}({}{ends_small}|{}{ends_upper})", any(ends_in_small), any(ends_in_upper))
    };
    let names = [form(begins_small, small), form("", capitals), form(begins_upper, uppers)].join("|");
    let about = |form: &dyn Fn(&str) -> String| any(ABOUT.iter().map(|word| form(word)).collect());
    let small = format!(r"((^|\PL){}|{})", about(&str::to_owned), about(&capital));
    (names, format!(r"({small}|(^|\PL|\p{{Ll}}){})\PL*$", about(&upper)))
}

/// The words of a key, in lower case.
fn words(key: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut open = false;
    let mut last = ' ';
    let mut rest = key.chars().peekable();
    while let Some(c) = rest.next() {
        if !c.is_alphabetic() {
            open = false;
            continue;
        }
        let after_lower = c.is_uppercase() && last.is_lowercase();
        // In `APIKey` the word begins at the `K`, which a small letter follows.
        let ends_acronym = c.is_uppercase() && last.is_uppercase() && rest.peek().is_some_and(|next| next.is_lowercase());
        if !open || after_lower || ends_acronym {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.extend(c.to_lowercase());
        }
        (open, last) = (true, c);
    }
    words
}
