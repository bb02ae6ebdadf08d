//! The endpoints of totals. They answer JSON, or CSV to a caller that prefers it.

mod answer;
mod body;

use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Data;
use actix_web::{HttpResponse, post};

use self::answer::{InteractionTotals, SurveyResponseTotals, csv};
use self::body::{InteractionTotalsQuery, SurveyResponseTotalsQuery};
use super::model::TotalsError;
use crate::http::accept::Preferred;
use crate::http::caller::ArchiveTotals;
use crate::http::docs::{BodyProblems, CallProblems, TotalsProblems};
use crate::http::json::Body;
use crate::http::query::{Nothing, Params};
use crate::http::{ApiResult, Caller, Code, Problem, Registry};
use crate::tenants;
use crate::vault::AppContext;

pub fn routes(registry: &mut Registry<'_, '_>) {
    registry.service(total_interactions).service(total_survey_responses);
}

impl From<TotalsError> for Problem {
    fn from(error: TotalsError) -> Self {
        match error {
            TotalsError::TooManyCells => Self::new(Code::TooManyCells),
            TotalsError::GrainGone => Self::new(Code::GrainGone),
            TotalsError::Store(error) => error.into(),
        }
    }
}

/// Get totals of interactions
///
/// The number of interactions in groups, and the average and the percentiles of their durations. A cell of fewer
/// interactions than the tenant's `totals.min_cell` is `suppressed`: its figures are null. Averages and percentiles need
/// twice as many. Cells without interactions are left out.
///
/// `from` and `to` are moved outwards to the tenant's local days, and to local hours on the current day. The response
/// names the times that were used. They are at most 13 months apart. More than 10,000 cells are refused.
///
/// With `Accept: text/csv`, the response is a table with a row for each cell.
///
/// This operation needs the scope `archive:totals`.
#[utoipa::path(tag = "archive", operation_id = "total_interactions", security(("bearer" = ["archive:totals"])),
    request_body = InteractionTotalsQuery,
    responses((status = 200, description = "The totals, in the order of their groups.",
            content((InteractionTotals = "application/json"), (String = "text/csv",
                example = json!("queue,day,count,suppressed,duration_avg\nInvoice,2026-07-01,112,false,94.25\n")))),
        CallProblems, BodyProblems, TotalsProblems))]
#[post("/archive/totals")]
pub async fn total_interactions(
    caller: Caller<ArchiveTotals>,
    _: Params<Nothing>,
    preferred: Preferred,
    body: Body<InteractionTotalsQuery>,
    app: Data<AppContext>,
) -> ApiResult<HttpResponse> {
    let tenant = tenants::of_caller(&caller, &app.archive).await?;
    let (query, measures) = body.0.read(app.clock.now(), tenant.zone)?;
    let totals = super::total(&app, &tenant, &query).await?;
    let answer = InteractionTotals::new(&query, &measures, totals, &tenant);
    Ok(match preferred {
        Preferred::Json => HttpResponse::Ok().json(answer),
        Preferred::Csv => table(csv(&query.groups, &measures, &answer.items)?),
    })
}

/// Get totals of survey responses
///
/// The number of survey responses in groups of time, and the average and the distribution of their scores. The rules are
/// those of the totals of interactions.
///
/// With `Accept: text/csv`, the response is a table with a row for each cell.
///
/// This operation needs the scope `archive:totals`.
#[utoipa::path(tag = "archive", operation_id = "total_survey_responses", security(("bearer" = ["archive:totals"])),
    request_body = SurveyResponseTotalsQuery,
    responses((status = 200, description = "The totals, in the order of their groups.",
            content((SurveyResponseTotals = "application/json"), (String = "text/csv",
                example = json!("week,count,suppressed,score_avg\n2026-W27,61,false,7.43\n")))),
        CallProblems, BodyProblems, TotalsProblems))]
#[post("/archive/survey-responses/totals")]
pub async fn total_survey_responses(
    caller: Caller<ArchiveTotals>,
    _: Params<Nothing>,
    preferred: Preferred,
    body: Body<SurveyResponseTotalsQuery>,
    app: Data<AppContext>,
) -> ApiResult<HttpResponse> {
    let tenant = tenants::of_caller(&caller, &app.archive).await?;
    let (query, measures) = body.0.read(app.clock.now(), tenant.zone)?;
    let totals = super::total(&app, &tenant, &query).await?;
    let answer = SurveyResponseTotals::new(&query, &measures, totals, &tenant);
    Ok(match preferred {
        Preferred::Json => HttpResponse::Ok().json(answer),
        Preferred::Csv => table(csv(&query.groups, &measures, &answer.items)?),
    })
}

fn table(text: Vec<u8>) -> HttpResponse {
    HttpResponse::Ok().insert_header((CONTENT_TYPE, "text/csv; charset=utf-8; header=present")).body(text)
}
