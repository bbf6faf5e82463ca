//! `R…`: planning and applying a run.

codes! {
    PORTAL_UNAVAILABLE = "R001", "A portal does not answer, or not so that it can be understood", "check the endpoint and the network, then run again; nothing was changed there";
    PORTAL_DENIED = "R002", "A portal does not let us in", "check the credentials that the Portal document refers to, and their rights";
    PORTAL_MISCONFIGURED = "R003", "A Portal document or its profile is wrong", "correct the document named";
    RULE_WARNS = "R004", "A rule of the portal warns", "read the rule; the change goes on";
    UNSUPPORTED_LEFT_OUT = "R005", "What the portal lacks was left out", "it is not done there, unless somebody does it by hand; to hear no more of it, set `unsupported: Ignore` in its Portal document";
    RULE_REFUSES = "R006", "A rule of the portal refuses", "change the manifest as the rule says";
    UNSUPPORTED = "R007", "The portal lacks a field or a kind that is declared", "take it out of the manifests; or, where the portal need not have it, leave it out there with `unsupported: Warning` in its Portal document, or `Ignore` to hear no more of it";
    KEY_DECLARED_TWICE = "R008", "Two tenants declare what only one in the portal can have", "take it out of one of the two, or let only one of them be served by the portal";
    SAME_NAME = "R009", "Two customers have the same name where a customer is found by name", "give one of them a `displayName` of its own, with its town or number; until then compare more than the name before anything is typed";
    SAVED_PLAN_DAMAGED = "R040", "A saved plan cannot be read", "plan again with `plan --out`";
    SAVED_PLAN_VERSION = "R041", "A saved plan is of a version that this program does not know", "apply it with the program that made it, or plan again";
    SAVED_PLAN_INCONSISTENT = "R042", "A saved plan contradicts itself", "plan again with `plan --out`; a saved plan is not edited by hand";
}
