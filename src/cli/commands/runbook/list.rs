//! `runbook list` and `runbook show`: what waits for technicians, and what became of it. Only reads.

use std::collections::BTreeSet;
use std::path::Path;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Unit};

use super::Looked;
use crate::cli::Face;
use crate::cli::args::{Data, ItemState, ListArgs, OrderFormat, Places, Select, ShowOrderArgs};
use crate::cli::commands::plan;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::{output, session, settings};
use crate::engine::Scope;
use crate::engine::runbook::comes_after;
use crate::ledger::{LedgerLocation, LedgerRead, WorkWanted};
use crate::manifest::{Builtins, did_you_mean};
use crate::model::{IntentAction, Name, PortalName, TenantName, WorkItem, WorkState};
use crate::report::escape::visible;
use crate::report::style::{Style, Tone, table};
use crate::report::work_order::{self, Order, order_items};

/// Lists orders with their items.
pub(super) async fn list(face: &Face<'_>, ledger: &dyn LedgerRead, looked: &Looked<'_>, args: &ListArgs) -> Result<Exit, Failure> {
    let portal = args.portal.iter().cloned().collect();
    let scope = session::scope(&Select { tenant: args.tenant.clone(), portal, ..Select::default() })?;
    let theirs = |i: &WorkItem| args.assignee.as_ref().is_none_or(|a| i.assignee.as_deref().is_some_and(|b| b.eq_ignore_ascii_case(a)));
    let wanted = |item: &WorkItem| match args.state {
        None => item.state.keeps_intent(),
        Some(ItemState::All) => true,
        Some(ItemState::Open) => matches!(item.state, WorkState::Open),
        Some(ItemState::Failed) => matches!(item.state, WorkState::Failed { .. }),
        Some(ItemState::Confirmed) => matches!(item.state, WorkState::Confirmed { .. }),
        Some(ItemState::Skipped) => matches!(item.state, WorkState::Skipped { .. }),
    };
    let mut all = ledger.work(if args.state.is_some() { WorkWanted::All } else { WorkWanted::Waiting }).await?;
    selected(ledger, &all, looked, args).await?;
    let after = comes_after(&all);
    all.retain(|(portal, item)| scope.portal(portal) && scope.tenant(&item.address.tenant) && theirs(item) && wanted(item));
    let gone = no_longer_declared(looked, &all);
    let orders: Vec<_> = orders(&all).into_iter().map(|order| Order { after: Some(&after), ..order }).collect();
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    if args.output == Data::Json {
        let orders: Vec<_> = orders.iter().map(|o| json(o, today, &gone)).collect();
        face.output.data(&serde_json::to_string_pretty(&serde_json::json!({ "orders": orders })).unwrap_or_default());
        return Ok(Exit::Success);
    }
    if orders.is_empty() {
        let to = args.assignee.as_ref().map_or_else(String::new, |who| format!(" for {}", visible(who)));
        face.output.note(&match args.state {
            None => format!("No work order waits{to}. `--state all` shows those that are done, too."),
            Some(_) => format!("There is no such item{to}."),
        });
    }
    let texts: Vec<_> = orders.iter().map(|o| text(o, today, &gone, &face.output.data)).collect();
    face.output.data(&texts.join("\n"));
    Ok(Exit::Success)
}

