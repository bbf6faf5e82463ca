//! What a portal shows of a customer beside what is declared: every value that the profiles of the five portals name is read off a table, and is
//! then in `show` and in every report of a plan, with its title, its age and, where people of the MSP read it, its reader.

use std::collections::BTreeMap;

use serde_json::Value;
use tenantry::portal::load_profile;

use super::transcript::Shell;
use crate::support::sandbox::Sandbox;

const SECRET: (&str, &str) = ("TENANT_SECRET_VIDEO_PASSWORD", "demo");

/// An example whose work is given out, and what its screens show of a customer: a table, and its text.
struct Seen {
    profile: &'static str,
    portal: &'static str,
    customer: &'static str,
    tables: &'static [(&'static str, &'static str)],
    /// What the API shows, which nobody reads off.
    by_api: &'static [&'static str],
}

/// Observes, and holds what is shown against the profile.
fn check(Seen { profile, portal, customer, tables, by_api }: &Seen, variables: &[(&str, &str)], shell: &Shell) {
    let run = |line: &str| shell.run_with(&format!("{line} -f customers --portals portals"), variables);
    run("apply --auto-approve").exits(6);
    let titles: BTreeMap<_, _> =
        load_profile(profile, None).unwrap().observed().iter().map(|o| (o.name.clone(), o.title.clone())).collect();
    let fresh = run(&format!("show {customer}")).exits(0).out;
    assert_eq!(fresh.contains("Nobody has looked yet: "), !tables.is_empty(), "{fresh}");
    for (table, text) in *tables {
        shell.write("table.csv", text);
        run(&format!("runbook observe table.csv --portal {portal} --table {table}")).exits(0);
    }
    let plan = |format: &str| run(&format!("plan -o {format}")).exits(0).out;
    let (shown, text, markdown, html) = (run(&format!("show {customer}")).exits(0).out, plan("text"), plan("markdown"), plan("html"));
    assert!(!shown.contains("Nobody has looked yet"), "{shown}");
    let json: Value = serde_json::from_str(&plan("json")).unwrap();
    let of_customer = json["tenants"].as_array().unwrap().iter().find(|t| t["tenant"] == **customer).unwrap();
    let observed = of_customer["observed"].as_object().unwrap();
    assert_eq!(observed.keys().collect::<Vec<_>>(), titles.keys().collect::<Vec<_>>(), "{profile}");
    for (name, title) in &titles {
        let seen = &observed[name];
        assert_eq!(seen["title"], **title);
        assert_eq!(seen["by"].is_null(), by_api.contains(&&**name), "{name}: {seen}");
        let line = format!("{title}: {} (seen today", seen["value"].as_str().unwrap());
        for (report, page) in [("show", &shown), ("text", &text), ("markdown", &markdown)] {
            assert!(page.contains(&line), "{line} in {report}: {page}");
        }
        assert!(html.contains(&line.replace('&', "&amp;")), "{line}: {html}");
    }
}

const BY_TECHNICIANS: [Seen; 4] = [
    Seen {
        profile: "it-conductor",
        portal: "monitoring",
        customer: "kessler-werke",
        tables: &[("organizations", "Name,Users\nKessler Werke,4\n")],
        by_api: &[],
    },
    Seen {
        profile: "idemeum",
        portal: "access",
        customer: "brightwater",
        tables: &[
            (
                "customers",
                "Display name,Address,Active users,Technicians\nBrightwater & Partners,https://brightwater-northwind.idemeum.com,12,2\n",
            ),
            ("ways-in", "Display name,Icon in the MSP user portal,Link in the MSP admin portal\nBrightwater & Partners,yes,no\n"),
        ],
        by_api: &[],
    },
    Seen {
        profile: "itarian",
        portal: "desk",
        customer: "corner-shop",
        tables: &[
            ("customers", "Customer,Organization,Guests\nCorner Shop,Corner Shop & Sons,3\n"),
            ("managed-customers", "Customer,Company\nCorner Shop,Corner Ltd\n"),
        ],
        by_api: &[],
    },
    Seen {
        profile: "pilixo",
        portal: "video",
        customer: "st-anne-clinic",
        tables: &[("dashboard", "Sub-Organization,Licenses\nSt. Anne Clinic,25\n")],
        by_api: &[],
    },
];

#[test]
fn what_technicians_read_off_is_in_show_and_in_every_report() {
    for seen in &BY_TECHNICIANS {
        check(seen, &[SECRET], &Shell::of(seen.profile));
    }
}

#[test]
fn what_an_api_shows_stands_beside_what_technicians_read_off() {
    let shell = Shell::of("wiv");
    let wiv = Sandbox::start(["--profile", "wiv", "--account-kind", "MSP-Admin"], shell.path());
    shell.edit("portals/costs.yaml", "127.0.0.1:7700", &wiv.address);
    let seen = Seen {
        profile: "wiv",
        portal: "costs",
        customer: "kessler-werke",
        tables: &[(
            "customers",
            "Customer,Active integrations,Shares,Permissions,Audit log\nKessler Werke,2,1,costs.read,2026-11-01 Jonas signed in\n",
        )],
        by_api: &["integrationTypes", "integrations", "users"],
    };
    check(&seen, &[("WIV_API_KEY", &wiv.token)], &shell);
}
