//! `M…`: manifests.

codes! {
    UNREADABLE_FILE = "M001", "A file or folder cannot be read", "check the path and its permissions";
    NOT_UTF8 = "M002", "A file is not UTF-8", "save the file as UTF-8";
    YAML_SYNTAX = "M003", "A document is not YAML", "correct the syntax at the place shown";
    TOO_LARGE = "M004", "A file, line, document or its nesting is larger than any manifest", "split the file";
    UNSUPPORTED_YAML = "M005", "A document uses a part of YAML that manifests do without", "write the value out";
    ALIAS_EXPANSION = "M006", "An alias is unknown, contains itself, or expands to too much", "write the value out where it is needed";
    KEY_NOT_TEXT = "M007", "A key is not a text", "put the key in quotes";
    REPEATED_KEY = "M008", "A map has the same key twice", "keep one of the two, or write the mark that is missing between two documents or two items";
    LINK_OUTSIDE = "M009", "A symbolic link leads out of the folder given with -f", "put the file itself below the folder, or give its folder with another -f";
    NOT_A_MANIFEST = "M010", "A document is no manifest", "a manifest has apiVersion, kind, metadata and spec; keep other YAML files in another folder";
    API_VERSION = "M011", "A document has another apiVersion", "write `apiVersion: tenantry.dev/v1alpha1`";
    UNKNOWN_KIND = "M012", "There is no such kind", "use one of the kinds that `tenantry schema` lists";
    BAD_NAME = "M013", "A name is missing or is no slug", "use 1 to 63 lowercase letters, digits and hyphens, beginning and ending with a letter or digit";
    MISPLACED_ORGANIZATION = "M014", "`spec.organization` is missing, or stands where it has no meaning", "name the organization that the resource belongs to, or `msp`";
    UNKNOWN_FIELD = "M015", "There is no such field", "correct the name of the field, or take it out";
    WRONG_TYPE = "M016", "A value is of another type than its field", "write a value of the type that the field takes";
    BAD_VALUE = "M017", "A value is out of range or not well formed", "correct the value";
    MISSING_FIELD = "M018", "A required field is missing", "add the field";
    INLINE_SECRET = "M019", "A secret is written in a manifest", "take it out, change the secret where it is used, and write a reference: `{env: NAME}`, `{file: PATH}` or `{secretKeyRef: {name: …, key: …}}`";
    BAD_SECRET_REFERENCE = "M020", "A reference to a secret is not well formed", "write exactly one of `{env: NAME}`, `{file: PATH}` or `{secretKeyRef: {name: …, key: …}}`";
    SECRET_FILE_OUTSIDE = "M021", "A secret's file lies outside of the folder that may name it", "put the file below the folder given with -f, or use `env`";
    UNTRUSTED_PORTAL = "M022", "A Portal stands outside of the trusted folder and is left out", "Portals are read from the folder given with --portals alone; move it there";
    SECRET_VARIABLE_REFUSED = "M023", "A manifest names an environment variable that it may not", "name a variable that begins with TENANT_SECRET_, and set it where the run gets its secrets; TENANTRY_… are the program's own";
    DUPLICATE_ADDRESS = "M030", "Two resources have the same address", "rename one with `spec.name` (inline: `name`), or take one out";
    DANGLING_REFERENCE = "M031", "A reference leads nowhere", "declare what it names, or correct the name";
    UNDECLARED_ORGANIZATION = "M032", "An organization is not declared", "declare it in a document of kind Organization, or correct the name";
    DUPLICATE_NATURAL_KEY = "M033", "Two resources of a tenant have the same natural key", "keep one of the two";
    SHARED_DOMAIN = "M034", "Two tenants declare the same domain", "keep it with the tenant whose own it is; most portals refuse the second";
    EMPTY_SELECTION = "M035", "A selector picks no organization", "check the labels of the selector and of the organizations";
    RENAME_CONFLICT = "M036", "A former name is claimed twice or still in use", "list a former name in `previously` of one resource, and only after it was renamed";
    NO_TARGET = "M037", "A notification rule has no target", "set `target.organization: true`, or name roles, groups or users";
    EXTERNAL_ID_CONFLICT = "M038", "Two pinned ids contradict each other", "pin each object of a portal by one resource";
    NO_MANIFESTS = "M039", "A folder, or everything that was given, has no manifests", "check the path; files end in .yaml, .yml or .json";
    TENANT_RENAMED = "M040", "An organization names former names", "a tenant keeps its name, which its portals know it by: keep the name, and change `displayName` instead";
    MSP_IS_NO_CUSTOMER = "M041", "An Organization has the name `msp`, which is the MSP's own", "give the customer another name; what is the MSP's own says `organization: msp` and needs no Organization";
    OFFBOARDED_IS_REACHED = "M042", "Something of the MSP still reaches into an organization that is offboarded", "take the organization out of it, if the MSP's own people and connections are to go as well";
    UNREAD_ANNOTATION = "M043", "An annotation or a label of `tenantry.dev/` is none that is read, or says what cannot be meant", "correct its name or its value, or take it out";
    MORE_PROBLEMS = "M099", "More problems than are shown", "correct the ones shown first";
}