/// A portal or a tenant that nobody knows is a slip of the hand, and "no work order waits" would be a lie about it.
async fn selected(ledger: &dyn LedgerRead, all: &[(PortalName, WorkItem)], looked: &Looked<'_>, args: &ListArgs) -> Result<(), Failure> {
    if args.portal.is_none() && args.tenant.is_empty() {
        return Ok(());
    }
    let recorded = ledger.tenants().await?;
    // Manifests that are wrong, or elsewhere, name nobody: what is recorded is known without them.
    let declared = looked.declared();
    let mut portals: BTreeSet<&str> = recorded.iter().map(|(p, _)| p).chain(all.iter().map(|(p, _)| p)).map(Name::as_str).collect();
    portals.extend(declared.iter().flat_map(|d| &d.specs).map(|spec| spec.name.as_str()));
    let mut tenants: BTreeSet<&TenantName> = recorded.iter().map(|(_, t)| t).chain(all.iter().map(|(_, i)| &i.address.tenant)).collect();
    tenants.extend(declared.iter().flat_map(|d| d.desired.tenants.keys()));
    if let Some(portal) = args.portal.as_deref().filter(|portal| !portals.contains(portal)) {
        let known: Vec<_> = portals.iter().copied().collect();
        let help = did_you_mean(portal, portals.iter().copied(), &format!("the portals are {}", known.join(", ")));
        return Err(Failure::usage(format!("--portal {portal}: there is no such portal")).help(help));
    }
    for text in &args.tenant {
        let one = session::scope(&Select { tenant: vec![text.clone()], ..Select::default() })?;
        if !tenants.iter().any(|tenant| one.tenant(tenant)) {
            let otherwise = "`tenantry ledger list` and the manifests have the names";
            let help = did_you_mean(text, tenants.iter().map(|tenant| tenant.as_str()), otherwise);
            return Err(Failure::usage(format!("--tenant {text}: no such tenant is declared or in the ledger")).help(help));
        }
    }
    Ok(())
}

/// Shows one order or one item.
pub(super) async fn show(face: &Face<'_>, ledger: &dyn LedgerRead, looked: &Looked<'_>, args: &ShowOrderArgs) -> Result<Exit, Failure> {
    let all = ledger.called(&args.what).await?;
    let named: Vec<_> = all.iter().filter(|(_, i)| i.is_called(&args.what)).cloned().collect();
    let replaced = |i: &WorkItem| i.was_called(&args.what);
    let of_order: Vec<_> = all.iter().filter(|(_, i)| i.is_in(&args.what)).collect();
    super::one_order(&of_order, &args.what)?;
    let chosen: Vec<_> = if !named.is_empty() {
        named
    } else if of_order.is_empty() {
        all.iter().filter(|(_, i)| replaced(i)).cloned().collect()
    } else {
        of_order.into_iter().cloned().collect()
    };
    if let [(_, a), (_, b), ..] = chosen.as_slice()
        && a.order != b.order
    {
        let items = chosen.iter().map(|(portal, i)| format!("{} ({} in portal {portal})", i.reference, i.address)).collect();
        return Err(Failure { items, ..Failure::new(Exit::Error, format!("{} is the reference of several items", args.what)) });
    }
    if let [(_, item)] = chosen.as_slice()
        && replaced(item)
    {
        face.output.error(&format!(
            "{} is an earlier text: {} replaced it, and this is what holds now.",
            visible(&args.what),
            item.reference
        ));
    }
    let Some(order) = orders(&chosen).into_iter().next() else {
        let help = match args.what.len() {
            0..WorkItem::SHORTEST => {
                format!("give {} characters of it at least; `tenantry runbook list --state all` shows them", WorkItem::SHORTEST)
            }
            _ => "`tenantry runbook list --state all` shows them".to_owned(),
        };
        return Err(Failure::new(Exit::Error, format!("no work order and no item is called `{}`", args.what)).help(help));
    };
    let title = chosen.first().filter(|_| looked.manifests).and_then(|(portal, _)| title(looked.places, portal));
    if title.is_none() && looked.manifests {
        face.output.note(&format!(
            "What people call portal {} is not known here: -f PATH and --portals DIR say where its document is.",
            order.portal
        ));
    }
    let flags = flags(looked.places);
    let after = comes_after(&ledger.work(WorkWanted::Waiting).await?);
    let order = Order { title: title.as_deref(), places: &flags, after: Some(&after), ..order };
    let page = match args.output {
        OrderFormat::Text => work_order::text(&order),
        OrderFormat::Markdown => work_order::markdown(&order),
        OrderFormat::Html => work_order::html(&order),
        OrderFormat::Json => serde_json::to_string_pretty(&work_order::document(&order)).unwrap_or_default() + "\n",
    };
    match &args.out {
        Some(file) => {
            plan::write(file, &page)?;
            face.output.note(&format!("Wrote {}.", file.display()));
        }
        None => face.output.data(&page),
    }
    Ok(Exit::Success)
}

