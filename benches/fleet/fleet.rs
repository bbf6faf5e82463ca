//! Writes fleets: so many resources in files of one organization each, the same bytes for the same seed.

use std::fmt::Write as _;
use std::path::Path;

/// Resources of one organization, itself included: 10,000 resources are 500 organizations.
pub(crate) const PER_ORGANIZATION: usize = 20;
const ROLES: usize = 2;
const GROUPS: usize = 3;

const FIRST: [&str; 12] = ["Ada", "Ben", "Cleo", "Dora", "Emil", "Fay", "Gus", "Hana", "Ivo", "Jana", "Kim", "Lou"];
const LAST: [&str; 12] = ["Adler", "Brook", "Cole", "Drew", "Ellis", "Frost", "Gray", "Hart", "Irwin", "Jung", "Koch", "Lang"];
const SECTORS: [&str; 5] = ["education", "health", "legal", "manufacturing", "retail"];

/// SplitMix64: small, fast, and its bytes never change with a dependency.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound.max(1) as u64) as usize
    }

    fn pick<'a>(&mut self, items: &[&'a str]) -> &'a str {
        items.get(self.below(items.len())).copied().unwrap_or_default()
    }
}

/// The name of an organization.
pub(crate) fn organization(at: usize) -> String {
    format!("org-{at:06}")
}

/// Writes a fleet into an empty folder; how many bytes that are.
pub(crate) fn write(folder: &Path, resources: usize, seed: u64) -> usize {
    if folder.exists() {
        std::fs::remove_dir_all(folder).expect("a folder that can be emptied");
    }
    std::fs::create_dir_all(folder).expect("a folder that can be made");
    let mut bytes = 0;
    for at in 0..resources.div_ceil(PER_ORGANIZATION) {
        let members = (resources - at * PER_ORGANIZATION).min(PER_ORGANIZATION) - 1;
        let text = document(at, members, seed);
        bytes += text.len();
        std::fs::write(folder.join(format!("{}.yaml", organization(at))), text).expect("a writable file");
    }
    bytes
}

/// One organization with so many members: a domain, then roles and groups, and users for the rest. The same text for the same seed.
pub(crate) fn document(at: usize, members: usize, seed: u64) -> String {
    let random = &mut Random(seed ^ (at as u64).wrapping_mul(0x2545_f491_4f6c_dd1d));
    let name = organization(at);
    let mut text = String::new();
    let _ = write!(
        text,
        "apiVersion: tenantry.dev/v1alpha1\nkind: Organization\nmetadata:\n  name: {name}\nspec:\n  displayName: Organization {at}\n  \
         relationship: {}\n  contact:\n    phone: \"+44 20 7946 {:04}\"\n    website: https://www.{name}.example\n  labels:\n    sector: {}\n",
        random.pick(&["managed", "managed", "managed", "standalone"]),
        random.below(10_000),
        random.pick(&SECTORS),
    );
    let domains = members.min(1);
    let roles = (members - domains).min(ROLES);
    let groups = (members - domains - roles).min(GROUPS);
    let users = members - domains - roles - groups;
    if domains > 0 {
        let _ = write!(text, "  domains:\n    - name: main\n      domain: {name}.example\n      primary: true\n");
    }
    section(&mut text, "roles", roles, |text, i| {
        let _ = writeln!(text, "    - name: role-{i}\n      permissions: [tickets.create, tickets.read, area-{}.read]", random.below(20));
    });
    section(&mut text, "groups", groups, |text, i| {
        let _ = writeln!(text, "    - name: group-{i}\n      displayName: Group {i}\n      roles: [role-{}]", random.below(roles));
    });
    section(&mut text, "users", users, |text, i| {
        let (first, last) = (random.pick(&FIRST), random.pick(&LAST));
        let _ =
            write!(text, "    - name: user-{i}\n      email: user-{i}@{name}.example\n      firstName: {first}\n      lastName: {last}\n");
        // The first administers; of the rest most are in a group, and one in twenty is suspended.
        if i == 0 {
            text.push_str("      administrator: true\n");
        } else if random.below(4) > 0 {
            let _ = writeln!(text, "      groups: [group-{}]", random.below(groups));
        }
        if i > 0 && random.below(20) == 0 {
            text.push_str("      suspended: true\n");
        }
    });
    text
}

fn section(text: &mut String, key: &str, count: usize, mut item: impl FnMut(&mut String, usize)) {
    if count > 0 {
        let _ = writeln!(text, "  {key}:");
    }
    for i in 0..count {
        item(text, i);
    }
}
