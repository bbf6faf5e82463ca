//! `M…`: manifests.

codes! {
    UNREADABLE_FILE = "M001", "A file or folder cannot be read", "check the path and its permissions";
    NOT_UTF8 = "M002", "A file is not UTF-8", "save the file as UTF-8";
    YAML_SYNTAX = "M003", "A document is not YAML", "correct the syntax at the place shown";
    TOO_LARGE = "M004", "A file, line, document or its nesting is larger than any manifest", "split the file";
}
