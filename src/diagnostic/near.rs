//! What a misspelt word was most likely meant to be. Comes in: the word, and what there is. Goes out: the nearest of it. Pure.

/// The candidate that a wrong text was most likely meant to be.
pub(crate) fn nearest<'c>(text: &str, candidates: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    let text = text.to_lowercase();
    let most = (text.chars().count() / 3).clamp(1, 4);
    let candidates: Vec<_> = candidates.map(|c| (c.to_lowercase(), c)).collect();
    let near = candidates.iter().filter_map(|(lower, c)| distance(&text, lower, most).map(|d| (d, *c))).min().map(|(_, c)| c);
    near.or_else(|| {
        // Half a name, as `dashboard` is of `defaultDashboard`: of use only if it is half of no other, and no mere syllable.
        let mut whole = candidates.iter().filter(|(lower, _)| text.chars().count() >= 4 && lower.contains(&text));
        whole.next().filter(|_| whole.next().is_none()).map(|(_, c)| *c)
    })
}

/// The number of single-character edits between two texts (Levenshtein), if it is at most `most`.
fn distance(a: &str, b: &str, most: usize) -> Option<usize> {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().take(64).collect());
    if a.len().abs_diff(b.len()) > most {
        return None;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut left = i + 1;
        let mut diagonal = i;
        for (to, cell) in b.iter().zip(row.iter_mut().skip(1)) {
            let best = (diagonal + usize::from(from != to)).min(*cell + 1).min(left + 1);
            diagonal = std::mem::replace(cell, best);
            left = best;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().filter(|d| *d <= most)
}

/// `did you mean` with the nearest candidate, else the fallback.
pub(crate) fn did_you_mean<'c>(text: &str, candidates: impl Iterator<Item = &'c str>, otherwise: &str) -> String {
    nearest(text, candidates).map_or_else(|| otherwise.to_owned(), |near| format!("did you mean `{near}`?"))
}
