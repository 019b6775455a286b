//! The partition comes from the caller's identity; only `aws` is supported so far.

/// China, GovCloud or an isolated partition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "partition `{partition}` is not supported: expected `aws`; prices, endpoint names and ranges of other partitions \
     differ and are not known here"
)]
pub struct UnsupportedPartition {
    /// The partition, or the text that should have been an ARN.
    pub partition: String,
}

/// The partition of an identity's ARN (`arn:aws:sts::…`), if it is a supported one.
pub fn supported_partition(identity_arn: &str) -> Result<&str, UnsupportedPartition> {
    match identity_arn.split(':').nth(1) {
        Some("aws") => Ok("aws"),
        Some(other) => Err(UnsupportedPartition {
            partition: other.to_owned(),
        }),
        None => Err(UnsupportedPartition {
            partition: identity_arn.to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_partitions_are_refused_by_name() {
        assert_eq!(
            supported_partition("arn:aws:sts::123456789012:assumed-role/r/s"),
            Ok("aws")
        );
        let error =
            supported_partition("arn:aws-cn:sts::123456789012:assumed-role/r/s").unwrap_err();
        assert_eq!(error.partition, "aws-cn");
    }
}
