//! What a plan and its apply cost: calls to EC2, and CPU of the function itself, in a VPC of two hundred subnets and as
//! many route tables.
//!
//! The real function, optimised as it is deployed, against the local cloud. Calls are counted where they arrive, so the
//! SDK's retries count. A plan for three endpoints (s3, lambda, sts) is made, approved, applied and undone twice: for a few
//! route tables, and for a hundred of them. There is no peer: nobody else plans, and a hand at the console does not count.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use jiff::civil::date;
use local_cloud::events::{self, Caller, Request};
use local_cloud::world::{World, WorldSettings};
use local_cloud::{Function, LocalCloud, workspace};
use serde_json::{Value, json};
use tollkeeper::telemetry::wall_clock;

use crate::report::{Better, Error, Measure, Report, Row, Sample};
use crate::{build, cold_start};

const SUBNETS: u8 = 200;
const FEW: usize = 3;
const MANY: usize = 100;
const ROUNDS: usize = 9;
const CPU_TARGET_MS: f64 = 100.0;
const METRIC: &str = "calls to EC2";
const UNIT: &str = "calls";
/// Lambda's own limit.
const PATIENCE: Duration = Duration::from_mins(15);

pub(crate) async fn run() -> Result<Report, Error> {
    let root = workspace::root();
    // All of them: alone it would compile the EC2 client with other features, once more.
    build::functions(&root, &cold_start::packages())?;
    let cloud = LocalCloud::builder("bench-remediator").start().await?;
    let rows = rows(&cloud, &root).await;
    cloud.stop().await?;
    Ok(Report::new("remediator", rows?))
}

/// Both functions, and the tables that may be planned for.
struct Desk<'a> {
    cloud: &'a LocalCloud,
    remediator: Function,
    approval: Function,
    vpc: String,
    tables: Vec<String>,
}

async fn rows(cloud: &LocalCloud, root: &Path) -> Result<Vec<Row>, Error> {
    let failed = |error: local_cloud::world::Error| Error::NoFigure(error.to_string());
    let settings = WorldSettings {
        seed: 11,
        leak_day: date(2026, 10, 13),
        ip_ranges: None,
    };
    let world = World::build(cloud, settings).await.map_err(failed)?;
    let own = u8::try_from(world.ids.private_tables.len() * 2).unwrap_or(SUBNETS);
    let tables = world.add_subnets(SUBNETS - own).await.map_err(failed)?;
    let start = async |binary: &str| {
        let function = cloud
            .function(binary)
            .binary(root.join("target/release").join(binary))
            .env("LEDGER_TABLE", &world.ledger_table)
            .env("ALERT_TOPIC_ARN", &world.topic_arn)
            .env("MAX_CHANGES", "200")
            .timeout(PATIENCE);
        function.start().await
    };
    let desk = Desk {
        cloud,
        remediator: start("endpoint-remediator").await?,
        approval: start("endpoint-approval").await?,
        vpc: world.ids.vpc.clone(),
        tables,
    };
    let (few, many) = (desk.life(FEW).await?, desk.life(MANY).await?);
    let cpu = desk.cpu_of_planning().await?;
    desk.remediator.stop().await?;
    desk.approval.stop().await?;
    let a_table = |few: usize, many: usize| {
        let further = many.saturating_sub(few);
        #[expect(clippy::cast_precision_loss, reason = "hundreds of calls")]
        Sample::exact(further as f64 / (MANY - FEW) as f64)
    };
    let mut rows = vec![Row::under_target(
        "planning in a VPC of 200 subnets and 200 route tables",
        "cpu",
        "ms",
        &cpu,
        CPU_TARGET_MS,
    )];
    for (case, few, many, target) in [
        ("plan three endpoints", few.plan, many.plan, Some(1.0)),
        ("apply three endpoints", few.apply, many.apply, Some(1.0)),
        ("undo three endpoints", few.undo, many.undo, None),
    ] {
        for (tables, calls) in [(FEW, few), (MANY, many)] {
            #[expect(clippy::cast_precision_loss, reason = "hundreds of calls")]
            let calls = Sample::exact(calls as f64);
            rows.push(reported(&format!("{case}, {tables} route tables"), &calls));
        }
        let (case, figure) = (
            format!("{case}, each further route table"),
            a_table(few, many),
        );
        rows.push(match target {
            Some(target) => Row::under_target(&case, METRIC, UNIT, &figure, target),
            None => reported(&case, &figure),
        });
    }
    Ok(rows)
}

