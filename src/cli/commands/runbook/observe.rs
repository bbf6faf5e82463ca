//! `runbook observe`: a table of a portal's screen is held against what is recorded, what was seen is recorded, and a person is told what
//! differs. Exit 11 if something does.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use super::{answers, lock, who};
use crate::cli::Face;
use crate::cli::args::{Data, ObserveArgs, Places};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::output::counted;
use crate::cli::session::{self, Declared};
use crate::engine::Scope;
use crate::engine::runbook::observe::{self, Against, NotYet, Seen};
use crate::engine::runbook::{Refusal, Voice, Why, table};
use crate::ledger::{LedgerLocation, LedgerRead};
use crate::model::portal_spec::AdoptionPolicy;
use crate::model::{Address, PortalSpec, TenantName};
use crate::portal::Profile;
use crate::portal::profile::technician::CompiledTable;
use crate::report::escape::visible;
use crate::report::style::{Tone, table as columns};

/// Runs `runbook observe`.
pub(super) async fn run(face: &Face<'_>, places: &Places, location: &LedgerLocation, args: &ObserveArgs) -> Result<Exit, Failure> {
    if args.table_file == Path::new("-") && session::roots(places).iter().any(|root| root == Path::new("-")) {
        return Err(Failure::usage("standard input is either the table or the manifests: give one of them as a file"));
    }
    let command = format!("runbook observe {} --table TABLE", args.table_file.display());
    session::needs_manifests(places, location, "a table is held against what is declared", &command)?;
    let declared = session::declared(places, &Scope::default())?;
    let (spec, profile) = portal(&declared, args.portal.as_deref())?;
    let compiled = table_of(spec, &profile, args.table.as_deref())?;
    let tenant = tenant(compiled, args.tenant.as_deref())?;
    let parsed =
        table::parse(&answers::bytes(&args.table_file)?).map_err(|lines| refused(args, &Refusal { why: Why::Incomplete, lines }))?;
    let ledger = location.open().await?;
    let recorded = ledger.tenants().await?;
    let tenants = observe::tenants(&declared.desired, &recorded, spec, tenant.as_ref());
    let others: Vec<_> = recorded.into_iter().filter(|(p, t)| *p == spec.name && !tenants.contains(t)).map(|(_, t)| t).collect();
    if let Some(tenant) = tenant.as_ref().filter(|t| !tenants.contains(t)) {
        return Err(Failure::usage(format!("--tenant {tenant}: neither the manifests nor the ledger have it in portal {}", spec.name)));
    }
    let units: Vec<_> = tenants.iter().map(|tenant| (spec.name.clone(), tenant.clone())).collect();
    let lock = lock(face, ledger.as_ref(), &units, "observe", args.lock_timeout).await?;
    let looked = async {
        let states: BTreeMap<TenantName, _> =
            tenants.iter().cloned().zip(LedgerRead::read(ledger.as_ref(), &spec.name, &tenants).await?).collect();
        let others: BTreeMap<TenantName, _> =
            others.iter().cloned().zip(LedgerRead::read(ledger.as_ref(), &spec.name, &others).await?).collect();
        let against = Against {
            spec,
            profile: &profile,
            table: compiled,
            desired: &declared.desired,
            states: &states,
            others: &others,
            tenant: tenant.as_ref(),
            complete: args.complete,
        };
        let seen = observe::compare(&against, &parsed).map_err(|refusal| refused(args, &refusal))?;
        let believed_for_days = spec.work_orders.believed_for_days;
        let voice = Voice { by: who(args.by.as_deref()), now: Timestamp::now(), believed_for_days, note: None };
        observe::record(ledger.as_ref(), &lock, spec, &compiled.name, &seen, &voice).await?;
        Ok::<_, Failure>(seen)
    };
    let looked = looked.await;
    ledger.unlock(&lock).await?;
    let seen = looked?;
    match args.output {
        Data::Json => face.output.data(&serde_json::to_string_pretty(&json(spec, compiled, args, &seen)).unwrap_or_default()),
        Data::Text => text(face, &profile, args, &seen),
    }
    let differs = !seen.drift.is_empty() || seen.gone().next().is_some();
    Ok(if differs { Exit::Drift } else { Exit::Success })
}

fn refused(args: &ObserveArgs, refusal: &Refusal) -> Failure {
    let exit = if refusal.why == Why::Mismatch { Exit::Refused } else { Exit::Error };
    let failure = Failure::new(exit, format!("nothing was recorded of {}:", answers::in_words(&args.table_file)));
    Failure { items: refusal.lines.clone(), ..failure }
}

