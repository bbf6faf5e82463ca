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