/// The open items of what nothing declares any more, by their intents: the next apply withdraws them. Nothing, where no manifests can be read.
fn no_longer_declared(looked: &Looked<'_>, all: &[(PortalName, WorkItem)]) -> BTreeSet<Box<str>> {
    let Some(declared) = looked.declared() else { return BTreeSet::new() };
    let asked_for = |portal: &PortalName, item: &WorkItem| {
        let spec = declared.specs.iter().find(|spec| spec.name == *portal);
        let tenant = declared.desired.tenants.get(&item.address.tenant);
        let there = tenant.is_some_and(|t| item.action == IntentAction::Delete || t.get(item.address.kind, &item.address.name).is_some());
        // What the manifests do not know at all is another's to tell.
        spec.is_none_or(|spec| there && spec.serves(&item.address.tenant))
    };
    let open = all.iter().filter(|(_, item)| item.state.keeps_intent());
    open.filter(|(portal, item)| !asked_for(portal, item)).map(|(_, item)| item.intent.clone()).collect()
}

/// What people call a portal. The ledger has its name alone; its profile says this, whatever is wrong with the manifests beside it.
fn title(places: &Places, portal: &PortalName) -> Option<String> {
    let loaded = session::read(places, &Scope::default(), session::stdin(places).ok()?.as_deref(), Builtins::Unknown);
    let spec = loaded.desired.portals.into_iter().find(|spec| spec.name == *portal)?;
    let profiles = session::profiles(&[spec], places).ok()?;
    profiles.get(portal).map(|profile| profile.title.to_string())
}

