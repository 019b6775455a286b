//! Do not touch: what the owner of a VPC or a route table has set apart, by a tag, with a name and an end. Pure.
//!
//! `tollkeeper:except` = `<owner> until <YYYY-MM-DD>`, on a VPC or a route table; on a VPC also
//! `<owner> until <YYYY-MM-DD> for <service> <service>`. The last day counts (UTC). A tag keeps it with the resource, in
//! the code that declares it, and CloudTrail knows who set it. A value that cannot be read holds without an end, and every
//! plan says so: somebody meant something by it.

use serde::{Deserialize, Serialize};
use tollkeeper::time::Day;

/// The tag's key.
pub(crate) const TAG_EXCEPT: &str = "tollkeeper:except";

/// One exception.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Exception {
    /// `vpc-…` or `rtb-…`.
    pub(crate) resource: String,
    /// Who asked for it; the whole value where it cannot be read.
    pub(crate) owner: String,
    /// Its last day; absent where the value cannot be read: it holds until the tag is mended.
    pub(crate) until: Option<Day>,
    /// Short names; empty for everything.
    pub(crate) services: Vec<String>,
}

impl Exception {
    /// Reads the tag of a resource.
    pub(crate) fn of(resource: &str, value: &str) -> Self {
        let read = || {
            let (owner, rest) = value.split_once(" until ")?;
            let mut words = rest.split_whitespace();
            let until: Day = words.next()?.parse().ok()?;
            let limit = words.next();
            let services: Vec<String> = words.map(str::to_owned).collect();
            let is_whole = match limit {
                None => true,
                Some(word) => word == "for" && !services.is_empty(),
            };
            let owner = owner.trim();
            (is_whole && !owner.is_empty()).then(|| (owner.to_owned(), until, services))
        };
        let resource = resource.to_owned();
        match read() {
            Some((owner, until, mut services)) => {
                services.sort();
                Self {
                    resource,
                    owner,
                    until: Some(until),
                    services,
                }
            }
            None => Self {
                resource,
                owner: value.to_owned(),
                until: None,
                services: Vec::new(),
            },
        }
    }

    /// Whether it still holds on a day.
    pub(crate) fn holds_on(&self, day: Day) -> bool {
        self.until.is_none_or(|until| day <= until)
    }

    /// Whether it sets a service of its resource apart.
    pub(crate) fn covers(&self, service: &str) -> bool {
        self.services.is_empty() || self.services.iter().any(|own| own == service)
    }
}

impl std::fmt::Display for Exception {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            resource, owner, ..
        } = self;
        match self.until {
            Some(until) => write!(f, "{owner} has set {resource} apart until {until}"),
            None => write!(
                f,
                "{resource} is set apart without an end: its tag {TAG_EXCEPT} is `{owner}`, expected `<owner> until \
                 <YYYY-MM-DD>` or `<owner> until <YYYY-MM-DD> for <service>`"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_names_owner_end_and_services() {
        let found = Exception::of("vpc-1", "net team until 2027-03-31 for sts lambda");
        assert_eq!(found.owner, "net team");
        assert_eq!(found.services, ["lambda", "sts"]);
        assert!(found.covers("sts") && !found.covers("s3"));
        let day = |text: &str| text.parse::<Day>().unwrap();
        assert!(found.holds_on(day("2027-03-31")) && !found.holds_on(day("2027-04-01")));
        assert!(Exception::of("vpc-1", "net until 2027-03-31").covers("s3"));
    }

    #[test]
    fn what_cannot_be_read_holds_and_is_said() {
        for odd in [
            "true",
            "net until soon",
            "net until 2027-03-31 sts",
            "net until 2027-03-31 for",
            " until 2027-03-31",
            "",
        ] {
            let found = Exception::of("rtb-1", odd);
            assert_eq!(found.until, None, "{odd}");
            assert!(found.covers("s3") && found.holds_on("2099-01-01".parse().unwrap()));
            assert!(found.to_string().contains("expected"), "{found}");
        }
    }
}
