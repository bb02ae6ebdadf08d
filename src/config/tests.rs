use super::*;
use crate::base::actor::Scope;

const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

fn read(environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::read(None, environment.collect())
}

fn refused(environment: &[(&str, &str)]) -> String {
    read(environment).unwrap_err().to_string()
}

fn with_issuer(more: &[(&'static str, &'static str)]) -> Result<Config, ConfigError> {
    let mut environment = vec![
        ("LETHE_AUTH__ISSUER", "https://id.example"),
        ("LETHE_AUTH__AUDIENCE", "lethe"),
        ("LETHE_VAULT__MASTER_KEY", KEY),
        ("LETHE_JOURNAL__PLACE", "file:///journal"),
    ];
    environment.extend(more);
    read(&environment)
}

#[test]
fn with_nothing_set_it_is_development_on_loopback() {
    let config = read(&[]).unwrap();
    assert!(config.development());
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.http.internal_listen.to_string(), "127.0.0.1:9090");
    assert_eq!(config.data_dir, Path::new("lethe-data"));
    assert!(config.database.url.is_none() && config.http.worker_count() > 0);
}

#[test]
fn the_environment_wins_over_the_file() {
    let folder = std::env::temp_dir().join(format!("lethe-config-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("lethe.toml");
    std::fs::write(&file, "[database]\npool = 3\nacquire_timeout = 9\n[auth.roles]\nagent = ['archive:read']\n")
        .unwrap();
    let environment = vec![("LETHE_DATABASE__POOL".to_owned(), "7".to_owned())];
    let config = Config::read(Some(&file), environment).unwrap();
    assert_eq!((config.database.pool, config.database.acquire_timeout), (7, 9));
    assert_eq!(config.auth.roles["agent"], [Scope::ArchiveRead]);
    assert!(config.auth.roles.contains_key("dpo"));

    std::fs::write(&file, "[database]\nurl = 'postgres://u:hunter2@h/d\n").unwrap();
    let error = Config::read(Some(&file), Vec::new()).unwrap_err();
    assert!(error.to_string().contains("line 2") && !format!("{error:?}").contains("hunter2"), "{error}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_secret_is_read_from_its_file_and_shown_nowhere() {
    let file = std::env::temp_dir().join(format!("lethe-secret-{}", std::process::id()));
    std::fs::write(&file, "postgres://u:hunter2@h/d\n").unwrap();
    let name = file.to_str().unwrap();
    let config = read(&[("LETHE_DATABASE__URL_FILE", name)]).unwrap();
    assert_eq!(config.database.url.as_ref().unwrap().expose_secret(), "postgres://u:hunter2@h/d");
    assert!(!format!("{config:?}").contains("hunter2"));
    let both = refused(&[("LETHE_DATABASE__URL_FILE", name), ("LETHE_DATABASE__URL", "sqlite:x")]);
    assert!(both.contains("database.url"), "{both}");
    std::fs::remove_file(name).unwrap();
    assert!(refused(&[("LETHE_DATABASE__URL_FILE", name)]).contains("database.url_file"));
}

#[test]
fn a_secret_of_digits_stays_a_text() {
    let error = refused(&[("LETHE_VAULT__MASTER_KEY", "00123456789")]);
    assert_eq!(error, "setting vault.master_key: must be 32 bytes in base64");
}

#[test]
fn errors_name_the_setting_and_not_the_value() {
    for (name, value, setting) in [
        ("LETHE_HTTP__LISTEN", "hunter2", "http.listen"),
        ("LETHE_DATABASE__POOL", "hunter2", "database.pool"),
        ("LETHE_DATABASE__POOL", "0", "database.pool"),
        ("LETHE_DATABASE__URL", "mysql://hunter2", "database.url"),
        ("LETHE_VAULT__MASTER_KEY", "hunter2", "vault.master_key"),
        ("LETHE_LOG__LEVEL", "hunter2=loud", "log.level"),
        ("LETHE_LOG__FORMAT", "hunter2", "log.format"),
        ("LETHE_AUTH__ROLES__AGENT", "hunter2", "auth.roles.agent"),
        ("LETHE_HTTP__COLOUR", "hunter2", "http.colour"),
        ("LETHE_HTTP__CORS_ORIGINS", "hunter2", "http.cors_origins"),
        ("LETHE_HTTP__CORS_ORIGINS", "https://hunter2.example/app", "http.cors_origins"),
        ("LETHE_HTTP__CORS_ORIGINS", "https://Hunter2.example", "http.cors_origins"),
        ("LETHE_HTTP__CORS_ORIGINS", "https://", "http.cors_origins"),
        ("LETHE_DATABASE_URL", "postgres://hunter2", "LETHE_DATABASE_URL"),
        ("LETHE_AUTH__JWKS_URL", "https://hunter2", "auth.issuer"),
        ("LETHE_DATABASE__POOL", "4294967295", "database.pool"),
        ("LETHE_VAULT__POOL", "4294967296", "vault.pool"),
        ("LETHE_DATABASE__ACQUIRE_TIMEOUT", "2147484", "database.acquire_timeout"),
        ("LETHE_VAULT__ACQUIRE_TIMEOUT", "2147484", "vault.acquire_timeout"),
        ("LETHE_DATABASE__JOB_TIMEOUT", "18446744073709551615", "database.job_timeout"),
        ("LETHE_HTTP__WORKERS", "100000", "http.workers"),
        ("LETHE_DELIVERY__INTERVAL", "9999999999", "delivery.interval"),
        ("LETHE_DELIVERY__PARALLEL", "100000", "delivery.parallel"),
        ("LETHE_AUDIT__KEEP_DAYS", "4294967295", "audit.keep_days"),
        ("LETHE_AUDIT__SEAL_INTERVAL", "9999999999", "audit.seal_interval"),
        ("LETHE_JOURNAL__KEEP_DAYS", "4294967295", "journal.keep_days"),
        ("LETHE_JOURNAL__TIMEOUT", "9999999999", "journal.timeout"),
        ("LETHE_CONTENT__FOLDER", "", "content.folder"),
        ("LETHE_DELIVERY__FOLDER", "", "delivery.folder"),
        ("LETHE_CONTENT__S3__BUCKET", "", "content.s3.bucket"),
        ("LETHE_CONTENT__S3__ENDPOINT", "hunter2", "content.s3.endpoint"),
        ("LETHE_JOURNAL__S3__ENDPOINT", "ftp://hunter2", "journal.s3.endpoint"),
        ("LETHE_DELIVERY__CA_FILE", "hunter2", "delivery.ca_file"),
        ("LETHE_WEBHOOKS__CA_FILE", "hunter2", "webhooks.ca_file"),
    ] {
        let error = read(&[(name, value)]).unwrap_err();
        assert!(error.to_string().starts_with(&format!("setting {setting}:")), "{name}: {error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
    assert!(read(&[("LETHE_PORT", "tcp://10.0.0.1:80"), ("LETHE_SERVICE_HOST", "10.0.0.1")]).is_ok());
}

#[test]
fn a_slipped_underscore_is_reported_in_every_section() {
    let sections = settings_of(&include_str!("../../lethe.example.toml").replace("#= ", ""));
    let sections: std::collections::BTreeSet<_> =
        sections.iter().filter_map(|name| Some(name.split_once('.')?.0.to_ascii_uppercase())).collect();
    assert!(sections.len() >= 12, "{sections:?}");
    for section in sections {
        let error = refused(&[(&format!("LETHE_{section}_ANYTHING"), "x")]);
        assert!(error.contains("two underscores"), "{section}: {error}");
        // Kubernetes sets these variables for a service of that name.
        for link in ["SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_HTTP", "PORT", "PORT_8080_TCP_ADDR"] {
            assert!(read(&[(&format!("LETHE_{section}_{link}"), "x")]).is_ok(), "{section}_{link}");
        }
    }
}

#[test]
fn a_rule_names_no_type_of_the_program() {
    for (name, rule) in [
        ("LETHE_HTTP__WORKERS", "must be a whole number, and not negative"),
        ("LETHE_DATABASE__POOL", "must be a whole number from 0 to 4294967295"),
        ("LETHE_SCAN__NIGHTLY", "must be true or false"),
    ] {
        let error = refused(&[(name, "x")]);
        assert!(error.ends_with(rule), "{name}: {error}");
    }
    let file = std::env::temp_dir().join(format!("lethe-types-{}.toml", std::process::id()));
    for text in ["http = 1", "log.format = 1", "log.level = 1", "data_dir = 1", "webhooks.allow = 1", "auth.roles = 1"]
    {
        std::fs::write(&file, text).unwrap();
        let error = Config::read(Some(&file), Vec::new()).unwrap_err().to_string();
        let rule = error.split_once(": ").unwrap().1;
        assert!(!["struct", "enum", "u32", "u64", "usize", "string"].iter().any(|word| rule.contains(word)), "{error}");
    }
    std::fs::remove_file(&file).unwrap();
}

#[test]
fn places_that_cannot_be_used_are_refused() {
    let file = std::env::temp_dir().join(format!("lethe-place-{}", std::process::id()));
    std::fs::write(&file, "no certificate").unwrap();
    let (name, below) = (file.to_str().unwrap(), file.join("below"));
    for (variable, setting) in [
        ("LETHE_DATA_DIR", "data_dir"),
        ("LETHE_CONTENT__FOLDER", "content.folder"),
        ("LETHE_DELIVERY__FOLDER", "delivery.folder"),
        ("LETHE_DELIVERY__CA_FILE", "delivery.ca_file"),
        ("LETHE_WEBHOOKS__CA_FILE", "webhooks.ca_file"),
    ] {
        for place in [name, below.to_str().unwrap()] {
            let error = refused(&[(variable, place)]);
            assert!(error.starts_with(&format!("setting {setting}: must ")), "{variable}: {error}");
        }
    }
    let error = refused(&[("LETHE_JOURNAL__PLACE", &format!("file://{name}"))]);
    assert!(error.starts_with("setting journal.place: must name a folder"), "{error}");
    std::fs::write(&file, include_str!("../recording_keys/kontoret.pem")).unwrap();
    assert!(read(&[("LETHE_DELIVERY__CA_FILE", name), ("LETHE_WEBHOOKS__CA_FILE", name)]).is_ok());
    std::fs::remove_file(&file).unwrap();
}

#[test]
fn development_mode_stays_on_loopback() {
    for name in ["LETHE_HTTP__LISTEN", "LETHE_HTTP__INTERNAL_LISTEN"] {
        assert!(refused(&[(name, "0.0.0.0:8080")]).contains("loopback"));
        assert!(read(&[(name, "[::1]:0")]).is_ok());
    }
    let open = with_issuer(&[("LETHE_AUTH__JWKS_FILE", "k.json"), ("LETHE_HTTP__LISTEN", "0.0.0.0:8080")]);
    assert!(!open.unwrap().development());
}

#[test]
fn an_issuer_needs_an_audience_a_key_source_and_a_master_key() {
    assert!(with_issuer(&[]).is_ok(), "an issuer that is a URL names its keys itself");
    assert!(with_issuer(&[("LETHE_AUTH__ISSUER", "id.example")]).unwrap_err().to_string().contains("auth.jwks_url"));
    let two = with_issuer(&[("LETHE_AUTH__JWKS_FILE", "k.json"), ("LETHE_AUTH__JWKS_URL", "https://id.example/keys")]);
    assert!(two.unwrap_err().to_string().contains("auth.jwks_url"));
    assert!(
        refused(&[("LETHE_AUTH__ISSUER", "https://id.example"), ("LETHE_VAULT__MASTER_KEY", KEY)]).contains("audience")
    );
    let keyless = [("LETHE_AUTH__ISSUER", "i"), ("LETHE_AUTH__AUDIENCE", "a"), ("LETHE_AUTH__JWKS_FILE", "k.json")];
    assert!(refused(&keyless).contains("vault.master_key"));
}

#[test]
fn several_issuers_are_checked_each() {
    let second = |more: &str| {
        let file = std::env::temp_dir().join(format!("lethe-issuers-{}.toml", std::process::id()));
        let section = "[[auth.issuers]]\nissuer = 'https://b.example'\naudiences = ['x']\n";
        std::fs::write(&file, format!("{section}{more}")).unwrap();
        let settings = [("LETHE_VAULT__MASTER_KEY", KEY), ("LETHE_JOURNAL__OFF", "true")];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let config = Config::read(Some(&file), settings);
        std::fs::remove_file(&file).unwrap();
        config
    };
    let config = second("tenant_claim = 'organization'\n").unwrap();
    assert!(!config.development(), "an issuer of the list is an issuer");
    assert_eq!(config.auth.all_issuers().len(), 1);
    for (more, setting) in [
        ("tenant_claim = ''\n", "auth.issuers.0.tenant_claim"),
        ("jwks_url = 'keys'\n", "auth.issuers.0.jwks_url"),
        ("jwks_url = 'https://b.example/keys'\njwks_file = 'k.json'\n", "auth.issuers.0.jwks_url"),
        ("colour = 'red'\n", "auth.issuers.0.colour"),
        ("[[auth.issuers]]\nissuer = 'https://b.example'\naudiences = ['x']\n", "auth.issuers.1.issuer"),
        ("[[auth.issuers]]\nissuer = 'https://c.example'\naudiences = []\n", "auth.issuers.1.audiences"),
        ("[[auth.issuers]]\nissuer = 'https://c.example'\n", "auth.issuers.1.audiences"),
        ("[[auth.issuers]]\naudiences = ['x']\n", "auth.issuers.1.issuer"),
        ("[[auth.issuers]]\nissuer = ''\naudiences = ['x']\n", "auth.issuers.1.issuer"),
    ] {
        let error = second(more).unwrap_err().to_string();
        assert!(error.starts_with(&format!("setting {setting}:")), "{more}: {error}");
    }
}

#[test]
fn lists_come_from_words_with_commas() {
    let config = read(&[("LETHE_HTTP__CORS_ORIGINS", "https://a.example, https://b.example")]).unwrap();
    assert_eq!(config.http.cors_origins, ["https://a.example", "https://b.example"]);
}

#[test]
fn objects_lie_in_the_data_folder_unless_told_otherwise() {
    let config = read(&[("LETHE_DATA_DIR", "/var/lethe")]).unwrap();
    assert_eq!(
        (config.objects_folder().as_path(), config.content.size_limit),
        (Path::new("/var/lethe/objects"), 1 << 30)
    );
    let config = read(&[("LETHE_CONTENT__FOLDER", "/mnt/objects"), ("LETHE_CONTENT__SIZE_LIMIT", "5")]).unwrap();
    assert_eq!((config.objects_folder().as_path(), config.content.size_limit), (Path::new("/mnt/objects"), 5));
    assert!(refused(&[("LETHE_CONTENT__SIZE_LIMIT", "0")]).contains("content.size_limit"));
    assert!(refused(&[("LETHE_CONTENT_SIZE_LIMIT", "1")]).contains("two underscores"));
}

/// The settings in a TOML text, each as `section.name`.
fn settings_of(toml: &str) -> Vec<String> {
    let mut section = String::new();
    let mut settings = Vec::new();
    for line in toml.lines() {
        if line.starts_with('[') {
            section = format!("{}.", line.trim_matches(['[', ']']));
        } else if let Some((name, _)) = line.split_once(" = ") {
            settings.push(format!("{section}{name}"));
        }
    }
    settings
}

#[test]
fn the_example_has_every_setting_with_its_default() {
    let example = include_str!("../../lethe.example.toml");
    let folder = std::env::temp_dir().join(format!("lethe-example-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("lethe.toml");
    std::fs::write(&file, example).unwrap();
    let config = Config::read(Some(&file), Vec::new()).unwrap();
    assert_eq!(format!("{config:?}"), format!("{:?}", Config::default()));

    // Together with the settings that have no default, the example names only settings that exist, and all that are
    // documented.
    let whole = example.replace("#= ", "");
    std::fs::write(&file, &whole).unwrap();
    assert!(layers::merge::<Config>(Some(&file), Vec::new()).is_ok());
    std::fs::remove_dir_all(&folder).unwrap();
    let settings = settings_of(&whole);
    let (_, table) = include_str!("../../docs/operating.md").split_once("| setting |").unwrap();
    let rows = table.lines().skip(1).map_while(|line| line.strip_prefix('|'));
    let documented: Vec<&str> = rows.filter_map(|row| row.split('`').nth(1)).collect();
    assert!(documented.len() > 30, "the table of settings is read");
    for setting in documented {
        let is_there = settings.iter().any(|name| name == setting || name.starts_with(&format!("{setting}.")));
        assert!(is_there, "{setting} is missing in lethe.example.toml");
    }
}

#[test]
fn the_journal_has_a_place_or_is_off() {
    let place = |more: &[(&str, &str)]| read(more).unwrap().journal_place().unwrap();
    assert_eq!(place(&[]), JournalPlace::Folder("lethe-data/journal".into()));
    assert_eq!(place(&[("LETHE_JOURNAL__OFF", "true")]), JournalPlace::Off);
    assert_eq!(place(&[("LETHE_JOURNAL__PLACE", "file:///mnt/journal")]), JournalPlace::Folder("/mnt/journal".into()));
    #[cfg(feature = "s3")]
    assert_eq!(
        place(&[("LETHE_JOURNAL__PLACE", "s3://gone/lethe/1/")]),
        JournalPlace::Bucket { name: "gone".to_owned(), prefix: "lethe/1".to_owned() }
    );
    for wrong in ["/mnt/journal", "file://journal", "s3://", "s3:///x", "s3://gone?x"] {
        assert!(refused(&[("LETHE_JOURNAL__PLACE", wrong)]).starts_with("setting journal.place:"), "{wrong}");
    }
    let both = refused(&[("LETHE_JOURNAL__PLACE", "file:///x"), ("LETHE_JOURNAL__OFF", "true")]);
    assert!(both.starts_with("setting journal.off:"), "{both}");
    assert!(refused(&[("LETHE_JOURNAL__S3__BUCKET", "x")]).starts_with("setting journal.s3.bucket:"));
    let in_production = [
        ("LETHE_AUTH__ISSUER", "https://id.example"),
        ("LETHE_AUTH__AUDIENCE", "lethe"),
        ("LETHE_VAULT__MASTER_KEY", KEY),
    ];
    assert!(refused(&in_production).starts_with("setting journal.place:"));
}
