use super::*;
use proptest::prelude::*;

/// Addresses that no message may reach, in the spellings of attacks.
const BLOCKED: &[&str] = &[
    "https://127.0.0.1/",
    "https://127.1/",
    "https://127.0.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.1/",
    "https://0X7F.0.0.1/",
    "https://017700000001/",
    "https://0177.0.0.1/",
    "https://127.0.0.1./",
    "https://127.255.255.254:8443/",
    "https://１２７.０.０.１/",
    "https://①②⑦.⓪.⓪.①/",
    "https://%31%32%37.0.0.1/",
    "https://0/",
    "https://0.0.0.0/",
    "https://0x0/",
    "https://10.0.0.1/",
    "https://167772161/",
    "https://012.0.0.1/",
    "https://100.64.0.1/",
    "https://100.127.255.255/",
    "https://169.254.169.254/latest/meta-data/",
    "https://2852039166/",
    "https://0xA9FEA9FE/",
    "https://0xa9.0xfe.0xa9.0xfe/",
    "https://0251.0376.0251.0376/",
    "https://169.254.43518/",
    "https://172.16.0.1/",
    "https://172.31.255.255/",
    "https://192.0.0.8/",
    "https://192.0.2.1/",
    "https://192.88.99.1/",
    "https://192.168.0.1/",
    "https://3232235521/",
    "https://198.18.0.1/",
    "https://198.19.255.255/",
    "https://198.51.100.1/",
    "https://203.0.113.7/",
    "https://224.0.0.1/",
    "https://239.255.255.250/",
    "https://240.0.0.1/",
    "https://255.255.255.255/",
    "https://[::]/",
    "https://[::1]/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://[0000::0001]:443/",
    "https://[::127.0.0.1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://[::ffff:a9fe:a9fe]/",
    "https://[0:0:0:0:0:ffff:192.168.0.1]/",
    "https://[::ffff:0:127.0.0.1]/",
    "https://[64:ff9b::127.0.0.1]/",
    "https://[64:ff9b::a9fe:a9fe]/",
    "https://[64:ff9b:1::1]/",
    "https://[100::1]/",
    "https://[2001::1]/",
    "https://[2001:0:7f00:1::]/",
    "https://[2001:10::1]/",
    "https://[2001:20::1]/",
    "https://[2001:db8::1]/",
    "https://[2002:7f00:1::]/",
    "https://[2002:a9fe:a9fe::1]/",
    "https://[3fff::1]/",
    "https://[3fff:fff::1]/",
    "https://[5f00::1]/",
    "https://[fc00::1]/",
    "https://[fd00:ec2::254]/",
    "https://[fe80::1]/",
    "https://[febf::1]/",
    "https://[fec0::1]/",
    "https://[ff02::1]/",
    "https://[4000::1]/",
];

#[test]
fn no_spelling_of_an_internal_address_passes() {
    let guard = AddressGuard::new(&[], false);
    for url in BLOCKED {
        assert_eq!(guard.read(url).map(drop), Err(WebhookAddressError::Blocked), "{url}");
    }
}

#[test]
fn public_addresses_and_names_pass() {
    let guard = AddressGuard::new(&[], false);
    for url in [
        "https://crm.example/hooks?key=1",
        "https://crm.example:8443/",
        "HTTPS://CRM.example",
        "https://1.1.1.1/",
        "https://100.63.255.255/",
        "https://100.128.0.1/",
        "https://172.15.0.1/",
        "https://172.32.0.1/",
        "https://192.0.1.1/",
        "https://198.17.0.1/",
        "https://198.20.0.1/",
        "https://223.255.255.255/",
        "https://[2606:4700:4700::1111]/",
        "https://[2001:200::1]/",
        "https://[2001:4860:4860::8888]/",
        "https://[::ffff:1.1.1.1]/",
        "https://127.0.0.1.example/",
    ] {
        assert!(guard.read(url).is_ok(), "{url}");
    }
}

#[test]
fn an_address_of_another_shape_is_refused_by_its_rule() {
    let guard = AddressGuard::new(&[], false);
    for (url, error) in [
        ("", WebhookAddressError::Malformed),
        ("crm.example", WebhookAddressError::Malformed),
        ("http://crm.example/", WebhookAddressError::Malformed),
        ("http://127.0.0.1/", WebhookAddressError::Malformed),
        ("ftp://crm.example/", WebhookAddressError::Malformed),
        ("file:///etc/passwd", WebhookAddressError::Malformed),
        ("gopher://127.0.0.1/", WebhookAddressError::Malformed),
        ("https://", WebhookAddressError::Malformed),
        ("https://256.256.256.256/", WebhookAddressError::Malformed),
        ("https://[::1/", WebhookAddressError::Malformed),
        ("https://user@crm.example/", WebhookAddressError::Userinfo),
        ("https://1.1.1.1@127.0.0.1/", WebhookAddressError::Userinfo),
        ("https://:word@crm.example/", WebhookAddressError::Userinfo),
        ("https://crm.example/#part", WebhookAddressError::Userinfo),
    ] {
        assert_eq!(guard.read(url).map(drop), Err(error), "{url}");
    }
    let long = format!("https://crm.example/{}", "a".repeat(LONGEST));
    assert_eq!(guard.read(&long).map(drop), Err(WebhookAddressError::TooLong));
    // Each of these characters takes nine in the stored spelling.
    let grows = format!("https://crm.example/{}", "€".repeat(100));
    assert_eq!(guard.read(&grows).map(drop), Err(WebhookAddressError::TooLong));
}

