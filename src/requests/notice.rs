//! Notes for the user of a request that are no errors.

use std::borrow::Cow;

use super::model::ContentCounts;

/// Something that is no error, but that the user should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestNotice {
    /// The comment contains an identifier (A9).
    CommentHasIdentifier,
    /// An identifier in the reference was masked.
    ReferenceMasked,
    /// Another request for the same number or address waits already.
    DuplicateWaiting,
    /// The request selects no record. Perhaps the number is wrong (A27).
    NothingFound,
    /// Content stays, but nobody can find it by its customer after the pass (A27).
    ContentBecomesUnfindable(ContentCounts),
    ContentWillBeDeleted(ContentCounts),
    /// The number of delivered files of the customer. The service cannot delete these copies (B7).
    FilesWereDelivered(u64),
    /// A copy of the customer's data can be downloaded. The pass deletes it.
    ExportOpen,
}

impl RequestNotice {
    /// All codes, in the order of the variants.
    pub const CODES: [&'static str; 8] = [
        "comment_has_identifier",
        "reference_masked",
        "duplicate_waiting",
        "nothing_found",
        "content_becomes_unfindable",
        "content_will_be_deleted",
        "files_were_delivered",
        "export_open",
    ];

    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::CommentHasIdentifier => Self::CODES[0],
            Self::ReferenceMasked => Self::CODES[1],
            Self::DuplicateWaiting => Self::CODES[2],
            Self::NothingFound => Self::CODES[3],
            Self::ContentBecomesUnfindable(_) => Self::CODES[4],
            Self::ContentWillBeDeleted(_) => Self::CODES[5],
            Self::FilesWereDelivered(_) => Self::CODES[6],
            Self::ExportOpen => Self::CODES[7],
        }
    }

    #[must_use]
    pub fn detail(&self) -> Cow<'static, str> {
        match self {
            Self::CommentHasIdentifier => Cow::Borrowed(
                "The comment contains a number or an address. If it belongs to this request, it is masked when the request is done. Others are removed when their own customer is forgotten.",
            ),
            Self::ExportOpen => Cow::Borrowed(
                "A copy of the customer's data was ordered. It ends when the customer is forgotten. Hand it over before.",
            ),
            Self::ReferenceMasked => Cow::Borrowed(
                "The reference contained a number or an address, which was masked. Use a reference without one.",
            ),
            Self::DuplicateWaiting => Cow::Borrowed(
                "Another request with the same number or address waits already. Both will be carried out.",
            ),
            Self::NothingFound => {
                Cow::Borrowed("No record of these targets up to this day has the number or the address, or is named.")
            }
            Self::ContentBecomesUnfindable(counts) => Cow::Owned(format!(
                "{}. This content stays, and nobody can find it by the number or the address after the pass.",
                in_words(counts)
            )),
            Self::ContentWillBeDeleted(counts) => {
                Cow::Owned(format!("{}. The pass deletes this content in every copy.", in_words(counts)))
            }
            Self::FilesWereDelivered(files) => Cow::Owned(format!(
                "Delivered files: {files}. The result will name them, and you must delete these copies."
            )),
        }
    }
}

/// `recording: 3, chat_log: 1`
fn in_words(counts: &ContentCounts) -> String {
    let each: Vec<_> = counts.iter().map(|(kind, count)| format!("{}: {count}", kind.as_str())).collect();
    each.join(", ")
}