fn reported(case: &str, figure: &Sample) -> Row {
    let measure = Measure {
        case,
        metric: METRIC,
        unit: UNIT,
        better: Better::Lower,
    };
    let why = "reported, nothing required".to_owned();
    Row::unmatched(measure, figure, "none", None, why)
}

/// Calls to EC2 of a plan's whole life.
struct Calls {
    plan: usize,
    apply: usize,
    undo: usize,
}

impl Desk<'_> {
    fn ask(&self, tables: usize) -> Value {
        let tables: Vec<&String> = self.tables.iter().take(tables).collect();
        json!({
            "action": "plan", "vpc_id": self.vpc, "services": ["s3", "lambda", "sts"], "route_tables": tables,
        })
    }

    async fn life(&self, tables: usize) -> Result<Calls, Error> {
        let (planned, plan) = self.counted(&self.ask(tables)).await?;
        let summary = &planned["summary"];
        let expected = summary["endpoints"].as_array().map_or(0, Vec::len);
        if expected != 3 {
            return Err(Error::NoFigure(format!(
                "no plan for three endpoints: {planned}"
            )));
        }
        self.approve(summary).await?;
        let act = |action: &str| json!({"action": action, "plan_id": summary["plan_id"]});
        let (applied, apply) = self.counted(&act("apply")).await?;
        let (undone, undo) = self.counted(&act("rollback")).await?;
        let states = (&applied["state"], &undone["state"]);
        if states != (&json!("applied"), &json!("rolled_back")) {
            return Err(Error::NoFigure(format!(
                "the plan ended elsewhere: {states:?}"
            )));
        }
        Ok(Calls { plan, apply, undo })
    }

    /// A request, and the calls to EC2 that it made.
    async fn counted(&self, request: &Value) -> Result<(Value, usize), Error> {
        let ec2 = |log: BTreeMap<(String, String), usize>| {
            let calls = log.into_iter().filter(|((service, _), _)| service == "ec2");
            calls.map(|(_, count)| count).sum::<usize>()
        };
        let before = ec2(self.cloud.front().call_log());
        let reply = self.remediator.invoke(request).await?;
        let reply = reply.into_result().map_err(Error::NoFigure)?;
        Ok((reply, ec2(self.cloud.front().call_log()) - before))
    }

    async fn approve(&self, summary: &Value) -> Result<(), Error> {
        let expires_at = wall_clock() + jiff::SignedDuration::from_hours(4);
        let body = json!({
            "plan_id": summary["plan_id"], "plan_hash": summary["plan_hash"], "expires_at": expires_at.to_string(),
            "accept_unknown": summary.get("unknowns").cloned().unwrap_or_else(|| json!([])),
        });
        let kim = Caller {
            role: "network-approver".to_owned(),
            role_id: "AROAEXAMPLEID".to_owned(),
            session: "kim".to_owned(),
            organization: None,
        };
        let request = Request::new("POST", "abcdefghij.lambda-url.us-east-1.on.aws", "/")
            .header("content-type", "application/json")
            .body(&body.to_string());
        let event = events::function_url(&request, Some(&kim));
        let reply = self.approval.invoke(&event).await?;
        let reply = reply.into_result().map_err(Error::NoFigure)?;
        if reply["statusCode"] == 200 {
            Ok(())
        } else {
            Err(Error::NoFigure(format!("not approved: {reply}")))
        }
    }

    /// Of the function's process, over a whole request: reading EC2's answers, deciding, writing to the ledger.
    async fn cpu_of_planning(&self) -> Result<Sample, Error> {
        let gone = || Error::NoFigure("the function had ended".to_owned());
        let request = self.ask(MANY);
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            let before = self.remediator.cpu_time().await.ok_or_else(gone)?;
            self.counted(&request).await?;
            let after = self.remediator.cpu_time().await.ok_or_else(gone)?;
            rounds.push(after.saturating_sub(before).as_secs_f64() * 1_000.0);
        }
        Sample::of(rounds).ok_or_else(gone)
    }
}