#[test]
fn the_settings_can_let_a_network_pass() {
    let guard = AddressGuard::new(&["10.1.0.0/16".parse().unwrap(), "fd00::/8".parse().unwrap()], false);
    for url in ["https://10.1.2.3/", "https://[::ffff:10.1.2.3]/", "https://0x0a010203/", "https://[fd12::1]/"] {
        assert!(guard.read(url).is_ok(), "{url}");
    }
    for url in ["https://10.2.0.1/", "https://127.0.0.1/", "https://[fe80::1]/"] {
        assert_eq!(guard.read(url).map(drop), Err(WebhookAddressError::Blocked), "{url}");
    }
    assert_eq!(guard.read("http://10.1.2.3/").map(drop), Err(WebhookAddressError::Malformed));
}

#[test]
fn in_development_mode_this_machine_may_receive_messages_without_tls() {
    let guard = AddressGuard::new(&[], true);
    for url in ["http://127.0.0.1:8080/", "http://localhost/", "http://[::1]:1/", "https://127.0.0.1/"] {
        assert!(guard.read(url).is_ok(), "{url}");
    }
    for url in ["http://crm.example/", "http://10.0.0.1/", "http://localhost.example/"] {
        assert_eq!(guard.read(url).map(drop), Err(WebhookAddressError::Malformed), "{url}");
    }
}

#[test]
fn a_name_keeps_its_public_addresses_only() {
    let guard = AddressGuard::new(&[], false);
    let found = |addresses: &[&str]| addresses.iter().map(|one| SocketAddr::new(one.parse().unwrap(), 0)).collect();
    let left = guard.filter(found(&["127.0.0.1", "1.1.1.1", "::1", "169.254.169.254"])).unwrap();
    assert_eq!(left, [SocketAddr::new(IpAddr::V4(Ipv4Addr::new(1, 1, 1, 1)), 0)]);
    assert_eq!(guard.filter(found(&["127.0.0.1", "fd00::1"])), Err(WebhookAddressError::Blocked));
}

#[tokio::test]
async fn a_name_without_an_address_passes_and_one_with_a_private_address_does_not() {
    let guard = AddressGuard::new(&[], false);
    for (url, checked) in
        [("https://nowhere.invalid/", Ok(())), ("https://localhost/", Err(WebhookAddressError::Blocked))]
    {
        assert_eq!(guard.check(&guard.read(url).unwrap()).await, checked, "{url}");
    }
}

proptest! {
    #[test]
    fn an_embedded_address_is_as_good_as_itself_or_refused(bits: u32) {
        let guard = AddressGuard::new(&[], false);
        let address = Ipv4Addr::from_bits(bits);
        prop_assert_eq!(guard.permits(address.to_ipv6_mapped().into()), guard.permits(address.into()));
        let [first, second, third, fourth] = address.octets().map(u16::from);
        let (high, low) = (first << 8 | second, third << 8 | fourth);
        for embedding in [
            Ipv6Addr::new(0, 0, 0, 0, 0, 0, high, low),
            Ipv6Addr::new(0x64, 0xFF9B, 0, 0, 0, 0, high, low),
            Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
        ] {
            prop_assert!(!guard.permits(embedding.into()), "{embedding}");
        }
    }

    #[test]
    fn each_spelling_of_a_number_is_the_same_address(bits: u32) {
        let guard = AddressGuard::new(&[], false);
        let spellings = [format!("{bits}"), format!("{bits:#x}"), format!("0{bits:o}"), Ipv4Addr::from_bits(bits).to_string()];
        for host in spellings {
            let is_read = guard.read(&format!("https://{host}/")).is_ok();
            prop_assert_eq!(is_read, guard.permits(Ipv4Addr::from_bits(bits).into()), "{}", host);
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(raw: String, host in "[0-9a-fx.:\\[\\]]{0,20}") {
        let guard = AddressGuard::new(&[], false);
        let _ = guard.read(&raw);
        let _ = guard.read(&format!("https://{host}/"));
    }
}
