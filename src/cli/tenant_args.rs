//! The arguments of `lethe tenant`.

use chrono_tz::Tz;
use clap::{Args, Subcommand};

/// The commands about tenants.
#[derive(Subcommand)]
pub enum TenantCommand {
    /// Create a tenant
    #[command(after_help = "Examples:\n  lethe tenant create acme --region SE\n  \
                            lethe tenant create acme-us --region US --time-zone America/New_York")]
    Create(Box<TenantArguments>),
    /// List all tenants
    List {
        /// Report as JSON lines
        #[arg(long)]
        json: bool,
    },
    /// Change a tenant's settings
    #[command(after_help = "Example: lethe tenant set acme --retention-days recording=90,comment=never")]
    Set(Box<TenantArguments>),
}

/// A tenant and its settings. A setting that is not given keeps its value.
#[derive(Args)]
pub struct TenantArguments {
    /// The tenant's name in tokens: lower-case letters, digits, and dashes
    pub slug: String,
    /// Report as a JSON line
    #[arg(long)]
    pub json: bool,
    /// The region in which national numbers need no country code, such as NO
    #[arg(long)]
    pub region: Option<String>,
    /// The time zone of local days, such as Europe/Oslo [default of a new tenant: that of its region]
    #[arg(long, value_name = "ZONE")]
    pub time_zone: Option<Tz>,
    /// The targets of the tenant: archive, `sms_survey`, `raw_data`
    #[arg(long, value_delimiter = ',')]
    pub targets: Option<Vec<String>>,
    /// Whether identified calls must state a purpose
    #[arg(long)]
    pub purpose_required: Option<bool>,
    /// The number of months for which done requests are kept
    #[arg(long, value_name = "MONTHS")]
    pub request_retention_months: Option<u32>,
    /// Whether old requests are kept for now, for example for a legal hold
    #[arg(long)]
    pub request_retention_paused: Option<bool>,
    /// The number of months for which erasures are kept
    #[arg(long, value_name = "MONTHS")]
    pub erasure_retention_months: Option<u32>,
    /// Whether old erasures are kept for now
    #[arg(long)]
    pub erasure_retention_paused: Option<bool>,
    /// Whether a request deletes content if it does not say so itself
    #[arg(long)]
    pub delete_content: Option<bool>,
    /// Whether a waiting request hides its customer
    #[arg(long)]
    pub hide_waiting: Option<bool>,
    /// Numbers of the contact centre itself, or prefixes of them such as +4722334*. They do not belong to customers. An empty
    /// text removes all
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',')]
    pub own_numbers: Option<Vec<String>>,
    /// The prefixes that are dialled for an outside line. An empty text removes all
    #[arg(long, value_name = "PREFIXES", value_delimiter = ',')]
    pub dial_out_prefixes: Option<Vec<String>>,
    /// A pattern whose matches are removed from texts: 'customer number=KN-\d{6}'. Repeat the option for more. An empty text
    /// removes all
    #[arg(long, value_name = "NAME=REGEX")]
    pub patterns: Option<Vec<String>>,
    /// Whether each request must say how the customer's wish was verified
    #[arg(long)]
    pub attestation_required: Option<bool>,
    /// A system outside of this one for the checklists of requests: 'Salesforce=CRM team=20'. Repeat the option for more. An
    /// empty text removes all
    #[arg(long, value_name = "NAME=OWNER=DAYS")]
    pub external_systems: Option<Vec<String>>,
    /// Whether recordings are encrypted for the tenant's key
    #[arg(long)]
    pub encrypt: Option<bool>,
    /// Whether recordings are encrypted for delivery only
    #[arg(long)]
    pub only_encrypt_delivery: Option<bool>,
    /// Whether the metadata file of a delivery is encrypted as well
    #[arg(long)]
    pub encrypt_metadata: Option<bool>,
    /// Whether recordings may be delivered by plain FTP
    #[arg(long)]
    pub allow_plain_ftp: Option<bool>,
    /// The days for which content of a kind is kept, or never: recording=90,comment=never
    #[arg(long, value_name = "KIND=DAYS", value_delimiter = ',')]
    pub retention_days: Option<Vec<String>>,
    /// Whether retention is paused, for example for a legal hold
    #[arg(long)]
    pub retention_paused: Option<bool>,
    #[command(flatten)]
    pub totals: TotalsArguments,
    #[command(flatten)]
    pub disclosure: DisclosureArguments,
}

/// The settings of totals.
#[derive(Args)]
pub struct TotalsArguments {
    /// The smallest count that totals show, 1 to 100
    #[arg(long, value_name = "RECORDS")]
    pub min_cell: Option<u32>,
    /// Whether each count of a total has a small noise
    #[arg(long)]
    pub perturbation: Option<bool>,
}

/// The settings about who sees values.
#[derive(Args)]
pub struct DisclosureArguments {
    /// Whether another user has to approve a reveal
    #[arg(long)]
    pub reveal_approval: Option<bool>,
    /// The minutes after which a reveal expires
    #[arg(long, value_name = "MINUTES")]
    pub reveal_minutes: Option<u32>,
    /// The most tokens of a reveal
    #[arg(long, value_name = "TOKENS")]
    pub reveal_per_call: Option<u32>,
    /// The most values that a user opens on a day
    #[arg(long, value_name = "VALUES")]
    pub reveal_per_day: Option<u32>,
    /// The responses in which the identified view shows values: any, or `by_identifier`
    #[arg(long, value_name = "RESPONSES")]
    pub identified_view: Option<String>,
    /// Whether another user must approve a customer's copy of their data
    #[arg(long)]
    pub export_approval: Option<bool>,
    /// The tenant's information about its processing, in the JSON of the API: '{"controller": "Acme AS, Oslo"}'
    #[arg(long, value_name = "JSON")]
    pub processing: Option<String>,
}