/// Where things are, as this command line says it, for the command lines that an order prints. What a variable says is not repeated: it holds
/// for them, too.
pub(in crate::cli::commands) fn flags(places: &Places) -> String {
    let Places { file, portals, state_dir, ledger } = places;
    let path = |path: &Path| path.to_string_lossy().into_owned();
    // Standard input is read by now.
    let files = file.iter().filter(|f| f.as_path() != Path::new("-")).map(|f| ("-f", "TENANTRY_FILE", path(f)));
    let dirs = [("--portals", "TENANTRY_PORTALS", portals), ("--state-dir", "TENANTRY_STATE_DIR", state_dir)];
    let dirs = dirs.into_iter().filter_map(|(flag, variable, given)| Some((flag, variable, path(given.as_deref()?))));
    let ledger = ledger.iter().map(|given| ("--ledger", "TENANTRY_LEDGER", given.clone()));
    let given = files.chain(dirs).chain(ledger).filter(|(_, variable, value)| settings::variable(variable).as_ref() != Some(value));
    let words = given.map(|(flag, _, value)| match value.parse::<LedgerLocation>() {
        // An order is read by many, and a password is for none of them.
        Ok(location) if flag == "--ledger" && location.to_string() != value => format!("{flag} …"),
        _ => format!("{flag} {}", quoted(&value)),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_-./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// The orders of these items, those given out last first.
pub(super) fn orders(all: &[(PortalName, WorkItem)]) -> Vec<Order<'_>> {
    let mut orders: Vec<Order<'_>> = Vec::new();
    for (portal, item) in all {
        match orders.iter_mut().find(|o| o.order == &*item.order && o.portal == portal.as_str()) {
            Some(order) => order.items.push(item),
            None => orders.push(Order {
                order: &item.order,
                portal: portal.as_str(),
                title: None,
                assignee: item.assignee.as_deref(),
                due: item.due,
                given: item.given,
                plan: &item.plan,
                ticket: item.ticket.as_deref(),
                items: vec![item],
                places: "",
                after: None,
            }),
        }
    }
    for order in &mut orders {
        order.items = order_items(std::mem::take(&mut order.items));
    }
    orders
}

/// For how many days an order has been overdue; `None`: it is not, or nothing of it waits.
fn overdue(order: &Order<'_>, today: Date) -> Option<i64> {
    let waits = order.items.iter().any(|i| i.state.keeps_intent());
    let days = today.since((Unit::Day, order.due?)).ok().map(|span| i64::from(span.get_days()))?;
    (waits && days > 0).then_some(days)
}

fn text(order: &Order<'_>, today: Date, gone: &BTreeSet<Box<str>>, style: &Style) -> String {
    let late = overdue(order, today)
        .map(|days| style.paint(Tone::Alarm, &format!(", overdue by {}", output::counted(days.unsigned_abs() as usize, "day"))));
    let due = order.due.map_or_else(String::new, |due| format!(", due {due}"));
    let assignee = order.assignee.map_or_else(String::new, |who| format!(" for {}", visible(who)));
    let ticket = order.ticket.map_or_else(String::new, |ticket| format!(", ticket {}", visible(ticket)));
    let head = format!("Work order {} in portal {}{assignee}{due}", visible(order.order), order.portal);
    let mut out = format!("{}{}{ticket}, given out {:.0}\n", style.paint(Tone::Heading, &head), late.unwrap_or_default(), order.given);
    let row = |i: &&WorkItem| {
        let title = visible(&i.instructions.title).into_owned();
        vec![
            i.reference.to_string(),
            i.action.word().to_owned(),
            i.address.to_string(),
            title,
            visible(&became(i, order, gone)).into_owned(),
        ]
    };
    out.push_str(&table(&order.items.iter().map(row).collect::<Vec<_>>(), 2));
    out
}

/// What became of an item, and what keeps it.
fn became(item: &WorkItem, order: &Order<'_>, gone: &BTreeSet<Box<str>>) -> String {
    let first = order.after.and_then(|after| after.get(&item.intent)).map(|first| first.join(", "));
    let waits = first.map(|first| format!("; waits for {first}")).unwrap_or_default();
    let withdrawn = if gone.contains(&item.intent) { "; no longer declared: withdrawn with the next apply" } else { "" };
    match &item.state {
        WorkState::Open => format!("open{waits}{withdrawn}"),
        WorkState::Confirmed { by, at, .. } if item.calls_follow => format!("confirmed by {by} at {at:.0}; calls follow"),
        WorkState::Confirmed { by, at, .. } => format!("confirmed by {by} at {at:.0}"),
        WorkState::Failed { by, at, why } => format!("could not be done: {why} ({by} at {at:.0})"),
        WorkState::Skipped { by, at, why } => format!("skipped: {why} ({by} at {at:.0})"),
    }
}

fn json(order: &Order<'_>, today: Date, gone: &BTreeSet<Box<str>>) -> serde_json::Value {
    let item = |i: &&WorkItem| {
        serde_json::json!({
            "reference": i.reference, "address": i.address, "action": i.action, "title": i.instructions.title, "state": i.state,
            "calls_follow": i.calls_follow, "replaces": i.replaces, "after": order.after.and_then(|after| after.get(&i.intent)).cloned().unwrap_or_default(),
            "withdrawn": gone.contains(&i.intent),
        })
    };
    serde_json::json!({
        "order": order.order, "portal": order.portal, "assignee": order.assignee, "due": order.due, "overdue": overdue(order, today).is_some(),
        "given": order.given, "ticket": order.ticket, "plan": order.plan, "items": order.items.iter().map(item).collect::<Vec<_>>(),
    })
}
