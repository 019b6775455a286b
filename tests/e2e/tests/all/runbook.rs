//! The runbook against the code: whoever looks up an error finds what to do.

use std::path::PathBuf;

/// Where functions name the types of their errors.
const FAULTS: [&str; 2] = [
    "functions/nat-cost-detector/src/fault.rs",
    "functions/endpoint-remediator/src/failure.rs",
];

fn read(file: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_error_type_has_a_line_in_the_runbook() {
    let runbook = read("docs/runbook.md");
    for file in FAULTS {
        let source = read(file);
        let product = source.split("#[cfg(test)]").next().unwrap_or_default();
        let types: Vec<&str> = product
            .split("=> \"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .filter(|text| text.contains('.') && text.starts_with(char::is_uppercase))
            .collect();
        assert!(
            types.len() > 10,
            "{file} names its errors otherwise: {types:?}"
        );
        for name in types {
            assert!(runbook.contains(&format!("`{name}`")), "{name} of {file}");
        }
    }
}
