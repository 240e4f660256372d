#!/usr/bin/env python3
"""A Lambda function that does what a message asks for.

The body of a message is JSON: {"return": ANY} returns it, {"exit": N} ends the process, {"error": TEXT} reports an error,
{"hang": true} never answers, {"event": true} answers with the event, {"variables": true} with the environment, {"print": TEXT}
writes a line. CONNECT gets the answer in the variable CONNECT_ANSWER. DISCONNECT prints its code and reason.
"""

import http.client
import json
import os
import signal
import sys

API = "/2018-06-01/runtime/invocation/"


def handle(event):
    kind = event.get("requestContext", {}).get("eventType")
    if kind == "CONNECT":
        print("connect " + json.dumps(event), flush=True)
        return json.loads(os.environ.get("CONNECT_ANSWER", '{"statusCode": 200}'))
    if kind == "DISCONNECT":
        context = event["requestContext"]
        print(f"disconnect {context['disconnectStatusCode']} {context['disconnectReason']}", flush=True)
        return {"statusCode": 200}
    order = json.loads(event["body"]) if "body" in event else event
    if "exit" in order:
        sys.stdout.flush()
        os._exit(order["exit"])
    if "error" in order:
        raise RuntimeError(order["error"])
    if "hang" in order:
        signal.pause()
    if "print" in order:
        print(order["print"], flush=True)
        return {"statusCode": 200, "body": "printed"}
    if "event" in order:
        return {"statusCode": 200, "body": json.dumps(event)}
    if "variables" in order:
        return {"statusCode": 200, "body": json.dumps(dict(os.environ))}
    return order["return"]


def main():
    connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    while True:
        connection.request("GET", API + "next")
        response = connection.getresponse()
        request_id = response.headers["Lambda-Runtime-Aws-Request-Id"]
        event = json.loads(response.read())
        try:
            connection.request("POST", API + request_id + "/response", json.dumps(handle(event)))
        except RuntimeError as error:
            body = json.dumps({"errorType": "RuntimeError", "errorMessage": str(error)})
            headers = {"Lambda-Runtime-Function-Error-Type": "Function.RuntimeError"}
            connection.request("POST", API + request_id + "/error", body, headers)
        connection.getresponse().read()


main()
