// A relay for Node.js, with the AWS SDK and as the protocol wants it: whom a message is for gets it, and its sender gets the own id.
// The loop at the end stands in for AWS's own Node.js runtime, which does more than that.
import { ApiGatewayManagementApiClient, PostToConnectionCommand } from "@aws-sdk/client-apigatewaymanagementapi";
import { Agent, request } from "node:http";

const client = new ApiGatewayManagementApiClient({ endpoint: process.env.CONNECTIONS_ENDPOINT });

async function handle({ requestContext: { connectionId }, body }) {
  const answer = { connectionId };
  try {
    const { connectionId: to, message } = body === "" ? {} : JSON.parse(body);
    if (to !== undefined) {
      const data = JSON.stringify({ message, from: connectionId });
      await client.send(new PostToConnectionCommand({ ConnectionId: to, Data: data }));
    }
  } catch (error) {
    answer.error = { code: error.name === "GoneException" ? "peer_gone" : "unexpected" };
  }
  return { statusCode: 200, body: JSON.stringify(answer) };
}

const [hostname, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new Agent({ keepAlive: true });

function call(method, path, body) {
  return new Promise((resolve, reject) => {
    const sent = request({ agent, hostname, port, method, path: `/2018-06-01/runtime/invocation/${path}` }, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => resolve({ headers: response.headers, text: Buffer.concat(chunks).toString() }));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

async function serve() {
  for (;;) {
    const { headers, text } = await call("GET", "next");
    const answer = await handle(JSON.parse(text));
    await call("POST", `${headers["lambda-runtime-aws-request-id"]}/response`, JSON.stringify(answer));
  }
}

serve();
