// The relay that benches/node-relay has, as a handler.
import { ApiGatewayManagementApiClient, PostToConnectionCommand } from "@aws-sdk/client-apigatewaymanagementapi";

const client = new ApiGatewayManagementApiClient({
  endpoint: process.env.CONNECTIONS_ENDPOINT,
  region: "us-east-1",
  credentials: { accessKeyId: "local", secretAccessKey: "local" },
});

export async function handler({ requestContext: { connectionId }, body }) {
  const { connectionId: to, message } = body ? JSON.parse(body) : {};
  if (to !== undefined) {
    const data = JSON.stringify({ message, from: connectionId });
    await client.send(new PostToConnectionCommand({ ConnectionId: to, Data: data }));
  }
  return { statusCode: 200, body: JSON.stringify({ connectionId }) };
}
