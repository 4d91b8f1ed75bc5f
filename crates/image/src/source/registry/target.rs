//! Where a request may go: rules on the addresses that a registry sends us to.

use std::net::{IpAddr, Ipv4Addr};
use url::{Host, Url};

/// Whether the host is this machine: `localhost`, 127.0.0.0/8 or `::1`.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.trim_end_matches('.').eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => {
            address.is_loopback() || address.to_ipv4_mapped().is_some_and(|v4| v4.is_loopback())
        }
        None => false,
    }
}

/// Whether the URL's host and port are among these names (`HOST[:PORT]`). A name without a port means the default one.
pub(super) fn is_named(names: &[String], url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    names.iter().any(|name| match name.rsplit_once(':').map(|(host, port)| (host, port.parse::<u16>())) {
        Some((named, Ok(port))) => {
            named.eq_ignore_ascii_case(host) && url.port_or_known_default() == Some(port)
        }
        _ => name.eq_ignore_ascii_case(host) && url.port().is_none(),
    })
}

/// Where other clouds than EC2 and its like have the metadata of their machines: Alibaba Cloud, Azure (WireServer),
/// Oracle Cloud.
const METADATA: [Ipv4Addr; 3] =
    [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(168, 63, 129, 16), Ipv4Addr::new(192, 0, 0, 192)];

/// Whether the address is link-local (169.254.0.0/16, fe80::/10), EC2's IPv6 metadata service (fd00:ec2::/32) or that of
/// another cloud: a machine's own metadata and credentials are there, never an image. IPv4 addresses count in their
/// IPv6 clothes too: mapped (`::ffff:0:0/96`), compatible (`::/96`), and of NAT64 (`64:ff9b::/96`, RFC 6052).
pub(super) fn is_link_local(address: IpAddr) -> bool {
    let v4 = |v4: Ipv4Addr| v4.is_link_local() || METADATA.contains(&v4);
    match address {
        IpAddr::V4(address) => v4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, e, f, g, h] = address.segments();
            let inner =
                matches!([a, b, c, d, e, f], [0, 0, 0, 0, 0, 0 | 0xffff] | [0x64, 0xff9b, 0, 0, 0, 0]);
            let bits = u32::from(g) << 16 | u32::from(h);
            (inner && v4(Ipv4Addr::from_bits(bits)))
                || address.is_unicast_link_local()
                || [a, b] == [0xfd00, 0x0ec2]
        }
    }
}

/// Whether a registry at `from` may send us to `to`.
pub(super) fn allowed(from: &Url, to: &Url) -> Result<(), String> {
    if !matches!(to.scheme(), "http" | "https") || to.host().is_none() {
        return Err(format!("`{}:` is neither http nor https", to.scheme()));
    }
    let literal = match to.host() {
        Some(Host::Ipv4(v4)) => Some(IpAddr::V4(v4)),
        Some(Host::Ipv6(v6)) => Some(IpAddr::V6(v6)),
        _ => None,
    };
    if literal.is_some_and(is_link_local) {
        return Err(format!("{} is a link-local address", shown(to)));
    }
    if from.scheme() == "https" && to.scheme() == "http" && !(is_loopback(from) && is_loopback(to)) {
        return Err(format!("{} is not encrypted, {} is", shown(to), shown(from)));
    }
    Ok(())
}

/// Scheme, host and port: all of a URL that may be shown. Paths and queries of storage URLs hold signatures.
pub(super) fn shown(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// The same of a proxy, whose scheme (`socks5:`) may have no origin.
pub(super) fn address(url: &Url) -> String {
    let port = url.port().map_or(String::new(), |port| format!(":{port}"));
    format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(from: &str, to: &str) -> bool {
        allowed(&Url::parse(from).unwrap(), &Url::parse(to).unwrap()).is_ok()
    }

    #[test]
    fn names_of_hosts() {
        let named = |name: &str, url: &str| is_named(&[name.to_string()], &Url::parse(url).unwrap());
        assert!(named("Registry.example", "https://registry.example/") && named("a", "http://a/"));
        assert!(
            named("a:443", "https://a/")
                && named("a:5000", "http://a:5000/")
                && named("[::2]", "http://[::2]")
        );
        assert!(named("[::2]:5000", "https://[::2]:5000/v2/"));
        assert!(
            !named("a", "https://a:5000/") && !named("a:5000", "https://a/") && !named("a", "https://b.a/")
        );
    }

    #[test]
    fn redirects_and_realms() {
        assert!(allows("https://registry.example/", "https://storage.example/x"));
        assert!(allows("http://127.0.0.1:5000/", "https://storage.example/x"));
        assert!(allows("https://localhost:5000/", "http://127.0.0.1:5001/x"));
        assert!(!allows("https://registry.example/", "http://registry.example/"));
        assert!(!allows("https://registry.example/", "http://127.0.0.1/"));
        for hostile in [
            "https://169.254.169.254/latest/meta-data",
            "https://[fe80::1]/",
            "https://[fd00:ec2::254]/",
            "https://[::ffff:169.254.170.2]/",
            "https://2852039166/",
            "https://[::a9fe:a9fe]/",
            "https://[64:ff9b::169.254.169.254]/",
            "http://100.100.100.200/latest/meta-data",
            "https://168.63.129.16/",
            "file:///etc/passwd",
            "unix:/var/run/docker.sock",
        ] {
            assert!(!allows("https://registry.example/", hostile), "{hostile}");
        }
    }
}
