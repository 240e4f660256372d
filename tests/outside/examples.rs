//! What is in `examples/` works as it stands.

use serde_json::{Value, json};

use crate::support::{LocalAws, Outcome, Socket, get, in_repository, program, stdout, webrtc_aws, webrtc_aws_path};

#[tokio::test]
async fn an_own_page_is_served_with_a_config_that_leads_to_the_relay() -> Outcome {
    let aws = LocalAws::start().await?;
    let directory = in_repository("examples/own-page");
    let client = directory.to_str().ok_or("the repository's path is not UTF-8")?;
    let (code, end) = webrtc_aws(&["up", "own", "--client", client, "--endpoint-url", &aws.endpoint]).await?;
    assert_eq!(code, Some(0), "{end}");

    let index = end["outputs"]["site_url"].as_str().ok_or("no site_url")?;
    let base = index.strip_suffix("index.html").ok_or("the page is not index.html")?;
    for (file, content_type) in
        [("index.html", "text/html; charset=utf-8"), ("chat.js", "text/javascript; charset=utf-8")]
    {
        let served = get(&format!("{base}{file}")).await?;
        assert_eq!((served.status, served.content_type.as_str()), (200, content_type));
        assert_eq!(served.body, std::fs::read_to_string(directory.join(file))?);
    }
    assert_eq!(get(&format!("{base}script.js")).await?.status, 403, "nothing of the built-in page is there");

    let config = get(&format!("{base}config.js")).await?.body;
    let start = config.find('{').ok_or("no object in config.js")?;
    let end = config.rfind('}').ok_or("no object in config.js")?;
    let config: Value = serde_json::from_str(&config[start..=end])?;
    let mut socket = Socket::open(config["websocketUrl"].as_str().ok_or("no websocketUrl")?).await?;
    let id = socket.id().await?;
    // As chat.js does; to oneself, for want of another.
    socket.send(json!({ "connectionId": id, "message": "안녕" }).to_string()).await?;
    let mut received = [socket.receive().await?, socket.receive().await?];
    received.sort_by_key(|frame| frame.get("from").is_some());
    assert_eq!(received, [json!({ "connectionId": id }), json!({ "message": "안녕", "from": id })]);
    socket.close().await
}

#[tokio::test]
async fn a_pipeline_deploys_twice_to_one_url_and_takes_it_down() -> Outcome {
    let aws = LocalAws::start().await?;
    let programs = webrtc_aws_path().parent().ok_or("webrtc-aws is in no directory")?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(programs.to_owned()).chain(std::env::split_paths(&path)))?;
    let deploy = async |arguments: &[&str]| {
        program(in_repository("examples/deploy.sh"))
            .args(arguments)
            .env("PATH", &path)
            .env("AWS_ENDPOINT_URL", &aws.endpoint)
            .output()
            .await
    };

    let first = stdout("deploy.sh up", deploy(&["up", "42"]).await?)?;
    let url = first.trim_end();
    assert_eq!(get(url).await?.status, 200);
    assert_eq!(stdout("deploy.sh up", deploy(&["up", "42"]).await?)?, first);
    stdout("deploy.sh down", deploy(&["down", "42"]).await?)?;
    assert_eq!(get(url).await?.status, 404);
    stdout("deploy.sh down", deploy(&["down", "42"]).await?)?;

    assert_eq!(deploy(&["sideways", "42"]).await?.status.code(), Some(2));
    let refused = deploy(&["up", "not/a/name"]).await?;
    assert_eq!((refused.status.code(), refused.stdout.len()), (Some(2), 0));
    Ok(())
}
