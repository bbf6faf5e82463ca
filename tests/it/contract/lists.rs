//! Lists of the real servers that do not hold still: a page that comes twice, a list that shrinks while it is read, an answer that ends too
//! soon. What such a list lacks is unknown and never absent: nobody is made again, and nobody is forgotten.

use super::better_auth::Msp;
use super::desk::Desk;
use super::keystone::Cloud;
use super::network::{Site, run};
use super::world::Stage;
use crate::support::proxy::{Fault, Proxy};

/// A page after the first of its list.
fn is_later_page(line: &str) -> bool {
    line.contains("marker=") || line.contains("offset=") && !line.contains("offset=0")
}

/// What may happen to each page. That a last page lacks something nobody can see, unless the portal counts.
fn faults(asked: &[String], counted: &str) -> Vec<(usize, Fault)> {
    let path = |line: &str| line.split('?').next().unwrap().to_owned();
    let mut faults = Vec::new();
    for (n, line) in asked.iter().enumerate().filter(|(_, line)| line.starts_with("GET ")) {
        faults.push((n + 1, Fault::Cut));
        let follows = |at: usize| asked.get(at).is_some_and(|next| is_later_page(next) && path(next) == path(line));
        // Where nothing counts, the page that is asked for last is empty, and the one before it is the last with anything in it.
        let goes_on = follows(n + 1) && (path(line).ends_with(counted) || follows(n + 2));
        if goes_on || is_later_page(line) && path(line).ends_with(counted) {
            faults.push((n + 1, Fault::Shrunk));
        }
        if is_later_page(line) {
            faults.push((n + 1, Fault::Repeated));
        }
    }
    faults
}

/// A plan is made of what is as declared, and a list goes wrong.
async fn nothing_is_taken_for_absent(site: &dyn Site, desk: &Desk, counted: &str) {
    let desired = Stage::Made.desired(site.customs());
    let proxy = Proxy::before(site.url());
    assert_eq!(desk.acts(&site.open(&proxy.url, 1), &desired).await, [""; 0], "all is as declared");
    let asked = proxy.asked_with_query();
    let faults = faults(&asked, counted);
    for fault in [Fault::Shrunk, Fault::Repeated] {
        assert!(faults.iter().any(|(_, f)| *f == fault), "there are pages: {asked:#?}");
    }
    for (at, fault) in faults {
        proxy.at(at, fault);
        let acts = desk.acts(&site.open(&proxy.url, 1), &desired).await;
        assert_eq!(acts, [""; 0], "{fault:?} at {}", asked[at - 1]);
    }
}

#[cfg_attr(not(have_keystone), ignore = "needs Keystone: tests/servers/install")]
#[tokio::test]
async fn what_a_list_of_keystone_lacks_is_unknown_and_never_absent() {
    let (cloud, folder) = (Cloud::with("[DEFAULT]\nmax_db_limit = 2").await, tempfile::tempdir().unwrap());
    let desk = Desk::at(folder.path());
    assert_eq!(run(&cloud, &desk, Stage::Made, None).await.wrong, [""; 0]);
    nothing_is_taken_for_absent(&cloud, &desk, "nothing").await;
}

#[cfg_attr(not(have_better_auth), ignore = "needs Better Auth: tests/servers/install")]
#[tokio::test]
async fn what_a_list_of_better_auth_lacks_is_unknown_and_never_absent() {
    let (msp, folder) = (Msp::new("lists", 2).await, tempfile::tempdir().unwrap());
    let desk = Desk::at(folder.path());
    assert_eq!(run(&msp, &desk, Stage::Made, None).await.wrong, [""; 0]);
    for name in ["ann", "bob", "cy"] {
        msp.accepts(name).await;
    }
    nothing_is_taken_for_absent(&msp, &desk, "/list-members").await;
}
