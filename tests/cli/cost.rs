//! What a stack costs, as people and pipelines see it.

use super::program::{Program, snapshot};

#[test]
fn costs_are_shown_with_every_part_of_the_sum() {
    snapshot!("cost", Program::new(&["cost"]).run());
    let own =
        ["cost", "--calls", "20000", "--minutes", "45", "--open-tabs", "12", "--memory", "256", "--arch", "arm64"];
    snapshot!("cost-own", Program::new(&own).run());
    snapshot!("cost-json", Program::new(&["cost", "--calls", "0", "--output", "json"]).run());
}

#[test]
fn a_region_whose_prices_are_not_known_is_said() {
    snapshot!("cost-elsewhere", Program::new(&["cost"]).env("AWS_REGION", "ap-northeast-2").run());
}
