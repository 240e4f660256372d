//! The generated `config.js`, whatever the URLs in it are.

use proptest::prelude::*;
use serde_json::Value;

use crate::config::IceServer;
use crate::local::tests::cases;
use crate::resources::page_files::config_module;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-z</>'\"`$\\\\{};\u{2028}\u{2029}\u{0}\n*!-]{0,40}",
        Just("</script><!--".to_owned())
    ]
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn the_module_says_what_was_meant_and_ends_no_script(
        url in text(),
        servers in prop::collection::vec(text(), 0..4),
        on_demand: bool,
        origins in prop::collection::vec(text(), 0..3),
        join_token: bool,
    ) {
        let ice_servers = [IceServer { urls: servers.clone() }];
        let module = config_module(&url, &ice_servers, on_demand, &origins, join_token);
        let literal = module.strip_prefix("export default Object.freeze(").and_then(|rest| rest.strip_suffix(");\n"));
        let literal = literal.ok_or_else(|| TestCaseError::fail(module.clone()))?;
        let settings: Value = serde_json::from_str(literal).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&settings["websocketUrl"], &Value::from(url));
        prop_assert_eq!(&settings["iceServers"][0]["urls"], &Value::from(servers));
        prop_assert_eq!(settings.get("iceServersOnDemand"), on_demand.then_some(&Value::Bool(true)));
        prop_assert_eq!(settings.get("joinToken"), join_token.then_some(&Value::Bool(true)));
        let told = (!origins.is_empty()).then(|| Value::from(origins));
        prop_assert_eq!(settings.get("allowedOrigins"), told.as_ref());
        prop_assert!(!module.contains('<') && module.lines().count() == 1, "{}", module);
    }
}
