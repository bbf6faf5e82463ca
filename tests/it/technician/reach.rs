//! What no page documents: the work order says what is to be so, and the sandbox offers one page for all of that, which says the same of itself.

use std::collections::BTreeMap;

use super::follow::{Technician, no};
use super::paper::Line;
use crate::servers::browser::{NotOnScreen, quoted};

const BEGINS: &str = "See to it, in whatever way the portal offers, that this is so: ";

/// What a line wants of which thing.
struct Wish<'l> {
    noun: &'l str,
    name: &'l str,
    of: Option<&'l str>,
    what: What<'l>,
}

enum What<'l> {
    Exists,
    Gone,
    Is { path: &'l str, value: &'l str },
    Secret { path: &'l str, reference: &'l str },
    Empty { path: &'l str },
}

fn wish(line: &Line) -> Option<Wish<'_>> {
    let says = line.sentence().strip_prefix(BEGINS)?;
    let (noun, rest) = says.split_once(" {}")?;
    // Who leaves a customer is found in it.
    let left = rest.strip_prefix(" is no longer among the ").and_then(|_| line.values.get(1));
    let (of, rest) = rest.strip_prefix(" in {}").map_or((None, rest), |rest| (line.values.get(1), rest));
    let of = of.or(left);
    // Of a field it says what the field is called, then what stands in it.
    let (path, rest) = match rest.strip_prefix(": ") {
        Some(field) => field.split_at(field.find(" is ")?),
        None => ("", rest),
    };
    let value = line.values.get(if of.is_some() { 2 } else { 1 }).map(String::as_str);
    let rest = rest.split(" (before: ").next().unwrap();
    let what = match (rest, value) {
        (" exists", _) => What::Exists,
        (" does not exist any more", _) => What::Gone,
        (left, _) if left.starts_with(" is no longer among the ") => What::Gone,
        (" is {}" | " is this, line by line", Some(value)) => What::Is { path, value },
        (" is the secret that is kept as {} (its name, and not the secret: whoever runs tenantry has that)", Some(reference)) => {
            What::Secret { path, reference }
        }
        (" is empty" | " is not set any more", _) => What::Empty { path },
        _ => return None,
    };
    Some(Wish { noun, name: &line.values[0], of: of.map(String::as_str), what })
}

/// How many lines from here on are about one thing that no page documents.
pub(super) fn run(lines: &[Line]) -> usize {
    let Some(first) = lines.first().and_then(wish) else { return 0 };
    lines.iter().map_while(wish).take_while(|w| (w.noun, w.name, w.of) == (first.noun, first.name, first.of)).count()
}

/// Reaches what such lines say.
pub(super) async fn reach(technician: &mut Technician, lines: &[Line]) -> Result<(), NotOnScreen> {
    let wishes: Vec<_> = lines.iter().filter_map(wish).collect();
    let Wish { noun, name, of, .. } = &wishes[0];
    let new = matches!(wishes[0].what, What::Exists);
    if new {
        select(technician, of.unwrap_or(name)).await?;
        technician.browser.press("", &format!("New {noun}")).await?;
    } else {
        // Whoever mixes up two customers goes to the wrong one.
        find(technician, name, of.map(|of| technician.picked(of))).await?;
        technician.browser.press("", "Settings that no page documents").await?;
    }
    if !technician.browser.text().await.contains("No page of the manual documents this") {
        return no("this is no page for what no page documents");
    }
    if new
        && technician.browser.count("//label[.='name']").await > 0
        && !wishes.iter().any(|w| matches!(w.what, What::Is { path: "display name", .. }))
    {
        technician.browser.fill("name", name).await?;
    }
    let mut entries: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for wish in &wishes {
        match wish.what {
            What::Exists => {}
            What::Gone => return technician.press("", "Delete").await,
            // A field with several entries is one field here: they are typed together.
            What::Is { path, value } => match path.rsplit_once(" in ") {
                Some((key, field)) => entries.entry(field).or_default().push(format!("{key}: {value}")),
                None => technician.browser.fill(path, value).await?,
            },
            What::Empty { path } => technician.browser.fill(path, "").await?,
            What::Secret { path, reference } => {
                let (key, path) = path.rsplit_once(" in ").unwrap_or(("", path));
                let typed = format!("{key}: {}", technician.secret(reference)?);
                technician.browser.fill(path, &typed).await?;
            }
        }
    }
    for (field, typed) in entries {
        technician.browser.fill(field, &typed.join(", ")).await?;
    }
    technician.press("", "Save").await
}

/// Sets the screens to a customer; the MSP's own is where nobody else is.
async fn select(technician: &mut Technician, customer: &str) -> Result<(), NotOnScreen> {
    technician.browser.press("", "Customer selector").await?;
    let listed = technician.browser.count(&format!("//li//button[normalize-space(.)={}]", quoted(customer))).await > 0;
    technician.browser.press("", if listed { customer } else { "Back to the MSP's own" }).await?;
    let now = technician.browser.texts("//*[@id='customer']").await;
    if now.iter().any(|shown| shown == customer) { Ok(()) } else { no(format!("the screens are about {now:?} and not {customer}")) }
}

/// The page of a customer, wherever the menu has it; for the MSP's own, the place that is open.
pub(super) async fn customer(technician: &mut Technician, name: &str) -> Result<(), NotOnScreen> {
    for place in technician.browser.texts("//nav//a").await {
        technician.browser.press("", &place).await?;
        let row = format!("//tr[td[1][normalize-space(.)={}]]", quoted(name));
        if technician.browser.count(&row).await > 0 {
            technician.browser.click(&format!("{row}//a")).await?;
            technician.opened().await;
            return Ok(());
        }
    }
    select(technician, name).await?;
    technician.opened().await;
    Ok(())
}

/// The page of something.
async fn find(technician: &mut Technician, name: &str, of: Option<&str>) -> Result<(), NotOnScreen> {
    customer(technician, of.unwrap_or(name)).await?;
    let listed = format!("//li//a[normalize-space(.)={}]", quoted(name));
    if of.is_none() {
        return Ok(());
    }
    if technician.browser.count(&listed).await == 0 {
        return no(format!("`{name}` is not shown in {}", of.unwrap_or_default()));
    }
    technician.browser.click(&listed).await?;
    technician.opened().await;
    Ok(())
}
