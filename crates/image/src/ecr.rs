//! Host names of Amazon ECR's private registries.
//!
//! The forms are those of the ECR user guide ("Making requests to Amazon ECR registries", "Amazon ECR endpoints and
//! quotas") and, for the isolated partitions, those that Amazon's own credential helper recognises
//! (awslabs/amazon-ecr-credential-helper, `api/client.go`).

/// A private registry of Amazon ECR, as its host name tells. `public.ecr.aws` is none: it hands out bearer tokens to
/// everybody, as Docker Hub does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EcrHost {
    /// The account that owns the registry: twelve digits.
    pub account: String,
    /// The region, e.g. `eu-central-1`.
    pub region: String,
    /// The domain of the partition, e.g. `amazonaws.com`; that of the IPv4 endpoint for a dual-stack host too.
    pub suffix: &'static str,
    /// A FIPS endpoint.
    pub fips: bool,
    /// A dual-stack endpoint (`dkr-ecr`).
    pub dual_stack: bool,
}

/// Domains of the IPv4 endpoints and of the dual-stack endpoints, per partition.
const PARTITIONS: &[(&str, &str)] = &[
    ("amazonaws.com", "on.aws"),
    ("amazonaws.com.cn", "on.amazonwebservices.com.cn"),
    ("amazonaws.eu", "on.amazonwebservices.eu"),
    ("c2s.ic.gov", "on.aws.ic.gov"),
    ("sc2s.sgov.gov", "on.aws.scloud"),
    ("cloud.adc-e.uk", "on.cloud-aws.adc-e.uk"),
    ("csp.hci.ic.gov", "on.aws.hci.ic.gov"),
];

/// Recognises the host of a private ECR registry, with or without a port, in any case:
/// `ACCOUNT.dkr.ecr[-fips].REGION.amazonaws.com[.cn]`, `ACCOUNT.dkr-ecr[-fips].REGION.on.aws` and their like in the
/// other partitions.
pub fn ecr_host(host: &str) -> Option<EcrHost> {
    let host = host.to_ascii_lowercase();
    let host = host.split(':').next()?;
    let (account, rest) = host.split_once('.')?;
    if account.len() != 12 || !account.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let forms = [
        ("dkr.ecr.", false, false),
        ("dkr.ecr-fips.", true, false),
        ("dkr-ecr.", false, true),
        ("dkr-ecr-fips.", true, true),
    ];
    let (rest, fips, dual_stack) =
        forms.into_iter().find_map(|(form, fips, dual)| Some((rest.strip_prefix(form)?, fips, dual)))?;
    let (region, domain) = rest.split_once('.')?;
    let known = region.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') && region.contains('-');
    let (suffix, _) = PARTITIONS.iter().find(|(v4, dual)| domain == if dual_stack { *dual } else { *v4 })?;
    known.then(|| EcrHost { account: account.into(), region: region.into(), suffix, fips, dual_stack })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Region, domain and kinds of a host, or nothing.
    fn parts(host: &str) -> String {
        let Some(found) = ecr_host(host) else { return String::new() };
        assert_eq!(found.account, "123456789012");
        let (fips, dual) =
            (if found.fips { " fips" } else { "" }, if found.dual_stack { " dual" } else { "" });
        format!("{} {}{fips}{dual}", found.region, found.suffix)
    }

    #[test]
    fn every_form_of_a_private_registry() {
        for (rest, expected) in [
            ("dkr.ecr.eu-central-1.amazonaws.com", "eu-central-1 amazonaws.com"),
            ("DKR.ecr.eu-central-1.amazonaws.com:443", "eu-central-1 amazonaws.com"),
            ("dkr.ecr.cn-north-1.amazonaws.com.cn", "cn-north-1 amazonaws.com.cn"),
            ("dkr.ecr-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1 amazonaws.com fips"),
            ("dkr-ecr.us-west-2.on.aws", "us-west-2 amazonaws.com dual"),
            ("dkr-ecr-fips.us-west-2.on.aws", "us-west-2 amazonaws.com fips dual"),
            ("dkr-ecr.cn-north-1.on.amazonwebservices.com.cn", "cn-north-1 amazonaws.com.cn dual"),
            ("dkr.ecr.us-iso-east-1.c2s.ic.gov", "us-iso-east-1 c2s.ic.gov"),
            ("dkr.ecr.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1 amazonaws.eu"),
        ] {
            assert_eq!(parts(&format!("123456789012.{rest}")), expected, "{rest}");
        }
    }

    #[test]
    fn nothing_else() {
        for host in [
            "public.ecr.aws",
            "docker.io",
            "12345.dkr.ecr.eu-central-1.amazonaws.com",
            "123456789012.dkr.ecr.eu-central-1.amazonaws.com.evil.example",
            "123456789012.dkr.ecr.eu-central-1.on.aws",
            "123456789012.dkr.ecr.amazonaws.com",
            "",
        ] {
            assert_eq!(ecr_host(host), None, "{host}");
        }
    }
}