/// The portal that is named, or the only one whose profile has tables.
fn portal<'a>(declared: &'a Declared, name: Option<&str>) -> Result<(&'a PortalSpec, Arc<Profile>), Failure> {
    let with_tables: Vec<_> = declared
        .specs
        .iter()
        .filter_map(|spec| Some((spec, declared.profiles.get(&spec.name)?)))
        .filter(|(_, p)| !p.tables().is_empty())
        .collect();
    let names = || with_tables.iter().map(|(spec, _)| spec.name.to_string()).collect::<Vec<_>>().join(", ");
    let found = match name {
        Some(name) => with_tables.iter().find(|(spec, _)| spec.name.as_str() == name),
        None if with_tables.len() == 1 => with_tables.first(),
        None => None,
    };
    match (found, name) {
        (Some((spec, profile)), _) => Ok((spec, Arc::clone(profile))),
        (None, _) if with_tables.is_empty() => Err(Failure::usage("no portal that is declared has a profile with tables")
            .help("docs/profiles.md says how a profile describes the tables of its screens")),
        (None, Some(name)) => {
            Err(Failure::usage(format!("--portal {name}: no such portal has tables")).help(format!("those that do are {}", names())))
        }
        (None, None) => {
            Err(Failure::usage("several portals have tables: say which with --portal NAME").help(format!("they are {}", names())))
        }
    }
}

fn table_of<'a>(spec: &PortalSpec, profile: &'a Profile, name: Option<&str>) -> Result<&'a CompiledTable, Failure> {
    let tables = profile.tables();
    let found = match (name, tables) {
        (Some(name), tables) => tables.iter().find(|t| t.name == name),
        (None, [one]) => Some(one),
        (None, _) => None,
    };
    found.ok_or_else(|| {
        let place = |t: &CompiledTable| profile.menu().get(t.menu).map(|p| p.path.join(" › ")).unwrap_or_default();
        let items = tables.iter().map(|t| {
            format!("{} ({}; columns {})", t.name, place(t), t.columns.iter().map(|(c, _)| c.as_str()).collect::<Vec<_>>().join(", "))
        });
        let failure = Failure::usage(format!("portal {} has these tables: say which it is with --table NAME", spec.name));
        Failure { items: items.collect(), ..failure }
    })
}

fn tenant(table: &CompiledTable, name: Option<&str>) -> Result<Option<TenantName>, Failure> {
    match name {
        Some(name) => TenantName::new(name).map(Some).map_err(|e| Failure::usage(format!("--tenant: {e}"))),
        None if table.within_tenant => Err(Failure::usage(format!("table {} shows one tenant: say which with --tenant NAME", table.name))),
        None => Ok(None),
    }
}

fn text(face: &Face<'_>, profile: &Profile, args: &ObserveArgs, seen: &Seen) {
    let style = &face.output.data;
    seen.warnings.iter().for_each(|w| face.output.error(&format!("warning: {}", visible(w))));
    let mut out = String::new();
    let mut section = |tone: Tone, heading: String, rows: Vec<Vec<String>>| {
        if !rows.is_empty() {
            out.push_str(&format!("{}\n{}", style.paint(tone, &heading), columns(&rows, 2)));
        }
    };
    let shown = |text: &str| if text.is_empty() { "nothing".to_owned() } else { visible(text).into_owned() };
    let drift = seen.drift.iter().flat_map(|d| {
        d.fields.iter().map(|f| {
            vec![
                d.address.to_string(),
                f.field.to_owned(),
                format!("recorded {}", shown(&f.recorded)),
                format!("shown {}", shown(&f.shown)),
            ]
        })
    });
    section(Tone::Change, "Seen, and other than recorded:".to_owned(), drift.collect());
    let not_yet = seen.not_yet.iter().map(|n| vec![n.address.to_string(), visible(&taken_over(n)).into_owned()]);
    section(Tone::Change, "Seen, and not yet ours:".to_owned(), not_yet.collect());
    let addresses = |all: &mut dyn Iterator<Item = &Address>| all.map(|a| vec![a.to_string()]).collect::<Vec<_>>();
    let missing = if args.complete {
        "Recorded, and not in the table: recorded as gone (the ledger keeps its row until a plan says what becomes of it):"
    } else {
        "Recorded, and not in the table, which proves nothing (--complete: the whole table was exported):"
    };
    section(Tone::Change, missing.to_owned(), addresses(&mut seen.missing.iter()));
    let awaiting = seen
        .awaiting
        .iter()
        .map(|(address, reference)| vec![address.to_string(), format!("item {reference} is open: say what became of it")]);
    section(Tone::Change, "Left to their work orders:".to_owned(), awaiting.collect());
    let unknown = seen.unknown.iter().map(|u| {
        let own = if u.portals_own { "the portal's own" } else { "unmanaged" };
        vec![
            format!("row {}", u.row),
            visible(&u.shown).into_owned(),
            u.tenant.as_ref().map(ToString::to_string).unwrap_or_default(),
            own.to_owned(),
        ]
    });
    section(Tone::Plain, "In the table, and not ours:".to_owned(), unknown.collect());
    let title = |name: &str| profile.observed().iter().find(|o| o.name == name).map_or_else(|| name.to_owned(), |o| o.title.clone());
    let observed = seen
        .observed
        .iter()
        .map(|(tenant, name, value)| vec![tenant.to_string(), visible(&title(name)).into_owned(), visible(value).into_owned()]);
    section(Tone::Plain, "Noted:".to_owned(), observed.collect());
    if face.output.data.verbose {
        section(Tone::Plain, "Seen, and as recorded:".to_owned(), addresses(&mut seen.in_step.iter()));
    }
    let Seen { in_step, drift, not_yet, missing, unknown, .. } = seen;
    let not_yet = if not_yet.is_empty() { String::new() } else { format!(", {} not yet ours", not_yet.len()) };
    out.push_str(&format!(
        "Seen: {} as recorded, {} otherwise{not_yet}; {} not in the table, {} not ours.\n",
        in_step.len(),
        drift.len(),
        missing.len(),
        counted(unknown.len(), "row")
    ));
    face.output.data(&out);
}

