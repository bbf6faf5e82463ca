//! `R…`: planning and applying a run.

codes! {
    SAVED_PLAN_DAMAGED = "R040", "A saved plan cannot be read", "plan again with `plan --out`";
    SAVED_PLAN_VERSION = "R041", "A saved plan is of a version that this program does not know", "apply it with the program that made it, or plan again";
    SAVED_PLAN_INCONSISTENT = "R042", "A saved plan contradicts itself", "plan again with `plan --out`; a saved plan is not edited by hand";
}
