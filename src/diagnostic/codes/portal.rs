//! `P…`: portals and profiles.

codes! {
    PROFILE_UNREADABLE = "P001", "A profile cannot be read", "check the path and its permissions";
    PROFILE_UNKNOWN = "P002", "No profile has this name", "name a shipped profile, or give the path of one below the trusted root";
    PROFILE_OUTSIDE = "P003", "A profile lies outside the trusted root", "put it below the folder given with --portals";
    PROFILE_SYNTAX = "P004", "A profile is not written as the format asks", "correct the place shown; docs/profiles.md has the format";
    PROFILE_NAME = "P005", "A profile names something that does not exist", "correct the name; docs/profiles.md has the format, and `tenantry schema manifest` the kinds and their fields";
    PROFILE_CONTRADICTION = "P006", "A profile contradicts itself", "take out one of the two";
    PROFILE_EXPRESSION = "P007", "An expression of a profile does not compile", "correct the expression; docs/profiles.md lists its variables and functions";
    PROFILE_BUDGET = "P008", "An expression of a profile could cost too much", "write it shorter, with fewer loops; docs/profiles.md has the budget";
    PROFILE_DRIVER = "P009", "A profile names a driver that this program does not have", "name a driver that it has";
    PROFILE_COVERAGE = "P010", "A profile promises what none of its calls does", "map the field where it is missing, or say under the kind's `fields` what the portal does with it";
}
