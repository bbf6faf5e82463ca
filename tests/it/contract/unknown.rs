//! A portal that cannot tell: it takes no key, and shows late what was written. Nobody is invited twice: until the portal must have shown it, the
//! change says that nobody knows.

use std::sync::Arc;

use serde_json::json;
use tenantry::portal::Profile;

use super::desk::Desk;
use super::network::Site as _;
use super::rest::{Played, before, hasty};
use super::world::Stage;
use crate::support::proxy::{Fault, Proxy};

/// The sandbox's API without keys and without marks, its users listed customer by customer.
fn silent() -> Arc<Profile> {
    hasty(|text| {
        let gone = [
            "          idempotent: true\n",
            "          headers: { Idempotency-Key: \"${intent}\" }\n",
            "        createdBy: item.createdBy\n",
            ", idempotent: true, headers: { Idempotency-Key: \"${intent}\" }",
        ];
        let listed = "          within: portal\n          path: /users\n          items: response.body.items\n          tenant: item.tenant\n          \
                      ofTenant: { path: \"/tenants/${tenant.id}/users\" }\n";
        let one_by_one =
            "          within: tenant\n          path: \"/tenants/${tenant.id}/users\"\n          items: response.body.items\n";
        assert!(text.contains(listed));
        let text = gone.iter().fold(text, |text, gone| text.replace(gone, ""));
        text.replace("limits:\n  idempotent: true\n", "limits:\n  consistencyWindow: 3h\n").replace(listed, one_by_one)
    })
}

#[tokio::test]
async fn where_a_portal_cannot_tell_nobody_is_invited_twice() {
    let folder = before(Stage::Made).await;
    let played = Played::of(&silent(), folder.path()).await;
    let (desk, desired) = (Desk::at(folder.path()), Stage::Made.desired(played.customs()));
    let lag = json!([{"on": {"method": "POST", "path": "/api/v1/tenants/*/users"}, "do": {"kind": "lag", "requests": 40}}]);
    played.sandbox.faults(lag).await;
    let proxy = Proxy::before(played.url());
    proxy.at_first("POST", "/users", Fault::HeldAfter);
    let through = played.open(&proxy.url, 1);
    tokio::select! {
        biased;
        () = proxy.holds() => desk.is_killed(),
        said = desk.apply(&through, &desired) => panic!("it was to be killed: {said:?}"),
    }
    let portal = played.open(played.url(), 1);
    for _ in 0..2 {
        let said = desk.apply(&portal, &desired).await;
        let unknown = desk.unknown(&portal, &desired).await;
        assert_eq!(unknown, ["acme/user/ann"], "nobody knows of her, and of nobody else: {said:?}");
    }
    // By and by the portal shows her.
    for _ in 0..40 {
        let tenants = portal.tenants().await.unwrap();
        portal.read(&tenants).await.unwrap();
    }
    desk.clock.a_day_later();
    let said = desk.converges(&portal, &desired).await.said;
    desk.clock.a_day_later();
    let left = desk.changes(&portal, &desired).await;
    assert_eq!(Stage::Made.wrong(played.customs(), &left, &played.seen().await), [""; 0], "{said:?}");
}
