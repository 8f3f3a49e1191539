"""An application on pyzmq, which is libzmq. It does what the test tells it on standard input (application.ts)."""

from base64 import b64decode, b64encode
import sys

import zmq

context = zmq.Context()
subscriber = context.socket(zmq.SUB)
publisher = context.socket(zmq.XPUB)


def address(port):
    return f"tcp://127.0.0.1:{port}"


def tell(what, message):
    print(f'{{"{what}":"{b64encode(message).decode()}"}}', flush=True)


def request(port, body):
    with context.socket(zmq.REQ) as requester:
        requester.connect(address(port))
        requester.send(b64decode(body))
        tell("reply", requester.recv())


def join(port, prefix):
    subscriber.connect(address(port))
    subscriber.subscribe(prefix.encode())


def receive(count):
    for _ in range(int(count)):
        tell("frame", subscriber.recv())


def connect(port):
    publisher.connect(address(port))
    # What is sent before the broker's two subscriptions are here is dropped.
    for _ in range(2):
        publisher.recv()


def publish(body):
    publisher.send(b64decode(body))


verbs = {verb.__name__: verb for verb in (request, join, receive, connect, publish)}
for line in sys.stdin:
    verb, *arguments = line.split()
    verbs[verb](*arguments)