/// What takes over something that is there and not ours.
fn taken_over(not_yet: &NotYet) -> String {
    let NotYet { address: _, policy, differs, unseen } = not_yet;
    let (Some(policy), Some(wants)) = (policy, not_yet.wants()) else {
        return "nothing declares it: declare it to take it over".to_owned();
    };
    let differs: Vec<_> = differs.iter().map(|d| d.field).collect();
    let mut known = Vec::new();
    known.extend((!differs.is_empty()).then(|| format!("other than declared: {}", differs.join(", "))));
    known.extend((!unseen.is_empty()).then(|| format!("not seen: {}", unseen.join(", "))));
    let known = if known.is_empty() { "just as declared".to_owned() } else { known.join("; ") };
    let word = policy.word();
    if not_yet.is_taken_over() {
        format!("{known}; the next apply takes it over (adoptionPolicy: {word})")
    } else {
        format!("{known}; adoptionPolicy: {} takes it over ({word} holds now)", wants.word())
    }
}

fn json(spec: &PortalSpec, table: &CompiledTable, args: &ObserveArgs, seen: &Seen) -> serde_json::Value {
    let field = |f: &observe::Difference| serde_json::json!({ "field": f.field, "recorded": f.recorded, "shown": f.shown });
    let drift =
        |d: &observe::Drifted| serde_json::json!({ "address": d.address, "fields": d.fields.iter().map(field).collect::<Vec<_>>() });
    let not_yet = |n: &NotYet| {
        serde_json::json!({
            "address": n.address, "declared": n.policy.is_some(), "differs": n.differs.iter().map(field).collect::<Vec<_>>(), "unseen": n.unseen,
            "adoption_policy": n.policy.map(AdoptionPolicy::word), "wants": n.wants().map(AdoptionPolicy::word), "taken_over": n.is_taken_over(),
        })
    };
    let unknown =
        |u: &observe::Stranger| serde_json::json!({ "row": u.row, "shown": u.shown, "tenant": u.tenant, "portals_own": u.portals_own });
    let awaiting = |(address, item): &(Address, Box<str>)| serde_json::json!({ "address": address, "item": item });
    let observed =
        |(tenant, name, value): &(TenantName, String, String)| serde_json::json!({ "tenant": tenant, "name": name, "value": value });
    serde_json::json!({
        "portal": spec.name, "table": table.name, "complete": args.complete,
        "in_step": seen.in_step, "drift": seen.drift.iter().map(drift).collect::<Vec<_>>(), "missing": seen.missing,
        "not_yet_ours": seen.not_yet.iter().map(not_yet).collect::<Vec<_>>(),
        "gone": seen.gone().collect::<Vec<_>>(), "unknown": seen.unknown.iter().map(unknown).collect::<Vec<_>>(),
        "awaiting": seen.awaiting.iter().map(awaiting).collect::<Vec<_>>(),
        "observed": seen.observed.iter().map(observed).collect::<Vec<_>>(), "warnings": seen.warnings,
    })
}
